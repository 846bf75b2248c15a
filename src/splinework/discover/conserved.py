"""`discover_conserved`: functions of the state that stay constant along each of several trajectories.

Sums of terms are constant where they vanish after the mean of each trajectory is taken off: so a conserved quantity is a relation
among the columns with a level of its own for each trajectory, and needs neither times nor derivatives. It must stay constant on
rows it was not fitted to, and must not be constant along columns that were shuffled within each trajectory. What is left must be
noise from row to row (von Neumann's ratio of successive differences): a quantity that only nearly stays constant drifts smoothly.
Quantities that are functions of others are no news: their gradients depend on those of the others.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import sympy

from splinework.discover.inner_search import as_table
from splinework.discover.surfaces import MIN_DISTANCE, Surface, SurfaceFit
from splinework.discover.terms import Terms, exponents, functions, monomials
from splinework.errors import DataError, ShapeError
from splinework.errors.foreign import explained
from splinework.interpret.symbolic.description_length import structure_cost
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable

MIN_ROWS = 20
MAX_TERMS = 40
MAX_DISTANCE = 0.25
"""Distance from a level, in units of the columns' spreads, beyond which nothing is conserved."""
MAX_DISTANCE_RATIO, MAX_HELD_OUT_RATIO = 0.25, 1.5
"""Largest ratios of the distance to that of shuffled rows, and of the distance of held-out rows to that of fitted ones."""
EXACT_DISTANCE = 1e-6
"""Distance up to which a quantity is constant as far as numbers are."""
MAX_DRIFT = 4.0
"""Standard errors by which the ratio of successive differences may be below that of white noise."""
MIN_NEW_GRADIENT = 0.1
"""Share of a gradient that those of known quantities must leave over for a quantity to be independent of them."""
MAX_SNAP_COST = 3.0
"""Rise of the mean squared distance by simple numbers, in units of what a coefficient costs by chance."""
MAX_DENOMINATOR = 6
MAX_FAILURES = 3
"""Surfaces of one library in turn that say nothing new, after which the next is tried."""


@dataclass(frozen=True)
class _Quantity:
    expression: Any
    distance: float
    shuffled: float
    description: float
    gradient: Array


@explained
def discover_conserved(z: Any, *, names: Sequence[str] | None = None, seed: int = 0) -> FormulaTable:
    """Finds functions of the state that are constant along trajectories, and how many of them are independent.

    Args:
        z: The states: one trajectory `(N, d)`, or a list of trajectories of `d` columns each. Several with different levels
            tell a conserved quantity from a relation that holds on one curve only.
        names: Names of the columns; by default those of a frame, or `x1`, `x2`, ….
        seed: Seed of the shuffles.

    Returns:
        Rows of target `constant`, the shortest first. `rmse` is the distance of the rows from their trajectory's level in units
        of the columns' spreads, `r2` how much closer they are to it than shuffled rows. Notes say how many quantities are
        independent. Where nothing is conserved, the one row is the constant 1.

    Raises:
        ShapeError: If z is not a table or list of tables of the same width.
        DataError: For values that are not finite, or fewer than 20 rows.

    Example:
        >>> import numpy as np
        >>> from splinework.discover import discover_conserved
        >>> t = np.linspace(0, 6, 60)
        >>> orbits = [np.stack([a * np.cos(t), -a * np.sin(t)], 1) for a in (1.0, 1.5, 2.0)]
        >>> print(discover_conserved(orbits, names=["x", "v"]).best)
        constant = v**2 + x**2
    """
    several = isinstance(z, (list, tuple)) and all(getattr(each, "ndim", np.ndim(each)) == 2 for each in z) and len(z)
    tables = [as_table(each, names, "discover_conserved", "x") for each in (z if several else [z])]
    if len({len(columns) for _, columns in tables}) > 1:
        widths = ", ".join(str(len(columns)) for _, columns in tables)
        raise ShapeError(f"trajectories have the same columns each, got {widths} columns.")
    x = np.concatenate([rows for rows, _ in tables])
    if len(x) < MIN_ROWS:
        raise DataError(f"conserved quantities need at least {MIN_ROWS} rows, got {len(x)}.")
    groups = np.concatenate([np.full(len(rows), float(n)) for n, (rows, _) in enumerate(tables)])
    return _ConservedSearch(x, groups, tables[0][1], seed).table()


