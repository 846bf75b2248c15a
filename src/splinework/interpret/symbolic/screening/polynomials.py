"""Sparse polynomials and fractions of polynomials: all terms up to a degree by least squares, then backward elimination.

A fraction is linear in its coefficients after multiplication by its denominator, `p(x) - y q(x) = 0` (Levy 1959); dividing by the
denominator of the previous iteration makes its errors those of the quotient (Sanathanan & Koerner 1963). A term goes if the error
that its absence adds, `c_k² / [(AᵀA)⁻¹]_kk`, costs less than its code (backward elimination by description length).
"""

import math
from dataclasses import dataclass

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.levenberg_marquardt import linear_least_squares
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.dictionary import POSITION_NATS, monomial_dictionary
from splinework.interpret.symbolic.screening.fraction_terms import fraction_sets, possible_sets
from splinework.interpret.symbolic.screening.problem import ScoredExpression, ScreeningProblem
from splinework.interpret.symbolic.screening.sparse import losses_without, sparse_support
from splinework.interpret.symbolic.screening.surrogate import Exponents, chebyshev_basis, exponents_up_to
from splinework.interpret.symbolic.screening.terms import sum_candidates

MAX_COLUMNS, MAX_FRACTION_COLUMNS = 6, 3
"""Columns up to which polynomials, and fractions of them, are tried."""
MAX_DEGREE, MAX_DEGREE_OF_ONE = 10, 12
"""Highest total degree of a polynomial in several columns, and in one."""
MIN_ROWS_PER_TERM, MAX_DENSE_TERMS, MAX_SPARSE_TERMS = 1.5, 600, 1100
"""Least rows for each term before elimination, most such terms, and most terms among which a sum is sought term by term."""
N_ROUNDS = 4
"""Iterations of the weights of a fraction."""
MAX_WEIGHTED_TERMS, MAX_EXACT_TERMS = 3100, 20
"""Most terms among which an exact sum is sought all at once, and most terms of that sum: a power series has more."""
MAX_SUM_TERMS = 10
"""Most terms of a sum that is sought term by term."""
INTEGER_TOLERANCE = 1e-4
MAX_ERROR_RATIO = 1e-8
"""By how much the squared error falls at the last term of a polynomial; at the next term of a power series it falls less."""
MAX_SERIES_SHARE = 1e-14
"""Share of the sum of squares that is left by an approximation; noise leaves more, and what is exact less."""
N_KEPT = 3


def polynomial_candidates(
    problem: ScreeningProblem, *, floor: float, deadline: float = math.inf, exact: bool = False, sparse: bool = True
) -> list[ScoredExpression]:
    """Sparse polynomials of a problem's columns, the shortest description first; no power series that ends below rounding.

    Args:
        problem: A problem of any number of columns; none are returned for more than six.
        floor: Residual sum of squares, on the scale of the data's target, below which fits are equally good.
        deadline: Time of `clock` after which nothing further is tried.
        exact: Return only a polynomial of which rows determine all terms and which leaves no more than `floor`.
        sparse: Whether exact sums of few among more terms than rows are sought, which takes seconds.
    """
    if not 1 <= problem.size <= MAX_COLUMNS:
        return []
    rows = _ScaledRows.of(problem, floor)
    errors = _errors_by_degree(problem)
    degree = next((k for k, (rss, _) in enumerate(errors) if rss <= floor), None)
    if degree is not None:
        if degree == 0 or errors[degree][0] > MAX_ERROR_RATIO * errors[degree - 1][0]:
            return []
        return [rows.answer(rows.without_needless_terms(rows.fit(exponents_up_to(problem.size, degree))))]
    many = math.comb(problem.size + MAX_DEGREE, MAX_DEGREE) > _most_terms(problem)
    if many and (low := _exact_of_low_degrees(rows)) is not None:
        return [rows.answer(rows.without_needless_terms(low))]
    if many and sparse and (few := _exact_of_few_terms(rows, deadline)) is not None:
        return [rows.answer(few)]
    if exact:
        return []
    dense = [rows.fit(exponents_up_to(problem.size, k)) for k in _likely_degrees(problem, errors, floor)]
    kept = [each for each in map(rows.without_needless_terms, dense) if not rows.is_series(each)]
    answers = [rows.answer(each) for each in sorted(kept, key=rows.score)]
    if clock.now() > deadline:
        return answers
    degree = MAX_DEGREE
    while math.comb(problem.size + degree, degree) > MAX_SPARSE_TERMS:
        degree -= 1
    book = monomial_dictionary(problem, exponents_up_to(problem.size, degree))
    sums = sum_candidates(problem, floor=floor, deadline=deadline, book=book, max_terms=MAX_SUM_TERMS)
    return sorted([*answers, *sums], key=lambda each: each.score)[:N_KEPT]


