"""Ranges of real numbers on float64 arrays, rounded outward, and functions of several variables over boxes with derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
ULP: Final = 2.0**-52
_LESS, _MORE = 1 - ULP, 1 + ULP
_SMALL: Final = 1e-290
"""Below this, products may lose digits to underflow."""


def down(x: Floats) -> Floats:
    """A number at least one unit in the last place below x; zero and infinity stay."""
    below: Floats = np.minimum(x * _LESS, x * _MORE)
    return below


def up(x: Floats) -> Floats:
    """A number at least one unit in the last place above x."""
    above: Floats = np.maximum(x * _LESS, x * _MORE)
    return above


@dataclass(frozen=True)
class Range:
    """All numbers from `lo` to `hi`, elementwise; an infinite end stands for numbers as large as you like."""

    lo: Floats
    hi: Floats

    def __add__(self, other: Range) -> Range:
        with np.errstate(invalid="ignore", over="ignore"):
            # A sum that is zero in float64 is exact (Sterbenz), so signs are kept.
            lo, hi = down(self.lo + other.lo), up(self.hi + other.hi)
        if np.isnan(lo).any() or np.isnan(hi).any():
            return Range(np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi))
        return Range(lo, hi)

    def __neg__(self) -> Range:
        return Range(-self.hi, -self.lo)

    def __sub__(self, other: Range) -> Range:
        return self + -other

    def __mul__(self, other: Range) -> Range:
        with np.errstate(invalid="ignore", over="ignore", under="ignore"):
            every = [x * y for x in (self.lo, self.hi) for y in (other.lo, other.hi)]
            lo = np.minimum(np.minimum(every[0], every[1]), np.minimum(every[2], every[3]))
            if np.isnan(lo).any():
                every = [np.where(np.isnan(p), 0.0, p) for p in every]
                lo = np.minimum(np.minimum(every[0], every[1]), np.minimum(every[2], every[3]))
            hi = np.maximum(np.maximum(every[0], every[1]), np.maximum(every[2], every[3]))
        lo, hi = down(lo), up(hi)
        if min(np.abs(lo).min(initial=1.0), np.abs(hi).min(initial=1.0)) < _SMALL:
            zero = ((self.lo == 0) & (self.hi == 0)) | ((other.lo == 0) & (other.hi == 0))
            signs = [(r.lo >= 0, r.hi <= 0) for r in (self, other)]
            rises = (signs[0][0] & signs[1][0]) | (signs[0][1] & signs[1][1]) | zero
            falls = (signs[0][0] & signs[1][1]) | (signs[0][1] & signs[1][0]) | zero
            lo = np.where((np.abs(lo) < _SMALL) & ~rises, -_SMALL, np.where(rises, np.maximum(lo, 0), lo))
            lo = np.where((lo < _SMALL) & rises, 0.0, lo)
            hi = np.where((np.abs(hi) < _SMALL) & ~falls, _SMALL, np.where(falls, np.minimum(hi, 0), hi))
            hi = np.where((hi > -_SMALL) & falls, 0.0, hi)
        return Range(lo, hi)

    def square(self) -> Range:
        """`x²`, never negative."""
        with np.errstate(over="ignore", under="ignore"):
            ends = self.lo * self.lo, self.hi * self.hi
        least = np.where((self.lo <= 0) & (self.hi >= 0), 0.0, np.minimum(*ends))
        most = np.maximum(*ends)
        least = np.where(least < _SMALL, 0.0, down(least))
        return Range(least, np.where((self.lo == 0) & (self.hi == 0), 0.0, np.maximum(up(most), _SMALL)))

    def inverse(self) -> Range:
        """`1/x`; unbounded where x may be zero, on one side only where zero is an end."""
        with np.errstate(divide="ignore", over="ignore", under="ignore"):
            lo, hi = down(1 / self.hi), up(1 / self.lo)
        up_, down_ = (self.lo >= 0) & (self.hi > 0), (self.hi <= 0) & (self.lo < 0)
        lo = np.where(up_, np.maximum(lo, 0), np.where(down_ & (self.hi < 0), lo, -np.inf))
        hi = np.where(down_, np.minimum(hi, 0), np.where(up_ & (self.lo > 0), hi, np.inf))
        return Range(lo, hi)

    def __getitem__(self, index: Any) -> Range:
        return Range(self.lo[index], self.hi[index])

    @property
    def size(self) -> Floats:
        """The largest magnitude."""
        return np.maximum(np.abs(self.lo), np.abs(self.hi))

    def cut(self, least: float, most: float = np.inf) -> Range:
        """The part between two numbers."""
        return Range(np.clip(self.lo, least, most), np.clip(self.hi, least, most))

    def hull(self, other: Range) -> Range:
        """The smallest range that contains both."""
        return Range(np.minimum(self.lo, other.lo), np.maximum(self.hi, other.hi))


def exact(value: Any) -> Range:
    """Exact numbers."""
    held = np.asarray(value, dtype=np.float64)
    return Range(held, held)


def around(value: Floats) -> Range:
    """Numbers of which these are the roundings."""
    return Range(down(value), up(value))


def sum_of(parts: Sequence[Range]) -> Range:
    """The sum of one or more ranges."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def whole_power(x: Range, n: int) -> Range:
    """`xⁿ` for an integer n."""
    if n < 0:
        return whole_power(x, -n).inverse()
    if n == 0:
        return exact(np.ones_like(x.lo))
    if n % 2:  # it rises
        low, high = (whole_power(end, n - 1) * end for end in (exact(x.lo), exact(x.hi)))
        return Range(low.lo, high.hi)
    return whole_power(x, n // 2).square()


Pair = tuple[int, int]


def _closely(a: Range, b: Range) -> Range:
    """A sum whose ends are not rounded where they are exact (Knuth): `1 + x` may lie at the end of a domain."""
    total, ends = a + b, list[Floats]()
    with np.errstate(invalid="ignore", over="ignore"):
        for x, y, rounded in ((a.lo, b.lo, total.lo), (a.hi, b.hi, total.hi)):
            plain = x + y
            back = plain - x
            ends.append(np.where((x - (plain - back)) + (y - back) == 0, plain, rounded))
    return Range(ends[0], ends[1])


@dataclass(frozen=True)
class Bundle:
    """W functions of n variables over B boxes.

    Attributes:
        pairs: The second derivatives that are known.
        v: Values `(B, W)`.
        d: Gradients `(B, n, W)`; None if unknown.
        h: Second derivatives `(B, P, W)`; None if unknown.
        sound: A mask `(B,)`: the functions certainly have a value everywhere on the box.
    """

    pairs: tuple[Pair, ...]
    v: Range
    d: Range | None
    h: Range | None
    sound: Mask

    def part(self, w: int) -> Bundle:
        """One of the functions."""
        at = (Ellipsis, slice(w, w + 1))
        d, h = (None if each is None else each[at] for each in (self.d, self.h))
        return replace(self, v=self.v[at], d=d, h=h)

    def parts(self) -> list[Bundle]:
        """All of the functions."""
        return [self.part(w) for w in range(self.v.lo.shape[1])]

    def __add__(self, other: Bundle) -> Bundle:
        d, h = (None if x is None or y is None else x + y for x, y in ((self.d, other.d), (self.h, other.h)))
        return replace(self, v=_closely(self.v, other.v), d=d, h=h, sound=self.sound & other.sound)

    def __neg__(self) -> Bundle:
        d, h = (None if each is None else -each for each in (self.d, self.h))
        return replace(self, v=-self.v, d=d, h=h)

    def __mul__(self, other: Bundle) -> Bundle:
        if self is other:
            two = exact(2.0)
            return through(self, self.v.square(), two * self.v, exact(np.full(self.v.lo.shape, 2.0)))
        a, b = self, other
        d = h = None
        if a.d is not None and b.d is not None:
            d = a.d * b.v[:, None] + b.d * a.v[:, None]
            if a.h is not None and b.h is not None:
                h = a.h * b.v[:, None] + b.h * a.v[:, None]
                if a.pairs:
                    i, j = np.array(a.pairs).T
                    h = h + (a.d[:, i] * b.d[:, j] + a.d[:, j] * b.d[:, i])
        return replace(a, v=a.v * b.v, d=d, h=h, sound=a.sound & b.sound)

    def scaled(self, factor: Range) -> Bundle:
        """Times numbers `(W,)`."""
        d, h = (None if each is None else each * factor for each in (self.d, self.h))
        return replace(self, v=self.v * factor, d=d, h=h)

    def moved(self, offset: Range) -> Bundle:
        """Plus numbers `(W,)`."""
        return replace(self, v=self.v + offset)

    def slope(self, a: int) -> Bundle:
        """The derivative along a variable, with its gradient if second derivatives are known."""
        assert self.d is not None
        d = None
        if self.h is not None:
            d = self.h[:, [self.pairs.index((min(a, b), max(a, b))) for b in range(self.d.lo.shape[1])]]
        return replace(self, v=self.d[:, a], d=d, h=None)

    def bend(self, a: int, b: int) -> Bundle:
        """A second derivative."""
        assert self.h is not None
        return replace(self, v=self.h[:, self.pairs.index((min(a, b), max(a, b)))], d=None, h=None)


def through(f: Bundle, value: Range, first: Range, second: Range, sound: Mask | None = None) -> Bundle:
    """The chain rule for a function of one variable with these derivatives over `f.v`."""
    d = None if f.d is None else f.d * first[:, None]
    h = None if f.h is None else f.h * first[:, None]
    if h is not None and f.d is not None and f.pairs:
        h = h + squares(f.d, f.pairs) * second[:, None]
    return replace(f, v=value, d=d, h=h, sound=f.sound if sound is None else f.sound & sound)


def squares(d: Range, pairs: Sequence[Pair]) -> Range:
    """`d_a d_b` for all pairs, never negative where a is b."""
    i, j = np.array(pairs).T
    found = d[:, i] * d[:, j]
    same = i == j
    if same.any():
        square = d[:, i[same]].square()
        found.lo[:, same], found.hi[:, same] = square.lo, square.hi
    return found


def beside(parts: Sequence[Bundle]) -> Bundle:
    """Functions side by side."""

    def together(ranges: list[Range | None]) -> Range | None:
        known = [each for each in ranges if each is not None]
        if len(known) < len(ranges):
            return None
        return Range(np.concatenate([r.lo for r in known], -1), np.concatenate([r.hi for r in known], -1))

    v = together([part.v for part in parts])
    assert v is not None
    sound = np.logical_and.reduce([part.sound for part in parts])
    d, h = (together([getattr(part, key) for part in parts]) for key in ("d", "h"))
    return Bundle(parts[0].pairs, v, d, h, sound)


def variables(lo: Floats, hi: Floats, order: int, pairs: Sequence[Pair]) -> Bundle:
    """The variables themselves over boxes `(B, n)`."""
    (batch, n), pairs = lo.shape, tuple(pairs)
    d = exact(np.broadcast_to(np.eye(n), (batch, n, n))) if order >= 1 else None
    h = exact(np.zeros((batch, len(pairs), n))) if order >= 2 else None
    return Bundle(pairs, Range(lo, hi), d, h, np.ones(batch, dtype=bool))


def constant(like: Bundle, value: float) -> Bundle:
    """A constant as one function over the boxes of another bundle."""
    batch, n = len(like.sound), 0 if like.d is None else like.d.lo.shape[1]
    d = None if like.d is None else exact(np.zeros((batch, n, 1)))
    h = None if like.h is None else exact(np.zeros((batch, len(like.pairs), 1)))
    return Bundle(like.pairs, exact(np.full((batch, 1), value)), d, h, np.ones(batch, dtype=bool))
