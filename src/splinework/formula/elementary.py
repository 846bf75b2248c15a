"""Interval extensions of the elementary functions and their first two derivatives.

Values come from NumPy's float64 functions, which are assumed accurate to a relative error of 16·2⁻⁵³ (documented: 4 units in the
last place), and are rounded outward by as much, but within the known range of a function.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from splinework.formula.functions import FUNCTIONS
from splinework.formula.intervals import (
    Floats,
    Interval,
    U,
    add,
    everything,
    exactly,
    intersect,
    multiply,
    negative,
    reciprocal,
    squared,
    subtract,
)

_REL_ERROR: Final = 16 * U
_INF: Final = np.inf
_HALF_PI: Final = 1.5707963267948968  # π/2 rounded up
_LARGEST: Final = float(np.finfo(np.float64).max)
Jet3 = tuple[Interval, Interval, Interval]
"""Values, first and second derivatives of a function over intervals."""


def outward(lo: Floats, hi: Floats, least: float = -_INF, most: float = _INF) -> Interval:
    """Outward-rounded values at both ends within the range of the function; the whole range where undefined."""
    lo = np.where(lo == _INF, _LARGEST, lo)  # overflow: at least the largest double
    lo = np.where(np.isnan(lo), least, np.maximum(lo - np.abs(lo) * _REL_ERROR, least))
    hi = np.where(np.isnan(hi), most, np.minimum(hi + np.abs(hi) * _REL_ERROR, most))
    return Interval(lo, hi)


def rising(f: Callable[[Floats], Floats], x: Interval, least: float = -_INF, most: float = _INF) -> Interval:
    """The interval extension of an increasing function, within its range."""
    with np.errstate(all="ignore"):
        return outward(f(x.lo), f(x.hi), least, most)


def _ones(x: Interval) -> Interval:
    return exactly(np.ones(x.shape))


def _exp(x: Interval) -> Jet3:
    value = rising(np.exp, x, 0.0)
    return value, value, value


def _log(x: Interval) -> Jet3:
    positive = Interval(np.maximum(x.lo, 0.0), np.maximum(x.hi, 0.0))
    slope = reciprocal(positive)
    return rising(np.log, positive), slope, negative(squared(slope))


def _sqrt(x: Interval) -> Jet3:
    value = rising(np.sqrt, Interval(np.maximum(x.lo, 0.0), np.maximum(x.hi, 0.0)), 0.0)
    slope = multiply(exactly(0.5), reciprocal(value))
    return value, slope, negative(multiply(multiply(slope, slope), reciprocal(value)))


def _tanh(x: Interval) -> Jet3:
    value = rising(np.tanh, x, -1.0, 1.0)
    slope = subtract(_ones(x), squared(value))
    slope = Interval(np.clip(slope.lo, 0.0, 1.0), np.clip(slope.hi, 0.0, 1.0))
    return value, slope, multiply(multiply(exactly(-2.0), value), slope)


def _logistic(x: Floats) -> Floats:
    value: Floats = np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))
    return value


def _sigmoid(x: Interval) -> Jet3:
    value = rising(_logistic, x, 0.0, 1.0)
    rest = rising(_logistic, negative(x), 0.0, 1.0)
    slope = multiply(value, rest)
    slope = Interval(np.clip(slope.lo, 0.0, 0.25), np.clip(slope.hi, 0.0, 0.25))
    return value, slope, multiply(slope, subtract(rest, value))


def _softplus(x: Interval) -> Jet3:
    value = rising(lambda z: np.logaddexp(0.0, z), x, 0.0)
    first, second, _ = _sigmoid(x)
    return value, first, second


def _wave(x: Interval, quarter: float) -> Interval:
    """Sine of `x + quarter π/2`: values at the ends, and the extrema in between."""
    wave: Callable[[Floats], Floats] = np.cos if quarter % 2 else np.sin
    sign = 1.0 if quarter < 2 else -1.0
    with np.errstate(all="ignore"):
        a, b = sign * wave(x.lo), sign * wave(x.hi)
        # In turns, so that crests are at integers; a crest within the rounding error counts as reached.
        slack = 1e-12 + 4 * U * np.maximum(np.abs(x.lo), np.abs(x.hi))
        low, high = (x.lo - slack) / (2 * np.pi) + quarter / 4, (x.hi + slack) / (2 * np.pi) + quarter / 4
        crest = np.floor(high - 0.25) >= np.ceil(low - 0.25)
        trough = np.floor(high - 0.75) >= np.ceil(low - 0.75)
        value = outward(np.minimum(a, b), np.maximum(a, b), -1.0, 1.0)
    lo, hi = np.where(trough, -1.0, value.lo), np.where(crest, 1.0, value.hi)
    wild = ~(np.isfinite(x.lo) & np.isfinite(x.hi)) | (np.maximum(np.abs(x.lo), np.abs(x.hi)) > 1e9)
    return Interval(np.where(wild, -1.0, lo), np.where(wild, 1.0, hi))


def _tan(x: Interval) -> Jet3:
    """`tan`: the whole real line where the interval may contain a pole."""
    cosine = _wave(x, 1.0)
    pole = (cosine.lo <= 0) & (cosine.hi >= 0)
    value = rising(np.tan, x)
    value = Interval(np.where(pole, -_INF, value.lo), np.where(pole, _INF, value.hi))
    slope = add(_ones(x), squared(value))
    return value, slope, multiply(multiply(exactly(2.0), value), slope)


def _sinh(x: Interval) -> Jet3:
    value = rising(np.sinh, x)
    return value, rising(np.cosh, _abs_value(x), 1.0), value


def _cosh(x: Interval) -> Jet3:
    slope, value, _ = _sinh(x)
    return value, slope, value


def _atan(x: Interval) -> Jet3:
    slope = reciprocal(add(_ones(x), squared(x)))
    value = rising(np.arctan, x, -_HALF_PI, _HALF_PI)
    return value, slope, multiply(multiply(exactly(-2.0), x), squared(slope))


def _asin(x: Interval) -> Jet3:
    inside = Interval(np.clip(x.lo, -1.0, 1.0), np.clip(x.hi, -1.0, 1.0))
    rest = subtract(_ones(x), squared(inside))
    _, half, _ = _sqrt(rest)
    slope = multiply(exactly(2.0), half)  # 1/√(1 - x²)
    value = rising(np.arcsin, inside, -_HALF_PI, _HALF_PI)
    return value, slope, multiply(inside, multiply(slope, squared(slope)))


def _acos(x: Interval) -> Jet3:
    value, slope, bend = _asin(x)
    right = Interval(np.full(x.shape, 1.5707963267948963), np.full(x.shape, _HALF_PI))
    return subtract(right, value), negative(slope), negative(bend)


def _abs_value(x: Interval) -> Interval:
    most = np.maximum(np.abs(x.lo), np.abs(x.hi))
    least = np.where((x.lo <= 0) & (x.hi >= 0), 0.0, np.minimum(np.abs(x.lo), np.abs(x.hi)))
    return Interval(least, most)


def _abs(x: Interval) -> Jet3:
    corner = (x.lo <= 0) & (x.hi >= 0)  # closed: of two boxes that meet there, one must count it
    slope = Interval(np.where((x.lo >= 0) & (x.hi > 0), 1.0, -1.0), np.where((x.hi <= 0) & (x.lo < 0), -1.0, 1.0))
    zero = np.zeros(x.shape)
    return _abs_value(x), slope, Interval(zero, np.where(corner, _INF, 0.0))


def _floor(x: Interval) -> Jet3:
    """A step function: where the interval may contain a step, the derivatives are unbounded."""
    with np.errstate(invalid="ignore"):
        value = Interval(np.floor(x.lo), np.floor(x.hi))
        jump = ~(value.lo == value.hi)
    zero = np.zeros(x.shape)
    most = np.where(jump, _INF, 0.0)
    return value, Interval(zero, most), Interval(-most, most)


def _reciprocal(x: Interval) -> Jet3:
    value = reciprocal(x)
    square = squared(value)
    return value, negative(square), multiply(multiply(exactly(2.0), square), value)


def whole_power(x: Interval, n: int) -> Interval:
    """`xⁿ` for an integer n."""
    if n < 0:
        return reciprocal(whole_power(x, -n))
    if n == 0:
        return _ones(x)
    if n == 1:
        return x
    half = whole_power(x, n // 2)
    square = squared(half)
    return multiply(square, x) if n % 2 else square


def power(exponent: float) -> Callable[[Interval], Jet3]:
    """`x^p` for a fixed p; for non-integer p on the non-negative part of x."""

    def of(x: Interval) -> Jet3:
        if exponent.is_integer() and abs(exponent) <= 64:
            p = int(exponent)
            first = multiply(exactly(float(p)), whole_power(x, p - 1)) if p else exactly(np.zeros(x.shape))
            second = (
                multiply(exactly(float(p * (p - 1))), whole_power(x, p - 2)) if p * (p - 1) else exactly(0.0 * x.lo)
            )
            return whole_power(x, p), first, second
        positive = Interval(np.maximum(x.lo, 0.0), np.maximum(x.hi, 0.0))
        q = exponent
        return (
            _real_power(positive, q),
            multiply(exactly(q), _real_power(positive, q - 1)),
            multiply(multiply(exactly(q), subtract(exactly(q), exactly(1.0))), _real_power(positive, q - 2)),
        )

    return of


def _real_power(x: Interval, p: float) -> Interval:
    with np.errstate(all="ignore"):
        a, b = x.lo**p, x.hi**p
        # The exponent p - 1 was rounded: by one part in 2⁵³ of p, which changes the value by p u |log x|.
        loose = 64 * U * (1 + np.abs(p) * np.maximum(_log_size(x.lo), _log_size(x.hi)))
        lo, hi = np.minimum(a, b), np.maximum(a, b)
        return Interval(np.maximum(lo * (1 - loose), 0.0), np.where(hi == 0, 0.0, hi * (1 + loose)))


def _log_size(x: Floats) -> Floats:
    return np.where(x > 0, np.minimum(np.abs(np.log(np.maximum(x, 5e-324))), 800.0), 0.0)


def _sign(x: Interval) -> Jet3:
    """The sign, with a jump where the interval may contain zero."""
    value = Interval(np.sign(x.lo), np.sign(x.hi))
    most = np.where((x.lo > 0) | (x.hi < 0), 0.0, _INF)
    return value, Interval(np.zeros(x.shape), most), Interval(-most, most)


def _sinc(x: Interval) -> Jet3:
    """`sin(πx)/(πx) = ∫₀¹ cos(πxt) dt`: the derivatives are bounded by `∫ πt = π/2` and `∫ (πt)² = π²/3`."""
    angle = multiply(Interval(np.full(x.shape, np.pi), np.full(x.shape, np.nextafter(np.pi, 4.0))), x)
    value = multiply(_wave(angle, 0.0), reciprocal(angle))
    full = FUNCTIONS["sinc"].range
    holds_zero = (x.lo <= 0) & (x.hi >= 0)  # where the quotient is 0/0
    value = Interval(*(np.where(holds_zero, end, side) for end, side in zip(full, (value.lo, value.hi), strict=True)))
    value = intersect(value, Interval(np.full(x.shape, full[0]), np.full(x.shape, full[1])))
    return value, _between(x, np.pi / 2 * (1 + 4 * U)), _between(x, np.pi**2 / 3 * (1 + 4 * U))


def _between(x: Interval, size: float) -> Interval:
    return Interval(np.full(x.shape, -size), np.full(x.shape, size))


CLOSED: Final[dict[str, Callable[[Interval], Jet3]]] = {
    "exp": _exp,
    "log": _log,
    "sqrt": _sqrt,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "sin": lambda x: (_wave(x, 0.0), _wave(x, 1.0), _wave(x, 2.0)),
    "cos": lambda x: (_wave(x, 1.0), _wave(x, 2.0), _wave(x, 3.0)),
    "tan": _tan,
    "sinh": _sinh,
    "cosh": _cosh,
    "atan": _atan,
    "asin": _asin,
    "acos": _acos,
    "abs": _abs,
    "floor": _floor,
    "reciprocal": _reciprocal,
    "sign": _sign,
    "sinc": _sinc,
    **dict.fromkeys(("gamma", "gammaln"), lambda x: (everything(*x.shape),) * 3),
}
"""Functions of one argument, which is intersected with the domain."""


def of_order(name: str) -> Callable[[int, Interval], Jet3]:
    """A function with an order: Bessel functions of the first kind and their derivatives are bounded by 1 (DLMF 10.14.1).

    The others have no known bounds here.
    """

    def of(order: int, x: Interval) -> Jet3:
        bound = _between(x, 1.0) if name == "jv" else everything(*x.shape)
        return bound, bound, bound

    return of
