"""What edges and networks can be over boxes: nothing escapes, and little is given away."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.formula.intervals import Interval
from splinework.knowledge.axioms.checker.models import ModelRanges, Reading
from splinework.knowledge.axioms.checker.ranges import Range
from splinework.knowledge.axioms.checker.ranges import variables as variables_of
from splinework.knowledge.axioms.verify.edges import EdgeTable
from splinework.knowledge.axioms.verify.jets import JetSpace, variables
from splinework.knowledge.axioms.verify.network import Enclosure
from splinework.knowledge.axioms.verify.numbers import layer_numbers
from splinework.nn.frame import Frame, FramedKAN
from tests.knowledge.axioms.verify.models import (
    BASES,
    TAILS,
    any_model,
    box_for,
    boxes_in,
    derivatives,
    layer_of,
    points_in,
)

REACH = Interval(np.array([-1.9, -1.9]), np.array([1.8, 1.8]))


def edge_ranges(layer, lo, hi, orders=2):
    return EdgeTable(layer_numbers(layer), REACH).ranges(Interval(lo, hi), orders)


@pytest.mark.parametrize("tails", TAILS)
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_edges_stay_in_their_ranges_and_fill_them(degree, base, tails):
    layer = layer_of(degree, base, tails, seed=degree)
    lo, hi = boxes_in(REACH.lo, REACH.hi, 60, seed=degree)
    x = points_in(lo, hi, 150, seed=1)
    for order, held in enumerate(edge_ranges(layer, lo, hi)):
        values = layer.edges(torch.from_numpy(x.reshape(-1, 2)), order).detach().numpy().reshape(150, 60, 2, 3)
        least, most = values.min(0), values.max(0)
        assert (held.lo <= least).all()
        assert (most <= held.hi).all()
        wide = (most - least > 1e-3) & np.isfinite(held.lo) & np.isfinite(held.hi)
        if wide.any():
            assert np.median((held.hi - held.lo)[wide] / (most - least)[wide]) < 1.1


def test_piecewise_constant_edges_jump_within_their_ranges():
    layer = layer_of(0, "silu", "linear", seed=3)
    lo, hi = boxes_in(REACH.lo, REACH.hi, 60, seed=0)
    values, slopes, _ = edge_ranges(layer, lo, hi)
    found = layer.edges(torch.from_numpy(points_in(lo, hi, 150, seed=1).reshape(-1, 2))).detach().numpy()
    found = found.reshape(150, 60, 2, 3)
    assert (values.lo <= found.min(0)).all()
    assert (found.max(0) <= values.hi).all()
    ends = layer.edges(torch.from_numpy(np.stack([lo, hi]).reshape(-1, 2))).detach().numpy().reshape(2, 60, 2, 3)
    # The mean value theorem must not be believed across a jump.
    with np.errstate(invalid="ignore"):
        most = np.maximum(slopes.hi, -slopes.lo) * (hi - lo)[:, :, None]
    assert (np.abs(ends[1] - ends[0]) <= np.nan_to_num(most, nan=np.inf) + 1e-9).all()


def test_ranges_of_cubic_edges_are_exact_to_rounding():
    """The extremes are critical points and ends, not control points: all width is the function's own."""
    layer = layer_of(3, "none", "linear", seed=5)
    lo, hi = np.array([[-0.9, -1.0], [0.1, -0.5]]), np.array([[0.8, 0.7], [0.3, 0.4]])
    held = edge_ranges(layer, lo, hi, orders=0)[0]
    share = np.linspace(0, 1, 20_001)[:, None, None]
    x = lo * (1 - share) + hi * share
    values = layer.edges(torch.from_numpy(x.reshape(-1, 2))).detach().numpy().reshape(20_001, 2, 2, 3)
    assert np.abs(held.lo - values.min(0)).max() < 1e-7
    assert np.abs(held.hi - values.max(0)).max() < 1e-7


