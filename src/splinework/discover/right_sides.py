"""Candidates for the right-hand sides of differential equations, from smoothed trajectories."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from splinework.discover.derivatives import Trajectory, noise_of, smoothed, time_scale, weak_form
from splinework.discover.inner_search import InnerSearch
from splinework.discover.snapping import FreeConstants
from splinework.discover.terms import exponents, functions, monomials, supports
from splinework.interpret.symbolic.description_length import structure_cost
from splinework.interpret.symbolic.expression import compile_expression, node_count
from splinework.interpret.symbolic.library import Array

MAX_TERMS = 8
"""Largest number of terms of a sum."""
EXACT_TOLERANCE = 1e-5
"""Relative error in the weak form below which interpolation is to blame: a sum of monomials that good is the law."""


@dataclass(frozen=True)
class CandidateRightSide:
    """A right-hand side and its relative error in the weak form.

    Attributes:
        expression: Over the states.
        description: Description length where all windows count as independent.
        error: Relative error.
        cautious: Description length where only every eighth does.
    """

    expression: Any
    description: float
    error: float
    cautious: float


def structure_key(expressions: Sequence[Any]) -> str:
    """A text that is the same for expressions of the same structure, whatever their numbers."""
    constants = FreeConstants.of(expressions)
    blank = sympy.Symbol("c")
    return str([e.xreplace(dict.fromkeys(constants.symbols, blank)) for e in constants.expressions])


@dataclass
class RightSides:
    """Trajectories made smooth, and the candidates for each state's rate of change.

    Attributes:
        trajectories: As measured.
        states: Their names.
        clock: Name of time.
        forced: Whether time may occur.
        found: Candidates of each state, the shortest description first.
    """

    trajectories: list[Trajectory]
    states: tuple[str, ...]
    clock: str
    forced: bool
    found: dict[int, list[CandidateRightSide]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.noise = noise_of(self.trajectories)
        self.curves = smoothed(self.trajectories, self.noise)
        self.width = time_scale(self.curves)
        self.weak = weak_form(self.curves, 2 * self.width)
        self.names = (*self.states, self.clock) if self.forced else self.states
        self.inputs = np.concatenate([self._columns(c.inner, c.states(c.inner)) for c in self.curves])
        self.rates = np.concatenate([c.rates(c.inner) for c in self.curves])
        self._points = self._columns(self.weak.times, self.weak.states)

    def _columns(self, t: Array, x: Array) -> Array:
        return np.column_stack([x, t]) if self.forced else x

    def target(self, k: int) -> str:
        """Name of a rate, such as `dx/dt`."""
        return f"d{self.states[k]}/d{self.clock}"

    def add_sums(self, k: int) -> None:
        """Sparse sums of monomials, and of low monomials and functions of one column, in the weak form; the empty one too."""
        low, high = (monomials(self.names, exponents(len(self.names), degree)) for degree in (2, 3))
        left = self.weak.left[:, k]
        expressions = [sympy.Float(0.0)]
        for terms in (high, low.joined(functions(self.names, self.inputs))):
            terms, values = terms.defined(self._points)
            design = self.weak.integrals(values)
            for chosen in supports(design, left, MAX_TERMS):
                coefficients = np.linalg.lstsq(design[:, list(chosen)], left, rcond=None)[0].astype(float)
                expressions.append(terms.combination(chosen, coefficients))
        self._add(k, expressions)

    def add_searched(self, k: int, inner: InnerSearch, share: float) -> None:
        """Formulas for the smoothed rates."""
        rows = np.unique(np.linspace(0, len(self.inputs) - 1, 800).round().astype(int))
        table = inner(self.inputs[rows], self.rates[rows, k], self.names, self.target(k), share)
        self._add(k, [row.expression for row in table.rows])

    def _add(self, k: int, expressions: Sequence[Any]) -> None:
        best = {structure_key([c.expression]): c for c in self.found.get(k, [])}
        for expression in expressions:
            candidate = self._judged(k, expression)
            if candidate is not None:
                key = structure_key([expression])
                if key not in best or candidate.description < best[key].description:
                    best[key] = candidate
        self.found[k] = sorted(best.values(), key=lambda c: c.description)

    def _judged(self, k: int, expression: Any) -> CandidateRightSide | None:
        """Against the weak form; None for what cannot be solved."""
        if (
            expression.atoms(AppliedUndef)
            or expression.has(sympy.nan, sympy.oo, sympy.zoo)
            or node_count(expression) > 60
        ):
            return None
        left = self.weak.left[:, k]
        values = compile_expression(expression, self.names)(self._points)
        if not np.isfinite(values).all():
            return None
        size = float(np.sqrt((left**2).mean())) or 1.0
        error = float(np.sqrt(((left - self.weak.integrals(values[:, None])[:, 0]) ** 2).mean())) / size
        numbers = 0.5 * len(FreeConstants.of([expression]).symbols) * math.log(len(left))
        loss = len(left) * math.log(max(error, EXACT_TOLERANCE))
        rest = numbers + structure_cost(expression, len(self.names))
        return CandidateRightSide(expression, loss + rest, error, loss / 8 + rest)

    def rivals(self, k: int, most: int) -> list[Any]:
        """Candidates for a test on the trajectories: the shortest by an optimistic and by a cautious criterion."""
        cautious = sorted(self.found[k], key=lambda c: c.cautious)
        pairs = zip(self.found[k][:most], cautious[:most], strict=True)
        return list(dict.fromkeys(c.expression for pair in pairs for c in pair))

    def errors(self, k: int, expression: Any) -> tuple[float, float]:
        """Root mean squared error of a right-hand side against the smoothed rates, and R²."""
        values = compile_expression(expression, self.names)(self.inputs)
        error = float(((values - self.rates[:, k]) ** 2).mean())
        variance = float(self.rates[:, k].var())
        return math.sqrt(error), 1 - error / variance if variance > 0 else 0.0

    def start(self, t: float, measured: Array) -> Array:
        """The smoothed state at the time at which this one was measured."""
        inside = [c for c in self.curves if c.trajectory.t[0] <= t <= c.trajectory.t[-1]]
        options = [c.states(np.array([t]))[0] for c in inside]
        return min(options, key=lambda state: float(((state - measured) ** 2 / (self.noise**2 + 1e-300)).sum()))
