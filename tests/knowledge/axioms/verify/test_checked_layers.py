"""Splines, layers and networks in the checker's arithmetic: close at points, little wider than their values on boxes."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

import splinework as sw
from splinework.knowledge.axioms.verify.numbers import layer_numbers
from splinework.knowledge.axioms.verify.recheck import Range, RangeJet, exact
from splinework.knowledge.axioms.verify.recheck_functions import (
    curve_bound,
    row_bounds,
)
from splinework.knowledge.axioms.verify.recheck_layer import CheckedLayer, differentiated, spline
from splinework.knowledge.axioms.verify.recheck_model import ALGEBRA, CheckedModel, CheckEnvironment
from tests.knowledge.axioms.verify.models import any_model, box_for, derivatives, layer_of, points_in


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


@pytest.mark.parametrize("domain", [(0.4, 2.0), (-3.0, -0.5)])
@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.3, 1.0), (0.0, 0.7), (-0.2, 1.3)])
@pytest.mark.parametrize("kind", ["adaptive", "normalised"])
def test_domains_beside_zero_and_scalings_by_half_are_those_of_the_network(domain, shift, scale, kind):
    model = sw.KAN(
        [2, 2, 1], domain=domain, grid_kind=kind, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    assert float(model.kan_layers[0].basis.domain(model.kan_layers[0].grid)[0][0]) == domain[0]
    for scaling in (model.input_scaling, model.output_scaling):
        size = scaling.shift.shape
        scaling.set(torch.full(size, shift, dtype=torch.float64), torch.full(size, scale, dtype=torch.float64))
    points = np.random.default_rng(0).uniform(domain[0] - 0.5, domain[1] + 0.5, (40, 2))
    env = CheckEnvironment(CheckedModel(model), points, points, 2, 0)
    held, wanted = env.f(env.x)[0].v, model(torch.from_numpy(points)).detach().numpy()[:, 0]
    assert (held.a <= wanted + 1e-14).all()
    assert (wanted - 1e-14 <= held.b).all()
    assert (held.b - held.a).max() < 1e-8


def test_where_a_condition_is_open_slope_and_curvature_are_open_too():
    def constant(value):
        return RangeJet(2, exact([value] * 3), exact([[value]] * 3), exact([[[value]]] * 3))

    condition = np.array([True, False, False]), np.array([False, True, False])
    found = ALGEBRA["where"](condition, constant(1.0), constant(2.0))
    assert (found.v.a.tolist(), found.v.b.tolist()) == ([1, 2, 1], [1, 2, 2])
    for part in (found.d, found.h):
        assert (part.a.ravel().tolist(), part.b.ravel().tolist()) == ([1, 2, -np.inf], [1, 2, np.inf])


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


def many(reach, half, seed=0, count=5000):
    """More boxes than are looked at in parts, and values to hold against: points of each."""
    centre = np.random.default_rng(seed).uniform(-reach, reach, count)
    return Range(centre - half, centre + half), centre + np.linspace(-half, half, 9)[:, None]


def edges_at(layer, x, order):
    flat = torch.from_numpy(x.reshape(-1, 1))
    return layer.edges(flat, order)[:, 0].detach().numpy().reshape(*x.shape, -1)


@pytest.mark.parametrize("tails", ["linear", "constant", "zero", "natural"])
@pytest.mark.parametrize("basis", ["fourier", "chebyshev", "gaussian_rbf", "bspline"])
@pytest.mark.parametrize("half", [1e-3, 0.05])
def test_many_small_boxes_of_a_layer_hold_its_values_and_little_more(basis, tails, half):
    if (basis, tails) == ("chebyshev", "natural"):
        pytest.skip("it grows without bound")
    generator = torch.Generator().manual_seed(0)
    model = sw.KAN([1, 2], basis=basis, base="none", extrapolation=tails, dtype=torch.float64, generator=generator)
    layer = model.kan_layers[0]
    with torch.no_grad():
        layer.coefficients.normal_(0, 0.5, generator=generator)
    checked, n = CheckedLayer(layer_numbers(layer)), layer_numbers(layer)
    if n.basis.degree is None:
        steepest = row_bounds(n.basis, -1.0, 1.0, 2) @ np.abs(n.c[0] * n.weight[0])
    else:
        steepest = 2 * np.abs(edges_at(layer, np.linspace(-0.999, 0.999, 999)[:, None], 2)).max((0, 1))
    box, x = many(1.3, half)
    for order in range(3):
        held, values = checked.ranges(0, box, order), edges_at(layer, x, order)
        assert (held.a <= values.min(0) + 1e-12).all()
        assert (values.max(0) <= held.b + 1e-12).all()
        known = np.isfinite(held.a) & np.isfinite(held.b)
        if order == 0:
            spread = np.ptp(values, axis=0)
            inside = (np.abs(x) < 0.99).all(0)[:, None] & known
            assert inside.mean() > 0.6
            assert (held.b - held.a <= 1.05 * spread + 3 * steepest * half**2 + 1e-9)[inside].all()
            assert known.all() or tails == "zero"


@pytest.mark.parametrize("base", ["silu", "tanh", "sin", "gelu"])
@pytest.mark.parametrize("half", [1e-4, 0.01, 0.2])
def test_a_base_function_is_held_by_its_slope_and_curvature(base, half):
    layer = sw.KAN([1, 1], base=base, extrapolation="natural", dtype=torch.float64).kan_layers[0]
    with torch.no_grad():
        layer.coefficients.zero_()
        layer.base_weight.fill_(1.0)
    box, x = many(3.0, half)
    checked = CheckedLayer(layer_numbers(layer))
    for order in range(3):
        held, values = checked.ranges(0, box, order), edges_at(layer, x, order)
        assert (held.a <= values.min(0) + 1e-13).all()
        assert (values.max(0) <= held.b + 1e-13).all()
        allowed = np.ptp(values, axis=0) + 2.2 * curve_bound(base, order + 2) * half**2 + 1e-11
        assert order == 2 or (held.b - held.a <= allowed).all()


@pytest.mark.parametrize("count", [1, 5000])
def test_boxes_without_an_end_have_the_slopes_of_the_tails(count):
    layer = layer_of(3, "none", "linear", seed=1)
    checked = CheckedLayer(layer_numbers(layer))
    far = Range(np.full(count, 2.0), np.full(count, np.inf))
    whole = Range(np.full(count, -np.inf), np.full(count, np.inf))
    end = checked.ranges(0, exact(np.full(count, 2.0)), 1)
    tail = checked.ranges(0, far, 1)
    np.testing.assert_allclose(tail.a, end.a, rtol=1e-9)
    np.testing.assert_allclose(tail.b, end.b, rtol=1e-9)
    every = checked.ranges(0, whole, 1)
    assert np.isfinite(every.a).all()
    assert np.isfinite(every.b).all()
    assert (every.a <= tail.a).all()
    values = checked.ranges(0, whole, 0)
    assert ((values.a == -np.inf) | (values.b == np.inf)).all()
    assert (checked.ranges(0, far, 2).a == 0).all()
