"""Targets that join functions of one column and of the others: as a sum, a product, or a sum of two or three products.

A sum is one least-squares problem (an additive model; Hastie & Tibshirani 1986). For a product alternating least squares fit
`f(x) = a + g(x_i) h(x_rest)`, g and h polynomials: the first term of the singular value decomposition of a function of two groups
of variables (Schmidt 1907). Unlike a logarithm or a ratio of slopes it needs no factor without zeros. Two products take the first
two terms; their factors are known up to a linear map only, so that the functions of which one factor is the sum are looked for,
and what stands beside each is fitted.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.problem import ScreeningProblem
from splinework.interpret.symbolic.screening.reducing import CLEAR_ERROR_RATIO, MAX_ERROR_RATIO, MIN_NOISE
from splinework.interpret.symbolic.screening.surrogate import FIT_WORK, chebyshev_basis

SUM, PRODUCT, LOW_RANK = "sum", "product", "low rank"
DEGREES, MAX_TERMS = (10, 22, 46), 90
"""Degrees of factors of one column, of which the rows that judge choose, and most terms of a factor of several."""
MIN_ROWS_PER_TERM = 3
N_SWEEPS, MIN_GAIN = 40, 1e-3
"""Most sweeps of the alternating fit, and the relative gain below which they end."""
N_STARTS, RANKS = 4, (2, 3)
"""Starts of the alternating fit of one product, and numbers of products of a sum of some."""
MAX_PRODUCTS = 0.7
"""Products of both bases, as a share of the rows, of which a fit starts several products."""
JUDGING_EVERY = 5
"""One of this number of rows judges the factors and is not fitted."""
MIN_SPAN = 3.0
"""Ratio of a positive column's largest and smallest value from which polynomials of its logarithm are tried."""
EXACT, MAX_CLEAN_NOISE = 1e-12, 1e-6
"""Errors, as shares of the spread, that are rounding (nothing richer is tried), and that are those of polynomials, no noise."""
MIN_RICHER_GAIN = 0.1
"""Share of the errors of a sum and of a product to which that of two or three products must fall."""


@dataclass(frozen=True)
class Separation:
    """The parts of a target at the rows: `level + own · rest`, or `own + rest` for a sum.

    Attributes:
        kind: `sum`, `product` or `low rank`; of the products of the latter the largest.
        column: Number of the column that has a part of its own.
        own: Values of its part, of a factor scaled to mean square 1, `(N,)`.
        rest: Values of the part of the other columns, `(N,)`.
        level: Values that are added to a product, `(N,)`: a constant, or the other products.
        error: Weighted root mean square of what is left on rows that were not fitted.
        own_error: Standard error of `own` by that, averaged over the rows; an error of polynomials is all of it that of `own`.
    """

    kind: str
    column: int
    own: Array
    rest: Array
    level: Array
    error: float
    own_error: float


def clear_error(problem: ScreeningProblem) -> float:
    """Error below which a sum or a product is clear: rounding, or what polynomials of all columns leave where that is little.

    Where they leave much it is clear by half of that: polynomials of some of the columns have more terms for each, and a
    structure that is not there leaves more.
    """
    left = problem.surrogate.error
    ratio = MAX_ERROR_RATIO if left < MIN_NOISE * problem.spread else CLEAR_ERROR_RATIO
    return max(MAX_CLEAN_NOISE * problem.spread, ratio * left)


def sums(problem: ScreeningProblem, *, deadline: float = math.inf) -> list[Separation]:
    """The separation of each column from the others as a sum: one problem of least squares each.

    Args:
        problem: A problem of several columns.
        deadline: Time of `clock` after which no further fits are begun.
    """
    found = (_best_separation(problem, i, SUM, deadline) for i in range(problem.size))
    return sorted((each for each in found if each is not None), key=lambda each: each.error)


