"""Curves as sums and products of the bank's expressions: one, one inside another, two jointly, further ones in turn.

What explains most of a curve beside a polynomial is found by least squares on the grids: single atoms, `F(a A + e)`, all pairs by
`(a² + b² - 2abg) / (1 - g²)` of their correlations (a greedy choice takes waves that imitate a product) and all products; a
third term by orthogonal matching pursuit (Pati, Rezaiifar & Krishnaprasad 1993) with what the best formulas so far leave. The
best of every group, some thousands, are refined in compiled code.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.bank import (
    FACTORS,
    Atoms,
    Factor,
    atoms,
    monomials,
    nested,
    power_values,
)
from splinework.interpret.symbolic.screening.populations import (
    COLUMN,
    FUNCTIONS,
    WORK_PER_SECOND,
    Population,
    population,
)
from splinework.interpret.symbolic.screening.problem import ScreeningProblem
from splinework.kernels import native

N_ROWS = 128
"""Rows on which atoms are compared."""
STAGES: tuple[tuple[str, tuple[int, ...]], ...] = (
    *(("singles", (0,)), ("singles", (3,)), ("products", (0,)), ("pairs", (0,)), ("nested", (0,))),
    *(("longer", ()), ("pairs", (1,)), ("pairs", (3,)), ("products", (3,)), ("nested", (3,)), ("longer", ())),
)
"""What is tried for a curve, with the degree of a polynomial beside it, from simple to rich, and of these from fast to slow."""
N_OF_TRANSFORMS = 5
"""The first of these, which are tried for transforms of its target as well."""
N_REFINED = 6000
"""Candidates of a kind that are refined."""
N_PAIRED_FACTORS = 2
"""Powers of the column that stand beside atoms in pairs and products, the first of `FACTORS`."""
N_SEEDS, N_MATCHED = 40, 60
"""Formulas that are extended by a further term, and terms for each."""
MIN_NEW_SQUARE = 1e-4
"""Squared sine of the angle between two atoms below which a pair says no more than one of them."""
NEARLY_EXACT = 1e-9
"""Error, as a share of the spread, below which a formula for data without noise is worth a fit to all rows."""
N_OFFERED = 6
MAX_NODES = 60
WORK, PAIR_WORK = 2e-9, 3e-10
"""Units of work of comparing two numbers, and in a matrix product of single precision."""
CHUNK = 256

Tree = Any


@dataclass(frozen=True)
class Bank:
    """The atoms of a column, on rows thinned in its order.

    Attributes:
        rows: Numbers of the rows.
        x: Values of the column there, divided by the scale that the populations give it.
        words: Functions that may be used.
        factors: Powers of the column, and their values.
        every: All atoms; `scaled`: also times powers of the column.
        inner: Those that stand within others.
        inner_scaled: Those of products, also times powers of the column: beside the inner ones hills, and waves of a square and
            the column; `beside`: the other factors.
    """

    rows: NDArray[np.intp]
    x: Array
    words: tuple[str, ...]
    factors: tuple[tuple[float, Array], ...]
    every: Atoms
    scaled: Atoms
    inner: Atoms
    inner_scaled: Atoms
    beside: Atoms

    @classmethod
    def of(cls, problem: ScreeningProblem, admits: Callable[[Any], bool]) -> "Bank":
        """The atoms of the column of a problem, of what may be used."""
        words = [n for n, (_, f) in FUNCTIONS.items() if admits(f(symbol("z")))]
        column, scales = problem.columns[:, 0], population(problem, words, 0, MAX_NODES).scales
        order = np.argsort(column, kind="stable")
        rows = order[np.unique(np.linspace(0, len(order) - 1, N_ROWS).round().astype(int))]
        x = np.ascontiguousarray(column[rows] / scales[0])
        usable = ((p, power_values(x, p)) for p in FACTORS)
        factors = tuple((p, values) for p, values in usable if values is not None)
        plain, own, inner = monomials(x, words), atoms(x, words), atoms(x, words, coarse=True)
        every, further = plain.with_all(own), own.some(own.hills_and_waves())
        return cls(
            rows,
            x,
            tuple(words),
            factors,
            every,
            every.with_all(*(own.times(*each) for each in factors[:N_PAIRED_FACTORS])).in_groups(),
            inner.in_groups(),
            inner.with_all(further, *(inner.times(*each) for each in factors[: N_PAIRED_FACTORS + 1])),
            inner.with_all(further).in_groups(),
        )


@dataclass
class CurveSearch:
    """The bank beside a problem of one column.

    Attributes:
        problem: The problem.
        clean: Whether the noise of the data is negligible.
        bank: The atoms of its column; problems of the same column share them.
        found: The best formulas so far, about their description length and their trees.
    """

    problem: ScreeningProblem
    clean: bool
    bank: Bank
    found: list[tuple[float, Tree]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.y = self.problem.y[self.bank.rows] / self._population().unit
        self.root = np.sqrt(self.problem.weights[self.bank.rows] / self.problem.weights.mean())
        self.x = self.bank.x

    def _population(self) -> Population:
        return population(self.problem, self.bank.words, 0, MAX_NODES, clean=self.clean)

    def refined(self, trees: Iterable[Tree]) -> list[Any]:
        """Refined formulas that are worth a fit to all rows; the best of every size are extended later."""
        refined = self._population()
        for tree in trees:
            refined.native.seed(tree)
        refined.native.run(0.0)  # shortens what is exact
        clock.spend(refined.native.work() / WORK_PER_SECOND)
        front = refined.front()
        self.found = sorted([*self.found, *((score, tree) for score, _, tree in front)], key=lambda e: e[0])[:N_SEEDS]
        bar = NEARLY_EXACT**2 if self.clean else math.inf
        return [refined.expression(tree) for _, error, tree in front[:N_OFFERED] if error < bar]

    def best(self) -> list[Any]:
        """The best formulas so far, exact or not."""
        refined = self._population()
        return [refined.expression(tree) for _, tree in self.found[:N_OFFERED]]

    def singles(self, degree: int) -> list[Any]:
        """Single atoms, perhaps times a power of the column."""
        return self.refined(self._best_of([self.bank.every], degree))

    def nested(self, degree: int) -> list[Any]:
        """Functions of a function, perhaps times a power of the column."""
        return self.refined(self._best_of(nested(self.bank.inner, self.bank.words), degree))

    def pairs(self, degree: int) -> list[Any]:
        """Sums of two atoms, one perhaps times a power of the column."""
        one, two = self.bank.every, self.bank.scaled
        flat = self._flat(degree)
        rows, others, aim = (
            each.astype(np.float32)
            for each in (self._directions(one.values, flat), self._directions(two.values, flat), self._aim(flat))
        )
        along, across = rows @ aim, others @ aim

        def gains(some: slice) -> Array:
            gram = rows[some] @ others.T
            apart = 1 - gram**2
            both = along[some, None] ** 2 + across**2 - 2 * gram * along[some, None] * across
            return np.asarray(both / np.where(apart > MIN_NEW_SQUARE, apart, np.inf))

        clock.spend(PAIR_WORK * N_ROWS * len(rows) * len(others))
        return self.refined(_tree((a, b), degree) for a, b in _best_pairs(one, two, gains))

    def products(self, degree: int) -> list[Any]:
        """Products of two atoms, perhaps times a power of the column."""
        one, two = self.bank.inner_scaled, self.bank.beside
        flat = self._flat(degree)
        weights = np.column_stack([self._aim(flat) * self.root, *(flat * self.root[:, None]).T])

        def gains(some: slice) -> Array:
            found = np.zeros((len(one.values[some]), len(two.values)))
            for row, values in zip(found, one.values[some], strict=True):
                product = two.values * values
                parts = product @ weights
                whole = product**2 @ self.root**2
                rest = whole - (parts[:, 1:] ** 2).sum(1)
                np.divide(parts[:, 0] ** 2, rest, out=row, where=rest > 1e-9 * whole)
            return found

        clock.spend(WORK * N_ROWS * len(one.values) * len(two.values))
        return self.refined(_tree(((*a, *b),), degree) for a, b in _best_pairs(one, two, gains))

    def longer(self) -> list[Any]:
        """The best formulas so far with another term."""
        trees = []
        for _, (constant, terms) in self.found[:N_SEEDS]:
            columns = [self._values((None, [(1.0, factors)])) for _, factors in terms]
            basis = np.column_stack([np.ones_like(self.x), *columns]) * self.root[:, None]
            if not np.isfinite(basis).all():
                continue
            flat = np.linalg.qr(basis)[0]
            share = (self._directions(self.bank.scaled.values, flat) @ self._aim(flat)) ** 2
            chosen = _first_of_groups(share, self.bank.scaled.groups)[:N_MATCHED]
            trees += [(constant, [*terms, (0.0, list(self.bank.scaled.factors[k]))]) for k in chosen.tolist()]
        clock.spend(WORK * N_ROWS * len(self.found) * len(self.bank.scaled.values))
        return self.refined(trees)

    def _values(self, tree: Tree) -> Array:
        out = np.empty(len(self.x))
        zeros, ones = np.zeros(len(self.x)), np.ones(len(self.x))
        native.module().formula_values(
            tree, len(self.x), 1, self.x.ctypes.data, zeros.ctypes.data, ones.ctypes.data, out.ctypes.data
        )
        return out

    def _flat(self, degree: int) -> Array:
        """An orthonormal basis of weighted polynomials, `(N, degree + 1)`."""
        span = self.x / np.abs(self.x).max()
        found: Array = np.linalg.qr(np.vander(span, degree + 1, increasing=True) * self.root[:, None])[0]
        return found

    def _aim(self, flat: Array) -> Array:
        """The target beside what is eliminated, of norm 1."""
        aim = self.y * self.root
        aim = aim - flat @ (flat.T @ aim)
        return np.asarray(aim / max(float(np.linalg.norm(aim)), 1e-300))

    def _directions(self, values: Array, flat: Array) -> Array:
        """Weighted atoms beside what is eliminated, of norm 1; 0 for those that it contains."""
        rows = values * self.root
        before = np.linalg.norm(rows, axis=1)
        rows = rows - (rows @ flat) @ flat.T
        lengths = np.linalg.norm(rows, axis=1)
        return np.asarray(rows / np.where(lengths > 1e-6 * before, lengths, np.inf)[:, None])

    def _best_of(self, books: Any, degree: int) -> list[Tree]:
        """The atoms that explain most, each with every power of the column beside it; of a group the best with each."""
        flat, factors = self._flat(degree), self.bank.factors
        weights = np.stack([self.root, *(self.root * values for _, values in factors)], axis=1)
        along, squares = weights * self._aim(flat)[:, None], weights**2
        levels = [weights * each[:, None] for each in flat.T]
        found: list[tuple[float, int, tuple[Factor, ...]]] = []
        compared = 0
        for book in books:
            values = book.values
            compared += len(values)
            with np.errstate(all="ignore"):
                whole = values**2 @ squares
                rest = whole - sum((values @ level) ** 2 for level in levels)
                share = np.where(rest > 1e-9 * whole, (values @ along) ** 2 / rest, 0.0)
            for number in range(share.shape[1]):
                gains = np.nan_to_num(share[:, number])
                for k in _first_of_groups(gains, book.groups).tolist():
                    found.append((-float(gains[k]), number, book.factors[k]))
        clock.spend(WORK * N_ROWS * compared * weights.shape[1] * (degree + 3))
        found.sort(key=lambda each: each[:2])
        return [
            _tree((own if not number else ((COLUMN, 0, factors[number - 1][0], None), *own),), degree)
            for _, number, own in found[:N_REFINED]
        ]


def _tree(terms: Sequence[Sequence[Factor]], degree: int) -> Tree:
    """The sum of products of factors beside a polynomial, its coefficients to be found."""
    powers = [(0.0, [(COLUMN, 0, float(k), None)]) for k in range(1, degree + 1)]
    return (0.0, [*((1.0, list(factors)) for factors in terms), *powers])


def _first_of_groups(gains: Array, groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """The number of the best of each group, the best first."""
    order = np.argsort(-gains, kind="stable")
    first = np.sort(np.unique(groups[order], return_index=True)[1])
    return order[first]


def _best_pairs(
    one: Atoms, two: Atoms, gains: Callable[[slice], Array]
) -> Iterator[tuple[tuple[Factor, ...], tuple[Factor, ...]]]:
    """The best pair of each two groups, the best first; `two` is in the order of its groups."""
    starts = np.flatnonzero(np.diff(two.groups, prepend=-1))
    best = np.zeros((int(one.groups.max()) + 1, len(starts)))
    which = np.zeros(best.shape, dtype=np.intp)
    for begin in range(0, len(one.values), CHUNK):
        some = slice(begin, begin + CHUNK)
        reduced = np.maximum.reduceat(np.nan_to_num(gains(some)), starts, axis=1)
        for k, row in enumerate(reduced, begin):
            at = one.groups[k]
            better = row > best[at]
            best[at, better], which[at, better] = row[better], k
    flat = best.ravel()
    top = np.argpartition(-flat, min(N_REFINED, flat.size - 1))[:N_REFINED]
    top = top[np.argsort(-flat[top], kind="stable")]
    rows: dict[int, Array] = {}
    ends = np.append(starts[1:], len(two.values))
    for place in top.tolist():
        group = place % len(starts)
        k = int(which.ravel()[place])
        if k not in rows:
            rows[k] = np.nan_to_num(gains(slice(k, k + 1))[0])
        yield one.factors[k], two.factors[int(starts[group] + rows[k][starts[group] : ends[group]].argmax())]


def curve_candidates(
    problems: Sequence[ScreeningProblem], *, admits: Callable[[Any], bool], clean: bool, deadline: float = math.inf
) -> Iterator[list[Any]]:
    """Expressions for the target of the data, from simple structures to rich ones, each list the shortest description first.

    There are none without the compiled populations.

    Args:
        problems: Problems of one column, the same in all: that of a curve, and transforms of its target.
        admits: Says whether an expression may be used.
        clean: Whether the noise of the data is negligible; then only what is nearly exact is worth a fit before the end.
        deadline: Time of `clock` after which nothing further is tried.
    """
    column, usable = problems[0].columns[:, 0], [each for each in problems if each.spread > 0]
    if not (native.available() and usable and column.max() > column.min() and clock.now() <= deadline):
        return
    with np.errstate(all="ignore"):  # atoms that overflow are left out
        bank = Bank.of(problems[0], admits)
        first = search = CurveSearch(usable[0], clean, bank)
        for number, problem in enumerate(usable):
            search = search if number == 0 else CurveSearch(problem, clean, bank)
            for name, degree in STAGES[: N_OF_TRANSFORMS if number else None]:
                if clock.now() > deadline:
                    break
                yield getattr(search, name)(*degree)
        yield first.best()
