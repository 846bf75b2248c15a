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
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.residuals import process_error
from splinework.interpret.symbolic.screening import composites, polynomials, terms, univariate
from splinework.interpret.symbolic.screening.coordinates import additive_coordinates
from splinework.interpret.symbolic.screening.problem import (
    LOGARITHM,
    IrreducibleProblem,
    ScoredExpression,
    ScreeningProblem,
    fit_to,
    initial_problem,
    transformed,
)
from splinework.interpret.symbolic.screening.reductions import common_reductions, distinct, suggested_reductions
from splinework.interpret.symbolic.screening.separable import AFFINE, SUM, Separation, affine_parts, separations
from splinework.interpret.symbolic.screening.surrogate import PolynomialSurrogate, fit_surrogate
from splinework.interpret.symbolic.screening.waves import wave_reductions

BEAM_WIDTH, MAX_VERIFIED = 3, 8
"""Problems of each size that are reduced further, and reductions of each that are verified by a fit."""
MAX_ERROR_RATIO, MAX_ERROR_RATIO_NOISY = 1.1, 1.02
"""Tolerated increase of the leave-one-out error by a reduction."""
MIN_NOISE = 1e-3
"""Relative error of the surrogate from which the data count as noisy, and the second factor applies."""
CLEAR_ERROR_RATIO, MAX_CLEAR = 0.5, 2
"""Error ratio below which a reduction or separation is clear, and the number of clear ones after which the verification ends."""
MIN_BLIND_NOISE, MAX_BLIND_COLUMNS = 0.03, 4
"""Common reductions are tried without the gradient for fewer columns than this if the data are noisy, and for exactly this many
from this relative error on."""

