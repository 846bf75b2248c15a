"""Tabular sets, tuned rivals, five folds: the parts of bench_tabular.py."""
