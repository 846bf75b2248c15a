"""Sums of dictionary terms, and quotients of two such sums: beam search by orthogonal least squares.

The next term is the one with the largest `(qᵀr)² / (qᵀq)`, q its part orthogonal to those taken (Chen, Billings & Luo 1989).
"""

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy
from numpy.typing import NDArray

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.dictionary import TermDictionary, dictionary
from splinework.interpret.symbolic.screening.problem import ScoredExpression, ScreeningProblem

BEAM_WIDTH, N_BRANCHES, MAX_TERMS = 12, 8, 7
"""Width of the beam, continuations of each sum, and maximum number of terms."""
MAX_PAIRED_TERMS = 1200
"""Number of the simplest terms of which all pairs are compared, as seeds of longer sums."""
N_NUMERATORS, N_DENOMINATORS = 240, 120
"""The same for the numerator of a fraction, and the number of terms tried in the denominator."""
PAIR_SEED_TERMS = 3
"""Terms of the fractions that are seeded by all pairs in the numerator with all terms in the denominator."""
N_PAIRS_PER_DENOMINATOR, N_ROUNDS = 4, 3
"""Pairs kept for each denominator, and iterations of the fit of a fraction."""
EXHAUSTIVE_TERMS = {3: 70, 4: 36, 5: 24, 6: 19}
"""Number of terms → number of the simplest terms among which all sums of that length are compared."""
MIN_NEW_SQUARE = 1e-9
"""Squared sine of the angle to the span of a sum below which a term adds nothing."""
N_KEPT = 2

Key = tuple[int, ...]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class _PartialSum:
    """A sum: its terms, an orthonormal basis of them, the residual, and the spanned share of every term."""

    key: Key
    basis: Array
    left: Array
    spanned: Array

    def extended(self, index: int, book: TermDictionary) -> "_PartialSum":
        direction = book.columns[index]
        for _ in range(2):  # twice, for numerical orthogonality
            direction = direction - self.basis.T @ (self.basis @ direction)
        direction = direction / np.linalg.norm(direction)
        return _PartialSum(
            tuple(sorted((*self.key, index))),
            np.vstack([self.basis, direction]),
            self.left - (direction @ self.left) * direction,
            self.spanned + (book.columns @ direction) ** 2,
        )


_Step = tuple[float, Key, _PartialSum | None, int]
"""A continuation: its score, its terms, the sum that it continues, and the added term."""


