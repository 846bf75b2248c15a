"""The pool of formulas that were proposed for a target: each fitted as it stands, the shortest descriptions kept."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from splinework.interpret.symbolic.constants import FitTarget, Template
from splinework.interpret.symbolic.description_length import description_length
from splinework.interpret.symbolic.expression import NamedSpline, Splines, compile_expression, node_count, symbol
from splinework.interpret.symbolic.levenberg_marquardt import LeastSquaresSolution
from splinework.interpret.symbolic.library import Array

LONGEST = 90
"""Longer expressions than this many nodes are nobody's formula."""
KEPT = 24


@dataclass(frozen=True)
class Proposal:
    """An expression whose splines have become columns, so that its numbers can be fitted.

    Attributes:
        bare: The expression, a symbol in the place of every spline.
        target: The data with the values of the splines as further columns.
        splines: Those that occur, by name.
        back: Symbol → the applied spline that it stands for.
    """

    bare: Any
    target: FitTarget
    splines: Splines
    back: dict[Any, Any]

    @classmethod
    def of(cls, expression: Any, splines: Mapping[str, NamedSpline], target: FitTarget) -> "Proposal":
        """The expression over the columns of the target."""
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
        """Nats of the coefficients of the splines."""
        return sum(spline.size for spline in self.splines.values()) / 2 * math.log(len(self.target.y))

    def whole(self, bare: Any) -> Any:
        """A form of the bare expression with the splines in their places."""
        return bare.xreplace(self.back)


def _outermost_splines(expression: Any) -> list[Any]:
    """The splines in an expression, with their arguments; not those in the arguments of others."""
    found, walk = [], sympy.preorder_traversal(expression)
    for part in walk:
        if isinstance(part, AppliedUndef):
            walk.skip()
            found.append(part)
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class PoolEntry:
    """A fitted proposal and its description length, before its numbers are snapped."""

    proposal: Proposal
    expression: Any
    solution: LeastSquaresSolution
    description: float


@dataclass
class Pool:
    """Proposals for one target, fitted, the shortest description first; `allows` refuses what may not be proposed."""

    target: FitTarget
    allows: Callable[[Any], bool] | None = None
    entries: list[PoolEntry] = field(default_factory=list)
    seen: set[Any] = field(default_factory=set)

    @property
    def error(self) -> float:
        """Root mean square that the best entry leaves, on the target's scale, for the freedom that its numbers took."""
        best = self.entries[0]
        n = len(self.target.y)
        return math.sqrt(best.solution.rss / max(n - best.solution.rank, 1))

    @property
    def has_structure(self) -> bool:
        """Whether what the best entry leaves depends on the inputs."""
        best, target = self.entries[0], self.target
        values = compile_expression(best.expression, target.names, best.proposal.splines)(target.x)
        with np.errstate(all="ignore"):
            flat = np.log(values) if target.scale == "log" else values
        return has_structure(target.x, flat, (flat - target.flat) * target.root)

    @property
    def exact(self) -> bool:
        """Whether the best entry leaves nothing."""
        return bool(self.entries) and self.entries[0].solution.rss <= self.target.nothing

    def offer(self, expression: Any, splines: Mapping[str, NamedSpline] | None = None) -> PoolEntry | None:
        """Fits a proposal; None where it cannot be fitted, is too long, or came before."""
        if expression in self.seen or not usable(expression):
            return None
        if self.allows is not None and not self.allows(expression):
            return None
        self.seen.add(expression)
        proposal = Proposal.of(expression, splines or {}, self.target)
        if not np.isfinite(proposal.target.x).all():
            return None
        try:
            template = Template(proposal.bare, proposal.target)
        except NotImplementedError:  # a function without a known slope: it cannot be fitted
            return None
        solution = template.fit(template.start, {})
        if solution is None:
            return None
        numbers = solution.rank * math.log(len(self.target.y)) / 2 + proposal.price
        length = description_length(expression, solution.rss, numbers, self.target)
        entry = PoolEntry(proposal, template.put(solution.constants, {}), solution, length)
        if any(_alike(entry, other) for other in self.entries):
            return None
        self.entries = sorted([*self.entries, entry], key=lambda e: e.description)[:KEPT]
        return entry


def usable(expression: Any) -> bool:
    """Whether an expression is short enough, and has no number that has run away."""
    return node_count(expression) <= LONGEST and not expression.has(sympy.nan, sympy.oo, -sympy.oo, sympy.zoo, sympy.I)


def _alike(one: PoolEntry, other: PoolEntry) -> bool:
    """Whether the other is as good and no longer: the same function in another form."""
    gap = abs(one.solution.rss - other.solution.rss)
    same = gap <= 1e-6 * other.solution.rss or max(one.solution.rss, other.solution.rss) <= one.proposal.target.floor
    return same and other.description <= one.description and one.solution.rank == other.solution.rank


LIMIT = 3.5
"""Standard deviations by which neighbours must resemble each other more than strangers do."""
MOST = 2000
"""Rows that are looked at."""


def has_structure(x: Array, fitted: Array, residuals: Array) -> bool:
    """Whether residuals depend on the inputs.

    Von Neumann's ratio (1941) of squared differences between neighbours to the variance: 1 for noise, less where neighbours
    resemble each other. Neighbours are those in all inputs together, and along each input and the fitted value by itself.

    Args:
        x: `(N, d)`.
        fitted: `(N,)`, what the formula gives.
        residuals: `(N,)`, on a scale on which their size is about even.
    """
    from scipy.spatial import cKDTree

    thin = slice(None, None, max(len(residuals) // MOST, 1))
    x, fitted, residuals = x[thin], fitted[thin], residuals[thin]
    # Ranks, so that a few large ones do not drown the rest.
    ranks = np.argsort(np.argsort(residuals)).astype(float)
    ranks = (ranks - ranks.mean()) / (ranks.std() or 1.0)
    spread = x.std(0)
    varies = spread > 0
    if varies.any():
        points = x[:, varies] / spread[varies]
        near = np.asarray(cKDTree(points).query(points, k=2)[1])[:, 1]
        if _resemble(ranks, ranks[near]):
            return True
    orders = [np.argsort(column, kind="stable") for column in (*x[:, varies].T, fitted)]
    return any(_resemble(ranks[order][1:], ranks[order][:-1]) for order in orders)


def _resemble(one: Array, other: Array) -> bool:
    correlation = float(np.mean(one * other))
    return correlation * math.sqrt(len(one)) > LIMIT
