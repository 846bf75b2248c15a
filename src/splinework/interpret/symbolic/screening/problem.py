"""Subproblems of the screening: a target, its columns, and the map from a solution to a formula of the data.

Also transforms of the target that may simplify a problem, each with its derivative and inverse.

A target g stands for `f = wrap(g)`. The method is our own; no paper describes it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import node_count, symbol
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.surrogate import PolynomialSurrogate, fit_surrogate


@dataclass(frozen=True)
class ScreeningProblem:
    """The problem of expressing `y` by `columns`.

    Attributes:
        columns: Inputs or functions of them, `(N, d)`.
        expressions: Expressions of the columns over the symbols of the data.
        y: The transformed target, `(N,)`.
        weights: Squared derivatives of the data's target by y, `(N,)`, so that errors are those of the data's target.
        wrap: Maps an expression for y to one for the data's target.
        steps: Descriptions of the reductions so far.
    """

    columns: Array
    expressions: tuple[Any, ...]
    y: Array
    weights: Array
    wrap: Callable[[Any], Any]
    steps: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of columns."""
        return int(self.columns.shape[1])

    @property
    def level(self) -> float:
        """Weighted mean of the target; 0 where all weights vanish, as of a target that is divided by huge numbers."""
        total = float(self.weights.sum())
        return float(self.weights @ self.y) / total if total > 0 else 0.0

    @property
    def spread(self) -> float:
        """Weighted standard deviation of the target."""
        return float(np.sqrt(np.mean(self.weights * (self.y - self.level) ** 2)))

    @cached_property
    def length(self) -> int:
        """Lower bound on the nodes of a formula."""
        return node_count(self.wrap(sympy.Dummy(real=True))) + max((node_count(e) for e in self.expressions), default=0)

    @cached_property
    def surrogate(self) -> PolynomialSurrogate:
        """The polynomial that stands in for the target."""
        return fit_surrogate(self.columns, self.y, self.weights)

    def without(self, *gone: int) -> "ScreeningProblem":
        """The problem without some columns."""
        kept = [i for i in range(self.size) if i not in gone]
        return replace(self, columns=self.columns[:, kept], expressions=tuple(self.expressions[i] for i in kept))

    def dropped(self, i: int) -> "ScreeningProblem":
        """The problem without an irrelevant input."""
        return self.without(i).noted(f"{self.expressions[i]} is irrelevant")

    def noted(self, step: str) -> "ScreeningProblem":
        """The problem with another step noted."""
        return replace(self, steps=(*self.steps, step))

    def merged(self, i: int, j: int, column: Array, expression: Any) -> "ScreeningProblem":
        """The problem with two columns replaced by a function of both."""
        rest = self.without(i, j)
        return replace(
            rest,
            columns=np.column_stack([rest.columns, column]),
            expressions=(*rest.expressions, expression),
            steps=(*self.steps, f"only {expression} of {self.expressions[i]} and {self.expressions[j]} matters"),
        )

    def divided(self, factor: Array, expression: Any) -> "ScreeningProblem":
        """The problem of the target divided by a factor."""
        wrap = self.wrap
        return replace(
            self,
            y=self.y / factor,
            weights=self.weights * factor**2,
            wrap=lambda e: wrap(expression * e),
            steps=(*self.steps, f"divided by {expression}"),
        )

    def subtracted(self, term: Array, expression: Any) -> "ScreeningProblem":
        """The problem of the target without a term."""
        wrap = self.wrap
        return replace(
            self,
            y=self.y - term,
            wrap=lambda e: wrap(expression + e),
            steps=(*self.steps, f"without {expression}"),
        )

    def transformed(self, name: str, y: Array, slope: Array, back: Callable[[Any], Any]) -> "ScreeningProblem":
        """The problem of a transformed target, with the derivative `slope` and the inverse `back` on expressions."""
        wrap = self.wrap
        return replace(
            self,
            y=y,
            weights=self.weights / slope**2,
            wrap=lambda e: wrap(back(e)),
            steps=(*self.steps, f"{name} of the target"),
        )


@dataclass(frozen=True)
class IrreducibleProblem:
    """A problem without further reductions, and the error of its surrogate on the scale of the data's target."""

    problem: ScreeningProblem
    error: float


def initial_problem(target: FitTarget) -> ScreeningProblem:
    """The problem of the data as they are."""
    weights = np.ones(len(target.y)) if target.weights is None else target.weights / target.weights.mean()
    if target.scale == "log":
        weights = weights / target.y**2
    return ScreeningProblem(target.x, tuple(symbol(name) for name in target.names), target.y, weights, lambda e: e)


@dataclass(frozen=True)
class ScoredExpression:
    """A solution of a problem, with twice its description length in nats up to a constant."""

    problem: ScreeningProblem
    answer: Any
    score: float

    @property
    def expression(self) -> Any:
        """The solution for the data's target; computed on demand, since sympy is slow on nested expressions."""
        return self.problem.wrap(self.answer)


MIN_SPAN = 1e-30
"""Minimum span of a column; the maximum is its reciprocal."""


def power(column: Array, exponent: Fraction, *, nonzero: bool = True) -> Array | None:
    """A power of the column; None where it is not real, finite, of usable span and, with `nonzero`, without zeros."""
    if exponent.denominator != 1 and column.min() <= 0:
        return None
    with np.errstate(all="ignore"):
        value = column ** (int(exponent) if exponent.denominator == 1 else float(exponent))
        usable = np.isfinite(value).all() and MIN_SPAN < np.ptp(value) < 1 / MIN_SPAN
    return value if usable and not (nonzero and (value == 0).any()) else None


