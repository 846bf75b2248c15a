"""Targets that are a sum or a product of a function of one column and a function of the others.

A sum is one least-squares problem (an additive model; Hastie & Tibshirani 1986). For a product alternating least squares fit
`f(x) = a + g(x_i) h(x_rest)`, g and h polynomials: the first term of the singular value decomposition of a function of two groups
of variables (Schmidt 1907). Unlike a logarithm or a ratio of slopes it needs no factor without zeros.
"""

import math
from dataclasses import dataclass

import numpy as np

from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.problem import ScreeningProblem
from splinework.interpret.symbolic.screening.surrogate import chebyshev_basis

DEGREES, MAX_TERMS = (10, 22, 46), 90
"""Degrees of factors of one column, of which the rows that judge choose, and most terms of a factor of several."""
MIN_ROWS_PER_TERM = 6
N_SWEEPS, MIN_GAIN = 40, 1e-3
"""Most sweeps of the alternating fit, and the relative gain below which they end."""
N_STARTS = 4
JUDGING_EVERY = 5
"""One of this number of rows judges the factors and is not fitted."""


@dataclass(frozen=True)
class Separation:
    """The two parts of a target at the rows.

    Attributes:
        is_sum: Whether they are added; else they are multiplied.
        column: Number of the column that has a part of its own.
        own: Values of its part, of a product scaled to mean square 1, `(N,)`.
        rest: Values of the part of the other columns, `(N,)`.
        constant: A number that is added to a product; 0 for a sum.
        error: Weighted root mean square of what both leave on rows that were not fitted.
        own_error: Standard error of `own` by that, averaged over the rows.
    """

    is_sum: bool
    column: int
    own: Array
    rest: Array
    constant: float
    error: float
    own_error: float


def separations(problem: ScreeningProblem) -> list[Separation]:
    """A separation of each column from the others as a sum and as a product, the best first; none of fewer than two columns.

    Args:
        problem: A problem of any number of columns.
    """
    if problem.size < 2:
        return []
    found = []
    for i in range(problem.size):
        for is_sum in (True, False):
            trials = [_separation(problem, i, degree, is_sum=is_sum) for degree in DEGREES]
            found += [min((each for each in trials if each is not None), key=lambda each: each.error, default=None)]
    return sorted((each for each in found if each is not None), key=lambda each: each.error)


def _separation(problem: ScreeningProblem, i: int, degree: int, *, is_sum: bool) -> Separation | None:
    n = len(problem.y)
    others, most = problem.without(i), n // (2 * MIN_ROWS_PER_TERM)
    if degree + 1 > most:
        return None
    total = 1
    while total < degree and math.comb(others.size + total + 1, others.size) <= (
        most if others.size == 1 else min(most, MAX_TERMS)
    ):
        total += 1
    one = chebyshev_basis(problem.columns[:, [i]], degree).design
    two = chebyshev_basis(others.columns, total).design
    root = np.sqrt(problem.weights)
    fitted = np.arange(n) % JUDGING_EVERY != 0
    if is_sum:
        c = _fit(np.hstack([one[:, 1:], two[:, 1:]]), np.ones(n), problem.y, root, fitted)
        own, rest, size, constant = one[:, 1:] @ c[:degree], two[:, 1:] @ c[degree:-1] + c[-1], 1.0, 0.0
        left = own + rest - problem.y
    else:
        trials = [_alternated(one, two, problem.y, root, fitted, one[:, k]) for k in range(N_STARTS)]
        best = min((each for each in trials if each is not None), key=lambda each: each[0], default=None)
        if best is None:
            return None
        _, own, rest, constant = best
        left, size = constant + own * rest - problem.y, math.sqrt(float(np.mean((rest * root) ** 2)))
    error = math.sqrt(float(np.mean((left * root)[~fitted] ** 2)))
    own_error = error / max(size, 1e-300) * math.sqrt((degree + 1) / fitted.sum())
    return Separation(is_sum, i, own, rest, constant, error, own_error)


def _alternated(
    one: Array, two: Array, y: Array, root: Array, fitted: Array, own: Array
) -> tuple[float, Array, Array, float] | None:
    """The squared error on fitted rows, both factors at all rows and the constant, from a start of the first factor.

    None where they overflow.
    """
    before = math.inf
    rest = np.ones_like(own)
    for _ in range(N_SWEEPS):
        rest = two @ _fit(two, own, y, root, fitted)[:-1]
        c = _fit(one, rest, y, root, fitted)
        own, level = one @ c[:-1], float(c[-1])
        size = math.sqrt(float(np.mean(own**2)))
        if not (math.isfinite(size) and size > 0):
            return None
        own, rest = own / size, rest * size
        left = float(np.sum(((level + own * rest - y) * root)[fitted] ** 2))
        if left >= (1 - MIN_GAIN) * before:
            break
        before = left
    return left, own, rest, level


def _fit(design: Array, factor: Array, y: Array, root: Array, fitted: Array) -> Array:
    """Coefficients of the other factor where one is given, and of a constant."""
    rows = np.hstack([design * factor[:, None], np.ones((len(design), 1))])[fitted] * root[fitted, None]
    found: Array = np.linalg.lstsq(rows, (y * root)[fitted], rcond=1e-12)[0]
    return found
