"""The parts of a target: factors, terms and inner sums of a few columns are found first, which leaves a smaller problem.

Each part is a target of its own with its own screening. In `f = g + h`, `f = g · h` or `f = F(g + h)` what is left without g, or
with g + h in place of two columns, is a smaller problem, whose `wrap` puts the part back (Udrescu & Tegmark 2020).
"""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.library import LIBRARY, Array, LibraryFunction
from splinework.interpret.symbolic.pool import MAX_EXACT_CONSTANTS, Pool, PoolEntry
from splinework.interpret.symbolic.residuals import process_error
from splinework.interpret.symbolic.screening.inner_sums import InnerSum, inner_sums
from splinework.interpret.symbolic.screening.problem import (
    IrreducibleProblem,
    ScreeningProblem,
    initial_problem,
    transformed,
)
from splinework.interpret.symbolic.screening.reducing import CLEAR_ERROR_RATIO, MAX_ERROR_RATIO
from splinework.interpret.symbolic.screening.reductions import divided
from splinework.interpret.symbolic.screening.separable import (
    LOW_RANK,
    MAX_CLEAN_NOISE,
    SUM,
    Separation,
    clear_error,
    coefficients_beside,
    separations,
    spanning_functions,
    sums,
    varying_part,
)
from splinework.interpret.symbolic.shortening import shortened

MIN_ROUGHNESS = 1e-2
"""Share of the spread that a formula must leave for richer structures to be tried; they are too where there is no noise."""
MAX_SHORT_NODES = 12
"""Nodes up to which neither evolution nor transforms of the target are asked for something shorter than what noise leaves."""
MIN_EXCESS, TERM_NATS = 0.01, 8.0
"""Share by which the error of a formula may exceed that of the best surrogate, or by as many nats as a further term costs."""
MAX_SEPARATION_ERROR, N_PARTS = 0.2, 2
"""Error of a separation, relative to the spread, above which it is none, and formulas of its part that are followed."""
OVER, MAX_OVER = (Fraction(1), Fraction(-1)), 6
"""Powers of a column by which a target is divided to be a sum, and most columns of which each is tried."""
MAX_SPANNED, MAX_LOW_RANK_ERROR = 3, 1e-3
"""Known functions beside which functions of the other columns are sought, and the error of two products, relative to the spread,
up to which their span is read: the alternating fit ends early, and what is fitted beside the functions decides."""
MIN_FACTOR, SEPARATION_SHARE = 1e-9, 0.3
"""Least magnitude of a factor that is divided by, relative to its largest, and share of the time left for a part's formula."""
MAX_EXACT_SUM = 1e-5
"""Error, relative to the spread, below which an inner sum is exact but for polynomials: they end at 1e-6 to 1e-10."""
MAX_JOINED_RATIO = 10.0
"""Error of an inner sum with the formulas of its parts, relative to that without."""


