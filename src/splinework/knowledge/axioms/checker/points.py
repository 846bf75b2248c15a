"""Models and claims at single points, in 60 digits: counterexamples are worked out again.

Derivatives are central differences with steps so small that their error lies beyond the 30th digit.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import mpmath  # type: ignore[import-untyped]

from splinework.knowledge.axioms.checker.claims import View
from splinework.knowledge.axioms.checker.curves import member
from splinework.knowledge.axioms.checker.layers import LayerReading
from splinework.knowledge.axioms.checker.models import Reading
from splinework.splines.bases import ACTIVATIONS

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
    "abs": "fabs", "gammaln": "loggamma",
}  # fmt: skip
EXACT: Final[Mapping[str, Callable[..., Any]]] = {
    **{name: _real(getattr(_mp, of)) for name, of in _NAMES.items()},
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


class _Operations:
    """The functions that formulas of custom bases and base functions use."""

    number, pi = _mp.mpf, +_mp.pi
    exp, log, sqrt, sin, cos, tanh, erfc = _mp.exp, _mp.log, _mp.sqrt, _mp.sin, _mp.cos, _mp.tanh, _mp.erfc
    sigmoid = EXACT["sigmoid"]


def precise(reading: Reading, x: Sequence[Any]) -> list[Any]:
    """The outputs of a model for raw inputs in 60 digits."""
    raw = [_mp.mpf(value) for value in x]
    u = [each.run(raw, EXACT, _mp.mpf) for each in reading.before] if reading.before else raw
    scales, shift, factor = reading.scalings[0]
    u = [
        ((EXACT["log"](v) if scale == "log" else v) - _mp.mpf(float(a))) / _mp.mpf(float(b))
        for v, scale, a, b in zip(u, scales, shift, factor, strict=True)
    ]
    for n, groups in zip(reading.layers, reading.groups, strict=True):
        sums = _layer(n, u)
        u = [_mp.fprod(sums[j] for j in group) for group in groups]
    scales, shift, factor = reading.scalings[1]
    u = [v * _mp.mpf(float(b)) + _mp.mpf(float(a)) for v, a, b in zip(u, shift, factor, strict=True)]
    u = [_mp.exp(v) if scale == "log" else v for v, scale in zip(u, scales, strict=True)]
    return [each.run([*raw, *u], EXACT, _mp.mpf) for each in reading.after] if reading.after else u


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
        if n.extrapolation in ("linear", "constant"):
            rows, base = _rows(n, i, near, low, high), _base(n.base, near)
            if n.extrapolation == "linear" and near != x:
                h = _STEPS[1] * (1 if near == low else -1)  # into the grid, where both are smooth
                ahead = [_rows(n, i, near + k * h, low, high) for k in range(3)]
                slope = {m: _forward([row.get(m, 0) for row in ahead], h) for row in ahead for m in row}
                rows = {m: rows.get(m, 0) + slope.get(m, 0) * (x - near) for m in {*rows, *slope}}
                base += _forward([_base(n.base, near + k * h) for k in range(3)], h) * (x - near)
        else:
            cut = n.extrapolation == "zero" and n.degree < 0 and not n.basis.vanishes_outside and near != x
            rows, base = {} if cut else _rows(n, i, x, low, high), _base(n.base, x)
        for j in range(len(sums)):
            if n.weight[i, j]:
                part = _mp.fsum(row * _mp.mpf(float(n.c[i, m, j])) for m, row in rows.items())
                sums[j] += _mp.mpf(float(n.weight[i, j])) * part
            sums[j] += _mp.mpf(float(n.base_weight[i, j])) * base
    return sums


def _forward(values: Sequence[Any], h: Any) -> Any:
    """The slope at the first of three equally spaced points."""
    return (-3 * values[0] + 4 * values[1] - values[2]) / (2 * h)


def _base(name: str, x: Any) -> Any:
    if name == "none":
        return _mp.mpf(0)
    return member(name, ACTIVATIONS).formula(x, _Operations)


def _rows(n: LayerReading, i: int, x: Any, low: Any, high: Any) -> dict[int, Any]:
    """The functions of a basis that are not zero at x."""
    if n.degree >= 0:
        return _splines([_mp.mpf(float(t)) for t in n.knots[i]], n.degree, x, high)
    width = high - low
    if n.family == "fourier":
        angles = [2 * _mp.pi * k * (x - low) / width for k in range(n.basis.harmonics + 1)]
        return {0: _mp.mpf(1)} | {2 * k - 1: _mp.cos(a) for k, a in enumerate(angles) if k} | {
            2 * k: _mp.sin(a) for k, a in enumerate(angles) if k
        }  # fmt: skip
    if n.family == "chebyshev":
        u, rows = (2 * x - low - high) / width, [_mp.mpf(1)]
        for m in range(1, n.basis.order + 1):
            rows.append(u if m == 1 else 2 * u * rows[-1] - rows[-2])
        return dict(enumerate(rows))
    if n.family == "gaussian_rbf":
        gaps = n.basis.centres - 1
        scale = _mp.mpf(float(n.basis.width)) * width / gaps
        return {m: _mp.exp(-(((x - low - width * m / gaps) / scale) ** 2)) for m in range(n.basis.centres)}
    return dict(enumerate(n.basis.formula(x, low, high, _Operations)))


def _splines(t: Sequence[Any], degree: int, x: Any, high: Any) -> dict[int, Any]:
    """B-splines by the recursion of Cox and de Boor; the last interval of the grid has its right end."""
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


class PointView(View):
    """A claim's variables at one point."""

    algebra = EXACT

    def __init__(self, reading: Reading, x: Sequence[Any]) -> None:
        self.reading, self.x = reading, [_mp.mpf(value) for value in x]

    def number(self, value: float) -> Any:
        return _mp.mpf(value)

    def f(self, arguments: Sequence[Any]) -> list[Any]:
        return precise(self.reading, arguments)

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
