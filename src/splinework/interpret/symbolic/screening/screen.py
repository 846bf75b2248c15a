"""The screening: repeated reductions, then univariate functions or sums of products for the irreducible rest.

A solution g of what is left gives `f = wrap(g)` for the data, as in the recursion of AI Feynman (Udrescu & Tegmark 2020).
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.library import LIBRARY, Array, LibraryFunction
from splinework.interpret.symbolic.own_functions import uses_only
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.residuals import process_error
from splinework.interpret.symbolic.screening import polynomials, terms, univariate
from splinework.interpret.symbolic.screening.coordinates import additive_coordinates
from splinework.interpret.symbolic.screening.problem import (
    LOGARITHM,
    IrreducibleProblem,
    ScoredExpression,
    ScreeningProblem,
    initial_problem,
    transformed,
)
from splinework.interpret.symbolic.screening.reducing import (
    BEAM_WIDTH,
    CLEAR_ERROR_RATIO,
    MAX_ERROR_RATIO,
    irreducible_problems,
)
from splinework.interpret.symbolic.screening.separable import (
    AFFINE,
    LOW_RANK,
    SUM,
    coefficients_beside,
    separations,
    spanning_functions,
    varying_part,
)

MIN_ROUGHNESS, MAX_CLEAN_NOISE = 1e-2, 1e-6
"""Shares of the spread: what a formula must leave for richer structures to be tried, and the noise below which they are."""
MAX_SEPARATION_ERROR, N_PARTS = 0.2, 2
"""Error of a separation, relative to the spread, above which it is none, and formulas of its part that are followed."""
MAX_EXCHANGED_COLUMNS, N_COORDINATES = 4, 2
"""Columns up to which other coordinates are tried, and how many of them are followed."""
MAX_SPANNED, MAX_LOW_RANK_ERROR = 3, 1e-3
"""Known functions beside which functions of the other columns are sought, and the error of two products, relative to the spread,
up to which their span is read: the alternating fit ends early, and what is fitted beside the functions decides."""
MIN_FACTOR, SEPARATION_SHARE = 1e-9, 0.3
"""Least magnitude of a factor that is divided by, relative to its largest, and share of the time left for a part's formula."""