def fraction_candidates(
    problem: ScreeningProblem, *, floor: float, deadline: float = math.inf, exact: bool = False
) -> list[ScoredExpression]:
    """Fractions of sparse polynomials of a problem's columns, the shortest description first.

    Args:
        problem: A problem of any number of columns; none are returned for more than three.
        floor: Residual sum of squares, on the scale of the data's target, below which fits are equally good.
        deadline: Time of `clock` after which nothing further is tried.
        exact: Return only a fraction that leaves no more than `floor`.
    """
    if not 1 <= problem.size <= MAX_FRACTION_COLUMNS:
        return []
    rows = _ScaledRows.of(problem, floor)
    found: list[_Sum] = []
    least = math.inf
    sets = fraction_sets(problem.size, len(problem.y), MAX_DEGREE)
    if exact:
        every = rows.monomials(exponents_up_to(problem.size, MAX_DEGREE))
        sets = possible_sets(sets, every, problem.y, rows.root, floor)
    for above, below in sets:
        if problem.size > 1 and clock.now() > deadline:  # all of one column take a tenth of a second
            break
        trial = rows.fit_fraction(above, below)
        if trial is None:
            continue
        before, least = least, min(least, trial.rss)
        if trial.rss <= floor:
            # One that is exact at once is a fraction; one that others came near to approximates something else.
            return [rows.answer(rows.without_needless_terms(trial))] if trial.rss <= MAX_ERROR_RATIO * before else []
        if not (trial.has_poles or rows.is_series(trial)):
            found.append(trial)
    if exact:
        return []
    best = sorted(found, key=rows.score)[:N_KEPT]
    return [rows.answer(each) for each in sorted(map(rows.without_needless_terms, best), key=rows.score)]


@dataclass(frozen=True)
class _Sum:
    """A sum of monomials, or a quotient of two.

    Attributes:
        above: Exponents of the numerator's terms `(M, d)`.
        below: Exponents of the denominator's terms `(K, d)`, none for a polynomial; the coefficient of the first one is 1.
        coefficients: The others, `(M + K - 1,)` or `(M,)`, of scaled columns.
        rss: Weighted residual sum of squares.
        regressors: The linear problem that has these coefficients, `(N, M + K - 1)`, with `aim` `(N,)`.
        has_poles: Whether the denominator changes its sign between the rows.
    """

    above: Exponents
    below: Exponents
    coefficients: Array
    rss: float
    regressors: Array
    aim: Array
    has_poles: bool = False


