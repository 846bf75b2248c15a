"""A problem on the way to a formula: what is left to explain, by what, and how an answer to it becomes one to the data."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.expression import count
from splinework.interpret.symbolic.library import Array


@dataclass(frozen=True)
class Problem:
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
        return count(self.wrap(sympy.Dummy(real=True))) + max((count(e) for e in self.expressions), default=0)

    def without(self, *gone: int) -> "Problem":
        """The same without some columns."""
        kept = [i for i in range(self.size) if i not in gone]
        return replace(self, columns=self.columns[:, kept], expressions=tuple(self.expressions[i] for i in kept))

    def dropped(self, i: int) -> "Problem":
        """Without an input that does nothing."""
        return self.without(i).noted(f"{self.expressions[i]} does nothing")

    def noted(self, step: str) -> "Problem":
        """The same with a step added."""
        return replace(self, steps=(*self.steps, step))

    def merged(self, i: int, j: int, column: Array, expression: Any) -> "Problem":
        """Two columns replaced by one made of them."""
        rest = self.without(i, j)
        return replace(
            rest,
            columns=np.column_stack([rest.columns, column]),
            expressions=(*rest.expressions, expression),
            steps=(*self.steps, f"only {expression} of {self.expressions[i]} and {self.expressions[j]} matters"),
        )

    def divided(self, factor: Array, expression: Any) -> "Problem":
        """The target divided by a factor."""
        wrap = self.wrap
        return replace(
            self,
            y=self.y / factor,
            weights=self.weights * factor**2,
            wrap=lambda e: wrap(expression * e),
            steps=(*self.steps, f"divided by {expression}"),
        )

    def mapped(self, name: str, y: Array, slope: Array, back: Callable[[Any], Any]) -> "Problem":
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
class Guess:
    """An answer to a problem, and its description length up to a constant, twice, in nats."""

    problem: Problem
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
