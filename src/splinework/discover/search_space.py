"""The space that a search for formulas goes through: its functions, dimensionless groups, and the formula that it begins from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy

from splinework.formula.units.buckingham import Balance
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, monomial
from splinework.interpret.symbolic.library import LIBRARY, Array, LibraryFunction
from splinework.interpret.symbolic.screening import ScreeningProblem

MAX_PARTS = 6
"""Terms, or factors, of a formula to start from that are tried without."""


@dataclass(frozen=True)
class SearchSpace:
    """The functions and groups that a search may use, and the formula that it begins from.

    Attributes:
        balance: Dimensionless groups to try first.
        library: Functions for edges and for what is left of one column.
        allows: Function that says whether an expression may be proposed; None for all.
        start: An expression over the columns to begin from.
        parts: Expressions over the columns that may be parts of the formula, such as those of other targets.
    """

    balance: Balance | None = None
    library: tuple[LibraryFunction, ...] = LIBRARY
    allows: Callable[[Any], bool] | None = None
    start: Any = None
    parts: tuple[Any, ...] = ()

    def admits(self, expression: Any) -> bool:
        """Whether an expression may be proposed."""
        return self.allows is None or self.allows(expression)


def within_exponents(most: float, expression: Any) -> bool:
    """Whether all powers of an expression, and powers of powers, have exponents of at most this size.

    >>> x = sympy.Symbol("x")
    >>> within_exponents(2, 3 / x**2 + sympy.sqrt(1 - x**2)), within_exponents(2, (x**2 + 1) ** 2)
    (True, False)
    """
    powers = (part for part in sympy.preorder_traversal(expression) if part.is_Pow and part.exp.is_number)
    return all(_order(power) <= most + 1e-9 for power in powers)


def _order(expression: Any) -> float:
    """The largest size of an exponent that the columns of an expression have outside of functions."""
    if expression.is_Pow and expression.exp.is_number:
        return abs(float(expression.exp)) * _order(expression.base)
    return max(map(_order, expression.args)) if expression.is_Add or expression.is_Mul else 1.0


EVERYTHING = SearchSpace()
"""No restriction, and nothing to begin from."""


def with_free_numbers(formula: Any) -> Any:
    """The formula with numbers that can be fitted: its own but for exponents, and a factor for each of its terms."""

    def freed(part: Any) -> Any:
        if part.is_Number:
            return sympy.Float(part)
        if part.is_Pow and part.exp.is_Number:
            return sympy.Pow(freed(part.base), part.exp)
        return part.func(*map(freed, part.args)) if part.args else part

    terms = (freed(term) for term in sympy.Add.make_args(formula))
    return sympy.Add(*(term if term.as_coeff_Mul()[0].is_Float else sympy.Float(1.0) * term for term in terms))


def changes(problem: ScreeningProblem, start: Any) -> list[ScreeningProblem]:
    """The problems of what a formula lacks: a term, a factor, or another one in place of one that it has.

    Args:
        problem: The problem of the data.
        start: A fitted formula over its columns.
    """
    found = []
    terms, factors = start.as_ordered_terms(), start.as_ordered_factors()
    kept = [start, *(start - term for term in terms if 1 < len(terms) <= MAX_PARTS)]
    for rest in kept:
        if np.isfinite(term := _values(problem, rest)).all():
            found.append(problem.subtracted(term, rest))
    kept = [start, *(start / factor for factor in factors if 1 < len(factors) <= MAX_PARTS)]
    for rest in kept:
        if rest.free_symbols and np.isfinite(factor := _values(problem, rest)).all() and np.abs(factor).min() > 0:
            found.append(problem.divided(factor, rest))
    return found


def balanced(problem: ScreeningProblem, balance: Balance) -> ScreeningProblem:
    """The problem in dimensionless groups: the target over the product of its unit, explained by the groups."""
    power, groups = monomial(balance.power), tuple(monomial(group) for group in balance.groups)
    divided = problem.divided(_values(problem, power), power) if power.free_symbols else problem
    columns = np.column_stack([_values(problem, g) for g in groups]) if groups else np.empty((len(problem.y), 0))
    return replace(divided, columns=columns, expressions=tuple(groups), steps=(*divided.steps, "balanced the units"))


def _values(problem: ScreeningProblem, expression: Any) -> Array:
    """The values of an expression over the columns of the data, `(N,)`."""
    names = [each.name for each in problem.expressions]
    return np.broadcast_to(compile_expression(expression, names)(problem.columns), len(problem.y)).astype(float)


def with_parts(problem: ScreeningProblem, parts: Sequence[Any], target: FitTarget) -> tuple[ScreeningProblem, ...]:
    """The problem with expressions over the columns of the data as further columns, if any of them are finite."""
    values = [compile_expression(part, target.names)(target.x) for part in parts]
    known = [n for n, each in enumerate(values) if np.isfinite(each).all()]
    if not known:
        return ()
    columns = np.column_stack([problem.columns, *(values[n] for n in known)])
    return (replace(problem, columns=columns, expressions=(*problem.expressions, *(parts[n] for n in known))),)
