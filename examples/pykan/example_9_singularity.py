"""Functions with singular places on edges: logarithms near 0, the root of a sum of squares.

pykan's Example_9_singularity: RMSE 2.7e-7 for sin(2(log x1 + log x2)), 5e-4 for √(x1² + x2²)
"""

import torch
from common import rmse, uniform

import splinework as sw


def waves(x: torch.Tensor) -> torch.Tensor:
    """A sine of logarithms."""
    return torch.sin(2 * (torch.log(x[:, 0]) + torch.log(x[:, 1])))


def root(x: torch.Tensor) -> torch.Tensor:
    """The distance from the origin."""
    return (x**2).sum(1).sqrt()


options = {"starts": 1, "steps": 100, "grids": None, "degree": "keep", "progress": False}
for truth, low, high, outer, inner in ((waves, 0.2, 5.0, "sin", "log"), (root, -1.0, 1.0, "sqrt", "x^2")):
    x = uniform(1000, 2, low, high)
    model = sw.fit(sw.KAN([2, 1, 1]), x, truth(x), progress=False).model
    for edge, name in ((("x1", "h1"), inner), (("x2", "h1"), inner), (("h1", "y"), outer)):
        model = sw.fit(sw.fix(model, edge, name, x=x), x, truth(x), **options).model
    error = rmse(model, truth, uniform(1000, 2, low, high, seed=1))
    print(f"{truth.__name__}: {sw.symbolify(model, x, truth(x), budget=5).best}, test RMSE {error:.1e}")
    assert error <= 2.7e-7
