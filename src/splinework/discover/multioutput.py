"""`discover_multioutput`: formulas for several targets of the same inputs, which may share their structure and parts of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef
from typing_extensions import Unpack

from splinework.discover.inner_search import InnerSearch, as_table, inner_search, run_search
from splinework.discover.joint import JointLikelihood, common_parts
from splinework.discover.options import InnerSearchKeywords, SearchOptions
from splinework.discover.plans import choose_scale
from splinework.discover.search_space import EVERYTHING
from splinework.discover.snapping import FreeConstants, Optimum, SnappedConstants, minimise, price, snap
from splinework.discover.terms import Terms, exponents, functions, monomials, supports
from splinework.errors import ConfigError, ShapeError, nearest
from splinework.interpret.symbolic.description_length import structure_cost
from splinework.interpret.symbolic.expression import compile_expression, node_count
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.ranking import ranked
from splinework.interpret.symbolic.simplification import simplified
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable
from splinework.train.options import options_of, with_options

SEARCHES_SHARE = 0.85
"""Share of the time for the searches of the targets; the rest is for what they have in common."""
MAX_PARTS, MIN_PART_NODES = 4, 3
"""Most parts of other formulas that a search is offered as columns, and nodes of the smallest."""
EXACT_TOLERANCE = 1e-8
"""Error, relative to the spread of the target, below which a formula is considered exact."""


@with_options(InnerSearchKeywords, SearchOptions)
def discover_multioutput(
    x: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    budgets: Mapping[str, float] | None = None,
    options: SearchOptions | None = None,
    **keywords: Unpack[InnerSearchKeywords],
) -> FormulaTable:
    """Finds formulas for several targets of the same inputs, and what they have in common.

    A formula found for one target is tried on the others, with its constants refitted, before anything else is searched, and its
    parts are like further columns in their searches; a part that occurs in several formulas is named in a note, and its constants
    are fitted to all its targets together where that makes the description shorter.

    Args:
        x: `(N, d)` array or frame.
        y: `(N, K)` array or frame.
        names: Names of the columns of x; by default those of the frame, or `x1`, `x2`, ….
        targets: Names of the columns of y; by default those of the frame, or `y1`, `y2`, ….
        budgets: Seconds, or units of `effort`, for the search of single targets, by their names; the others share what is left.
        **keywords: Fields of `SearchOptions`.
        options: These as one object, which keywords override.

    Returns:
        The formulas of each target, best first, targets in order. `model` and `history` are dicts by target, of the targets
        that were searched.

    Raises:
        ShapeError: If x and y do not fit each other.
        DataError: For values that are not finite, or too few rows.
        ConfigError: If two columns have the same name, or for an unknown option, or a budget that is not positive, of an unknown
            target, or that exceeds the whole together with others.

    Example:
        >>> import numpy as np, splinework as sw
        >>> x = np.random.default_rng(0).uniform(1, 2, (60, 2))
        >>> y = np.stack([x[:, 0] * x[:, 1], 3 * x[:, 0] * x[:, 1]], 1)
        >>> print([str(sw.discover_multioutput(x, y, budget=4, progress=False).of(k)[0]) for k in ("y1", "y2")])
        ['y1 = x1*x2', 'y2 = 3*x1*x2']
    """
    chosen = options_of(discover_multioutput, options, keywords, SearchOptions)
    xs, inputs = as_table(x, names, "discover_multioutput")
    ys, outputs = as_table(y, targets, "discover_multioutput", prefix="y")
    if len(xs) != len(ys):
        raise ShapeError(f"discover_multioutput takes as many rows of x as of y, got {len(xs)} and {len(ys)}.")
    if len({*inputs, *outputs}) < len(inputs) + len(outputs):
        raise ConfigError(f"inputs and targets need names of their own, got {', '.join((*inputs, *outputs))}.")
    own = dict(budgets or {})
    chosen = _within(chosen, own, outputs)
    with inner_search(chosen, "discover_multioutput", xs, ys, inputs, outputs) as inner:
        return run_search(_MultioutputSearch(xs, ys, inputs, outputs, inner, own))


def _within(options: SearchOptions, budgets: Mapping[str, float], targets: Sequence[str]) -> SearchOptions:
    """The options with as much time as all targets take, where each has a budget of its own."""
    for name, amount in budgets.items():
        if name not in targets:
            raise ConfigError(f"budgets has {name!r}, which is no target; {nearest(name, targets)}")
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 < amount < math.inf:
            raise ConfigError(f"the budget of {name} is a number above 0, got {amount!r}.")
    total = sum(budgets.values()) / SEARCHES_SHARE
    if len(budgets) == len(targets):
        return replace(options, budget=total) if options.effort is None else replace(options, effort=total)
    if total > (whole := options.effort or options.budget):
        raise ConfigError(
            f"the budgets of {', '.join(budgets)} leave nothing of {whole:g} for the other targets; raise the whole, or give "
            "every target its own."
        )
    return options


def _parts_of(expression: Any) -> list[Any]:
    """Products and functions in a formula, without factors that are numbers."""
    if expression.atoms(AppliedUndef):
        return []
    nodes = [node.as_coeff_Mul()[1] for node in sympy.preorder_traversal(expression) if node.free_symbols]
    return [node for node in dict.fromkeys(nodes) if not node.is_Symbol and not node.is_Add]


@dataclass
class _MultioutputSearch:
    """The search: targets in turn, then together; and its results so far."""

    x: Array
    y: Array
    names: tuple[str, ...]
    targets: tuple[str, ...]
    inner: InnerSearch
    budgets: Mapping[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rows: dict[int, list[FormulaRow]] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)
    histories: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scales = [choose_scale(column) for column in self.y.T]

    def run(self) -> None:
        """Searches, templates, common parts."""
        for k in range(len(self.targets)):
            self.inner.on_stage(f"{self.targets[k]}: formulas of other targets")
            self._offer(k, list(self.rows))
            if k in self.rows and self._error(k, self.rows[k][0].expression) < EXACT_TOLERANCE:
                continue
            self._search(k)
        for k in range(len(self.targets)):
            if self._error(k, self.rows[k][0].expression) >= EXACT_TOLERANCE:
                self._offer(k, [j for j in self.rows if j > k])
        self.inner.on_stage("common parts")
        self._join_parts()
        used = {name for rows in self.rows.values() for name in rows[0].inputs}
        idle = [name for name in self.names if name not in used]
        if idle and used:
            self.notes.append(f"no formula needs {', '.join(idle)}")

    def _search(self, k: int) -> None:
        left, own = self.inner.left, self.budgets
        kept = sum(own.get(name, 0.0) for name in self.targets[k:]) / SEARCHES_SHARE
        others = sum(name not in own for name in self.targets[k:])
        name = self.targets[k]
        amount = own[name] if name in own else SEARCHES_SHARE * max(left - kept, 0.0) / others
        parts = self._parts([j for j in self.rows if j != k])
        space = replace(EVERYTHING, parts=parts) if parts else EVERYTHING
        table = self.inner(self.x, self.y[:, k], self.names, name, amount / max(left, 1e-9), network=True, space=space)
        known = self.rows.get(k, [])
        self.rows[k] = list(table.rows)
        for row in known:  # templates, described anew beside what the search has found
            self._insert(k, row.expression, row.notes)
        self.models[self.targets[k]], self.histories[self.targets[k]] = table.model, table.history
        self.notes += [f"{self.targets[k]}: {note}" for note in table.notes]

    def _parts(self, others: Sequence[int]) -> tuple[Any, ...]:
        """The largest parts of the best formulas of other targets."""
        best = [self.rows[j][0].expression for j in others]
        nodes = [n for e in best if not e.atoms(AppliedUndef) for n in sympy.preorder_traversal(e) if n.free_symbols]
        large = [n for n in dict.fromkeys(nodes) if node_count(n) >= MIN_PART_NODES]
        return tuple(sorted(large, key=node_count, reverse=True)[:MAX_PARTS])

    def _error(self, k: int, expression: Any) -> float:
        """Root mean squared error relative to the spread; infinite for splines, which are not compiled here."""
        if expression.atoms(AppliedUndef):
            return math.inf
        gap = compile_expression(expression, self.names)(self.x) - self.y[:, k]
        value = float(np.sqrt((gap**2).mean())) / (float(self.y[:, k].std()) or 1.0)
        return value if math.isfinite(value) else math.inf

    def _offer(self, k: int, others: Sequence[int]) -> None:
        """Structures of other targets' best formulas, with constants of this target; also with a number added."""
        for j in others:
            template = self.rows[j][0].expression
            if not template.free_symbols or template.atoms(AppliedUndef):
                continue
            for form in (template, template + sympy.Float(self.y[:, k].mean())):
                fitted = self._fitted(k, form)
                if fitted is not None:
                    self._insert(k, fitted, (f"has the structure of {self.targets[j]}",), reused=True)
        for expression in self._sums(k, others):
            fitted = self._fitted(k, expression)
            if fitted is not None and fitted.free_symbols:
                self._insert(k, fitted, ("contains a part of another target's formula",), reused=False)

    def _sums(self, k: int, others: Sequence[int]) -> list[Any]:
        """Sums of parts of other targets' formulas and of functions of single inputs, the most promising."""
        parts = [p for j in others for p in _parts_of(self.rows[j][0].expression)]
        if not parts:
            return []
        low = monomials(self.names, exponents(len(self.names), 2))
        terms = Terms(tuple(parts), self.names).joined(low).joined(functions(self.names, self.x))
        terms, design = terms.defined(self.x)
        found: list[tuple[float, Any]] = []
        for chosen in supports(design, self.y[:, k], most=5):
            coefficients, rss = np.linalg.lstsq(design[:, list(chosen)], self.y[:, k], rcond=None)[:2]
            if any(terms.expressions[i] in parts for i in chosen) and len(rss):
                floor = len(self.x) * (EXACT_TOLERANCE * self.y[:, k].std()) ** 2
                expression = terms.combination(chosen, coefficients.astype(np.float64))
                loss = 0.5 * len(self.x) * math.log(max(float(rss[0]), floor, 1e-300))
                found.append((loss + structure_cost(expression, len(self.names)), expression))
        return [e for _, e in sorted(found, key=lambda pair: pair[0])[:2]]

    def _snapped(self, k: int, expression: Any) -> SnappedConstants | None:
        constants = FreeConstants.of([expression])
        return snap(constants, self._joint(constants, [k]), len(self.x))

    def _fitted(self, k: int, expression: Any) -> Any | None:
        outcome = self._snapped(k, expression)
        return None if outcome is None else simplified(outcome.expressions[0], self.names, self.x)

    def _joint(self, constants: FreeConstants, places: Sequence[int]) -> JointLikelihood:
        return JointLikelihood(constants, self.x, self.y[:, list(places)], self.names, [self.scales[k] for k in places])

    def _described(self, k: int, expression: Any, reused: bool = False) -> float:
        """Description length of a formula as it stands; one whose structure is known already costs a choice."""
        outcome = self._snapped(k, expression)
        if outcome is None:
            return math.inf
        structure = math.log(len(self.targets)) if reused else structure_cost(expression, len(self.names))
        return outcome.loss + outcome.numbers + structure

    def _insert(self, k: int, expression: Any, notes: tuple[str, ...], reused: bool = True) -> None:
        """A row more, described on the scale of the rows that are there."""
        rows = self.rows.setdefault(k, [])
        description = self._described(k, expression, reused)
        if rows and not rows[0].expression.atoms(AppliedUndef):
            description += rows[0].description - self._described(k, rows[0].expression)
        row = self._row(k, expression, description, notes)
        if math.isfinite(row.rmse) and all(str(row) != str(other) for other in rows):
            rows.append(row)
            rows.sort(key=lambda r: r.description)

    def _row(self, k: int, expression: Any, description: float, notes: tuple[str, ...]) -> FormulaRow:
        error = self._error(k, expression)
        spread = float(self.y[:, k].std()) or 1.0
        return FormulaRow(self.targets[k], expression, self.names, error * spread, 1 - error**2, description, notes)

    def _join_parts(self) -> None:
        """Notes the common parts of the best formulas, and joins their constants if that is shorter."""
        places = [k for k in self.rows if self.rows[k][0].expression.free_symbols]
        places = [k for k in places if not self.rows[k][0].expression.atoms(AppliedUndef)]
        if len(places) < 2:
            return
        constants = FreeConstants.of([self.rows[k][0].expression for k in places])
        apart = minimise(self._joint(constants, places), constants.start)
        if apart is None:
            return
        tied: list[tuple[int, ...]] = []
        parts = []
        length = self._length(apart)
        for part in common_parts(constants):
            groups = [group for group in part.groups if len(group) > 1]
            if groups:
                together = constants.tied([*tied, *groups])
                optimum = minimise(self._joint(together, places), together.start)
                if optimum is None or self._length(optimum) >= length:
                    continue
                tied, length = [*tied, *groups], self._length(optimum)
            parts.append(part)
        if not parts:
            return
        together = replace(constants, expressions=(*constants.expressions, *[p.expression for p in parts])).tied(tied)
        outcome = snap(together, self._joint(together, places), len(self.x))
        if outcome is None:
            return
        for number, part in enumerate(parts):
            where = ", ".join(self.targets[places[i]] for i in part.places)
            part_found = simplified(outcome.expressions[len(places) + number], self.names, self.x)
            shown = str(self._row(places[0], part_found, 0.0, ())).partition(" = ")[2]
            self.notes.append(f"h{number + 1} = {shown} occurs in {where}")
        if tied:
            for i, k in enumerate(places):
                best = self.rows[k][0]
                self.rows[k][0] = self._row(
                    k, simplified(outcome.expressions[i], self.names, self.x), best.description, best.notes
                )

    def _length(self, optimum: Optimum) -> float:
        return optimum.loss + price(optimum, range(len(optimum.constants)), len(self.x))

    def table(self) -> FormulaTable:
        """The rows, a constant for targets that were not reached."""
        rows: list[FormulaRow] = []
        for k in range(len(self.targets)):
            constant = self._row(k, sympy.Float(self.y[:, k].mean()), math.inf, ())
            rows += ranked(self.rows.get(k) or [constant], 8)
        return FormulaTable(tuple(rows), tuple(self.notes), self.models or None, self.histories or None)
