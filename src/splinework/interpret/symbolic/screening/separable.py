"""Targets that join a function of one column and a function of the others: as a sum, a product, or both.

A sum is one least-squares problem (an additive model; Hastie & Tibshirani 1986). For a product alternating least squares fit
`f(x) = a + g(x_i) h(x_rest)`, g and h polynomials: the first term of the singular value decomposition of a function of two groups
of variables (Schmidt 1907). Unlike a logarithm or a ratio of slopes it needs no factor without zeros. With a function of `x_i` in
place of the constant a the target is an affine function of h.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.problem import ScreeningProblem
from splinework.interpret.symbolic.screening.surrogate import chebyshev_basis

SUM, PRODUCT, AFFINE = "sum", "product", "affine"
DEGREES, MAX_TERMS = (10, 22, 46), 90
"""Degrees of factors of one column, of which the rows that judge choose, and most terms of a factor of several."""
MIN_ROWS_PER_TERM = 6
N_SWEEPS, MIN_GAIN = 40, 1e-3
"""Most sweeps of the alternating fit, and the relative gain below which they end."""
N_STARTS = 4
JUDGING_EVERY = 5
"""One of this number of rows judges the factors and is not fitted."""
MIN_SPAN = 3.0
"""Ratio of a positive column's largest and smallest value from which polynomials of its logarithm are tried."""
MIN_AFFINE_GAIN = 0.1
"""Share of the errors of a sum and of a product to which that of both together must fall."""


@dataclass(frozen=True)
class Separation:
    """The parts of a target at the rows: `level + own · rest`, or `own + rest` for a sum.

    Attributes:
        kind: `sum`, `product` or `affine`.
        column: Number of the column that has a part of its own.
        own: Values of its part, of a factor scaled to mean square 1, `(N,)`.
        rest: Values of the part of the other columns, `(N,)`.
        level: Values that are added to a product, `(N,)`: a constant, or for `affine` a function of the column.
        error: Weighted root mean square of what is left on rows that were not fitted.
        own_error: Standard error of `own` by that, averaged over the rows.
    """

    kind: str
    column: int
    own: Array
    rest: Array
    level: Array
    error: float
    own_error: float


def separations(problem: ScreeningProblem, *, deadline: float = math.inf) -> list[Separation]:
    """A separation of each column from the others as a sum and as a product, or as both together, the best first.

    Args:
        problem: A problem of any number of columns; with fewer than two there are none.
        deadline: Time of `clock` after which no further fits are begun.
    """
    if problem.size < 2:
        return []
    found: list[Separation] = []
    for i in range(problem.size):
        fits = (_best_separation(problem, i, kind, deadline) for kind in (SUM, PRODUCT))
        parts = [each for each in fits if each is not None]
        both = _best_separation(problem, i, AFFINE, deadline) if parts else None
        if both is not None and both.error < MIN_AFFINE_GAIN * min(each.error for each in parts):
            parts.append(both)
        found += parts
    return sorted(found, key=lambda each: each.error)


def affine_parts(problem: ScreeningProblem, i: int, values: Array) -> tuple[Array, Array]:
    """The factor of given values of a function of the other columns, and what is added, both functions of column i, `(N,)`."""
    root = np.sqrt(problem.weights)
    fitted = np.arange(len(problem.y)) % JUDGING_EVERY != 0
    best = math.inf, np.zeros(len(values)), np.zeros(len(values))
    for logs in _scales(problem.without(*(j for j in range(problem.size) if j != i))):
        for degree in DEGREES:
            one = chebyshev_basis(problem.columns[:, [i]], degree, logs).design
            if 2 * one.shape[1] * MIN_ROWS_PER_TERM > len(values):
                break
            c = _fit(np.hstack([one * values[:, None], one]), problem.y, root, fitted)
            factor, level = one @ c[: one.shape[1]], one @ c[one.shape[1] :]
            error = float(np.mean(((level + factor * values - problem.y) * root)[~fitted] ** 2))
            best = min(best, (error, factor, level), key=lambda each: each[0])
    return best[1], best[2]


def sum_error(problem: ScreeningProblem, i: int, degree: int) -> float:
    """The error of a sum of a function of column i and one of the others, by polynomials of the columns themselves."""
    found = _separation(problem, i, degree, np.zeros(problem.size, bool), SUM, math.inf)
    return math.inf if found is None else found.error


