"""Functions in the checker's ranges: at points as close as they say, on intervals with the extremes that calculus gives."""

import mpmath
import numpy as np
import pytest
import torch

from splinework.knowledge.axioms.verify.recheck import Range, exact
from splinework.knowledge.axioms.verify.recheck_functions import (
    FUNCTIONS,
    RANGES,
    curve_bound,
    within,
)
from splinework.splines.bases import ACTIVATIONS
from tests.knowledge.axioms.verify.test_intervals import EXACT

POINTS = {
    "acosh": (1.2, 2.5, 7.0),
    "log": (0.1, 1.3, 40.0),
    "sqrt": (0.1, 1.3, 40.0),
    "asin": (-0.9, 0.2, 0.7),
    "acos": (-0.9, 0.2, 0.7),
    "atanh": (-0.9, 0.2, 0.7),
}
STEPS = ("abs", "floor", "sign")
SMOOTH = sorted(set(FUNCTIONS) - {*STEPS, "sinc", "gamma", "gammaln"})


@pytest.mark.parametrize("name", SMOOTH)
def test_at_points_values_and_slopes_hold_the_exact_ones_and_are_close(name):
    points = POINTS.get(name, (-2.7, -0.4, 0.3, 1.1, 4.9))
    function = EXACT.get(name) or getattr(mpmath, name)
    ranges = FUNCTIONS[name](exact(points))
    with mpmath.workdps(80):
        for order, held in enumerate(ranges):
            for k, x in enumerate(points):
                true = mpmath.diff(function, mpmath.mpf(x), order) if order else function(mpmath.mpf(x))
                assert mpmath.mpf(float(held.a[k])) <= true <= mpmath.mpf(float(held.b[k])), (order, x)
                assert held.b[k] - held.a[k] <= 2e-12 * (1 + abs(float(true))), (order, x)