@dataclass(frozen=True)
class _ScaledRows:
    """The rows of a problem, each column divided by a power of two near its largest magnitude, so that powers stay near 1."""

    problem: ScreeningProblem
    floor: float
    u: Array
    scale: Array
    root: Array

    @classmethod
    def of(cls, problem: ScreeningProblem, floor: float) -> "_ScaledRows":
        """The scaled rows of a problem."""
        largest = np.abs(problem.columns).max(0)
        scale = np.exp2(np.round(np.log2(np.where(largest > 0, largest, 1.0))))
        return cls(problem, floor, problem.columns / scale, scale, np.sqrt(problem.weights))

    def score(self, found: _Sum) -> float:
        """Twice the description length in nats, up to a constant."""
        n = len(self.root)
        positions = float(found.above.sum() + found.below.sum())
        return (
            n * math.log(max(found.rss, self.floor) / n)
            + len(found.coefficients) * math.log(n)
            + 2 * POSITION_NATS * positions
        )

    def is_series(self, found: _Sum) -> bool:
        """Whether it leaves next to nothing and yet something: it approximates another function without noise."""
        target = self.problem.y * self.root
        return self.floor < found.rss <= MAX_SERIES_SHARE * float(target @ target)

    def fit(self, above: Exponents) -> _Sum:
        """The polynomial with these terms of least error."""
        regressors, aim = self.design(above), self.problem.y * self.root
        coefficients = linear_least_squares(regressors, aim)
        gap = regressors @ coefficients - aim
        return _Sum(above, above[:0], coefficients, float(gap @ gap), regressors, aim)

    def fit_fraction(self, above: Exponents, below: Exponents) -> _Sum | None:
        """The fraction with these terms; None where none is finite.

        The terms of the denominator may come in any order: that of the largest coefficient is put first.
        """
        y = self.problem.y
        over, under = self.monomials(above), self.monomials(below)
        both = np.hstack([over, -y[:, None] * under]) * self.root[:, None]
        lengths = np.maximum(np.linalg.norm(both, axis=0), 1e-300)
        null = np.linalg.svd(both / lengths, full_matrices=False)[2][-1] / lengths
        size = np.abs(null[len(above) :]) * np.linalg.norm(under, axis=0)
        first = int(size.argmax())
        order = [first, *(k for k in range(len(below)) if k != first)]
        below, under = below[order], under[:, order]
        return self._refined(above, below, over, under)

    def _refined(self, above: Exponents, below: Exponents, over: Array, under: Array) -> _Sum | None:
        """Iterated least squares with the weights of the previous denominator."""
        y, weight, best = self.problem.y, self.root, None
        with np.errstate(all="ignore"):
            for _ in range(N_ROUNDS):
                regressors = np.hstack([over, -y[:, None] * under[:, 1:]]) * weight[:, None]
                aim = y * under[:, 0] * weight
                if not (np.isfinite(regressors).all() and np.isfinite(aim).all()):
                    break
                coefficients = linear_least_squares(regressors, aim)
                bottom = under[:, 0] + under[:, 1:] @ coefficients[len(above) :]
                gap = ((over @ coefficients[: len(above)]) / bottom - y) * self.root
                rss = float(gap @ gap)
                if not math.isfinite(rss):
                    break
                if best is None or rss < best.rss:
                    best = _Sum(above, below, coefficients, rss, regressors, aim, bool(bottom.min() < 0 < bottom.max()))
                size = np.abs(bottom)
                weight = self.root / np.maximum(size, 1e-8 * size.max())
        return best

    def without_needless_terms(self, found: _Sum) -> _Sum:
        """The sum after backward elimination: terms go, the least needed first, while that shortens the description."""
        n = len(self.root)
        share = 0.5
        while len(found.coefficients) > 1:
            code = math.log(n) + 2 * POSITION_NATS * np.concatenate([found.above, found.below[1:]]).sum(1)
            least = max(found.rss, self.floor)
            loss = (
                n
                * np.log(
                    np.maximum(found.rss + losses_without(found.regressors, found.coefficients), self.floor) / least
                )
                - code
            )
            order = [k for k in np.argsort(loss).tolist() if loss[k] < 0]
            if not order:
                break
            batch = order[: max(int(share * len(order)), 1)]
            fewer = self._without(found, batch)
            if fewer is not None and fewer.has_poles <= found.has_poles and self.score(fewer) < self.score(found):
                found = fewer
            elif len(batch) == 1:
                break
            else:
                share /= 2
        return found

    def _without(self, found: _Sum, gone: list[int]) -> _Sum | None:
        """The sum fitted without some terms; None where nothing is left of the numerator or no fraction can be fitted."""
        m = len(found.above)
        above = np.delete(found.above, [k for k in gone if k < m], axis=0)
        if not len(above):
            return None
        if not len(found.below):
            return self.fit(above)
        below = np.delete(found.below, [k - m + 1 for k in gone if k >= m], axis=0)
        return self._refined(above, below, self.monomials(above), self.monomials(below))

    def answer(self, found: _Sum) -> ScoredExpression:
        """The sum as an expression of the problem's own columns."""
        m = len(found.above)
        over = found.coefficients[:m] / np.prod(self.scale**found.above, axis=1)
        if not len(found.below):
            return ScoredExpression(self.problem, self._expression(found.above, over), self.score(found))
        under = np.concatenate([[1.0], found.coefficients[m:]]) / np.prod(self.scale**found.below, axis=1)
        order = np.argsort(found.below.sum(1), kind="stable")
        # One coefficient is a matter of choice: the one is taken to be 1, at either end, beside which more others are integers.
        unit = max((int(order[0]), int(order[-1])), key=lambda k: _n_integers(np.append(over, under) / under[k]))
        top = self._expression(found.above, over / under[unit])
        return ScoredExpression(
            self.problem, top / self._expression(found.below, under / under[unit], unit), self.score(found)
        )

    def _expression(self, exponents: Exponents, coefficients: Array, unit: int = -1) -> sympy.Expr:
        """The sum of monomials, in which the coefficient of the term `unit` is exactly 1."""
        terms = []
        for k, (powers, c) in enumerate(zip(exponents.tolist(), coefficients.tolist(), strict=True)):
            factors = (e**p for e, p in zip(self.problem.expressions, powers, strict=True) if p)
            terms.append(sympy.Mul(sympy.Integer(1) if k == unit else sympy.Float(c), *factors))
        return sympy.Add(*terms)

    def design(self, above: Exponents) -> Array:
        """Weighted monomials, `(N, terms)`."""
        return np.asarray(self.monomials(above) * self.root[:, None])

    def monomials(self, exponents: Exponents) -> Array:
        """The values of monomials of the scaled columns, `(N, terms)`."""
        values = np.ones((len(self.u), len(exponents)))
        for i, column in enumerate(self.u.T):
            values *= column[:, None] ** exponents[:, i]
        return values


