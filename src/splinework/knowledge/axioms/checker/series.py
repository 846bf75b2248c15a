"""Taylor series of ranges: the derivatives of all orders of what formulas are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

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
        zero = exact(np.zeros_like(self.terms[0].lo))
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

    def cut(self, least: float, most: float = np.inf) -> RangeSeries:
        """The same, of a function whose values are known to lie between bounds."""
        return RangeSeries([self.terms[0].cut(least, most), *self.terms[1:]])


def _sum(parts: Sequence[Range], like: Range | None = None) -> Range:
    total = parts[0] if parts else exact(np.zeros_like(like.lo))  # type: ignore[union-attr]
    for part in parts[1:]:
        total = total + part
    return total


def by_slope(first: Range, u: RangeSeries, slope: Callable[[RangeSeries], RangeSeries]) -> RangeSeries:
    """The function of u with a given value, whose derivative by u is a function of its own series, to the order known so far."""
    found = [first]
    for k in range(1, len(u.terms)):
        rate = slope(RangeSeries(found))
        total = _sum([exact(float(j)) * u.terms[j] * rate.terms[k - j] for j in range(1, k + 1)])
        found.append(total * exact(float(k)).inverse())
    return RangeSeries(found)


def by_derivatives(known: Sequence[Range], u: RangeSeries) -> RangeSeries:
    """The function of u whose derivatives of all orders over the range of u are known."""
    rest = RangeSeries([exact(np.zeros_like(u.terms[0].lo)), *u.terms[1:]])
    found, power = constant(known[0], len(u.terms) - 1), constant(exact(np.ones_like(u.terms[0].lo)), len(u.terms) - 1)
    for r in range(1, len(u.terms)):
        power = power * rest
        share = Range(*(np.array(math.nextafter(1 / math.factorial(r), end)) for end in (0, 2)))
        found = found + RangeSeries([known[r] * share * term for term in power.terms])
    return found


def constant(value: Range, order: int) -> RangeSeries:
    """A constant."""
    return RangeSeries([value, *[exact(np.zeros_like(value.lo))] * order])


def variable(x: Range, order: int) -> RangeSeries:
    """The variable."""
    terms = [x, exact(np.ones_like(x.lo)), *[exact(np.zeros_like(x.lo))] * (order - 1)]
    return RangeSeries(terms[: order + 1])
