"""Likelihoods: regression, binary and multi-class classification."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor


class Task(ABC):
    """A likelihood of targets given the network's outputs.

    Targets are `(n, q)`: numbers or class indicators; two classes have one column, the indicator of the second.
    """

    is_regression: bool = False

    @abstractmethod
    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Loss of each row, `(n,)`, over the last dimension."""

    @abstractmethod
    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Derivatives of each row's loss by its outputs, `(n, q)`."""

    @abstractmethod
    def steepest(self, outputs: int) -> float:
        """An upper bound of the eigenvalues of the second derivatives of a row's loss with this number of outputs."""

    @abstractmethod
    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        """The constant outputs of least loss, `(q,)`."""

    @abstractmethod
    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        """Working response and weights `(n,)` of output j for iteratively reweighted least squares at `outputs`."""


@final
@dataclass(frozen=True)
class Regression(Task):
    """Squared error."""

    is_regression = True

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        return ((outputs - y) ** 2).mean(-1)

    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        return 2 * (outputs - y) / y.shape[1]

    def steepest(self, outputs: int) -> float:
        return 2 / outputs

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        return (weights @ y) / weights.sum()

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        return y[:, j], weights


@final
@dataclass(frozen=True)
class Binary(Task):
    """Cross-entropy of one logit, that of the second class."""

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(outputs, y, reduction="none").squeeze(-1)

    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        return torch.sigmoid(outputs) - y

    def steepest(self, outputs: int) -> float:
        return 0.25

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        return torch.logit((weights @ y + 0.5) / (weights.sum() + 1))

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        return _working(torch.sigmoid(outputs[:, 0]), outputs[:, 0], y[:, 0], weights, least)


@final
@dataclass(frozen=True)
class Multiclass(Task):
    """Cross-entropy of one logit per class."""

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        return -(torch.log_softmax(outputs, -1) * y).sum(-1)

    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        return torch.softmax(outputs, -1) - y

    def steepest(self, outputs: int) -> float:
        return 0.5

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        logs = torch.log((weights @ y + 0.5) / (weights.sum() + 0.5 * y.shape[1]))
        return logs - logs.mean()

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        return _working(torch.softmax(outputs, -1)[:, j], outputs[:, j], y[:, j], weights, least)


def _working(p: Tensor, eta: Tensor, y: Tensor, weights: Tensor, least: float) -> tuple[Tensor, Tensor]:
    curvature = (p * (1 - p)).clamp_min(least)
    return eta + (y - p) / curvature, weights * curvature
