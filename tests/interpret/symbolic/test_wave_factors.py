"""Laws of waves in a curve: sums of them come back as they were, factors leave the rest, and nothing is made up."""

import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.screening.problem import initial_problem
from splinework.interpret.symbolic.screening.wave_factors import damped_waves, without_wave_factors

X = symbol("x")


def curve(expression, low, high, count=400):
    x = np.random.default_rng(7).uniform(low, high, (count, 1))
    return FitTarget(x, compile_expression(expression, ["x"])(x) * np.ones(count), ("x",))


@pytest.mark.parametrize("seed", range(8))
def test_a_sum_of_damped_waves_comes_back(seed):
    draw = np.random.default_rng(seed)
    dampings = draw.uniform(-1, 1, 2).round(2).tolist()
    rates = (np.arange(1, 4) + draw.uniform(-0.3, 0.3, 3)).round(2).tolist()
    waves = [
        size * sympy.exp(dampings[n % 2] * X) * sympy.sin(rate * X + phase)
        for n, (size, rate, phase) in enumerate(zip(draw.uniform(0.5, 2, 3), rates, draw.uniform(0, 3, 3), strict=True))
    ]
    target = curve(sympy.Add(*waves), -1.0, 4.0)
    found = damped_waves(initial_problem(target))
    pool = Pool(target)
    pool.offer(found)
    assert pool.exact
    fitted = sorted({abs(float(f)) for f in pool.entries[0].expression.atoms(sympy.Float)})
    for number in map(abs, (*dampings, *rates)):
        assert min(abs(number - each) for each in fitted) < 1e-6
    assert len(pool.entries[0].expression.atoms(sympy.exp)) == 2  # each damping once


@pytest.mark.parametrize(
    "expression",
    [
        sympy.exp(-(X**2)),
        1 / (1 + X**2),
        X**3 - X,
        sympy.tanh(2 * X),
        sympy.sin(X**2) * sympy.cos(X),
        sympy.sqrt(X + 2),
    ],
    ids=str,
)
def test_what_is_no_sum_of_waves_and_has_no_wave_as_a_factor_is_left_alone(expression):
    problem = initial_problem(curve(expression, -1.9, 2.0))
    assert damped_waves(problem) is None
    assert without_wave_factors(problem) is None


@pytest.mark.parametrize("rest", [2 + X * sympy.exp(-X), 1 / (3 + X), sympy.cosh(X / 2), sympy.log(X + 3)], ids=str)
@pytest.mark.parametrize(("rate", "phase", "power"), [(2.0, 0.0, 2), (3.1, 0.4, 0), (1.7, np.pi / 2, 1)])
def test_waves_and_powers_are_divided_by_and_leave_the_rest(rest, rate, phase, power):
    target = curve(rest * sympy.sin(rate * X + phase) * X**power, 0.1, 6.0)
    smaller = without_wave_factors(initial_problem(target))
    ratio = smaller.y / compile_expression(rest, ["x"])(target.x)
    powers = np.polyfit(np.log(target.x[:, 0]), np.log(np.abs(ratio)), 1)
    np.testing.assert_allclose(ratio / ratio[0], (target.x[:, 0] / target.x[0, 0]) ** powers[0], rtol=1e-4)
    assert smaller.wrap(sympy.Integer(1)).has(sympy.sin, sympy.cos)
    assert np.allclose(
        compile_expression(smaller.wrap(symbol("r")), ["x", "r"])(np.column_stack([target.x[:, 0], smaller.y])),
        target.y,
    )
