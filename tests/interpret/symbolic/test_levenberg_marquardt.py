"""Nonlinear least squares: against scipy, and where the problem is bad."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from splinework.interpret.symbolic.levenberg_marquardt import LeastSquaresSolution, minimise
from tests.interpret.symbolic.cases import generator

POINTS = np.linspace(0, 4, 60)


def rosenbrock(p):
    a, b = p
    return np.array([10 * (b - a**2), 1 - a]), np.array([[-20 * a, 10.0], [-1.0, 0.0]])


def powell(p):
    """Powell's singular function: the Jacobian loses its rank at the solution."""
    a, b, c, d = p
    residuals = [a + 10 * b, 5**0.5 * (c - d), (b - 2 * c) ** 2, 10**0.5 * (a - d) ** 2]
    jacobian = [
        [1, 10, 0, 0],
        [0, 0, 5**0.5, -(5**0.5)],
        [0, 2 * (b - 2 * c), -4 * (b - 2 * c), 0],
        [2 * 10**0.5 * (a - d), 0, 0, -2 * 10**0.5 * (a - d)],
    ]
    return np.array(residuals), np.array(jacobian, dtype=float)


def decay(p):
    """Two exponentials, with noise."""
    a, k, b, m = p
    noise = 0.01 * generator(0).normal(size=len(POINTS))
    y = 2 * np.exp(-1.5 * POINTS) + 0.5 * np.exp(-0.3 * POINTS) + noise
    first, second = np.exp(-k * POINTS), np.exp(-m * POINTS)
    jacobian = np.stack([first, -a * POINTS * first, second, -b * POINTS * second], 1)
    return a * first + b * second - y, jacobian


def wave(p):
    a, w, phase = p
    z = w * POINTS + phase
    y = 1.7 * np.sin(2.3 * POINTS + 0.4)
    return a * np.sin(z) - y, np.stack([np.sin(z), a * POINTS * np.cos(z), a * np.cos(z)], 1)


def linear(p):
    matrix = generator(1).normal(size=(30, 5)) * 10.0 ** np.arange(-4, 6, 2)
    return matrix @ p - 1, matrix


PROBLEMS = {
    "rosenbrock": (rosenbrock, [-1.2, 1.0]),
    "powell": (powell, [3.0, -1.0, 0.0, 1.0]),
    "decay": (decay, [1.0, 1.0, 1.0, 0.1]),
    "wave": (wave, [1.0, 2.0, 0.0]),
    "linear": (linear, [1.0, 1.0, 1.0, 1.0, 1.0]),
}
every_problem = pytest.mark.parametrize("name", PROBLEMS)


@every_problem
def test_the_minimum_is_scipys(name):
    problem, start = PROBLEMS[name]
    found = minimise(problem, np.array(start), steps=300, gain=1e-15)
    truth = least_squares(
        lambda p: problem(p)[0], start, jac=lambda p: problem(p)[1], x_scale="jac", xtol=1e-15, ftol=1e-15
    )
    assert found.rss <= 2 * truth.cost * (1 + 1e-9) + 1e-20
    if name != "powell":
        assert found.constants == pytest.approx(truth.x, rel=1e-6, abs=1e-9)


@every_problem
def test_the_solution_belongs_to_its_constants(name):
    problem, start = PROBLEMS[name]
    found = minimise(problem, np.array(start))
    residuals, jacobian = problem(found.constants)
    assert found.rss == residuals @ residuals
    assert (found.jacobian == jacobian).all()


@every_problem
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_steps_bound_the_work_and_never_raise_the_error(name, steps):
    problem, start = PROBLEMS[name]
    first = problem(np.array(start))[0]
    found = minimise(problem, np.array(start), steps=steps)
    assert found.rss <= first @ first
    if steps == 0:
        assert found.constants.tolist() == start


def test_units_of_the_constants_change_nothing():
    scale = 10.0 ** np.array([-9, 3, 6, -2])
    found = minimise(decay, np.array(PROBLEMS["decay"][1]), steps=200)
    scaled = minimise(
        lambda p: (decay(p * scale)[0], decay(p * scale)[1] * scale), np.array(PROBLEMS["decay"][1]) / scale, steps=200
    )
    assert scaled.constants * scale == pytest.approx(found.constants, rel=1e-6)


def test_constants_that_do_the_same_thing_stay_finite_and_count_once():
    def twice(p):
        return (p[0] + p[1]) * POINTS + p[2] - (3 * POINTS + 1), np.stack([POINTS, POINTS, np.ones(60)], 1)

    found = minimise(twice, np.array([0.0, 1.0, 0.0]))
    assert np.isfinite(found.constants).all()
    assert found.rss < 1e-20
    assert found.constants[0] + found.constants[1] == pytest.approx(3)
    assert found.rank == 2


def test_a_constant_without_effect_stays_where_it_is():
    found = minimise(lambda p: (p[0] * POINTS - POINTS, np.stack([POINTS, 0 * POINTS], 1)), np.array([5.0, 7.0]))
    assert found.constants == pytest.approx([1, 7])
    assert found.rank == 1


def test_no_constant_matters():
    found = minimise(lambda p: (np.ones(4), np.zeros((4, 2))), np.array([1.0, 2.0]))
    assert (found.constants.tolist(), found.rss, found.rank) == ([1.0, 2.0], 4.0, 0)


def test_more_constants_than_rows():
    matrix = generator(3).normal(size=(3, 8))
    found = minimise(lambda p: (matrix @ p - 1, matrix), np.zeros(8))
    assert found.rss < 1e-20
    assert found.rank == 3


def test_no_constants_at_all():
    found = minimise(lambda p: (np.ones(4), np.zeros((4, 0))), np.zeros(0))
    assert (found.rss, found.rank, found.constants.size) == (4.0, 0, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_start_that_is_not_finite_gives_none(bad):
    assert minimise(lambda p: (np.full(3, bad), np.ones((3, 1))), np.zeros(1)) is None
    assert minimise(lambda p: (np.ones(3), np.full((3, 1), bad)), np.zeros(1)) is None


def test_steps_out_of_the_domain_are_refused():
    """log(p x) from p near its limit: a full step would make p negative."""
    x = np.linspace(1, 2, 20)

    def model(p):
        return np.log(p[0] * x) - np.log(0.5 * x), np.full((20, 1), 1 / p[0])

    found = minimise(model, np.array([40.0]))
    assert found.constants == pytest.approx([0.5], rel=1e-9)


def test_a_start_at_the_minimum_stays():
    found = minimise(wave, np.array([1.7, 2.3, 0.4]))
    assert found.rss < 1e-28
    assert found.constants == pytest.approx([1.7, 2.3, 0.4])


def test_rank_does_not_depend_on_units():
    jacobian = generator(0).normal(size=(20, 4)) * 10.0 ** np.array([-12, 0, 8, 3])
    assert LeastSquaresSolution(np.zeros(4), 0.0, jacobian).rank == 4
