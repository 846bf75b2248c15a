"""Taylor series of ranges, for custom bases and base functions, which come with a formula only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import erfc

from splinework.knowledge.axioms.checker.functions import CURVES, wave
from splinework.knowledge.axioms.checker.ranges import Range, exact


class RangeSeries:
    """The derivatives of a function over ranges, each divided by the factorial of its order."""

    __array_ufunc__ = None
    rank = 1

    def __init__(self, terms: Sequence[Range]) -> None:
        self.terms = list(terms)

    def derivative(self, order: int) -> Range:
        """The derivative of an order."""
        return self.terms[order] * exact(float(math.factorial(order)))

    def _lifted(self, other: Any) -> RangeSeries:
        if isinstance(other, RangeSeries):
            return other
        zero = exact(0.0 * self.terms[0].lo)
        return RangeSeries([zero + exact(float(other)), *[zero] * (len(self.terms) - 1)])

    def __add__(self, other: Any) -> RangeSeries:
        return RangeSeries([a + b for a, b in zip(self.terms, self._lifted(other).terms, strict=True)])

    def __neg__(self) -> RangeSeries:
        return RangeSeries([-a for a in self.terms])

    def __sub__(self, other: Any) -> RangeSeries:
        return self + -self._lifted(other)

    def __rsub__(self, other: Any) -> RangeSeries:
        return self._lifted(other) + -self

    def __mul__(self, other: Any) -> RangeSeries:
        held = self._lifted(other)
        found = [_sum([self.terms[j] * held.terms[k - j] for j in range(k + 1)]) for k in range(len(self.terms))]
        if held is self:
            found[0] = self.terms[0].square()
        return RangeSeries(found)

    def __truediv__(self, other: Any) -> RangeSeries:
        by, found = self._lifted(other), list[Range]()
        inverse = by.terms[0].inverse()
        for k, term in enumerate(self.terms):
            found.append((term - _sum([by.terms[j] * found[k - j] for j in range(1, k + 1)], term)) * inverse)
        return RangeSeries(found)

    def __rtruediv__(self, other: Any) -> RangeSeries:
        return self._lifted(other) / self

    __radd__, __rmul__ = __add__, __mul__


def _sum(parts: Sequence[Range], like: Range | None = None) -> Range:
    total = parts[0] if parts else exact(0.0 * like.lo)  # type: ignore[union-attr]
    for part in parts[1:]:
        total = total + part
    return total


def _by_slope(first: Range, u: RangeSeries, slope: Callable[[RangeSeries], RangeSeries]) -> RangeSeries:
    """The function of u with a given value, whose derivative by u is a function of its own series."""
    found = [first]
    for k in range(1, len(u.terms)):
        rate = slope(RangeSeries([*found, *[exact(0.0 * first.lo)] * (len(u.terms) - len(found))]))
        total = _sum([exact(float(j)) * u.terms[j] * rate.terms[k - j] for j in range(1, k + 1)])
        found.append(total * exact(float(k)).inverse())
    return RangeSeries(found)


class SeriesOperations:
    """The functions of formulas on series."""

    def __init__(self, like: Range, order: int) -> None:
        self.like, self.order = like, order
        self.pi = constant(Range(0.0 * like.lo + 3.141592653589793, 0.0 * like.lo + 3.1415926535897936), order)

    def number(self, value: float) -> RangeSeries:
        return constant(Range(0.0 * self.like.lo + value, 0.0 * self.like.lo + value), self.order)

    def exp(self, u: RangeSeries) -> RangeSeries:
        return _by_slope(CURVES["exp"](u.terms[0]).value, u, lambda own: own)

    def log(self, u: RangeSeries) -> RangeSeries:
        return _by_slope(CURVES["log"](u.terms[0]).value, u, lambda own: 1 / u)

    def sqrt(self, u: RangeSeries) -> RangeSeries:
        return _by_slope(CURVES["sqrt"](u.terms[0]).value, u, lambda own: 0.5 / own)

    def sin(self, u: RangeSeries, turn: int = 0) -> RangeSeries:
        """Sine, advanced by quarter turns."""
        shares = [
            Range(*(np.array(math.nextafter(1 / math.factorial(r), end)) for end in (0, 2)))
            for r in range(len(u.terms))
        ]
        value = RangeSeries([wave(u.terms[0], turn + r) * share for r, share in enumerate(shares)])
        powers, found = self._away(u), list[Range]()
        for k in range(len(u.terms)):
            found.append(_sum([value.terms[r] * powers[r].terms[k] for r in range(k + 1)]))
        return RangeSeries(found)

    def cos(self, u: RangeSeries) -> RangeSeries:
        return self.sin(u, 1)

    def tanh(self, u: RangeSeries) -> RangeSeries:
        return _by_slope(CURVES["tanh"](u.terms[0]).value, u, lambda own: 1 - own * own)

    def sigmoid(self, u: RangeSeries) -> RangeSeries:
        return _by_slope(CURVES["sigmoid"](u.terms[0]).value, u, lambda own: own * (1 - own))

    def erfc(self, u: RangeSeries) -> RangeSeries:
        two = Range(0.0 * u.terms[0].lo + 1.1283791670955125, 0.0 * u.terms[0].lo + 1.1283791670955128)
        held = u.terms[0]
        value = Range(np.maximum(erfc(held.hi) * (1 - 1e-13), 0), erfc(held.lo) * (1 + 1e-13))
        rate = self.exp(-(u * u))
        return _by_slope(value, u, lambda own: RangeSeries([-(term * two) for term in rate.terms]))

    @staticmethod
    def _away(u: RangeSeries) -> list[RangeSeries]:
        """Powers of `u` without its first term."""
        zero, one = exact(0.0 * u.terms[0].lo), exact(0.0 * u.terms[0].lo + 1.0)
        rest, blank = RangeSeries([zero, *u.terms[1:]]), [zero] * (len(u.terms) - 1)
        powers = [RangeSeries([one, *blank])]
        for _ in range(len(u.terms) - 1):
            powers.append(powers[-1] * RangeSeries(rest.terms))
        return powers


def constant(value: Range, order: int) -> RangeSeries:
    """A constant."""
    return RangeSeries([value, *[exact(0.0 * value.lo)] * order])


def variable(x: Range, order: int) -> RangeSeries:
    """The variable."""
    terms = [x, exact(0.0 * x.lo + 1.0), *[exact(0.0 * x.lo)] * (order - 1)]
    return RangeSeries(terms[: order + 1])