@dataclass
class _ConservedSearch:
    """The rows, and what is known to be conserved."""

    x: Array
    groups: Array
    names: tuple[str, ...]
    seed: int
    notes: list[str] = field(default_factory=list)
    found: list[_Quantity] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spread = self.x.std(axis=0)
        still = [self._is_still(column) for column in self.x.T]
        self.notes += [f"{n} is constant along every trajectory" for n, s in zip(self.names, still, strict=True) if s]
        self.moving = [n for n, s in zip(self.names, still, strict=True) if not s]
        self.rows, self.scale = self.x[:, ~np.array(still)], self.spread[~np.array(still)]
        self.fitted = np.arange(len(self.x)) % 5 != 4
        draw = np.random.default_rng(self.seed)
        self.shuffled = self.rows.copy()
        for group in np.unique(self.groups):
            own = self.groups == group
            self.shuffled[own] = np.column_stack([draw.permutation(column) for column in self.rows[own].T])

    def _is_still(self, column: Array) -> bool:
        return all(np.ptp(column[self.groups == g]) <= 1e-9 * np.abs(column).max() for g in np.unique(self.groups))

    def table(self) -> FormulaTable:
        """All quantities, or the refusal."""
        if len(self.moving) > 1:
            for terms in self._libraries():
                self._search(terms)
        rows = [
            FormulaRow(
                "constant", q.expression, self.names, q.distance, 1 - (q.distance / q.shuffled) ** 2, q.description
            )
            for q in sorted(self.found, key=lambda q: q.description)
        ]
        if rows:
            return FormulaTable(tuple(rows), (f"independent conserved quantities: {len(rows)}", *self.notes))
        note = f"nothing is conserved that is a sum of known terms of {', '.join(self.names)}"
        row = FormulaRow("constant", sympy.Integer(1), self.names, math.inf, 0.0, 0.0, (note,))
        return FormulaTable((row,), (*self.notes, note))

    def _libraries(self) -> Iterator[Terms]:
        """Terms without the constant: squares, functions of one column, distances, higher degrees."""
        columns = [symbol(name) for name in self.moving]
        squares = monomials(self.moving, exponents(len(self.moving), 2)[1:])
        yield squares
        with_logs = [sympy.log(c) for c, column in zip(columns, self.rows.T, strict=True) if column.min() > 0]
        waves = [wave(c) for c in columns for wave in (sympy.sin, sympy.cos)]
        for few in (with_logs, waves):
            if few:
                yield squares.joined(Terms(tuple(few), tuple(self.moving)))
        single = functions(self.moving, self.rows)
        yield squares.joined(single.only(range(1, len(single))))
        radii = [sympy.sqrt(a**2 + b**2) for a, b in combinations(columns, 2)]
        inverse = tuple(part for r in radii for part in (1 / r, sympy.log(r)))
        yield squares.joined(Terms(inverse, tuple(self.moving)))
        for degree in (3, 4):
            powers = exponents(len(self.moving), degree)[1:]
            if len(powers) <= MAX_TERMS:
                yield monomials(self.moving, powers)

    def _search(self, terms: Terms) -> None:
        """Quantities of one library; the leading term of each is taken out before the next is looked for."""
        with np.errstate(all="ignore"):
            terms, _ = terms.defined(np.vstack([self.rows, self.shuffled]))
        failures = 0
        while len(terms) > 1 and failures < MAX_FAILURES and len(self.found) < len(self.moving):
            surface = self._shortest(terms)
            if surface is None:
                return
            quantity = self._quantity(terms, surface)
            if quantity is None:
                failures += 1
            else:
                self.found.append(quantity)
            lead = self._lead(terms, surface)
            terms = terms.only([i for i in range(len(terms)) if i != lead])

    def _fit(self, terms: Terms, chosen: Array) -> SurfaceFit:
        return SurfaceFit(terms, self.rows[chosen], self.scale, self.groups[chosen])

    def _shortest(self, terms: Terms) -> Surface | None:
        """The shortest sum that is constant on all rows, and not on shuffled ones."""
        fit, held = self._fit(terms, self.fitted), self._fit(terms, ~self.fitted)
        candidates = [surface for surface in [*fit.sparse(), *fit.pairs()] if surface.distance < MAX_DISTANCE]
        rows = int(self.fitted.sum())

        def length(surface: Surface) -> float:
            return surface.description(rows) + structure_cost(terms.combination(*_pair(surface)), len(self.moving))

        for surface in sorted(candidates, key=length)[:4]:
            far = self._far(terms, surface)
            allowed = MAX_HELD_OUT_RATIO * surface.distance + 10 * MIN_DISTANCE
            constant = surface.distance < MAX_DISTANCE_RATIO * far and held.distance(surface) < allowed
            if constant and not self._drifts(terms, surface):
                return surface
        return None

    def _drifts(self, terms: Terms, surface: Surface) -> bool:
        """Whether what is left changes smoothly along trajectories, or all have one level, as on an attractor."""
        if surface.distance < EXACT_DISTANCE:
            return False
        value = terms.only(surface.places).values(self.rows) @ surface.coefficients
        own = [value[self.groups == g] for g in np.unique(self.groups)]
        within = math.sqrt(float(np.mean([each.var() for each in own])))
        if len(own) > 1 and np.std([each.mean() for each in own]) < within:
            return True
        steps = sum(float(np.sum(np.diff(each) ** 2)) for each in own)
        spread = sum(2 * float(np.sum((each - each.mean()) ** 2)) * (len(each) - 1) / len(each) for each in own)
        return steps < (1 - MAX_DRIFT / math.sqrt(len(value))) * spread

    def _far(self, terms: Terms, surface: Surface) -> float:
        only = terms.only(surface.places)
        return SurfaceFit(only, self.shuffled, self.scale, self.groups).fit(range(len(only))).distance

    def _quantity(self, terms: Terms, surface: Surface) -> _Quantity | None:
        """The quantity with simple numbers, if it is independent of those known."""
        only, every = terms.only(surface.places), replace(surface, places=tuple(range(len(surface.places))))
        gradient = np.einsum("nmd,m->nd", only.gradients(self.rows) * self.scale, surface.coefficients)
        gradient /= np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-300)
        if self.found:
            known = np.stack([q.gradient for q in self.found], -1)
            part = (np.linalg.pinv(known, rcond=1e-6) @ gradient[:, :, None])[:, :, 0]
            new = np.linalg.norm(gradient - np.einsum("ndr,nr->nd", known, part), axis=1)
            if np.median(new) < MIN_NEW_GRADIENT:
                return None
        fit = self._fit(only, np.ones(len(self.rows), bool))
        numbers = simple_ratios(
            surface.coefficients, lambda c: fit.distance(replace(every, coefficients=c)), len(self.rows)
        )
        expression = sympy.Add(*[number * e for number, e in zip(numbers, only.expressions, strict=True)])
        description = surface.description(len(self.rows)) + structure_cost(expression, len(self.moving))
        return _Quantity(expression, surface.distance, self._far(terms, surface), description, gradient)

    def _lead(self, terms: Terms, surface: Surface) -> int:
        """The place of the term that varies most."""
        spread = terms.only(surface.places).values(self.rows).std(axis=0)
        return surface.places[int(np.argmax(np.abs(surface.coefficients) * spread))]


