"""`dynamics`: ordinary differential equations from trajectories.

Rates of change come from smoothing splines; candidates for each right-hand side from sparse sums of monomials in the weak
form and from the search for formulas; the constants, and the choice among the candidates, from the trajectories themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
from typing_extensions import Unpack

from splinework.discover.derivatives import split
from splinework.discover.inner_search import InnerSearch, as_table, inner_search, pareto_front, run_search
from splinework.discover.options import InnerSearchKeywords, SearchOptions
from splinework.discover.right_sides import RightSides, structure_key
from splinework.discover.shooting import MIN_RELATIVE_ERROR, Segments, Shooting, cut, solve_trajectory
from splinework.discover.snapping import FreeConstants, minimise, price, snap
from splinework.errors import ConfigError, ShapeError
from splinework.interpret.symbolic.clock import now
from splinework.interpret.symbolic.description_length import structure_cost
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.simplification import simplified
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable
from splinework.train.options import options_of, with_options

OUT_OF_TIME_NOTE = "time ran out before all candidates were tried on the trajectories"
MAX_CONSTANTS_NOISY, MAX_CONSTANTS_EXACT = 2, 6
"""Most constants of a right-hand side that explains noisy (or exact) data and is taken without looking further."""


@dataclass(frozen=True)
class _OdeSystem:
    """One right-hand side for each state, fitted to the trajectories."""

    expressions: tuple[Any, ...]
    description: float
    rmse: Array


@with_options(InnerSearchKeywords, SearchOptions)
def discover_ode(
    t: Any,
    x: Any,
    *,
    names: Sequence[str] | None = None,
    clock: str = "t",
    trajectory: Any = None,
    forced: bool = False,
    options: SearchOptions | None = None,
    **keywords: Unpack[InnerSearchKeywords],
) -> FormulaTable:
    """Finds the ordinary differential equations `dx/dt = f(x)` that trajectories follow.

    Args:
        t: Times, `(N,)`. Where time goes back, a new trajectory begins.
        x: States, `(N, n)` array or frame; all of them, as the equations can contain no other.
        names: Names of the states; by default those of the frame, or `x1`, `x2`, ….
        clock: Name of time.
        trajectory: Number or name of the trajectory of each row, `(N,)`; by default one begins where time goes back.
        forced: Whether time itself may occur in the equations.
        **keywords: Fields of `SearchOptions`.
        options: These as one object, which keywords override.

    Returns:
        Equations for each state, best first, of targets such as `dx/dt`. Their errors are those against the smoothed rates of
        change; how far the solved equations are from the data is in the notes, and so is a refusal.

    Raises:
        ShapeError: If times and states do not fit each other.
        DataError: For values that are not finite, times that occur twice, or fewer than 10 rows in every trajectory.
        ConfigError: If two of states and time have the same name, or for an unknown option.

    Example:
        >>> import numpy as np, splinework as sw
        >>> t = np.linspace(0, 3, 100)
        >>> print(sw.discover_ode(t, np.exp(-2 * t)[:, None], names=["x"], progress=False).best)
        dx/dt = -2*x
    """
    chosen = options_of(discover_ode, options, keywords, SearchOptions)
    xs, states = as_table(x, names, "discover_ode")
    ts = as_table(t, [clock], "discover_ode")[0][:, 0]
    if len(ts) != len(xs) or (trajectory is not None and len(trajectory) != len(xs)):
        raise ShapeError(f"discover_ode takes as many times as rows of states, got {len(ts)} and {len(xs)}.")
    if clock in states or len(set(states)) < len(states):
        raise ConfigError(f"states and time need names of their own, got {', '.join((*states, clock))}.")
    sides = RightSides(split(ts, xs, trajectory), states, clock, forced)
    with inner_search(chosen, "discover_ode", ts, xs, states, clock, forced) as inner:
        return run_search(_OdeSearch(sides, inner))


@dataclass
class _OdeSearch:
    """The search for right-hand sides that fit the trajectories together, and its results so far."""

    sides: RightSides
    inner: InnerSearch
    notes: list[str] = field(default_factory=list)
    systems: dict[str, _OdeSystem] = field(default_factory=dict)
    best: _OdeSystem | None = None
    until: float = math.inf

    def __post_init__(self) -> None:
        self.spread = np.concatenate([one.x for one in self.sides.trajectories]).std(axis=0)
        self.segments = cut(self.sides.trajectories, 6.0 * self.sides.width)

    @property
    def _all(self) -> range:
        return range(len(self.sides.states))

    def run(self) -> None:
        """Finds candidates for each right-hand side; then selects by the trajectories, which also determine the constants."""
        for k in self._all:
            self.inner.on_stage(f"{self.sides.target(k)}: sums of monomials")
            self.sides.add_sums(k)
        self._offer([sympy.Float(0.0)] * len(self.sides.states))
        self._choose(0.4)
        unknown = [k for k in self._all if not self._settled(k)]
        for number, k in enumerate(unknown):
            self.sides.add_searched(k, self.inner, 0.5 / (len(unknown) - number))
        if unknown:
            self._choose(0.75)
        self._snap()

    def _settled(self, k: int) -> bool:
        """Whether a short right-hand side leaves nothing but noise, so that no search is needed."""
        if self.best is None:
            return False
        most = MAX_CONSTANTS_EXACT if self._exact else MAX_CONSTANTS_NOISY
        short = len(FreeConstants.of([self.best.expressions[k]]).symbols) <= most
        return short and self._explained(self.best, k)

    def _explained(self, system: _OdeSystem, k: int) -> bool:
        return bool(system.rmse[k] <= 1.25 * self.sides.noise[k] + 2 * MIN_RELATIVE_ERROR * self.spread[k])

    def _choose(self, share: float) -> None:
        """Fits the best candidates together, then replaces each by its rivals, for a share of the time left."""
        self.until = now() + share * self.inner.left
        self.inner.on_stage("constants from the trajectories")
        self._offer([self.sides.found[k][0].expression for k in self._all])
        for k in self._all:
            for rival in self.sides.rivals(k, 3):
                if self._exact:
                    return
                if now() > self.until:
                    self.notes = list(dict.fromkeys([*self.notes, OUT_OF_TIME_NOTE]))
                    return
                together = (
                    list(self.best.expressions) if self.best else [self.sides.found[j][0].expression for j in self._all]
                )
                together[k] = rival
                self._offer(together)

    @property
    def _exact(self) -> bool:
        """Whether the best system leaves nothing to explain."""
        return self.best is not None and bool((self.best.rmse <= 1.01 * MIN_RELATIVE_ERROR * self.spread).all())

    def _offer(self, expressions: Sequence[Any]) -> None:
        """Fits a system to the trajectories, each structure once; systems with diverging solutions are discarded."""
        key = structure_key(expressions)
        if key in self.systems:
            return
        constants = FreeConstants.of(expressions)
        shooting = self._shooting(constants, self.segments, self.until)
        optimum = minimise(shooting, constants.start, gain=1e-2, steps=20)
        if optimum is None or shooting.best is None:
            return
        numbers = price(optimum, range(len(constants.symbols)), self.segments.rows)
        description = optimum.loss + numbers + self._structure(expressions)
        system = _OdeSystem(constants.put(optimum.constants, {}), description, shooting.best.rmse)
        self.systems[key] = system
        if self.best is None or description < self.best.description:
            self.best = system

    def _structure(self, expressions: Sequence[Any]) -> float:
        return sum(structure_cost(e, len(self.sides.names)) for e in expressions)

    def _shooting(self, constants: FreeConstants, segments: Segments, until: float = math.inf) -> Shooting:
        pairs = zip(segments.times[0], segments.states[0].T, strict=True)
        starts = np.stack([self.sides.start(t, x) for t, x in pairs], 1)
        return Shooting(constants, self.sides.states, self.sides.clock, segments, starts, self.sides.noise, until)

    def _snap(self) -> None:
        """Simple numbers for the best system."""
        if self.best is None:
            return
        self.inner.on_stage("simple numbers")
        constants = FreeConstants.of(self.best.expressions)
        until = max(self.inner.deadline, now() + 5.0)
        shooting = self._shooting(constants, self.segments, until)
        outcome = snap(constants, shooting, self.segments.rows)
        if outcome is None or shooting.best is None:
            return
        expressions = tuple(simplified(e, self.sides.names, self.sides.inputs) for e in outcome.expressions)
        description = outcome.loss + outcome.numbers + self._structure(expressions)
        if description < self.best.description:
            self.best = _OdeSystem(expressions, description, shooting.best.rmse)
            self.systems[structure_key(expressions)] = self.best

    def table(self) -> FormulaTable:
        """Rows for each state: of the best system, then simpler ones from other systems."""
        rows: list[FormulaRow] = []
        best = self.best
        if best is None:
            sums = [self.sides.found[k][0].expression if k in self.sides.found else sympy.Float(0.0) for k in self._all]
            best = _OdeSystem(tuple(sums), math.inf, np.full(len(self.sides.states), math.nan))
            self.notes.append("no system of equations could be solved along the trajectories; these fit the rates only")
        for k in self._all:
            systems = [best, *sorted(self.systems.values(), key=lambda s: s.description)]
            rows += pareto_front(self._row(k, system.expressions[k], system.description) for system in systems)
        return FormulaTable(tuple(rows), (*self.notes, *self._assessment(best)))

    def _row(self, k: int, expression: Any, description: float) -> FormulaRow:
        rmse, r2 = self.sides.errors(k, expression)
        return FormulaRow(self.sides.target(k), expression, self.sides.names, rmse, r2, description)

    def _assessment(self, best: _OdeSystem) -> list[str]:
        """Notes on what is not explained, and on how well solutions of the equations follow the data."""
        notes = []
        for k, name in enumerate(self.sides.states):
            if not best.expressions[k].free_symbols:
                notes.append(f"no formula explains {self.sides.target(k)}: nothing predicts it better than a constant")
            elif not self._explained(best, k):
                notes.append(
                    f"no formula of the library explains {name} to within its noise: the equations leave "
                    f"{best.rmse[k]:.3g}, the noise is about {self.sides.noise[k]:.3g}; the best attempt is given"
                )
        if any(e.free_symbols for e in best.expressions):
            notes.append(self._followed(best.expressions))
        return notes

    def _followed(self, expressions: Sequence[Any]) -> str:
        """Error of the solution over whole trajectories, each from one start."""
        whole = cut(self.sides.trajectories, math.inf)
        shooting = self._shooting(FreeConstants((*expressions,), (), np.zeros(0)), whole)
        fitted = shooting(np.zeros(0))
        starts = shooting.best.starts if fitted is not None and shooting.best is not None else shooting.starts
        gaps, lost = [], 0
        for one, start in zip(self.sides.trajectories, starts.T, strict=False):
            path = solve_trajectory(expressions, self.sides.states, self.sides.clock, one, start)
            lost += int(not np.isfinite(path).all())
            gaps.append((path - one.x)[np.isfinite(path).all(axis=1)])
        error = np.sqrt((np.concatenate(gaps) ** 2).mean(axis=0)) / np.where(self.spread > 0, self.spread, 1.0)
        shown = ", ".join(f"{name} {e:.2g}" for name, e in zip(self.sides.states, error, strict=True))
        tail = f"; {lost} of {len(gaps)} trajectories could not be followed to their end" if lost else ""
        return f"solved from one start each, the equations miss the data by (share of the spread): {shown}{tail}"
