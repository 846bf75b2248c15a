"""The benchmark of formulas: problems, contenders, judge, runner, tables and pictures of `bench_formulas.py`."""
