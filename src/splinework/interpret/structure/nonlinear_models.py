"""Models that are not linear in their coefficients: `c + g(A) h(B)`, and `h(g(A), B)` with g a sum over parts of A or not.

Both are fitted by the Gauss–Newton method, the second by variable projection (Golub & Pereyra 1973, in Kaufman's form), with
polynomials of growing degree that start from the fit of the degree before.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from splinework.interpret.structure.fields import Array
from splinework.interpret.structure.nested_models import Problem, StructuredFit, best_fit, factor_terms
from splinework.interpret.symbolic.screening.surrogate import Exponents, chebyshev_basis, exponents_up_to

STAGES: Final = (2, 3, 4, 6, 8, 11, 15, 20, 28)
"""Degrees of functions of one column, stage by stage; those of more columns grow as terms allow."""
MAX_FACTOR_TERMS: Final = 90
N_SWEEPS, N_STEPS, N_STARTS = 25, 6, 3
DAMPINGS: Final = (1e-4, 1e-3, 1e-2, 0.1, 1.0)
"""Damping relative to the largest singular value, of steps that are tried in turn."""
MIN_GAIN: Final = 1e-4
"""Relative gain below which iterations end."""


def _degree(columns: int, stage: int, most: float) -> int:
    """The degree of a stage for a function of some columns, with as many terms as are allowed."""
    degree = min(STAGES[stage], 2 + stage) if columns > 1 else STAGES[stage]
    while degree > 1 and math.comb(columns + degree, columns) > most:
        degree -= 1
    return degree


def product_fit(problem: Problem, left: Sequence[int], right: Sequence[int]) -> StructuredFit | None:
    """`c + g(left) h(right)` by alternating least squares."""
    return best_fit(_products(problem, left, right))


def _products(problem: Problem, left: Sequence[int], right: Sequence[int]) -> Iterator[StructuredFit | None]:
    most = min(problem.most / 2, MAX_FACTOR_TERMS)
    own: Array | None = None
    seen = (0, 0)
    for stage in range(len(STAGES)):
        degrees = _degree(len(left), stage, most), _degree(len(right), stage, most)
        if degrees == seen:
            return
        seen = degrees
        one = factor_terms(problem.x, left, degrees[0], problem.logs)
        two = factor_terms(problem.x, right, degrees[1], problem.logs)
        starts = [own] if own is not None else [one[:, k] for k in range(1, min(N_STARTS + 1, one.shape[1]))]
        fits = [_alternated(problem, one, two, start) for start in starts]
        best = min((fit for fit in fits if fit is not None), key=lambda fit: float(fit.left @ fit.left), default=None)
        own = None if best is None else best.values["left"]
        yield best


def _alternated(problem: Problem, one: Array, two: Array, own: Array) -> StructuredFit | None:
    """Both factors in turn, each with a constant beside the product."""
    root, target = problem.root, problem.y * problem.root
    before, rest, level = math.inf, np.ones(len(own)), 0.0
    constant = root[:, None]

    def solve(design: Array, other: Array) -> tuple[Array, float]:
        weighted = np.hstack([design * (other * root)[:, None], constant])
        c = np.linalg.lstsq(weighted, target, rcond=1e-12)[0]
        return design @ c[:-1], float(c[-1])

    for _ in range(N_SWEEPS):
        rest, level = solve(two, own)
        own, level = solve(one, rest)
        size = float(np.sqrt(np.mean(own**2)))
        if not (math.isfinite(size) and size > 0):
            return None
        own, rest = own / size, rest * size
        left = target - (level + own * rest) * root
        after = float(left @ left)
        if after >= (1 - MIN_GAIN) * before:
            break
        before = after
    tangent = np.hstack([one * (rest * root)[:, None], two * (own * root)[:, None], constant])
    values = {"left": own, "right": rest, "level": np.full(len(own), level)}
    return StructuredFit(_orthonormal(tangent), left, values)


def _orthonormal(columns: Array) -> Array:
    """An orthonormal basis of the span of columns, some of which may be dependent."""
    size = np.linalg.norm(columns, axis=0)
    u, s, _ = np.linalg.svd(columns / np.where(size > 0, size, 1.0), full_matrices=False)
    return np.asarray(u[:, s > 1e-9 * s[0]])


@dataclass(frozen=True)
class _Outer:
    """The outer function at its best for an inner one: γ, s, the weighted columns orthonormal, coefficients, residuals."""

    gamma: Array
    s: Array
    columns: Array
    coefficients: Array
    left: Array

    @property
    def total(self) -> float:
        """Sum of the squared residuals."""
        return float(self.left @ self.left)


@dataclass
class _Inner:
    """`s = basis · γ` scaled to [-1, 1], and the outer polynomial in s and further columns."""

    problem: Problem
    basis: Array
    others: Array
    logs: Array
    degree: int

    def outer(self, gamma: Array) -> _Outer:
        """The outer function for an inner one."""
        s = self.basis @ gamma
        s = 2 * (s - s.min()) / max(np.ptp(s), 1e-300) - 1
        columns = np.column_stack([s, self.others])
        design = chebyshev_basis(columns, self.degree, np.append(False, self.logs)).design * self.problem.root[:, None]
        target = self.problem.y * self.problem.root
        q, r = np.linalg.qr(design)
        drawn = q.T @ target
        return _Outer(gamma, s, q, np.linalg.lstsq(r, drawn, rcond=1e-11)[0], target - q @ drawn)

    def slope(self, s: Array, c: Array) -> Array:
        """The weighted derivative of the outer function by s."""
        inside = np.clip(s, -1 + 1e-9, 1 - 1e-9)  # at the ends sines are 0/0
        powers = exponents_up_to(1 + self.others.shape[1], self.degree)
        angle = np.arccos(inside)
        k = powers[:, 0]
        first = k * np.sin(np.outer(angle, k)) / np.sin(angle)[:, None]
        level = np.column_stack([np.zeros(len(s)), self.others])
        rest = chebyshev_basis(level, self.degree, np.append(False, self.logs)).design
        return np.asarray((first * _without_first(rest, powers)) @ c * self.problem.root)


def _without_first(design: Array, powers: Exponents) -> Array:
    """The factors of the other columns: terms of the same other exponents and exponent 0 of the first."""
    place = {tuple(p): n for n, p in enumerate(powers.tolist())}
    return np.asarray(design[:, [place[(0, *p[1:])] for p in powers.tolist()]])


def composite_fit(problem: Problem, parts: Sequence[Sequence[int]], starts: Sequence[Array]) -> StructuredFit | None:
    """`h(Σ u_k(part k), others)`; one part is a module.

    Args:
        problem: The rows.
        parts: Columns of each part; all further columns are arguments of h.
        starts: Values `(N,)` near a function of the sum; what does best at small degrees goes on.
    """
    return best_fit(_composites(problem, parts, starts))


def _composites(
    problem: Problem, parts: Sequence[Sequence[int]], starts: Sequence[Array]
) -> Iterator[StructuredFit | None]:
    inside = [i for part in parts for i in part]
    outside = [i for i in range(problem.x.shape[1]) if i not in inside]
    most = problem.most / 2
    seen: tuple[int, ...] = ()
    for stage in range(len(STAGES)):
        degrees = tuple(_degree(len(part), stage, most / len(parts)) for part in parts)
        outer = _degree(1 + len(outside), stage, most)
        if (*degrees, outer) == seen:
            return
        seen = (*degrees, outer)
        blocks = [factor_terms(problem.x, p, d, problem.logs)[:, 1:] for p, d in zip(parts, degrees, strict=True)]
        inner = _Inner(problem, np.hstack(blocks), problem.x[:, outside], problem.logs[outside], outer)
        weighted = inner.basis - inner.basis.mean(0)
        gammas = [np.linalg.lstsq(weighted, start - start.mean(), rcond=1e-10)[0] for start in starts]
        fits = [fit for fit in (_projected(inner, gamma) for gamma in gammas) if fit is not None]
        best = min(fits, key=lambda fit: float(fit.left @ fit.left), default=None)
        if best is not None:
            starts = [best.values["inner"]]
        yield best


def _projected(inner: _Inner, gamma: Array) -> StructuredFit | None:
    """Levenberg–Marquardt steps on γ, whose scale is free, with the outer coefficients eliminated."""
    now = inner.outer(gamma)
    columns = now.columns
    for _ in range(N_STEPS):
        now = replace(now, gamma=now.gamma * (2 / max(float(np.ptp(inner.basis @ now.gamma)), 1e-300)))
        tangent = inner.basis * inner.slope(now.s, now.coefficients)[:, None]
        if not np.isfinite(tangent).all():
            return None
        columns = np.hstack([now.columns, tangent])
        following = _step(inner, now, tangent - now.columns @ (now.columns.T @ tangent))
        if following is None:
            break
        gain = 1 - following.total / now.total
        now = following
        if gain < MIN_GAIN:
            break
    return StructuredFit(_orthonormal(columns), now.left, {"inner": now.s})


def _step(inner: _Inner, now: _Outer, tangent: Array) -> _Outer | None:
    """The first of ever more damped steps that lowers the error; the length of γ stays."""
    u, size, v = np.linalg.svd(tangent, full_matrices=False)
    for damping in DAMPINGS:
        step = v.T @ (size / (size**2 + (damping * size[0]) ** 2 + 1e-300) * (u.T @ now.left))
        along = float(now.gamma @ step) / float(now.gamma @ now.gamma)
        trial = inner.outer(now.gamma + step - along * now.gamma)
        if trial.total < now.total:
            return trial
    return None
