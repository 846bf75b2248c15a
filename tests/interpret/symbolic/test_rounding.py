"""Simple numbers for several constants at once: what fits best among simple ones, and no simple ones where there are none."""

import itertools
import math

import numpy as np
import pytest
import sympy

from splinework.discover import discover
from splinework.interpret.symbolic.constants import FitTarget, Template, snap
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.rounding import joint_roundings, roundings
from splinework.interpret.symbolic.screening.problem import initial_problem
from splinework.interpret.symbolic.screening.simple_sums import simple_sums

X, Y = symbol("x"), symbol("y")
ROWS = 800


def powers(degree, count=ROWS, seed=0):
    x = np.random.default_rng(seed).uniform(-1, 1, count)
    return x, np.vander(x, degree + 1, increasing=True)[:, 1:]


def estimate(design, truth, noise, seed):
    y = design @ truth + noise * np.random.default_rng(seed).normal(size=len(design))
    inverse = np.linalg.inv(design.T @ design)
    return inverse @ design.T @ y, inverse * noise**2


@pytest.mark.parametrize("seed", range(4))
def test_uncertain_integers_are_found_together(seed):
    """Each has a standard error of up to 0.7; of all integers around, those of the shortest description are found."""
    _, design = powers(4)
    truth = np.random.default_rng(seed).integers(1, 4, 4).astype(float)
    means, covariance = estimate(design, truth, 2.0, seed)
    assert np.sqrt(np.diag(covariance)).max() > 0.5
    precision = np.linalg.inv(covariance)

    def code(_, number):
        return 1e3 if number is None or number.bottom > 1 else 2 * math.log(1 + abs(number.top))

    def nats(numbers):
        gap = np.array(numbers) - means
        return ROWS / 2 * math.log1p(gap @ precision @ gap / ROWS) + sum(2 * math.log(1 + abs(n)) for n in numbers)

    best = min(itertools.product(range(-1, 6), repeat=4), key=nats)
    _, found = joint_roundings(means, covariance, ROWS, code)[0]
    assert nats([found[k].value for k in range(4)]) <= nats(best) + 1e-9


@pytest.mark.quick(1)
@pytest.mark.parametrize("noise", [1e-3, 1e-2])
def test_numbers_that_are_not_simple_stay_together(noise):
    """Six collinear constants drawn at random: a joint claim is as rare as a single one."""
    x, design = powers(6)
    claimed = 0
    for seed in range(10):
        truth = np.random.default_rng(50 + seed).uniform(0.5, 3, 6)
        y = design @ truth
        y += noise * y.std() * np.random.default_rng(seed).normal(size=ROWS)
        form = sum(sympy.Float(c) * X**k for k, c in enumerate(truth, 1))
        snapped, _ = snap(Template(form, FitTarget(x[:, None], y, ("x",))))
        claimed += not snapped.atoms(sympy.Float)
    assert claimed <= 1


SUMS = {
    "dense": (X**6 + 2 * X**5 - X**4 + X**3 + X**2 + X, 0.01),
    "halves": (X**5 / 2 - X**3 + 3 * X / 2 + 1, 0.01),
    "wave": (X**2 + X + sympy.sin(X) + sympy.cos(X**2), 0.01),
    "alone": (sympy.asinh(2 * X), 0.01),
    "two": (X**2 * Y + X * Y - Y**2 + X, 0.05),
}


@pytest.mark.parametrize("name", SUMS)
def test_sums_with_simple_coefficients_are_found_in_noise(name):
    truth, noise = SUMS[name]
    draw = np.random.default_rng(3)
    names = tuple(sorted(s.name for s in truth.free_symbols))
    x = draw.uniform(-2 if name == "wave" else -1, 1.5, (ROWS, len(names)))
    y = np.broadcast_to(sympy.lambdify([symbol(n) for n in names], truth, "numpy")(*x.T), ROWS)
    problem = initial_problem(FitTarget(x, y + noise * y.std() * draw.normal(size=ROWS), names))
    functions = {"wave": 2, "alone": 1}.get(name, 0)
    assert truth in simple_sums(problem, functions=functions)


@pytest.mark.parametrize(
    "truth", [X**7 + X**6 + X**5 + X**4 + X**3 + X**2 + X, X**2 + X + sympy.sin(X) + sympy.cos(X**2)], ids=str
)
@pytest.mark.slow
def test_the_search_answers_with_them(truth):
    draw = np.random.default_rng(5)
    x = draw.uniform(-1.5, 1.5, (1000, 1))
    y = sympy.lambdify([X], truth, "numpy")(x[:, 0])
    table = discover(x, y + 0.02 * y.std() * draw.normal(size=1000), names=["x"], effort=20, jobs=1)
    assert sympy.expand(table.best.expression) == truth


@pytest.mark.parametrize("variance", [0.0, 1e-300, 1e300, math.inf])
def test_constants_that_the_rows_do_not_determine_are_left_or_simple(variance):
    """Any variance beside an ordinary one, and any size of the constant."""
    for size in (0.0, 1e-200, 1.7, 1e200):
        with np.errstate(all="ignore"):
            found = roundings(np.array([2.01, size]), np.diag([1e-4, variance]), [0, 1], ROWS)
        assert {0: 2.0} in [{k: number.value for k, number in each.items() if k == 0} for each in found]