def separations(problem: ScreeningProblem, *, deadline: float = math.inf) -> list[Separation]:
    """A separation of each column from the others as a sum or a product, the best first, then as some products.

    Args:
        problem: A problem of any number of columns; with fewer than two there are none.
        deadline: Time of `clock` after which no further fits are begun.
    """
    if problem.size < 2:
        return []
    columns = range(problem.size)
    plain = {i: [_best_separation(problem, i, kind, deadline) for kind in (SUM, PRODUCT)] for i in columns}
    found = [each for parts in plain.values() for each in parts if each is not None]
    least = {i: min((each.error for each in parts if each is not None), default=0.0) for i, parts in plain.items()}
    if min(least.values()) > max(clear_error(problem), EXACT * problem.spread):
        for i, rank in itertools.product(columns, RANKS):
            richer = (
                _best_separation(problem, i, LOW_RANK, deadline, rank) if least[i] > EXACT * problem.spread else None
            )
            if richer is not None and richer.error < MIN_RICHER_GAIN * least[i]:
                found.append(richer)
                least[i] = richer.error
    return sorted(found, key=lambda each: (each.kind == LOW_RANK, each.error))


def coefficients_beside(problem: ScreeningProblem, known: Array) -> tuple[float, Array]:
    """The functions of a problem's columns by which known values are multiplied in a sum that is the target.

    Args:
        problem: A problem with some of the columns.
        known: The values `(N, K)`.

    Returns:
        The error on the rows that judge, and the functions at the rows, `(N, K)`.
    """
    root = np.sqrt(problem.weights)
    fitted = np.arange(len(problem.y)) % JUDGING_EVERY != 0
    best = math.inf, np.zeros(known.shape)
    for logs in _scales(problem):
        for degree in DEGREES if problem.size == 1 else range(1, DEGREES[0] + 1):
            own = chebyshev_basis(problem.columns, degree, logs).design
            if known.shape[1] * own.shape[1] * MIN_ROWS_PER_TERM > 2 * len(known):
                break
            c = _fit(_beside(own, known), problem.y, root, fitted)
            parts = own @ c.reshape(known.shape[1], -1).T
            error = float(np.mean((((known * parts).sum(1) - problem.y) * root)[~fitted] ** 2))
            best = min(best, (error, parts), key=lambda each: each[0])
    return math.sqrt(best[0]), best[1]


