"""Formulas of one column that are sums or products of two functions of polynomials, beside a polynomial.

Candidates are `p(x) + c A(u)`, `p(x) + c x^q A(u)`, `p(x) + c x^q A(u) + d x^r B(v)` and `p(x) + c A(u) B(v)`: u and v are
polynomials of up to three terms, A and B seven functions of the library; and `d + c x^q F(a G(b x^p + g) + e)`. All atoms on
grids of rates are compared at once, pairs jointly by the Gram matrix (a greedy choice takes waves that imitate a product); the
best of each kind are refined by variable projection (Golub & Pereyra 1973; Kaufman 1975).
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.levenberg_marquardt import linear_least_squares, minimise
from splinework.interpret.symbolic.library import LIBRARY, Array, LibraryFunction
from splinework.interpret.symbolic.screening.atoms import BANK, Atom, Monomial, bank, kind_of
from splinework.interpret.symbolic.screening.chains import Chain, chains
from splinework.interpret.symbolic.screening.problem import ScoredExpression, ScreeningProblem, power

N_ROWS = 300
"""Rows on which atoms are compared."""
DEGREES, SIMPLE_DEGREES = (0, 1, 2, 3), (0, 1)
"""Degrees of the polynomial beside the atoms, and those that are tried first beside two of them."""
EXPONENTS = tuple(Fraction(a, 2) for a in (2, 4, -2, -4, 6, 1, 3, -1, -3, 5))
"""Exponents of a power of the column beside an atom, those that are tried in pairs first; halves for a positive column."""
N_SINGLES, N_PAIRS, N_PRODUCTS, N_ALIKE = 48, 240, 320, 8
"""Candidates of each kind that are refined, and of them products of the same two functions."""
N_SCALED, N_PAIRED_POWERS = 16, 2
"""Candidates with the same power of the column as a factor, and powers that are tried in pairs."""
N_FIRST_STEPS, N_LAST_STEPS, N_FINALISTS = 6, 30, 16
"""Steps of all candidates of a kind, and of the best ones after these."""
MIN_NEW_SQUARE = 1e-3
"""Squared sine of the angle between two atoms below which a pair says no more than one of them."""
N_KEPT = 6


def composite_candidates(
    problem: ScreeningProblem,
    *,
    floor: float,
    deadline: float = math.inf,
    library: Sequence[LibraryFunction] = LIBRARY,
) -> Iterator[list[ScoredExpression]]:
    """Expressions for a problem of one column, from simple to rich structures, each list the shortest description first.

    Args:
        problem: A problem of one column.
        floor: Residual sum of squares, on the scale of the data's target, below which fits are equally good.
        deadline: Time of `clock` after which nothing further is tried.
        library: The functions that may be used, of those in the bank.
    """
    search = _CompositeSearch.of(problem, floor, deadline, library)
    if search is None:
        return
    for degree in DEGREES:
        yield search.refined(degree, search.singles(degree))
    for degree in DEGREES:
        if clock.now() > deadline:
            return
        yield search.refined(degree, search.scaled(degree))
    for degrees in (SIMPLE_DEGREES, DEGREES[len(SIMPLE_DEGREES) :]):
        for kind in (search.pairs, search.products):
            for degree in degrees:
                if clock.now() > deadline:
                    return
                yield search.refined(degree, kind(degree))
        if degrees == SIMPLE_DEGREES:
            for degree in SIMPLE_DEGREES:
                yield search.nested(degree)


def nested_candidates(
    problem: ScreeningProblem, *, floor: float, deadline: float, library: Sequence[LibraryFunction]
) -> Iterator[list[ScoredExpression]]:
    """Functions of functions, `d + c x^q F(a G(b x^p + g) + e)`, for a problem of one column; arguments as above."""
    search = None if clock.now() > deadline else _CompositeSearch.of(problem, floor, deadline, library)
    if search is not None:
        yield search.nested(0)


_Structure = tuple[tuple[Atom | Monomial | Chain, ...], ...]
"""A sum of products."""


@dataclass(frozen=True)
class _CompositeSearch:
    """Rows of the problem, thinned in order of x, with the bank evaluated on them."""

    problem: ScreeningProblem
    size: float
    floor: float
    deadline: float
    names: frozenset[str]
    x: Array
    y: Array
    root: Array
    atoms: tuple[Atom, ...]
    values: Array

    @classmethod
    def of(
        cls, problem: ScreeningProblem, floor: float, deadline: float, library: Sequence[LibraryFunction]
    ) -> "_CompositeSearch | None":
        """The search with the functions of a library; None for a column that does not vary, or without any atom."""
        column, names = problem.columns[:, 0], frozenset(function.name for function in library)
        size = float(np.abs(column).max())
        if not (size > 0 and column.max() > column.min() and names & BANK):
            return None
        order = np.argsort(problem.columns[:, 0], kind="stable")
        some = order[np.unique(np.linspace(0, len(order) - 1, N_ROWS).round().astype(int))]
        x, y, root = problem.columns[some, 0] / size, problem.y[some], np.sqrt(problem.weights[some])
        atoms = tuple(atom for atom in bank(x) if atom.name in names)
        with np.errstate(all="ignore"):
            values = np.stack([a.values(a.start, x)[0] for a in atoms])
        good = np.isfinite(values).all(1) & (values.std(1) > 1e-8)
        kept = tuple(itertools.compress(atoms, good.tolist()))
        return cls(problem, size, floor, deadline, names, x, y, root, kept, values[good])

    def _projected(self, values: Array, degree: int) -> tuple[Array, Array]:
        """Weighted rows orthogonal to polynomials of the degree, and their norms."""
        q = np.linalg.qr(np.vander(self.x, degree + 1) * self.root[:, None])[0]
        rows = values * self.root
        rows = rows - (rows @ q) @ q.T
        return rows, np.linalg.norm(rows, axis=-1)

    def _aim(self, degree: int) -> Array:
        row, length = self._projected(self.y[None], degree)
        found: Array = row[0] / max(float(length[0]), 1e-300)
        return found

    def singles(self, degree: int) -> list[_Structure]:
        """The single atoms that explain most."""
        rows, lengths = self._projected(self.values, degree)
        share = np.abs(rows @ self._aim(degree)) / np.where(self._seen(lengths), lengths, np.inf)
        return [((self.atoms[k],),) for k in np.argsort(-share)[:N_SINGLES].tolist()]

    def scaled(self, degree: int) -> list[_Structure]:
        """The products of a power of the column and an atom that explain most."""
        found: list[tuple[float, _Structure]] = []
        aim = self._aim(degree)
        for factor, values in self._powers():
            rows, lengths = self._projected(self.values * values, degree)
            share = np.abs(rows @ aim) / np.where(self._seen(lengths), lengths, np.inf)
            found += [(-float(share[k]), ((factor, self.atoms[k]),)) for k in np.argsort(-share)[:N_SCALED].tolist()]
        scaled = [structure for _, structure in sorted(found, key=lambda each: each[0])[: 3 * N_SINGLES]]
        return [*(((each,),) for each in self._logarithms()), *scaled]

    def _powers(self) -> list[tuple[Monomial, Array]]:
        """The powers of the column that are defined on all rows, and their values."""
        column = self.problem.columns[:, 0]
        some = [Monomial(q) for q in EXPONENTS if power(column, q, nonzero=q < 0) is not None]
        return [(each, each.values((), self.x)[0]) for each in some]

    def _logarithms(self) -> list[Monomial]:
        """Powers of a positive column times its logarithm, where the library has it."""
        usable = self.x.min() > 0 and "log" in self.names
        return [Monomial(q, logarithm=True) for q in (Fraction(0), *EXPONENTS)] if usable else []

    def pairs(self, degree: int) -> list[_Structure]:
        """The pairs of atoms that together explain most, by `(a² + b² - 2abg) / (1 - g²)`, one of each two kinds.

        Each may have a power of the column as a factor.
        """
        terms: list[tuple[Atom | Monomial | Chain, ...]] = [(atom,) for atom in self.atoms]
        stacked, seen = [self.values], [self._seen(self._projected(self.values, degree)[1])]
        for factor, values in self._powers()[:N_PAIRED_POWERS]:
            terms += [(factor, atom) for atom in self.atoms]
            stacked.append(self.values * values)
            seen.append(self._seen(self._projected(stacked[-1], degree)[1]))
        if logarithms := self._logarithms():
            terms += [(each,) for each in logarithms]
            stacked.append(np.stack([each.values((), self.x)[0] for each in logarithms]))
            seen.append(np.ones(len(logarithms), bool))
        kept = np.flatnonzero(np.concatenate(seen))
        rows, lengths = self._projected(np.concatenate(stacked)[kept], degree)
        rows = rows / lengths[:, None]
        along, gram = rows @ self._aim(degree), rows @ rows.T
        apart = 1 - gram**2
        gain = (along[:, None] ** 2 + along**2 - 2 * along[:, None] * along * gram) / np.where(
            apart > MIN_NEW_SQUARE, apart, np.inf
        )
        one, two = np.triu_indices(len(kept), 1)
        gains = gain[one, two]
        best = np.argpartition(-gains, min(100 * N_PAIRS, len(gains) - 1))[: 100 * N_PAIRS]
        best = best[np.argsort(-gains[best])]
        found: dict[tuple[object, ...], _Structure] = {}
        for k in best.tolist():
            a, b = terms[kept[one[k]]], terms[kept[two[k]]]
            found.setdefault((*map(kind_of, a), None, *map(kind_of, b)), (a, b))
            if len(found) == N_PAIRS:
                break
        return list(found.values())

    def products(self, degree: int) -> list[_Structure]:
        """The products of two atoms that explain most; few of each two functions."""
        aim = self._aim(degree)
        found: list[tuple[float, int, int]] = []
        for k in range(len(self.atoms)):
            if clock.now() > self.deadline:
                break
            rows, lengths = self._projected(self.values[k] * self.values[k:], degree)
            share = np.abs(rows @ aim) / np.where(lengths > 1e-9, lengths, np.inf)
            found += [
                (-float(share[j]), k, k + j) for j in np.argpartition(-share, min(3, len(share) - 1))[:3].tolist()
            ]
        alike: dict[tuple[object, ...], int] = {}
        chosen: list[_Structure] = []
        for _, i, j in sorted(found):
            kinds = (kind_of(self.atoms[i])[:3], kind_of(self.atoms[j])[:3])
            alike[kinds] = alike.get(kinds, 0) + 1
            if alike[kinds] <= N_ALIKE:
                chosen.append(((self.atoms[i], self.atoms[j]),))
            if len(chosen) == N_PRODUCTS:
                break
        return chosen

    def nested(self, degree: int) -> list[ScoredExpression]:
        """Functions of functions with their best constants, each perhaps times a power of the column."""
        rows = self.x, self.size, self.y, self.root
        terms = chains(*rows, degree, self._powers(), self.names, self.deadline)
        return self.refined(degree, [(term,) for term in terms], 2 * N_FIRST_STEPS, 2 * N_FINALISTS)

    def _seen(self, lengths: Array) -> Array:
        """Whether an atom is more than a polynomial."""
        found: Array = lengths > 1e-6 * np.linalg.norm(self.values * self.root, axis=1)
        return found

    def refined(
        self, degree: int, structures: Sequence[_Structure], steps: int = N_FIRST_STEPS, finalists: int = N_FINALISTS
    ) -> list[ScoredExpression]:
        """The structures with their best constants, the shortest description first."""
        trials: list[tuple[float, _Structure, Array]] = []
        for structure in structures:
            start = np.array([c for a in itertools.chain.from_iterable(structure) for c in a.start])
            trials += self._tried(structure, degree, start, steps)
            if clock.now() > self.deadline:
                break
        best: list[tuple[float, _Structure, Array]] = []
        for _, structure, place in sorted(trials, key=lambda trial: trial[0])[:finalists]:
            best += self._tried(structure, degree, place, N_LAST_STEPS)
        return [
            ScoredExpression(self.problem, self._expression(structure, degree, place), score)
            for score, structure, place in sorted(best, key=lambda trial: trial[0])[:N_KEPT]
        ]

    def _tried(
        self, structure: _Structure, degree: int, start: Array, steps: int
    ) -> list[tuple[float, _Structure, Array]]:
        """The structure after some steps, with twice its description length; nothing where it is not finite."""

        def projection(z: Array) -> tuple[Array, Array]:
            return self._projection(structure, degree, z)

        if len(start):
            solution = minimise(projection, start, steps=steps, gain=1e-3)
            if solution is None:
                return []
            rss, place = solution.rss, solution.constants
        else:  # all its coefficients are linear
            rss, place = float(np.sum(projection(start)[0] ** 2)), start
        n, few = len(self.problem.y), len(self.y)
        names = 2 * sum(atom.cost for atom in itertools.chain.from_iterable(structure))
        code = (len(start) + len(structure) + degree + 1) * math.log(n) + names
        return [(n * math.log(max(rss / few, self.floor / n)) + code, structure, place)]

    def _columns(self, structure: _Structure, degree: int, z: Array) -> tuple[Array, list[tuple[int, Array]]]:
        """The regressors `(N, degree + 1 + terms)`, and for every constant its regressor's number and derivative."""
        columns = [self.x**k for k in range(degree + 1)]
        slopes: list[tuple[int, Array]] = []
        place = 0
        for term in structure:
            parts = []
            for atom in term:
                own = z[place : place + len(atom.start)]
                place += len(atom.start)
                parts.append(atom.values(own.tolist(), self.x))
            whole = math.prod((value for value, _ in parts), start=np.ones_like(self.x))
            for k, (_, slope) in enumerate(parts):
                rest = math.prod((v for j, (v, _) in enumerate(parts) if j != k), start=np.ones_like(self.x))
                slopes += [(len(columns), each * rest) for each in slope]
            columns.append(whole)
        return np.stack(columns, 1), slopes

    def _projection(self, structure: _Structure, degree: int, z: Array) -> tuple[Array, Array]:
        """Residuals with the best linear coefficients, and their Jacobian without its small second term (Kaufman 1975)."""
        columns, slopes = self._columns(structure, degree, z)
        columns = columns * self.root[:, None]
        if not np.isfinite(columns).all():
            return np.full(len(self.y), np.inf), np.zeros((len(self.y), len(z)))
        aim = self.y * self.root
        coefficients = linear_least_squares(columns, aim)
        gap = columns @ coefficients - aim
        jacobian = np.array([coefficients[k] * slope * self.root for k, slope in slopes])
        jacobian = jacobian.reshape(len(slopes), len(self.y)).T
        q = np.linalg.qr(columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-300))[0]
        return gap, jacobian - q @ (q.T @ jacobian)

    def _expression(self, structure: _Structure, degree: int, z: Array) -> sympy.Expr:
        columns, _ = self._columns(structure, degree, z)
        c = linear_least_squares(columns * self.root[:, None], self.y * self.root).tolist()
        x = self.problem.expressions[0]
        terms = [sympy.Float(c[k] / self.size**k) * x**k for k in range(degree + 1)]
        place = 0
        for number, term in enumerate(structure):
            factors = [sympy.Float(c[degree + 1 + number])]
            for atom in term:
                own = z[place : place + len(atom.start)].tolist()
                place += len(atom.start)
                factors.append(atom.expression(own, x, self.size))
            terms.append(sympy.Mul(*factors))
        return sympy.Add(*terms)
