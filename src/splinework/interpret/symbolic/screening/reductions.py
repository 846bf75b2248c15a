"""Reductions suggested by the gradient of the data: factors, sums, and pairs of columns that act as one.

If `f = g(x) h(y)`, `∂ ln f/∂x` does not depend on y; if `f = g(x) + h(y)`, `∂f/∂x` does not; if x and y act as `u(x, y)`, the
ratio of their slopes depends on them alone (Udrescu & Tegmark 2020, and Udrescu et al. 2020, AI Feynman 2.0).
"""

import heapq
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.problem import ScreeningProblem, power, rational
from splinework.interpret.symbolic.screening.surrogate import PolynomialSurrogate

MAX_VIOLATION, ERROR_FACTOR = 0.2, 4.0
"""Tolerated relative violation of a gradient identity, plus this multiple of the surrogate's relative error."""
PAIR_WORK = 5e-7
"""Units of work of a row, for each pair of columns of one kind of reduction."""
MAX_GROUPED_COLUMNS = 3
"""Number of columns up to which combinations of a factor and a group are tried."""
EXPONENTS = tuple(sorted({Fraction(a, b) for b in (1, 2, 3) for a in range(-18, 19) if a and abs(a) <= 6 * b}))
"""Exponents of a factor."""
SIMPLE_RATIOS = tuple(sorted({Fraction(a, b) for a in range(1, 5) for b in range(1, 5) if a * b <= 6}))
"""Simple ratios and coefficients."""


@dataclass(frozen=True)
class Reduction:
    """A way to a smaller problem, with the violation of the gradient identity behind it."""

    make: Callable[[], ScreeningProblem]
    violation: float

    @property
    def problem(self) -> ScreeningProblem:
        """The smaller problem."""
        return self.make()


def suggested_reductions(
    problem: ScreeningProblem,
    surrogate: PolynomialSurrogate,
    rough: float,
    most: int,
    late: Callable[[], bool] = lambda: False,
) -> list[Reduction]:
    """Smaller problems suggested by the gradient, the most plausible first; each must be verified by a fit.

    Args:
        problem: The problem to reduce.
        surrogate: Surrogate of its target.
        rough: Error of the surrogate relative to the standard deviation of the target.
        most: How many there are at most. Those of all pairs of hundreds of columns would not fit into memory.
        late: Says whether time is up: no further pairs are looked at then.
    """
    slack = min(ERROR_FACTOR * rough, 0.8)
    found = itertools.chain(
        _irrelevant(problem, surrogate),
        _factors(problem, surrogate, slack),
        _pairs_scaled(problem, surrogate, slack, late),
        _pairs_added(problem, surrogate, late),
    )
    plausible = (each for each in found if each.violation < MAX_VIOLATION + slack)
    return heapq.nsmallest(most, plausible, key=lambda each: each.violation)


def common_reductions(problem: ScreeningProblem) -> list[Reduction]:
    """Common reductions, tried without the gradient where noise dominates it."""
    found = []
    for i in range(problem.size):
        for smaller in divided(problem, i):
            found.append(Reduction(partial(smaller.without, i), 1.0))
            if problem.size <= MAX_GROUPED_COLUMNS:  # a factor and a group of it: x_i^p g(x_j x_i^±1)
                for j in range(problem.size):
                    if j != i:
                        found += [
                            Reduction(partial(smaller.merged, i, j, *group), 1.0) for group in _groups(problem, i, j)
                        ]
        for j in range(i):
            one, two = problem.columns[:, j], problem.columns[:, i]
            left, right = problem.expressions[j], problem.expressions[i]
            options = [*_groups(problem, i, j), (one - two, left - right), (one + two, left + right)]
            options.append((one**2 + two**2, left**2 + right**2))
            found += [Reduction(partial(problem.merged, j, i, *option), 1.0) for option in options]
    return found


COMMON = (Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2), Fraction(-1, 2))
"""Common powers."""


def divided(problem: ScreeningProblem, i: int, exponents: Sequence[Fraction] = COMMON) -> Iterator[ScreeningProblem]:
    """The problem divided by some powers of a column, where it has no zeros."""
    for exponent in exponents:
        if (factor := power(problem.columns[:, i], exponent)) is not None:
            yield problem.divided(factor, problem.expressions[i] ** rational(exponent))


def _groups(problem: ScreeningProblem, i: int, j: int) -> list[tuple[Array, Any]]:
    """The product and the quotient of two columns."""
    one, two = problem.columns[:, j], problem.columns[:, i]
    left, right = problem.expressions[j], problem.expressions[i]
    found = [(one * two, left * right)]
    if np.abs(two).min() > 0:
        found.append((one / two, left / right))
    return found


def _divided_without(problem: ScreeningProblem, factor: Array, expression: Any, i: int) -> ScreeningProblem:
    return problem.divided(factor, expression).without(i)