def _n_integers(coefficients: Array) -> int:
    return int((np.abs(coefficients - np.round(coefficients)) < INTEGER_TOLERANCE).sum())


def _most_terms(problem: ScreeningProblem) -> float:
    return min(MAX_DENSE_TERMS, len(problem.y) / MIN_ROWS_PER_TERM)


def _errors_by_degree(problem: ScreeningProblem) -> list[tuple[float, float]]:
    """Residual sum of squares and leave-one-out error of all terms up to each degree that the rows determine."""
    d, degree = problem.size, 1
    limit = MAX_DEGREE_OF_ONE if d == 1 else MAX_DEGREE
    while degree < limit and math.comb(d + degree + 1, d) <= _most_terms(problem):
        degree += 1
    return chebyshev_basis(problem.columns, degree).errors(problem.y, problem.weights)


def _exact_of_low_degrees(rows: _ScaledRows) -> _Sum | None:
    """The polynomial of least degree in each column that is exact; its total degree may be higher than rows determine."""
    every, before = exponents_up_to(rows.problem.size, MAX_DEGREE), math.inf
    for degree in range(1, MAX_DEGREE):
        exponents = every[every.max(1) <= degree]
        if len(exponents) > _most_terms(rows.problem):
            break
        found = rows.fit(exponents)
        if found.rss <= rows.floor:
            return found if found.rss <= MAX_ERROR_RATIO * before else None
        before = found.rss
    return None


def _exact_of_few_terms(rows: _ScaledRows, deadline: float) -> _Sum | None:
    """An exact polynomial of few among more terms than rows: see `sparse_support`."""
    degree = MAX_DEGREE
    while degree > 1 and math.comb(rows.problem.size + degree, degree) > MAX_WEIGHTED_TERMS:
        degree -= 1
    every = exponents_up_to(rows.problem.size, degree)
    if (support := sparse_support(rows.design(every), rows.problem.y * rows.root, deadline=deadline)) is None:
        return None
    found = rows.without_needless_terms(rows.fit(every[support]))
    return found if found.rss <= rows.floor and len(found.above) <= MAX_EXACT_TERMS else None


def _likely_degrees(problem: ScreeningProblem, errors: list[tuple[float, float]], floor: float) -> list[int]:
    """The degrees of least description and of least leave-one-out error."""
    n, d = problem.columns.shape
    described = [
        n * math.log(max(rss, floor) / n) + math.comb(d + k, d) * math.log(n) for k, (rss, _) in enumerate(errors)
    ]
    return sorted({max(int(np.argmin(each)), 1) for each in (described, [error for _, error in errors])})
