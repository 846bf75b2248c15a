"""Models and claims at single points, in 60 digits: counterexamples are worked out again.

Derivatives are central differences with steps so small that their error lies beyond the 30th digit.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import mpmath  # type: ignore[import-untyped]

from splinework.knowledge.axioms.checker.claims import View
from splinework.knowledge.axioms.checker.layers import LayerReading
from splinework.knowledge.axioms.checker.models import Reading

_mp = mpmath.mp.clone()
_mp.dps = 60
_STEPS: Final = {1: _mp.mpf("1e-18"), 2: _mp.mpf("1e-14")}
"""Steps of central differences, part of the meaning of a value at a kink or a pole."""
_NAN: Final = _mp.nan


def _real(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is NaN where it has no real value."""

    def of(*arguments: Any) -> Any:
        if any(_mp.isnan(a) for a in arguments):
            return _NAN
        try:
            value = function(*arguments)
        except (ZeroDivisionError, ValueError, OverflowError):
            return _NAN
        return _NAN if isinstance(value, _mp.mpc) else value

    return of


def _power(a: Any, b: Any) -> Any:
    return a ** (int(b) if _mp.isint(b) else b)


_NAMES: Final = {
    **{
        name: name
        for name in (
            "exp", "log", "sqrt", "tanh", "sin", "cos", "tan", "sinh", "cosh", "atan", "asin", "acos", "asinh", "acosh", "atanh",
            "floor", "sign", "erf", "gamma",
        )
    },
    "abs": "fabs",
}  # fmt: skip
EXACT: Final[Mapping[str, Callable[..., Any]]] = {
    **{name: _real(getattr(_mp, of)) for name, of in _NAMES.items()},
    "gammaln": _real(lambda x: _mp.log(_mp.fabs(_mp.gamma(x)))),
    "cbrt": _real(lambda x: _mp.sign(x) * _mp.fabs(x) ** (_mp.mpf(1) / 3)),
    "sigmoid": _real(lambda x: 1 / (1 + _mp.exp(-x))),
    "softplus": _real(lambda x: _mp.log1p(_mp.exp(-_mp.fabs(x))) + max(x, 0)),
    "reciprocal": _real(lambda x: 1 / x),
    "sinc": _real(lambda x: _mp.sinpi(x) / (_mp.pi * x) if x else _mp.mpf(1)),
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _real(lambda a, b: a / b),
    "pow": _real(_power),
    "neg": lambda a: -a,
    "pos": lambda a: a,
    "min": _real(min),
    "max": _real(max),
    "where": lambda condition, a, b: a if condition else b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "logical_and": lambda a, b: a and b,
    "logical_or": lambda a, b: a or b,
    "logical_not": lambda a: not a,
}
"""The operations of formulas on numbers of 60 digits."""


class _Functions:
    """The functions of bases and base functions."""

    number, pi = _mp.mpf, +_mp.pi
    exp, log, sqrt, sin, cos, tanh, erfc = _mp.exp, _mp.log, _mp.sqrt, _mp.sin, _mp.cos, _mp.tanh, _mp.erfc
    sigmoid = EXACT["sigmoid"]


