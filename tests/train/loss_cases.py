"""The losses that the laws run over, with targets that each of them takes."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from splinework.train.losses import Absolute, Custom, Huber, Logistic, Loss, Poisson, Quantile, Softmax, Squared
from tests.contracts.cases import normal, seeded

UNIT = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)
ONE = torch.ones(1, dtype=torch.float64)


def cauchy(f: Tensor, t: Tensor) -> Tensor:
    """Robust, and concave far out."""
    return torch.log1p((f - t) ** 2)


def coupled(f: Tensor, t: Tensor) -> Tensor:
    """Outputs that depend on each other: a normal distribution's mean and log variance."""
    return (f[:, 1] + (f[:, 0] - t[:, 0]) ** 2 * torch.exp(-f[:, 1])) / 2 + 0.01 * f[:, 2] ** 2


@dataclass(frozen=True)
class Case:
    """A loss, and what its targets may be."""

    loss: Loss
    kind: str

    def targets(self, f: Tensor, *, seed: int = 5) -> Tensor:
        rows, outputs = f.shape
        noise = normal(rows, outputs, seed=seed)
        if self.kind == "counts":
            return torch.poisson(noise.exp(), generator=seeded(seed))
        if self.kind == "labels":
            return (noise > 0).double()
        if self.kind == "classes":
            return torch.nn.functional.one_hot(noise.argmax(1), outputs).double()
        if self.kind == "shares":
            return torch.softmax(noise, 1)
        return noise[:, :1].expand(-1, outputs) if self.kind == "one column" else noise


CASES = [
    Case(Squared(), "values"),
    Case(Huber(0.7), "values"),
    Case(Absolute(), "values"),
    Case(Absolute(0.3), "values"),
    Case(Quantile((0.02, 0.5, 0.9)), "one column"),
    Case(Quantile((0.02, 0.5, 0.9), smoothing=0.2), "one column"),
    Case(Poisson(), "counts"),
    Case(Logistic(), "labels"),
    Case(Softmax(), "classes"),
    Case(Softmax(), "shares"),
    Case(Custom(cauchy), "values"),
    Case(Custom(coupled), "values"),
    Case(Custom(lambda f, t: (f - t).abs()), "values"),
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.loss.name}-{c.kind}")
