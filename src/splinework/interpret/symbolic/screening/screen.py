"""The driver: reductions until nothing more can be taken away, then what is left as one function or a sum of products."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import sympy

from splinework.interpret.symbolic.constants import Target
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.pool import Entry, Pool
from splinework.interpret.symbolic.screening import terms, univariate
from splinework.interpret.symbolic.screening.problem import Guess, Problem, mapped
from splinework.interpret.symbolic.screening.reductions import blind, proposals
from splinework.interpret.symbolic.screening.surrogate import Surrogate, surrogate
from splinework.interpret.symbolic.screening.waves import waves

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
class Reduced:
    """A problem that no reduction makes smaller, and the error of its stand-in on the scale of the data's target."""

    problem: Problem
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
    starts: tuple[Problem, ...]
    deadline: float = math.inf
    ends: list[Reduced] = field(default_factory=list)
    noise: float = math.inf
    path: tuple[str, ...] = ()

    def run(self) -> None:
        """Screens, until a formula leaves no more than the noise or time is up."""
        with np.errstate(all="ignore"):  # what overflows is not finite, and refused
            for start in self.starts:
                self._run(start)
                if self.settled or self._late():
                    return

    def _run(self, problem: Problem) -> None:
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
            for other in mapped(end.problem):
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
        return pool.error <= 1.01 * self.noise and not pool.structured

    def _late(self) -> bool:
        return time.monotonic() > self.deadline

    def _reduced(self, problem: Problem) -> list[Reduced]:
        """What is left of a problem after all reductions that the data bear."""
        scale = _spread(problem)
        level = [(surrogate(problem.columns, problem.y, problem.weights), problem)]
        if level[0][0].error > 0.3 * scale:  # cannot follow the data; perhaps waves do
            level += [(_stand_in(w.problem), w.problem) for w in waves(problem)]
            level = sorted(level, key=lambda entry: entry[0].error)[:BEAM]
        self.noise = min(self.noise, *(stand_in.error for stand_in, _ in level))
        noisy = level[0][0].error > NOISY * scale
        ends: list[Reduced] = []
        while level and not self._late():
            following: list[tuple[Surrogate, Problem]] = []
            for stand_in, at in level:
                smaller = list(self._verified(at, stand_in, scale)) if at.size else []
                if not smaller:
                    ends.append(Reduced(at, stand_in.error))
                following += smaller
            level = [(_stand_in(at), at) for _, at in _distinct(following)[: BEAM if noisy else CLEAR]]
            self.noise = min(self.noise, *(stand_in.error for stand_in, _ in level)) if level else self.noise
        ends += [Reduced(at, stand_in.error) for stand_in, at in level]
        return sorted(ends, key=lambda end: (end.problem.size, end.error))

    def _verified(self, problem: Problem, stand_in: Surrogate, scale: float) -> Iterator[tuple[Surrogate, Problem]]:
        """Smaller problems that are as easy; where some are easier by far, those that come first."""
        rough = stand_in.error / scale if scale > 0 else 0.0
        allowed = (AS_GOOD if rough < NOISY else UNDER_NOISE) * stand_in.error + 1e-10 * scale
        clear = 0
        few = (problem.size < FEW and rough > NOISY) or (problem.size == FEW and rough > DROWNED)
        for proposal in (*proposals(problem, stand_in, rough)[:CHECKED], *(blind(problem) if few else ())):
            if self._late() or clear >= CLEAR:
                return
            small = proposal.problem
            if small.length > 45:  # an answer with more nodes is nobody's
                continue
            smaller = surrogate(small.columns, small.y, small.weights, kind=stand_in.kind if small.size > 1 else None)
            if smaller.error <= allowed:
                clear += smaller.error <= max(EASIER * stand_in.error, 1e-9 * scale)
                yield smaller, small

    def _answer(self, problem: Problem) -> None:
        """Offers what a small problem may be, until one of them is exact."""
        before = self._best
        self._offer(problem)
        if self._best is not before:
            self.path = problem.steps

    @property
    def _best(self) -> Entry | None:
        return self.pool.entries[0] if self.pool.entries else None

    def _offer(self, problem: Problem) -> None:
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

    def _guesses(self, problem: Problem) -> Iterator[list[Guess]]:
        floor = self.pool.target.floor
        if problem.size == 1:
            yield univariate.guesses(problem, floor=floor, deadline=self.deadline)[:6]
        yield terms.guesses(problem, floor=floor, deadline=self.deadline)
        yield terms.guesses(problem, floor=floor, rational=True, deadline=self.deadline)


def whole(target: Target) -> Problem:
    """The problem as the data pose it."""
    weights = np.ones(len(target.y)) if target.weights is None else target.weights / target.weights.mean()
    if target.scale == "log":
        weights = weights / target.y**2
    return Problem(target.x, tuple(symbol(name) for name in target.names), target.y, weights, lambda e: e)


def _stand_in(problem: Problem) -> Surrogate:
    return surrogate(problem.columns, problem.y, problem.weights)


def _spread(problem: Problem) -> float:
    level = np.average(problem.y, weights=problem.weights)
    return float(np.sqrt(np.mean(problem.weights * (problem.y - level) ** 2)))


def _distinct(found: list[tuple[Surrogate, Problem]]) -> list[tuple[Surrogate, Problem]]:
    """Best first, without those that say the same."""
    kept: list[tuple[Surrogate, Problem]] = []
    for entry in sorted(found, key=lambda entry: entry[0].error):
        if not kept or abs(math.log((entry[0].error + 1e-300) / (kept[-1][0].error + 1e-300))) > 1e-3:
            kept.append(entry)
    return kept
