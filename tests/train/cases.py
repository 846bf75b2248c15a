"""Rows to fit, and small helpers, for the laws of training."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train import FitResult, Penalty, fit
from splinework.train.data_objective import DataObjective
from splinework.train.objective import Objective
from splinework.train.optim import Stepper
from tests.contracts.cases import normal, seeded
from tests.nn.test_network import network

SHAPES = ([2, 1], [2, 3, 2], [2, (1, 2), (1, [3]), 2])


def uniform(count: int, inputs: int = 2, *, seed: int = 0) -> Tensor:
    """Rows between -1 and 1."""
    return 2 * torch.rand(count, inputs, generator=seeded(seed), dtype=torch.float64) - 1


def smooth(x: Tensor) -> Tensor:
    """A target of two inputs that a small network learns well but not exactly, `(N, 1)`."""
    return torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:2] ** 2)


def two(x: Tensor, outputs: int) -> Tensor:
    """Up to two such targets, `(N, outputs)`."""
    return torch.cat([smooth(x), x[:, :1] * x[:, 1:2]], dim=1)[:, :outputs]


def fresh(shape: Sequence[Any], *, seed: int = 0, **options: Any) -> KAN:
    """A network as it is born."""
    return KAN(shape, generator=seeded(seed), **{"dtype": torch.float64, **options})


def thinned(shape: Any, **options: Any) -> KAN:
    """A network in which no number is special, with some edges gone."""
    model = network(shape, **options)
    with torch.no_grad():
        for layer in model.kan_layers:
            if layer.outputs > 1:
                layer.mask[0, 0] = 0.0
                layer.mask[1, -1] = 0.5  # a mask may also weigh
    return model


def objective_of(model: KAN, x: Tensor, y: Tensor, *penalties: Penalty) -> Objective:
    """The model's own units are the data's."""
    return DataObjective(model, penalties, u=x, t=y)


def descent(stepper: Stepper, objective: Objective, steps: int) -> list[float]:
    """The objective before and after each step."""
    with torch.no_grad():
        values = [float(objective.value())]
    for _ in range(steps):
        if stepper.exhausted:
            break
        stepper.step()
        with torch.no_grad():
            values.append(float(objective.value()))
    return values


def quick(model: KAN, x: Any, y: Any, **options: Any) -> FitResult:
    """A fit of few steps on the grid as it is, without a word."""
    return fit(model, x, y, **{"steps": 15, "grids": None, "progress": False, "starts": 1, **options})


def noise(count: int, outputs: int = 1, *, seed: int = 9) -> Tensor:
    """What no network can know."""
    return normal(count, outputs, seed=seed)
