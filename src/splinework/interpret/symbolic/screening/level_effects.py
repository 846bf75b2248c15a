"""Reductions of problems with categories: a category that acts by effects of its levels is taken out.

A category acts on `y` by effects that are added, `y = g + Σ c_l (α_l + β_l t + …)` with simple functions t of the other
columns, or by factors, `y = g (1 + Σ a_l c_l)`; c_l is 1 at level l and 0 elsewhere, and g has no such column. For g stands a
polynomial in the columns of numbers, with effects of the other categories. What is left is a problem without that category.

Factors are found by variable projection (Golub & Pereyra 1973), effects by forward selection.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.levels import Category
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.problem import ScreeningProblem
from splinework.interpret.symbolic.screening.surrogate import FIT_WORK, chebyshev_basis

MAX_SHARE = 0.3
"""Share of the rows up to which polynomials have terms."""
DEGREES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 60)
"""Degrees that are tried."""
CLOSE = 1e-2
"""Error, as a share of the spread, below which what is left is taken for the error of a polynomial and not for noise."""
MAX_ERROR_RATIO, MAX_ERROR_RATIO_CLOSE = 1.02, 1.2
"""Tolerated increase of the error by a reduction, for noise and for errors of polynomials."""
MIN_GAIN, MIN_GAIN_CLOSE = 0.01, 0.5
"""Share of the squared error that an effect must explain, likewise."""
SCAN = (0.03, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.2, 3.2, 5.0, 8.0, 15.0)
"""Magnitudes of factors that are tried first."""
FLOOR = 1e-11
"""Error, as a share of the spread, below which fits are equally good."""
WIDTH, MAX_STEPS, MAX_BLOCKS = 2, 8, 5
"""Problems that are followed, steps towards factors, and functions that carry effects."""
LEAST_FACTOR = 1e-6
"""Least magnitude of a factor."""
WORK = 0.15
"""Units of work of a step for a category."""


@dataclass(frozen=True)
class _State:
    """A problem, the places of its columns of numbers, and the categories that it still has, with their indicators."""

    problem: ScreeningProblem
    numeric: tuple[int, ...]
    left: tuple[tuple[Category, Array], ...]
    error: float = math.inf

    @property
    def root(self) -> Array:
        """Square roots of the weights, `(N,)`."""
        return np.sqrt(self.problem.weights)

    @cached_property
    def most_terms(self) -> float:
        """The number of terms that the rows allow."""
        return MAX_SHARE * len(self.problem.y)

    @cached_property
    def is_crowded(self) -> bool:
        """Whether levels are too many for products with lines and with each other: their effects are added then."""
        return self._products(1 + len(self.numeric)) > self.most_terms

    def _products(self, terms: int) -> float:
        """Products of as many terms with effects of all levels, and those of pairs of levels."""
        counts = [levels.shape[1] for _, levels in self.left]
        return float(terms * (1 + sum(counts)) + (sum(counts) ** 2 - sum(count**2 for count in counts)) / 2)

    @cached_property
    def best_degree(self) -> int:
        """The degree of the polynomial with the least error, with effects of all categories."""
        levels = sum(c.shape[1] for _, c in self.left)
        errors: dict[int, float] = {}
        for degree in DEGREES:
            terms = math.comb(len(self.numeric) + degree, degree)
            if degree > 1 and (terms + levels if self.is_crowded else self._products(terms)) > self.most_terms:
                break
            errors[degree] = self.fit(self.design(self.left, degree))[0]
        return min(errors, key=errors.__getitem__)

    def design(self, categories: Sequence[tuple[Category, Array]], degree: int | None = None) -> Array:
        """Products of a polynomial with effects of some categories, and of pairs of levels, or their sum: `(N, terms)`."""
        columns = self.problem.columns[:, list(self.numeric)]
        polynomial = chebyshev_basis(columns, self.best_degree if degree is None else degree).design
        if self.is_crowded:
            return np.concatenate([polynomial, *(levels for _, levels in categories)], axis=1)
        parts = [polynomial]
        for n, (_, levels) in enumerate(categories):
            parts += [polynomial * level[:, None] for level in levels.T]
            for _, other in categories[:n]:
                parts += [level[:, None] * other for level in levels.T]
        return np.concatenate(parts, axis=1)

    def fit(self, design: Array, extra: int = 0) -> tuple[float, Array]:
        """The error, corrected for the constants (Craven & Wahba 1979), and the residuals, of least squares."""
        q = _orthonormal(design * self.root[:, None])
        y = self.problem.y * self.root
        left = y - q @ (q.T @ y)
        share = (q.shape[1] + extra) / len(y)
        return float(np.sqrt(np.mean(left**2))) / max(1 - share, 0.05), left


def without_categories(
    problem: ScreeningProblem, categories: Sequence[Category], *, deadline: float = math.inf
) -> list[ScreeningProblem]:
    """Problems with fewer categories, as the data allow, the most plausible first; none where nothing can be taken out.

    Args:
        problem: The problem of the data, with a column for every level but the first.
        categories: Its categories.
        deadline: Time of `clock`.
    """
    inside = {i for category in categories for i in category.places}
    numeric = tuple(i for i in range(problem.size) if i not in inside)
    if not categories or not numeric:
        return []
    first = _State(problem, numeric, tuple((c, c.indicators(problem.columns)) for c in categories))
    if 1 + len(numeric) + sum(levels.shape[1] for _, levels in first.left) > first.most_terms:
        return []
    scale = problem.spread
    done: list[_State] = []
    beam = [first]
    with np.errstate(all="ignore"):
        while beam and clock.now() < deadline:
            following: list[_State] = []
            for state in beam:
                smaller = sorted(_reductions(state, scale, deadline), key=lambda each: each.error)
                following += smaller[:WIDTH]
                if state is not first and (not smaller or not state.left):
                    done.append(state)
            beam = sorted((s for s in following if s.left), key=lambda each: (len(each.left), each.error))[:WIDTH]
            done += [state for state in following if not state.left]
    done.sort(key=lambda each: (len(each.left), each.error))
    different: list[_State] = []
    for state in done:
        gaps = [state.problem.y * state.root - each.problem.y * each.root for each in different]
        if all(float(np.sqrt(np.mean(gap**2))) > 10 * state.error + FLOOR * scale for gap in gaps):
            different.append(state)
    return [_numeric(state, categories) for state in different[:WIDTH]]


def _numeric(state: _State, categories: Sequence[Category]) -> ScreeningProblem:
    """The problem without the columns of the categories that were taken out."""
    kept = {category.places for category, _ in state.left}
    return state.problem.without(*(i for c in categories if c.places not in kept for i in c.places))


def _reductions(state: _State, scale: float, deadline: float) -> Iterator[_State]:
    """The problem without one of its categories, in every way in which the error stays as small."""
    error = state.fit(state.design(state.left))[0]
    limit = (MAX_ERROR_RATIO_CLOSE if error < CLOSE * scale else MAX_ERROR_RATIO) * error + FLOOR * scale
    for n, (category, levels) in enumerate(state.left):
        if clock.now() > deadline:
            return
        others = (*state.left[:n], *state.left[n + 1 :])
        design = state.design(others)
        rows, terms = design.shape
        clock.spend(max(WORK, FIT_WORK * terms**2 * 2 * (MAX_STEPS * rows + len(SCAN) * levels.shape[1] * terms / 3)))
        for made in (_with_factor, _with_effects):
            found = made(state, design, category, levels, others)
            if found is not None and found.error <= limit:
                yield found


def _with_factor(
    state: _State, design: Array, category: Category, levels: Array, others: tuple[tuple[Category, Array], ...]
) -> _State | None:
    """The problem without a category that multiplies the target, by the factor of least error."""
    root, y = state.root, state.problem.y
    sizes = _scanned(design * root[:, None], y * root, levels)
    best: tuple[float, Array] | None = None
    for _ in range(MAX_STEPS):
        factor = 1 + levels @ sizes
        weighted = design * (root * factor)[:, None]
        q = _orthonormal(weighted)
        target = y * root
        fitted = q @ (q.T @ target)
        left = target - fitted
        share = (q.shape[1] + len(sizes)) / len(y)
        error = float(np.sqrt(np.mean(left**2))) / max(1 - share, 0.05)
        if best is not None and not error < best[0] * (1 - 1e-3):
            if error < best[0]:
                best = (error, sizes)
            break
        best = (error, sizes)
        slopes = levels * (fitted / np.where(np.abs(factor) < LEAST_FACTOR, LEAST_FACTOR, factor))[:, None]
        slopes = slopes - q @ (q.T @ slopes)
        step = np.linalg.lstsq(slopes, left, rcond=1e-10)[0]
        if not np.isfinite(step).all():
            break
        sizes = sizes + step
    if best is None:
        return None
    error, sizes = best
    factor = 1 + levels @ sizes
    if np.abs(factor).min() < LEAST_FACTOR or not np.any(sizes):
        return None
    problem = state.problem.divided(factor, category.affine(1.0, sizes.tolist()))
    return _State(problem, state.numeric, others, error)


def _scanned(design: Array, y: Array, levels: Array) -> Array:
    """The differences of the levels' factors from 1: of some factors, those with which a level and the first one fit best."""
    base = ~levels.any(axis=1)
    found = []
    for level in levels.T.astype(bool):
        grams = [(part.T @ part, part.T @ values) for part, values in ((design[m], y[m]) for m in (base, level))]
        losses = {}
        for factor in (*SCAN, *(-size for size in SCAN)):
            gram = grams[0][0] + factor**2 * grams[1][0]
            gram[np.diag_indices(len(gram))] += 1e-9 * float(np.trace(gram)) / len(gram)
            side = grams[0][1] + factor * grams[1][1]
            losses[factor] = -float(side @ np.linalg.solve(gram, side))
        found.append(min(losses, key=losses.__getitem__) - 1)
    return np.array(found)


