"""Functions in the checker's ranges: at points as close as they say, on intervals with the extremes that calculus gives."""

import mpmath
import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from splinework.knowledge.axioms.verify.numbers import layer_numbers
from splinework.knowledge.axioms.verify.recheck import Range, exact
from splinework.knowledge.axioms.verify.recheck_functions import (
    FUNCTIONS,
    RANGES,
    curve_bound,
    within,
)
from splinework.knowledge.axioms.verify.recheck_layer import CheckedLayer, differentiated, spline
from splinework.knowledge.axioms.verify.recheck_model import CheckedModel, CheckEnvironment
from splinework.splines.bases import ACTIVATIONS
from tests.knowledge.axioms.verify.models import any_model, box_for, derivatives, layer_of, points_in
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


# ------------------------------------------------------------------------------------------------- splines and layers


def uneven(degree, seed=0):
    draw = np.random.default_rng(seed)
    knots = np.cumsum(draw.uniform(0.2, 1.0, 2 * degree + 6))
    return knots, draw.normal(size=(len(knots) - degree - 1, 2))


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_a_spline_at_points_is_that_of_scipy_and_close(degree):
    knots, c = uneven(degree)
    x = np.linspace(knots[degree], knots[-degree - 1], 60)[1:-1]
    x = x[np.abs(x[:, None] - knots).min(1) > 1e-9]
    found = spline(knots, c, np.zeros_like(c), degree, exact(x))
    wanted = BSpline(knots, c, degree)(x)
    assert (found.a <= wanted + 1e-15).all()
    assert (wanted - 1e-15 <= found.b).all()
    assert (found.b - found.a).max() < 1e-13
    assert (found.b - found.a).min() > (degree > 0) * 1e-16
    loose = spline(knots, c, np.full_like(c, 1e-3), degree, exact(x))
    assert (loose.b - wanted >= 1e-3).all()
    assert (loose.b - wanted <= 1.1e-3).all()
    assert (wanted - loose.a >= 1e-3).all()


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_spline_over_intervals_holds_all_that_it_meets(degree):
    knots, c = uneven(degree, 1)
    draw = np.random.default_rng(2)
    centre, half = draw.uniform(knots[0] - 1, knots[-1] + 1, 200), 10 ** draw.uniform(-3, 0.3, 200)
    found = spline(knots, c, np.zeros_like(c), degree, Range(centre - half, centre + half))
    share = np.linspace(-1, 1, 801)
    x = centre[:, None] + half[:, None] * share
    full = BSpline(
        np.r_[[knots[0]] * degree, knots, [knots[-1]] * degree], np.pad(c, ((degree, degree), (0, 0))), degree
    )
    values = np.where(((x > knots[0]) & (x < knots[-1]))[..., None], full(np.clip(x, knots[0], knots[-1])), 0.0)
    assert (found.a <= values.min(1) + 1e-14).all()
    assert (values.max(1) <= found.b + 1e-14).all()
    if degree == 1:  # extremes lie at ends and knots
        knot = np.where(((knots >= x[:, :1]) & (knots <= x[:, -1:]))[..., None], full(knots), values[:, :1])
        assert (found.b <= np.maximum(values.max(1), knot.max(1)) + 1e-13).all()
        assert (found.a >= np.minimum(values.min(1), knot.min(1)) - 1e-13).all()


