"""The driver: reductions until nothing more can be taken away, then what is left as one function or a sum of products."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import sympy

from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.pool import Pool, PoolEntry
from splinework.interpret.symbolic.screening import terms, univariate
from splinework.interpret.symbolic.screening.problem import ScoredExpression, ScreeningProblem, transformed
from splinework.interpret.symbolic.screening.reductions import common_reductions, suggested_reductions
from splinework.interpret.symbolic.screening.surrogate import PolynomialSurrogate, fit_surrogate
from splinework.interpret.symbolic.screening.waves import wave_reductions

BEAM, CHECKED = 3, 8
"""Problems of each size that are reduced further, and proposals of each that are verified by a fit."""
AS_GOOD, UNDER_NOISE = 1.1, 1.02
"""A reduction may raise the error of left-out rows by this factor: a smaller problem is estimated better."""
NOISY = 1e-3
"""From this relative error on it is noise that the stand-in leaves, and the second of the factors holds."""
EASIER, CLEAR = 0.5, 2
"""A reduction that lowers the error to less than this share is clear, and after so many of them no more are verified."""
DROWNED, FEW = 0.03, 4
"""Under noise the gradient may say nothing: in fewer columns than this common reductions are tried blindly, in so many from this
relative error on."""


@dataclass(frozen=True)
class IrreducibleProblem:
    """A problem that no reduction makes smaller, and the error of its stand-in on the scale of the data's target."""

    problem: ScreeningProblem
    error: float