@dataclass
class Screen:
    """Screening of one target.

    Attributes:
        pool: Pool of the target, which collects the proposed formulas.
        starts: Initial problems, that of the data last: before it equivalent ones, such as one in dimensionless groups.
        deadline: Time of `clock`.
        library: Functions of one column.
        ends: The irreducible problems, the smallest first.
        path: Reductions on the way to the best formula.
        further: Another search, once the direct candidates have failed; it says whether nothing is left to do.
        noise: Least leave-one-out error of all surrogates, on the scale of the target: an estimate of the noise.
    """

    pool: Pool
    starts: tuple[ScreeningProblem, ...]
    deadline: float = math.inf
    library: Sequence[LibraryFunction] = LIBRARY
    further: Callable[[], bool] | None = None
    ends: list[IrreducibleProblem] = field(default_factory=list)
    noise: float = math.inf
    path: tuple[str, ...] = ()
    _smoothed: bool = False

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
        ends = self._reduced(problem)
        self.ends = sorted([*self.ends, *ends], key=lambda end: (end.problem.size, end.error))
        for end in ends:
            self._answer(end.problem)
            if self.pool.exact:
                return
        singles = [end.problem for end in ends[:BEAM_WIDTH] if end.problem.size == 1]
        if any(self._is_rational(other) for each in singles for other in transformed(each)):
            return
        # Under noise a rich structure might hide the transform of a simple one, so that transforms come first then.
        searched = self._searched(problem)
        if self.pool.exact or (self.is_clean and (searched or self._composed(singles))):
            return
        # A sum of products may reach the noise and yet approximate something simpler: try transforms of the target.
        for end in ends[: 1 if self.settled else BEAM_WIDTH]:
            if self.settled and end.problem.size <= 1:
                return
            for other in transformed(end.problem):
                for further in self._reduced(other)[:BEAM_WIDTH]:
                    self._answer(further.problem)
                    if self.pool.exact or self._late():
                        return
        irreducible = [end.problem for end in ends[:BEAM_WIDTH]]
        for larger in (problem, *(each for each in irreducible if each is not problem)):
            for smaller in self._separated(larger):
                self._run(smaller)
                if self.settled or self._late():
                    return
        for other in (problem, *transformed(problem, LOGARITHM)):
            if self._exchange(other):
                return
        if not self.is_clean:
            self._composed(singles)

    def _is_rational(self, problem: ScreeningProblem) -> bool:
        """Offers the polynomials and fractions that are the target to rounding; True where one settles it."""
        for search in (polynomials.polynomial_candidates, polynomials.fraction_candidates):
            if not self.pool.exact:
                self._offer_all(search(problem, exact=True, **self._limits))
        return self.pool.exact

    def _searched(self, problem: ScreeningProblem) -> bool:
        """The search of another kind, once and for the data themselves; True where nothing is left to do."""
        if self.further is None or problem is not self.starts[-1] or self._late():
            return self.settled or self._late()
        search, self.further = self.further, None
        return search()

    def _composed(self, problems: Sequence[ScreeningProblem]) -> bool:
        """Tries richer structures for problems of one column where these are worth while; True where nothing is left to do."""
        for problem in problems:
            if self._is_rough:
                self._compose(problem)
            if self.settled or self._late():
                return True
        return False

    def _exchange(self, problem: ScreeningProblem) -> bool:
        """Goes on in coordinates in which the target is a sum, where there are such; True where that settles it or time is up."""
        if not 2 <= problem.size <= MAX_EXCHANGED_COLUMNS or not self._is_rough or self._late():
            return self.settled or self._late()
        limit = self._most_error(problem.spread)
        for each in additive_coordinates(problem, deadline=self.deadline)[:N_COORDINATES]:
            if each.error > limit:
                break
            for smaller in self._separated(each.problem):
                self._run(smaller)
                if self.settled or self._late():
                    return True
        return False

    @property
    def settled(self) -> bool:
        """Whether the best formula is as accurate as the best surrogate, with residuals like noise.

        Data without noise are settled by an exact formula alone: what is left then is the error of an approximation.
        """
        pool = self.pool
        if pool.exact or not pool.entries or self.is_clean:
            return pool.exact
        if pool.error > 1.01 * self.noise or pool.has_structure:
            return False
        if not self._smoothed:  # polynomials may have taken for noise what they cannot follow
            self._smoothed, data = True, self.starts[-1]
            self.noise = min(self.noise, process_error(data.columns, data.y, data.weights))
        return pool.error <= 1.01 * self.noise

    @property
    def _is_rough(self) -> bool:
        """Whether the best formula leaves a visible share of the spread, or the data have no noise and it is not exact."""
        error = self.pool.error / self.pool.target.unit if self.pool.entries else math.inf
        return not self.pool.exact and (error > MIN_ROUGHNESS or self.is_clean)

    @property
    def is_clean(self) -> bool:
        """Whether the noise of the data is negligible."""
        return self.noise < MAX_CLEAN_NOISE * self.starts[-1].spread

    def _late(self) -> bool:
        return clock.now() > self.deadline

    def _reduced(self, problem: ScreeningProblem) -> list[IrreducibleProblem]:
        """The irreducible problems of a problem."""
        ends, error = irreducible_problems(problem, self._late)
        self.noise = min(self.noise, error)
        return ends

    def _answer(self, problem: ScreeningProblem) -> None:
        """Offers candidates for a small problem until one is exact."""
        with self._noting_path(problem):
            self._offer(problem)

    def _compose(self, problem: ScreeningProblem) -> None:
        """Offers what the bank has for a problem of one column, and for transforms of its target, until one settles it."""
        from splinework.interpret.symbolic.screening.matching import curve_candidates  # which needs problems itself

        deeper = transformed(problem) if self.is_clean else ()
        with self._noting_path(problem):
            for expressions in curve_candidates(
                (problem, *deeper), admits=self._admits, clean=self.is_clean, deadline=self.deadline
            ):
                for each in expressions:
                    self.pool.offer(each)
                    if self.pool.exact:
                        return
                if self.settled or self._late():
                    return

    def _admits(self, expression: Any) -> bool:
        """Whether the library has the functions of an expression, and the pool takes it."""
        return uses_only(self.library, expression) and (self.pool.allows is None or self.pool.allows(expression))

    def _separated(self, problem: ScreeningProblem) -> Iterator[ScreeningProblem]:
        """Problems of a column less, where the target is a sum or a product with a function of one column, found first."""
        scale = problem.spread
        found = separations(problem, deadline=self.deadline)
        least = min((each.error for each in found), default=math.inf)
        if least < CLEAR_ERROR_RATIO * self.noise:  # the least of many estimates would be too small
            self.noise = least
        for each in found:
            if self._late():
                return
            if each.error > max(self._most_error(scale), MAX_LOW_RANK_ERROR * scale * (each.kind == LOW_RANK)):
                continue
            if not (self._is_rough or each.error < MAX_CLEAN_NOISE * scale):
                return
            one = problem.without(*(j for j in range(problem.size) if j != each.column))
            weights = problem.weights * (1.0 if each.kind == SUM else each.rest**2)
            if each.kind in (AFFINE, LOW_RANK):
                others = problem.without(each.column)
                with self._noting_path(problem):
                    if each.kind == AFFINE:
                        size = math.sqrt(float(np.mean(problem.weights * each.rest**2)))
                        beside = problem.weights * each.own**2
                        known = self._parts(others, each.rest, beside, each.own_error * size)
                        self._offer_products(problem, [(varying_part(e), sympy.Integer(1)) for e, _ in known], one)
                    else:
                        known = self._parts(one, each.own, weights, each.own_error)
                        self._offer_products(problem, [spanning_functions(e) for e, _ in known], others)
                if self.pool.exact:
                    return
                continue
            for expression, part in self._parts(one, each.own, weights, each.own_error):
                if each.kind == SUM:
                    yield problem.subtracted(part, expression).without(each.column)
                elif (least := MIN_FACTOR * float(np.abs(part).max())) > 0:
                    factor = np.where(np.abs(part) < least, least, part)
                    whole, level = problem, float(each.level[0])
                    if abs(level) > MIN_FACTOR * scale:
                        whole = problem.subtracted(each.level, sympy.Float(level))
                    yield whole.divided(factor, expression).without(each.column)

    def _most_error(self, scale: float) -> float:
        """The error up to which parts of a target of this spread are followed: that of the best surrogate, or nearly none."""
        return min(MAX_SEPARATION_ERROR * scale, max(MAX_ERROR_RATIO * self.noise, MAX_CLEAN_NOISE * scale))

    def _parts(self, problem: ScreeningProblem, y: Array, weights: Array, error: float) -> list[tuple[Any, Array]]:
        """Formulas of a part of the target over the columns of a problem, and their values, the best first."""
        names = tuple(f"u{n}" for n in range(problem.size))
        pool = Pool(FitTarget(problem.columns, y, names, weights=weights, noise=error), self.pool.allows)
        share = clock.now() + SEPARATION_SHARE * (self.deadline - clock.now())
        Screen(pool, (initial_problem(pool.target),), share, self.library).run()
        back = {symbol(name): e for name, e in zip(names, problem.expressions, strict=True)}
        found = [
            (entry.expression.xreplace(back), compile_expression(entry.expression, names)(problem.columns))
            for entry in pool.entries[:N_PARTS]
        ]
        return [(expression, values) for expression, values in found if np.isfinite(values).all()]

    def _offer_products(
        self, problem: ScreeningProblem, spans: Sequence[tuple[Any, ...]], others: ScreeningProblem
    ) -> None:
        """Offers sums of products of known functions of some columns and functions of the others, each found alone."""
        for span in spans:
            if not 1 < len(span) <= MAX_SPANNED:
                continue
            known = np.column_stack([self._values(each) for each in span])
            if not np.isfinite(known).all():
                continue
            error, parts = coefficients_beside(others, known)
            if error > self._most_error(problem.spread):
                continue
            found = []
            for values, own in zip(known.T, parts.T, strict=True):
                size = math.sqrt(float(np.mean(problem.weights * values**2)))
                found.append(self._parts(others, own, problem.weights * values**2, error / size))
            for factors in itertools.product(*found):
                self.pool.offer(problem.wrap(sympy.Add(*(t * f for t, (f, _) in zip(span, factors, strict=True)))))
                if self.pool.exact or self._late():
                    return

    def _values(self, expression: Any) -> Array:
        """The values of an expression over the columns of the data, `(N,)`."""
        target = self.pool.target
        return np.broadcast_to(compile_expression(expression, target.names)(target.x), len(target.y)).astype(float)

    @property
    def _limits(self) -> dict[str, Any]:
        """Arguments of every search for candidates: the error below which fits are equally good, and the deadline."""
        return {"floor": self.pool.target.floor, "deadline": self.deadline}

    @contextmanager
    def _noting_path(self, problem: ScreeningProblem) -> Iterator[None]:
        """Notes the reductions of a problem if what is offered inside becomes the best formula."""
        before = self.pool.entries[:1]
        yield
        if self.pool.entries[:1] != before:
            self.path = problem.steps

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
            yield univariate.univariate_candidates(problem, library=self.library, **self._limits)[:6]
        yield terms.sum_candidates(problem, **self._limits)
        yield polynomials.polynomial_candidates(problem, **self._limits)
        yield polynomials.fraction_candidates(problem, **self._limits)
        yield terms.sum_candidates(problem, rational=True, **self._limits)
