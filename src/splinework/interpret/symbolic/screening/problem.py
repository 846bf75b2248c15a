"""A problem on the way to a formula: what is left to explain, by what, and how an answer to it becomes one to the data.

And the functions of the target under which the rest may be simpler, each with its slope and its inverse.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.expression import node_count
from splinework.interpret.symbolic.library import Array


@dataclass(frozen=True)
class ScreeningProblem:
    """Explain `y` by `columns`.

    Attributes:
        columns: `(N, d)`: inputs, or what has been made of them.
        expressions: What every column is, over the symbols of the data.
        y: `(N,)`: the target, or what is left of it.
        weights: `(N,)`: squared derivative of the data's target by y, so that errors count as they will in the end.
        wrap: From an expression for y to one for the data's target.
        steps: What was done to get here, in words.
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

    @cached_property
    def length(self) -> int:
        """Nodes that a formula has at least, whatever the answer is."""
        return node_count(self.wrap(sympy.Dummy(real=True))) + max((node_count(e) for e in self.expressions), default=0)

    def without(self, *gone: int) -> "ScreeningProblem":
        """The same without some columns."""
        kept = [i for i in range(self.size) if i not in gone]
        return replace(self, columns=self.columns[:, kept], expressions=tuple(self.expressions[i] for i in kept))

    def dropped(self, i: int) -> "ScreeningProblem":
        """Without an input that does nothing."""
        return self.without(i).noted(f"{self.expressions[i]} does nothing")

    def noted(self, step: str) -> "ScreeningProblem":
        """The same with a step added."""
        return replace(self, steps=(*self.steps, step))

    def merged(self, i: int, j: int, column: Array, expression: Any) -> "ScreeningProblem":
        """Two columns replaced by one made of them."""
        rest = self.without(i, j)
        return replace(
            rest,
            columns=np.column_stack([rest.columns, column]),
            expressions=(*rest.expressions, expression),
            steps=(*self.steps, f"only {expression} of {self.expressions[i]} and {self.expressions[j]} matters"),
        )

    def divided(self, factor: Array, expression: Any) -> "ScreeningProblem":
        """The target divided by a factor."""
        wrap = self.wrap
        return replace(
            self,
            y=self.y / factor,
            weights=self.weights * factor**2,
            wrap=lambda e: wrap(expression * e),
            steps=(*self.steps, f"divided by {expression}"),
        )

    def transformed(self, name: str, y: Array, slope: Array, back: Callable[[Any], Any]) -> "ScreeningProblem":
        """Another target: a function of y, `slope` its derivative, `back` its inverse on expressions."""
        wrap = self.wrap
        return replace(
            self,
            y=y,
            weights=self.weights / slope**2,
            wrap=lambda e: wrap(back(e)),
            steps=(*self.steps, f"{name} of the target"),
        )


@dataclass(frozen=True)
class ScoredExpression:
    """An answer to a problem, and its description length up to a constant, twice, in nats."""

    problem: ScreeningProblem
    answer: Any
    score: float

    @property
    def expression(self) -> Any:
        """The answer as one for the data's target. Made when asked for: sympy thinks long about what is deeply nested."""
        return self.problem.wrap(self.answer)


TINY = 1e-30
"""A column that spans less is not used, nor one that spans more than its reciprocal."""


def power(column: Array, exponent: Fraction, *, nonzero: bool = True) -> Array | None:
    """The column to a power; None where that is not real, finite, of a usable span and, if asked, nowhere 0."""
    if exponent.denominator != 1 and column.min() <= 0:
        return None
    with np.errstate(all="ignore"):
        value = column ** (int(exponent) if exponent.denominator == 1 else float(exponent))
        usable = np.isfinite(value).all() and TINY < np.ptp(value) < 1 / TINY
    return value if usable and not (nonzero and (value == 0).any()) else None


def rational(exponent: Fraction) -> Any:
    """The exponent as sympy has it."""
    return sympy.Rational(exponent.numerator, exponent.denominator)


@dataclass(frozen=True)
class TargetTransform:
    """`T(y)` where `low < y < high` for a target of one sign, or any sign; `back` is its inverse on expressions."""

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
    """Whether all values lie between two ends, and some are so large that the function bends them."""
    return lambda y: bool(y.min() >= low and y.max() <= high and np.abs(y).max() > beyond)


_RIGHT = np.pi / 2
_BELOW_RIGHT, _BELOW_ONE = np.nextafter(_RIGHT, 0), np.nextafter(1, 0)

TARGET_TRANSFORMS: tuple[TargetTransform, ...] = (
    TargetTransform("the square", np.square, lambda y: 2 * y, lambda e, s: s * sympy.sqrt(e), _one_sign),
    TargetTransform("the reciprocal", lambda y: 1 / y, lambda y: -1 / y**2, lambda e, s: 1 / e, _one_sign),
    TargetTransform(
        "the reciprocal square", lambda y: y**-2, lambda y: -2 * y**-3, lambda e, s: s / sympy.sqrt(e), _one_sign
    ),
    TargetTransform("the square root", np.sqrt, lambda y: 0.5 / np.sqrt(y), lambda e, s: e**2, _positive),
    TargetTransform("the reciprocal root", lambda y: y**-0.5, lambda y: -0.5 * y**-1.5, lambda e, s: e**-2, _positive),
    TargetTransform(
        "the logarithm", lambda y: np.log(np.abs(y)), lambda y: 1 / y, lambda e, s: s * sympy.exp(e), _one_sign
    ),
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


def transformed(problem: ScreeningProblem) -> Iterator[ScreeningProblem]:
    """The problem with every function of its target that is defined for all rows."""
    y = problem.y
    for entry in TARGET_TRANSFORMS:
        if not entry.usable(y):
            continue
        with np.errstate(all="ignore"):
            value, slope = entry.value(y), entry.slope(y)
        if not (np.isfinite(value).all() and np.isfinite(slope).all()) or np.abs(slope).max() == 0:
            continue
        # Where the slope vanishes the weight would be infinite: such rows count as the others at most.
        slope = np.maximum(np.abs(slope), 1e-3 * np.abs(slope).max())
        sign = 1 if y.mean() > 0 else -1
        yield problem.transformed(entry.name, value, slope, partial(entry.back, s=sign))