def _with_effects(
    state: _State, design: Array, category: Category, levels: Array, others: tuple[tuple[Category, Array], ...]
) -> _State | None:
    """The problem without a category whose effects are added, constant or in proportion to functions of other columns."""
    root, target = state.root, state.problem.y * state.root
    n = len(target)
    q = _orthonormal(design * root[:, None])
    left = target - q @ (q.T @ target)
    carriers = _carriers(state, others)
    blocks = []
    for _, values in carriers:
        block = levels * (values * root)[:, None]
        blocks.append(block - q @ (q.T @ block))
    chosen: list[int] = []
    scale = state.problem.spread
    floor = n * (FLOOR * scale) ** 2
    rss = float(left @ left)
    while len(chosen) < MAX_BLOCKS and rss > floor:
        trials = [(_rss([*(blocks[k] for k in chosen), blocks[new]], left), new) for new in range(len(blocks))]
        trials = [trial for trial in trials if trial[1] not in chosen]
        if not trials:
            break
        least, new = min(trials)
        if not chosen and trials[0][0] <= 1.05 * least:
            least, new = trials[0]  # a constant effect is the simplest one
        gain = MIN_GAIN_CLOSE if rss < n * (CLOSE * scale) ** 2 else MIN_GAIN
        if least > (1 - gain) * rss or n * math.log(max(rss, floor) / max(least, floor)) < (
            levels.shape[1] + 1
        ) * math.log(n):
            break
        chosen.append(new)
        rss = least
    for k in tuple(chosen):  # what came early may have become idle
        rest = [blocks[m] for m in chosen if m != k]
        without = _rss(rest, left) if rest else float(left @ left)
        if n * math.log(max(without, floor) / max(rss, floor)) < levels.shape[1] * math.log(n):
            chosen.remove(k)
            rss = without
    share = (q.shape[1] + len(chosen) * levels.shape[1]) / n
    error = math.sqrt(rss / n) / max(1 - share, 0.05)
    if not chosen:
        return _State(state.problem, state.numeric, others, error)
    found = np.linalg.lstsq(np.concatenate([blocks[k] for k in chosen], axis=1), left, rcond=1e-12)[0]
    problem = state.problem
    for k, steps in zip(chosen, found.reshape(len(chosen), -1), strict=True):
        expression, values = carriers[k]
        problem = problem.subtracted((levels @ steps) * values, expression * category.affine(0.0, steps.tolist()))
    return _State(problem, state.numeric, others, error)


