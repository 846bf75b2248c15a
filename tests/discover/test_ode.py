"""Differential equations from trajectories: the laws that come back, and what is not made up."""

import numpy as np
import pytest

from splinework.discover.ode import discover_ode
from splinework.discover.shooting import solve_trajectory
from splinework.errors import ConfigError, DataError, ShapeError
from tests.discover.searches import answering, interrupted
from tests.discover.trajectories import SYSTEMS, same_rates, trajectory

slow = pytest.mark.slow
SECONDS = 120.0
"""More than is needed, so that a busy machine changes no result."""
COMPLEXITY = {
    "logistic growth": [9],
    "Lotka and Volterra": [8, 8],
    "pendulum": [1, 8],
    "van der Pol": [1, 13],
    "Lorenz": [7, 11, 7],
}
"""Nodes of each right-hand side, at most."""
QUICK = ("logistic growth", "Lotka and Volterra")


def best(table, names):
    return [table.of(f"d{name}/dt")[0] for name in names]


@pytest.mark.quick(1)
@pytest.mark.parametrize("noise", [0.0, pytest.param(0.01, marks=slow)])
@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else slow) for n in SYSTEMS])
def test_the_law_comes_back(name, noise):
    t, x, names = trajectory(name, noise=noise)
    table = discover_ode(t, x, names=names, search=answering(), budget=SECONDS)
    rows = best(table, names)
    assert same_rates([r.numpy() for r in rows], name, trajectory(name)[1], 1e-5 if noise == 0 else 0.02)
    assert [r.complexity <= c for r, c in zip(rows, COMPLEXITY[name], strict=True)] == [True] * len(rows)
    assert not any("no formula" in note for note in table.notes)
    assert any("solved from one start" in note for note in table.notes)


@slow
def test_numbers_come_out_simple():
    t, x, names = trajectory("Lotka and Volterra")
    table = discover_ode(t, x, names=names, search=answering(), budget=SECONDS)
    assert not any(row.expression.atoms(float) for row in best(table, names))
    assert not any("." in row.text.replace(".0", "") for row in best(table, names))


@slow
def test_solutions_follow_other_trajectories_of_the_same_law():
    t, x, names = trajectory("pendulum")
    rows = best(discover_ode(t, x, names=names, search=answering(), budget=SECONDS), names)
    from splinework.discover.derivatives import Trajectory

    t, x, _ = trajectory("pendulum", start=[1.0, 2.0])
    path = solve_trajectory([r.expression for r in rows], names, "t", Trajectory(t, x), x[0])
    assert np.abs(path - x).max() < 1e-4


@pytest.mark.parametrize("told", ["by restarts", "by a column"])
@slow
def test_several_trajectories(told):
    parts = [trajectory("logistic growth", start=[s], count=60) for s in (0.2, 8.0)]
    t, x = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    ids = None if told == "by restarts" else np.repeat(["a", "b"], 60)
    rows = best(discover_ode(t, x, names=["x"], trajectory=ids, search=answering(), budget=SECONDS), "x")
    assert same_rates([rows[0].numpy()], "logistic growth", np.linspace(0.2, 8, 50)[:, None], 1e-5)


def test_time_may_drive_a_law():
    t = np.linspace(0, 10, 300)
    x = np.exp(-t) + (np.sin(t) - np.cos(t)) / 2  # dx/dt = -x + sin(t)
    table = discover_ode(t, x, names=["x"], forced=True, search=answering(), budget=SECONDS)
    function = table.of("dx/dt")[0].numpy()
    assert np.abs(function(np.column_stack([x, t])) - (np.sin(t) - x)).max() < 1e-4


@pytest.mark.parametrize("seed", range(2))
def test_noise_alone_follows_no_law(seed):
    x = np.random.default_rng(seed).normal(size=(60, 1))
    table = discover_ode(np.arange(60.0), x, names=["x"], search=answering(), budget=SECONDS)
    assert table.best.inputs == ()
    assert any("no formula explains" in note for note in table.notes)


@slow
@pytest.mark.parametrize("seed", range(6))
def test_noise_in_two_states_follows_no_law(seed):
    x = np.random.default_rng(seed).normal(size=(150, 2))
    table = discover_ode(np.arange(150.0), x, names=["x", "y"], search=answering(), budget=SECONDS)
    assert [row.inputs for row in best(table, "xy")] == [(), ()]
    assert sum("no formula explains" in note for note in table.notes) == 2


@slow
def test_an_interrupt_leaves_the_table_so_far():
    t, x, names = trajectory("pendulum", noise=0.01)
    x = np.column_stack([x, np.abs(np.sin(3 * t)) ** 0.3])  # no sum explains that: a search is needed
    table = discover_ode(t, x, names=[*names, "q"], search=interrupted, budget=4.0)
    assert any("interrupted" in note for note in table.notes)
    assert {row.target for row in table.rows} == {"dtheta/dt", "dw/dt", "dq/dt"}


def test_a_second_gives_the_best_so_far():
    t, x, names = trajectory("Lotka and Volterra", noise=0.01)
    table = discover_ode(t, x, names=names, search=answering(), budget=0.2)
    assert {row.target for row in table.rows} == {"dx/dt", "dy/dt"}


@pytest.mark.parametrize(
    ("t", "x", "options", "error"),
    [
        (np.arange(20.0), np.ones((19, 1)), {}, ShapeError),
        (np.arange(5.0), np.ones((5, 1)), {}, DataError),
        (np.zeros(20), np.ones((20, 1)), {}, DataError),
        (np.arange(20.0), np.full((20, 1), np.nan), {}, DataError),
        (np.arange(20.0), np.ones((20, 1)), {"names": ["t"]}, ConfigError),
    ],
)
def test_wrong_data_are_refused(t, x, options, error):
    with pytest.raises(error):
        discover_ode(t, x, search=answering(), **options)
