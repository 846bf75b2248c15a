"""Coordinates in which a target is a sum: `y = a(x_i) + F(s, rest)`, s a function of x_i and another column.

The gradient shows where two columns act through a function s of both alone. Where one of them acts in another way as well, it
does not; but with s in place of the other column the target is additive, which one linear fit says. s is a product, a quotient or
a sum of squares, or `x_j + k x_i` (also of logarithms: `x_j x_i^k`) with the k of the least error. The method
is our own; no paper describes it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import numpy as np
import sympy
from scipy import optimize

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.problem import ScreeningProblem, rational
from splinework.interpret.symbolic.screening.separable import sum_error

DEGREE, MAX_SCAN_ROWS = 10, 400
"""Degree of the polynomials, and rows by which ratios are scanned."""
RATIOS = np.geomspace(1 / 8, 8, 25)
"""Magnitudes of k that are scanned, in units of the ratio of both columns' spreads."""
N_REFINED = 2
"""Minima of the scan that are refined."""
SNAPPED = tuple(sorted({Fraction(a, b) for a in range(1, 7) for b in range(1, 5)}))
MAX_SNAP, MAX_SNAP_RATIO = 0.02, 1.5
"""Relative change to a simple ratio, and the factor by which the error may grow then."""


@dataclass(frozen=True)
class AdditiveCoordinates:
    """A problem in other coordinates, and the error of its sum of a function of one column and one of the others."""

    problem: ScreeningProblem
    error: float


def additive_coordinates(problem: ScreeningProblem, *, deadline: float = math.inf) -> list[AdditiveCoordinates]:
    """Coordinates in place of one column for every pair, those of the least error first.

    Args:
        problem: A problem of any number of columns; with fewer than two there are none.
        deadline: Time of `clock` after which no further pair is begun.
    """
    found = []
    for i in range(problem.size):
        for j in range(problem.size):
            if i != j and clock.now() <= deadline:
                found += [AdditiveCoordinates(each, sum_error(each, i, DEGREE)) for each in _exchanged(problem, i, j)]
    return sorted((each for each in found if math.isfinite(each.error)), key=lambda each: each.error)


def _exchanged(problem: ScreeningProblem, i: int, j: int) -> Iterator[ScreeningProblem]:
    one, two = problem.columns[:, i], problem.columns[:, j]
    left, right = problem.expressions[i], problem.expressions[j]
    yield problem.exchanged(j, one * two, left * right)
    if np.abs(one).min() > 0:
        yield problem.exchanged(j, two / one, right / left)
    elif np.abs(two).min() > 0:
        yield problem.exchanged(j, one / two, left / right)
    yield problem.exchanged(j, one**2 + two**2, left**2 + right**2)
    yield from _scanned(problem, i, one, two, partial(_with_sum, problem, i, j))
    if one.min() > 0 and two.min() > 0:
        yield from _scanned(problem, i, np.log(one), np.log(two), partial(_with_power, problem, i, j))


def _with_sum(problem: ScreeningProblem, i: int, j: int, k: float, exact: Fraction | None) -> ScreeningProblem:
    factor = sympy.Float(k) if exact is None else rational(exact)
    column = problem.columns[:, j] + k * problem.columns[:, i]
    return problem.exchanged(j, column, problem.expressions[j] + factor * problem.expressions[i])


def _with_power(problem: ScreeningProblem, i: int, j: int, k: float, exact: Fraction | None) -> ScreeningProblem:
    factor = sympy.Float(k) if exact is None else rational(exact)
    column = problem.columns[:, j] * problem.columns[:, i] ** k
    return problem.exchanged(j, column, problem.expressions[j] * problem.expressions[i] ** factor)


def _scanned(
    problem: ScreeningProblem, i: int, one: Array, two: Array, build: Callable[..., ScreeningProblem]
) -> Iterator[ScreeningProblem]:
    """The problems of the ratios of least error; simple ratios where they do as well."""
    unit = float(two.std() / (one.std() or 1.0))
    if not unit > 0:
        return
    thin = slice(None, None, max(len(one) // MAX_SCAN_ROWS, 1))

    def error(k: float, rows: slice = thin) -> float:
        other = build(k, None)
        return sum_error(_of_rows(other, rows), i, DEGREE)

    grid = unit * np.concatenate([-RATIOS[::-1], RATIOS])
    errors = np.array([error(k) for k in grid])
    inner = [n for n in range(1, len(grid) - 1) if errors[n] <= min(errors[n - 1], errors[n + 1])]
    for n in sorted(inner, key=lambda n: float(errors[n]))[:N_REFINED]:
        if grid[n - 1] * grid[n + 1] < 0:
            continue
        low, high = sorted((grid[n - 1], grid[n + 1]))
        best = optimize.minimize_scalar(
            lambda k: math.log(error(float(k), slice(None)) + 1e-300),
            bounds=(low, high),
            method="bounded",
            options={"xatol": 1e-10 * unit, "maxiter": 40},
        )
        k, least = float(best.x), math.exp(float(best.fun))
        near = min(SNAPPED, key=lambda r: abs(float(r) - abs(k)))
        exact = near if k > 0 else -near
        snaps = abs(float(near) / abs(k) - 1) < MAX_SNAP and error(float(exact), slice(None)) <= MAX_SNAP_RATIO * least
        yield build(float(exact), exact) if snaps else build(k, None)


def _of_rows(problem: ScreeningProblem, rows: slice) -> ScreeningProblem:
    return replace(problem, columns=problem.columns[rows], y=problem.y[rows], weights=problem.weights[rows])
