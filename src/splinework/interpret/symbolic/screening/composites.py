"""Formulas of one column that are sums or products of two functions of polynomials, beside a polynomial.

Candidates are `p(x) + c A(u)`, `p(x) + c A(u) + d B(v)` and `p(x) + c A(u) B(v)`: u and v are polynomials of up to three terms,
A and B seven functions of the library. All atoms on grids of rates are compared at once, pairs jointly by the Gram matrix (a
greedy choice takes waves that imitate a product); the best of each kind are refined by variable projection (Golub & Pereyra 1973;
Kaufman 1975).
"""

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from splinework.interpret.symbolic.levenberg_marquardt import linear_least_squares, minimise
from splinework.interpret.symbolic.library import BY_NAME, Array, LibraryFunction
from splinework.interpret.symbolic.screening.problem import ScoredExpression, ScreeningProblem

N_ROWS, N_RATES = 300, 48
"""Rows on which atoms are compared, and rates of a wave."""
DEGREES, SIMPLE_DEGREES = (0, 1, 2, 3), (0, 1)
"""Degrees of the polynomial beside the atoms, and those that are tried first beside two of them."""
N_SINGLES, N_PAIRS, N_PRODUCTS, N_ALIKE = 24, 60, 160, 8
"""Candidates of each kind that are refined, and of them products of the same two functions."""
N_FIRST_STEPS, N_LAST_STEPS, N_FINALISTS = 6, 30, 10
"""Steps of all candidates of a kind, and of the best ones after these."""
MIN_NEW_SQUARE = 1e-3
"""Squared sine of the angle between two atoms below which a pair says no more than one of them."""
BUMPS = ("gaussian", "lorentzian", "tanh", "arctan")
"""Functions whose atoms have a centre besides a rate."""
N_KEPT = 6


@dataclass(frozen=True)
class Atom:
    """A library function of a polynomial: powers of x, and their coefficients at the start; the column is scaled to [-1, 1]."""

    name: str
    powers: tuple[int, ...]
    start: tuple[float, ...]

    @property
    def function(self) -> LibraryFunction:
        """The entry of the library."""
        return BY_NAME[self.name]

    def argument(self, coefficients: Sequence[float], x: Array) -> Array:
        """The polynomial at x."""
        total: Array = sum((c * x**p for c, p in zip(coefficients, self.powers, strict=True)), np.zeros_like(x))
        return total


def composite_candidates(
    problem: ScreeningProblem, *, floor: float, deadline: float = math.inf
) -> Iterator[list[ScoredExpression]]:
    """Expressions for a problem of one column, from simple to rich structures, each list the shortest description first.

    Args:
        problem: A problem of one column.
        floor: Residual sum of squares, on the scale of the data's target, below which fits are equally good.
        deadline: Time on the monotonic clock after which nothing further is tried.
    """
    column = problem.columns[:, 0]
    size = float(np.abs(column).max())
    if not (size > 0 and column.max() > column.min()):
        return
    search = _CompositeSearch.of(problem, size, floor, deadline)
    for degree in DEGREES:
        yield search.refined(degree, search.singles(degree))
    for degrees in (SIMPLE_DEGREES, DEGREES[len(SIMPLE_DEGREES) :]):
        for kind in (search.pairs, search.products):
            for degree in degrees:
                if time.monotonic() > deadline:
                    return
                yield search.refined(degree, kind(degree))


_Structure = tuple[tuple[Atom, ...], ...]
"""A sum of products of atoms."""


