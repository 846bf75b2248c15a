"""A model in 60 digits, to confirm counterexamples found in floating point.

Derivatives are central differences with steps so small that their error is beyond the 30th digit; at a knot they are the mean of
both sides.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import comb
from typing import Any, Final

import mpmath  # type: ignore[import-untyped]
import numpy as np

from splinework.formula.functions import COMPARISONS, FUNCTIONS
from splinework.knowledge.axioms.verify.claim import Along, Environment
from splinework.knowledge.axioms.verify.numbers import LayerNumbers, Model, array, layer_numbers, network_of
from splinework.nn.frame import FramedKAN
from splinework.splines.bases import activation

DIGITS: Final = 60
_DIFFERENCE_STEPS: Final = {1: "1e-18", 2: "1e-14"}
_mp = mpmath.mp.clone()
_mp.dps = DIGITS


number: Final = _mp.mpf
"""A number of 60 digits."""


def _real(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that returns NaN where it has no real value, at poles too."""

    def of(*arguments: Any) -> Any:
        try:
            value = function(*arguments)
        except (ZeroDivisionError, ValueError, OverflowError):
            return _mp.nan
        return _mp.nan if isinstance(value, _mp.mpc) else value

    return of


def _power(a: Any, b: Any) -> Any:
    return a ** (int(b) if _mp.isint(b) else b)


EXACT_ALGEBRA: Final[Mapping[str, Callable[..., Any]]] = {
    **{each.name: _real(getattr(_mp, each.mpmath)) for each in FUNCTIONS.values() if each.mpmath},
    "gammaln": _real(lambda x: _mp.log(_mp.fabs(_mp.gamma(x)))),  # mpmath's is complex for negative numbers
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _real(lambda a, b: a / b),
    "pow": _real(_power),
    "neg": lambda a: -a,
    "pos": lambda a: a,
    "min": lambda a, b: _mp.nan if _mp.isnan(a) or _mp.isnan(b) else min(a, b),
    "max": lambda a, b: _mp.nan if _mp.isnan(a) or _mp.isnan(b) else max(a, b),
    "where": lambda condition, a, b: a if condition else b,
    **{name: getattr(operator, name) for name in COMPARISONS},
    "logical_and": lambda a, b: a and b,
    "logical_or": lambda a, b: a or b,
    "logical_not": lambda a: not a,
}
"""Operations of formulas on numbers of 60 digits."""


_LOG: Final = EXACT_ALGEBRA["log"]


class ExactFunctions:
    """Elementary functions in 60 digits, for the formulas of bases and base functions."""

    def number(self, value: float) -> Any:
        return _mp.mpf(value)

    def sigmoid(self, x: Any) -> Any:
        return 1 / (1 + _mp.exp(-x))

    def __getattr__(self, name: str) -> Any:
        return getattr(_mp, name)


EXACT: Final = ExactFunctions()


def shown(value: Any) -> str:
    """A number as a text of 20 digits."""
    return str(_mp.nstr(value, 20))


class ExactModel:
    """A model in 60 digits, called with one row of numbers."""

    def __init__(self, model: Model) -> None:
        network = network_of(model)
        self.frame = model.frame if isinstance(model, FramedKAN) else None
        self.layers = [_ExactLayer(layer_numbers(layer)) for layer in network.kan_layers]
        self.nodes = network.config.nodes[1:]
        self.scalings = [
            (s.scales, _numbers(array(s.shift)), _numbers(array(s.scale)))
            for s in (network.input_scaling, network.output_scaling)
        ]

    def __call__(self, x: Sequence[Any]) -> list[Any]:
        raw = [_mp.mpf(value) for value in x]
        u = raw
        if self.frame is not None and self.frame.before:
            u = [e.run(raw, EXACT_ALGEBRA, _mp.mpf) for e in self.frame.before]
        (into, shift, scale), (out, after_shift, after_scale) = self.scalings
        u = [((_LOG(v) if s == "log" else v) - a) / b for v, s, a, b in zip(u, into, shift, scale, strict=True)]
        for layer, nodes in zip(self.layers, self.nodes, strict=True):
            sums = layer(u)
            u = []
            for group in nodes.groups:
                node = _mp.mpf(1)
                for j in group:
                    node *= sums[j]
                u.append(node)
        z = [v * b + a for v, a, b in zip(u, after_shift, after_scale, strict=True)]
        z = [_mp.exp(v) if s == "log" else v for v, s in zip(z, out, strict=True)]
        if self.frame is not None and self.frame.after:
            return [e.run([*raw, *z], EXACT_ALGEBRA, _mp.mpf) for e in self.frame.after]
        return z


def _numbers(values: Any) -> list[Any]:
    return [_mp.mpf(float(value)) for value in np.asarray(values).ravel()]


