"""The screening: repeated reductions, then univariate functions or sums of products for the irreducible rest.

A solution g of what is left gives `f = wrap(g)` for the data, as in the recursion of AI Feynman (Udrescu & Tegmark 2020).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.own_functions import uses_only
from splinework.interpret.symbolic.residuals import local_noise
from splinework.interpret.symbolic.screening import polynomials, terms, univariate
from splinework.interpret.symbolic.screening.parts import MAX_SHORT_NODES, PartedTarget
from splinework.interpret.symbolic.screening.power_sums import power_sum_candidates
from splinework.interpret.symbolic.screening.problem import (
    MIN_NOISE,
    IrreducibleProblem,
    ScoredExpression,
    ScreeningProblem,
    transformed,
)
from splinework.interpret.symbolic.screening.reducing import BEAM_WIDTH, CLEAR_ERROR_RATIO, irreducible_problems
from splinework.interpret.symbolic.screening.separable import MAX_CLEAN_NOISE
from splinework.interpret.symbolic.screening.simple_sums import simple_sums
from splinework.interpret.symbolic.screening.wave_factors import damped_waves, without_wave_factors

N_TURNS, FIRST_TURN = 4, 0.5
"""Turns of the other search, before which richer structures of one column have as much time, and units of the first: single
functions take about as long.
"""
MAX_NOISE_SHARE = 0.95
"""Error of surrogates on rows left out, as a share of the spread, from which nothing but noise may be there."""


class Screen(PartedTarget):
    """Screening of one target: its parts, and the order in which everything is tried."""

    def run(self) -> None:
        """Screens until a formula is as accurate as the noise allows, or the deadline."""
        with np.errstate(all="ignore"):  # trials that overflow are rejected
            end = self.deadline
            for number, start in enumerate(self.starts):  # each has an equal share of the time that is left
                now = clock.now()
                self.deadline = now + (end - now) / (len(self.starts) - number)
                self._run(start)
                if self.settled:
                    return

    def _run(self, problem: ScreeningProblem) -> None:
        if self._is_rational(problem):
            return
        self._look_past_kinks()
        self._offer_all(terms.sum_candidates(problem, **self._limits))  # whatever the reductions make of it
        self._known = problem
        ends = self._reduced(problem)
        self.ends = sorted([*self.ends, *ends], key=lambda end: (end.problem.size, end.error))
        summed = self._summed(problem) if problem.size > 1 else iter(())
        if ends[0].problem is problem and self._followed(summed):
            return
        self._offer_simple_sums(problem, 0)
        self._offer_simple_sums(problem, 1)
        for end in ends:
            self._answer(end.problem)
            if self.settled:
                return
        singles = [end.problem for end in ends[:BEAM_WIDTH] if end.problem.size == 1]
        wholes = singles if any(each is problem for each in singles) else [problem, *singles]
        whole = ends[0].problem
        wholes += [whole] if whole.size > 1 and whole is not problem else []
        if any(self._is_rational(other, sparse=False) for each in wholes for other in transformed(each)):
            return
        if problem.size > 1:
            known = ends[0].problem.size < problem.size and ends[0].error < MIN_NOISE * problem.spread
            if self._is_transformed(ends[0].problem, 0.0, CLEAR_ERROR_RATIO * ends[0].error):
                return
            exact = (summed, self._separated(problem, exact=True), self._joined(problem, exact=True))
            if any(map(self._followed, exact)):
                return
            if known and self._is_transformed(ends[0].problem, CLEAR_ERROR_RATIO * ends[0].error, math.inf):
                return
        if self.is_clean:
            divided = [each for each in map(without_wave_factors, singles) if each is not None]
            for each in (*singles, *divided):
                if (waves := damped_waves(each)) is not None:
                    self.pool.offer(waves)
                if self.pool.exact:
                    return
            for each in divided:
                self._answer(each)
            singles = [*divided, *singles]
            self.ends = [*(IrreducibleProblem(each, 0.0) for each in divided), *self.ends]
        if problem.size == 1:
            self._offer_simple_sums(problem, 2)
        searched = self._searched(problem, singles)
        if self.pool.exact or (self.is_clean and searched):
            return
        irreducible = [end.problem for end in ends[:BEAM_WIDTH]]
        larger = (problem, *(each for each in irreducible if each is not problem))
        if self.is_clean and self._followed(each for whole in larger for each in self._joined(whole)):
            return
        # A sum of products may reach the noise and yet approximate something simpler: try transforms of the target.
        for end in ends[: 1 if self.settled else BEAM_WIDTH]:
            if self.settled and (end.problem.size <= 1 or self.pool.entries[0].nodes <= MAX_SHORT_NODES):
                return
            for other in transformed(end.problem):
                for further in self._reduced(other)[:BEAM_WIDTH]:
                    self._answer(further.problem)
                    if self.pool.exact or self._late():
                        return
        if self._followed(each for whole in larger for each in self._separated(whole)):
            return
        if not self.is_clean and self._followed(each for whole in larger for each in self._joined(whole)):
            return

    def _is_transformed(self, problem: ScreeningProblem, least: float, most: float) -> bool:
        """Answers transforms that polynomials follow with such errors, the best first; True where one settles it."""
        until = clock.now() + (self.deadline - clock.now()) / 2
        others = (
            [each for each in transformed(problem) if least <= each.surrogate.error < most] if problem.size > 1 else []
        )
        for other in sorted(others, key=lambda each: each.surrogate.error):
            if clock.now() < until and not self.pool.exact:
                self._answer(other)
        return self.pool.exact

    def _look_past_kinks(self) -> None:
        """Notices that rows of one column have no noise where smooth functions cannot tell, as the target has kinks or jumps."""
        data = self.starts[-1]
        if data.size == 1 and not (self.pool.target.noise or self.is_clean):
            noise = local_noise(data.columns[:, 0], data.y)
            if noise < MAX_CLEAN_NOISE * data.spread:
                self.noise = min(self.noise, noise)

    def _is_rational(self, problem: ScreeningProblem, *, sparse: bool = True) -> bool:
        """Offers polynomials, fractions and sums of powers that are the target to rounding; True where one settles it."""
        for search in (partial(polynomials.polynomial_candidates, sparse=sparse), polynomials.fraction_candidates):
            if not self.pool.exact:
                self._offer_all(search(problem, exact=True, **self._limits))
        if not self.pool.exact:
            self._offer_all(power_sum_candidates(problem, deadline=self.deadline))
        return self.pool.exact

    def _offer_simple_sums(self, problem: ScreeningProblem, functions: int) -> None:
        """Offers sums with simple coefficients for noisy data, of powers alone also for transforms of the target.

        Among hundreds of sums, one explains a little of what is noise alone, so that polynomials must predict rows left out.
        """
        predicted = self.noise < MAX_NOISE_SHARE * problem.spread
        if problem is self.starts[-1] and predicted and not (self.is_clean or self.pool.categories):
            for whole in (problem, *(transformed(problem) if functions == 0 else ())):
                for each in simple_sums(whole, functions=functions, library=self.library, deadline=self.deadline):
                    if whole is problem or not each.has(sympy.Float):
                        self.pool.offer(whole.wrap(each))

    def _searched(self, problem: ScreeningProblem, singles: Sequence[ScreeningProblem]) -> bool:
        """Richer structures for problems of one column, by turns with another search of the data; True where nothing is left.

        Which of them finds a curve first is not known, and by turns none takes more than twice the time that it needs. Under
        noise the other search is content with what only approximates it.
        """
        stages = (True for each in singles if self._is_rough for _ in self._compose(each))

        def compose(until: float) -> None:
            more = True
            while more and not (self._is_simple or self._late() or clock.now() > until):
                more = next(stages, False)

        if self.further is not None and problem is self.starts[-1]:
            turns, took = (N_TURNS, FIRST_TURN) if singles else (1, 0.0)
            for _ in range(turns):
                before = self.pool.entries[:1]
                compose(clock.now() + took)
                if self.settled or self._late():
                    break
                began = clock.now()
                if self.further(1 / turns) or (self.pool.entries[:1] == before and self.leaves_noise):
                    break
                took = clock.now() - began
            self.further = None
        compose(self.deadline)
        return self.settled or self._late()

    @property
    def _is_simple(self) -> bool:
        """Whether few constants leave nothing but noise: only a formula of fewer nodes can be better."""
        return self.pool.exact if self.is_clean else self._has_few_constants and self.leaves_noise

    def _followed(self, problems: Iterable[ScreeningProblem]) -> bool:
        """Goes on with smaller problems; True where one settles it or time is up."""
        for each in problems:
            self._run(each)
            if self.settled or self._late():
                return True
        return False

    def _reduced(self, problem: ScreeningProblem) -> list[IrreducibleProblem]:
        """The irreducible problems of a problem."""
        ends, error = irreducible_problems(problem, self._late)
        self.noise = min(self.noise, error)
        return ends

    def _answer(self, problem: ScreeningProblem) -> None:
        """Offers candidates for a small problem until one is exact."""
        with self._noting_path(problem):
            self._offer(problem)

    def _compose(self, problem: ScreeningProblem) -> Iterator[None]:
        """Offers what the bank has for a problem of one column, and for transforms of its target, one kind after the other."""
        from splinework.interpret.symbolic.screening.matching import curve_candidates  # which needs problems itself

        deeper = transformed(problem) if self.is_clean else ()
        for expressions in curve_candidates(
            (problem, *deeper), admits=self._admits, clean=self.is_clean, deadline=self.deadline
        ):
            with self._noting_path(problem):
                for each in expressions:
                    if not self.pool.exact:
                        self.pool.offer(each)
                if not self.is_clean:
                    self.shorten(self.deadline)
            yield

    def _admits(self, expression: Any) -> bool:
        """Whether the library has the functions of an expression, and the pool takes it."""
        return uses_only(self.library, expression) and (self.pool.allows is None or self.pool.allows(expression))

    @property
    def _limits(self) -> dict[str, Any]:
        """Arguments of every search for candidates: the error below which fits are equally good, and the deadline."""
        return {"floor": self.pool.target.floor_of_sums, "deadline": self.deadline}

    def _offer(self, problem: ScreeningProblem) -> None:
        if problem.size == 0:
            self.pool.offer(problem.wrap(sympy.Float(problem.level)))
        for guesses in self._guesses(problem) if problem.size else ():
            self._offer_all(guesses)
            if self.pool.exact or self._late():
                return

    def _offer_all(self, guesses: Sequence[ScoredExpression]) -> None:
        for guess in guesses:
            self.pool.offer(guess.expression)
            if self.pool.exact:
                return

    def _guesses(self, problem: ScreeningProblem) -> Iterator[list[ScoredExpression]]:
        if problem.size == 1:
            yield univariate.univariate_candidates(problem, library=self.library, **self._limits)
        if problem is not self._known:
            yield terms.sum_candidates(problem, **self._limits)
        yield power_sum_candidates(problem, deadline=self.deadline)
        yield polynomials.polynomial_candidates(problem, **self._limits)
        yield polynomials.fraction_candidates(problem, **self._limits)
        yield terms.sum_candidates(problem, rational=True, **self._limits)
