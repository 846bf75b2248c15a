"""Taylor series of ranges: the derivatives of all orders of what formulas are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from splinework.knowledge.axioms.checker.ranges import Range, exact, sum_of


class RangeSeries:
    """The derivatives of a function over ranges, each divided by the factorial of its order; those left out are zero."""

    __array_ufunc__ = None
    rank = 1

    def __init__(self, terms: Sequence[Range], order: int) -> None:
        self.terms, self.order = list(terms[: order + 1]), order

    def term(self, k: int) -> Range:
        """A derivative, divided by the factorial of its order."""
        return self.terms[k] if k < len(self.terms) else exact(np.zeros_like(self.terms[0].lo))

    def derivative(self, order: int) -> Range:
        """The derivative of an order."""
        return self.term(order) * exact(float(math.factorial(order)))

    def _lifted(self, other: Any) -> RangeSeries:
        return other if isinstance(other, RangeSeries) else RangeSeries([exact(float(other))], self.order)

    def __add__(self, other: Any) -> RangeSeries:
        pairs = zip_longest(self.terms, self._lifted(other).terms)
        return RangeSeries([a if b is None else b if a is None else a + b for a, b in pairs], self.order)

    def __neg__(self) -> RangeSeries:
        return RangeSeries([-a for a in self.terms], self.order)

    def __sub__(self, other: Any) -> RangeSeries:
        return self + -self._lifted(other)

    def __rsub__(self, other: Any) -> RangeSeries:
        return self._lifted(other) + -self

    def __mul__(self, other: Any) -> RangeSeries:
        a, b = self.terms, self._lifted(other).terms
        found = [
            sum_of([a[j] * b[k - j] for j in range(max(0, k - len(b) + 1), min(k + 1, len(a)))])
            for k in range(min(len(a) + len(b) - 1, self.order + 1))
        ]
        if other is self:
            found[0] = a[0].square()
        return RangeSeries(found, self.order)

    def __truediv__(self, other: Any) -> RangeSeries:
        by, found = self._lifted(other).terms, list[Range]()
        inverse = by[0].inverse()
        for k in range(len(self.terms) if len(by) == 1 else self.order + 1):
            taken = [by[j] * found[k - j] for j in range(1, min(k + 1, len(by)))]
            found.append((self.term(k) - sum_of(taken) if taken else self.term(k)) * inverse)
        return RangeSeries(found, self.order)

    def __rtruediv__(self, other: Any) -> RangeSeries:
        return self._lifted(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def cut(self, least: float, most: float = np.inf) -> RangeSeries:
        """The same, of a function whose values are known to lie between bounds."""
        return RangeSeries([self.terms[0].cut(least, most), *self.terms[1:]], self.order)


def by_slopes(
    first: Sequence[Range], u: RangeSeries, slopes: Sequence[Callable[..., RangeSeries]]
) -> list[RangeSeries]:
    """Functions of u with given values, whose derivatives by u are functions of their own series, to the order known so far."""
    found = [[value] for value in first]
    for k in range(1, u.order + 1 if len(u.terms) > 1 else 1):
        own = [RangeSeries(terms, k - 1) for terms in found]
        for terms, slope in zip(found, slopes, strict=True):
            rate = slope(*own)
            parts = [exact(float(j)) * u.terms[j] * rate.term(k - j) for j in range(1, min(k + 1, len(u.terms)))]
            terms.append(sum_of(parts) * exact(float(k)).inverse())
    return [RangeSeries(terms, u.order) for terms in found]


def variable(x: Range, order: int) -> RangeSeries:
    """The variable."""
    return RangeSeries([x, exact(np.ones_like(x.lo))], order)
