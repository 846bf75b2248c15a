"""What `bench_kernels.py` adds to `splinework bench`: other packages, targets, tables and pictures."""
