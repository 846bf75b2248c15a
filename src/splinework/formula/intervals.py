"""Interval arithmetic on float64 arrays with outward rounding: every result contains the exact one.

Every result is rounded outward by one unit in the last place, or by the classical bound of a sum,
`γ_n Σ|x_i|` with `γ_n = n u / (1 - n u)`, `u = 2⁻⁵³` (Higham 2002, section 3.1). Signs are exact: sums and products
of non-negative numbers are never negative, and zero times anything is zero.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
U: Final = 2.0**-53
_INF: Final = np.inf


class Interval(NamedTuple):
    """Lower and upper ends, arrays of one shape."""

    lo: Floats
    hi: Floats

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the ends."""
        return self.lo.shape

    @property
    def width(self) -> Floats:
        """`hi - lo`, rounded up."""
        width: Floats = np.nextafter(self.hi - self.lo, _INF)
        return width

    @property
    def magnitude(self) -> Floats:
        """The largest absolute value."""
        return np.maximum(np.abs(self.lo), np.abs(self.hi))

    def take(self, *index: object) -> "Interval":
        """The same part of both ends."""
        return Interval(self.lo[index], self.hi[index])  # type: ignore[index]


def gamma(count: int) -> float:
    """`γ_n`, rounded up."""
    return count * U / (1 - count * U) * (1 + 4 * U)


def down(x: Floats) -> Floats:
    """The next number below."""
    below: Floats = np.nextafter(x, -_INF)
    return below


def up(x: Floats) -> Floats:
    """The next number above."""
    above: Floats = np.nextafter(x, _INF)
    return above


def exactly(x: object) -> Interval:
    """Degenerate intervals of exact numbers."""
    array = np.asarray(x, dtype=np.float64)
    return Interval(array, array)


def zeros(*shape: int) -> Interval:
    """Exact zeros."""
    return Interval(np.zeros(shape), np.zeros(shape))


def everything(*shape: int) -> Interval:
    """The whole real line."""
    return Interval(np.full(shape, -_INF), np.full(shape, _INF))


def add(a: Interval, b: Interval) -> Interval:
    """`a + b`; exact ends are not rounded."""
    with np.errstate(invalid="ignore", over="ignore"):
        lo, hi = a.lo + b.lo, a.hi + b.hi
        return Interval(
            np.where(_lost(a.lo, b.lo, lo) >= 0, lo, down(lo)), np.where(_lost(a.hi, b.hi, hi) <= 0, hi, up(hi))
        )


def _lost(a: Floats, b: Floats, rounded: Floats) -> Floats:
    """The rounding error of `a + b`, exactly (two-sum, Knuth 1998, section 4.2.2); NaN for infinities."""
    part = rounded - a
    lost: Floats = (a - (rounded - part)) + (b - part)
    return lost


def negative(a: Interval) -> Interval:
    """`-a`."""
    return Interval(-a.hi, -a.lo)


def subtract(a: Interval, b: Interval) -> Interval:
    """`a - b`."""
    return add(a, negative(b))


def multiply(a: Interval, b: Interval) -> Interval:
    """`a b`; shapes broadcast."""
    with np.errstate(invalid="ignore", over="ignore"):
        products = (a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi)
        lo = np.minimum(np.minimum(products[0], products[1]), np.minimum(products[2], products[3]))
        if np.isnan(lo).any():  # zero times an infinite end, which stands for large finite numbers: zero
            products = tuple(np.where(np.isnan(p), 0.0, p) for p in products)  # type: ignore[assignment]
            lo = np.minimum(np.minimum(products[0], products[1]), np.minimum(products[2], products[3]))
        hi = np.maximum(np.maximum(products[0], products[1]), np.maximum(products[2], products[3]))
    return _signed(a, b, down(lo), up(hi))


def _signed(a: Interval, b: Interval, lo: Floats, hi: Floats) -> Interval:
    """The product with the exact sign of its factors."""
    a_up, a_down, b_up, b_down = a.lo >= 0, a.hi <= 0, b.lo >= 0, b.hi <= 0
    zero = (a_up & a_down) | (b_up & b_down)
    lo = np.where((a_up & b_up) | (a_down & b_down) | zero, np.maximum(lo, 0), lo)
    return Interval(lo, np.where((a_up & b_down) | (a_down & b_up) | zero, np.minimum(hi, 0), hi))


def squared(a: Interval) -> Interval:
    """`a²`, never negative."""
    with np.errstate(over="ignore"):
        low, high = a.lo * a.lo, a.hi * a.hi
    holds_zero = (a.lo <= 0) & (a.hi >= 0)
    lo = np.where(holds_zero, 0.0, np.maximum(down(np.minimum(low, high)), 0))
    most = np.maximum(low, high)
    return Interval(lo, np.where((a.lo == 0) & (a.hi == 0), 0.0, up(most)))  # what underflows is more than zero


def reciprocal(a: Interval) -> Interval:
    """`1 / a`; the whole line where zero is inside a, a half line where it is an end."""
    with np.errstate(divide="ignore", over="ignore"):
        lo, hi = down(1 / a.hi), up(1 / a.lo)
    inside = (a.lo < 0) & (a.hi > 0) | ((a.lo == 0) & (a.hi == 0))
    lo = np.where(a.lo >= 0, np.maximum(lo, 0), lo)
    hi = np.where(a.hi <= 0, np.minimum(hi, 0), hi)
    lo = np.where(inside | ((a.hi == 0) & (a.lo < 0)), -_INF, lo)
    hi = np.where(inside | ((a.lo == 0) & (a.hi > 0)), _INF, hi)
    return Interval(lo, hi)


def total(a: Interval, axis: int) -> Interval:
    """The sum along an axis."""
    bound = gamma(2 * a.lo.shape[axis] + 8)
    with np.errstate(over="ignore", invalid="ignore"):
        lo = down(a.lo.sum(axis) - bound * np.abs(a.lo).sum(axis))
        hi = up(a.hi.sum(axis) + bound * np.abs(a.hi).sum(axis))
    lo = np.where(a.lo.min(axis, initial=0.0) >= 0, np.maximum(lo, 0), lo)
    return Interval(lo, np.where(a.hi.max(axis, initial=0.0) <= 0, np.minimum(hi, 0), hi))


def intersect(a: Interval, b: Interval) -> Interval:
    """The intersection of two enclosures of the same number; `a` if rounding makes it empty."""
    lo, hi = np.maximum(a.lo, b.lo), np.minimum(a.hi, b.hi)
    sound = lo <= hi
    return Interval(np.where(sound, lo, a.lo), np.where(sound, hi, a.hi))


def hull(a: Interval, b: Interval) -> Interval:
    """The convex hull of both."""
    return Interval(np.minimum(a.lo, b.lo), np.maximum(a.hi, b.hi))


def stack(parts: list[Interval], axis: int) -> Interval:
    """Intervals stacked along a new axis."""
    shape = np.broadcast_shapes(*(part.lo.shape for part in parts))
    return Interval(
        np.stack([np.broadcast_to(part.lo, shape) for part in parts], axis),
        np.stack([np.broadcast_to(part.hi, shape) for part in parts], axis),
    )