@dataclass(frozen=True)
class _BeamSearch:
    """The beam search in one dictionary for one weighted target `(N,)`."""

    book: TermDictionary
    target: Array
    floor: float
    deadline: float = math.inf
    max_terms: int = MAX_TERMS

    @property
    def rows(self) -> int:
        return len(self.target)

    def run(self, *, rational: bool) -> list[tuple[Key, float]]:
        """The sums of shortest description length, and the best one of every number of terms."""
        count = len(self.book.costs)
        empty = _PartialSum((), np.empty((0, self.rows)), self.target, np.zeros(count))
        states, done = [empty], dict[Key, float]()
        for depth in range(1, min(self.max_terms, self.rows // 8) + 1):
            grown = self._continued(states)
            if depth == 2 and not rational:
                grown += [(value, key, None, -1) for key, value in self._seeds()]
            if depth in EXHAUSTIVE_TERMS and not rational:
                grown += [(value, key, None, -1) for key, value in self._all_of(depth)]
            if rational:  # the linearised error is a poor proxy for that of the quotient
                grown = [(self.value(g[1]), *g[1:]) for g in sorted(grown, key=lambda g: g[0])[: 4 * BEAM_WIDTH]]
                grown += [(value, key, None, -1) for key, value in (self._seeds() if depth == PAIR_SEED_TERMS else [])]
            states = []
            for _, key, state, index in sorted(grown, key=lambda entry: entry[0]):
                if key not in done:
                    states.append(self._of(key) if state is None else state.extended(index, self.book))
                    rss = float(states[-1].left @ states[-1].left)
                    done[key] = self.value(key) + depth * (math.log(self.rows) + 2 * math.log(count))
                    if rss <= self.floor or len(states) == BEAM_WIDTH:
                        break
            if clock.now() > self.deadline or not states or any(float(s.left @ s.left) <= self.floor for s in states):
                break
        ordered = sorted(done.items(), key=lambda entry: entry[1])
        longest: dict[int, tuple[Key, float]] = {}
        for key, value in ordered:
            longest.setdefault(len(key), (key, value))
        return [*ordered[:N_KEPT], *(entry for entry in longest.values() if entry not in ordered[:N_KEPT])]

    def _continued(self, states: list[_PartialSum]) -> list[_Step]:
        """The best continuations of every sum."""
        drawn = self.book.columns @ np.stack([s.left for s in states], 1)
        found: list[_Step] = []
        for number, state in enumerate(states):
            remaining = 1 - state.spanned
            gain = drawn[:, number] ** 2 / np.maximum(remaining, MIN_NEW_SQUARE)
            rss = np.maximum(float(state.left @ state.left) - gain, self.floor)
            value = self.rows * np.log(rss / self.rows) + 2 * self.book.costs
            value = np.where(remaining > MIN_NEW_SQUARE, value, np.inf)
            own = 2 * float(self.book.costs[list(state.key)].sum())
            most = min(N_BRANCHES if state.key else 4 * BEAM_WIDTH, len(value) - 1)
            for index in np.argpartition(value, most)[:most].tolist():
                if np.isfinite(value[index]):
                    found.append((float(value[index]) + own, tuple(sorted((*state.key, index))), state, index))
        return found

    def _all_of(self, size: int) -> list[tuple[Key, float]]:
        """The best of all sums of `size` terms among the simplest ones."""
        few = min(EXHAUSTIVE_TERMS[size], len(self.book.costs))
        if few < size:
            return []
        chosen = _choices(few, size)
        columns = self.book.columns[:few]
        gram, drawn = columns @ columns.T + MIN_NEW_SQUARE * np.eye(few), columns @ self.target
        right = drawn[chosen]
        solved = np.linalg.solve(gram[chosen[:, :, None], chosen[:, None, :]], right[..., None])[..., 0]
        rss = np.maximum(float(self.target @ self.target) - (solved * right).sum(1), self.floor)
        value = self.rows * np.log(rss / self.rows) + 2 * self.book.costs[chosen].sum(1)
        count = min(2 * BEAM_WIDTH, len(value) - 1)
        return [(tuple(chosen[n].tolist()), float(value[n])) for n in np.argpartition(value, count)[:count].tolist()]

    def _of(self, key: Key) -> _PartialSum:
        state = _PartialSum((), np.empty((0, self.rows)), self.target, np.zeros(len(self.book.costs)))
        for index in key:
            state = state.extended(index, self.book)
        return state

    def _seeds(self) -> list[tuple[Key, float]]:
        """The best sums of two of the simplest terms; for fractions with one of the simplest in the denominator."""
        above = np.flatnonzero(~self.book.below)
        if not self.book.below.any():
            return self._pairs(above[:MAX_PAIRED_TERMS], None)
        found = []
        for index in np.flatnonzero(self.book.below)[:N_DENOMINATORS].tolist():
            if clock.now() > self.deadline:
                break
            best = sorted(self._pairs(above[:N_NUMERATORS], index), key=lambda entry: entry[1])[
                :N_PAIRS_PER_DENOMINATOR
            ]
            found += [(key, self.value(key)) for key, _ in best]
        return sorted(found, key=lambda entry: entry[1])[: 8 * BEAM_WIDTH]

    def value(self, key: Key) -> float:
        """Twice the description length of errors and terms.

        The linearised problem of a fraction weighs errors by the denominator. Dividing by the denominator of the previous
        iteration corrects the weights (Sanathanan & Koerner 1963).
        """
        index = list(key)
        columns, below = self.book.columns[index], self.book.below[index]
        weights, rss = np.ones(self.rows), math.inf
        for _ in range(N_ROUNDS if below.any() else 1):
            found = np.linalg.lstsq((columns * weights).T, self.target * weights, rcond=None)[0]
            above = found[~below] @ columns[~below]
            under = 1 - (found[below] @ columns[below]) / np.where(self.target == 0, 1.0, self.target)
            gap = above / under - self.target
            rss = float(gap @ gap)
            weights = 1 / np.maximum(np.abs(under), 1e-6)
        if not math.isfinite(rss):
            return math.inf
        return self.rows * math.log(max(rss, self.floor) / self.rows) + 2 * float(self.book.costs[index].sum())

    def _pairs(self, index: Indices, beside: int | None) -> list[tuple[Key, float]]:
        """The best pairs among some terms, beside the term `beside`."""
        columns, costs = self.book.columns[index], self.book.costs[index]
        gram, drawn, size, price = self.book.gram(index), columns @ self.target, float(self.target @ self.target), 0.0
        if beside is not None:
            other = self.book.columns[beside]
            along, own = columns @ other, float(other @ self.target)
            gram, drawn, size = gram - np.outer(along, along), drawn - own * along, size - own**2
            price = 2 * float(self.book.costs[beside])
        squares = np.diag(gram)
        apart = squares > 100 * MIN_NEW_SQUARE
        lengths = np.sqrt(np.where(apart, squares, 1.0))
        gram, drawn = gram / lengths / lengths[:, None], drawn / lengths
        angle = 1 - gram**2
        with np.errstate(all="ignore"):
            gain = (drawn[:, None] ** 2 + drawn**2 - 2 * gram * drawn[:, None] * drawn) / angle
            value = self.rows * np.log(np.maximum(size - gain, self.floor) / self.rows) + 2 * (costs[:, None] + costs)
        value = np.where(np.triu(angle > MIN_NEW_SQUARE, 1) & apart & apart[:, None], value + price, np.inf).ravel()
        count = min(4 * BEAM_WIDTH if beside is None else BEAM_WIDTH, len(value) - 1)
        found = []
        for flat in np.argpartition(value, count)[:count].tolist():
            if np.isfinite(value[flat]):
                one, two = divmod(flat, len(costs))
                key = sorted([int(index[one]), int(index[two]), *([] if beside is None else [beside])])
                found.append((tuple(key), float(value[flat])))
        return found


@lru_cache(maxsize=8)
def _choices(count: int, size: int) -> Indices:
    """All subsets of `size` among `count`."""
    return np.array(list(itertools.combinations(range(count), size)), dtype=np.intp)


def sum_candidates(
    problem: ScreeningProblem,
    *,
    floor: float,
    rational: bool = False,
    deadline: float = math.inf,
    book: TermDictionary | None = None,
    max_terms: int = MAX_TERMS,
) -> list[ScoredExpression]:
    """Sums of dictionary terms for a problem, the shortest description first.

    Args:
        problem: A problem of any number of columns.
        floor: Residual sum of squares, on the scale of the data's target, below which fits are equally good.
        deadline: Time of `clock` after which sums are no longer extended.
        rational: Whether to fit quotients of two sums: `y = Σ a_k t_k - y Σ b_k t_k`, linear in a and b.
        book: The terms; None stands for the dictionary of the problem's columns.
        max_terms: Most terms of a sum.
    """
    target = problem.y * np.sqrt(problem.weights)
    book = dictionary(problem, rational=rational) if book is None else book
    if len(book.costs) < 2 or not float(target @ target) > 0:
        return []
    found = _BeamSearch(book, target, floor, deadline, max_terms).run(rational=rational)
    return [guess for key, score in found if (guess := _guess(problem, book, target, key, score)) is not None]


def _guess(
    problem: ScreeningProblem, book: TermDictionary, target: Array, key: Key, score: float
) -> ScoredExpression | None:
    index = list(key)
    coefficients = np.linalg.lstsq(book.columns[index].T, target, rcond=None)[0] / book.lengths[index]
    above, below = [], [sympy.Integer(1)]
    for product, c in zip(index, coefficients.tolist(), strict=True):
        if book.below[product]:
            below.append(sympy.Float(-c) * book.expression(product))
        else:
            above.append(sympy.Float(c) * book.expression(product))
    return ScoredExpression(problem, sympy.Add(*above) / sympy.Add(*below), score) if above else None
