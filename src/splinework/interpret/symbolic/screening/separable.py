"""Targets that are a product of a function of one column and a function of the others, of any sign: a fit of rank one.

Alternating least squares fit `f(x) = g(x_i) h(x_rest)`, g and h polynomials: the first term of the singular value decomposition
of a function of two groups of variables (Schmidt 1907). Unlike a logarithm or a ratio of slopes it needs no factor without zeros.
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
    """The factors of a target at the rows.

    Attributes:
        column: Number of the column that has a factor of its own.
        own: Values of its factor, scaled to mean square 1, `(N,)`.
        rest: Values of the factor of the other columns, `(N,)`.
        error: Weighted root mean square of what the product leaves on rows that were not fitted.
        own_error: Standard error of `own` by that, averaged over the rows.
    """

    column: int
    own: Array
    rest: Array
    error: float
    own_error: float


def separations(problem: ScreeningProblem) -> list[Separation]:
    """A separation of each column from the others, the best first; none of a problem of fewer than two columns.

    Args:
        problem: A problem of any number of columns.
    """
    if problem.size < 2:
        return []
    found = []
    for i in range(problem.size):
        trials = [_separation(problem, i, degree) for degree in DEGREES]
        found += [min((each for each in trials if each is not None), key=lambda each: each.error, default=None)]
    return sorted((each for each in found if each is not None), key=lambda each: each.error)


def _separation(problem: ScreeningProblem, i: int, degree: int) -> Separation | None:
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
    best: tuple[float, Array, Array] | None = None
    for k in range(N_STARTS):
        trial = _alternated(one, two, problem.y, root, fitted, one[:, k])
        if trial is not None and (best is None or trial[0] < best[0]):
            best = trial
    if best is None:
        return None
    _, own, rest = best
    size = math.sqrt(float(np.mean(own**2))) or 1.0
    own, rest = own / size, rest * size
    judged = ((own * rest - problem.y) * root)[~fitted]
    error = math.sqrt(float(np.mean(judged**2)))
    level = math.sqrt(float(np.mean((rest * root) ** 2)))
    return Separation(i, own, rest, error, error / level * math.sqrt((degree + 1) / fitted.sum()))


def _alternated(
    one: Array, two: Array, y: Array, root: Array, fitted: Array, own: Array
) -> tuple[float, Array, Array] | None:
    """The squared error on fitted rows and both factors at all rows, from a start of the first one; None where they overflow."""
    before = math.inf
    rest = np.ones_like(own)
    for _ in range(N_SWEEPS):
        rest = two @ _fit(two, own, y, root, fitted)
        own = one @ _fit(one, rest, y, root, fitted)
        size = math.sqrt(float(np.mean(own**2)))
        if not (math.isfinite(size) and size > 0):
            return None
        own, rest = own / size, rest * size
        left = float(np.sum(((own * rest - y) * root)[fitted] ** 2))
        if left >= (1 - MIN_GAIN) * before:
            break
        before = left
    return left, own, rest


def _fit(design: Array, factor: Array, y: Array, root: Array, fitted: Array) -> Array:
    """Coefficients of the other factor where one is given."""
    rows = (factor * root)[fitted]
    found: Array = np.linalg.lstsq(design[fitted] * rows[:, None], (y * root)[fitted], rcond=1e-12)[0]
    return found