def _carriers(state: _State, others: Sequence[tuple[Category, Array]]) -> list[tuple[Any, Array]]:
    """The functions that effects may be in proportion to: 1, columns, products, simple ones, levels of other categories."""
    columns, names = state.problem.columns, state.problem.expressions
    found: list[tuple[Any, Array]] = [(sympy.Integer(1), np.ones(len(columns)))]
    for place, i in enumerate(state.numeric):
        z, x = names[i], columns[:, i]
        found += [(z, x), (z**2, x**2), (sympy.exp(z), np.exp(x)), (sympy.sin(z), np.sin(x)), (sympy.cos(z), np.cos(x))]
        found += [(z * names[j], x * columns[:, j]) for j in state.numeric[:place]]
        if x.min() > 0:
            found += [(1 / z, 1 / x), (sympy.sqrt(z), np.sqrt(x)), (sympy.log(z), np.log(x))]
    for category, levels in others:
        found += list(zip(category.symbols, levels.T, strict=True))
    return [(expression, values) for expression, values in found if np.isfinite(values).all()]


def _rss(blocks: Sequence[Array], y: Array) -> float:
    """Residual sum of squares of y on blocks of columns."""
    q = _orthonormal(np.concatenate(blocks, axis=1))
    left = y - q @ (q.T @ y)
    return float(left @ left)


def _orthonormal(design: Array) -> Array:
    """An orthonormal basis of the columns, without those that depend on others, `(N, rank)`."""
    from scipy.linalg import qr

    size = np.sqrt((design**2).sum(0))
    q, r, _ = qr(design / np.where(size > 0, size, 1.0), mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(r))
    return np.asarray(q[:, : int((diagonal > 1e-11 * max(diagonal[0], 1e-300)).sum())])
