"""Columns that act through a wave which oscillates too fast for a polynomial surrogate.

What is looked for is `M (A + B cos ωu + C sin ωu)`, M a product of powers. The method is our own; no paper describes it.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import sympy

from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.problem import ScreeningProblem

MAX_FULL_COLUMNS = 3
"""Number of columns above which only simple products of a few are tried."""
FREQUENCIES = 2 * np.pi * np.arange(0.2, 16, 0.12)
"""Angular frequencies over the range of the argument."""


@dataclass(frozen=True)
class WaveReduction:
    """A problem with columns merged into the argument of the wave, and the share of variance that the wave explains."""

    problem: ScreeningProblem
    share: float


def wave_reductions(problem: ScreeningProblem) -> list[WaveReduction]:
    """The arguments `u` for which `M (A + B cos ωu + C sin ωu)` explains most, with M a product of powers."""
    d = problem.size
    if not 1 <= d <= 7 or (problem.columns == 0).any() or np.ptp(problem.y) == 0:
        return []
    factors = [p for p in itertools.product((0, 1, 2, -1), repeat=d) if d <= MAX_FULL_COLUMNS or sum(map(abs, p)) <= 2]
    scales = np.stack([np.prod(problem.columns ** np.array(p, dtype=float), axis=1) for p in factors])  # (M, N)
    found = []
    for merged in _arguments(problem):
        u = merged.columns[:, -1]
        reach = float(np.ptp(u))
        if 0 < reach < np.inf:
            found.append(WaveReduction(merged, _best(u, reach, problem.y, problem.weights, scales)))
    found.sort(key=lambda wave: -wave.share)
    return [wave for wave in found[:4] if wave.share > 0.25]


def _arguments(problem: ScreeningProblem) -> Iterator[ScreeningProblem]:
    """Candidate arguments of a wave, each as the last column: products of powers, sums and differences of two."""
    d = problem.size
    for q in itertools.product((0, 1, -1, 2, -2) if d <= MAX_FULL_COLUMNS else (0, 1, -1), repeat=d):
        used = [v for v in q if v]
        if used and used[0] > 0 and len(used) <= MAX_FULL_COLUMNS and (len(used) == 1 or any(v % 2 for v in used)):
            yield _merged(problem, q)
    for i, j in itertools.combinations(range(d), 2):
        for sign in (1, -1):
            u = problem.columns[:, i] + sign * problem.columns[:, j]
            yield problem.merged(i, j, u, problem.expressions[i] + sign * problem.expressions[j])


def _best(u: Array, reach: float, y: Array, weights: Array, scales: Array) -> float:
    """Share of variance explained by the best wave in u."""
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
    return 1 - float(left.min()) / total


def _merged(problem: ScreeningProblem, q: tuple[int, ...]) -> ScreeningProblem:
    """The problem with the columns of a product replaced by it."""
    used = [i for i, v in enumerate(q) if v]
    u = np.prod(problem.columns ** np.array(q, dtype=float), axis=1)
    expression = sympy.Mul(*(problem.expressions[i] ** q[i] for i in used))
    rest = problem.without(*used)
    return replace(
        rest,
        columns=np.column_stack([rest.columns, u]),
        expressions=(*rest.expressions, expression),
        steps=(*problem.steps, f"a wave in {expression}"),
    )