def rational(exponent: Fraction) -> Any:
    """The exponent as a sympy rational."""
    return sympy.Rational(exponent.numerator, exponent.denominator)


@dataclass(frozen=True)
class TargetTransform:
    """A transform `T(y)` of the target where it is `usable`; `back` is its inverse on expressions."""

    name: str
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    back: Callable[..., Any]
    usable: Callable[[Array], bool]


def _one_sign(y: Array) -> bool:
    return bool(y.min() > 0 or y.max() < 0)


def _positive(y: Array) -> bool:
    return bool(y.min() > 0)


def _between(low: float, high: float, beyond: float) -> Callable[[Array], bool]:
    """Whether all values lie between two bounds and some are large enough for the transform to be nonlinear."""
    return lambda y: bool(y.min() >= low and y.max() <= high and np.abs(y).max() > beyond)


MAX_SMOOTHED, MIN_NOISE = 2, 1e-3
"""Columns up to which a polynomial stands in for a noisy target in its transforms, and its error, relative to the spread, from
which there is noise."""
NEAR, MAX_LOST = 1e-3, 1e-8
"""Distance within which a target is the same to the weights of a transform of it, and rounding errors of a transform of use,
relative to the largest target in units of the rows' errors."""
LOGARITHM = "the logarithm"
_RIGHT = np.pi / 2
_BELOW_RIGHT, _BELOW_ONE = np.nextafter(_RIGHT, 0), np.nextafter(1, 0)

TARGET_TRANSFORMS: tuple[TargetTransform, ...] = (
    TargetTransform("the square", np.square, lambda y: 2 * y, lambda e, s: s * sympy.sqrt(e), _one_sign),
    TargetTransform("the reciprocal", lambda y: 1 / y, lambda y: -1 / y**2, lambda e, s: 1 / e, _one_sign),
    TargetTransform(
        "the reciprocal square", lambda y: y**-2, lambda y: -2 * y**-3, lambda e, s: s / sympy.sqrt(e), _one_sign
    ),
    TargetTransform("the square root", np.sqrt, lambda y: 0.5 / np.sqrt(y), lambda e, s: e**2, _positive),
    TargetTransform(
        "the cube root", np.cbrt, lambda y: np.cbrt(y) ** -2 / 3, lambda e, s: e**3, lambda y: not _one_sign(y)
    ),
    TargetTransform("the reciprocal root", lambda y: y**-0.5, lambda y: -0.5 * y**-1.5, lambda e, s: e**-2, _positive),
    TargetTransform(LOGARITHM, lambda y: np.log(np.abs(y)), lambda y: 1 / y, lambda e, s: s * sympy.exp(e), _one_sign),
    TargetTransform("the sine", np.sin, np.cos, lambda e, s: sympy.asin(e), _between(-_RIGHT, _RIGHT, 0.3)),
    TargetTransform("the cosine", np.cos, lambda y: -np.sin(y), lambda e, s: sympy.acos(e), _between(0, np.pi, 1)),
    TargetTransform(
        "the exponential",
        np.exp,
        np.exp,
        lambda e, s: sympy.log(e),
        lambda y: bool(np.ptp(y) < 20 and np.abs(y).max() < 100),
    ),
    TargetTransform(
        "the tangent",
        np.tan,
        lambda y: 1 + np.tan(y) ** 2,
        lambda e, s: sympy.atan(e),
        _between(-_BELOW_RIGHT, _BELOW_RIGHT, 0.7),
    ),
    TargetTransform(
        "the inverse hyperbolic tangent",
        np.arctanh,
        lambda y: 1 / (1 - y**2),
        lambda e, s: sympy.tanh(e),
        _between(-_BELOW_ONE, _BELOW_ONE, 0.5),
    ),
)


def transformed(problem: ScreeningProblem, only: str | None = None) -> Iterator[ScreeningProblem]:
    """The problem under every transform of its target that is defined for all rows, or the one with a name.

    Where noise takes rows to where a transform is not defined, it is that of the polynomial that stands in for the target, and
    linear beside it: `T(s) + T'(s)(y - s)`, the working response of generalised linear models (Nelder & Wedderburn 1972).
    """
    for entry in TARGET_TRANSFORMS:
        if only not in (None, entry.name):
            continue
        y = next((y for y in _means(problem) if entry.usable(y)), None)
        if y is None:
            continue
        root = np.sqrt(problem.weights)
        with np.errstate(all="ignore"):
            size = float(np.abs(y * root).max())
            beside = y + np.copysign(np.where(root > 0, NEAR * size / root, 0.0), y)
            slope = np.abs([entry.slope(y), entry.slope(beside)]).max(0)  # it may vanish at y
            value = entry.value(y) + entry.slope(y) * (problem.y - y)
            lost = np.finfo(float).eps * np.abs(value) * root / (slope * size)
        if not np.isfinite([value, slope]).all() or not lost.max() < MAX_LOST:
            continue
        sign = 1 if y.mean() > 0 else -1
        yield problem.transformed(entry.name, value, slope, partial(entry.back, s=sign))


def _means(problem: ScreeningProblem) -> Iterator[Array]:
    """The target, and what stands in for it where it has noise."""
    yield problem.y
    few = 0 < problem.size <= MAX_SMOOTHED and 0 < problem.spread < np.inf
    if few and problem.surrogate.error > MIN_NOISE * problem.spread:
        yield problem.surrogate.values