def _divided_merged(
    problem: ScreeningProblem, factor: Array, expression: Any, i: int, j: int, column: Array, merged: Any
) -> ScreeningProblem:
    return problem.divided(factor, expression).merged(i, j, column, merged)


def _norm(values: Array, weights: Array) -> float:
    return float(np.sqrt(np.mean(weights * values**2)))


def _irrelevant(problem: ScreeningProblem, s: PolynomialSurrogate) -> Iterator[Reduction]:
    spread = _norm(problem.y - problem.level, problem.weights)
    for i in range(problem.size):
        moved = _norm(s.gradient[:, i] * problem.columns[:, i].std(), problem.weights)
        yield Reduction(partial(problem.dropped, i), moved / (spread or 1.0))


def _nearest(value: float, choices: tuple[Fraction, ...], count: int) -> list[Fraction]:
    return sorted(choices, key=lambda c: abs(float(c) - value))[:count]


def _factors(problem: ScreeningProblem, s: PolynomialSurrogate, slack: float) -> Iterator[Reduction]:
    """`y = x_i^p · rest`, where `x_i ∂_i y = p y`."""
    w, y = problem.weights, s.values
    size = float(np.mean(w * y**2))
    for i in range(problem.size):
        scaled = problem.columns[:, i] * s.gradient[:, i]
        p = float(np.mean(w * scaled * y)) / size
        violation = _norm(scaled - p * y, w) / max(_norm(scaled, w), _norm(y, w))
        for exponent in _nearest(p, EXPONENTS, 2):
            factor = power(problem.columns[:, i], exponent)
            if factor is not None and abs(float(exponent) - p) < 0.3 + slack:
                make = partial(_divided_without, problem, factor, problem.expressions[i] ** rational(exponent), i)
                yield Reduction(make, violation + abs(float(exponent) - p))


def _while(late: Callable[[], bool], problem: ScreeningProblem) -> Iterator[int]:
    """The columns while there is time, for each of which the pairs with all later ones are looked at."""
    for i in itertools.takewhile(lambda _: not late(), range(problem.size)):
        clock.spend(PAIR_WORK * len(problem.y) * (problem.size - i - 1))
        yield i


def _pairs_scaled(
    problem: ScreeningProblem, s: PolynomialSurrogate, slack: float, late: Callable[[], bool]
) -> Iterator[Reduction]:
    """`y = x_i^λ g(x_j x_i^-r, rest)`, where `x_i ∂_i y + r x_j ∂_j y = λ y`."""
    w = np.sqrt(problem.weights)
    scaled = problem.columns * s.gradient
    sizes = [_norm(c, problem.weights) for c in scaled.T]
    for i in _while(late, problem):
        for j in range(i + 1, problem.size):
            for with_factor in (False, True):
                parts = [scaled[:, i], scaled[:, j], *([s.values] if with_factor else [])]
                lengths = np.array([np.linalg.norm(w * p) for p in parts])
                if lengths.min() <= 0:
                    continue
                matrix = np.stack([w * p for p in parts], 1) / lengths
                if not np.isfinite(matrix).all():
                    continue
                _, values, vectors = np.linalg.svd(matrix, full_matrices=False)
                vector = vectors[-1] / lengths
                violation = float(values[-1])
                yield from _scaled(problem, i, j, vector, violation, sizes, slack)


def _scaled(
    problem: ScreeningProblem, i: int, j: int, vector: Array, violation: float, sizes: list[float], slack: float
) -> Iterator[Reduction]:
    """The merged column of one null vector `(a, b[, -λ])`, its exponents rounded."""
    a, b = float(vector[0]), float(vector[1])
    if abs(a) * sizes[i] < 1e-3 * abs(b) * sizes[j] or abs(b) * sizes[j] < 1e-3 * abs(a) * sizes[i]:
        return  # a factor alone
    if a == 0 or b == 0 or not np.isfinite(vector).all():
        return
    ratio = b / a  # invariant: x_i^(b/a)... y(t^a x_i, t^b x_j) = t^λ y, u = x_j x_i^(-b/a)
    sign = 1 if ratio > 0 else -1
    for size in _nearest(abs(ratio), SIMPLE_RATIOS, 2):
        if abs(float(size) - abs(ratio)) > (0.15 + slack) * float(size):
            continue
        r = sign * size
        one, two = (-r, Fraction(1)) if abs(r) >= 1 else (Fraction(1), -1 / r)
        if one < 0 and two < 0:
            one, two = -one, -two
        left, right = power(problem.columns[:, i], one), power(problem.columns[:, j], two)
        if left is None or right is None:
            continue
        expression = problem.expressions[i] ** rational(one) * problem.expressions[j] ** rational(two)
        off = abs(float(size) / abs(ratio) - 1)
        if len(vector) == 2:
            yield Reduction(partial(problem.merged, i, j, left * right, expression), violation + off)
            continue
        exponent = -float(vector[2]) / a  # y = x_i^(λ/a) g(u)
        for p in _nearest(exponent, EXPONENTS, 2):
            factor = power(problem.columns[:, i], p)
            if factor is not None and abs(float(p) - exponent) < 0.3 + slack:
                factors = factor, problem.expressions[i] ** rational(p)
                make = partial(_divided_merged, problem, *factors, i, j, left * right, expression)
                yield Reduction(make, violation + off + abs(float(p) - exponent))


