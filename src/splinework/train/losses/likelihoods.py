"""Losses of counts and classes: minus the logarithm of the probability that the model gives to what was seen.

Each output is the canonical parameter (log rate, logit), so the second derivative is Fisher's information and Newton's
method on it the classical iteration of generalised linear models (McCullagh & Nelder 1989, §2.5). Far from the target
that derivative vanishes while the slope does not; there, and only there, a larger curvature stands in for it, which keeps
a full step from overshooting and hardly slows the end, where such rows are few.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from splinework.errors import ConfigError, DataError
from splinework.errors.foreign import explained_record
from splinework.train.losses.base import Loss


@explained_record
@final
@dataclass(frozen=True)
class Poisson(Loss):
    """Counts whose rate is `exp(f)`: half the deviance, `exp(f) - t f + t log t - t`, the mean over outputs.

    It is 0 where the rate is the count. Curvature: the rate, which is the second derivative; where the rate is
    more than e times too low, Newton's own step would raise the loss, and the secant to the optimum takes its place.

    >>> Poisson().response(torch.zeros(1, 1))
    tensor([[1.]])
    """

    name: ClassVar[str] = "poisson"
    dispersed: ClassVar[bool] = False

    def rows(self, f: Tensor, t: Tensor, unit: Tensor) -> Tensor:
        short = _log_or_zero(t) - f
        # Of a count that is not 0 by the ratio: no difference of large numbers where both are nearly equal.
        return torch.where(t > 0, t * (torch.expm1(-short) + short), f.exp()).mean(1)

    def expand(self, f: Tensor, t: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        rate, short = f.exp(), _log_or_zero(t) - f
        return (rate - t) / f.shape[1], _or_secant(rate, t, short) / f.shape[1]

    def targets(self, y: Tensor, outputs: int, names: Sequence[str]) -> Tensor:
        counts = super().targets(y, outputs, names)
        low = counts.amin(0).tolist() if len(counts) else []
        for name, least in zip(names, low, strict=True):
            if least < 0:
                raise DataError(
                    f"the loss poisson takes counts, 0 or more, and {name} has {least:g}; use loss='squared' for values "
                    "of both signs."
                )
        return counts

    def response(self, f: Tensor) -> Tensor:
        return f.exp()


@explained_record
@final
@dataclass(frozen=True)
class Logistic(Loss):
    """Two classes whose log odds are f: `log(1 + exp(f)) - t f`; several outputs are as many independent questions.

    Curvature: `p(1 - p)`, the second derivative, for a row on the right side. On the wrong one that is too small for the
    way back, and the majoriser of Jaakkola & Jordan (2000), `tanh(f/2)/(2f)`, takes its place.

    Attributes:
        labels: The two labels in y; the second is the one whose probability `response` gives. None for 0
            and 1, or whichever two numbers the data have (then the greater one is the second).

    Raises:
        ConfigError: If the labels are not two different numbers.

    >>> Logistic().response(torch.zeros(1, 1))
    tensor([[0.5000]])
    """

    labels: tuple[float, float] | None = None

    name: ClassVar[str] = "logistic"
    dispersed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.labels is not None and (len(self.labels) != 2 or self.labels[0] == self.labels[1]):
            raise ConfigError(f"labels of Logistic are two different numbers such as (0, 1), got {self.labels!r}.")

    def rows(self, f: Tensor, t: Tensor, unit: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(f, t, reduction="none").mean(1)

    def expand(self, f: Tensor, t: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        p = torch.sigmoid(f)
        behind = torch.where(t > 0.5, -f, f)
        wrong = behind > 1e-3  # below, both are ¼ to seven digits
        safe = torch.where(wrong, behind, torch.ones_like(f))
        curvature = torch.where(wrong, torch.tanh(safe / 2) / (2 * safe), p * torch.sigmoid(-f))
        return (p - t) / f.shape[1], curvature / f.shape[1]

    def settle(self, y: Tensor) -> "Logistic":
        return self if self.labels is not None else replace(self, labels=_two_labels(y))

    def targets(self, y: Tensor, outputs: int, names: Sequence[str]) -> Tensor:
        seen = super().targets(y, outputs, names)
        first, second = self.labels or _two_labels(seen)
        strange = seen[(seen != first) & (seen != second)]
        if strange.numel():
            raise DataError(
                f"the loss logistic takes the labels {first:g} and {second:g}, and y has {strange[0].item():g} too; "
                "drop those rows, or use loss='softmax' for more classes."
            )
        return (seen == second).to(seen)

    def response(self, f: Tensor) -> Tensor:
        return torch.sigmoid(f)


@explained_record
@final
@dataclass(frozen=True)
class Softmax(Loss):
    """Classes whose log odds are the outputs, up to a constant: `log Σ_k exp(f_k) - Σ_k t_k f_k`.

    Curvature: `diag(d) - dd'/Σd` with d the probabilities, which is the second derivative; where a class is more than e times
    less probable than it should be, the secant to the optimum stands for its probability, as in `Poisson`, of which this
    is what is left for a known total. The result is never below the second derivative.

    >>> Softmax().response(torch.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    name: ClassVar[str] = "softmax"
    dispersed: ClassVar[bool] = False

    def rows(self, f: Tensor, t: Tensor, unit: Tensor) -> Tensor:
        # Σ t = 1. The differences are taken first: logits may be large.
        return -(t * torch.log_softmax(f, 1)).sum(1)

    def expand(self, f: Tensor, t: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        p = torch.softmax(f, 1)
        d = _or_secant(p, t, _log_or_zero(t) - torch.log_softmax(f, 1))
        return p - t, torch.diag_embed(d) - d[:, :, None] * (d / d.sum(1, keepdim=True))[:, None, :]

    def columns(self, outputs: int) -> tuple[int, ...]:
        if outputs < 2:
            raise ConfigError(
                "the loss softmax needs one output per class, at least 2, and the model has 1; use loss='logistic' for "
                "two classes and one output."
            )
        return (1, outputs)

    def targets(self, y: Tensor, outputs: int, names: Sequence[str]) -> Tensor:
        seen = super().targets(y, outputs, names)
        if seen.shape[1] == 1:
            whole = (seen == seen.round()) & (seen >= 0) & (seen < outputs)
            if not bool(whole.all()):
                raise DataError(
                    f"the loss softmax takes labels 0 to {outputs - 1} for a model of {outputs} outputs, and y has "
                    f"{seen[~whole][0].item():g}; number the classes with np.unique(y, return_inverse=True)[1]."
                )
            return one_hot(seen[:, 0].long(), outputs).to(seen)
        total = seen.sum(1, keepdim=True)
        bad = (seen < 0).any(1) | ((total - 1).abs() > 1e-5)[:, 0]
        if bool(bad.any()):
            row = int(bad.nonzero()[0])
            raise DataError(
                f"y of {outputs} columns holds the classes' probabilities, which are not negative and sum to 1; row {row} "
                f"is {seen[row].tolist()}. Divide by the sum, or give one column of labels."
            )
        return seen / total

    def response(self, f: Tensor) -> Tensor:
        return torch.softmax(f, -1)


def _or_secant(rate: Tensor, t: Tensor, short: Tensor) -> Tensor:
    """The rates, or `(t - rate) / log(t / rate)` where that logarithm, `short`, is above 1."""
    far = (t > 0) & (short > 1)
    return torch.where(far, (t - rate) / torch.where(far, short, torch.ones_like(short)), rate)


def _log_or_zero(counts: Tensor) -> Tensor:
    return torch.where(counts > 0, counts, torch.ones_like(counts)).log()


def _two_labels(y: Tensor) -> tuple[float, float]:
    """The labels in y, 0 and 1 where it has no others; a DataError for more than two, or for one that is neither."""
    labels = y.unique().tolist()
    if all(label in (0.0, 1.0) for label in labels):
        return 0.0, 1.0
    if len(labels) == 1:
        raise DataError(
            f"y has only the label {labels[0]:g}, so nothing tells the other class; call them 0 and 1, or use Logistic("
            "labels=(first, second))."
        )
    if len(labels) > 2:
        shown = ", ".join(f"{label:g}" for label in labels[:4]) + (", …" if len(labels) > 4 else "")
        raise DataError(
            f"the loss logistic takes two labels such as 0 and 1, and y has {len(labels)}: {shown}; use loss='softmax' "
            "for classes, or loss='squared' for values."
        )
    return labels[0], labels[1]
