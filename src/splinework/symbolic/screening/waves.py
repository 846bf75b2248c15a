"""Columns that act together through a wave, where it turns too often for a polynomial to follow."""

import itertools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import sympy

from splinework.symbolic.library import Array
from splinework.symbolic.screening.problem import Problem

MOST_COLUMNS = 4
"""Products of more columns are not searched."""
FREQUENCIES = 2 * np.pi * np.arange(0.2, 16, 0.12)
"""Of the waves that are tried, over the range of their argument."""
WORTH = 0.25
"""Share of the weighted variance that a wave must explain."""
KEPT = 4


@dataclass(frozen=True)
class Wave:
    """A problem whose columns are merged into the argument of the wave, what share it explains, and its frequency."""

    problem: Problem
    share: float
    frequency: float


def waves(problem: Problem) -> list[Wave]:
    """The products of powers `u` for which `M (A + B cos ωu + C sin ωu)` explains most, M a product of powers too."""
    d = problem.size
    if not 1 <= d <= MOST_COLUMNS or (problem.columns == 0).any():
        return []
    factors = [p for p in itertools.product((0, 1, 2, -1), repeat=d) if d <= 3 or sum(map(abs, p)) <= 2]
    scales = np.stack([np.prod(problem.columns ** np.array(p, dtype=float), axis=1) for p in factors])  # (M, N)
    found = []
    for q in itertools.product((0, 1, -1, 2, -2) if d <= 3 else (0, 1, -1), repeat=d):
        used = [v for v in q if v]
        if not used or used[0] < 0 or (all(v % 2 == 0 for v in used) and len(used) > 1):
            continue
        u = np.prod(problem.columns ** np.array(q, dtype=float), axis=1)
        reach = float(np.ptp(u))
        if not 0 < reach < np.inf:
            continue
        share, frequency, number = _best(u, reach, problem.y, problem.weights, scales)
        found.append((share, frequency, q, factors[number]))
    found.sort(key=lambda entry: -entry[0])
    return [
        Wave(_merged(problem, q), share, frequency)
        for share, frequency, q, _ in found[:KEPT]
        if share > WORTH and sum(map(bool, q)) > 0
    ]


def _best(u: Array, reach: float, y: Array, weights: Array, scales: Array) -> tuple[float, float, int]:
    """Share of the variance, frequency and number of the factor of the best wave in u."""
    angle = np.outer(FREQUENCIES / reach, u)
    c, s = np.cos(angle), np.sin(angle)
    a = (weights * scales**2).T  # (N, M)
    b = (weights * scales * y).T
    total = float(weights @ (y - np.average(y, weights=weights)) ** 2)
    shape = (len(FREQUENCIES), len(scales))
    gram = np.empty((*shape, 3, 3))
    gram[..., 0, 0] = a.sum(0)
    gram[..., 0, 1] = gram[..., 1, 0] = c @ a
    gram[..., 0, 2] = gram[..., 2, 0] = s @ a
    gram[..., 1, 1] = (c * c) @ a
    gram[..., 2, 2] = (s * s) @ a
    gram[..., 1, 2] = gram[..., 2, 1] = (c * s) @ a
    drawn = np.stack([np.broadcast_to(b.sum(0), shape), c @ b, s @ b], -1)
    gram += 1e-9 * np.trace(gram, axis1=2, axis2=3)[..., None, None] * np.eye(3)
    explained = (np.linalg.solve(gram, drawn[..., None])[..., 0] * drawn).sum(-1)
    left = float(weights @ y**2) - explained
    best = int(np.argmin(left))
    at, number = divmod(best, len(scales))
    return 1 - float(left.ravel()[best]) / total, float(FREQUENCIES[at] / reach), number


def _merged(problem: Problem, q: tuple[int, ...]) -> Problem:
    """The columns of the product replaced by it."""
    used = [i for i, v in enumerate(q) if v]
    if len(used) == 1 and q[used[0]] == 1:
        return problem
    u = np.prod(problem.columns ** np.array(q, dtype=float), axis=1)
    expression = sympy.Mul(*(problem.expressions[i] ** sympy.Rational(Fraction(q[i]).numerator) for i in used))
    rest = problem.without(*used)
    return Problem(
        np.column_stack([rest.columns, u]),
        (*rest.expressions, expression),
        problem.y,
        problem.weights,
        problem.wrap,
        (*problem.steps, f"a wave in {expression}"),
    )
