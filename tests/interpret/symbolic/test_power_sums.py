"""Sums of products of powers: found from their values, with exponents of any size, in many columns, and nothing else."""

import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.screening.power_sums import power_sum_candidates
from splinework.interpret.symbolic.screening.problem import initial_problem
from tests.interpret.symbolic.cases import generator

A, B, C, D, E = NAMES = tuple(map(symbol, "abcde"))
SUMS = {
    "one product": 2 * A**1.37 / B,
    "a difference of high powers": 4 * (A**-6 - A**-3),
    "six factors of two of three terms": A**4 * B / (C**2 * D) + A**2 * E**2 / D - 2 * A**2 * E**2 * B / D,
    "four terms": A**2 * B - 3 * C / D + A * D**2 / (2 * B) - sympy.sqrt(B) * C,
    "exponents that are no fractions": (A / 3.7) ** 1.11 + 6.9 * B**-0.87,
    "a constant among them": 1.3 + A * B**-1.5,
}


def problem(expression, low=1.0, high=4.0, seed=0):
    """The problem of an expression on drawn rows."""
    columns = np.broadcast_to(
        np.stack([np.full(5, low), np.full(5, high)]) if np.isscalar(low) else (low, high), (2, 5)
    )
    x = generator(seed).uniform(*columns, (500, 5))
    names = [s.name for s in NAMES]
    return initial_problem(FitTarget(x, compile_expression(expression, names)(x), tuple(names)))


def found(at):
    """The formula of a problem, exact once its numbers are fitted; None if there is none."""
    for answer in power_sum_candidates(at):
        pool = Pool(FitTarget(at.columns, at.y, tuple(str(e) for e in at.expressions)))
        entry = pool.offer(answer.expression)
        assert pool.exact, entry
        return entry.expression
    return None


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", SUMS)
def test_sums_of_products_of_powers_are_found_to_rounding(name, seed):
    at = problem(SUMS[name], seed=seed)
    answer = found(at)
    assert len(sympy.Add.make_args(answer)) == len(sympy.Add.make_args(sympy.expand(SUMS[name])))
    assert answer.free_symbols == SUMS[name].free_symbols


@pytest.mark.parametrize("factor", [-1.8, 0.4])
@pytest.mark.parametrize("inside", [(A / 3.7) ** 1.11 + 6.9 * B**-0.87, A**2 + 0.3 * B / C, 1 + A / B**2])
def test_logarithms_of_sums_of_two_over_decades_are_found_in_any_base(inside, factor):
    x = np.exp(generator(0).uniform(-3, 3, (500, 3)))
    y = compile_expression(factor * sympy.log(inside) + 0.7, "abc")(x)
    at = initial_problem(FitTarget(x, y, ("a", "b", "c")))
    assert found(at).free_symbols == inside.free_symbols


def test_columns_that_change_sign_are_factors_and_negative_ones_have_powers():
    low, high = (-2, -1, 1, -3, -3), (1, 2, 3, -1, -2)
    for truth in (A / C**1.37 + 3 * A**2 * D, A**2 * C + 2 * B / D, 1.7 * (-D) ** 1.5 + B * E**3):
        at = problem(truth, low, high)
        assert sympy.simplify(sympy.nsimplify(found(at) - truth, rational=True, tolerance=1e-6)) == 0


@pytest.mark.parametrize("truth", [sympy.sin(A), sympy.exp(A) / B, sympy.log(A + B) * C, (A + 2 * B) ** 1.5])
def test_what_is_no_such_sum_gives_nothing(truth):
    assert found(problem(truth)) is None


def test_noise_gives_nothing():
    at = problem(A * B + C)
    noisy = FitTarget(at.columns, at.y + generator(1).normal(size=500), tuple(s.name for s in NAMES))
    assert found(initial_problem(noisy)) is None


@pytest.mark.parametrize(("rows", "columns"), [(8, 2), (12, 3), (16, 8), (300, 150)])
def test_as_many_numbers_as_rows_are_no_sum(rows, columns):
    draw = generator(0)
    names = tuple(f"x{k}" for k in range(columns))
    target = FitTarget(draw.uniform(1, 3, (rows, columns)), draw.normal(size=rows), names)
    assert power_sum_candidates(initial_problem(target)) == []