@dataclass
class PartedTarget(ABC):
    """A target, what was found for it, and its parts.

    Attributes:
        pool: Pool of the target, which collects the proposed formulas.
        starts: Initial problems, that of the data last: before it equivalent ones, such as one in dimensionless groups.
        deadline: Time of `clock`.
        library: Functions of one column.
        ends: The irreducible problems, the smallest first.
        further: Another search, once the direct candidates have failed, for a share of its time; it says whether nothing is left
            to do.
        noise: Least leave-one-out error of all surrogates, on the scale of the target: an estimate of the noise.
    """

    pool: Pool
    starts: tuple[ScreeningProblem, ...]
    deadline: float = math.inf
    library: Sequence[LibraryFunction] = LIBRARY
    further: Callable[[float], bool] | None = None
    ends: list[IrreducibleProblem] = field(default_factory=list)
    noise: float = math.inf
    _led: tuple[PoolEntry | None, tuple[str, ...]] = (None, ())
    _smoothed: bool = False
    _known: ScreeningProblem | None = None
    _shortened: PoolEntry | None = None
    _separations: tuple[ScreeningProblem, list[Separation]] | None = None

    @abstractmethod
    def run(self) -> None:
        """Looks for formulas of the target."""

    @property
    def settled(self) -> bool:
        """Whether the best formula is as accurate as the best surrogate, with few constants and residuals like noise.

        Data without noise are settled by an exact formula alone: what is left then is the error of an approximation. With noise
        many constants, or before evolution many nodes, may be an approximation too, of something shorter.
        """
        if self.pool.exact or self.is_clean or not self._has_few_constants:
            return self.pool.exact
        may_be_long = self.further is not None and self.pool.entries[0].nodes > MAX_SHORT_NODES
        return not may_be_long and self.leaves_noise

    @property
    def _has_few_constants(self) -> bool:
        """Whether the best formula has no more fitted constants than another one would have, too.

        Before another search they are a unit of the target and of each of its columns; others may be those of an approximation.
        """
        if not self.pool.entries:
            return False
        best = self.pool.entries[0]
        units = 1 + len(best.expression.free_symbols)
        most = MAX_EXACT_CONSTANTS if self.further is None else min(units, MAX_EXACT_CONSTANTS)
        return best.solution.rank <= most

    @property
    def leaves_noise(self) -> bool:
        """Whether the best formula is as accurate as the best surrogate, with residuals like noise."""
        if not self._is_accurate or self.pool.has_structure:
            return False
        if not self._smoothed:  # polynomials may have taken for noise what they cannot follow
            self._smoothed, data = True, self.starts[-1]
            self.noise = min(self.noise, process_error(data.columns, data.y, data.weights))
        return self._is_accurate

    @property
    def _is_accurate(self) -> bool:
        """Whether the best formula is as accurate as the best surrogate, but for what a further term costs."""
        most = 1 + max(MIN_EXCESS, TERM_NATS / len(self.pool.target.y))
        return bool(self.pool.entries) and self.pool.error <= most * self.noise

    def shorten(self, late: float, *, always: bool = False) -> None:
        """Takes needless parts out of the best formula, until a time of `clock`: a short one of the noise's size, or any."""
        for best in self.pool.entries[:1]:
            may_settle = best.nodes <= 2 * MAX_SHORT_NODES and not self.pool.exact and self._is_accurate
            if best is not self._shortened and (always or may_settle):
                self._shortened = shortened(self.pool, best, lambda: clock.now() > late)
                if self._led[0] is best:
                    self._led = self._shortened, self._led[1]

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

    @contextmanager
    def _noting_path(self, problem: ScreeningProblem) -> Iterator[None]:
        """Notes the reductions of a problem if what is offered inside becomes the best formula."""
        before = self.pool.entries[:1]
        yield
        if self.pool.entries[:1] != before:
            self._led = self.pool.entries[0], problem.steps

    @property
    def path(self) -> tuple[str, ...]:
        """Reductions on the way to the best formula; none where it was found without them."""
        return self._led[1] if self.pool.entries[:1] == [self._led[0]] else ()

    def _summed(self, problem: ScreeningProblem) -> Iterator[ScreeningProblem]:
        """Problems of a column less, where the target, a ratio or a transform of it is clearly a sum with part of a column."""
        few = problem.size if problem.size <= MAX_OVER else 0
        over = (each for i in range(few) for each in divided(problem, i, OVER))
        for whole in itertools.chain((problem,), over, transformed(problem)):
            if self._late():
                return
            near = [e for e in sums(whole, deadline=self.deadline) if e.error < MAX_SEPARATION_ERROR * whole.spread]
            yield from self._followed_parts(whole, near, exact=True) if near else ()

    def _separated(self, problem: ScreeningProblem, *, exact: bool = False) -> Iterator[ScreeningProblem]:
        """Problems of a column less, where the target is a sum or a product with a function of one column, found first.

        With `exact` only where that is clear: then no other way of looking at the problem is simpler.
        """
        if self._separations is None or self._separations[0] is not problem:
            self._separations = problem, separations(problem, deadline=self.deadline)
        found = self._separations[1]
        least = min((each.error for each in found), default=math.inf)
        if least < CLEAR_ERROR_RATIO * self.noise:  # the least of many estimates would be too small
            self.noise = least
        yield from self._followed_parts(problem, found, exact)

    def _followed_parts(
        self, problem: ScreeningProblem, found: Sequence[Separation], exact: bool
    ) -> Iterator[ScreeningProblem]:
        """Problems of a column less, by the formulas of the function of one column in each separation."""
        scale = problem.spread
        rounding = MAX_CLEAN_NOISE * scale
        plain = clear_error(problem) if exact else self._most_error(scale)
        richer = rounding if exact else max(plain, MAX_LOW_RANK_ERROR * scale)
        for each in found:
            if self._late():
                return
            if each.error > (richer if each.kind == LOW_RANK else plain):
                continue
            if not (exact or self._is_rough or each.error < rounding):
                return
            one = problem.without(*(j for j in range(problem.size) if j != each.column))
            weights = problem.weights * (1.0 if each.kind == SUM else each.rest**2)
            if each.kind == LOW_RANK:
                with self._noting_path(problem):
                    known = self._parts(one, each.own, weights, each.own_error)
                    spans = [spanning_functions(e) for e, _ in known]
                    self._offer_products(problem, spans, problem.without(each.column))
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

    def _joined(self, problem: ScreeningProblem, *, exact: bool = False) -> Iterator[ScreeningProblem]:
        """Problems of a column less, where two columns act through a sum of functions of each, which are found first.

        With `exact` only where what is left is the error of polynomials.
        """
        most = MAX_EXACT_SUM * problem.spread if exact else self._most_error(problem.spread)
        for each in inner_sums(problem, most=most, deadline=self.deadline) if self._is_rough else ():
            one, two = (problem.without(*(k for k in range(problem.size) if k != n)) for n in each.columns)
            for expression, _ in self._inner_parts(one, each, 0, 1.0):
                unit = _leading_number(expression)
                for other, _ in self._inner_parts(two, each, 1, unit):
                    for whole in _inner_wholes(varying_part(expression) / unit + varying_part(other)):
                        values = self._values(whole)
                        if np.isfinite(values).all() and np.ptp(values) > 0:
                            smaller = problem.merged(*each.columns, values, whole)
                            if smaller.surrogate.error <= MAX_JOINED_RATIO * max(each.error, most):
                                yield smaller

    def _inner_parts(self, problem: ScreeningProblem, each: InnerSum, n: int, unit: float) -> list[tuple[Any, Array]]:
        """Formulas of one part of an inner sum, in a unit."""
        weights = problem.weights * (unit * each.slope) ** 2
        size = math.sqrt(float(np.mean(weights)))
        found = self._parts(problem, each.parts[:, n] / unit, weights, each.error / size) if size > 0 else []
        return [(expression, values) for expression, values in found if expression.free_symbols]

    def _most_error(self, scale: float) -> float:
        """The error up to which parts of a target of this spread are followed: that of the best surrogate, or nearly none."""
        return min(MAX_SEPARATION_ERROR * scale, max(MAX_ERROR_RATIO * self.noise, MAX_CLEAN_NOISE * scale))

    def _parts(self, problem: ScreeningProblem, y: Array, weights: Array, error: float) -> list[tuple[Any, Array]]:
        """Formulas of a part of the target over the columns of a problem, and their values, the best first."""
        names = tuple(f"u{n}" for n in range(problem.size))
        pool = Pool(FitTarget(problem.columns, y, names, weights=weights, noise=error), self.pool.allows)
        share = clock.now() + SEPARATION_SHARE * (self.deadline - clock.now())
        type(self)(pool, (initial_problem(pool.target),), share, self.library).run()
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

            found = [
                self._beside(problem, others, own, values, error) for values, own in zip(known.T, parts.T, strict=True)
            ]
            for i, j in itertools.permutations(range(len(span)), 2):  # they may have a factor in common
                for factor, values in found[j][:1]:
                    if np.abs(values).min() > MIN_FACTOR * np.abs(values).max() and factor.free_symbols:
                        ratio = parts[:, i] / values
                        ratios = self._beside(problem, others, ratio, known[:, i] * values, error)
                        found[i] += [(factor * e, values * own) for e, own in ratios[:1]]
            for factors in itertools.product(*found):
                self.pool.offer(problem.wrap(sympy.Add(*(t * f for t, (f, _) in zip(span, factors, strict=True)))))
                if self.pool.exact or self._late():
                    return

    def _beside(
        self, problem: ScreeningProblem, others: ScreeningProblem, own: Array, known: Array, error: float
    ) -> list[tuple[Any, Array]]:
        """Formulas of a function of some columns that stands beside known values, which leave an error of the target."""
        weights = problem.weights * known**2
        return self._parts(others, own, weights, error / math.sqrt(float(np.mean(weights))))

    def _values(self, expression: Any) -> Array:
        """The values of an expression over the columns of the data, `(N,)`."""
        target = self.pool.target
        return np.broadcast_to(compile_expression(expression, target.names)(target.x), len(target.y)).astype(float)


def _leading_number(expression: Any) -> float:
    """The number before the first term that varies."""
    return float(sympy.Add.make_args(varying_part(expression))[0].as_coeff_Mul()[0])


def _inner_wholes(total: Any) -> tuple[Any, ...]:
    """A sum, and before it the product that it is the logarithm of, where it has logarithms."""
    return (sympy.exp(total), total) if total.has(sympy.log) else (total,)