@dataclass(frozen=True)
class _CompositeSearch:
    """Rows of the problem, thinned in order of x, with the bank evaluated on them."""

    problem: ScreeningProblem
    size: float
    floor: float
    deadline: float
    x: Array
    y: Array
    root: Array
    atoms: tuple[Atom, ...]
    values: Array

    @classmethod
    def of(cls, problem: ScreeningProblem, size: float, floor: float, deadline: float) -> "_CompositeSearch":
        """The search for a problem whose column is at most `size` in magnitude."""
        order = np.argsort(problem.columns[:, 0], kind="stable")
        some = order[np.unique(np.linspace(0, len(order) - 1, N_ROWS).round().astype(int))]
        x, y, root = problem.columns[some, 0] / size, problem.y[some], np.sqrt(problem.weights[some])
        atoms = _bank(x)
        with np.errstate(all="ignore"):
            values = np.stack([a.function.value(a.argument(a.start, x)) for a in atoms])
        good = np.isfinite(values).all(1) & (values.std(1) > 1e-8)
        kept = tuple(itertools.compress(atoms, good.tolist()))
        return cls(problem, size, floor, deadline, x, y, root, kept, values[good])

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

    def pairs(self, degree: int) -> list[_Structure]:
        """The pairs of atoms that together explain most, by `(a² + b² - 2abg) / (1 - g²)`, one of each two kinds."""
        rows, lengths = self._projected(self.values, degree)
        kept = np.flatnonzero(self._seen(lengths))
        rows = rows[kept] / lengths[kept, None]
        along, gram = rows @ self._aim(degree), rows @ rows.T
        apart = 1 - gram**2
        gain = (along[:, None] ** 2 + along**2 - 2 * along[:, None] * along * gram) / np.where(
            apart > MIN_NEW_SQUARE, apart, np.inf
        )
        one, two = np.triu_indices(len(kept), 1)
        best = np.argsort(-gain[one, two])[: 100 * N_PAIRS]
        found: dict[tuple[object, ...], _Structure] = {}
        for k in best.tolist():
            a, b = self.atoms[kept[one[k]]], self.atoms[kept[two[k]]]
            found.setdefault((_kind(a), _kind(b)), ((a,), (b,)))
            if len(found) == N_PAIRS:
                break
        return list(found.values())

    def products(self, degree: int) -> list[_Structure]:
        """The products of two atoms that explain most; few of each two functions."""
        aim = self._aim(degree)
        found: list[tuple[float, int, int]] = []
        for k in range(len(self.atoms)):
            if time.monotonic() > self.deadline:
                break
            rows, lengths = self._projected(self.values[k] * self.values[k:], degree)
            share = np.abs(rows @ aim) / np.where(lengths > 1e-9, lengths, np.inf)
            found += [
                (-float(share[j]), k, k + j) for j in np.argpartition(-share, min(3, len(share) - 1))[:3].tolist()
            ]
        alike: dict[tuple[object, ...], int] = {}
        chosen: list[_Structure] = []
        for _, i, j in sorted(found):
            kinds = (_kind(self.atoms[i])[:3], _kind(self.atoms[j])[:3])
            alike[kinds] = alike.get(kinds, 0) + 1
            if alike[kinds] <= N_ALIKE:
                chosen.append(((self.atoms[i], self.atoms[j]),))
            if len(chosen) == N_PRODUCTS:
                break
        return chosen

    def _seen(self, lengths: Array) -> Array:
        """Whether an atom is more than a polynomial."""
        found: Array = lengths > 1e-6 * np.linalg.norm(self.values * self.root, axis=1)
        return found

    def refined(self, degree: int, structures: Sequence[_Structure]) -> list[ScoredExpression]:
        """The structures with their best constants, the shortest description first."""
        trials: list[tuple[float, _Structure, Array]] = []
        for structure in structures:
            start = np.concatenate([a.start for a in itertools.chain.from_iterable(structure)])
            trials += self._tried(structure, degree, start, N_FIRST_STEPS)
            if time.monotonic() > self.deadline:
                break
        finalists: list[tuple[float, _Structure, Array]] = []
        for _, structure, place in sorted(trials, key=lambda trial: trial[0])[:N_FINALISTS]:
            finalists += self._tried(structure, degree, place, N_LAST_STEPS)
        return [
            ScoredExpression(self.problem, self._expression(structure, degree, place), score)
            for score, structure, place in sorted(finalists, key=lambda trial: trial[0])[:N_KEPT]
        ]

    def _tried(
        self, structure: _Structure, degree: int, start: Array, steps: int
    ) -> list[tuple[float, _Structure, Array]]:
        """The structure after some steps, with twice its description length; nothing where it is not finite."""

        def projection(z: Array) -> tuple[Array, Array]:
            return self._projection(structure, degree, z)

        solution = minimise(projection, start, steps=steps, gain=1e-3)
        if solution is None:
            return []
        n, few = len(self.problem.y), len(self.y)
        names = 2 * sum(atom.function.cost for atom in itertools.chain.from_iterable(structure))
        code = (len(start) + len(structure) + degree + 1) * math.log(n) + names
        return [(n * math.log(max(solution.rss / few, self.floor / n)) + code, structure, solution.constants)]

    def _columns(self, structure: _Structure, degree: int, z: Array) -> tuple[Array, list[tuple[int, Array]]]:
        """The regressors `(N, degree + 1 + terms)`, and for every constant its regressor's number and derivative."""
        columns = [self.x**k for k in range(degree + 1)]
        slopes: list[tuple[int, Array]] = []
        place = 0
        for term in structure:
            parts = []
            for atom in term:
                own = z[place : place + len(atom.powers)]
                place += len(atom.powers)
                u = atom.argument(own.tolist(), self.x)
                parts.append((atom, atom.function.value(u), atom.function.slope(u)))
            whole = math.prod((value for _, value, _ in parts), start=np.ones_like(self.x))
            for k, (atom, _, slope) in enumerate(parts):
                rest = math.prod((v for j, (_, v, _) in enumerate(parts) if j != k), start=np.ones_like(self.x))
                slopes += [(len(columns), slope * rest * self.x**p) for p in atom.powers]
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
        jacobian = np.stack([coefficients[k] * slope * self.root for k, slope in slopes], 1)
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
                own = z[place : place + len(atom.powers)].tolist()
                place += len(atom.powers)
                inner = (sympy.Float(a / self.size**p) * x**p for a, p in zip(own, atom.powers, strict=True))
                factors.append(atom.function.build(sympy.Add(*inner)))
            terms.append(sympy.Mul(*factors))
        return sympy.Add(*terms)


