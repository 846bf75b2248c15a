"""Likelihoods: least squares, and binary and multi-class classification whose labels may be wrong at rates that are estimated.

A label is class k with probability `lapses[k]` whatever the inputs are, else it follows the logits (Copas, "Binary
regression models for contaminated data", JRSS B 50 (1988) 225). Without this, a wrong label among certain ones costs so much that
every logit stays small. `losses.py` has the other regressions.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MIN_PENALTY, MIN_PENALTY_CLASSES, MIN_PENALTY_LAPSES = 1e-6, 1.0, 1e-4
"""Lower bounds of the additive part's penalties. Separable classes would drive them to zero and become overconfident; where
labels may be wrong, large logits give no probability near one."""
MAX_LAPSES = 0.5
"""Largest total of the lapse rates: more wrong labels than right ones are another question."""


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

    @property
    def min_penalty(self) -> float:
        """Lower bound of the additive part's penalties."""
        return MIN_PENALTY

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

    def with_lapses(self, total: float, classes: int) -> Self:
        """The likelihood in which a share `total` of the labels is drawn evenly from the classes; a regression has no labels."""
        return self

    def of_right_labels(self) -> Self:
        """The likelihood without lapse rates."""
        return self

    def updated(self, outputs: Tensor, y: Tensor, weights: Tensor) -> Self:
        """The likelihood after one step of expectation maximisation for the lapse rates; rates of zero stay zero."""
        return self


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


@dataclass(frozen=True)
class Classification(Task):
    """Cross-entropy of classes whose labels may be wrong.

    Attributes:
        lapses: Per class the probability that a label is this class whatever the inputs are; empty if labels are right.
    """

    lapses: tuple[float, ...] = ()

    @property
    def min_penalty(self) -> float:
        return MIN_PENALTY_LAPSES if any(self.lapses) else MIN_PENALTY_CLASSES

    @abstractmethod
    def log_genuine(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Log probability of the observed classes by the logits alone, over the last dimension."""

    @abstractmethod
    def lapse_of(self, y: Tensor) -> Tensor:
        """Lapse rate of the observed classes, over the last dimension."""

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        genuine = self.log_genuine(outputs, y)
        if not any(self.lapses):
            return -genuine
        return -torch.logaddexp(genuine + math.log1p(-sum(self.lapses)), self.lapse_of(y).log())

    def genuine(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Probability `(n,)` that a label was drawn by the logits, given the label."""
        if not any(self.lapses):
            return torch.ones_like(outputs[..., 0])
        share = (1 - sum(self.lapses)) * self.log_genuine(outputs, y).exp()
        return share / (share + self.lapse_of(y)).clamp_min(torch.finfo(y.dtype).tiny)

    def updated(self, outputs: Tensor, y: Tensor, weights: Tensor) -> Self:
        if not any(self.lapses):
            return self
        wrong = weights * (1 - self.genuine(outputs, y))
        return self.with_lapses(min(MAX_LAPSES, float(wrong.sum() / weights.sum())), len(self.lapses))

    def of_right_labels(self) -> Self:
        return replace(self, lapses=())

    def with_lapses(self, total: float, classes: int) -> Self:
        return replace(self, lapses=(total / classes,) * classes)


@final
@dataclass(frozen=True)
class Binary(Classification):
    """Cross-entropy of one logit, that of the second class."""

    def log_genuine(self, outputs: Tensor, y: Tensor) -> Tensor:
        cost = torch.nn.functional.binary_cross_entropy_with_logits(outputs, y, reduction="none")
        return -cost.squeeze(-1)

    def lapse_of(self, y: Tensor) -> Tensor:
        first, second = self.lapses
        return first + (second - first) * y.squeeze(-1)

    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        return self.genuine(outputs, y)[..., None] * (torch.sigmoid(outputs) - y)

    def steepest(self, outputs: Tensor, y: Tensor) -> float:
        return 0.25

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        return torch.logit((weights @ y + 0.5) / (weights.sum() + 1))

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        chance = self.lapses[1] if self.lapses else 0.0
        return _working(torch.sigmoid(outputs[:, 0]), outputs[:, 0], y[:, 0], weights, least, chance, sum(self.lapses))


@final
@dataclass(frozen=True)
class Multiclass(Classification):
    """Cross-entropy of one logit per class."""

    def log_genuine(self, outputs: Tensor, y: Tensor) -> Tensor:
        return (torch.log_softmax(_by_class(outputs), 0).movedim(0, -1) * y).sum(-1)

    def lapse_of(self, y: Tensor) -> Tensor:
        return y @ torch.tensor(self.lapses, dtype=y.dtype)

    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        return self.genuine(outputs, y)[..., None] * (torch.softmax(_by_class(outputs), 0).movedim(0, -1) - y)

    def steepest(self, outputs: Tensor, y: Tensor) -> float:
        return 0.5

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        logs = torch.log((weights @ y + 0.5) / (weights.sum() + 0.5 * y.shape[1]))
        return logs - logs.mean()

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        chance = self.lapses[j] if self.lapses else 0.0
        p = torch.softmax(_by_class(outputs), 0)[j]
        return _working(p, outputs[:, j], y[:, j], weights, least, chance, sum(self.lapses))


def _by_class(outputs: Tensor) -> Tensor:
    """The outputs with the classes first, along which PyTorch is five times faster than along a short last dimension."""
    return outputs.movedim(-1, 0).contiguous()


def _working(
    p: Tensor, eta: Tensor, y: Tensor, weights: Tensor, least: float, chance: float, lapses: float
) -> tuple[Tensor, Tensor]:
    """Working response and Fisher weights of the mean `chance + (1 - lapses) p`; without lapses those of a logit."""
    slope = ((1 - lapses) * p * (1 - p)).clamp_min(least)
    if not lapses:
        return eta + (y - p) / slope, weights * slope
    mean = chance + (1 - lapses) * p
    information = slope**2 / (mean * (1 - mean)).clamp_min(least)
    return eta + (y - mean) / slope, weights * information


def moments(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted means and standard deviations of columns; that of a constant is 1."""
    share = weights / weights.sum()
    mean = share @ values
    spread = torch.sqrt(share @ (values - mean) ** 2)
    floor = 1e-12 * values.abs().amax(0)
    return mean, torch.where(spread > floor, spread, torch.ones_like(spread))


def targets_of(y: NDArray[Any], task: Task, classes: int = -1) -> Tensor:
    """Targets `(n, q)`: numbers, or class indicators; `classes` is their number, by default that of the codes that occur."""
    if task.is_regression:
        return torch.from_numpy(np.ascontiguousarray(y, dtype=np.float64))
    codes = torch.from_numpy(np.asarray(y).astype(np.int64))
    if isinstance(task, Multiclass):
        return torch.nn.functional.one_hot(codes, classes).double()
    return codes.double()[:, None]