@dataclass
class Screen:
    """Screening of one target.

    Attributes:
        pool: Of the target; takes the formulas that are proposed.
        starts: The problem as the data pose it, and others that say the same, such as one in dimensionless groups first.
        deadline: On the monotonic clock.
        ends: What was left after the reductions, the smallest first.
        path: What was done to the data on the way to the best formula, in words.
        noise: Least error of left-out rows that any stand-in had, on the scale of the target: what no formula can explain.
    """

    pool: Pool
    starts: tuple[ScreeningProblem, ...]
    deadline: float = math.inf
    ends: list[IrreducibleProblem] = field(default_factory=list)
    noise: float = math.inf
    path: tuple[str, ...] = ()

    def run(self) -> None:
        """Screens, until a formula leaves no more than the noise or time is up."""
        with np.errstate(all="ignore"):  # what overflows is not finite, and refused
            for start in self.starts:
                self._run(start)
                if self.settled or self._late():
                    return

    def _run(self, problem: ScreeningProblem) -> None:
        ends = self._reduced(problem)
        self.ends = sorted([*self.ends, *ends], key=lambda end: (end.problem.size, end.error))
        for end in ends:
            self._answer(end.problem)
            if self.pool.exact:
                return
        # A sum of products may be as good as noise allows and yet stand for something simpler: then one more look.
        for end in ends[: 1 if self.settled else BEAM]:
            if self.settled and end.problem.size <= 1:
                return
            for other in transformed(end.problem):
                for further in self._reduced(other)[:BEAM]:
                    self._answer(further.problem)
                    if self.pool.exact or self._late():
                        return

    @property
    def settled(self) -> bool:
        """Whether the best formula leaves hardly more than the best stand-in does, and that is noise."""
        pool = self.pool
        if pool.exact or not pool.entries:
            return pool.exact
        return pool.error <= 1.01 * self.noise and not pool.has_structure

    def _late(self) -> bool:
        return time.monotonic() > self.deadline

    def _reduced(self, problem: ScreeningProblem) -> list[IrreducibleProblem]:
        """What is left of a problem after all reductions that the data bear."""
        scale = _spread(problem)
        level = [(fit_surrogate(problem.columns, problem.y, problem.weights), problem)]
        if level[0][0].error > 0.3 * scale:  # cannot follow the data; perhaps waves do
            level += [(_stand_in(w.problem), w.problem) for w in wave_reductions(problem)]
            level = sorted(level, key=lambda entry: entry[0].error)[:BEAM]
        self.noise = min(self.noise, *(stand_in.error for stand_in, _ in level))
        noisy = level[0][0].error > NOISY * scale
        ends: list[IrreducibleProblem] = []
        while level and not self._late():
            following: list[tuple[PolynomialSurrogate, ScreeningProblem]] = []
            for stand_in, at in level:
                smaller = list(self._verified(at, stand_in, scale)) if at.size else []
                if not smaller:
                    ends.append(IrreducibleProblem(at, stand_in.error))
                following += smaller
            level = [(_stand_in(at), at) for _, at in _distinct(following)[: BEAM if noisy else CLEAR]]
            self.noise = min(self.noise, *(stand_in.error for stand_in, _ in level)) if level else self.noise
        ends += [IrreducibleProblem(at, stand_in.error) for stand_in, at in level]
        return sorted(ends, key=lambda end: (end.problem.size, end.error))

    def _verified(
        self, problem: ScreeningProblem, stand_in: PolynomialSurrogate, scale: float
    ) -> Iterator[tuple[PolynomialSurrogate, ScreeningProblem]]:
        """Smaller problems that are as easy; where some are easier by far, those that come first."""
        rough = stand_in.error / scale if scale > 0 else 0.0
        allowed = (AS_GOOD if rough < NOISY else UNDER_NOISE) * stand_in.error + 1e-10 * scale
        clear = 0
        few = (problem.size < FEW and rough > NOISY) or (problem.size == FEW and rough > DROWNED)
        for proposal in (
            *suggested_reductions(problem, stand_in, rough)[:CHECKED],
            *(common_reductions(problem) if few else ()),
        ):
            if self._late() or clear >= CLEAR:
                return
            small = proposal.problem
            if small.length > 45:  # an answer with more nodes is nobody's
                continue
            smaller = fit_surrogate(
                small.columns, small.y, small.weights, kind=stand_in.kind if small.size > 1 else None
            )
            if smaller.error <= allowed:
                clear += smaller.error <= max(EASIER * stand_in.error, 1e-9 * scale)
                yield smaller, small

    def _answer(self, problem: ScreeningProblem) -> None:
        """Offers what a small problem may be, until one of them is exact."""
        before = self._best
        self._offer(problem)
        if self._best is not before:
            self.path = problem.steps

    @property
    def _best(self) -> PoolEntry | None:
        return self.pool.entries[0] if self.pool.entries else None

    def _offer(self, problem: ScreeningProblem) -> None:
        if problem.size == 0:
            level = float(np.average(problem.y, weights=problem.weights))
            self.pool.offer(problem.wrap(sympy.Float(level)))
            return
        for guesses in self._guesses(problem):
            for guess in guesses:
                self.pool.offer(guess.expression)
                if self.pool.exact:
                    return
            if self._late():
                return

    def _guesses(self, problem: ScreeningProblem) -> Iterator[list[ScoredExpression]]:
        floor = self.pool.target.floor
        if problem.size == 1:
            yield univariate.univariate_candidates(problem, floor=floor, deadline=self.deadline)[:6]
        yield terms.sum_candidates(problem, floor=floor, deadline=self.deadline)
        yield terms.sum_candidates(problem, floor=floor, rational=True, deadline=self.deadline)


def initial_problem(target: FitTarget) -> ScreeningProblem:
    """The problem as the data pose it."""
    weights = np.ones(len(target.y)) if target.weights is None else target.weights / target.weights.mean()
    if target.scale == "log":
        weights = weights / target.y**2
    return ScreeningProblem(target.x, tuple(symbol(name) for name in target.names), target.y, weights, lambda e: e)


def _stand_in(problem: ScreeningProblem) -> PolynomialSurrogate:
    return fit_surrogate(problem.columns, problem.y, problem.weights)


def _spread(problem: ScreeningProblem) -> float:
    level = np.average(problem.y, weights=problem.weights)
    return float(np.sqrt(np.mean(problem.weights * (problem.y - level) ** 2)))


def _distinct(
    found: list[tuple[PolynomialSurrogate, ScreeningProblem]],
) -> list[tuple[PolynomialSurrogate, ScreeningProblem]]:
    """Best first, without those that say the same."""
    kept: list[tuple[PolynomialSurrogate, ScreeningProblem]] = []
    for entry in sorted(found, key=lambda entry: entry[0].error):
        if not kept or abs(math.log((entry[0].error + 1e-300) / (kept[-1][0].error + 1e-300))) > 1e-3:
            kept.append(entry)
    return kept