def _kind(atom: Atom) -> tuple[object, ...]:
    """The function of an atom, its powers, whether it is even about 0, and its rate to the nearest power of e."""
    rate = sum(abs(c) for c, p in zip(atom.start, atom.powers, strict=True) if p)
    return atom.name, atom.powers, atom.start[-1] == 0, round(math.log(rate + 1e-9))


def _bank(x: Array) -> tuple[Atom, ...]:
    """All atoms, for a column within [-1, 1]."""
    span = float(x.max() - x.min())
    rates = (math.pi / (2 * span)) * np.arange(1, N_RATES + 1)
    coarse = rates[::2]
    found: list[Atom] = []
    for phase in (0.0, math.pi / 2):
        found += [Atom("sin", (1, 0), (a, phase)) for a in rates.tolist()]
        found += [
            Atom("sin", (2, 1, 0), (a, b * 0.5 * float(rates[3]), phase))
            for a in coarse.tolist()
            for b in (-2, -1, 0, 1, 2)
        ]
        found += [Atom("sin", (3, 1, 0), (a, 0.0, phase)) for a in coarse.tolist()]
    for a in np.geomspace(0.15, 24.0, 24).tolist():
        found += [Atom("exp", (power,), (sign * a,)) for power in (1, 2) for sign in (-1, 1)]
        found += [Atom("log(1+x^2)", (1,), (a,))]
    for a in np.geomspace(0.5, 16.0, 10).tolist():
        for centre in np.linspace(float(x.min()), float(x.max()), 13)[1:-1].tolist():
            found += [Atom(name, (1, 0), (a, -a * centre)) for name in BUMPS]
    return tuple(found)
