"""Sums of plain terms with simple coefficients, `y = Σ z_k t_k`: powers of the columns, and functions of a column beside them.

Of noisy rows the coefficients of such terms are uncertain one by one, as each can stand in for the others. Which simple numbers
fit all of them together, zeros included, is a problem of integer least squares (Agrell, Eriksson, Vardy & Zeger 2002), which
`rounding.py` solves: what it finds has the shortest description without any fitted number.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.description_length import NUMBER_NATS, OPERATION_NATS, structure_length
from splinework.interpret.symbolic.library import LIBRARY, Array, LibraryFunction
from splinework.interpret.symbolic.rounding import MIN_SNAP_GAIN, Rounding, joint_roundings
from splinework.interpret.symbolic.screening.dictionary import UnivariateTerm
from splinework.interpret.symbolic.screening.problem import ScreeningProblem
from splinework.interpret.symbolic.screening.surrogate import exponents_up_to
from splinework.interpret.symbolic.simple_numbers import SimpleNumber

MAX_TERMS, MAX_DEGREE = 15, 10
"""Most terms of a sum, and the highest total degree of powers."""
DEGREES = (4, 3)
"""Highest degrees of the powers beside one function, and beside two."""
MAX_COSTS = (math.inf, 2.8)
"""Longest codes of one function of one column, and of others."""
FACTOR_POWERS, FACTOR_RATES, N_WAVES = (0, 1, 2, 3), (0, -1, 1, sympy.Rational(-1, 2), -2), 5
"""Powers and rates of the factors of waves, and the number of their frequencies."""
MIN_EXCESS, EXCESS_NATS = 0.01, 8.0
"""Share, or nats, by which the error of a sum with free coefficients may exceed the least of all."""
N_KEPT, MAX_FREE = 4, (4, 1)
"""Sums that are kept, and most coefficients that are not simple: of powers and of waves, and of other functions."""
WORK = 0.006
"""Units of work of a sum."""


def simple_sums(
    problem: ScreeningProblem,
    *,
    functions: int,
    library: Sequence[LibraryFunction] = LIBRARY,
    deadline: float = math.inf,
) -> list[sympy.Expr]:
    """Sums with simple coefficients, the shortest description first.

    Args:
        problem: A problem with columns.
        functions: Number of functions beside the powers, up to two.
        library: The functions.
        deadline: Time of `clock` after which no further sums are tried.
    """
    root = np.sqrt(problem.weights)
    found: list[tuple[float, int, Rounding, _Regression]] = []
    least = math.inf
    for terms, free in _sets(problem, functions, library):
        if clock.now() > deadline:
            break
        clock.spend(WORK)
        each = _Regression.of(terms, problem.y, root)
        if (
            each is None
            or not 0 < (error := each.error({})) <= (1 + max(MIN_EXCESS, EXCESS_NATS / len(root))) ** 2 * least
        ):
            continue
        least = min(least, error)
        sizes = [OPERATION_NATS + structure_length(term.expression, problem.size) for term in terms]
        for nats, rounding in joint_roundings(*each.estimate(error), len(root), partial(_nats, sizes)):
            if len(terms) - len(rounding) <= free:
                found.append((len(root) / 2 * math.log(error) + sum(sizes) + nats, len(found), rounding, each))
    answers = [each.written(rounding) for _, _, rounding, each in sorted(found, key=lambda each: each[:2])[:N_KEPT]]
    return list(dict.fromkeys(answers))


@dataclass(frozen=True)
class _Regression:
    """Terms, a linear problem with weighted regressors of norm 1, `(N, terms)`, and the norms before."""

    terms: Sequence[UnivariateTerm]
    design: Array
    aim: Array
    lengths: Array

    @classmethod
    def of(cls, terms: Sequence[UnivariateTerm], y: Array, root: Array) -> "_Regression | None":
        """The problem of a target with roots of weights; None where a term is not finite or vanishes."""
        design = np.column_stack([term.values for term in terms]) * root[:, None]
        lengths = np.linalg.norm(design, axis=0)
        usable = np.isfinite(lengths).all() and lengths.min() > 0
        return cls(terms, design / lengths, y * root, lengths) if usable else None

    def fitted(self, fixed: Rounding) -> Array:
        """The coefficients of least error of the regressors, some of them fixed."""
        free = [k for k in range(len(self.terms)) if k not in fixed]
        found = np.zeros(len(self.terms))
        found[list(fixed)] = [number.value * self.lengths[k] for k, number in fixed.items()]
        found[free] = np.linalg.lstsq(self.design[:, free], self.aim - self.design @ found, rcond=None)[0]
        return found

    def error(self, fixed: Rounding) -> float:
        """The variance of what these leave."""
        left = self.design @ self.fitted(fixed) - self.aim
        return float(left @ left) / max(len(left) - len(self.terms) + len(fixed), 1)

    def estimate(self, error: float) -> tuple[Array, Array]:
        """The coefficients of the terms and their covariance, by the variance of the errors."""
        inverse = np.linalg.pinv(self.design.T @ self.design, rcond=1e-14, hermitian=True)
        return self.fitted({}) / self.lengths, inverse * error / self.lengths / self.lengths[:, None]

    def written(self, rounding: Rounding) -> sympy.Expr:
        """The sum with exact coefficients where they are simple."""
        free = (self.fitted(rounding) / self.lengths).tolist()
        numbers = (rounding[k].exact if k in rounding else sympy.Float(c) for k, c in enumerate(free))
        return sympy.Add(*(number * term.expression for number, term in zip(numbers, self.terms, strict=True)))


def _sets(
    problem: ScreeningProblem, functions: int, library: Sequence[LibraryFunction]
) -> Iterator[tuple[list[UnivariateTerm], int]]:
    """The sums that are tried, all powers up to a degree, or fewer with functions beside them, and most free coefficients."""
    pairs = list(zip(problem.columns.T, problem.expressions, strict=True))
    most = MAX_DEGREE if functions == 0 else DEGREES[functions - 1]
    while most > 1 and math.comb(problem.size + most, most) + functions > MAX_TERMS:
        most -= 1
    if math.comb(problem.size + most, most) + functions > MAX_TERMS:
        return
    exponents = exponents_up_to(problem.size, most)
    values = np.stack([np.prod(problem.columns**powers, axis=1) for powers in exponents])
    made = [sympy.Mul(*(e ** int(p) for e, p in zip(problem.expressions, powers, strict=True))) for powers in exponents]
    powers = [UnivariateTerm(*each, 0.0) for each in zip(values, made, strict=True)]
    if functions == 0:
        totals = exponents.sum(1)
        for degree in range(1, most + 1):
            yield [term for term, total in zip(powers, totals, strict=True) if total <= degree], MAX_FREE[0]
        return
    longest = MAX_COSTS[-1 if problem.size > 1 else functions - 1]
    others = [term for pair in pairs for term in _functions(*pair, library) if term.cost <= longest]
    if problem.size == functions == 1:
        column, e = pairs[0]
        beside = [UnivariateTerm(column * term.values, e * term.expression, term.cost) for term in others]
        others += [term for term in beside if not term.expression.is_polynomial(e)]
    for chosen in itertools.combinations(others, functions):
        yield [*powers, *chosen], MAX_FREE[1]
    if problem.size == 1 and functions == 2:
        for waves in _modulated_waves(problem.columns[:, 0], problem.expressions[0], library):
            yield waves, MAX_FREE[0]


def _modulated_waves(
    column: Array, expression: sympy.Expr, library: Sequence[LibraryFunction]
) -> Iterator[list[UnivariateTerm]]:
    """Waves of whole frequencies times a power of the column and an exponential: what products of waves are."""
    if not {"sin", "exp"} <= {f.name for f in library}:
        return
    for power, rate in itertools.product(FACTOR_POWERS, FACTOR_RATES):
        factor, e = column**power * np.exp(float(rate) * column), expression**power * sympy.exp(rate * expression)
        waves = [(np.cos, sympy.cos, k) for k in range(N_WAVES + 1)] + [
            (np.sin, sympy.sin, k + 1) for k in range(N_WAVES)
        ]
        yield [UnivariateTerm(factor * f(k * column), e * g(k * expression), 0.0) for f, g, k in waves]


def _functions(column: Array, expression: sympy.Expr, library: Sequence[LibraryFunction]) -> Iterator[UnivariateTerm]:
    """Functions of a column, of twice the column and of its square that are no powers, without numbers of their own."""
    waves = [f for f in library if f.spectral]
    for values, e, extra in (
        (column, expression, 0.0),
        (column**2, expression**2, 0.0),
        (2 * column, 2 * expression, 1.4),
    ):
        made = [(f.value(values), f.build(e), f.cost + extra) for f in library if f.shape is None and not f.jumps]
        made += [(np.cos(values), sympy.cos(e), f.cost + extra) for f in waves]
        for found, function, cost in made:
            if np.isfinite(found).all() and np.ptp(found) > 0 and not function.is_polynomial(*function.free_symbols):
                yield UnivariateTerm(found, function, cost)


def _nats(saved: Sequence[float], k: int, number: SimpleNumber | None) -> float:
    """Nats of a coefficient in the structure of a sum, and of the term where it is zero."""
    if number is None:
        return OPERATION_NATS + NUMBER_NATS
    if not number.top:
        return -saved[k]
    return 0.0 if number.value == 1 else OPERATION_NATS + number.code + MIN_SNAP_GAIN * (number.unit > 0)
