"""u_xx + u_yy = -2π² sin πx sin πy on a square with u = 0 on its sides, by `solve`.

pykan's Example_7_PDE_accuracy: L2² 1.7e-4
"""

from typing import Any

import torch
from common import uniform

import splinework as sw
from splinework.reproduce.experiments.poisson import collocation, laplacian, solution, source


def solved(steps: int | None = None) -> sw.KAN:
    """The network [2, 2, 1] that solves the equation at random points."""
    inside, sides = collocation(1500, 308, seed=0)
    equation = sw.Residual(lambda model, p: laplacian(model, p) - source("product", p), inside, weight=0.01)
    boundary = sw.Residual(lambda model, p: model(p), sides)
    model: sw.KAN = sw.solve(sw.KAN([2, 2, 1]), [equation, boundary], steps=steps, progress=False).model
    return model


def error(model: Any) -> float:
    """The mean squared error at fresh points."""
    x = uniform(5000, 2, seed=3)
    with torch.no_grad():
        return float((model(x) - solution("product", x)).square().mean())


if __name__ == "__main__":
    square = error(solved())
    print(f"L2² {square:.0e}")
    assert square <= 1.7e-4