def test_a_spline_is_zero_beyond_its_knots_and_one_sign_stays():
    knots, c = uneven(3)
    c = np.abs(c)
    beyond = spline(
        knots, c, np.zeros_like(c), 3, Range(np.array([-9.0, knots[-1] + 1]), np.array([-8.0, knots[-1] + 2]))
    )
    assert beyond.a.tolist() == beyond.b.tolist() == [[0, 0], [0, 0]]
    rim = spline(knots, c, np.zeros_like(c), 3, Range(knots[:1] - 1, knots[1:2]))
    assert rim.a.tolist() == [[0, 0]]
    assert (rim.b > 0).all()
    assert (spline(knots, -c, np.zeros_like(c), 3, Range(knots[:1] - 1, knots[1:2])).b == 0).all()


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_coefficients_of_the_derivative_are_those_of_scipy_and_their_error_is_held(degree):
    knots, c = uneven(degree)
    found, error = differentiated(knots, c, np.zeros_like(c), degree)
    wanted = np.diff(np.pad(c, ((1, 1), (0, 0))), axis=0)
    rate = degree / (knots[degree : degree + len(wanted)] - knots[: len(wanted)])
    np.testing.assert_allclose(found, wanted * rate[:, None], rtol=1e-14)
    np.testing.assert_allclose(error, 8 * 2.0**-53 * np.abs(found), rtol=1e-9)
    _, loose = differentiated(knots, c, np.ones_like(c), degree)
    inner = slice(1, -1)
    np.testing.assert_allclose(loose[inner], 2.002 * rate[inner, None] * np.ones((1, 2)), rtol=1e-9)
    np.testing.assert_allclose(loose[[0, -1]], 1.001 * rate[[0, -1], None] * np.ones((1, 2)), rtol=1e-9)
    x = np.linspace(knots[degree], knots[-degree - 1], 30)[1:-1]
    held = spline(knots, found, error, degree - 1, exact(x))
    true = BSpline(knots, c, degree).derivative()(x)
    near = np.abs(x[:, None] - knots).min(1) > 1e-9
    assert (held.a <= true + 1e-13)[near].all()
    assert (true - 1e-13 <= held.b)[near].all()


@pytest.mark.parametrize("tails", ["linear", "constant", "zero", "natural"])
@pytest.mark.parametrize(("degree", "base"), [(1, "silu"), (2, "none"), (3, "identity")])
def test_few_boxes_of_a_layer_are_known_closely(degree, base, tails):
    layer = layer_of(degree, base, tails, seed=degree)
    checked = CheckedLayer(layer_numbers(layer))
    lo, hi = np.array([-1.9, -0.8, -0.2, 0.45, 1.3]), np.array([-1.2, 0.9, -0.1, 0.46, 1.9])
    x = lo + np.linspace(0, 1, 801)[:, None] * (hi - lo)
    for i in range(2):
        rows = torch.from_numpy(np.stack([x.ravel()] * 2, 1))
        for order in range(3):
            held = checked.ranges(i, Range(lo, hi), order)
            values = layer.edges(rows, order)[:, i].detach().numpy().reshape(801, 5, 3)
            slack = 1e-13 * (1 + np.abs(values).max())
            assert (held.a <= values.min(0) + slack).all()
            assert (values.max(0) <= held.b + slack).all()
            known = np.isfinite(held.a) & np.isfinite(held.b)
            spread = np.ptp(values, axis=0)
            assert (held.b - held.a <= 1.1 * spread + 0.06 * np.abs(values).max() + 1e-9)[known].all()
            assert known.all() or order >= 1
            if order == 1 and degree > 1 and tails == "linear":
                assert known.all()


@pytest.mark.parametrize("seed", range(20))
def test_at_points_a_network_is_known_to_rounding(seed):
    model = any_model(seed)
    lo, hi = box_for(model)
    points = points_in(lo[None], hi[None], 14, seed)[2:, 0]
    y, slope, bend = derivatives(model, points[:, None])
    env = CheckEnvironment(CheckedModel(model), points, points, model.inputs, 2)
    for j, f in enumerate(env.f(env.x)):
        for held, wanted in ((f.v, y[:, j]), (f.d, slope[:, j]), (f.h, bend[:, j])):
            usable = np.isfinite(wanted) & np.isfinite(held.a) & np.isfinite(held.b)
            assert usable.mean() > 0.5 or not np.isfinite(wanted).all()
            size = 1 + np.abs(wanted[usable]).max(initial=0.0)
            assert (held.a[usable] <= wanted[usable] + 1e-13 * size).all()
            assert (wanted[usable] - 1e-13 * size <= held.b[usable]).all()
            assert np.median(held.b[usable] - held.a[usable]) <= 1e-7 * size


def test_partial_derivatives_are_those_of_the_network():
    model = any_model(3)
    lo, hi = box_for(model)
    env = CheckEnvironment(CheckedModel(model), lo[None], hi[None], model.inputs, 2)
    whole = env.f(env.x)[0]
    assert env.partial(0, ()).v.a.tolist() == whole.v.a.tolist()
    first = env.partial(0, (0,))
    assert (first.order, first.v.a.tolist(), first.d.a.tolist()) == (
        1,
        whole.d.a[:, 0].tolist(),
        whole.h.a[:, 0].tolist(),
    )
    second = env.partial(0, (0, 0))
    assert (second.order, second.v.b.tolist(), second.d) == (0, whole.h.b[:, 0, 0].tolist(), None)
