"""Elementary functions of ranges: values, first and second derivatives, and where there is certainly a value.

A kink counts on a closed range, so that of two boxes that meet there one has it: its second derivative is unbounded towards the
side to which the slope jumps. At a jump the slope is unbounded. Values are NumPy's and SciPy's, widened by their error.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from scipy import special

from splinework.knowledge.axioms.checker.ranges import Bundle, Floats, Mask, Range, exact, through, whole_power

_ERROR: Final = 1e-14
"""Of a function of NumPy or SciPy, relative: more than the four units in the last place that are documented."""
_LARGEST: Final = float(np.finfo(np.float64).max)
_HALF_PI: Final = 1.5707963267948968


class FunctionRanges(NamedTuple):
    """A function over ranges: value, first and second derivative, and a mask of where it certainly has a value."""

    value: Range
    first: Range
    second: Range
    sound: Mask | None = None


def _ends(f: Callable[[Floats], Floats], x: Range, least: float = -np.inf, most: float = np.inf) -> Range:
    """An increasing function within its bounds."""
    with np.errstate(all="ignore"):
        lo, hi = f(x.lo), f(x.hi)
        lo = np.where(np.isnan(lo), least, np.minimum(lo, _LARGEST))  # what overflows is at least the largest double
        lo, hi = lo - np.abs(lo) * _ERROR, hi + np.abs(hi) * _ERROR
    return Range(
        np.maximum(np.where(np.isnan(lo), -np.inf, lo), least), np.minimum(np.where(np.isnan(hi), most, hi), most)
    )


def _cut(x: Range, least: float, most: float = np.inf) -> Range:
    return Range(np.clip(x.lo, least, most), np.clip(x.hi, least, most))


def _one(x: Range) -> Range:
    return exact(np.ones_like(x.lo))


def _all(x: Range, size: float = np.inf) -> Range:
    return Range(np.full_like(x.lo, -size), np.full_like(x.lo, size))


def _exp(x: Range) -> FunctionRanges:
    value = _ends(np.exp, x, 0.0)
    return FunctionRanges(value, value, value)


def logarithm(x: Range) -> FunctionRanges:
    """`log x`; at 0 it has no value."""
    held = _cut(x, 0.0)
    slope = held.inverse()
    return FunctionRanges(_ends(np.log, held), slope, -slope.square(), x.lo > 0)


def _sqrt(x: Range) -> FunctionRanges:
    value = _ends(np.sqrt, _cut(x, 0.0), 0.0)
    slope = exact(0.5) * value.inverse()
    return FunctionRanges(value, slope, -(slope * slope.square() * exact(2.0)), x.lo >= 0)


def tanh(x: Range) -> FunctionRanges:
    """`tanh x`."""
    value = _ends(np.tanh, x, -1.0, 1.0)
    slope = _cut(_one(x) - value.square(), 0.0, 1.0)
    return FunctionRanges(value, slope, exact(-2.0) * value * slope)


def _sigmoid(x: Range) -> FunctionRanges:
    value, rest = (_ends(special.expit, each, 0.0, 1.0) for each in (x, -x))
    slope = _cut(value * rest, 0.0, 0.25)
    return FunctionRanges(value, slope, slope * (rest - value))


def _softplus(x: Range) -> FunctionRanges:
    first, second, *_ = _sigmoid(x)
    return FunctionRanges(_ends(lambda z: np.logaddexp(0.0, z), x, 0.0), first, second)


def wave(x: Range, turn: int) -> Range:
    """Sine, advanced by quarter turns: from value and slope in the middle, and a curvature of at most one."""
    functions = (np.sin, np.cos, lambda z: -np.sin(z), lambda z: -np.cos(z))
    with np.errstate(all="ignore"):
        middle, half = x.lo / 2 + x.hi / 2, (x.hi - x.lo) / 2 * (1 + 1e-15)
        value, slope = functions[turn % 4](middle), functions[(turn + 1) % 4](middle)
        off = np.minimum(np.abs(slope) * half + half**2 / 2, 2.0) + 1e-14 + 1e-15 * np.abs(middle)
    lo, hi = np.maximum(value - off, -1.0), np.minimum(value + off, 1.0)
    return Range(np.where(np.isnan(lo), -1.0, lo), np.where(np.isnan(hi), 1.0, hi))


def _tan(x: Range) -> FunctionRanges:
    cosine = wave(x, 1)
    value = wave(x, 0) * cosine.inverse()
    slope = _one(x) + value.square()
    return FunctionRanges(value, slope, exact(2.0) * value * slope, (cosine.lo > 0) | (cosine.hi < 0))


def _hyperbolic(x: Range) -> tuple[Range, Range]:
    up, down = _ends(np.exp, x, 0.0), _ends(np.exp, -x, 0.0)
    return _ends(np.sinh, x), _cut((up + down) * exact(0.5), 1.0)


def _atan(x: Range) -> FunctionRanges:
    slope = (_one(x) + x.square()).inverse()
    return FunctionRanges(_ends(np.arctan, x, -_HALF_PI, _HALF_PI), slope, exact(-2.0) * x * slope.square())


def _asin(x: Range) -> FunctionRanges:
    held = _cut(x, -1.0, 1.0)
    slope = exact(2.0) * _sqrt(_one(x) - held.square()).first
    value = _ends(np.arcsin, held, -_HALF_PI, _HALF_PI)
    return FunctionRanges(value, slope, held * slope * slope.square(), (x.lo >= -1) & (x.hi <= 1))


def _acos(x: Range) -> FunctionRanges:
    value, slope, bend, sound = _asin(x)
    right = Range(np.full_like(x.lo, 1.5707963267948963), np.full_like(x.lo, _HALF_PI))
    return FunctionRanges(right - value, -slope, -bend, sound)


def _abs(x: Range) -> FunctionRanges:
    met = (x.lo <= 0) & (x.hi >= 0)
    least = np.where(met, 0.0, np.minimum(np.abs(x.lo), np.abs(x.hi)))
    slope = Range(np.where((x.lo < 0) | (x.hi <= 0), -1.0, 1.0), np.where((x.hi > 0) | (x.lo >= 0), 1.0, -1.0))
    return FunctionRanges(Range(least, x.size), slope, Range(np.zeros_like(x.lo), np.where(met, np.inf, 0.0)))


def _step(value: Range, jumps: Mask) -> FunctionRanges:
    most = np.where(jumps, np.inf, 0.0)
    return FunctionRanges(value, Range(np.zeros_like(most), most), Range(-most, most))


def _floor(x: Range) -> FunctionRanges:
    value = Range(np.floor(x.lo), np.floor(x.hi))
    return _step(value, ~(value.lo == value.hi))


def _reciprocal(x: Range) -> FunctionRanges:
    value = x.inverse()
    return FunctionRanges(value, -value.square(), exact(2.0) * value * value.square(), (x.lo > 0) | (x.hi < 0))


def _cbrt(x: Range) -> FunctionRanges:
    value = _ends(np.cbrt, x)
    slope = (exact(3.0) * value.square()).inverse()
    by = value.inverse()
    third = Range(np.array(1 / 3 - 1e-16), np.array(1 / 3 + 1e-16))
    return FunctionRanges(value, slope, exact(-2.0) * third * slope * by * by.square())


def _asinh(x: Range) -> FunctionRanges:
    slope = _sqrt(_one(x) + x.square()).value.inverse()
    return FunctionRanges(_ends(np.arcsinh, x), slope, -(x * slope * slope.square()))


def _acosh(x: Range) -> FunctionRanges:
    held = _cut(x, 1.0)
    slope = _sqrt(held.square() - _one(x)).value.inverse()
    return FunctionRanges(_ends(np.arccosh, held, 0.0), slope, -(held * slope * slope.square()), x.lo >= 1)


def _atanh(x: Range) -> FunctionRanges:
    held = _cut(x, -1.0, 1.0)
    slope = _cut(_one(x) - held.square(), 0.0).inverse()
    return FunctionRanges(_ends(np.arctanh, held), slope, exact(2.0) * held * slope.square(), (x.lo > -1) & (x.hi < 1))


def _erf(x: Range) -> FunctionRanges:
    factor = Range(np.full_like(x.lo, 1.1283791670955125), np.full_like(x.lo, 1.1283791670955128))  # 2/√π
    slope = factor * _exp(-x.square()).value
    return FunctionRanges(_ends(special.erf, x, -1.0, 1.0), slope, exact(-2.0) * x * slope)


def _sinc(x: Range) -> FunctionRanges:
    """`∫₀¹ cos(πxt) dt`: slopes of at most π/2 and π²/3."""
    angle = Range(np.full_like(x.lo, 3.141592653589793), np.full_like(x.lo, 3.1415926535897936)) * x
    value = wave(angle, 0) * angle.inverse()
    return FunctionRanges(_cut(value, -0.2173, 1.0), _all(x, 1.5708), _all(x, 3.29))


def _unknown(x: Range) -> FunctionRanges:
    return FunctionRanges(_all(x), _all(x), _all(x), x.lo > 0)


def _hidden(x: Range) -> FunctionRanges:
    """A Bessel function of the first kind, with derivatives of at most one."""
    return FunctionRanges(_all(x, 1.0), _all(x, 1.0), _all(x, 1.0))


CURVES: Final[dict[str, Callable[[Range], FunctionRanges]]] = {
    "exp": _exp,
    "log": logarithm,
    "sqrt": _sqrt,
    "tanh": tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "sin": lambda x: FunctionRanges(wave(x, 0), wave(x, 1), wave(x, 2)),
    "cos": lambda x: FunctionRanges(wave(x, 1), wave(x, 2), wave(x, 3)),
    "tan": _tan,
    "sinh": lambda x: FunctionRanges(*_hyperbolic(x), _hyperbolic(x)[0]),
    "cosh": lambda x: FunctionRanges(*_hyperbolic(x)[::-1], _hyperbolic(x)[1]),
    "atan": _atan,
    "asin": _asin,
    "acos": _acos,
    "abs": _abs,
    "floor": _floor,
    "sign": lambda x: _step(Range(np.sign(x.lo), np.sign(x.hi)), (x.lo <= 0) & (x.hi >= 0)),
    "reciprocal": _reciprocal,
    "cbrt": _cbrt,
    "asinh": _asinh,
    "acosh": _acosh,
    "atanh": _atanh,
    "erf": _erf,
    "sinc": _sinc,
    "jv": _hidden,
    **dict.fromkeys(("gamma", "gammaln", "yv", "iv", "kv", "polygamma"), _unknown),
}
"""Functions of one argument; the order of those that have one is not used."""


def applied(name: str, f: Bundle) -> Bundle:
    """A function of a bundle."""
    value, first, second, sound = CURVES[name](f.v)
    return through(f, value, first, second, None if sound is None else np.asarray(sound.all(-1)))


def power(f: Bundle, g: Bundle) -> Bundle:
    """`f^g`: for an integer exponent of any base, otherwise of a base that is not negative."""
    x, low, high = f.v, float(g.v.lo.min()), float(g.v.hi.max())
    fixed = g.d is None or not (g.d.lo.any() or g.d.hi.any())
    if low != high or not fixed:
        inside = g * applied("log", f)
        return applied("exp", inside)
    p = low
    if p.is_integer() and abs(p) <= 64:
        n = int(p)
        zero = exact(np.zeros_like(x.lo))
        first = exact(p) * whole_power(x, n - 1) if n else zero
        second = exact(p * (p - 1)) * whole_power(x, n - 2) if n * (n - 1) else zero
        away = np.asarray(((x.lo > 0) | (x.hi < 0)).all(-1)) if n < 0 else None
        return through(f, whole_power(x, n), first, second, away)
    held = _cut(x, 0.0)
    log = _ends(np.log, held)

    def of(q: Range) -> Range:
        return _exp(q * log).value

    one, two = exact(p) - exact(1.0), exact(p) - exact(2.0)
    sound = (x.lo >= 0) if p > 0 else (x.lo > 0)
    return through(f, of(exact(p)), exact(p) * of(one), exact(p) * one * of(two), np.asarray(sound.all(-1)))