class PointView(View):
    """A claim's variables at one point."""

    algebra = EXACT

    def __init__(self, reading: Reading, x: Sequence[Any]) -> None:
        self.reading, self.x = reading, [_mp.mpf(value) for value in x]

    def number(self, value: float | str) -> Any:
        return _mp.mpf(value if isinstance(value, str) else float(value))  # a text may say more than float64 holds

    def f(self, arguments: Sequence[Any]) -> list[Any]:
        r, u = self.reading, list(arguments)
        u = [each.run(arguments, self) for each in r.before] or u
        columns = zip(u, *r.scalings[0], strict=True)
        u = [(EXACT["log"](v) if s == "log" else v) - self.number(a) for v, s, a, _ in columns]
        u = [v / self.number(b) for v, b in zip(u, r.scalings[0][2], strict=True)]
        for n, groups in zip(r.layers, r.groups, strict=True):
            sums = _layer(n, u)
            u = [_mp.fprod(sums[j] for j in group) for group in groups]
        columns = zip(u, *r.scalings[1], strict=True)
        u = [_mp.exp(v * b + a) if s == "log" else v * b + a for v, s, a, b in columns]
        return [each.run([*arguments, *u], self) for each in r.after] or u

    def partial(self, output: int, along: tuple[int, ...]) -> Any:
        x = self.x[: len(self.reading.inputs)]
        if not along:
            return self.f(x)[output]
        h = _STEPS[len(along)]

        def at(*moves: int) -> Any:
            y = list(x)
            for i, move in zip(along, moves, strict=True):
                y[i] = y[i] + move * h
            return self.f(y)[output]

        if len(along) == 1:
            return (at(1) - at(-1)) / (2 * h)
        return (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / (4 * h * h)


def _layer(n: LayerReading, u: Sequence[Any]) -> list[Any]:
    sums = [_mp.mpf(float(b)) for b in n.bias]
    for i, x in enumerate(u):
        low, high = _mp.mpf(float(n.low[i])), _mp.mpf(float(n.high[i]))
        if _mp.isnan(x):
            return [_NAN for _ in sums]
        if n.squashed:
            middle, half = (low + high) / 2, (high - low) / 2
            x = middle + half * _mp.tanh((x - middle) / half)
        near = min(max(x, low), high)
        if not n.straight:
            dead = n.degree < 0 and not n.goes_on and near != x
            values = [_edges(n, i, x, dead)]
        elif n.extrapolation == "constant" or near == x:
            values = [_edges(n, i, near)]
        else:  # the slope at the end, by three points within the grid
            h = _STEPS[1] * (1 if near == low else -1)
            at, one, two = ([part * w for part in _edges(n, i, near + k * h)] for k, w in enumerate((-3, 4, -1)))
            share = (x - near) / (2 * h)
            values = [_edges(n, i, near), *([part * share for part in each] for each in (at, one, two))]
        sums = [_mp.fsum([s, *(each[j] for each in values)]) for j, s in enumerate(sums)]
    return sums


def _edges(n: LayerReading, i: int, x: Any, dead: bool = False) -> list[Any]:
    """The edges of an input at x."""
    low, high = _mp.mpf(float(n.low[i])), _mp.mpf(float(n.high[i]))
    rows = {}
    if not dead:
        rows = _splines(n, i, x, high) if n.degree >= 0 else dict(enumerate(n.rows(x, low, high, _Functions)))
    base = _mp.mpf(0) if n.base == "none" else n.base_of(x, _Functions)
    return [
        _mp.mpf(float(n.weight[i, j])) * _mp.fsum(row * _mp.mpf(float(n.c[i, m, j])) for m, row in rows.items())
        + _mp.mpf(float(n.base_weight[i, j])) * base
        for j in range(n.weight.shape[1])
    ]


def _splines(n: LayerReading, i: int, x: Any, high: Any) -> dict[int, Any]:
    """B-splines that are not zero, by the recursion of Cox and de Boor; the last interval of the grid has its right end."""
    t, degree = [_mp.mpf(float(value)) for value in n.knots[i]], n.degree
    if not t[0] <= x <= t[-1]:
        return {}
    cells = [m for m in range(len(t) - 1) if t[m] < t[m + 1]]
    if x == high:
        cell = max(m for m in cells if t[m + 1] == high)
    else:
        cell = max((m for m in cells if t[m] <= x), default=cells[0])
    values = {cell: _mp.mpf(1)}
    for k in range(1, degree + 1):
        raised: dict[int, Any] = {}
        for m, value in values.items():
            if m >= 0 and m + k < len(t) and t[m + k] > t[m]:
                share = (x - t[m]) / (t[m + k] - t[m])
                raised[m] = raised.get(m, 0) + share * value
                raised[m - 1] = raised.get(m - 1, 0) + (1 - share) * value
        values = raised
    return {m: value for m, value in values.items() if 0 <= m < len(t) - degree - 1}
