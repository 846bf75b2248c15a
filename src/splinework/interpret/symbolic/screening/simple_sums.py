"""Sums of plain terms with simple coefficients: powers of the columns, and functions of a column or its square beside them.

Of noisy rows the coefficients of such terms are uncertain one by one, as each can stand in for the others. Which simple numbers
fit all of them together, zeros included, is a problem of integer least squares (`rounding.py`): what it finds has the shortest
description without any fitted number.
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
from splinework.interpret.symbolic.rounding import Rounding, roundings
from splinework.interpret.symbolic.screening.dictionary import UnivariateTerm
from splinework.interpret.symbolic.screening.problem import ScoredExpression, ScreeningProblem
from splinework.interpret.symbolic.screening.surrogate import exponents_up_to
from splinework.interpret.symbolic.simple_numbers import SimpleNumber

MAX_TERMS, MAX_DEGREE = 15, 10
"""Most terms of a sum, and the highest total degree of powers."""
DEGREES = (6, 3)
"""Highest degrees of the powers beside one function, and beside two."""
MAX_COSTS = (math.inf, 2.8)
"""Longest codes of one function of one column, and of others."""
MIN_EXCESS, EXCESS_NATS = 0.01, 8.0
"""Share, or nats, by which the error of a sum with free coefficients may exceed the least of all."""
N_KEPT = 4
WORK = 0.012
"""Units of work of a sum."""


def simple_sums(
    problem: ScreeningProblem,
    *,
    functions: int,
    library: Sequence[LibraryFunction] = LIBRARY,
    deadline: float = math.inf,
) -> list[ScoredExpression]:
    """Sums with simple coefficients, the shortest description first.

    Args:
        problem: A problem with columns.
        functions: Number of functions beside the powers, up to two.
        library: The functions.
        deadline: Time of `clock` after which no further sums are tried.
    """
    names, root, found = len(problem.expressions), np.sqrt(problem.weights), list[tuple[float, sympy.Expr]]()
    least = math.inf
    for terms in _sets(problem, functions, library):
        if clock.now() > deadline:
            break
        clock.spend(WORK)
        design = np.column_stack([term.values for term in terms]) * root[:, None]
        lengths = np.linalg.norm(design, axis=0)
        if not np.isfinite(lengths).all() or not lengths.min() > 0:
            continue
        sum_of = _Sum(design / lengths, problem.y * root)
        rows, error = len(root), sum_of.error({})
        least = min(least, error)
        if not 0 < error <= least * (1 + max(MIN_EXCESS, EXCESS_NATS / rows)) ** 2:
            continue
        saved = [OPERATION_NATS + structure_length(term.expression, names) for term in terms]
        inverse = np.linalg.pinv(sum_of.design.T @ sum_of.design, rcond=1e-14, hermitian=True) * error
        for rounding in roundings(
            sum_of.fitted({}) / lengths, inverse / lengths / lengths[:, None], rows, partial(_nats, saved)
        ):
            fixed = {k: number.value * lengths[k] for k, number in rounding.items()}
            made = _written(terms, rounding, sum_of.fitted(fixed) / lengths)
            free = len(terms) - len(rounding)
            nats = rows / 2 * math.log(sum_of.error(fixed)) + structure_length(made, names) + free / 2 * math.log(rows)
            found.append((2 * nats, made))
    best = sorted({made: nats for nats, made in found}.items(), key=lambda each: each[1])[:N_KEPT]
    return [ScoredExpression(problem, made, nats) for made, nats in best]


@dataclass(frozen=True)
class _Sum:
    """A linear problem of weighted regressors of norm 1, `(N, terms)`."""

    design: Array
    aim: Array

    def fitted(self, fixed: dict[int, float]) -> Array:
        """The coefficients of least error, some of them fixed."""
        free = [k for k in range(self.design.shape[1]) if k not in fixed]
        found = np.zeros(self.design.shape[1])
        found[list(fixed)] = list(fixed.values())
        found[free] = np.linalg.lstsq(self.design[:, free], self.aim - self.design @ found, rcond=None)[0]
        return found

    def error(self, fixed: dict[int, float]) -> float:
        """The variance of what these leave."""
        left = self.design @ self.fitted(fixed) - self.aim
        rows, terms = self.design.shape
        return float(left @ left) / max(rows - terms + len(fixed), 1)


def _sets(
    problem: ScreeningProblem, functions: int, library: Sequence[LibraryFunction]
) -> Iterator[list[UnivariateTerm]]:
    """The sums that are tried: all powers up to a degree, or fewer with functions beside them."""
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
            yield [term for term, total in zip(powers, totals, strict=True) if total <= degree]
        return
    longest = MAX_COSTS[-1 if problem.size > 1 else functions - 1]
    others = [term for pair in pairs for term in _functions(*pair, library) if term.cost <= longest]
    for chosen in itertools.combinations(others, functions):
        yield [*powers, *chosen]


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
    return 0.0 if number.value == 1 else OPERATION_NATS + number.code


def _written(terms: Sequence[UnivariateTerm], rounding: Rounding, coefficients: Array) -> sympy.Expr:
    """The sum with exact coefficients where they are simple."""
    numbers = (rounding[k].exact if k in rounding else sympy.Float(c) for k, c in enumerate(coefficients.tolist()))
    return sympy.Add(*(number * term.expression for number, term in zip(numbers, terms, strict=True)))
