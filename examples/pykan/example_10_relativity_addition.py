"""Relativistic addition of velocities: the law, and the rapidities that make it a sum.

pykan's Example_10_relativity-addition: test RMSE 2e-6, tanh(artanh u + artanh v)
"""

import torch
from common import rmse, uniform

import splinework as sw


def added(x: torch.Tensor) -> torch.Tensor:
    """The sum of two velocities."""
    return x.sum(1) / (1 + x.prod(1))


x = uniform(1000, 2, -0.9, 0.9)
model = sw.fit(sw.KAN([2, 1, 1]), x, added(x), progress=False).model
for edge, name in ((("x1", "h1"), "arctanh"), (("x2", "h1"), "arctanh"), (("h1", "y"), "tanh")):
    model = sw.fix(model, edge, name, x=x)
    model = sw.fit(model, x, added(x), starts=1, steps=100, grids=None, degree="keep", progress=False).model
error = rmse(model, added, uniform(1000, 2, -0.9, 0.9, seed=1))
best = sw.discover(x, added(x), names=["u", "v"], budget=300, progress=False).best
print(f"artanh, artanh, tanh with test RMSE {error:.0e}; by discover {best}")
assert error <= 2e-6
assert best.rmse < 1e-9
