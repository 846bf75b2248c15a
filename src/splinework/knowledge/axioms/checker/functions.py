"""Elementary functions of ranges: values, derivatives, and where there is certainly a value.

A kink counts on a closed range, so that of two boxes that meet there one has it: its second derivative is unbounded towards the
side to which the slope jumps. At a jump the slope is unbounded. Values are NumPy's and SciPy's, widened by their error;
derivatives are Taylor series, in which the slope of each function is a formula.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from scipy import special

from splinework.knowledge.axioms.checker.ranges import (
    Bundle,
    Floats,
    Mask,
    Range,
    constant,
    exact,
    through,
    whole_power,
)
from splinework.knowledge.axioms.checker.series import RangeSeries, by_slopes, variable

_ERROR: Final = 1e-14
"""Of a function of NumPy or SciPy, relative: more than the four units in the last place that are documented."""
_LARGEST: Final = float(np.finfo(np.float64).max)
_HALF_PI: Final = 1.5707963267948968
_PI: Final = Range(np.array(3.141592653589793), np.array(3.1415926535897936))
_BELL: Final = Range(np.array(1.1283791670955125), np.array(1.1283791670955128))
"""2/√π."""


class FunctionRanges(NamedTuple):
    """A function over ranges: value, first and second derivative, and a mask of where it certainly has a value."""

    value: Range
    first: Range
    second: Range
    sound: Mask | None = None


def _ends(
    f: Callable[[Floats], Floats],
    least: float = -np.inf,
    most: float = np.inf,
    domain: tuple[float, float] = (-np.inf, np.inf),
) -> Callable[[Range], Range]:
    """An increasing function, within its bounds, over ranges cut to its domain."""

    def of(x: Range) -> Range:
        x = x.cut(*domain)
        with np.errstate(all="ignore"):
            lo, hi = f(x.lo), f(x.hi)
            lo = np.where(
                np.isnan(lo), least, np.minimum(lo, _LARGEST)
            )  # what overflows is at least the largest double
            lo, hi = lo - np.abs(lo) * _ERROR, hi + np.abs(hi) * _ERROR
        lo, hi = np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), most, hi)
        return Range(np.maximum(lo, least), np.minimum(hi, most))

    return of


def wave(x: Range, turn: int) -> Range:
    """Sine, advanced by quarter turns: from value and slope in the middle, and a curvature of at most one."""
    functions = (np.sin, np.cos, lambda z: -np.sin(z), lambda z: -np.cos(z))
    with np.errstate(all="ignore"):
        middle, half = x.lo / 2 + x.hi / 2, (x.hi - x.lo) / 2 * (1 + 1e-15)
        value, slope = functions[turn % 4](middle), functions[(turn + 1) % 4](middle)
        off = np.minimum(np.abs(slope) * half + half**2 / 2, 2.0) + 1e-14 + 1e-15 * np.abs(middle)
    lo, hi = np.maximum(value - off, -1.0), np.minimum(value + off, 1.0)
    return Range(np.where(np.isnan(lo), -1.0, lo), np.where(np.isnan(hi), 1.0, hi))


@dataclass(frozen=True)
class _Curve:
    """A function by its value over ranges and its slope, a function of u and then of its own series."""

    value: Callable[[Range], Range]
    slope: Callable[[RangeSeries], Callable[[RangeSeries], RangeSeries]]
    sound: Callable[[Range], Mask] = lambda x: np.ones(x.lo.shape, dtype=bool)

    def series(self, u: RangeSeries) -> RangeSeries:
        """The series of the function of u."""
        return by_slopes([self.value(u.terms[0])], u, [self.slope(u)])[0]

    def __call__(self, x: Range) -> FunctionRanges:
        found = self.series(variable(x, 2))
        return FunctionRanges(found.derivative(0), found.derivative(1), found.derivative(2), self.sound(x))


def _of_u(slope: Callable[[RangeSeries], RangeSeries]) -> Callable[[RangeSeries], Callable[[Any], RangeSeries]]:
    """A slope that depends on u alone."""

    def of(u: RangeSeries) -> Callable[[Any], RangeSeries]:
        known = slope(u)
        return lambda own: known

    return of


def _root(u: RangeSeries) -> RangeSeries:
    """`√u`, of what cannot be negative."""
    return _CURVES["sqrt"].series(u.cut(0.0))


def _both_exp(u: RangeSeries, sign: int) -> RangeSeries:
    up, down = (_CURVES["exp"].series(each) for each in (u, -u))
    return 0.5 * (up + down if sign > 0 else up - down)


def _tan(x: Range) -> Range:
    return wave(x, 0) * wave(x, 1).inverse()


def _cosh(x: Range) -> Range:
    return _both_exp(RangeSeries([x], 0), 1).terms[0].cut(1.0)


def _acos(x: Range) -> Range:
    asin = _CURVES["asin"].value(x)
    return Range(np.array(1.5707963267948963), np.array(_HALF_PI)) - asin


_UNIT: Final = (-1.0, 1.0)
_CURVES: Final[dict[str, _Curve]] = {
    "exp": _Curve(_ends(np.exp, 0.0), lambda u: lambda own: own),
    "log": _Curve(_ends(np.log, domain=(0.0, np.inf)), _of_u(lambda u: 1 / u.cut(0.0)), lambda x: x.lo > 0),
    "sqrt": _Curve(_ends(np.sqrt, 0.0, domain=(0.0, np.inf)), lambda u: lambda own: 0.5 / own, lambda x: x.lo >= 0),
    "tanh": _Curve(_ends(np.tanh, *_UNIT), lambda u: lambda own: (1 - own * own).cut(0.0, 1.0)),
    "sigmoid": _Curve(_ends(special.expit, 0.0, 1.0), lambda u: lambda own: (own * (1 - own).cut(0.0, 1.0)).cut(0.0, 0.25)),
    "softplus": _Curve(_ends(lambda z: np.logaddexp(0.0, z), 0.0), _of_u(lambda u: _CURVES["sigmoid"].series(u))),
    "tan": _Curve(_tan, lambda u: lambda own: 1 + own * own, lambda x: (wave(x, 1).lo > 0) | (wave(x, 1).hi < 0)),
    "sinh": _Curve(_ends(np.sinh), _of_u(lambda u: _both_exp(u, 1).cut(1.0))),
    "cosh": _Curve(_cosh, _of_u(lambda u: _CURVES["sinh"].series(u))),
    "atan": _Curve(_ends(np.arctan, -_HALF_PI, _HALF_PI), _of_u(lambda u: 1 / (1 + u * u))),
    "asin": _Curve(_ends(np.arcsin, -_HALF_PI, _HALF_PI, _UNIT), _of_u(lambda u: 1 / _root(1 - u * u)),
                   lambda x: (x.lo >= -1) & (x.hi <= 1)),
    "acos": _Curve(_acos, _of_u(lambda u: -(1 / _root(1 - u * u))), lambda x: (x.lo >= -1) & (x.hi <= 1)),
    "reciprocal": _Curve(Range.inverse, lambda u: lambda own: -(own * own), lambda x: (x.lo > 0) | (x.hi < 0)),
    "cbrt": _Curve(_ends(np.cbrt), lambda u: lambda own: 1 / (3 * (own * own))),
    "asinh": _Curve(_ends(np.arcsinh), _of_u(lambda u: 1 / _root(1 + u * u))),
    "acosh": _Curve(_ends(np.arccosh, 0.0, domain=(1.0, np.inf)), _of_u(lambda u: 1 / _root(u * u - 1)),
                    lambda x: x.lo >= 1),
    "atanh": _Curve(_ends(np.arctanh, domain=_UNIT), _of_u(lambda u: 1 / (1 - u * u).cut(0.0)),
                    lambda x: (x.lo > -1) & (x.hi < 1)),
    "erf": _Curve(_ends(special.erf, *_UNIT), _of_u(lambda u: _bell(u))),
    "erfc": _Curve(lambda x: -_ends(lambda z: -special.erfc(z), -2.0, 0.0)(x), _of_u(lambda u: -_bell(u))),
}  # fmt: skip


def _bell(u: RangeSeries) -> RangeSeries:
    rate = _CURVES["exp"].series(-(u * u))
    return rate * RangeSeries([_BELL], u.order)


def _all(x: Range, size: float = np.inf) -> Range:
    return Range(np.full_like(x.lo, -size), np.full_like(x.lo, size))


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


def _sinc(x: Range) -> FunctionRanges:
    """`∫₀¹ cos(πxt) dt`: slopes of at most π/2 and π²/3."""
    angle = _PI * x
    value = wave(angle, 0) * angle.inverse()
    return FunctionRanges(value.cut(-0.2173, 1.0), _all(x, 1.5708), _all(x, 3.29))


def _unknown(x: Range) -> FunctionRanges:
    return FunctionRanges(_all(x), _all(x), _all(x), x.lo > 0)


def _hidden(x: Range) -> FunctionRanges:
    """A Bessel function of the first kind, with derivatives of at most one."""
    return FunctionRanges(_all(x, 1.0), _all(x, 1.0), _all(x, 1.0))


def _turned(turn: int) -> Callable[[Range], FunctionRanges]:
    return lambda x: FunctionRanges(wave(x, turn), wave(x, turn + 1), wave(x, turn + 2))


CURVES: Final[dict[str, Callable[[Range], FunctionRanges]]] = {
    **{name: _CURVES[name] for name in _CURVES if name != "erfc"},
    "sin": _turned(0),
    "cos": _turned(1),
    "abs": _abs,
    "floor": _floor,
    "sign": lambda x: _step(Range(np.sign(x.lo), np.sign(x.hi)), (x.lo <= 0) & (x.hi >= 0)),
    "sinc": _sinc,
    "jv": _hidden,
    **dict.fromkeys(("gamma", "gammaln", "yv", "iv", "kv", "polygamma"), _unknown),
}
"""Functions of one argument; the order of those that have one is not used."""


class SeriesOperations:
    """The functions of bases and base functions on series of a shape, `exp` to `erfc`."""

    def __init__(self, shape: tuple[int, ...], order: int) -> None:
        self.shape, self.order = shape, order
        self.pi = RangeSeries([Range(*(np.broadcast_to(end, shape) for end in (_PI.lo, _PI.hi)))], order)

    def number(self, value: Any) -> RangeSeries:
        """A constant."""
        return RangeSeries([exact(np.broadcast_to(value, self.shape))], self.order)

    def sin(self, u: RangeSeries, turn: int = 0) -> RangeSeries:
        """Sine, advanced by quarter turns."""
        values = [wave(u.terms[0], turn + more) for more in (0, 1)]
        return by_slopes(values, u, [lambda sine, cosine: cosine, lambda sine, cosine: -sine])[0]

    def cos(self, u: RangeSeries) -> RangeSeries:
        return self.sin(u, 1)

    def __getattr__(self, name: str) -> Callable[[RangeSeries], RangeSeries]:
        if name not in _CURVES:
            raise AttributeError(name)
        return _CURVES[name].series


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
    log = _CURVES["log"].value(x)

    def of(q: Range) -> Range:
        return _CURVES["exp"].value(q * log)

    one, two = exact(p) - exact(1.0), exact(p) - exact(2.0)
    sound = (x.lo >= 0) if p > 0 else (x.lo > 0)
    return through(f, of(exact(p)), exact(p) * of(one), exact(p) * one * of(two), np.asarray(sound.all(-1)))


# --------------------------------------------------------------------------------------------------------- bundles

Truth = tuple[Mask, Mask]
"""Where a condition certainly holds, and where it certainly does not, `(B,)` each."""


def _compared(name: str) -> Callable[[Bundle, Bundle], Truth]:
    def of(f: Bundle, g: Bundle) -> Truth:
        lo, hi = (f.v.lo - g.v.hi)[:, 0], (f.v.hi - g.v.lo)[:, 0]  # a difference of doubles has the exact sign
        if name in ("eq", "ne"):
            same, apart = (lo == 0) & (hi == 0), (lo > 0) | (hi < 0)
            return (same, apart) if name == "eq" else (apart, same)
        less = {"lt": (hi < 0, lo >= 0), "le": (hi <= 0, lo > 0)}
        return less[name] if name in less else less["le" if name == "gt" else "lt"][::-1]

    return of


def _chosen(condition: Truth, f: Bundle, g: Bundle) -> Bundle:
    """One of two; where the condition is open, either value and any slope."""
    always, never = condition

    def part(x: Range | None, y: Range | None, more: int) -> Range | None:
        if x is None or y is None:
            return None
        a, n = (mask.reshape((-1,) + (1,) * more) for mask in (always, never))
        both = x.hull(y) if more == 1 else Range(np.full_like(x.lo, -np.inf), np.full_like(x.hi, np.inf))
        return Range(np.where(a, x.lo, np.where(n, y.lo, both.lo)), np.where(a, x.hi, np.where(n, y.hi, both.hi)))

    value = part(f.v, g.v, 1)
    assert value is not None
    sound = (f.sound | never) & (g.sound | always)
    return Bundle(f.pairs, value, part(f.d, g.d, 2), part(f.h, g.h, 2), sound)


def _extreme(largest: bool) -> Callable[[Bundle, Bundle], Bundle]:
    choose = np.maximum if largest else np.minimum

    def of(f: Bundle, g: Bundle) -> Bundle:
        apart = applied("abs", f + -g)
        half = (f + g + (apart if largest else -apart)).scaled(exact(0.5))
        return replace(half, v=Range(choose(f.v.lo, g.v.lo), choose(f.v.hi, g.v.hi)))

    return of


BUNDLES: Final[Mapping[str, Callable[..., Any]]] = {
    "add": lambda f, g: f + g,
    "sub": lambda f, g: f + -g,
    "mul": lambda f, g: f * g,
    "div": lambda f, g: f * applied("reciprocal", g),
    "pow": power,
    "neg": lambda f: -f,
    "pos": lambda f: f,
    "min": _extreme(False),
    "max": _extreme(True),
    "where": _chosen,
    "logical_and": lambda p, q: (p[0] & q[0], p[1] | q[1]),
    "logical_or": lambda p, q: (p[0] | q[0], p[1] & q[1]),
    "logical_not": lambda p: (p[1], p[0]),
    **{name: _compared(name) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    **{name: (lambda f, name=name: applied(name, f)) for name in CURVES},
}
"""The operations of formulas on bundles."""


class Bundles:
    """The operations of formulas on bundles over the boxes of one of them."""

    algebra = BUNDLES

    def __init__(self, like: Bundle) -> None:
        self.like = like

    def number(self, value: float) -> Bundle:
        """A constant."""
        return constant(self.like, value)
