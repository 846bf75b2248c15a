"""The pool of formulas proposed for a target: each is fitted, and those of shortest description length are kept."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.constants import FitTarget, Template
from splinework.interpret.symbolic.description_length import description_length
from splinework.interpret.symbolic.expression import NamedSpline, Splines, compile_expression, node_count, symbol
from splinework.interpret.symbolic.levels import Category, categories_of, with_level_effects
from splinework.interpret.symbolic.levenberg_marquardt import LeastSquaresSolution
from splinework.interpret.symbolic.residuals import has_structure

MAX_NODES = 90
"""Maximum number of nodes of an expression."""
MAX_ENTRIES = 24
OFFER = 0.03
"""Units of work of a fit."""
MAX_EXACT_CONSTANTS = 4
"""Fitted constants up to which a formula that is right to eight digits is no approximation."""


@dataclass(frozen=True)
class Proposal:
    """An expression with its splines as columns, so that its constants can be fitted.

    Attributes:
        bare: The expression with a symbol in place of every spline.
        target: The data, with the values of the splines as further columns.
        splines: The splines in it, by name.
        back: Symbol → the applied spline that it replaces.
    """

    bare: Any
    target: FitTarget
    splines: Splines
    back: dict[Any, Any]

    @classmethod
    def of(cls, expression: Any, splines: Mapping[str, NamedSpline], target: FitTarget) -> "Proposal":
        """The proposal of an expression over the columns of the target."""
        applied = _outermost_splines(expression)
        used = {e.func.__name__: splines[e.func.__name__] for e in expression.atoms(AppliedUndef)}
        if not applied:
            return cls(expression, target, {}, {})
        columns = [compile_expression(e, target.names, used)(target.x) for e in applied]
        stand_ins = {e: symbol(f"s({n})") for n, e in enumerate(applied)}
        names = (*target.names, *(s.name for s in stand_ins.values()))
        wider = replace(target, x=np.column_stack([target.x, *columns]), names=names)
        return cls(expression.xreplace(stand_ins), wider, used, {s: e for e, s in stand_ins.items()})

    @property
    def price(self) -> float:
        """Code length of the spline coefficients in nats."""
        return sum(spline.size for spline in self.splines.values()) / 2 * math.log(len(self.target.y))

    def whole(self, bare: Any) -> Any:
        """The expression `bare` with the splines put back."""
        return bare.xreplace(self.back)


def _outermost_splines(expression: Any) -> list[Any]:
    """The applied splines of an expression, except those inside the arguments of others."""
    found, walk = [], sympy.preorder_traversal(expression)
    for part in walk:
        if isinstance(part, AppliedUndef):
            walk.skip()
            found.append(part)
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class PoolEntry:
    """A fitted proposal and its description length before snapping."""

    proposal: Proposal
    expression: Any
    solution: LeastSquaresSolution
    description: float

    @cached_property
    def nodes(self) -> int:
        """Nodes of the expression."""
        return node_count(self.expression)

    @property
    def errors(self) -> float:
        """Code length of the errors in nats, up to a constant."""
        target = self.proposal.target
        return len(target.y) / 2 * math.log(max(self.solution.rss, target.floor))


@dataclass
class Pool:
    """Fitted proposals for one target, the shortest description first; `allows` is a filter of expressions.

    Beside those of the shortest descriptions it has every one that is shorter than all better ones.
    """

    target: FitTarget
    allows: Callable[[Any], bool] | None = None
    entries: list[PoolEntry] = field(default_factory=list)
    seen: set[Any] = field(default_factory=set)
    _judged: tuple[PoolEntry, bool] | None = None

    @cached_property
    def categories(self) -> tuple[Category, ...]:
        """The columns of two values, by category."""
        return categories_of(self.target.x, self.target.names)

    @property
    def error(self) -> float:
        """Residual standard error of the best entry on the target's scale, corrected for degrees of freedom."""
        best = self.entries[0]
        n = len(self.target.y)
        return math.sqrt(best.solution.rss / max(n - best.solution.rank, 1))

    @property
    def has_structure(self) -> bool:
        """Whether the residuals of the best entry depend on the inputs."""
        best, target = self.entries[0], self.target
        if self._judged is not None and self._judged[0] is best:
            return self._judged[1]
        expression = best.proposal.whole(best.expression)
        values = compile_expression(expression, target.names, best.proposal.splines)(target.x)
        with np.errstate(all="ignore"):
            flat = np.log(values) if target.scale == "log" else values
        found = has_structure(target.x, flat, (flat - target.flat) * target.root)
        self._judged = (best, found)
        return found

    @property
    def exact(self) -> bool:
        """Whether the best entry is exact, up to rounding or known noise.

        One with many fitted constants may also be an approximation of some digits for each of them: it has to reach rounding. One
        with splines is an approximation in any case.
        """
        if not self.entries or self.entries[0].proposal.splines:
            return False
        solution, target = self.entries[0].solution, self.target
        approximates = solution.rank > MAX_EXACT_CONSTANTS and target.noise == 0
        return solution.rss <= (target.rounding if approximates else target.nothing)

    def offer(self, expression: Any, splines: Mapping[str, NamedSpline] | None = None) -> PoolEntry | None:
        """Fits an expression and adds it; None where it cannot be fitted, is too long or a duplicate."""
        if self.categories:
            expression = with_level_effects(expression, self.categories)
        if expression in self.seen or not usable(expression):
            return None
        if self.allows is not None and not self.allows(expression):
            return None
        self.seen.add(expression)
        clock.spend(OFFER)
        proposal = Proposal.of(expression, splines or {}, self.target)
        if not np.isfinite(proposal.target.x).all():
            return None
        try:
            template = Template(proposal.bare, proposal.target)
        except NotImplementedError:  # a function without a known derivative
            return None
        solution = template.fit(template.start, {})
        if solution is None:
            return None
        numbers = solution.rank * math.log(len(self.target.y)) / 2 + proposal.price
        length = description_length(expression, solution.rss, numbers, self.target)
        fitted = template.put(solution.constants, {})
        if self.allows is not None and not self.allows(proposal.whole(fitted)):
            return None
        entry = PoolEntry(proposal, fitted, solution, length)
        if any(_is_duplicate(entry, other) for other in self.entries):
            return None
        self.entries = _kept(sorted([*self.entries, entry], key=lambda e: e.description))
        return entry


def _kept(entries: list[PoolEntry]) -> list[PoolEntry]:
    kept, least = entries[:MAX_ENTRIES], min(each.nodes for each in entries[:MAX_ENTRIES])
    for each in entries[MAX_ENTRIES:]:
        if each.nodes < least:
            kept.append(each)
            least = each.nodes
    return kept


def usable(expression: Any) -> bool:
    """Whether an expression is short enough and has only finite real constants."""
    return node_count(expression) <= MAX_NODES and not expression.has(
        sympy.nan, sympy.oo, -sympy.oo, sympy.zoo, sympy.I
    )


def _is_duplicate(one: PoolEntry, other: PoolEntry) -> bool:
    """Whether the other is equally good and no longer, hence the same function in another form."""
    gap = abs(one.solution.rss - other.solution.rss)
    same = gap <= 1e-6 * other.solution.rss or max(one.solution.rss, other.solution.rss) <= one.proposal.target.floor
    return same and other.description <= one.description and one.solution.rank == other.solution.rank
