"""The checker's own arithmetic: functions with gradients and second derivatives, in floating point made wider after every step.

It shares nothing with the prover's enclosures, so that one does not repeat the other's mistakes. Splines are taken to a box by their
polar form, whose values at the ends of the box are Bernstein coefficients there; a base function by its value and slope in the middle
and a bound of its curvature. Every operation widens its result by four units of 2⁻⁵³, and keeps signs and zeros.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.axioms.verify.numbers import LayerNumbers
from splinework.bases import activation
from splinework.errors import ConfigError

Floats = NDArray[np.float64]
_WIDER: Final = 4 * 2.0**-53
_LEAST: Final = 1e-300
_CURVES: Final = {
    "silu": (1.1, 0.51, 0.31, 0.52),
    "gelu": (1.13, 0.81, 0.81, 2.4),
    "tanh": (1.0, 0.78, 2.01, 4.1),
    "sin": (1.0, 1.0, 1.0, 1.0),
    "identity": (1.0, 0.0, 0.0, 0.0),
}
"""Bounds of the first to fourth derivatives of base functions over the line."""


@dataclass(frozen=True)
class Range:
    """What numbers can be: lower and upper ends, arrays of one shape."""

    a: Floats
    b: Floats

    def __add__(self, other: "Range") -> "Range":
        return _wider(self.a + other.a, self.b + other.b)

    def __neg__(self) -> "Range":
        return Range(-self.b, -self.a)

    def __mul__(self, other: "Range") -> "Range":
        with np.errstate(invalid="ignore", over="ignore"):
            ends = [np.nan_to_num(x * y, nan=0.0, posinf=np.inf, neginf=-np.inf) for x in (self.a, self.b) for y in (other.a, other.b)]
        low, high = np.minimum.reduce(ends), np.maximum.reduce(ends)
        mixed = ((self.a < 0) & (other.b > 0)) | ((self.b > 0) & (other.a < 0))
        same = ((self.a < 0) & (other.a < 0)) | ((self.b > 0) & (other.b > 0))
        low, high = np.where(mixed & (low == 0), -_LEAST, low), np.where(same & (high == 0), _LEAST, high)
        return _wider(low, high)

    def square(self) -> "Range":
        """Never negative."""
        most = np.maximum(self.a * self.a, self.b * self.b)
        least = np.where((self.a <= 0) & (self.b >= 0), 0.0, np.minimum(self.a * self.a, self.b * self.b))
        return _wider(least, most)

    def inverse(self) -> "Range":
        """`1/x`; everything where zero may be met."""
        with np.errstate(divide="ignore"):
            low, high = 1 / self.b, 1 / self.a
        bad = (self.a <= 0) & (self.b >= 0)
        low = np.where(bad & (self.a == 0) & (self.b > 0), low, np.where(bad, -np.inf, low))
        return _wider(low, np.where(bad, np.inf, high))

    def part(self, *index: Any) -> "Range":
        """The same part of both ends."""
        return Range(self.a[index], self.b[index])


def _wider(low: Floats, high: Floats) -> Range:
    return Range(low - np.abs(low) * _WIDER, high + np.abs(high) * _WIDER) if _finite(low, high) else _open(low, high)


def _finite(low: Floats, high: Floats) -> bool:
    return bool(np.isfinite(low).all() and np.isfinite(high).all())


def _open(low: Floats, high: Floats) -> Range:
    """Ends of which some are infinite."""
    with np.errstate(invalid="ignore"):
        a = np.where(np.isfinite(low), low - np.abs(low) * _WIDER, -np.inf)
        b = np.where(np.isfinite(high), high + np.abs(high) * _WIDER, np.inf)
    return Range(a, b)


def exact(value: Any) -> Range:
    """Numbers."""
    held = np.asarray(value, dtype=np.float64)
    return Range(held, held)


@dataclass(frozen=True)
class Function:
    """A function of n variables over B boxes: values `(B,)`, gradient `(B, n)`, second derivatives `(B, n, n)`.

    `order` says how many of them are right; the others are None.
    """

    order: int
    v: Range
    d: Range | None = None
    h: Range | None = None


def _outer(d: Range, e: Range) -> Range:
    """`d_a e_b`, squares on the diagonal of `d d`."""
    product = d.part(slice(None), slice(None), None) * e.part(slice(None), None, slice(None))
    if d is not e:
        return product
    square = d.square()
    every = np.arange(square.a.shape[1])
    product.a[:, every, every], product.b[:, every, every] = square.a, square.b
    return product


def _column(a: Range, more: int) -> Range:
    return Range(a.a.reshape(a.a.shape + (1,) * more), a.b.reshape(a.b.shape + (1,) * more))


def add(f: Function, g: Function) -> Function:
    """`f + g`."""
    order = min(f.order, g.order)
    d = f.d + g.d if order >= 1 and f.d is not None and g.d is not None else None
    return Function(order, f.v + g.v, d, f.h + g.h if order >= 2 and f.h is not None and g.h is not None else None)


def negative(f: Function) -> Function:
    """`-f`."""
    return Function(f.order, -f.v, None if f.d is None else -f.d, None if f.h is None else -f.h)


def times(f: Function, g: Function) -> Function:
    """`f g`."""
    if f is g:
        return through(f, whole_power(f.v, 2), exact(2.0) * f.v, exact(np.full_like(f.v.a, 2.0)))
    order = min(f.order, g.order)
    d = h = None
    if order >= 1 and f.d is not None and g.d is not None:
        d = f.d * _column(g.v, 1) + g.d * _column(f.v, 1)
        if order >= 2 and f.h is not None and g.h is not None:
            h = f.h * _column(g.v, 2) + g.h * _column(f.v, 2) + (_outer(f.d, g.d) + _outer(g.d, f.d))
    return Function(order, f.v * g.v, d, h)


def through(f: Function, value: Range, first: Range, second: Range) -> Function:
    """The chain rule for a function of one variable with these derivatives."""
    d = h = None
    if f.d is not None:
        d = f.d * _column(first, 1)
        if f.h is not None:
            h = _outer(f.d, f.d) * _column(second, 2) + f.h * _column(first, 2)
    return Function(f.order, value, d, h)


def whole_power(x: Range, n: int) -> Range:
    if n < 0:
        return whole_power(x, -n).inverse()
    result = exact(np.ones_like(x.a))
    half = x
    while n:
        result = result * half if n % 2 else result
        half, n = half.square(), n // 2
    return result


# ------------------------------------------------------------------------------------------------------- layers


def spline(knots: Floats, c: Floats, error: Floats, degree: int, x: Range) -> Range:
    """Ranges `(B, J)` of the splines with coefficients `(M, J)` over intervals within the knots; 0 outside them."""
    k = degree
    t = np.concatenate([np.repeat(knots[:1], k), knots, np.repeat(knots[-1:], k)])
    c, error = np.pad(c, ((k, k), (0, 0))), np.pad(error, ((k, k), (0, 0)))
    low = np.full((len(x.a), c.shape[1]), np.inf)
    high = -low
    beyond = (x.b >= knots[-1]) | (x.a <= knots[0])
    low[beyond], high[beyond] = 0.0, 0.0
    for cell in range(len(knots) - 1):
        start, stop = knots[cell], knots[cell + 1]
        met = np.flatnonzero((x.a <= stop) & (x.b >= start)) if stop > start else np.empty(0, dtype=np.intp)
        if not len(met):
            continue
        ends = np.maximum(x.a[met], start), np.minimum(x.b[met], stop)
        active = c[cell : cell + k + 1]
        doubt = np.abs(active).max(0) * (10 * k + 10) * 2.0**-53 + error[cell : cell + k + 1].max(0) * 1.001
        least, most = np.full((len(met), c.shape[1]), np.inf), np.full((len(met), c.shape[1]), -np.inf)
        for p in range(k + 1):
            values = [np.broadcast_to(row, (len(met), c.shape[1])) for row in active]
            for stage in range(1, k + 1):
                u = (ends[0] if stage <= k - p else ends[1])[:, None]
                for m in range(k - stage + 1):
                    first, last = t[cell + stage + m], t[cell + m + k + 1]
                    values[m] = ((last - u) * values[m] + (u - first) * values[m + 1]) / (last - first)
            least, most = np.minimum(least, values[0]), np.maximum(most, values[0])
        rising, falling = (active >= 0).all(0), (active <= 0).all(0)
        least = np.where(rising, np.maximum(least - doubt, 0), least - doubt)
        most = np.where(falling, np.minimum(most + doubt, 0), most + doubt)
        low[met], high[met] = np.minimum(low[met], least), np.maximum(high[met], most)
    return Range(low, high)


def differentiated(knots: Floats, c: Floats, error: Floats, degree: int) -> tuple[Floats, Floats]:
    """Coefficients of the derivative on the same knots, and their error."""
    wide, loose = np.pad(c, ((1, 1), (0, 0))), np.pad(error, ((1, 1), (0, 0)))
    size = len(wide) - 1
    span = knots[degree : degree + size] - knots[:size]
    rate = np.where(span > 0, degree / np.where(span > 0, span, 1.0), 0.0)[:, None]
    found = np.diff(wide, axis=0) * rate
    return found, (loose[1:] + loose[:-1]) * rate * 1.001 + 8 * 2.0**-53 * np.abs(found)


class Layer:
    """One layer of B-splines, with or without a base function.

    Raises:
        ConfigError: For another basis.
    """

    def __init__(self, numbers: LayerNumbers) -> None:
        if numbers.basis.name != "bspline":
            raise ConfigError(f"the checker knows B-splines only, got the basis {numbers.basis.name}.")
        self.n, self.degree = numbers, int(numbers.basis.degree)  # type: ignore[attr-defined]
        self.splines = [self._derivatives(i) for i in range(len(numbers.knots))]
        self.base = activation(numbers.base)

    def _derivatives(self, i: int) -> list[tuple[Floats, Floats, int]]:
        c, k = self.n.c[i], self.degree
        found = [(c, np.zeros_like(c), k)]
        for _ in range(min(k, 2)):
            c, error, k = found[-1]
            found.append((*differentiated(self.n.knots[i], c, error, k), k - 1))
        return found

    def ranges(self, i: int, x: Range, order: int) -> Range:
        """The order-th derivative of the edges from input i, `(B, J)`."""
        low, high = (float(end[i]) for end in self.n.domain)
        kind = self.n.extrapolation
        if kind in ("zero", "natural"):
            return self._body(i, x, order, low=-np.inf, high=np.inf)
        inside = Range(np.clip(x.a, low, high), np.clip(x.b, low, high))
        found = self._body(i, inside, order, low=low, high=high)
        for end, beyond in ((low, np.minimum(x.a - low, 0)), (high, np.maximum(x.b - high, 0))):
            out = np.flatnonzero(beyond)
            if not len(out):
                continue
            at = Range(np.array([end]), np.array([end]))
            slope = self._body(i, at, 1, low=low, high=high)
            if kind == "constant":
                tail = self._body(i, at, 0, low=low, high=high) if order == 0 else exact(np.zeros((1, found.a.shape[1])))
                if order == 2:  # the corner at the end
                    flat = (slope.a == 0) & (slope.b == 0)
                    tail = Range(np.where(flat, 0.0, -np.inf), np.where(flat, 0.0, np.inf))
            elif order == 0:
                away = Range(np.minimum(beyond[out], 0)[:, None], np.maximum(beyond[out], 0)[:, None])
                tail = self._body(i, at, 0, low=low, high=high) + slope * away
            else:
                tail = slope if order == 1 else exact(np.zeros((1, found.a.shape[1])))
            tail = Range(np.where(np.isnan(tail.a), -np.inf, tail.a), np.where(np.isnan(tail.b), np.inf, tail.b))
            found.a[out], found.b[out] = np.minimum(found.a[out], tail.a), np.maximum(found.b[out], tail.b)
        return found

    def _body(self, i: int, x: Range, order: int, *, low: float, high: float) -> Range:
        """Within the grid (or for `natural` within all knots), both sides of a jump of a derivative counted."""
        knots = self.n.knots[i]
        weight = self.n.weight[i]
        shape = (len(x.a), len(weight))
        if order < len(self.splines[i]):
            c, error, degree = self.splines[i][order]
            found = spline(knots, c, error, degree, x) * exact(weight[None])
        else:
            found = exact(np.zeros(shape))
        found = self._with_corners(i, x, order, found, low=low, high=high)
        if self.base is None or self.n.base_weight is None:
            return Range(found.a.copy(), found.b.copy())
        base = self._base(x, order)
        return found + _column(base, 1) * exact(self.n.base_weight[i][None])

    def _with_corners(self, i: int, x: Range, order: int, found: Range, *, low: float, high: float) -> Range:
        """Infinite where a lower derivative may jump at a knot that is met; on one side, where the sign of the jump is known."""
        knots, weight = self.n.knots[i], self.n.weight[i]
        repeated = bool((np.diff(knots) <= 0).any())
        if order == 0 or not (order > self.degree or repeated):
            return found
        up, down = np.ones((len(knots), len(weight)), dtype=bool), np.ones((len(knots), len(weight)), dtype=bool)
        if order == self.degree + 1 and not repeated:
            c, error, _ = self.splines[i][self.degree]  # constant on every knot interval
            jump, doubt = np.diff(c, axis=0), (error[1:] + error[:-1]) * 1.001
            jump, doubt = jump * np.sign(weight), doubt * (jump != 0)
            up[1 : len(jump) + 1], down[1 : len(jump) + 1] = jump + doubt > 0, jump - doubt < 0
        inner = (knots > low) & (knots < high)
        met = (inner & (x.a[:, None] <= knots) & (x.b[:, None] >= knots))[:, :, None] & (weight != 0)
        rises, falls = (met & up).any(1), (met & down).any(1)
        return Range(np.where(falls, -np.inf, found.a), np.where(rises, np.inf, found.b))

    def _base(self, x: Range, order: int) -> Range:
        assert self.base is not None
        middle, half = x.a / 2 + x.b / 2, (x.b - x.a) / 2 * (1 + 1e-15) + 1e-300
        at = torch.from_numpy(np.ascontiguousarray(middle))
        value, slope = (self.base.derivative(at, r).numpy() for r in (order, order + 1))
        curves = _CURVES[self.n.base]
        off = np.abs(slope) * half + curves[order + 1] * half**2 / 2
        off = np.minimum(off, curves[order] * half) * (1 + 1e-12) + 1e-12 * (1 + np.abs(value))
        if self.n.base == "identity":
            off = half * (order == 0)
        return _wider(value - off, value + off)


def run_layer(layer: Layer, x: Sequence[Function]) -> list[Function]:
    """`Σ_i φ_ij(x_i) + bias_j`, and its derivatives."""
    n, outputs = layer.n, layer.n.weight.shape[1]
    batch = max(len(f.v.a) for f in x)
    order = min(f.order for f in x)
    total = [exact(np.broadcast_to(n.bias, (batch, outputs)).copy()), None, None]
    for i, f in enumerate(x):
        parts: list[Range | None] = [layer.ranges(i, f.v, 0), None, None]
        if order >= 1 and f.d is not None:
            first = layer.ranges(i, f.v, 1)
            parts[1] = _column(first, 1) * f.d.part(slice(None), None)
            if order >= 2 and f.h is not None:
                second = layer.ranges(i, f.v, 2)
                bent = _column(second, 2) * _outer(f.d, f.d).part(slice(None), None)
                parts[2] = bent + _column(first, 2) * f.h.part(slice(None), None)
        total = [p if s is None else s if p is None else s + p for s, p in zip(total, parts, strict=True)]
    v, d, h = total
    assert v is not None
    return [
        Function(
            order,
            v.part(slice(None), j),
            None if d is None else d.part(slice(None), j),
            None if h is None else h.part(slice(None), j),
        )
        for j in range(outputs)
    ]
