"""A line search for the strong Wolfe conditions, which goes on where values are nothing but rounding.

A step α along a descent direction is accepted when it lowers the value enough and the slope has become flat enough:

    `φ(α) ≤ φ(0) + c1 α φ'(0)` and `abs(φ'(α)) ≤ c2 abs(φ'(0))`.

Close to a minimum the first condition compares numbers that differ by rounding only. There a change of the value is
taken from the slopes, by the trapezoid rule, which turns the first condition into the approximate one of Hager & Zhang
2005 (SIAM J. Optim. 16, eq. 23): `φ'(α) ≤ (2 c1 - 1) φ'(0)`.

The conditions are those of Wolfe 1969 (see Nocedal & Wright 2006, §3.1).
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from splinework.errors import ConfigError

Line = Callable[[float], tuple[float, float]]
"""The value and the slope at a step α."""

ROUNDING_FACTOR = 10.0
"""Values that differ by less than this many roundings are taken as equal."""
GROWTH_RANGE = (1.1, 4.0)
"""A longer trial goes on by this share of the last increase, least and most (Moré & Thuente 1994, sec. 4)."""
MAX_BRACKET_RATIO = 0.66
"""Where two trials have not made the bracket this much smaller, the next halves it (Moré & Thuente 1994, sec. 4)."""
MIN_EDGE_SHARE = 0.01
"""Trials keep this share of the bracket away from its ends."""


@final
@dataclass(frozen=True)
class LineSearchResult:
    """The result of a line search.

    Attributes:
        step: The step α; 0 where no lower point was found.
        value: φ(α).
        slope: φ'(α).
        evaluations: How often φ was evaluated.
        met: Whether both conditions hold; else the step, if not 0, fulfils the first one.
    """

    step: float
    value: float
    slope: float
    evaluations: int
    met: bool


def strong_wolfe(
    line: Line,
    value: float,
    slope: float,
    *,
    first: float = 1.0,
    c1: float = 1e-4,
    c2: float = 0.9,
    most: int = 25,
    rounding: float = sys.float_info.epsilon,
) -> LineSearchResult:
    """Nocedal & Wright 2006, algorithms 3.5 and 3.6: a bracket, then cubic interpolation in it, with safeguards.

    A trial that is not finite counts as one that is too high, so the search turns back from it.

    Args:
        line: φ, as a function of the step.
        value: φ(0).
        slope: φ'(0), negative.
        first: The first trial.
        c1: Share of the decrease predicted_decrease by the slope that must be reached.
        c2: Share of the slope that may be left, between c1 and 1.
        most: Most evaluations.
        rounding: Relative error of a value.

    Raises:
        ConfigError: If there is no descent at 0, or a setting is out of range.
    """
    if not (math.isfinite(value) and -math.inf < slope < 0):
        raise ConfigError(f"a line search needs a finite value and a negative slope at 0, got {value} and {slope}.")
    if not (0 < c1 < c2 < 1 and 0 < first < math.inf):
        raise ConfigError(f"a line search needs 0 < c1 < c2 < 1 and a first step above 0, got {c1}, {c2} and {first}.")
    search = _WolfeSearch(line, _Trial(0.0, value, slope), c1, c2, most, ROUNDING_FACTOR * rounding * abs(value))
    return search.bracket(first)


@dataclass(frozen=True)
class _Trial:
    step: float
    value: float
    slope: float

    @property
    def is_wall(self) -> bool:
        """Whether nothing is known here but that one must turn back."""
        return self.value == math.inf


class _WolfeSearch:
    def __init__(self, line: Line, start: _Trial, c1: float, c2: float, most: int, slack: float) -> None:
        self.line, self.start, self.c1, self.c2 = line, start, c1, c2
        self.most, self.slack, self.evaluations = most, slack, 0

    def bracket(self, step: float) -> LineSearchResult:
        """Longer and longer trials, until there is a minimum between the last two (algorithm 3.5)."""
        low = self.start
        while self.evaluations < self.most:
            new = self._try(step)
            enough = self._is_lower(new)
            if enough and self._is_flat(new):
                return self._end(new, met=True)
            if not enough or self._change(low, new) >= 0:
                return self._zoom(low, new)
            if new.slope >= 0:
                return self._zoom(new, low)
            step = self._beyond(low, new)
            low = new
        return self._end(low, met=False)

    def _zoom(self, low: _Trial, high: _Trial) -> LineSearchResult:
        """Shrinks the bracket; `low` is its lower end, from which the slope leads into it (algorithm 3.6)."""
        older = previous = math.inf
        while self.evaluations < self.most:
            width = abs(high.step - low.step)
            if width <= 4 * sys.float_info.epsilon * max(low.step, high.step):
                break
            halve = width > MAX_BRACKET_RATIO * older and not high.is_wall
            new = self._try((low.step + high.step) / 2 if halve else self._between(low, high))
            older, previous = previous, width
            enough = self._is_lower(new)
            if enough and self._is_flat(new):
                return self._end(new, met=True)
            if not enough or self._change(low, new) >= 0:
                high = new
            else:
                if new.slope * (high.step - low.step) >= 0:
                    high = low
                low = new
        return self._end(low, met=False)

    def _try(self, step: float) -> _Trial:
        self.evaluations += 1
        value, slope = self.line(step)
        known = math.isfinite(value) and math.isfinite(slope)
        return _Trial(step, value, slope) if known else _Trial(step, math.inf, math.nan)

    def _end(self, trial: _Trial, *, met: bool) -> LineSearchResult:
        return LineSearchResult(trial.step, trial.value, trial.slope, self.evaluations, met)

    def _change(self, old: _Trial, new: _Trial) -> float:
        """How much higher the value is at `new`; from the slopes, where the values tell nothing."""
        change = new.value - old.value
        return (new.step - old.step) * (old.slope + new.slope) / 2 if abs(change) <= self.slack else change

    def _is_lower(self, new: _Trial) -> bool:
        predicted_decrease = self.c1 * new.step * self.start.slope
        return new.value <= self.start.value + predicted_decrease or self._change(self.start, new) <= predicted_decrease

    def _is_flat(self, new: _Trial) -> bool:
        return abs(new.slope) <= -self.c2 * self.start.slope

    def _beyond(self, low: _Trial, new: _Trial) -> float:
        """The next, longer trial."""
        gained = new.step - low.step
        least, most = (new.step + share * gained for share in GROWTH_RANGE)
        point = self._lowest(low, new)
        # A cubic that has its minimum behind, or none, still falls here.
        return most if point is None or point <= new.step else min(max(point, least), most)

    def _between(self, low: _Trial, high: _Trial) -> float:
        """The next trial inside a bracket."""
        span = high.step - low.step
        if high.is_wall:
            # From 0 on nothing is known of the scale; later the minimum may be anywhere before the wall.
            return low.step + (0.1 if low is self.start else 0.5) * span
        point = self._lowest(low, high)
        share = 0.5 if point is None else (point - low.step) / span
        return low.step + min(max(share, MIN_EDGE_SHARE), 1 - MIN_EDGE_SHARE) * span

    def _lowest(self, a: _Trial, b: _Trial) -> float | None:
        """Minimum of the cubic through both values and slopes (eq. 3.59); the zero of the slope, near rounding."""
        span, change = b.step - a.step, b.value - a.value
        if abs(change) <= self.slack:
            bend = (b.slope - a.slope) / span
            return a.step - a.slope / bend if bend > 0 else None
        d1 = a.slope + b.slope - 3 * change / span
        scale = max(abs(d1), abs(a.slope), abs(b.slope))  # the square of a slope may overflow
        if not 0 < scale < math.inf:
            return None
        square = (d1 / scale) ** 2 - (a.slope / scale) * (b.slope / scale)
        if square < 0:
            return None
        d2 = math.copysign(scale * math.sqrt(square), span)
        divisor = b.slope - a.slope + 2 * d2
        point = b.step - span * ((b.slope + d2 - d1) / divisor) if divisor else math.nan
        return point if math.isfinite(point) else None
