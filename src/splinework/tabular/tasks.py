"""Likelihoods: what a task is; least squares, binary and multi-class classification. `losses.py` has the other regressions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self, final

import torch
from torch import Tensor


class Task(ABC):
    """A likelihood of targets given the network's outputs.

    Targets are `(n, q)`: numbers or class indicators; two classes have one column, the indicator of the second.

    Attributes:
        is_regression: Whether targets are numbers.
        is_quadratic: Whether the loss is quadratic in the outputs, with the rows' own weights, so that one step solves it.
        has_fixed_weights: Whether working weights are the rows' own, up to a common factor.
        has_dispersion: Whether the loss leaves the scale of the noise open; it is estimated then, else it is one.
        log_link: Whether outputs are logarithms of the mean.
    """

    is_regression: ClassVar[bool] = False
    is_quadratic: ClassVar[bool] = False
    has_fixed_weights: ClassVar[bool] = False
    has_dispersion: ClassVar[bool] = False
    log_link: ClassVar[bool] = False

    @abstractmethod
    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Loss of each row, `(n,)`, over the last dimension."""

    @abstractmethod
    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Derivatives of each row's loss by its outputs, `(n, q)`."""

    @abstractmethod
    def steepest(self, outputs: Tensor, y: Tensor) -> float:
        """The largest second derivative of a row's loss, along any direction: at these outputs `(n, q)`, or a bound for all."""

    @abstractmethod
    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        """The constant outputs of least loss, `(q,)`."""

    @abstractmethod
    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        """Working response and weights `(n,)` of output j for iteratively reweighted least squares at `outputs`."""

    def units(self, y: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Location and scale `(q,)` of the outputs in which a network is trained."""
        return y.new_zeros(y.shape[1]), y.new_ones(y.shape[1])

    def in_units(self, y: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        """Targets `(n, q)` for outputs that are `shift + scale * output` in the user's units."""
        return y

    def tuned(self, residuals: Tensor, weights: Tensor, freedom: float) -> Self:
        """The task with its own constants, such as widths, fitted to residuals `(n, q)` of this many effective parameters."""
        return self

    def calibration(self, outputs: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        """A shift `(q,)` of the outputs that corrects them on held-out rows; zero where there is nothing to correct."""
        return outputs.new_zeros(outputs.shape[1])

    def mean(self, outputs: Tensor) -> Tensor:
        """Predictions `(n, q)` in the units of y, from outputs in the user's units."""
        return outputs

    def spread(self, mean: Tensor) -> Tensor:
        """Standard deviation `(n, q)` of y at these predictions up to a factor."""
        return torch.ones_like(mean)


@final
@dataclass(frozen=True)
class Regression(Task):
    """Squared error."""

    is_regression = True
    is_quadratic = True
    has_fixed_weights = True
    has_dispersion = True

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        return ((outputs - y) ** 2).mean(-1)

    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        return 2 * (outputs - y) / y.shape[1]

    def steepest(self, outputs: Tensor, y: Tensor) -> float:
        return 2 / y.shape[1]

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        return (weights @ y) / weights.sum()

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        return y[:, j], weights

    def units(self, y: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        return moments(y, weights)

    def in_units(self, y: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        return (y - shift) / scale


@final
@dataclass(frozen=True)
class Binary(Task):
    """Cross-entropy of one logit, that of the second class."""

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(outputs, y, reduction="none").squeeze(-1)

    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        return torch.sigmoid(outputs) - y

    def steepest(self, outputs: Tensor, y: Tensor) -> float:
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

    def steepest(self, outputs: Tensor, y: Tensor) -> float:
        return 0.5

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        logs = torch.log((weights @ y + 0.5) / (weights.sum() + 0.5 * y.shape[1]))
        return logs - logs.mean()

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        return _working(torch.softmax(outputs, -1)[:, j], outputs[:, j], y[:, j], weights, least)


def _working(p: Tensor, eta: Tensor, y: Tensor, weights: Tensor, least: float) -> tuple[Tensor, Tensor]:
    curvature = (p * (1 - p)).clamp_min(least)
    return eta + (y - p) / curvature, weights * curvature


def moments(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted means and standard deviations of columns; that of a constant is 1."""
    share = weights / weights.sum()
    mean = share @ values
    spread = torch.sqrt(share @ (values - mean) ** 2)
    floor = 1e-12 * values.abs().amax(0)
    return mean, torch.where(spread > floor, spread, torch.ones_like(spread))
