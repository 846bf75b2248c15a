"""Every function of the library: its value, slope, printed form, domain and starts say the same thing."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy import special

from splinework.symbolic.library import BOTH, BY_NAME, LIBRARY, NONE, RATE, SHIFT
from tests.symbolic.cases import generator, relative

every_function = pytest.mark.parametrize("function", LIBRARY, ids=lambda f: f.name)
RANGES = [(-1.0, 1.0), (0.0, 1.0), (1e-9, 2e-9), (-1e8, -1e7), (5.0, 5.001), (-300.0, 40.0)]


def inside(function, count=200, seed=0):
    """Points of the function's domain, away from its ends, at every sign and several sizes."""
    draw = generator(seed)
    if function.domain == "positive":
        return 10 ** draw.uniform(-3, 2, count)
    if function.domain == "unit":
        return draw.uniform(-0.98, 0.98, count) * function.limit
    return draw.choice([-1, 1], count) * 10 ** draw.uniform(-3, 1, count)


def outside(function):
    if function.domain == "positive":
        return np.array([0.0, -1e-300, -0.5, -3.0, -1e300, np.nan])
    if function.domain == "unit":
        return np.array([1.0, -1.0, 1.5, -2.0, 40.0, np.inf, np.nan]) * function.limit
    return np.array([np.inf, -np.inf, 1e300, -1e300, np.nan])


def test_at_least_25_functions_with_names_of_their_own():
    assert len(LIBRARY) >= 25
    assert len({f.name for f in LIBRARY}) == len(BY_NAME) == len(LIBRARY)
    assert {f.free for f in LIBRARY} <= {NONE, SHIFT, RATE, BOTH}
    assert all(f.domain in ("all", "positive", "unit") and f.cost > 0 for f in LIBRARY)


@every_function
def test_the_printed_form_equals_the_value(function):
    z = inside(function)
    x = sympy.Symbol("x", real=True)
    own = {"besselj": special.jv, "erf": special.erf}
    printed = sympy.lambdify(x, function.build(x), modules=[own, "numpy"])
    assert np.abs(printed(z) / function.value(z) - 1).max() <= 1e-12


@every_function
def test_the_slope_is_the_derivative_by_five_point_differences(function):
    z = inside(function)
    z = z[np.abs(z) > 5e-3]
    step = 2e-4 * np.minimum(np.abs(z), 1)
    if function.domain == "unit":
        step *= 1 - np.abs(z) / function.limit
    f = function.value
    slope = (8 * (f(z + step) - f(z - step)) - (f(z + 2 * step) - f(z - 2 * step))) / (12 * step)
    rounding = 4e-16 * np.abs(f(z)) / step
    error = np.abs(function.slope(z) - slope)
    assert (error <= 1e-9 * np.abs(slope) + 1e-9 + 20 * rounding).all()


@every_function
def test_the_slope_is_the_derivative_of_the_printed_form(function):
    z = inside(function)
    x = sympy.Symbol("x", real=True)
    own = {"besselj": special.jv, "erf": special.erf, "sign": np.sign}
    printed = sympy.lambdify(x, sympy.diff(function.build(x), x), modules=[own, "numpy"])
    assert np.abs(function.slope(z) - printed(z)).max() <= 1e-10 * np.abs(function.slope(z)).max()
    assert relative(function.slope(z) + 0 * z, printed(z)) <= 1e-10


@every_function
def test_outside_the_domain_nothing_is_raised_and_nothing_invented(function):
    z = outside(function)
    value, slope = function.value(z), function.slope(z)  # warnings are errors here
    assert value.shape == slope.shape == z.shape
    assert np.isnan(value[-1])
    if function.domain == "unit":  # an end itself may belong to it; the slope is infinite there
        assert np.isnan(value[2:]).all()
        assert not np.isfinite(value[:2] * slope[:2]).any()
    if function.domain == "positive":
        assert np.isnan(value[1:]).all()
        assert value[0] == 0 or not np.isfinite(value[0])


@every_function
@pytest.mark.parametrize(("low", "high"), RANGES)
def test_starts_lie_inside_the_domain_whatever_the_range(function, low, high):
    starts = function.starts(low, high)
    assert starts.ndim == 2
    assert starts.shape[1] == 2
    assert len(starts) >= 1
    assert np.isfinite(starts).all()
    x = np.linspace(low, high, 33)
    with np.errstate(all="raise", under="ignore", over="ignore"):
        z = starts[:, :1] * x + starts[:, 1:]
    if function.domain == "positive":
        assert (z > 0).all()
    elif function.domain == "unit":
        assert (np.abs(z) < function.limit).all()
    if function.free in (NONE, SHIFT):
        assert set(np.abs(starts[:, 0])) == {1.0}
    if function.free == RATE:
        assert relative(starts[:, 1], -starts[:, 0] * (low + high) / 2) <= 1e-12


@every_function
def test_functions_of_an_array_of_any_shape(function):
    z = inside(function, 24).reshape(2, 3, 4)
    assert function.value(z).shape == function.slope(z).shape == (2, 3, 4)
    assert (function.value(z).ravel() == function.value(z.ravel())).all()
    assert function.value(z[:0]).shape == (0, 3, 4)


def test_no_function_is_another_one_in_disguise():
    """Two members that are equal up to scale and offset would split the vote and double the work."""
    shapes = {}
    for function in LIBRARY:
        z = np.linspace(0.05, 0.95, 50) - (0.4 if function.domain != "positive" else 0)
        value = function.value(z)
        value = (value - value[0]) / (value.max() - value.min())
        shapes[function.name] = value
        others = [np.abs(value - sign * o).max() for n, o in shapes.items() for sign in (1, -1) if n != function.name]
        assert min(others, default=1) > 1e-4, function.name