def _best_separation(problem: ScreeningProblem, i: int, kind: str, deadline: float, rank: int = 1) -> Separation | None:
    """The separation by the degree and the scale of the columns, linear or logarithmic, that the judging rows prefer."""
    first = min(DEGREES[0], len(problem.y) // (2 * MIN_ROWS_PER_TERM) - 1)
    trials = {tuple(logs): _separation(problem, i, first, logs, kind, rank, deadline) for logs in _scales(problem)}
    usable = {scale: each for scale, each in trials.items() if each is not None}
    if not usable:
        return None
    scale = min(usable, key=lambda key: usable[key].error)
    degrees = DEGREES[1 : 2 if kind == LOW_RANK else None]
    further = (_separation(problem, i, degree, np.array(scale), kind, rank, deadline) for degree in degrees)
    return min((usable[scale], *(each for each in further if each is not None)), key=lambda each: each.error)


def _scales(problem: ScreeningProblem) -> Iterator[Array]:
    """Masks `(d,)` of columns on a logarithmic scale: none of them, or those that are positive and span a factor."""
    yield np.zeros(problem.size, bool)
    low, high = problem.columns.min(0), problem.columns.max(0)
    logs = (low > 0) & (high > MIN_SPAN * low)
    if logs.any():
        yield logs


def _separation(
    problem: ScreeningProblem, i: int, degree: int, logs: Array, kind: str, rank: int, deadline: float
) -> Separation | None:
    """The separation by polynomials of a degree; None where rows are too few, or time is up."""
    n = len(problem.y)
    others, most = problem.without(i), n // (2 * MIN_ROWS_PER_TERM)
    if not 1 <= degree < most or clock.now() > deadline:
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
        if rank * max(two.shape[1], one.shape[1]) * MIN_ROWS_PER_TERM > 2 * n:
            return None
        trials = [
            _alternated(one, two, problem.y, root, fitted, start)
            for start in _starts(one, two, problem.y, root, fitted, rank)
            if clock.now() <= deadline
        ]
        best = min((each for each in trials if each is not None), key=lambda each: each[0], default=None)
        if best is None:
            return None
        _, own, rest, level = best
        left, size = level + own * rest - problem.y, math.sqrt(float(np.mean((rest * root) ** 2)))
    error = math.sqrt(float(np.mean((left * root)[~fitted] ** 2)))
    share = 1.0 if error < MAX_CLEAN_NOISE * problem.spread else math.sqrt((degree + 1) / fitted.sum())
    return Separation(kind, i, own, rest, level, error, share * error / max(size, 1e-300))


def _starts(one: Array, two: Array, y: Array, root: Array, fitted: Array, rank: int) -> list[Array]:
    """Values of the first factors to begin from, `(N, rank)` each: functions of the basis.

    For several factors those of largest singular value in a fit of the products of both bases, as many as rows determine.
    """
    if rank == 1:
        return [one[:, [k]] for k in range(N_STARTS)]
    few = one[:, : DEGREES[0] + 1]
    some = two[:, : max(int(MAX_PRODUCTS * fitted.sum() / few.shape[1]), rank)]
    c = _fit(_beside(few, some), y, root, fitted).reshape(some.shape[1], -1)
    return [few @ np.linalg.svd(c.T, full_matrices=False)[0][:, :rank]]


def _alternated(
    one: Array, two: Array, y: Array, root: Array, fitted: Array, own: Array
) -> tuple[float, Array, Array, Array] | None:
    """The squared error on fitted rows, both factors of the largest product and what is added to it, at all rows.

    It starts from values of the first factors `(N, rank)`; None where they overflow.
    """
    before = math.inf
    rest = np.zeros_like(own)
    level = 0.0
    for _ in range(N_SWEEPS):
        rest = _parts(two, own, y, root, fitted)[0]
        if not np.isfinite(rest).all():
            return None
        own, level = _parts(one, rest, y, root, fitted)
        if not (np.isfinite(own).all() and np.abs(own).max(0).min() > 0):
            return None
        own, mixed = np.linalg.qr(own)
        own, rest = own * math.sqrt(len(own)), rest @ mixed.T / math.sqrt(len(own))
        left = float(np.sum(((level + (own * rest).sum(1) - y) * root)[fitted] ** 2))
        if left >= (1 - MIN_GAIN) * before:
            break
        before = left
    turn = np.linalg.svd(rest, full_matrices=False)[2].T  # the largest product first
    return left, (own @ turn)[:, 0], (rest @ turn)[:, 0], level + (own @ turn * (rest @ turn))[:, 1:].sum(1)


def _parts(basis: Array, known: Array, y: Array, root: Array, fitted: Array) -> tuple[Array, float]:
    """Functions of a basis beside each of the known values, `(N, K)`, and the constant that is added."""
    c = _fit(np.hstack([_beside(basis, known), np.ones((len(y), 1))]), y, root, fitted)
    return basis @ c[:-1].reshape(known.shape[1], -1).T, float(c[-1])


def _beside(basis: Array, known: Array) -> Array:
    """All functions of a basis times each of the known values, `(N, K · terms)`."""
    return np.hstack([basis * each[:, None] for each in known.T])


def _fit(design: Array, y: Array, root: Array, fitted: Array) -> Array:
    """Coefficients of weighted least squares on the fitted rows."""
    clock.spend(FIT_WORK * design.size * design.shape[1])
    found: Array = np.linalg.lstsq(design[fitted] * root[fitted, None], (y * root)[fitted], rcond=1e-12)[0]
    return found


def varying_part(expression: Any) -> Any:
    """The expression without the constant that is added to it."""
    return expression.as_independent(*expression.free_symbols, as_Add=True)[1]


def spanning_functions(expression: Any) -> tuple[Any, ...]:
    """The functions of which an expression is a sum: its terms without numbers, with a wave's phase as two waves."""

    def split(wave: Any) -> Any:
        phase, turn = wave.args[0].as_coeff_Add()
        other = sympy.cos if wave.func == sympy.sin else sympy.sin
        sign = 1 if wave.func == sympy.sin else -1
        return wave.func(turn) * sympy.cos(phase) + sign * other(turn) * sympy.sin(phase)

    waves = expression.replace(lambda e: e.func in (sympy.sin, sympy.cos), split)
    terms = sympy.Add.make_args(sympy.expand(waves, power_exp=False, power_base=False, log=False))
    return tuple(dict.fromkeys(term.as_coeff_Mul()[1] for term in terms))
