"""The driver: reductions until nothing more can be taken away, then what is left as one function or a sum of products."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy

from splinework.symbolic.expression import symbol
from splinework.symbolic.library import Array
from splinework.symbolic.screening import single, terms
from splinework.symbolic.screening.maps import mapped
from splinework.symbolic.screening.problem import Problem
from splinework.symbolic.screening.reductions import proposals
from splinework.symbolic.screening.surrogate import Surrogate, surrogate
from splinework.symbolic.screening.waves import waves

BEAM, CHECKED = 2, 8
"""Problems of each size that are reduced further, and proposals of each that are verified by a fit."""
AS_GOOD = 1.1
"""A reduction may raise the error of left-out rows by this factor: a smaller problem is estimated better."""
POOR = 0.3
"""A stand-in that leaves more of the spread than this cannot follow the data; waves are looked for."""
DIFFERENT = 1e-3
"""Relative difference of errors below which two problems are taken for the same."""
WIDEST = 5
"""Sums of products are looked for in up to this many columns."""


@dataclass(frozen=True)
class Reduced:
    """A problem that no reduction makes smaller, and the error of its stand-in on the scale of the data's target."""

    problem: Problem
    error: float


@dataclass
class Screen:
    """Screening of one target.

    Attributes:
        x: `(N, d)`.
        y: `(N,)`.
        names: Of the columns.
        offer: Takes an expression over the symbols of the columns; returns True when the search may stop.
        deadline: On the monotonic clock.
        floor: Sum of squares that counts as none.
        ends: What was left after the reductions, the smallest first.
    """

    x: Array
    y: Array
    names: tuple[str, ...]
    offer: Callable[[Any], bool]
    deadline: float
    floor: float
    ends: list[Reduced] = field(default_factory=list)

    def run(self) -> bool:
        """Screens; True when a formula was good enough to stop."""
        columns = tuple(symbol(name) for name in self.names)
        problem = Problem(self.x, columns, self.y, np.ones(len(self.y)), lambda e: e)
        self.ends = self._reduced(problem)
        if any(self._answered(end.problem) for end in self.ends):
            return True
        for end in self.ends[:BEAM]:
            for other in mapped(end.problem):
                if self._late():
                    return False
                if any(self._answered(further.problem) for further in self._reduced(other)[:BEAM]):
                    return True
        return False

    def _late(self) -> bool:
        return time.monotonic() > self.deadline

    def _reduced(self, problem: Problem) -> list[Reduced]:
        """What is left of a problem after all reductions that the data bear."""
        scale = _spread(problem)
        level = [(surrogate(problem.columns, problem.y, problem.weights), problem)]
        if level[0][0].error > POOR * scale:
            level += [(_stand_in(w.problem), w.problem) for w in waves(problem)]
            level = sorted(level, key=lambda entry: entry[0].error)[:BEAM]
        ends: list[Reduced] = []
        while level and not self._late():
            following: list[tuple[Surrogate, Problem]] = []
            for stand_in, at in level:
                smaller = list(self._verified(at, stand_in, scale)) if at.size else []
                if not smaller:
                    ends.append(Reduced(at, stand_in.error))
                following += smaller
            level = _distinct(following)[:BEAM]
        return sorted(ends, key=lambda end: (end.problem.size, end.error))

    def _verified(self, problem: Problem, stand_in: Surrogate, scale: float) -> Iterator[tuple[Surrogate, Problem]]:
        for proposal in proposals(problem, stand_in)[:CHECKED]:
            smaller = _stand_in(proposal.problem)
            if smaller.error <= AS_GOOD * stand_in.error + 1e-10 * scale:
                yield smaller, proposal.problem

    def _answered(self, problem: Problem) -> bool:
        """Offers what a small problem may be; True when that was good enough."""
        if problem.size == 0:
            level = float(np.average(problem.y, weights=problem.weights))
            return self.offer(problem.wrap(sympy.Float(level)))
        if problem.size == 1 and not self._late():
            for guess in single.guesses(problem, floor=self.floor)[:6]:
                if self.offer(guess.expression):
                    return True
        if problem.size <= WIDEST:
            for rational in (False, True):
                if self._late():
                    return False
                for guess in terms.guesses(problem, floor=self.floor, rational=rational)[:2]:
                    if self.offer(guess.expression):
                        return True
        return False


def _stand_in(problem: Problem) -> Surrogate:
    return surrogate(problem.columns, problem.y, problem.weights)


def _spread(problem: Problem) -> float:
    level = np.average(problem.y, weights=problem.weights)
    return float(np.sqrt(np.mean(problem.weights * (problem.y - level) ** 2)))


def _distinct(found: list[tuple[Surrogate, Problem]]) -> list[tuple[Surrogate, Problem]]:
    """Best first, without those that say the same."""
    kept: list[tuple[Surrogate, Problem]] = []
    for entry in sorted(found, key=lambda entry: entry[0].error):
        if not kept or abs(math.log((entry[0].error + 1e-300) / (kept[-1][0].error + 1e-300))) > DIFFERENT:
            kept.append(entry)
    return kept
