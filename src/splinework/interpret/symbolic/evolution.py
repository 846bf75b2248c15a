"""Evolution of formulas: a population that is varied, fitted and selected for as long as there is time.

The populations (`screening/populations.py`) live in `csrc/evolution.cpp`: each keeps the best formulas of every size (an archive
of elites; Mouret & Clune 2015, arXiv 1504.04909), varies one, fits its constants by Levenberg–Marquardt on some of the rows, and
begins anew where it stalls. Several go on beside each other, each with a seed of its own, so that the answer does not depend on
the number of threads.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import LIBRARY, LibraryFunction
from splinework.interpret.symbolic.screening.populations import (
    EXACT,
    FUNCTIONS,
    POWERS,
    WORK_PER_SECOND,
    Population,
    population,
    scaled,
    to_sum,
)
from splinework.interpret.symbolic.screening.problem import ScreeningProblem

POPULATION_NODES = (20, 36, 26, 36)
"""Most nodes of the formulas of each population."""
NEARLY_EXACT = 1e-9
"""Root mean square error, as a share of the spread, below which a formula for data without noise is offered at once."""
PATIENCE = 1.0
"""Units of work without a shorter formula, and as many again as it took to find the last one, after which none is expected."""
TURN = 0.15
"""Units of work of a population's turn, after which what it found is looked at."""
SHORTER, MIN_NODES = 0.75, 12
"""Ratio of the most nodes of a population to those of the one whose place it takes, and the least number."""
MAX_OFFERS = 4
"""Formulas of a population that are offered in the end for their short description; of all populations twice as many."""
MIN_GAIN = 3.0
"""Nats by which a description must be shorter than all before to be offered at once."""
LATENESS = 0.1
"""Share of the time beyond it that the last offers may take."""


def called_back(library: Sequence[LibraryFunction]) -> tuple[LibraryFunction, ...]:
    """The functions of the user's in a library: populations know those of ours."""
    return tuple(function for function in library if function not in LIBRARY and function.shape is None)


@dataclass
class FormulaEvolution:
    """Populations for a target, and for what screening made of it.

    Attributes:
        problems: The problems, that of the data first; populations are shared out among them.
        functions: Names of the functions that formulas may have, of `FUNCTIONS`.
        seed: Seed of everything random.
        clean: Whether the noise of the data is negligible.
        threads: Populations that run at a time.
        powers: Powers that parts of formulas may have beside 1.
        own: Further functions, which are called back for.
    """

    problems: Sequence[ScreeningProblem]
    functions: Sequence[str] = tuple(FUNCTIONS)
    seed: int = 0
    clean: bool = True
    threads: int = 1
    powers: Sequence[float] = POWERS
    own: Sequence[LibraryFunction] = ()

    def __post_init__(self) -> None:
        self.ended: list[Population] = []
        self.renewed = 0
        self.shortest, self.bar = math.inf, NEARLY_EXACT if self.clean else math.inf
        usable = [p for p in self.problems if p.size and p.spread > 0]
        self.populations = [
            self._population(usable[n % len(usable)], self.seed * 1000 + n, nodes)
            for n, nodes in enumerate(POPULATION_NODES)
            if usable
        ]

    def _begin_anew(self, place: int) -> None:
        """Puts a population of shorter formulas in the place of one that has ended: its formula only approximates the law."""
        old = self.populations[place]
        self.ended = [*self.ended, old][-MAX_OFFERS:]
        self.renewed += 1
        nodes = max(int(SHORTER * old.nodes), MIN_NODES)
        seed = self.seed * 1000 + len(self.populations) + self.renewed
        self.populations[place] = self._population(old.problem, seed, nodes)

    def _population(self, problem: ScreeningProblem, seed: int, nodes: int) -> Population:
        return population(problem, self.functions, seed, nodes, clean=self.clean, powers=self.powers, own=self.own)

    def begin_from(self, expression: Any) -> None:
        """A formula over the columns that populations of the data may begin from."""
        first = self.problems[0]
        for each in self.populations:
            if each.problem is first:
                tree = to_sum(
                    expression,
                    {e: (i, float(s)) for i, (e, s) in enumerate(zip(first.expressions, each.scales, strict=True))},
                )
                if tree is not None:
                    each.native.seed(scaled(tree, 1 / each.unit))

    def run(
        self,
        offer: Callable[[Any], object],
        done: Callable[[], bool],
        content: Callable[[], bool] = lambda: False,
        *,
        deadline: float = math.inf,
        effort: float = math.inf,
    ) -> float:
        """Goes on until what is offered is good enough, or time or work are used up; returns the work in units.

        Args:
            offer: Function called with an expression over the columns of the data.
            done: Function that says whether an offered expression is good enough to stop.
            content: Function that says whether only a shorter one can be better; then it ends after some work without one.
            deadline: Time of `clock`.
            effort: Work in units of about a second on one core.
        """
        spent = gained = 0.0
        began = clock.now()
        with ThreadPoolExecutor(max(min(self.threads, len(self.populations)), 1)) as pool:
            while (running := self.populations) and spent < effort and clock.now() < deadline:
                share = min(TURN, (effort - spent) / len(running))
                before = [each.native.work() for each in running]
                turns = [pool.submit(each.native.run, share * WORK_PER_SECOND) for each in running]
                ends = [turn.result() for turn in turns]
                work: float = (
                    sum(each.native.work() - b for each, b in zip(running, before, strict=True)) / WORK_PER_SECOND
                )
                clock.spend(work)
                spent += work
                for place, (each, ended) in enumerate(zip(running, ends, strict=True)):
                    length, error, tree = each.front()[0]
                    if ended or (length < self.shortest - MIN_GAIN and error < self.bar**2):
                        if length < self.shortest - MIN_GAIN:
                            gained = spent
                        self.shortest = min(length, self.shortest)
                        offer(each.expression(tree))
                        if done():
                            return spent
                    if ended:
                        self._begin_anew(place)
                if spent > 2 * gained + PATIENCE and content():
                    break
        for tree, each in self._answers():
            if clock.now() > deadline + LATENESS * abs(deadline - began):
                break
            offer(each.expression(tree))
        return spent

    def _answers(self) -> list[tuple[Any, Population]]:
        """The trees of shortest description, then the best of each size, with their populations."""
        fronts = [(*f, each) for each in (*self.populations, *self.ended) for f in each.front()[:MAX_OFFERS]]
        chosen = sorted(fronts, key=lambda found: found[0])[: 2 * MAX_OFFERS]
        least, steps = math.inf, []
        for each in (*self.populations, *self.ended):
            for length, error, tree in each.front():
                errors = each.rows / 2 * math.log(max(error, EXACT**2))
                steps.append((length - errors, errors, tree, each))
        for _, errors, tree, each in sorted(steps, key=lambda step: step[:2]):
            if errors < least - MIN_GAIN:
                least = errors
                chosen.append((0.0, 0.0, tree, each))
        return [(tree, each) for *_, tree, each in chosen]
