"""Conserved quantities of known systems come back with simple numbers; where there is none, none is made up."""

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from splinework.discover.conserved import discover_conserved
from splinework.errors import DataError, ShapeError
from splinework.interpret.symbolic.expression import symbol
from tests.families import slow

SYSTEMS = {
    "pendulum": (lambda t, z: [z[1], -np.sin(z[0])], [[a, 0.2 * a] for a in (0.5, 1, 1.5, 2)], "qp"),
    "oscillator": (lambda t, z: [z[1], -4 * z[0]], [[a, 0.2] for a in (0.5, 1, 1.5, 2)], "xv"),
    "predators": (lambda t, z: [z[0] * (1 - z[1] / 2), z[1] * (z[0] - 3) / 4], [[a, 1] for a in (1, 2, 3, 4)], "xy"),
    "top": (
        lambda t, w: [-w[1] * w[2], 2 * w[0] * w[2], -w[0] * w[1]],
        [[1 + k, k, 1 - k] for k in (0.3, 0.6, 0.9)],
        "abc",
    ),
    "Kepler": (
        lambda t, z: [z[2], z[3], *(-z[:2] / np.hypot(z[0], z[1]) ** 3)],
        [[1, 0, 0.1 * k, 0.8 + 0.1 * k] for k in range(5)],
        ["x", "y", "u", "v"],
    ),
}
KNOWN = {
    "pendulum": ["p**2 - 2*cos(q)"],
    "oscillator": ["v**2 + 4*x**2"],
    "predators": ["x + 2*y - 3*log(x) - 4*log(y)"],
    "Kepler": ["x*v - y*u", "u**2 + v**2 - 2/sqrt(x**2 + y**2)"],
}


def orbits(function, starts, noise=0.0, rows=100):
    t = np.linspace(0, 10, rows)
    z = [solve_ivp(function, (0, 10), s, t_eval=t, rtol=1e-10, atol=1e-12).y.T for s in starts]
    spread, draw = np.concatenate(z).std(axis=0), np.random.default_rng(0)
    return [each + noise * spread * draw.normal(size=each.shape) for each in z]


@pytest.mark.quick(2)
@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("name", ["pendulum", "oscillator", "predators", *slow("Kepler")])
def test_known_quantities_come_back(name, noise):
    function, starts, names = SYSTEMS[name]
    table = discover_conserved(orbits(function, starts, noise), names=list(names))
    symbols = {n: symbol(n) for n in names}
    known = [eval(text, {"cos": sympy.cos, "log": sympy.log, "sqrt": sympy.sqrt}, symbols) for text in KNOWN[name]]
    found = [row.expression for row in table.rows]
    assert len(found) == len(known)
    for one in known:
        assert any(sympy.simplify(one / other).is_number for other in found)
    assert table.best.rmse < 1.2 * noise + 1e-8
    assert table.notes[0] == f"independent conserved quantities: {len(known)}"


@pytest.mark.slow
def test_a_top_has_two():
    function, starts, names = SYSTEMS["top"]
    z = orbits(function, starts)
    table = discover_conserved(z, names=list(names))
    assert len(table) == 2
    for row in table.rows:
        assert all(np.ptp(row.numpy()(each)) < 1e-7 for each in z)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_with_friction_nothing_is_conserved(noise):
    z = orbits(lambda t, z: [z[1], -z[0] - 0.3 * z[1]], [[a, 0.2] for a in (0.5, 1, 1.5)], noise)
    table = discover_conserved(z)
    assert table.best.expression == 1
    assert any("nothing is conserved" in note for note in table.notes)


def test_a_column_that_stays_is_named():
    z = [np.column_stack([each, np.full(100, k)]) for k, each in enumerate(orbits(*SYSTEMS["oscillator"][:2]), 1)]
    table = discover_conserved(z, names=["x", "v", "mass"])
    assert "mass is constant along every trajectory" in table.notes
    assert len(table) == 1


def test_wrong_data_are_refused():
    with pytest.raises(DataError):
        discover_conserved(np.ones((5, 2)))
    with pytest.raises(DataError):
        discover_conserved(np.full((30, 2), np.nan))
    with pytest.raises(ShapeError):
        discover_conserved([np.ones((30, 2)), np.ones((30, 3))])
