"""Coordinates in which a target is a sum of a function of one column and one of the others."""

import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.screening.coordinates import additive_coordinates
from splinework.interpret.symbolic.screening.problem import initial_problem
from splinework.interpret.symbolic.screening.separable import SUM, separations

NAMES = ("a", "b")
A, B = (symbol(name) for name in NAMES)
TARGETS = [
    (A**2 + sympy.exp(A * B), A * B),
    (sympy.sin(3 * A) - sympy.log(1 + B / A), B / A),
    (B + sympy.exp(-(A**2) - B**2), A**2 + B**2),
    (sympy.cosh(A + B / 2) - A**3, A + B / 2),
    (sympy.sin(B - 1.37 * A) + A**2, B - 1.37 * A),
    (A - sympy.exp(-B * A**1.5), A**1.5 * B),
]


def problem_of(expression, *, count=800, seed=0, low=0.5):
    x = np.random.default_rng(seed).uniform(low, 2.0, (count, 2))
    return initial_problem(FitTarget(x, compile_expression(expression, NAMES)(x), NAMES))


@pytest.mark.parametrize(("truth", "combination"), TARGETS, ids=str)
def test_the_combination_is_found(truth, combination):
    """It is found up to a function of it alone: a ratio may come back as its inverse, a sum times a number."""
    problem = problem_of(truth)
    wanted = compile_expression(combination, NAMES)(problem.columns)
    found = additive_coordinates(problem)
    assert [each.error for each in found] == sorted(each.error for each in found)
    assert found[0].error <= 1e-5 * problem.y.std()
    likeness = []
    for expression, column in zip(found[0].problem.expressions, found[0].problem.columns.T, strict=True):
        assert np.allclose(compile_expression(expression, NAMES)(problem.columns), column)
        likeness += [abs(np.corrcoef(np.argsort(np.argsort(column)), np.argsort(np.argsort(wanted)))[0, 1])]
    assert max(likeness) >= 1 - 1e-5


def test_what_the_target_is_stays():
    problem = problem_of(TARGETS[3][0])
    for each in additive_coordinates(problem):
        assert each.problem.y is problem.y
        assert each.problem.weights is problem.weights
        kept = [k for k in range(2) if np.array_equal(each.problem.columns[:, k], problem.columns[:, k])]
        assert len(kept) == 1


def test_simple_ratios_are_exact_and_others_numbers():
    (simple, *_), (other, *_) = (additive_coordinates(problem_of(TARGETS[k][0])) for k in (3, 4))
    assert {number for e in simple.problem.expressions for number in e.atoms(sympy.Float)} == set()
    assert any(
        float(number) == pytest.approx(r, rel=1e-4)
        for e in other.problem.expressions
        for number in e.atoms(sympy.Float)
        for r in (-1.37, -1 / 1.37)
    )


@pytest.mark.slow
def test_in_these_coordinates_the_target_is_a_sum():
    best = additive_coordinates(problem_of(TARGETS[0][0]))[0]
    assert separations(best.problem)[0].kind == SUM


def test_one_column_has_no_other_coordinates():
    x = np.linspace(1, 2, 100)[:, None]
    assert additive_coordinates(initial_problem(FitTarget(x, x[:, 0] ** 2, ("a",)))) == []


def test_nothing_is_begun_after_the_deadline():
    problem = problem_of(TARGETS[0][0])
    assert additive_coordinates(problem, deadline=0.0) == []
    assert separations(problem, deadline=0.0) == []
