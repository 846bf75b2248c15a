"""How fast this machine evaluates and trains networks of splines, beside plain networks: `python -m benchmarks.speed`.

Every contender has a process of its own (`worker`), and they take turns (`driver`): a contender may have its own environment,
and all see the same disturbances. `torch.utils.benchmark` times within one process, so it cannot do that.
`benchmarks/bench_kernels.py` runs the same with other packages besides. Not here: what those are, and the tables and pictures
of the documentation.
"""
