"""`discover_relation`: relations `f(x) = 0` among columns.

Sums of monomials, of functions of single columns, and of logarithms (that is, products of powers) are tried by small degrees
first. A relation must hold on rows it was not fitted to, and must not hold among columns that were shuffled independently:
else it says something of one column, not of several.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
from typing_extensions import Unpack

from splinework.discover.dependences import Dependence, dependences, unbiased
from splinework.discover.inner_search import InnerSearch, as_table, inner_search, run_search
from splinework.discover.joint import JointLikelihood
from splinework.discover.options import InnerSearchKeywords, SearchOptions
from splinework.discover.snapping import FreeConstants, derivative, snap
from splinework.discover.surfaces import MIN_DISTANCE, Surface, SurfaceFit
from splinework.discover.terms import Terms, exponents, functions, monomials, terms_of
from splinework.errors import DataError
from splinework.interpret.symbolic.description_length import structure_cost
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.simplification import simplified
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable
from splinework.train.options import options_of, with_options

MAX_DISTANCE_RATIO = 0.25
"""Largest ratio of the distance of the rows to that of shuffled rows."""
MAX_DISTANCE = 0.25
"""Distance, in units of the spreads, beyond which a surface is not a relation."""
MAX_HELD_OUT_RATIO = 1.5
"""Largest ratio of the distance of held-out rows to that of fitted rows."""
MAX_EXACT_DISTANCE = 1e-6
"""Distance, in units of the spreads, up to which a relation is exact and no better one is looked for."""
MIN_ROWS = 20


@dataclass(frozen=True)
class _Relation:
    """An expression that vanishes on the rows, where it comes from, and how closely it is kept."""

    expression: Any
    distance: float
    shuffled: float
    description: float
    columns: frozenset[str]


@with_options(InnerSearchKeywords, SearchOptions)
def discover_relation(
    x: Any,
    *,
    names: Sequence[str] | None = None,
    options: SearchOptions | None = None,
    **keywords: Unpack[InnerSearchKeywords],
) -> FormulaTable:
    """Finds relations `f(x) = 0` that hold among columns, none of which is the target.

    Columns that are smooth functions of others are found besides, by how much better rows are fitted than shuffled columns,
    and the formula of each is looked for with the inputs that it needs; noise may be in all columns.

    Args:
        x: `(N, d)` array or frame of two columns or more.
        names: Names of the columns; by default those of the frame, or `x1`, `x2`, ….
        **keywords: Fields of `SearchOptions`.
        options: These as one object, which keywords override.

    Returns:
        Rows of target `0`, the shortest relation first. `rmse` is the distance of the rows from the surface in units of the
        columns' spreads, `r2` how much closer they are to it than shuffled rows are to theirs. Where there is no relation,
        the one row is the constant 1, which is never 0, and a note says so.

    Raises:
        ShapeError: If x is not a table, or there are not as many names as columns.
        DataError: For fewer than two columns that vary, or fewer than 20 rows.
        ConfigError: For an unknown option.

    Example:
        >>> import numpy as np, splinework as sw
        >>> angle = np.random.default_rng(0).uniform(0, 6.28, 50)
        >>> print(sw.discover_relation(np.stack([np.cos(angle), np.sin(angle)], 1), progress=False).best)
        0 = x1**2 + x2**2 - 1
    """
    chosen = options_of(discover_relation, options, keywords, SearchOptions)
    xs, columns = as_table(x, names, "discover_relation")
    if len(xs) < MIN_ROWS:
        raise DataError(f"a relation needs at least {MIN_ROWS} rows to be more than a guess, got {len(xs)}.")
    with inner_search(chosen, "discover_relation", xs, columns) as inner:
        return run_search(_RelationSearch(xs, columns, inner))


@dataclass
class _RelationSearch:
    """The search, and what it has found so far."""

    x: Array
    names: tuple[str, ...]
    inner: InnerSearch
    notes: list[str] = field(default_factory=list)
    found: list[_Relation] = field(default_factory=list)
    independent: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        spread = self.x.std(axis=0)
        still = [n for n, s, c in zip(self.names, spread, self.x.T, strict=True) if s <= 1e-12 * np.abs(c).max()]
        self.notes += [f"{name} is constant and takes no part in a relation" for name in still]
        self.varying = [n for n in self.names if n not in still]
        if len(self.varying) < 2:
            raise DataError(f"a relation needs two columns that vary, got {len(self.varying)}.")
        place = [self.names.index(n) for n in self.varying]
        self.rows, self.spread = self.x[:, place], spread[place]
        draw = np.random.default_rng(self.inner.seed)
        order = draw.permutation(len(self.rows))
        held = round(0.2 * len(order))
        self.held, self.used = self.rows[order[:held]], self.rows[order[held:]]
        self.shuffled = [np.column_stack([draw.permutation(c) for c in self.used.T]) for _ in range(5)]

    def run(self) -> None:
        """Polynomials, then products of powers and functions of columns, then each column as a formula of the others."""
        leading: list[tuple[int, ...]] = []
        while len(self.found) < 4:
            self.inner.on_stage("polynomials")
            relations = [r for r in (self._polynomial(leading, d) for d in (1, 2, 3)) if r is not None]
            if not relations:
                break
            best = min(relations, key=lambda r: r.description)
            # Rows are half as far from a square, which is no other relation: the first of those that it follows from.
            best = next(r for r in relations if r is best or self._follows(best, [r], 0.3))
            self.found.append(best)
            leading.append(_leading(best.expression, self.varying))
        for terms in self._others():
            relation = self._surface(terms) if self.inner.left > 0 else None
            if relation is not None:
                self._consider(relation)
        self._solve()

    def _polynomial(self, leading: Sequence[tuple[int, ...]], degree: int) -> _Relation | None:
        """One that is not a multiple of those found: without monomials that a leading one divides."""
        powers = [
            power
            for power in exponents(len(self.varying), degree)
            if not any(all(a >= b for a, b in zip(power, top, strict=True)) for top in leading)
        ]
        if not 2 < len(powers) <= 60:
            return None
        relation = self._surface(monomials(self.varying, powers))
        return None if relation is None or self._is_shadow(relation) or self._is_implied(relation) else relation

    def _is_shadow(self, relation: _Relation) -> bool:
        """Whether it is but a rough view of relations that are kept much more closely and have columns in common with it."""
        kept = [r.distance for r in self.found if len(r.columns & relation.columns) > 1]
        return bool(kept) and relation.distance > 2.0 * max(*kept, MIN_DISTANCE)

    def _others(self) -> list[Terms]:
        self.inner.on_stage("products of powers and functions of columns")
        positive = [i for i in range(len(self.varying)) if self.used[:, i].min() > 0]
        logs = Terms((sympy.Integer(1), *[sympy.log(symbol(self.varying[i])) for i in positive]), tuple(self.varying))
        return [*([logs] if len(positive) > 1 else []), functions(self.varying, self.used)]

    def _surface(self, terms: Terms) -> _Relation | None:
        """The shortest sum of these terms that passes all tests."""
        sheet = SurfaceFit(terms, self.used, self.spread)
        finite = np.isfinite(sheet.values).all(axis=0) & np.isfinite(sheet.slopes).all(axis=(0, 2))
        if not finite.all():
            return self._surface(terms.only(np.flatnonzero(finite).tolist()))
        candidates = [*sheet.sparse(), *sheet.pairs()]
        surfaces = [s for s in candidates if len(self._columns(terms, s)) > 1 and s.distance < MAX_DISTANCE]
        rows = len(self.used)

        def length(surface: Surface) -> float:
            expression = terms.combination(surface.places, surface.coefficients)
            return surface.description(rows) + structure_cost(expression, len(self.varying))

        for surface in sorted(surfaces, key=length)[:4]:
            far = self._far(terms, surface)
            held = SurfaceFit(terms, self.held, self.spread).distance(surface)
            if (
                surface.distance < MAX_DISTANCE_RATIO * far
                and held < MAX_HELD_OUT_RATIO * surface.distance + 10 * MIN_DISTANCE
            ):
                return self._written(terms, surface, far)
        return None

    def _columns(self, terms: Terms, surface: Surface) -> frozenset[str]:
        return frozenset(s.name for i in surface.places for s in terms.expressions[i].free_symbols)

    def _far(self, terms: Terms, surface: Surface) -> float:
        """Distance of shuffled rows from the best surface of the same terms through them, the least of several."""
        only = terms.only(surface.places)
        return min(SurfaceFit(only, x, self.spread).fit(range(len(only))).distance for x in self.shuffled)

    def _written(self, terms: Terms, surface: Surface, far: float) -> _Relation:
        """The relation with simple numbers, one coefficient 1; sums of logarithms become products of powers."""
        logs = all(e.is_Integer or isinstance(e, sympy.log) for e in terms.expressions)
        expression = (_powers if logs else _scaled)(terms, surface, self.used)
        expression = self._snapped(expression)
        description = surface.description(len(self.used)) + structure_cost(expression, len(self.varying))
        return _Relation(expression, surface.distance, far, description, self._columns(terms, surface))

    def _snapped(self, expression: Any) -> Any:
        """Simple numbers where the distances from the surface agree: the term with coefficient 1 is what the others add up to."""
        lead = next(e for e in terms_of(expression).values() if e.free_symbols)
        rest = lead - expression
        steep = np.linalg.norm(self._slopes(expression), axis=1)
        weight = 1 / np.maximum(steep, 0.1 * float(np.median(steep)))
        scale = symbol("weight of a row")
        target = compile_expression(lead, self.varying)(self.used) * weight
        constants = FreeConstants.of([rest])
        weighted = FreeConstants((constants.expressions[0] * scale,), constants.symbols, constants.start)
        rows = np.column_stack([self.used, weight])
        joint = JointLikelihood(weighted, rows, target[:, None], [*self.varying, scale.name], ["linear"])
        outcome = snap(weighted, joint, len(rows))
        if outcome is None:
            return expression
        relation = simplified(lead - outcome.expressions[0] / scale, self.varying, self.used)
        return relation if relation.free_symbols == expression.free_symbols else expression

    def _consider(self, relation: _Relation) -> None:
        """Takes it if it says something new, or what is known in a shorter way."""
        longer = [r for r in self.found if r.columns == relation.columns and r.description > relation.description]
        same = [r for r in longer if self._follows(relation, [r], 0.3)]
        self.found = [r for r in self.found if r not in same]
        if not self._is_shadow(relation) and not self._is_implied(relation):
            self.found.append(relation)

    def _is_implied(self, relation: _Relation) -> bool:
        return bool(self.found) and self._follows(relation, self.found, 0.1)

    def _follows(self, relation: _Relation, known: Sequence[_Relation], share: float) -> bool:
        """Whether its gradient, on the common surface of the known ones, is a combination of theirs, up to a share of it."""
        others = np.stack([self._gradient(r.expression) for r in known], -1)
        own = self._gradient(relation.expression)
        part = (np.linalg.pinv(others, rcond=1e-6) @ own[:, :, None])[:, :, 0]
        rest = own - np.einsum("ndr,nr->nd", others, part)
        return bool(np.linalg.norm(rest) < share * np.linalg.norm(own))

    def _slopes(self, expression: Any) -> Array:
        """The gradient at the rows, columns in units of their spread: `(N, d)`."""
        slopes = [derivative(expression, symbol(n)) for n in self.varying]
        columns = [compile_expression(e, self.varying)(self.used) * s for e, s in zip(slopes, self.spread, strict=True)]
        return np.stack(columns, -1)

    def _gradient(self, expression: Any) -> Array:
        """The same of unit length, and finite."""
        gradient = np.nan_to_num(self._slopes(expression))
        length = np.linalg.norm(gradient, axis=1, keepdims=True)
        return np.asarray(gradient / np.where(length > 0, length, 1.0))

    def _solve(self) -> None:
        """Columns that are smooth functions of others are looked for as formulas of these."""
        self.inner.on_stage("columns that depend on others")
        found, self.independent = dependences(self.used / self.spread, most=MAX_DISTANCE, seed=self.inner.seed)
        known = {r.columns for r in self.found if r.distance < MAX_EXACT_DISTANCE}
        todo = [each for each in found if self._named(each) not in known]
        for number, each in enumerate(todo):
            if self.inner.left <= 0:
                break
            relation = self._solved(each, 0.9 / (len(todo) - number))
            same = [r for r in self.found if relation is not None and r.columns == relation.columns]
            if relation is not None and all(relation.description < r.description for r in same):
                self.found = [*(r for r in self.found if r not in same), relation]

    def _named(self, each: Dependence) -> frozenset[str]:
        return frozenset(self.varying[i] for i in (each.target, *each.inputs))

    def _solved(self, each: Dependence, share: float) -> _Relation | None:
        """The formula of a dependent column, if it has one that predicts held-out rows."""
        name, inputs, places = self.varying[each.target], [self.varying[i] for i in each.inputs], list(each.inputs)
        x, y = self.used[:, places], self.used[:, each.target]
        inside, weights = unbiased(x / self.spread[places], y / self.spread[each.target])
        table = self.inner(x[inside], y[inside], inputs, name, share, weights=weights)
        best = table.best
        if not best.expression.free_symbols or best.splines:
            return None
        gap = best.numpy()(self.held[:, places]) - self.held[:, each.target]
        error = float(np.sqrt((gap**2).mean())) / self.spread[each.target]
        if error >= MAX_DISTANCE:
            return None
        expression = symbol(name) - best.expression
        distance = self._distance(expression)
        description = len(self.used) * math.log(max(distance, MIN_DISTANCE))
        description += structure_cost(expression, len(self.varying))
        return _Relation(expression, distance, distance / each.contrast, description, frozenset({name, *best.inputs}))

    def _distance(self, expression: Any) -> float:
        """Distance of the rows from the surface where an expression is zero, in units of the spreads."""
        value = compile_expression(expression, self.varying)(self.used)
        steep = np.linalg.norm(self._slopes(expression), axis=1)
        return float(np.sqrt(np.mean((value / np.maximum(steep, 0.1 * float(np.median(steep)))) ** 2)))

    def _is_rough(self, one: _Relation) -> bool:
        """Whether another relation with all of its columns is kept much more closely."""
        close = [r.distance for r in self.found if one.columns <= r.columns]
        return one.distance > 2.0 * max(min(close), MIN_DISTANCE)

    def table(self) -> FormulaTable:
        """The relations, or the refusal."""
        self.found = [r for r in self.found if not self._is_rough(r)]
        rows = []
        for r in sorted(self.found, key=lambda r: r.description):
            gain = 1 - (r.distance / r.shuffled) ** 2 if math.isfinite(r.shuffled) and r.shuffled > 0 else 1.0
            rows.append(FormulaRow("0", r.expression, self.names, r.distance, gain, r.description))
        if not rows:
            note = f"no relation among {', '.join(self.names)} was found: they may well be independent"
            row = FormulaRow("0", sympy.Integer(1), self.names, math.inf, 0.0, 0.0, (note,))
            return FormulaTable((row,), (*self.notes, note))
        related = {name for r in self.found for name in r.columns}
        free = [self.varying[i] for i in self.independent if self.varying[i] not in related]
        notes = [f"{name} has no relation with other columns" for name in free]
        return FormulaTable(tuple(rows), (*self.notes, *notes))


def _leading(expression: Any, names: Sequence[str]) -> tuple[int, ...]:
    """Exponents of the monomial that comes first by total degree."""
    poly = sympy.Poly(sympy.expand(expression), *[symbol(n) for n in names])
    return max((tuple(int(e) for e in power) for power in poly.monoms()), key=lambda p: (sum(p), p))


def _scaled(terms: Terms, surface: Surface, x: Array) -> Any:
    """The sum, divided by the coefficient of the term that matters most among those with a column."""
    inside = [n for n, i in enumerate(surface.places) if terms.expressions[i].free_symbols]
    values = terms.only(surface.places).values(x)
    lead = max(inside, key=lambda n: abs(surface.coefficients[n]) * float(values[:, n].std()))
    ratios = surface.coefficients / surface.coefficients[lead]
    parts = [terms.expressions[i] * (1 if n == lead else sympy.Float(ratios[n])) for n, i in enumerate(surface.places)]
    return sympy.Add(*parts)


def _powers(terms: Terms, surface: Surface, x: Array) -> Any:
    """`Σ c ln x + c₀ = 0` as a product of powers minus a number; the exponents relative to the simplest one."""
    pairs = list(zip([terms.expressions[i] for i in surface.places], surface.coefficients.tolist(), strict=True))
    logs = [(e, c) for e, c in pairs if not e.is_Integer]
    constant = sum(c for e, c in pairs if e.is_Integer)
    unit = min((c for _, c in logs), key=lambda u: sum(abs(c / u - round(c / u)) + 0.01 * abs(c / u) for _, c in logs))
    product = sympy.Integer(1)
    for e, c in logs:
        exponent = c / unit
        near = sympy.Rational(round(exponent * 6), 6)
        exact = abs(float(near) - exponent) < max(3 * surface.distance / math.sqrt(len(x)), 1e-6) * max(
            1, abs(exponent)
        )
        product *= e.args[0] ** (near if exact else sympy.Float(exponent))
    above, below = product.as_numer_denom()
    return above - sympy.Float(math.exp(-constant / unit)) * below
