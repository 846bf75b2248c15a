"""Losses of a gap between output and target: squared, Huber's, absolute, and quantiles.

The curvatures of these are majorisers: the parabola that they give touches the loss and lies nowhere below it, so a full
step never raises it (iteratively reweighted least squares; Huber & Ronchetti 2009, §7.8; Hunter & Lange 2000).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.train.losses.base import KINK_WIDTH, Loss


@explained_record
@final
@dataclass(frozen=True)
class Squared(Loss):
    """`(f - t)²`, the mean over outputs; the most likely fit where errors are normal.

    >>> Squared().rows(torch.tensor([[2.0]]), torch.zeros(1, 1), torch.ones(1))
    tensor([4.])
    """

    name: ClassVar[str] = "squared"
    regression: ClassVar[bool] = True

    def rows(self, f: Tensor, t: Tensor, unit: Tensor) -> Tensor:
        return (f - t).square().mean(1)

    def expand(self, f: Tensor, t: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        share = 2 / f.shape[1]
        return share * (f - t), torch.full_like(f, share)


@explained_record
@final
@dataclass(frozen=True)
class Huber(Loss):
    """`r²` up to a threshold τ and `2τ|r| - τ²` beyond, so that rows far off pull no harder (Huber 1964).

    The curvature is that of reweighted least squares, `2 min(1, τ/|r|)`, and not the second derivative, which is 0 beyond τ:
    it is a majoriser, and near the optimum converges as fast as the share of rows beyond τ is small.

    Attributes:
        threshold: τ in the units of y. For normal errors of standard deviation σ, 1.345 σ costs 5 % of the efficiency.

    Raises:
        ConfigError: If the threshold is not positive.

    >>> Huber(0.5).rows(torch.tensor([[2.0]]), torch.zeros(1, 1), torch.ones(1))
    tensor([1.7500])
    """

    threshold: float = 1.345

    name: ClassVar[str] = "huber"
    regression: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 < self.threshold < math.inf:
            raise ConfigError(f"threshold of Huber is positive, in the units of y; got {self.threshold}.")

    def rows(self, f: Tensor, t: Tensor, unit: Tensor) -> Tensor:
        gap = f - t
        bounded = self._bounded(gap, unit)
        return (bounded * (2 * gap - bounded)).mean(1)  # no square of a gap beyond the threshold, which may overflow

    def expand(self, f: Tensor, t: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        gap, most = f - t, self.threshold / unit
        share = 2 / f.shape[1]
        return share * self._bounded(gap, unit), share * most / torch.maximum(gap.abs(), most)

    def _bounded(self, gap: Tensor, unit: Tensor) -> Tensor:
        most = self.threshold / unit
        return torch.minimum(torch.maximum(gap, -most), most)


@explained_record
@final
@dataclass(frozen=True)
class Absolute(Loss):
    """`|f - t|`, the mean over outputs: the median, which rows far off do not move.

    The kink is a hyperbola, `√(r² + ε²) - ε`: never more than ε below `|r|`. Its majoriser is `1/√(r² + ε²)`, that of
    reweighted least squares.

    Attributes:
        smoothing: ε in network units, which are the spread of y where y is standardised.

    Raises:
        ConfigError: If the smoothing is not positive.

    >>> Absolute().rows(torch.tensor([[2.0]]), torch.zeros(1, 1), torch.ones(1)).round(decimals=3)
    tensor([2.])
    """

    smoothing: float = KINK_WIDTH

    name: ClassVar[str] = "absolute"
    regression: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_smoothing(self, self.smoothing)

    def rows(self, f: Tensor, t: Tensor, unit: Tensor) -> Tensor:
        gap = f - t
        # √(r² + ε²) - ε without the difference of two numbers that are nearly equal.
        return (gap * (gap / (self._length(gap) + self.smoothing))).mean(1)

    def expand(self, f: Tensor, t: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        gap, outputs = f - t, f.shape[1]
        inverse = 1 / (outputs * self._length(gap))
        return gap * inverse, inverse

    def _length(self, gap: Tensor) -> Tensor:
        return torch.hypot(gap, torch.full_like(gap, self.smoothing))


@explained_record
@final
@dataclass(frozen=True)
class Quantile(Loss):
    """One output per level q, each the value that y stays below in a share q of the cases (Koenker & Bassett 1978).

    The pinball loss of a gap `r = f - t` is `½ (|r| - s r)` with `s = 2q - 1`. Minimised by the majoriser of Hunter & Lange
    (2000), `½ |r| <= r²/(4 d) + …` with a distance d to the kink that is kept positive. They keep it so by subtracting a
    logarithm from the loss; here it is a hyperbola, `d = √((r + a)² + ε²)`, whose slope differs from the pinball's by
    `ε²/r²` instead of `ε/|r|` and which is accurate to rounding at 0. `a = ε s/√(1 - s²)` puts its least value,
    which is 0, at r = 0. Outputs may cross where there are few rows; `response` puts them in order, which brings them
    nearer to the true quantiles (Chernozhukov, Fernández-Val & Galichon 2010).

    Attributes:
        levels: In rising order, each between 0 and 1; one level too may be given as a number.
        smoothing: ε in network units, which are the spread of y where y is standardised.

    Raises:
        ConfigError: If a level is not between 0 and 1, they do not rise, or the smoothing is not positive.

    >>> Quantile((0.1, 0.9)).response(torch.tensor([[2.0, 1.0]]))
    tensor([[1., 2.]])
    """

    levels: tuple[float, ...] = (0.1, 0.5, 0.9)
    smoothing: float = KINK_WIDTH

    name: ClassVar[str] = "quantile"
    regression: ClassVar[bool] = True

    def __post_init__(self) -> None:
        given = self.levels if isinstance(self.levels, Iterable) else (self.levels,)
        try:
            levels = tuple(float(level) for level in given)
        except (TypeError, ValueError):
            levels = ()
        rising = all(a < b for a, b in zip((0.0, *levels), (*levels, 1.0), strict=True))
        if not levels or not rising:
            raise ConfigError(
                f"levels of Quantile lie between 0 and 1 and rise, such as (0.1, 0.5, 0.9); got {self.levels!r}."
            )
        object.__setattr__(self, "levels", levels)
        _check_smoothing(self, self.smoothing)

    def rows(self, f: Tensor, t: Tensor, unit: Tensor) -> Tensor:
        gap = f - t
        slant, offset, reach = self._numbers(f)
        length = torch.hypot(gap + offset, torch.full_like(gap, self.smoothing))
        # ½ (d - s (r + a)) less its least value, again without a difference of numbers that are nearly equal.
        share = gap / (length + reach)
        return (share * share * (length - slant * (gap + offset) + self.smoothing**2 / reach)).mean(1) / 2

    def expand(self, f: Tensor, t: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        slant, offset, _ = self._numbers(f)
        gap = f - t + offset
        inverse = 1 / torch.hypot(gap, torch.full_like(gap, self.smoothing))
        share = 1 / (2 * f.shape[1])
        return share * (gap * inverse - slant), share * inverse

    def columns(self, outputs: int) -> tuple[int, ...]:
        if outputs != len(self.levels):
            raise ConfigError(
                f"Quantile needs one output per level: {len(self.levels)} levels {self.levels}, but the model has "
                f"{outputs} outputs; make KAN([…, {len(self.levels)}]), or give {outputs} levels."
            )
        return (1,)

    def targets(self, y: Tensor, outputs: int, names: Sequence[str]) -> Tensor:
        return super().targets(y, outputs, names).expand(-1, outputs)

    def response(self, f: Tensor) -> Tensor:
        return f.sort(-1).values

    def _numbers(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """s, a and `√(a² + ε²)` of every level."""
        slant = 2 * torch.tensor(self.levels, dtype=like.dtype, device=like.device) - 1
        reach = self.smoothing / (1 - slant.square()).sqrt()
        return slant, slant * reach, reach


def _check_smoothing(loss: Loss, smoothing: float) -> None:
    if not 0 < smoothing < math.inf:
        raise ConfigError(f"smoothing of {type(loss).__name__} is positive, in network units; got {smoothing}.")