def test_edges_of_one_sign_are_known_exactly():
    layer = layer_of(3, "none", "linear", seed=0)
    with torch.no_grad():
        layer.coefficients.copy_(torch.cumsum(layer.coefficients.abs(), dim=1))
        layer.coefficients[:, 3] = layer.coefficients[:, 2]
        layer.spline_weight[0, 0] = -1.0
    table = EdgeTable(layer_numbers(layer), REACH)
    rising, falling = table.signs[1]
    assert rising.sum() == 5
    assert falling[0, 0]
    slopes = table.ranges(Interval(REACH.lo[None], REACH.hi[None]), 1)[1]
    assert (slopes.lo[0][rising] >= 0).all()


@pytest.mark.parametrize("case", [pytest.param(case, marks=[pytest.mark.slow] * (case > 7)) for case in range(24)])
@pytest.mark.parametrize("arithmetic", ["prover", "checker"])
def test_networks_stay_in_their_ranges(arithmetic, case):
    model = any_model(case)
    n = model.inputs
    box = box_for(model)
    lo, hi = boxes_in(*box, 40, seed=case)
    points = points_in(lo, hi, 50, seed=case)
    y, slope, bend = (part.reshape(50, 40, *part.shape[1:]) for part in derivatives(model, points))
    pairs = tuple((a, b) for a in range(n) for b in range(a, n))
    if arithmetic == "prover":
        jet = Enclosure(model, Interval(*box)).run(variables(JetSpace(n, 2, pairs), lo, hi)).dense()
        bends = np.stack([bend[..., a, b] for a, b in pairs], 2)
        checks = [(jet.v.lo, jet.v.hi, y)]
        if jet.d is not None:
            checks.append((jet.d.lo, jet.d.hi, slope.swapaxes(2, 3)))
        if jet.h is not None:
            checks.append((jet.h.lo, jet.h.hi, bends))
    else:
        held = ModelRanges(Reading(model), Range(*box)).run(variables_of(lo, hi, 2, pairs))
        bends = np.stack([bend[..., a, b] for a, b in pairs], 2)
        parts = (held.v, y), (held.d, slope.swapaxes(2, 3)), (held.h, bends)
        checks = [(part.lo, part.hi, values) for part, values in parts]
    for least, most, values in checks:
        # Automatic differentiation itself rounds: a unit in the last place of what is added up.
        usable = np.isfinite(values).all(0)
        values, least, most = values[:, usable], least[usable], most[usable]
        slack = 1e-13 * (1 + np.abs(values).max(0, initial=0.0))
        assert (least <= values.min(0, initial=np.inf) + slack).all()
        assert (values.max(0, initial=-np.inf) <= most + slack).all()


def test_a_frame_is_part_of_the_model():
    inner = sw.KAN([2, 3, 2], dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    frame = Frame(
        ("a", "b"),
        ("sqrt(a**2+b**2)", "max(a, b)-min(a, b)"),
        ("p", "q"),
        ("a*(1-a)*z1", "exp(-softplus(z2))/(1+a**2)+sin(a*b)+0.3*tanh(z1)"),
    )
    model = FramedKAN(inner, frame)
    lo, hi = boxes_in(np.array([0.1, 0.2]), np.array([2.0, 1.5]), 40, seed=0)
    points = points_in(lo, hi, 60, seed=1)
    y, slope, _ = (part.reshape(60, 40, *part.shape[1:]) for part in derivatives(model, points))
    jet = Enclosure(model, Interval(np.array([0.1, 0.2]), np.array([2.0, 1.5]))).run(variables(JetSpace(2, 1), lo, hi))
    assert (jet.v.lo <= y.min(0)).all()
    assert (y.max(0) <= jet.v.hi).all()
    assert (jet.d.lo <= slope.swapaxes(2, 3).min(0) + 1e-12).all()
    assert (slope.swapaxes(2, 3).max(0) <= jet.d.hi + 1e-12).all()


def test_infinite_boxes_have_ranges_by_their_tails():
    model = sw.KAN([2, 3, 1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole = np.full(2, np.inf)
    jet = Enclosure(model, Interval(-whole, whole)).run(variables(JetSpace(2, 1), -whole[None], whole[None]))
    assert np.isfinite(jet.dense().d.lo).all()
    assert jet.v.lo[0, 0] == -np.inf
