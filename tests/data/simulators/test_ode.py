"""Trajectories are those of closed forms and conserve what they must; derivatives are exact; what blows up says where."""

import dataclasses

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import ellipj, ellipk

from splinework.data import OdeSet, ode_set
from splinework.data.inputs import Input
from splinework.data.noise import Gaussian
from splinework.data.simulators.ode import substituted
from splinework.data.simulators.systems import system, system_names
from splinework.errors import ConfigError, DataError, FormulaError
from splinework.formula.expression import Expression
from tests.families import every

QUICK = {name: system(name, points=40) for name in system_names()}


@pytest.mark.parametrize("name", system_names())
def test_targets_are_the_exact_derivatives_of_the_states(name):
    recipe = QUICK[name]
    drawn = recipe.draw(60, seed=0)
    names = ["t", *(state for state, _ in recipe.equations)]
    for place, text in enumerate(recipe.formulas()):
        np.testing.assert_array_equal(Expression(text, names)(drawn.x), drawn.y[:, place])
    assert drawn.x.shape == (60, len(names))
    assert drawn.y.shape == (60, len(names) - 1)
    np.testing.assert_array_equal(drawn.x[40:, 0], drawn.x[:20, 0])  # the second trajectory begins again at 0


@pytest.mark.parametrize("name", ["pendulum", "van_der_pol", "sir", "two_body"])
def test_states_lie_on_the_trajectory_of_another_solver(name):
    recipe = QUICK[name]
    x = recipe.draw(40, seed=3).x
    names = ["t", *(state for state, _ in recipe.equations)]
    sides = [Expression(text, names) for text in recipe.formulas()]

    def slope(t, y):
        row = np.concatenate([[t], y])[None]
        return [float(side(row)[0]) for side in sides]

    found = solve_ivp(slope, (0, recipe.end), x[0, 1:], method="LSODA", t_eval=x[:, 0], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(x[:, 1:], found.y.T, rtol=2e-7, atol=2e-7)


def test_the_damped_oscillator_is_its_closed_form():
    t = np.linspace(0, 10, 60)
    x = system("damped_oscillator").solve(np.array([[1.0, 0.5], [0.3, -1.0]]), t)[:60]
    rate, zeta = 2.0, 0.1
    wave = rate * np.sqrt(1 - zeta**2)
    expected = np.exp(-zeta * rate * t) * (np.cos(wave * t) + (0.5 + zeta * rate) / wave * np.sin(wave * t))
    np.testing.assert_allclose(x[:, 1], expected, atol=1e-9)


def test_the_pendulum_is_jacobis_function():
    top, rate = 2.0, np.sqrt(9.81)
    t = np.linspace(0, 10, 50)
    x = system("pendulum").solve(np.array([[top, 0.0]]), t)
    m = np.sin(top / 2) ** 2
    expected = 2 * np.arcsin(np.sqrt(m) * ellipj(ellipk(m) - rate * t, m)[0])
    np.testing.assert_allclose(x[:, 1], expected, atol=1e-8)


def energies(name, x):
    columns = dict(zip(["t", *(state for state, _ in system(name).equations)], x.T, strict=True))
    if name == "relativistic_oscillator":
        return np.sqrt(1 + columns["p"] ** 2) + columns["x"] ** 2 / 2
    if name == "lotka_volterra":
        prey, hunters = columns["prey"], columns["hunters"]
        return 0.1 * prey - 0.4 * np.log(prey) + 0.4 * hunters - 1.1 * np.log(hunters)
    if name == "sir":
        return columns["s"] + columns["i"] + columns["r"]
    bodies = 2 if name == "two_body" else 3
    kinetic = sum(columns[f"{w}{i}"] ** 2 for i in range(1, bodies + 1) for w in "uv") / 2
    pairs = [(i, j) for i in range(1, bodies + 1) for j in range(1, i)]
    return kinetic - sum(
        1 / np.hypot(columns[f"x{i}"] - columns[f"x{j}"], columns[f"y{i}"] - columns[f"y{j}"]) for i, j in pairs
    )


@pytest.mark.parametrize("name", ["relativistic_oscillator", "lotka_volterra", "sir", "two_body", "three_body"])
def test_what_is_conserved_stays(name):
    found = energies(name, QUICK[name].draw(80, seed=2).x).reshape(2, 40)
    np.testing.assert_allclose(found, np.broadcast_to(found[:, :1], found.shape), rtol=1e-7)


def test_trajectories_start_in_their_ranges_and_differ():
    recipe = QUICK["lorenz"]
    starts = recipe.draw(400, seed=0).x[::40, 1:]
    assert len(np.unique(starts[:, 0])) == 10
    for column, one in zip(starts.T, recipe.start, strict=True):
        assert one.low <= column.min() < column.max() <= one.high


def test_a_stiff_system_is_solved_by_radau_with_its_jacobian():
    robertson = OdeSet(
        (("a", "-0.04*a + 1e4*b*c"), ("b", "0.04*a - 1e4*b*c - 3e7*b**2"), ("c", "3e7*b**2")),
        (Input("a", 1.0, 1.0 + 1e-12), Input("b", 0.0, 1e-12), Input("c", 0.0, 1e-12)),
        end=40.0,
        points=5,
        stiff=True,
    )
    last = robertson.draw(5, seed=0).x[-1, 1:]
    # Hairer & Wanner, Solving ODEs II, and the tests of SUNDIALS: at t = 40
    np.testing.assert_allclose(last, [7.158270688e-1, 9.185534765e-6, 2.841637458e-1], rtol=1e-7)
    row = np.array([[0.0, 0.9, 1e-5, 0.1]])
    found = np.array([[slope(row)[0] for slope in side] for side in robertson.slopes])
    expected = [[-0.04, 1e3, 0.1], [0.04, -1e3 - 600, -0.1], [0.0, 600, 0.0]]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_units_are_those_of_states_over_time():
    drawn = QUICK["pendulum"].draw(40)
    assert drawn.units == {"t": "s", "theta": "rad", "omega": "rad/s", "dtheta_dt": "rad/s", "domega_dt": "rad/s/s"}


def test_noise_is_on_the_derivatives_and_the_truth_is_at_the_recorded_states():
    noisy = dataclasses.replace(QUICK["pendulum"], noise=(Gaussian(0.1),)).draw(400, seed=1)
    clean = QUICK["pendulum"].draw(400, seed=1)
    np.testing.assert_array_equal(noisy.x, clean.x)
    assert noisy.truth.noise_floor == pytest.approx(0.1 * np.sqrt(np.mean(clean.y[:, 0] ** 2)), rel=0.15)


def test_what_blows_up_says_when_and_which_state():
    with pytest.raises(DataError, match=r"diverges at t = 0\.\d+, where x = "):
        ode_set({"x": "x**2"}, {"x": (1.0, 2.0)}, end=3.0).draw(10)
    with pytest.raises(DataError, match=r"diverges at t = 0, "):
        ode_set({"x": "log(x - 5)"}, {"x": (1.0, 2.0)}, end=3.0).draw(10)


def test_what_takes_too_long_is_told(monkeypatch):
    monkeypatch.setattr("splinework.data.simulators.ode._MAX_CALLS", 100)
    with pytest.raises(DataError, match="set stiff=True"):
        ode_set({"x": "-1000*(x - cos(t))"}, {"x": (1.0, 2.0)}, end=10.0).draw(10)


def test_a_chaotic_system_ends_in_time():
    with pytest.raises(ConfigError, match=r"beyond t = 16\.56"):
        system("lorenz", end=17.0)


@every(
    ("make", "error", "fragment"),
    [
        (lambda: system("lorentz"), DataError, "lorenz"),
        (lambda: ode_set({"x": "y"}, {"x": (0, 1)}, end=1.0), FormulaError, "unknown name 'y'"),
        (lambda: ode_set({"x": "x", "y": "x"}, {"x": (0, 1)}, end=1.0), ConfigError, "'y' needs"),
        (lambda: ode_set({"x": "x"}, {"x": (0, 1), "z": (0, 1)}, end=1.0), ConfigError, "'z' needs"),
        (lambda: ode_set({"t": "t"}, {"t": (0, 1)}, end=1.0), ConfigError, "have the name 't'"),
        (lambda: ode_set({"x": "x"}, {"x": (0, 1)}, end=0.0), ConfigError, "end"),
        (lambda: ode_set({"x": "x"}, {"x": (0, 1)}, end=1.0, points=1), ConfigError, "points"),
        (lambda: OdeSet((("x", "x"),), (Input("y"),)), ConfigError, "same order"),
        (lambda: system("pendulum", end=float("inf")), ConfigError, "end"),
    ],
)
def test_what_cannot_be_is_refused(make, error, fragment):
    with pytest.raises(error, match=fragment):
        make()


def test_parameters_stand_in_the_formulas_as_numbers():
    assert substituted("-k*x + sin(k)", {"k": -2.5}) == "--2.5 * x + sin(-2.5)"
    assert system("van_der_pol").formulas()[1] == "2.0 * (1 - x ** 2) * y - x"
