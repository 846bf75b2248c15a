"""Additions of `bench_kernels.py` to `benchmarks.speed`: other packages, targets, tables and pictures."""