MIN_ROUGHNESS, MAX_CLEAN_NOISE = 1e-2, 1e-6
"""Shares of the spread: what a formula must leave for richer structures to be tried, and the noise below which they are."""
MAX_SEPARATION_ERROR, N_PARTS = 0.2, 2
"""Error of a separation, relative to the spread, above which it is none, and formulas of its part that are followed."""
MAX_EXCHANGED_COLUMNS, N_COORDINATES = 4, 2
"""Columns up to which other coordinates are tried, and how many of them are followed."""
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
        for search in (polynomials.polynomial_candidates, polynomials.fraction_candidates):
            self._offer_all(search(problem, exact=True, **self._limits))
            if self.pool.exact:
                return
        ends = self._reduced(problem)
        self.ends = sorted([*self.ends, *ends], key=lambda end: (end.problem.size, end.error))
        for end in ends:
            self._answer(end.problem)
            if self.pool.exact:
                return
        singles = [end.problem for end in ends[:BEAM_WIDTH] if end.problem.size == 1]
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
        scale = problem.spread
        level = [(fit_surrogate(problem.columns, problem.y, problem.weights), problem)]
        if level[0][0].error > 0.3 * scale:  # the polynomial cannot follow the data; try waves
            level += [(fit_to(w.problem), w.problem) for w in wave_reductions(problem)]
            level = sorted(level, key=lambda entry: entry[0].error)[:BEAM_WIDTH]
        self.noise = min(self.noise, *(surrogate.error for surrogate, _ in level))
        noisy = level[0][0].error > MIN_NOISE * scale
        ends: list[IrreducibleProblem] = []
        while level and not self._late():
            following: list[tuple[PolynomialSurrogate, ScreeningProblem]] = []
            for surrogate, at in level:
                smaller = list(self._verified(at, surrogate, scale)) if at.size else []
                if not smaller:
                    ends.append(IrreducibleProblem(at, surrogate.error))
                following += smaller
            level = [(fit_to(at), at) for _, at in distinct(following)[: BEAM_WIDTH if noisy else MAX_CLEAR]]
            self.noise = min(self.noise, *(surrogate.error for surrogate, _ in level)) if level else self.noise
        ends += [IrreducibleProblem(at, surrogate.error) for surrogate, at in level]
        return sorted(ends, key=lambda end: (end.problem.size, end.error))

    def _verified(
        self, problem: ScreeningProblem, surrogate: PolynomialSurrogate, scale: float
    ) -> Iterator[tuple[PolynomialSurrogate, ScreeningProblem]]:
        """Verified reductions: smaller problems with no larger error; it ends after some clear ones."""
        rough = surrogate.error / scale if scale > 0 else 0.0
        allowed = (MAX_ERROR_RATIO if rough < MIN_NOISE else MAX_ERROR_RATIO_NOISY) * surrogate.error + 1e-10 * scale
        clear = 0
        d = problem.size
        few = (d < MAX_BLIND_COLUMNS and rough > MIN_NOISE) or (d == MAX_BLIND_COLUMNS and rough > MIN_BLIND_NOISE)
        for proposal in (
            *suggested_reductions(problem, surrogate, rough)[:MAX_VERIFIED],
            *(common_reductions(problem) if few else ()),
        ):
            if self._late() or clear >= MAX_CLEAR:
                return
            small = proposal.problem
            if small.length > 45:  # too long a formula
                continue
            kind = surrogate.kind if small.size > 1 else None
            smaller = fit_surrogate(small.columns, small.y, small.weights, kind=kind)
            if smaller.error <= allowed:
                clear += smaller.error <= max(CLEAR_ERROR_RATIO * surrogate.error, 1e-9 * scale)
                yield smaller, small

    def _answer(self, problem: ScreeningProblem) -> None:
        """Offers candidates for a small problem until one is exact."""
        with self._noting_path(problem):
            self._offer(problem)

    def _compose(self, problem: ScreeningProblem) -> None:
        """Offers sums, products and chains of functions for a problem of one column, until one settles it."""
        limits = {"library": self.library, **self._limits}
        deeper = transformed(problem) if self.is_clean else ()
        with self._noting_path(problem):
            for guesses in itertools.chain(
                composites.composite_candidates(problem, **limits),
                *(composites.nested_candidates(other, **limits) for other in deeper),
            ):
                if self.settled or self._late():
                    break
                self._offer_all(guesses)

    def _separated(self, problem: ScreeningProblem) -> Iterator[ScreeningProblem]:
        """Problems of a column less, where the target is a sum or a product with a function of one column, found first."""
        scale = problem.spread
        for each in separations(problem, deadline=self.deadline):
            if self._late() or each.error > self._most_error(scale):
                return
            if not (self._is_rough or each.error < MAX_CLEAN_NOISE * scale):
                return
            if each.error < CLEAR_ERROR_RATIO * self.noise:  # the least of many estimates would be too small
                self.noise = each.error
            one = problem.without(*(j for j in range(problem.size) if j != each.column))
            if each.kind == AFFINE:
                self._offer_affine(problem, one, each)
                if self.pool.exact:
                    return
                continue
            weights = problem.weights * (1.0 if each.kind == SUM else each.rest**2)
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

    def _offer_affine(self, problem: ScreeningProblem, one: ScreeningProblem, parts: Separation) -> None:
        """Offers an affine function of one of the other columns, its coefficients functions of a column, each found alone."""
        others, w = problem.without(parts.column), problem.weights
        size = math.sqrt(float(np.mean(w * parts.rest**2)))
        with self._noting_path(problem):
            for inner, values in self._parts(others, parts.rest, w * parts.own**2, parts.own_error * size):
                # The level takes the constant up.
                constant, varying = inner.as_independent(*inner.free_symbols, as_Add=True)
                values = values - float(constant)
                own, added = affine_parts(problem, parts.column, values)
                for factor, _ in self._parts(one, own, w * values**2, parts.own_error):
                    for level, _ in self._parts(one, added, w, parts.error):
                        self.pool.offer(problem.wrap(level + factor * varying))
                        if self.pool.exact or self._late():
                            break

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
