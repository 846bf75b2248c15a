"""Likelihoods: regression, binary and multi-class classification; labels may be wrong at rates that are estimated.

A label is class k with probability `lapses[k]` whatever the inputs are, else it follows the logits (Copas, "Binary
regression models for contaminated data", JRSS B 50 (1988) 225). Without this, a wrong label among certain ones costs so much that
every logit stays small.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self, final

import torch
from torch import Tensor

MIN_PENALTY, MIN_PENALTY_CLASSES, MIN_PENALTY_LAPSES = 1e-6, 1.0, 1e-4
"""Lower bounds of the additive part's penalties. Separable classes would drive them to zero and become overconfident; where
labels may be wrong, large logits give no probability near one."""
MAX_LAPSES = 0.5
"""Largest total of the lapse rates: more wrong labels than right ones are another question."""


class Task(ABC):
    """A likelihood of targets given the network's outputs.

    Targets are `(n, q)`: numbers or class indicators; two classes have one column, the indicator of the second.
    """

    is_regression: bool = False

    @property
    @abstractmethod
    def min_penalty(self) -> float:
        """Lower bound of the additive part's penalties."""

    @abstractmethod
    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Loss of each row, `(n,)`, over the last dimension."""

    @abstractmethod
    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        """The constant outputs of least loss, `(q,)`."""

    @abstractmethod
    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        """Working response and weights `(n,)` of output j for iteratively reweighted least squares at `outputs`."""

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

    @property
    def min_penalty(self) -> float:
        return MIN_PENALTY

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        return ((outputs - y) ** 2).mean(-1)

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        return (weights @ y) / weights.sum()

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        return y[:, j], weights


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
        return (torch.log_softmax(outputs, -1) * y).sum(-1)

    def lapse_of(self, y: Tensor) -> Tensor:
        return y @ torch.tensor(self.lapses, dtype=y.dtype)

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        logs = torch.log((weights @ y + 0.5) / (weights.sum() + 0.5 * y.shape[1]))
        return logs - logs.mean()

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        chance = self.lapses[j] if self.lapses else 0.0
        p = torch.softmax(outputs, -1)[:, j]
        return _working(p, outputs[:, j], y[:, j], weights, least, chance, sum(self.lapses))


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