def _pairs_added(problem: ScreeningProblem, s: PolynomialSurrogate, late: Callable[[], bool]) -> Iterator[Reduction]:
    """`y = g(A(x_i) + B(x_j), rest)` with powers A and B, where `ln |∂_i y / ∂_j y|` is linear in their logarithms."""
    for i in _while(late, problem):
        for j in range(i + 1, problem.size):
            gi, gj = s.gradient[:, i], s.gradient[:, j]
            xi, xj = problem.columns[:, i], problem.columns[:, j]
            weights = problem.weights * np.minimum(np.abs(gi), np.abs(gj)) ** 2
            usable = (weights > 1e-4 * weights.max()) & (xi != 0) & (xj != 0)
            if usable.sum() < 20:
                continue
            rho = np.log(np.abs(gi[usable] / gj[usable]))
            if not np.isfinite(rho).all():
                continue
            design = np.stack([np.log(np.abs(xi[usable])), -np.log(np.abs(xj[usable])), np.ones(usable.sum())], 1)
            root = np.sqrt(weights[usable])
            root /= np.linalg.norm(root)
            (alpha, beta, _), *_ = np.linalg.lstsq(design * root[:, None], rho * root, rcond=None)
            for one in _nearest(alpha + 1, _SHAPES, 2):
                for two in _nearest(beta + 1, _SHAPES, 2):
                    left = rho - design[:, 0] * (float(one) - 1) - design[:, 1] * (float(two) - 1)
                    level = float(np.average(left, weights=root**2))
                    violation = float(np.sqrt(np.average((left - level) ** 2, weights=root**2)))
                    with np.errstate(all="ignore"):
                        ratio = gi / gj / xi ** _whole(one, -1) * xj ** _whole(two, -1)
                    sign = 1 if np.average(np.nan_to_num(np.sign(ratio[usable])), weights=root**2) > 0 else -1
                    yield from _added(problem, i, j, one, two, sign * np.exp(-level), violation)


_SHAPES = (Fraction(-2), Fraction(-1), Fraction(0), Fraction(1, 2), Fraction(1), Fraction(2), Fraction(3))
"""Powers in a sum of two; 0 stands for the logarithm."""


def _whole(exponent: Fraction, add: int) -> float:
    value = exponent + add
    return int(value) if value.denominator == 1 else float(value)


def _added(
    problem: ScreeningProblem, i: int, j: int, one: Fraction, two: Fraction, slope: float, violation: float
) -> Iterator[Reduction]:
    """`x_i^one + c x_j^two`, the coefficient rounded if that is near."""
    if one == two == 0:
        return  # a product of powers
    parts = []
    for k, exponent in ((i, one), (j, two)):
        column = problem.columns[:, k]
        if exponent == 0:
            if column.min() <= 0:
                return
            parts.append((np.log(column), sympy.log(problem.expressions[k])))
        else:
            value = column ** int(exponent) if exponent.denominator == 1 and exponent > 0 else power(column, exponent)
            if value is None:
                return
            parts.append((value, problem.expressions[k] ** rational(exponent)))
    c = slope * float(one or 1) / float(two or 1)
    near = min(SIMPLE_RATIOS, key=lambda r: abs(float(r) / abs(c) - 1))
    options = [(c, sympy.Float(c))]
    if abs(float(near) / abs(c) - 1) < 0.05:
        exact = near if c > 0 else -near
        options.insert(0, (float(exact), rational(exact)))
    for factor, number in options:
        column = parts[0][0] + factor * parts[1][0]
        if np.ptp(column) > 0:
            make = partial(problem.merged, i, j, column, parts[0][1] + number * parts[1][1])
            yield Reduction(make, violation)


def distinct(
    found: list[tuple[PolynomialSurrogate, ScreeningProblem]],
) -> list[tuple[PolynomialSurrogate, ScreeningProblem]]:
    """Reduced problems with their surrogates, those of distinct error, best first."""
    kept: list[tuple[PolynomialSurrogate, ScreeningProblem]] = []
    for entry in sorted(found, key=lambda entry: entry[0].error):
        if not kept or abs(math.log((entry[0].error + 1e-300) / (kept[-1][0].error + 1e-300))) > 1e-3:
            kept.append(entry)
    return kept
