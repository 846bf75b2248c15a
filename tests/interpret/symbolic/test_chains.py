"""Functions of functions of one column: derivatives, the written form, and recovery without noise."""

import time
from fractions import Fraction

import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression
from splinework.interpret.symbolic.library import LIBRARY
from splinework.interpret.symbolic.screening.chains import INNER, OUTER, Chain
from splinework.interpret.symbolic.screening.composites import nested_candidates
from splinework.interpret.symbolic.screening.problem import initial_problem

X = np.linspace(0.4, 1.0, 40)


@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("inner", INNER)
def test_derivatives_and_the_written_form_are_those_of_the_values(outer, inner):
    numbers = (0.1, 0.4, 0.8, 0.1)
    chain = Chain(outer, inner, Fraction(3, 2), numbers)
    numbers = np.array(numbers)
    value, slopes = chain.values(numbers, X)
    assert np.isfinite(value).all()
    for k in range(4):
        step = 1e-6 * np.eye(4)[k]
        expected = (chain.values(numbers + step, X)[0] - chain.values(numbers - step, X)[0]) / 2e-6
        np.testing.assert_allclose(slopes[k], expected, rtol=1e-5, atol=1e-7 * (1 + np.abs(value).max()))
    size = 2.5
    written = chain.expression(numbers, sympy.Symbol("x", real=True), size)
    np.testing.assert_allclose(compile_expression(written, ("x",))(size * X[:, None]), value, rtol=1e-9)


TARGETS = {
    "cosh(exp(-(0.72x)²))": (lambda x: np.cosh(np.exp(-((0.72 * x) ** 2))), 0.3, 3),
    "x^2.5 atan(tanh x)": (lambda x: x**2.5 * np.arctan(np.tanh(x)), 0.2, 3),
    "sin(exp(0.7x))": (lambda x: np.sin(np.exp(0.7 * x)), -2, 2),
    "tanh(2 sin 3x)": (lambda x: np.tanh(2 * np.sin(3 * x)), -2, 2),
    "exp(-1.7 sqrt x)": (lambda x: np.exp(-1.7 * np.sqrt(x)), 0.1, 4),
    "log(2 + cos 3x)": (lambda x: np.log(2 + np.cos(3 * x)), -2, 2),
    "x sin(3 log x)": (lambda x: x * np.sin(3 * np.log(x)), 0.2, 4),
    "1/(2 + sin 1.7x)": (lambda x: 1 / (2 + np.sin(1.7 * x)), -3, 3),
    "atan(0.8 sinh x)": (lambda x: np.arctan(0.8 * np.sinh(x)), -2, 2),
}


@pytest.mark.parametrize(
    "name", [n if k % 14 == 0 else pytest.param(n, marks=pytest.mark.slow) for k, n in enumerate(TARGETS)]
)
def test_chains_without_noise_are_found(name):
    truth, low, high = TARGETS[name]
    x = np.random.default_rng(0).uniform(low, high, (400, 1))
    y = truth(x[:, 0])
    target = FitTarget(x, y, ("x",))
    (found,) = nested_candidates(
        initial_problem(target), floor=target.floor, deadline=time.monotonic() + 600, library=LIBRARY
    )
    values = compile_expression(found[0].expression, ("x",))(x)
    assert np.std(values - y) < 1e-9 * np.std(y)


def test_only_functions_of_the_library_are_used():
    x = np.random.default_rng(0).uniform(-2, 2, (200, 1))
    target = FitTarget(x, np.sin(np.exp(0.7 * x[:, 0])), ("x",))
    some = [function for function in LIBRARY if function.name in ("tanh", "gaussian")]
    found = nested_candidates(
        initial_problem(target), floor=target.floor, deadline=time.monotonic() + 600, library=some
    )
    for guess in next(found):
        assert not guess.expression.has(sympy.sin, sympy.cosh)


def test_nothing_is_tried_after_the_deadline():
    x = np.linspace(-1, 1, 50)[:, None]
    target = FitTarget(x, np.sin(np.exp(x[:, 0])), ("x",))
    assert list(nested_candidates(initial_problem(target), floor=0.0, deadline=0.0, library=LIBRARY)) == []
