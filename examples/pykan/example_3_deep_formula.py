"""A formula of three layers by a network of three layers, and by one of two.

pykan's Example_3_deep_formula: training RMSE 3.6e-5 with three layers, test RMSE 8.1e-3 with two
"""

import torch
from common import rmse, uniform

import splinework as sw


def nested(x: torch.Tensor) -> torch.Tensor:
    """exp((sin π(x1² + x2²) + sin π(x3² + x4²)) / 2)."""
    square = x**2
    return torch.exp((torch.sin(torch.pi * square[:, :2].sum(1)) + torch.sin(torch.pi * square[:, 2:].sum(1))) / 2)


x, test = uniform(3000, 4), uniform(1000, 4, seed=1)
deep = sw.fit(sw.KAN([4, 2, 1, 1]), x, nested(x), progress=False).model
shallow = sw.fit(sw.KAN([4, 9, 1]), x, nested(x), starts=1, steps=60, progress=False).model
errors = rmse(deep, nested, test), rmse(shallow, nested, test)
print(f"test RMSE {errors[0]:.1e} with three layers, {errors[1]:.1e} with two")
assert errors[0] <= 3.6e-5
assert errors[0] <= 1e-3 * errors[1]
