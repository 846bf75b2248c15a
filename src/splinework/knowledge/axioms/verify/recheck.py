"""The checker's own arithmetic: ranges of functions with gradients and second derivatives, widened after every operation.

It shares nothing with the prover's enclosures, so that errors are not repeated. Splines are bounded on a box by their polar form,
whose values at the ends are Bernstein coefficients there; base functions by value and slope at the centre and a bound of the
curvature. Every operation widens its result by four units of 2⁻⁵³, and preserves signs and zeros.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_RELATIVE_WIDENING: Final = 4 * 2.0**-53
_MIN_MAGNITUDE: Final = 1e-300


@dataclass(frozen=True)
class Range:
    """Ranges of numbers: lower and upper ends, arrays of the same shape."""

    a: Floats
    b: Floats

    def __add__(self, other: "Range") -> "Range":
        with np.errstate(over="ignore", invalid="ignore"):
            return widened(self.a + other.a, self.b + other.b)

    def __neg__(self) -> "Range":
        return Range(-self.b, -self.a)

    def __mul__(self, other: "Range") -> "Range":
        with np.errstate(invalid="ignore", over="ignore"):
            ends = [
                np.nan_to_num(x * y, nan=0.0, posinf=np.inf, neginf=-np.inf)
                for x in (self.a, self.b)
                for y in (other.a, other.b)
            ]
        low, high = np.minimum.reduce(ends), np.maximum.reduce(ends)
        mixed = ((self.a < 0) & (other.b > 0)) | ((self.b > 0) & (other.a < 0))
        same = ((self.a < 0) & (other.a < 0)) | ((self.b > 0) & (other.b > 0))
        low, high = (
            np.where(mixed & (low == 0), -_MIN_MAGNITUDE, low),
            np.where(same & (high == 0), _MIN_MAGNITUDE, high),
        )
        return widened(low, high)

    def square(self) -> "Range":
        """Never negative."""
        with np.errstate(over="ignore"):
            ends = self.a * self.a, self.b * self.b
        least = np.where((self.a <= 0) & (self.b >= 0), 0.0, np.minimum(*ends))
        return widened(least, np.maximum(*ends))

    def inverse(self) -> "Range":
        """`1/x`; unbounded if x may be zero."""
        with np.errstate(divide="ignore"):
            low, high = 1 / self.b, 1 / self.a
        bad = (self.a <= 0) & (self.b >= 0)
        low = np.where(bad & (self.a == 0) & (self.b > 0), low, np.where(bad, -np.inf, low))
        return widened(low, np.where(bad, np.inf, high))

    def part(self, *index: Any) -> "Range":
        """The same part of both ends."""
        return Range(self.a[index], self.b[index])


def widened(low: Floats, high: Floats) -> Range:
    """Both ends moved outward; zeros are kept."""
    return (
        Range(low - np.abs(low) * _RELATIVE_WIDENING, high + np.abs(high) * _RELATIVE_WIDENING)
        if _finite(low, high)
        else _widened_unbounded(low, high)
    )


def _finite(low: Floats, high: Floats) -> bool:
    return bool(np.isfinite(low).all() and np.isfinite(high).all())


def _widened_unbounded(low: Floats, high: Floats) -> Range:
    """The same for ends of which some are infinite."""
    with np.errstate(invalid="ignore"):
        a = np.where(np.isfinite(low), low - np.abs(low) * _RELATIVE_WIDENING, -np.inf)
        b = np.where(np.isfinite(high), high + np.abs(high) * _RELATIVE_WIDENING, np.inf)
    return Range(a, b)


def exact(value: Any) -> Range:
    """Exact numbers as ranges."""
    held = np.asarray(value, dtype=np.float64)
    return Range(held, held)


@dataclass(frozen=True)
class RangeJet:
    """A function of n variables over B boxes: values `(B,)`, gradient `(B, n)`, second derivatives `(B, n, n)`.

    `order` is the highest order of valid derivatives; others may be None.
    """

    order: int
    v: Range
    d: Range | None = None
    h: Range | None = None


def outer(d: Range, e: Range) -> Range:
    """`d_a e_b`, squares on the diagonal of `d d`."""
    product = d.part(slice(None), slice(None), None) * e.part(slice(None), None, slice(None))
    if d is not e:
        return product
    square = d.square()
    every = np.arange(square.a.shape[1])
    product.a[:, every, every], product.b[:, every, every] = square.a, square.b
    return product


def column(a: Range, more: int) -> Range:
    """A range with further axes of length one at the end."""
    return Range(a.a.reshape(a.a.shape + (1,) * more), a.b.reshape(a.b.shape + (1,) * more))


def add(f: RangeJet, g: RangeJet) -> RangeJet:
    """`f + g`."""
    order = min(f.order, g.order)
    d = f.d + g.d if order >= 1 and f.d is not None and g.d is not None else None
    return RangeJet(order, f.v + g.v, d, f.h + g.h if order >= 2 and f.h is not None and g.h is not None else None)


def negative(f: RangeJet) -> RangeJet:
    """`-f`."""
    return RangeJet(f.order, -f.v, None if f.d is None else -f.d, None if f.h is None else -f.h)


def times(f: RangeJet, g: RangeJet) -> RangeJet:
    """`f g`."""
    if f is g:
        return through(f, whole_power(f.v, 2), exact(2.0) * f.v, exact(np.full_like(f.v.a, 2.0)))
    order = min(f.order, g.order)
    d = h = None
    if order >= 1 and f.d is not None and g.d is not None:
        d = f.d * column(g.v, 1) + g.d * column(f.v, 1)
        if order >= 2 and f.h is not None and g.h is not None:
            h = f.h * column(g.v, 2) + g.h * column(f.v, 2) + (outer(f.d, g.d) + outer(g.d, f.d))
    return RangeJet(order, f.v * g.v, d, h)


def through(f: RangeJet, value: Range, first: Range, second: Range) -> RangeJet:
    """The chain rule for a function of one variable with these derivatives."""
    d = h = None
    if f.d is not None:
        d = f.d * column(first, 1)
        if f.h is not None:
            h = outer(f.d, f.d) * column(second, 2) + f.h * column(first, 2)
    return RangeJet(f.order, value, d, h)


def whole_power(x: Range, n: int) -> Range:
    """`xⁿ` for a whole number n."""
    if n < 0:
        return whole_power(x, -n).inverse()
    result = exact(np.ones_like(x.a))
    half = x
    while n:
        result = result * half if n % 2 else result
        half, n = half.square(), n // 2
    return result
