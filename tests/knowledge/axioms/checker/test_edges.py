"""Ranges of edges where their reasons are sharp: turning points inside a part, faces of parts, kinks, and signs."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.knowledge.axioms.checker.edges import Edges
from splinework.knowledge.axioms.checker.layers import read_layer
from splinework.knowledge.axioms.checker.pieces import between
from splinework.knowledge.axioms.checker.ranges import Range


def edges(degree: int, coefficients, *, tails: str = "linear", reach: float = 1.0) -> Edges:
    """One edge with the coefficients that a function of its knots gives, `(M, degree)` to `(M,)`."""
    model = sw.KAN([1, 1], degree=degree, grid=4, base="none", extrapolation=tails, bias=False, dtype=torch.float64)
    layer = model.kan_layers[0]
    t = layer.grid[0]
    polar = torch.stack([t[1 + m : 1 + m + layer.basis.size] for m in range(degree)], 1)
    with torch.no_grad():
        layer.coefficients.copy_(coefficients(polar)[None, :, None])
        layer.spline_weight.fill_(1.0)
    return Edges(read_layer(layer), Range(np.array([-reach]), np.array([reach])))


def box(lo: float, hi: float) -> Range:
    return Range(np.array([[lo]]), np.array([[hi]]))


@pytest.mark.parametrize("width", [1e-3, 0.01, 0.05])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_parabola_reaches_its_turning_point_inside_a_part(width, sign):
    """There the distance from the chord is an eighth of the curvature times the squared width, and no less."""
    m = 0.5 / 8 * 2.5  # the middle of the third part of the third knot interval
    found = edges(2, lambda t: sign * (t[:, 0] - m) * (t[:, 1] - m)).ranges(box(m - width / 2, m + width / 2), 2)
    ends = sorted((0.0, sign * width**2 / 4))
    assert found[0].lo.item() <= ends[0] <= found[0].lo.item() + 1e-14
    assert found[0].hi.item() - 1e-14 <= ends[1] <= found[0].hi.item()
    assert found[1].lo.item() <= -width <= width <= found[1].hi.item() <= width + 1e-13
    assert found[2].lo.item() <= 2 * sign <= found[2].hi.item()


def test_boxes_across_parts_have_the_extremes_of_all_of_them():
    held = edges(3, lambda t: t[:, 0] * t[:, 1] * t[:, 2] - 0.3 * t.mean(1))  # x³ - 0.3 x
    draw = np.random.default_rng(0)
    ends = np.sort(draw.uniform(-1, 1, (300, 2)), axis=1)
    ends[:100] = np.sort(draw.choice(held.ends[0][1:-1], (100, 2)), axis=1)
    found = held.ranges(Range(ends[:, :1], ends[:, 1:]), 2)
    x = ends[:, :1] + np.linspace(0, 1, 401) * (ends[:, 1:] - ends[:, :1])
    for part, values in zip(found, (x**3 - 0.3 * x, 3 * x**2 - 0.3, 6 * x), strict=True):
        assert (part.lo[:, 0, 0] <= values.min(1) + 1e-14).all()
        assert (values.max(1) - 1e-14 <= part.hi[:, 0, 0]).all()
        assert (part.hi[:, 0, 0] - part.lo[:, 0, 0] <= np.ptp(values, axis=1) * 1.01 + 1.5e-3).all()


def test_rising_coefficients_give_slopes_that_are_not_negative_to_the_last_bit():
    draw = np.random.default_rng(1)
    held = edges(
        3, lambda t: torch.from_numpy(np.cumsum(draw.integers(0, 2, len(t)) * draw.uniform(size=len(t)))), reach=2.0
    )
    lo = draw.uniform(-2, 2, (200, 1))
    assert (held.ranges(Range(lo, lo + draw.uniform(0, 1, (200, 1))), 1)[1].lo >= 0).all()


@pytest.mark.parametrize(
    ("lo", "hi", "met"),
    [(-0.4, 0.0, True), (0.0, 0.4, True), (-0.4, -0.1, False), (0.1, 0.4, False), (-1.0, -0.7, False)],
)
def test_a_kink_counts_for_both_boxes_that_meet_there_and_for_no_other(lo, hi, met):
    """`|x|` by straight splines with a knot at 0; the ends of the reach are no kinks."""
    curved = edges(1, lambda t: t[:, 0].abs()).ranges(box(lo, hi), 2)[2]
    assert (curved.hi.item() == np.inf) == met
    assert curved.lo.item() > -1e-9 or not met


@pytest.mark.parametrize(
    ("tails", "slope", "bend"), [("linear", 2.0, 0.0), ("constant", 0.0, np.inf), ("zero", None, None)]
)
def test_tails_go_on_as_they_should(tails, slope, bend):
    """Of `x²` beyond 1: straight on, or flat with a kink that bends down."""
    held = edges(2, lambda t: t[:, 0] * t[:, 1], tails=tails, reach=3.0)
    value, first, second = held.ranges(box(1.5, 2.5), 2)
    if tails == "zero":
        assert value.lo.item() <= 0 <= value.hi.item()
        return
    assert first.lo.item() <= slope <= first.hi.item() <= slope + 1e-12
    assert value.lo.item() <= 1 + slope * 0.5 <= 1 + slope * 1.5 <= value.hi.item() + 1e-12
    assert second.lo.item() == second.hi.item() == 0
    for across in (held.ranges(box(0.5, 1.5), 2)[2], held.ranges(box(-1.5, -0.5), 2)[2]):
        assert (across.lo.item() == -np.inf) == (bend == np.inf)


@pytest.mark.parametrize("basis", ["chebyshev", "fourier", "gaussian_rbf"])
def test_edges_without_knots_go_on_by_their_formula(basis):
    """Over boxes that reach far beyond the domain; at points the ranges are hardly wider than rounding."""
    generator = torch.Generator().manual_seed(0)
    model = sw.KAN(
        [1, 1], basis=basis, base="none", extrapolation="natural", bias=False, dtype=torch.float64, generator=generator
    )
    held = Edges(read_layer(model.kan_layers[0]), Range(np.array([-2.5]), np.array([2.5])))
    draw = np.random.default_rng(0)
    ends = np.sort(draw.uniform(-2.5, 2.5, (200, 2)), axis=1)
    x = ends[:, :1] + np.linspace(0, 1, 101) * (ends[:, 1:] - ends[:, :1])
    with torch.no_grad():
        values = model(torch.from_numpy(x.reshape(-1, 1))).numpy().reshape(x.shape)
    size = np.abs(values).max()
    found = held.ranges(Range(ends[:, :1], ends[:, 1:]), 0)[0]
    assert (found.lo[:, 0, 0] <= values.min(1) + 1e-12 * size).all()
    assert (found.hi[:, 0, 0] >= values.max(1) - 1e-12 * size).all()
    point = held.ranges(Range(x[:, :1], x[:, :1]), 0)[0]
    assert (point.hi - point.lo <= 1e-7 * size).all()
    assert (np.abs((point.hi + point.lo)[:, 0, 0] / 2 - values[:, 0]) <= 1e-7 * size).all()


@pytest.mark.parametrize("far", [90.0, 1e4])
def test_a_fourier_series_has_no_more_over_many_periods_than_over_one(far):
    """However many it goes through: sums of steep edges reach tens of periods beyond the grid of the next layer."""
    generator = torch.Generator().manual_seed(1)
    layer = sw.KAN(
        [1, 1],
        basis="fourier",
        base="none",
        extrapolation="natural",
        bias=False,
        dtype=torch.float64,
        generator=generator,
    ).kan_layers[0]
    held = Edges(read_layer(layer), Range(np.array([-far]), np.array([far])))
    period, once = 2.0, held.ranges(box(-1.0, 1.0), 1)
    for lo, hi in ((-far, -1.0), (1.0, far), (50.0, 50.0 + period), (-far, far)) if far < 250 else ((-250.0, 250.0),):
        for one, many in zip(once, held.ranges(box(lo, hi), 1), strict=True):
            size = one.size.item()
            assert one.lo.item() - 1e-8 * size <= many.lo.item() <= one.lo.item() + 1e-8 * size
            assert one.hi.item() - 1e-8 * size <= many.hi.item() <= one.hi.item() + 1e-8 * size
    everywhere = held.ranges(box(-far, far), 0)[0]
    assert everywhere.lo.item() <= once[0].lo.item() + 1e-8
    assert everywhere.hi.item() >= once[0].hi.item() - 1e-8


@pytest.mark.parametrize("base", ["none", "gelu", "sin"])
@pytest.mark.parametrize("degree", [2, 3, 6])
def test_extremes_inside_a_box_are_known_to_rounding(degree, base):
    """Of values and slopes, although curvature times the squared width of a part is far more."""
    generator = torch.Generator().manual_seed(degree)
    model = sw.KAN([1, 2], degree=degree, grid=3, base=base, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        model.kan_layers[0].coefficients.normal_(0, 1, generator=generator)
    found = Edges(read_layer(model.kan_layers[0]), Range(np.array([-0.9]), np.array([0.9]))).ranges(box(-0.9, 0.9), 1)

    def edge(x, order, j):
        x = torch.from_numpy(x[:, None]).requires_grad_()
        y = model(x)[:, j] - model.kan_layers[0].bias[j]
        return (torch.autograd.grad(y.sum(), x)[0][:, 0] if order else y).detach().numpy()

    for order, j, sign in [(order, j, sign) for order in (0, 1) for j in (0, 1) for sign in (1, -1)]:
        lo, hi = -0.9, 0.9
        for _ in range(9):  # closer and closer around the least value
            x = np.linspace(lo, hi, 801)
            values = sign * edge(x, order, j)
            at = int(values.argmin())
            lo, hi = x[max(at - 1, 0)], x[min(at + 1, 800)]
        least = found[order].lo[0, 0, j] if sign > 0 else -found[order].hi[0, 0, j]
        assert values.min() - 2e-11 * np.abs(values).max() <= least <= values.min() + 1e-13 * np.abs(values).max()


def test_only_the_width_in_the_first_part_counts_for_it():
    """Of `12 (x - m)²`, whose part turns at m, over a box that begins beyond m and ends three parts on."""
    width = 0.5 / 8
    m = 2.5 * width
    held = edges(4, lambda t: torch.prod(t - m, 1)).ranges(box(m + 0.3 * width, m + 3.5 * width), 2)[2]
    assert 0.95 * width**2 <= held.lo.item() <= 12 * (0.3 * width) ** 2
    assert 12 * (3.5 * width) ** 2 <= held.hi.item() <= 12 * (3.5 * width) ** 2 + 1e-11


@pytest.mark.parametrize("basis", ["chebyshev", "fourier"])
def test_edges_without_knots_that_end_with_the_grid_jump_there(basis):
    generator = torch.Generator().manual_seed(1)
    model = sw.KAN([1, 1], basis=basis, base="none", extrapolation="zero", dtype=torch.float64, generator=generator)
    held = Edges(read_layer(model.kan_layers[0]), Range(np.array([-2.0]), np.array([2.0])))
    last = held.ranges(box(1.0, 1.0), 0)[0]
    slope = held.ranges(box(0.9, 1.1), 1)[1]
    value = model(torch.ones(1, 1, dtype=torch.float64)).item() - model.kan_layers[0].bias.item()
    assert abs(value) > 1e-3
    assert last.lo.item() <= value <= last.hi.item()
    assert (slope.lo.item() == -np.inf, slope.hi.item() == np.inf) == (value > 0, value < 0)
    assert np.isfinite(held.ranges(box(0.9, 0.99), 1)[1].hi).all()


def test_a_piece_that_does_not_turn_stays_between_its_ends_however_wide_it_is():
    ends, row = Range(*np.array([[[[1.0]]], [[[2.0]]]])), np.array([-9.0, 9.0, 0, 0, 0, 0, 1.0, 1.0, 0.0])
    for width in (1.0, np.inf):
        found = between(ends, row[None, None, :, None], np.full((1, 1, 1), width))
        assert found.lo.dtype == np.float64
        np.testing.assert_allclose([found.lo.item(), found.hi.item()], [1, 2], rtol=1e-15)


def test_a_basis_of_its_own_is_evaluated_by_its_formula():
    known = read_layer(sw.KAN([1, 1], basis="chebyshev", dtype=torch.float64).kan_layers[0])
    basis = SimpleNamespace(formula=lambda x, low, high, f: [1.0, (x - low) / (high - low), f.exp(x)])
    f = SimpleNamespace(number=float, exp=math.exp)
    assert replace(known, family="own", basis=basis).rows(0.5, -1.0, 1.0, f) == [1.0, 0.75, math.exp(0.5)]
    assert known.rows(0.5, -1.0, 1.0, f)[:4] == [1.0, 0.5, -0.5, -1.0]


def test_multipliers_have_corners_where_slopes_have_kinks():
    """Straight tails go on with the slope at the end, so the curvature jumps there; flat ones have a kink in the value."""
    for tails, below in (("linear", 1), ("constant", 0)):
        held = edges(3, lambda t: t[:, 0] * t[:, 1] * t[:, 2], tails=tails, reach=2.0)
        for most in range(4):
            rims = {-1.0, 1.0} & set(held.places(most).ravel().tolist())
            assert rims == ({-1.0, 1.0} if most > below else set()), (tails, most)
