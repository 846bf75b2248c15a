"""Every function of the library: its value, slope, printed form, domain and starts say the same thing."""

import mpmath
import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic.constants import FitTarget, Template
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.library import BOTH, BY_NAME, LIBRARY, NONE, RATE, SHIFT
from tests.families import every
from tests.interpret.symbolic.cases import generator, planted, relative

every_function = every("function", LIBRARY)


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


def test_at_least_40_functions_with_names_of_their_own():
    assert len(LIBRARY) >= 40
    assert len({f.name for f in LIBRARY}) == len(BY_NAME) == len(LIBRARY)
    assert {f.free for f in LIBRARY} <= {NONE, SHIFT, RATE, BOTH}
    assert all(f.domain in ("all", "positive", "unit") and f.cost > 0 for f in LIBRARY)


def exactly(expression, z):
    """A printed form of x at z, in 60 digits; where it is 0/0, just beside."""
    f = sympy.lambdify(sympy.Symbol("x", real=True), expression, modules="mpmath")
    with mpmath.workdps(60):
        return np.array([float(f(mpmath.mpf(float(one)))) for one in z])


@every_function
def test_the_value_is_that_of_the_printed_form_in_many_digits(function):
    z = inside(function)
    truth = exactly(function.build(sympy.Symbol("x", real=True)), z)
    size = np.abs(truth) + 1e-2 * np.abs(function.slope(z) * z)  # a point is rounded, too
    assert (np.abs(function.value(z) - truth) <= 1e-13 * size + 1e-300).all()


@every_function
def test_the_slope_is_the_derivative_of_the_printed_form_in_many_digits(function):
    z = inside(function)
    x = sympy.Symbol("x", real=True)
    if function.jumps:
        assert (function.slope(z) == 0).all()
        return
    truth = exactly(sympy.diff(function.build(x), x), z)
    assert (np.abs(function.slope(z) - truth) <= 1e-11 * np.abs(truth) + 1e-12 * np.abs(truth).max() * 1e-2).all()


@pytest.mark.parametrize("exponent", [-3.0, -0.4, 0.5, 1.7, 4.2])
@pytest.mark.parametrize("name", ["power", "x^p"])
def test_a_free_exponent_moves_value_slope_and_printed_form_together(name, exponent):
    function, z, step = BY_NAME[name].at(exponent), inside(BY_NAME[name]), 1e-6
    assert function.shape == exponent
    assert function.name == name
    assert relative(function.value(z), exactly(function.build(sympy.Symbol("x", real=True)), z)) <= 1e-13
    by_shape = (function.at(exponent + step).value(z) - function.at(exponent - step).value(z)) / (2 * step)
    assert relative(function.by_shape(z), by_shape) <= 1e-8
    assert function.build(sympy.Symbol("x")).exp == sympy.Float(exponent)  # a number that can be snapped
    assert function.constants == BY_NAME["sqrt"].constants + (1 if name == "power" else 0)


def test_other_functions_have_no_shape():
    assert all(f.at(3.0) is f for f in LIBRARY if f.shape is None)


@every_function
def test_outside_the_domain_nothing_is_raised_and_nothing_invented(function):
    z = outside(function)
    value, slope = function.value(z), function.slope(z)  # warnings are errors here
    assert value.shape == slope.shape == z.shape
    assert np.isnan(value[-1])
    if function.domain == "unit":  # an end itself may belong to it; the slope is infinite there
        assert np.isnan(value[2:]).all()
        assert not (np.isfinite(value[:2]) & np.isfinite(slope[:2])).any()
    if function.domain == "positive":
        assert np.isnan(value[1:]).all()
        assert value[0] == 0 or not np.isfinite(value[0])


@every_function
def test_starts_lie_inside_the_domain(function):
    starts = function.starts()
    assert starts.ndim == 2
    assert starts.shape[1] == 3
    assert len(starts) >= 1
    assert np.isfinite(starts).all()
    t = np.linspace(0, 1, 33)
    z = starts[:, :1] * t + starts[:, 1:2]
    low, high = function.bounds
    inside_it = slice(1, None) if function.shape is not None and function.free == NONE else slice(None)
    assert ((z > low) & (z < high))[:, inside_it].all()
    if function.free in (NONE, SHIFT):
        assert set(np.abs(starts[:, 0])) == {1.0}
    if function.free == RATE:
        assert relative(starts[:, 1], -starts[:, 0] / 2) <= 1e-12
    assert (function.shape is None) == (starts[:, 2] == 0).all()


@every_function
def test_mirrored_functions_need_no_negative_rates(function):
    """F(-z) is F up to sign and constant."""
    z = np.linspace(-0.9, 0.9, 41) * (function.limit if function.domain == "unit" else 1.0)
    if function.domain == "positive" or function.free in (NONE, RATE):
        return
    there, back = function.value(z), function.value(-z)
    design = np.stack([there, np.ones_like(z)], 1)
    left = back - design @ np.linalg.lstsq(design, back, rcond=None)[0]
    assert (np.abs(left).max() <= 1e-12 * np.abs(back).max()) == function.mirrored


@pytest.mark.parametrize("factor", [0.01, 7.0])
@pytest.mark.parametrize("function", [f for f in LIBRARY if f.free in (NONE, SHIFT)], ids=lambda f: f.name)
def test_the_degree_says_what_a_scale_does(function, factor):
    z = np.abs(inside(function))
    rest = function.value(factor * z) - factor**function.degree * function.value(z)
    assert np.ptp(rest) <= 1e-12 * max(np.abs(function.value(factor * z)).max(), 1)


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
        assert min(others, default=1) > 1e-4 or function.name == "power", function.name  # and x^p: one has a shift


@every_function
def test_numbers_of_every_function_can_be_fitted_in_a_formula(function):
    """Slopes by the numbers of a printed form are functions that can be evaluated."""
    low, high, a, b = planted(function, generator(8))
    x = np.sort(generator(9).uniform(low, high, 40))
    columns, y = x[:, None], 1.3 * function.value(a * x + b) + 0.4
    expression = 1.3 * function.build(sympy.Float(a) * symbol("x") + sympy.Float(b)) + sympy.Float(0.4)
    template = Template(expression, FitTarget(columns, y, ("x",)))
    solution = template.fit(template.start, {})
    assert solution is not None
    assert solution.rss <= 1e-16 * (y**2).sum()