class _ExactLayer:
    """One layer of edges in 60 digits."""

    def __init__(self, numbers: LayerNumbers) -> None:
        self.n = numbers
        self.bias = _numbers(numbers.bias)
        self.knots = [_numbers(row) for row in numbers.knots]
        low, high = numbers.domain
        self.low, self.high = _numbers(low), _numbers(high)
        inputs, _, outputs = numbers.c.shape
        self.c = [[_numbers(numbers.c[i, :, j]) for j in range(outputs)] for i in range(inputs)]

    def __call__(self, u: Sequence[Any]) -> list[Any]:
        sums = list(self.bias)
        for i, x in enumerate(u):
            if self.n.squashed:
                middle, half = (self.low[i] + self.high[i]) / 2, (self.high[i] - self.low[i]) / 2
                x = middle + half * _mp.tanh((x - middle) / half)
            rows, base = self._rows(i, x)
            for j in range(len(sums)):
                w = self.n.weight[i, j]
                if w:
                    c = self.c[i][j]
                    sums[j] += _mp.mpf(float(w)) * sum((row * c[m] for m, row in rows.items()), _mp.mpf(0))
                if base is not None and self.n.base_weight is not None:
                    sums[j] += _mp.mpf(float(self.n.base_weight[i, j])) * base
        return sums

    def _rows(self, i: int, x: Any) -> tuple[dict[int, Any], Any]:
        """The non-zero values of the basis functions, and the value of the base function, including tails."""
        kind = self.n.extrapolation
        its = activation(self.n.base) if self.n.base_weight is not None else None
        base = None if its is None else lambda z: its.formula(z, EXACT)
        nearest = min(max(x, self.low[i]), self.high[i])
        if kind in ("linear", "constant"):
            rows = self._plain(i, nearest, 0)
            value = None if base is None else base(nearest)
            if kind == "linear" and nearest != x:
                slopes = self._plain(i, nearest, 1)
                every = set(rows) | set(slopes)
                away = x - nearest
                rows = {m: rows.get(m, _mp.mpf(0)) + slopes.get(m, _mp.mpf(0)) * away for m in every}
                value = None if base is None else value + derivatives(lambda z: [base(z)], nearest, 1)[0] * away
            return rows, value
        if kind == "zero" and not self.n.basis.vanishes_outside and nearest != x:
            return {}, None if base is None else base(x)
        return self._plain(i, x, 0), None if base is None else base(x)

    def _plain(self, i: int, x: Any, order: int) -> dict[int, Any]:
        if self.n.basis.degree is not None:
            return self._splines(i, x, order)
        return dict(
            enumerate(derivatives(lambda z: self.n.basis.formula(z, self.low[i], self.high[i], EXACT), x, order))
        )

    def _splines(self, i: int, x: Any, order: int) -> dict[int, Any]:
        """The B-splines at x by the Cox–de Boor recursion, or their first derivatives by differences of lower degrees."""
        t, k = self.knots[i], int(self.n.basis.degree or 0)
        size = len(t) - k - 1
        if x < t[0] or x > t[-1]:
            return {}
        last = max(m for m in range(len(t) - 1) if t[m] < t[m + 1])
        cell = max((m for m in range(len(t) - 1) if t[m] <= x and t[m] < t[m + 1]), default=last)
        if x == self.high[i]:  # the last cell of the domain includes its right end
            cell = max(m for m in range(k, size) if t[m] < t[m + 1])
        values = {cell: _mp.mpf(1)}
        for degree in range(1, k - order + 1):
            values = self._raised(t, values, degree, x)
        for degree in range(max(k - order + 1, 1), k + 1):
            raised: dict[int, Any] = {}
            for m, value in values.items():
                span = t[m + degree] - t[m] if m >= 0 and m + degree < len(t) else 0
                if span:
                    raised[m] = raised.get(m, _mp.mpf(0)) + degree * value / span
                    raised[m - 1] = raised.get(m - 1, _mp.mpf(0)) - degree * value / span
            values = raised
        if order > k:
            return {}
        return {m: value for m, value in values.items() if 0 <= m < size}

    @staticmethod
    def _raised(t: list[Any], values: dict[int, Any], degree: int, x: Any) -> dict[int, Any]:
        raised: dict[int, Any] = {}
        for m, value in values.items():
            if not (m >= 0 and m + degree < len(t)):
                continue
            span = t[m + degree] - t[m]
            if span:
                raised[m] = raised.get(m, _mp.mpf(0)) + (x - t[m]) / span * value
                raised[m - 1] = raised.get(m - 1, _mp.mpf(0)) + (t[m + degree] - x) / span * value
        return raised


def derivatives(functions: Callable[[Any], list[Any]], x: Any, order: int) -> list[Any]:
    """The order-th derivative of each of several functions, by central differences."""
    if not order:
        return [_mp.mpf(value) for value in functions(x)]
    step = _mp.mpf(10) ** -(DIGITS // (order + 2))
    total: list[Any] = []
    for k in range(order + 1):
        weight = (-1) ** k * comb(order, k) / step**order
        values = [weight * value for value in functions(x + (_mp.mpf(order) / 2 - k) * step)]
        total = [a + b for a, b in zip(total, values, strict=True)] if total else values
    return total


@dataclass
class ExactEnvironment(Environment):
    """An environment at one point, in 60 digits."""

    model: ExactModel
    point: Sequence[float]
    inputs: int
    algebra: Mapping[str, Callable[..., Any]] = field(default_factory=lambda: EXACT_ALGEBRA)

    def __post_init__(self) -> None:
        self.x = [_mp.mpf(float(value)) for value in self.point]

    def number(self, value: float) -> Any:
        return _mp.mpf(value)

    def f(self, arguments: Sequence[Any]) -> list[Any]:
        return self.model(arguments)

    def partial(self, output: int, along: Along) -> Any:
        x = self.x[: self.inputs]
        if not along:
            return self.model(x)[output]
        step = _mp.mpf(_DIFFERENCE_STEPS[len(along)])

        def moved(signs: Sequence[int]) -> Any:
            y = list(x)
            for i, sign in zip(along, signs, strict=True):
                y[i] = y[i] + sign * step
            return self.model(y)[output]

        if len(along) == 1:
            return (moved([1]) - moved([-1])) / (2 * step)
        return (moved([1, 1]) - moved([1, -1]) - moved([-1, 1]) + moved([-1, -1])) / (4 * step**2)
