"""Targets `F(g(x_i) + h(x_j), rest)` of unknown F, g and h: the ratio of two slopes is then a function of x_i over one of x_j.

With `∂_i y = F' g'(x_i)` and `∂_j y = F' h'(x_j)` the sum `g'(x_i) ∂_j y - h'(x_j) ∂_i y` vanishes, which is linear in the
coefficients of polynomials for g' and h': they are the right singular vector of the least singular value, as slopes of a smooth
stand-in have them. The sum itself is then fitted to the data by Gauss-Newton, with a polynomial for F whose coefficients are
eliminated (Golub & Pereyra 1973). F need not be monotone. The method is our own; no paper describes it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebint

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.problem import ScreeningProblem
from splinework.interpret.symbolic.screening.surrogate import chebyshev_basis

DEGREE, FIRST_DEGREE, MIN_ROWS_PER_TERM = 14, 8, 8
"""Degrees of g and h, and of their first estimates, and rows for each coefficient of both."""
OUTER_DEGREES = (22, 10, 6)
"""Degrees of F of the sum alone, of the sum and one other column, and of more."""
MAX_VIOLATION = 0.05
"""Least singular value, relative to the rows, of a pair that is fitted."""
MAX_STEPS, MIN_GAIN = 12, 0.1
"""Steps of Gauss-Newton, and the relative gain below which they end."""
MIN_BENT = 1e-3
"""Share of the target, or of its logarithm, that a line in the sum must leave: else it is a sum or a product itself."""
MIN_SPAN = 3.0
"""Ratio of a positive column's ends from which polynomials are in its logarithm."""


@dataclass(frozen=True)
class InnerSum:
    """A sum of functions of two columns through which these act.

    Attributes:
        columns: Numbers of both columns.
        parts: Values of their functions, `(N, 2)`.
        slope: Derivative of the target by the sum, `(N,)`.
        error: Weighted root mean square of what a polynomial in the sum and the other columns leaves.
    """

    columns: tuple[int, int]
    parts: Array
    slope: Array
    error: float


def inner_sums(problem: ScreeningProblem, *, most: float, deadline: float = math.inf) -> list[InnerSum]:
    """The sums of functions of two columns through which a target depends on both, those of the least error first.

    Args:
        problem: A problem of any number of columns; with fewer than two there are none.
        most: Error up to which a sum is one.
        deadline: Time of `clock` after which no further pair is begun.
    """
    if problem.size < 2 or not problem.spread > 0:
        return []
    slopes = problem.surrogate.gradient
    found = []
    for i in range(problem.size):
        for j in range(i + 1, problem.size):
            if clock.now() <= deadline:
                found += [each for each in _of_pair(problem, slopes, i, j) if each.error <= most]
    return sorted(found, key=lambda each: each.error)


def _of_pair(problem: ScreeningProblem, slopes: Array, i: int, j: int) -> Iterator[InnerSum]:
    degree = min(DEGREE, len(problem.y) // (2 * MIN_ROWS_PER_TERM))
    low, high = problem.columns.min(0), problem.columns.max(0)
    logs = (low > 0) & (high > MIN_SPAN * low)
    bases = [chebyshev_basis(problem.columns[:, [k]], degree, logs[[k]]) for k in (i, j)]
    one, two = (basis.design for basis in bases)
    by_one, by_two = (slopes[:, [k]] / basis.chain for k, basis in zip((i, j), bases, strict=True))
    few, root = min(FIRST_DEGREE, degree), np.sqrt(problem.weights)
    rows = np.hstack([one[:, :few] * by_two, -two[:, :few] * by_one]) * root[:, None]
    lengths = np.linalg.norm(rows, axis=0)
    if not (np.isfinite(lengths).all() and lengths.min() > 0):
        return
    _, values, vectors = np.linalg.svd(rows / lengths, full_matrices=False)
    if values[-1] > MAX_VIOLATION:
        return
    c = vectors[-1] / lengths
    start = np.zeros((2, degree))
    start[:, :few] = [chebint(half)[1:] for half in (c[:few], c[few:])]
    found = _fitted(problem, np.hstack([one[:, 1:], two[:, 1:]]), start.ravel(), (i, j))
    if found is not None:
        yield found


def _fitted(problem: ScreeningProblem, design: Array, c: Array, pair: tuple[int, int]) -> InnerSum | None:
    """The sum `design @ c` by Gauss-Newton from c; None where it becomes a constant, or F is a line or exponential."""
    others, root, degree = problem.without(*pair).columns, np.sqrt(problem.weights), len(c) // 2
    best: tuple[float, Array, Array] | None = None
    for _ in range(MAX_STEPS):
        total = design @ c
        spread = float(total.std())
        if not 0 < spread < math.inf:
            break
        columns = np.column_stack([others, total / spread])
        basis = chebyshev_basis(columns, OUTER_DEGREES[min(others.shape[1], len(OUTER_DEGREES) - 1)])
        outer = basis.fit(problem.y, problem.weights)
        slope = outer.gradient()[:, -1]
        before = math.inf if best is None else best[0]
        if not outer.error < before:
            break
        best = (outer.error, c / spread, slope)
        if outer.error > (1 - MIN_GAIN) * before:
            break
        moved = np.hstack([basis.design[:, : len(outer.coefficients)], slope[:, None] * design]) * root[:, None]
        step = np.linalg.lstsq(moved, (problem.y - outer.values) * root, rcond=1e-12)[0][-len(c) :]
        c = c / spread + step
    if best is None:
        return None
    error, c, slope = best
    parts = np.column_stack([design[:, :degree] @ c[:degree], design[:, degree:] @ c[degree:]])
    return InnerSum(pair, parts, slope, error) if _is_bent(problem, parts.sum(1)) else None


def _is_bent(problem: ScreeningProblem, total: Array) -> bool:
    """Whether neither the target nor its logarithm is a line in a sum."""
    y = problem.y
    for values in (y, np.log(np.abs(y))) if y.min() > 0 or y.max() < 0 else (y,):
        if abs(float(np.corrcoef(values, total)[0, 1])) > 1 - MIN_BENT**2 / 2:
            return False
    return True
