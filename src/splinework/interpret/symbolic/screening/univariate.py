"""Candidates for a problem of one column: library functions, after a power as a factor, or a transform of the target.

Candidates are `c xᵖ F(a x + b) + d` and `T⁻¹` of them. The method is our own; no paper describes it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.edges import edge_candidates
from splinework.interpret.symbolic.expression import candidate_expression
from splinework.interpret.symbolic.library import LIBRARY, LibraryFunction
from splinework.interpret.symbolic.screening.problem import (
    ScoredExpression,
    ScreeningProblem,
    power,
    rational,
    transformed,
)

FACTOR_EXPONENTS = tuple(Fraction(a, 2) for a in (0, 1, -1, 2, -2, 3, -3, 4, -4, 6, -6))
"""Exponents of the column as a factor of the function."""
INNER_EXPONENTS = (Fraction(1), Fraction(2), Fraction(-1), Fraction(1, 2), Fraction(-2))
"""Exponents of the column as the argument of the function."""
RARER_INNER_EXPONENTS = (Fraction(3, 2), Fraction(3), Fraction(-1, 2), Fraction(-3, 2), Fraction(-3))
WORK = 0.045
"""Units of work of fitting the library to a curve."""


def univariate_candidates(
    problem: ScreeningProblem,
    *,
    floor: float,
    deadline: float = math.inf,
    library: Sequence[LibraryFunction] = LIBRARY,
) -> list[ScoredExpression]:
    """Expressions for a problem of one column, the shortest description first.

    Args:
        problem: A problem of one column.
        floor: Residual sum of squares, on the scale of the data's target, below which fits are equally good.
        deadline: Time of `clock` after which no further combinations are tried.
        library: The functions.
    """
    found: list[ScoredExpression] = []
    for variant, extra in _variants(problem):
        if found and clock.now() > deadline:
            break
        n = len(variant.y)
        total = float(np.sum(variant.weights * (variant.y - variant.level) ** 2))
        if not total > 0:
            continue
        clock.spend(WORK)
        for c in edge_candidates(variant.columns[:, 0], variant.y, variant.weights, library, floor=floor / total)[:3]:
            expression = candidate_expression(c, variant.expressions[0])
            rss = max(c.unexplained * total, floor)
            score = n * math.log(rss / n) + c.constants * math.log(n) + 2 * (c.function.cost + extra)
            found.append(ScoredExpression(variant, expression, score))
            if rss <= floor and extra == 0:
                return sorted(found, key=lambda g: g.score)
    return sorted(found, key=lambda g: g.score)


def _variants(problem: ScreeningProblem) -> Iterator[tuple[ScreeningProblem, float]]:
    """The problem with powers of its column, divided by powers, and under transforms of the target."""
    for p in INNER_EXPONENTS:
        yield from _powered(problem, p, 0.0 if p == 1 else 1.4)
    for t in FACTOR_EXPONENTS[1:]:
        factor = power(problem.columns[:, 0], t)
        if factor is not None:
            divided = problem.divided(factor, problem.expressions[0] ** rational(t))
            for p in INNER_EXPONENTS[:3]:
                yield from _powered(divided, p, 2.1 if p == 1 else 3.5)
    for other in transformed(problem):
        for p in INNER_EXPONENTS[:3]:
            yield from _powered(other, p, 2.1 if p == 1 else 3.5)
    for p in RARER_INNER_EXPONENTS:
        yield from _powered(problem, p, 2.1)
    if problem.columns.min() > 0:
        logarithm = np.log(problem.columns)
        yield replace(problem, columns=logarithm, expressions=(sympy.log(problem.expressions[0]),)), 2.1


def _powered(problem: ScreeningProblem, p: Fraction, extra: float) -> Iterator[tuple[ScreeningProblem, float]]:
    if p == 1:
        yield problem, extra
        return
    column = power(problem.columns[:, 0], p, nonzero=False)
    if column is not None:
        yield replace(problem, columns=column[:, None], expressions=(problem.expressions[0] ** rational(p),)), extra
