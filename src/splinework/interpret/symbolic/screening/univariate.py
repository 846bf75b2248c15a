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
from splinework.interpret.symbolic.edges import EFFORTS, EdgeCandidate, edge_candidates, leaves_structure
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
N_KEPT = 6
"""Expressions that are kept."""
MAX_THOROUGH = 12
"""Variants that are searched thoroughly, the best ones of a first look."""
WORK = 0.02
"""Units of work of fitting the library to a curve at a time."""


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
    variants = sorted(_variants(problem), key=lambda each: each[1])
    found: list[tuple[float, int, EdgeCandidate]] = []
    rough: list[tuple[float, int]] = []
    exact: list[tuple[float, int]] = []
    limit = math.inf
    for effort, every in ((EFFORTS[:1], True), (EFFORTS[1:], False)):
        thorough = dict.fromkeys(number for _, number in [*sorted(exact), *sorted(rough)][:MAX_THOROUGH])
        for number in range(len(variants)) if every else thorough:
            variant, extra = variants[number]
            if found and clock.now() > deadline:
                break
            n = len(variant.y)
            total = float(np.sum(variant.weights * (variant.y - variant.level) ** 2))
            functions = [f for f in library if f.constants * math.log(n) + 2 * (f.cost + extra) < limit]
            if not total > 0 or not functions:
                continue
            clock.spend(WORK)
            column = variant.columns[:, 0]
            fits = edge_candidates(column, variant.y, variant.weights, functions, floor=floor / total, efforts=effort)[
                :3
            ]
            for c in fits:
                code = c.constants * math.log(n) + 2 * (c.function.cost + extra)
                rss = max(c.unexplained * total, floor)
                found.append((n * math.log(rss / n) + code, number, c))
                if rss <= floor:  # only shorter ones are better, which a first look may miss
                    limit = min(limit, code)
                    exact.append((code, number))
            if fits and leaves_structure(fits[0], column, variant.y, variant.weights):
                rough.append((found[-len(fits)][0], number))
    best = sorted(found, key=lambda each: each[0])[:N_KEPT]
    return [
        ScoredExpression(variants[k][0], candidate_expression(c, variants[k][0].expressions[0]), score)
        for score, k, c in best
    ]


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