def _best_separation(problem: ScreeningProblem, i: int, kind: str, deadline: float) -> Separation | None:
    """The separation by the degree and the scale of the columns, linear or logarithmic, that the judging rows prefer."""
    trials = {tuple(logs): _separation(problem, i, DEGREES[0], logs, kind, deadline) for logs in _scales(problem)}
    usable = {scale: each for scale, each in trials.items() if each is not None}
    if not usable:
        return None
    scale = min(usable, key=lambda key: usable[key].error)
    degrees = DEGREES[1 : 2 if kind == AFFINE else None]
    further = (_separation(problem, i, degree, np.array(scale), kind, deadline) for degree in degrees)
    return min((usable[scale], *(each for each in further if each is not None)), key=lambda each: each.error)


def _scales(problem: ScreeningProblem) -> Iterator[Array]:
    """Masks `(d,)` of columns on a logarithmic scale: none of them, or those that are positive and span a factor."""
    yield np.zeros(problem.size, bool)
    low, high = problem.columns.min(0), problem.columns.max(0)
    logs = (low > 0) & (high > MIN_SPAN * low)
    if logs.any():
        yield logs


def _separation(
    problem: ScreeningProblem, i: int, degree: int, logs: Array, kind: str, deadline: float
) -> Separation | None:
    """The separation by polynomials of a degree; None where rows are too few, or time is up."""
    n = len(problem.y)
    others, most = problem.without(i), n // (2 * MIN_ROWS_PER_TERM)
    if degree + 1 > most or clock.now() > deadline:
        return None
    total = 1
    while total < degree and math.comb(others.size + total + 1, others.size) <= (
        most if others.size == 1 else min(most, MAX_TERMS)
    ):
        total += 1
    one = chebyshev_basis(problem.columns[:, [i]], degree, logs[[i]]).design
    two = chebyshev_basis(others.columns, total, np.delete(logs, i)).design
    root = np.sqrt(problem.weights)
    fitted = np.arange(n) % JUDGING_EVERY != 0
    if kind == SUM:
        c = _fit(np.hstack([one[:, 1:], two]), problem.y, root, fitted)
        own, rest, size, level = one[:, 1:] @ c[:degree], two @ c[degree:], 1.0, np.zeros(n)
        left = own + rest - problem.y
    else:
        base = one if kind == AFFINE else one[:, :1]
        trials = [
            _alternated(one, two, base, problem.y, root, fitted, one[:, k])
            for k in range(N_STARTS)
            if clock.now() <= deadline
        ]
        best = min((each for each in trials if each is not None), key=lambda each: each[0], default=None)
        if best is None:
            return None
        _, own, rest, level = best
        left, size = level + own * rest - problem.y, math.sqrt(float(np.mean((rest * root) ** 2)))
    error = math.sqrt(float(np.mean((left * root)[~fitted] ** 2)))
    own_error = error / max(size, 1e-300) * math.sqrt((degree + 1) / fitted.sum())
    return Separation(kind, i, own, rest, level, error, own_error)


def _alternated(
    one: Array, two: Array, base: Array, y: Array, root: Array, fitted: Array, own: Array
) -> tuple[float, Array, Array, Array] | None:
    """The squared error on fitted rows, both factors at all rows and the added constant, for a start of the first factor.

    None where they overflow.
    """
    before = math.inf
    rest = level = np.ones_like(own)
    for _ in range(N_SWEEPS):
        rest = two @ _fit(np.hstack([two * own[:, None], base]), y, root, fitted)[: two.shape[1]]
        c = _fit(np.hstack([one * rest[:, None], base]), y, root, fitted)
        own, level = one @ c[: one.shape[1]], base @ c[one.shape[1] :]
        size = math.sqrt(float(np.mean(own**2)))
        if not (math.isfinite(size) and size > 0):
            return None
        own, rest = own / size, rest * size
        left = float(np.sum(((level + own * rest - y) * root)[fitted] ** 2))
        if left >= (1 - MIN_GAIN) * before:
            break
        before = left
    return left, own, rest, level


def _fit(design: Array, y: Array, root: Array, fitted: Array) -> Array:
    """Coefficients of weighted least squares on the fitted rows."""
    found: Array = np.linalg.lstsq(design[fitted] * root[fitted, None], (y * root)[fitted], rcond=1e-12)[0]
    return found