@pytest.mark.parametrize("name", SMOOTH)
def test_a_rising_function_of_an_interval_fills_its_range(name):
    points = POINTS.get(name, (-2.7, -0.4, 0.3, 1.1, 4.9))
    low, high = np.array(points[:-1]), np.array(points[1:])
    value, slope, _ = FUNCTIONS[name](Range(low, high))
    rising, falling = slope.a >= 0, slope.b <= 0
    ends = [FUNCTIONS[name](exact(end))[0].a for end in (low, high)]
    if name not in ("sin", "cos", "tan", "sinh", "cosh"):
        assert (rising | falling).all() or name in ("sigmoid", "tanh")
    if name in ("exp", "log", "sqrt", "tanh", "sigmoid", "softplus", "atan", "asin", "asinh", "acosh", "atanh", "erf"):
        np.testing.assert_allclose(value.a, ends[0], rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(value.b, ends[1], rtol=1e-13, atol=1e-15)


def ends_of(name, low, high):
    return [
        (part.a.item(), part.b.item())
        for part in FUNCTIONS[name](Range(np.array([float(low)]), np.array([float(high)])))
    ]


@pytest.mark.parametrize(
    ("name", "low", "high", "wanted"),
    [
        ("abs", -2, 3, [(0, 3), (-1, 1), (0, np.inf)]),
        ("abs", -3, -2, [(2, 3), (-1, -1), (0, 0)]),
        ("abs", 0, 2, [(0, 2), (1, 1), (0, 0)]),
        ("abs", -2, 0, [(0, 2), (-1, -1), (0, 0)]),
        ("floor", 0.2, 0.9, [(0, 0), (0, 0), (0, 0)]),
        ("floor", 0.2, 1, [(0, 1), (0, np.inf), (-np.inf, np.inf)]),
        ("sign", 1, 2, [(1, 1), (0, 0), (0, 0)]),
        ("sign", -2, -1, [(-1, -1), (0, 0), (0, 0)]),
        ("sign", -2, 0, [(-1, 0), (0, np.inf), (-np.inf, np.inf)]),
        ("sign", 0, 2, [(0, 1), (0, np.inf), (-np.inf, np.inf)]),
        ("gamma", 1, 2, [(-np.inf, np.inf)] * 3),
    ],
)
def test_steps_have_slopes_where_they_jump(name, low, high, wanted):
    assert ends_of(name, low, high) == wanted


def test_bounded_functions_stay_bounded_at_infinity_and_others_do_not():
    whole = (-np.inf, np.inf)
    for name, (low, high) in {
        "tanh": (-1, 1),
        "sigmoid": (0, 1),
        "sin": (-1, 1),
        "cos": (-1, 1),
        "erf": (-1, 1),
    }.items():
        assert ends_of(name, *whole)[0] == (low, high)
    assert ends_of("exp", *whole)[0] == (0, np.inf)
    assert ends_of("softplus", *whole)[0] == (0, np.inf)
    low, high = ends_of("exp", 800, 900)[0]
    assert 1e308 < low < np.inf == high
    assert ends_of("log", -1, 1)[0][0] <= -np.finfo(float).max / 2
    low, high = ends_of("sinc", -50, 50)[0]
    assert (low, high) == (-0.2173, 1.0)
    assert ends_of("sinc", 1, 2)[1:] == [(-1.5708, 1.5708), (-3.29, 3.29)]
    low, high = ends_of("sinc", 0.5, 0.5)[0]
    assert low <= 2 / np.pi <= high
    assert high - low < 1e-13
    assert (within(exact([1.0]), 2.0).a[0], within(exact([1.0]), 2.0).b[0]) == (-2, 2)


@pytest.mark.parametrize("turn", [-1.5e3, -2.0, 0.0, 1.0, 7.5, 1e6])
def test_sine_and_its_slopes_are_held_on_short_and_long_intervals(turn):
    for width in (0.0, 1e-6, 0.1, 1.0, 3.0, 40.0):
        x = np.linspace(turn, turn + width, 4001)
        parts = FUNCTIONS["sin"](Range(x[:1], x[-1:]))
        for held, values in zip(parts, (np.sin(x), np.cos(x), -np.sin(x)), strict=True):
            assert held.a[0] <= values.min()
            assert values.max() <= held.b[0]
            assert held.b[0] - held.a[0] <= min(values.max() - values.min() + width**2 + 3e-14 + 4e-15 * abs(turn), 2.0)


def test_formulas_of_members_are_worked_out_in_ranges():
    x = RANGES.interval(np.array([0.5]), np.array([2.0]))
    for found, (low, high) in (
        (x + 1.0, (1.5, 3)),
        (x - x, (-1.5, 1.5)),
        (x * x, (0.25, 4)),
        (x * 2.0, (1, 4)),
        (1.0 / x, (0.5, 2)),
        (1.0 - x, (-1, 0.5)),
        (RANGES.number(3.0) * x, (1.5, 6)),
        (RANGES.erfc(x), (0.004677734981047, 0.479500122186953)),
        (RANGES.exp(x), (1.6487212707001, 7.3890560989307)),
        (RANGES.pi * x, (np.pi / 2, 2 * np.pi)),
    ):
        assert found.held.a.item() == pytest.approx(low, rel=1e-12)
        assert found.held.b.item() == pytest.approx(high, rel=1e-12)
    erfc = RANGES.erfc(x).held
    with mpmath.workdps(40):
        assert erfc.a.item() < mpmath.erfc(2) < mpmath.erfc(0.5) < erfc.b.item()
    assert RANGES.magnitude(RANGES.interval(np.array([-3.0]), np.array([2.0]))).tolist() == [3]
    assert RANGES.pi.held.a < np.pi < RANGES.pi.held.b
    with pytest.raises(AttributeError):
        RANGES.no_such_function  # noqa: B018


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "none"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bounds_of_base_functions_are_above_all_derivatives_and_not_far(name, order):
    bound, function = curve_bound(name, order), ACTIVATIONS[name]
    x = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    most = function.derivative(x, order).abs().max().item()
    assert most <= bound * (1 + 1e-9) + 1e-12
    assert bound <= 1.2 * most + 1e-9