def _pair(surface: Surface) -> tuple[tuple[int, ...], Array]:
    return surface.places, surface.coefficients


def simple_ratios(coefficients: Array, distance: Callable[[Array], float], rows: int) -> list[Any]:
    """Coefficients as simple fractions where these are as good, in units of the one that makes them simplest.

    Args:
        coefficients: Coefficients of a sum whose scale is free.
        distance: Root mean square distance of the rows for other coefficients.
        rows: Number of rows.

    >>> simple_ratios(np.array([0.25001, -0.5]), lambda c: 1e-3 + abs(c[1] / c[0] + 2), 100)
    [1, -2]
    """
    allowed = distance(coefficients) * math.sqrt(1 + MAX_SNAP_COST * len(coefficients) / rows) + MIN_DISTANCE
    options = []
    for unit in coefficients.tolist():
        ratios = [c / unit for c in coefficients.tolist()]
        near = [Fraction(r).limit_denominator(MAX_DENOMINATOR) for r in ratios]
        if all(near) and distance(np.array([float(n) for n in near])) <= allowed:
            options.append((sum(abs(n.numerator) + 2 * n.denominator for n in near), sum(n < 0 for n in near), near))
    if options:
        return [sympy.Rational(n.numerator, n.denominator) for n in min(options)[2]]
    unit = coefficients[int(np.argmax(np.abs(coefficients)))]
    return [sympy.Float(c) for c in (coefficients / unit).tolist()]
