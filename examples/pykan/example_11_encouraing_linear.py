"""Edges that are straight where they can be: a penalty on what bends.

pykan's Example_11_encouraing_linear: test RMSE 8.9e-3 with straighter edges (3.7e-4 without)
"""

import torch
from common import rmse, uniform

import splinework as sw


def sine(x: torch.Tensor) -> torch.Tensor:
    """sin πx."""
    return torch.sin(torch.pi * x[:, 0])


def bent(model: sw.KAN) -> list[float]:
    """The share of every edge's variance that a straight line does not explain."""
    shares = []
    for layer in range(3):
        u, v = sw.trace(model, x).edge(layer, 0, 0)
        shares.append(1 - float(torch.corrcoef(torch.stack([u, v]))[0, 1] ** 2))
    return sorted(shares)


x, test = uniform(1000, 1), uniform(1000, 1, seed=1)
start = sw.KAN([1, 1, 1, 1], base="identity", dtype=torch.float64, generator=torch.Generator().manual_seed(0))
shares, errors = [], []
for penalties in ([], [sw.train.PykanSparsity(3e-5, l1=0.0, entropy=0.0, coefficients=10.0)]):
    model = sw.fit(start, x, sine(x), steps=200, starts=1, degree="keep", penalties=penalties, progress=False).model
    shares.append(bent(model))
    errors.append(rmse(model, sine, test))
print(
    f"test RMSE {errors[1]:.1e} ({errors[0]:.0e} without), shares that bend {sum(shares[1]):.1e} ({sum(shares[0]):.1e})"
)
assert errors[1] <= 8.9e-3
assert errors[0] <= 3.7e-4
assert sum(shares[1]) < sum(shares[0])
