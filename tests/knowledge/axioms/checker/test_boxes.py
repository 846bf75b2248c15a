"""Claims over boxes: what is said to hold does hold, on halves where need be, with the signs of faces, and within a limit."""

import contextlib
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.knowledge.axioms.checker.boxes import BoxCheck, reach_of
from splinework.knowledge.axioms.checker.certificates import ModelChecker
from splinework.knowledge.axioms.checker.divisions import Division, division
from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.checker.models import ModelRanges, Reading, _weighted_sum
from splinework.knowledge.axioms.checker.ranges import Range, variables

SQUARE = {"x1": (-1.0, 1.0), "x2": (-1.0, 1.0)}


def network(seed: int, *, shift: float = 0.0) -> sw.KAN:
    """Random edges; all values are moved by a constant."""
    generator = torch.Generator().manual_seed(seed)
    model = sw.KAN([2, 3, 1], base="none", dtype=torch.float64, generator=generator)
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.coefficients.normal_(0, 0.5, generator=generator)
        model.kan_layers[-1].bias.fill_(shift)
    return model


def check_of(model: sw.KAN, text: str) -> BoxCheck:
    """The check of an axiom of one claim."""
    checker = ModelChecker(Reading(model), SQUARE)
    (claim,) = checker.claims(text)
    return checker.boxes(claim)


def sampled(model: sw.KAN, lo: np.ndarray, hi: np.ndarray, along: tuple[int, ...]) -> np.ndarray:
    """The least value, or sum of slopes, at points of each box."""
    axis = np.linspace(0, 1, 9)
    share = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    x = torch.from_numpy((lo[:, None] + (hi - lo)[:, None] * share).reshape(-1, 2)).requires_grad_()
    y = model(x)[:, 0]
    values = torch.autograd.grad(y.sum(), x)[0][:, list(along)].sum(1) if along else y
    return values.detach().numpy().reshape(len(lo), -1).min(1)


CLAIMS = {
    "bounded(lower=0.0)": ((), 1.0),
    "bounded(upper=0.0)": ((), -1.0),
    "monotone('x1')": ((0,), 1.0),
    "residual('d y/d x1 + d y/d x2 >= 0')": ((0, 1), 1.0),
}


@pytest.mark.parametrize("shift", [-30.0, 0.0, 30.0])
@pytest.mark.parametrize("text", CLAIMS)
def test_a_bound_holds_on_no_box_with_a_point_below_it_and_on_narrow_boxes_up_to_little(text, shift):
    along, sign = CLAIMS[text]
    draw = np.random.default_rng(5)
    model, turned = network(0, shift=shift), network(0, shift=shift)
    with torch.no_grad():
        for name in ("coefficients", "bias"):
            getattr(turned.kan_layers[-1], name).mul_(sign)
    check = check_of(model, text)
    lo = draw.uniform(-1, 0.5, (16, 2))
    hi = lo + np.array([[1e-3]] * 6 + [[0.1], [0.5]] * 5)
    least = sampled(turned, lo, hi, along)
    for k in range(16):
        for above in (1e-9, 1.0):
            with contextlib.suppress(Unreadable):  # a point is below the bound
                assert not check.holds(lo[k : k + 1], hi[k : k + 1], least[k] + above)[0].any()
        if k < 6:
            assert check.holds(lo[k : k + 1], hi[k : k + 1], least[k] - 0.05)[0].all()
    assert check.holds(lo, hi, float(least.min()) - 30)[0].all()


@pytest.mark.parametrize("text", ["bounded(lower=0.0)", "bounded(upper=0.0)", "monotone('x1')"])
@pytest.mark.parametrize("shift", [-3.0, 3.0])
def test_multipliers_confirm_what_plain_ranges_and_slopes_do_not(text, shift):
    check = check_of(network(1, shift=shift), text)
    lo, hi = np.array([[-0.6, -0.5]]), np.array([[0.5, 0.4]])

    def highest(gain: float) -> float:
        low, high = -40.0, 40.0
        for _ in range(20):
            check.gain, check.asked, bound = gain, 0, (low + high) / 2
            try:
                held = check.holds(lo, hi, bound)[0].all()
            except Unreadable:
                held = False
            low, high = (bound, high) if held else (low, bound)
        return low

    along, sign = CLAIMS[text]
    turned = network(1, shift=shift)
    with torch.no_grad():
        for name in ("coefficients", "bias"):
            getattr(turned.kan_layers[-1], name).mul_(sign)
    assert highest(-1.0) + 0.05 < highest(1.0) <= sampled(turned, lo, hi, along)[0]


def test_multipliers_are_tried_while_they_confirm_boxes_and_every_eighth_time_else(monkeypatch):
    check, tried = check_of(network(1), "bounded(lower=0.0)"), []
    plain = check.values
    monkeypatch.setattr(
        check, "values", lambda lo, hi, order, sharp=None: (tried.append(sharp), plain(lo, hi, order, sharp))[1]
    )
    monkeypatch.setattr(check, "_by_slopes", lambda lo, hi, d, bound: np.zeros(len(lo), dtype=bool))
    lo, hi = np.full((1, 2), -0.5), np.full((1, 2), 0.5)
    counts = []
    for _ in range(17):
        tried.clear()
        assert not check.holds(lo, hi, 1e9)[0].any()
        counts.append(sum(each is not None for each in tried))
    assert counts == [3, *[0] * 6, 3, *[0] * 7, 3, 0]


def test_halves_are_looked_at_where_a_box_is_not_confirmed_along_the_largest_effect():
    check = check_of(network(0), "bounded(lower=0.0)")
    asked = []

    def narrow(lo, hi, rest):
        asked.append((lo.copy(), hi.copy()))
        return (hi - lo)[:, 0] <= 0.25, np.full(lo.shape, [1.0, 0.25])

    box = np.array([[-1.0, -1.0], [0.0, -1.0]]), np.array([[0.0, 1.0], [1.0, 1.0]])
    assert check._all(narrow, *box, np.zeros((2, 0)))
    assert [len(lo) for lo, _ in asked] == [2, 4, 8]
    lo, hi = asked[-1]
    assert sorted(lo[:, 0].tolist()) == [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75]
    assert (hi - lo == [0.25, 2.0]).all()
    asked.clear()
    assert not check._all(lambda *box: (narrow(*box)[0] & False, None), *box, np.zeros((2, 0)))
    looked = sum(len(lo) for lo, _ in asked)
    assert 1008 < looked <= 2 * 1008 + 2
    check.finite = False
    asked.clear()
    assert not check._all(lambda *box: (narrow(*box)[0] & False, None), *box, np.zeros((2, 0)))
    assert len(asked) == 1


def test_halves_are_cut_relative_to_the_whole_box_where_no_slope_is_known_and_never_below_rounding():
    check = check_of(network(0), "bounded(lower=0.0)")
    check.width = np.array([100.0, 1.0])
    found = []

    def by(weight):
        def good(lo, hi, rest):
            found.append((lo.copy(), hi.copy()))
            return np.full(len(lo), len(found) > 1), weight

        found.clear()
        assert check._all(good, np.array([[0.0, 0.0]]), np.array([[10.0, 1.0]]), np.zeros((1, 0)))
        return (found[1][1] - found[1][0]).tolist()

    assert by(None) == [[5.0, 1.0]] * 2
    assert by(np.zeros((1, 2))) == [[10.0, 0.5]] * 2
    assert by(np.array([[0.001, 1.0]])) == [[10.0, 0.5]] * 2
    assert by(np.array([[0.001, np.inf]])) == [[10.0, 0.5]] * 2
    check.width = np.array([100.0, 1e18])
    assert by(np.array([[0.001, 1.0]])) == [[5.0, 1.0]] * 2


def square_and_line() -> sw.KAN:
    """`x1² + x2`."""
    model = sw.KAN([2, 1], degree=2, grid=1, base="none", bias=False, dtype=torch.float64)
    layer = model.kan_layers[0]
    with torch.no_grad():
        t = layer.grid
        layer.coefficients.copy_(torch.stack([t[0][1:-2] * t[0][2:-1], (t[1][1:-2] + t[1][2:-1]) / 2])[:, :, None])
    return model


@pytest.mark.parametrize(
    ("text", "sign"), [("bounded(lower=-50.0)", 1), ("bounded(upper=50.0)", -1), ("monotone('x1')", 1)]
)
def test_the_slopes_that_faces_state_are_looked_at(text, sign):
    """Of `x1² + x2` (lower), its opposite (upper), and `d/dx1`, which rises along x1 only."""
    check, lo, hi = check_of(square_and_line(), text), np.array([[0.25, -1.0]]), np.array([[1.0, 1.0]])
    slopes = [sign, 0] if "monotone" in text else [sign, sign]
    for first, second in np.ndindex(3, 3):
        stated = np.array([[first - 1, second - 1]])
        if check.claim.order:
            held = check.signed(lo, hi, stated)[0].all()
            assert held == (stated[0, 0] in (0, 1)), stated
        else:
            right = all(s in (0, slope) for s, slope in zip(stated[0], slopes, strict=True))
            assert check.signed(lo, hi, stated)[0].all() == right, stated
    left = np.array([[-1.0, -1.0]]), np.array([[-0.25, 1.0]])
    assert check.signed(*left, np.array([[-slopes[0] if not check.claim.order else 1, 0]]))[0].all()
    across = np.array([[-0.5, -1.0]]), np.array([[0.5, 1.0]])
    assert check.signed(*across, np.array([[1, 0]]))[0].all() == bool(check.claim.order)


def test_a_claim_on_a_part_of_a_box_is_looked_at_there_only_and_on_no_face():
    model = network(0, shift=30.0)
    check = check_of(model, "law('f(x1, x2) >= 0 when x2 > 0.5')")
    low = check_of(network(0, shift=-30.0), "law('f(x1, x2) >= 0 when x2 > 0.5')")
    whole = np.array([-1.0, -1.0]), np.array([1.0, 1.0])
    assert check.everywhere(division(".", *whole), 0.0) == ""
    assert "face of a box" in check.everywhere(division("La.", *whole), 0.0)
    assert "could not be confirmed" in low.everywhere(division(".", *whole), 0.0)
    below = np.array([-1.0, -1.0]), np.array([1.0, 0.4])
    assert low.everywhere(Division(*(end[None] for end in below), *np.zeros((3, 0, 2))), 0.0) == ""


def test_the_sum_over_many_boxes_keeps_its_rounding(monkeypatch):
    check = check_of(network(0), "bounded(lower=0.0)")
    parts = np.array([1e16, *[-1.0] * 255])  # a sum in float64 is off by many units in the last place
    for sign in (1.0, -1.0):
        monkeypatch.setattr(check, "_midpoint", lambda lo, hi, sign=sign: Range(sign * parts, sign * parts))
        lo, hi = np.zeros((2, 256, 2))
        found = check.integral(Division(lo, hi, *np.zeros((3, 0, 2))))
        exact = Fraction(sign) * (10**16 - 255)
        assert Fraction(float(found.lo[0])) < exact < Fraction(float(found.hi[0]))
        assert found.hi[0] - found.lo[0] < 1e5


@pytest.mark.parametrize(
    ("slopes", "least"), [((-1.0, 3.0), -0.75), ((1.0, 3.0), 0.0), ((-3.0, -1.0), 0.0), ((-2.0, 2.0), -1.0)]
)
def test_the_mean_value_is_taken_about_the_best_point(monkeypatch, slopes, least):
    """Of slopes between two numbers on [0, 1], the sum of products with the distances is the least possible at one point."""
    check, asked = check_of(network(0), "bounded(lower=0.0)"), []
    zero = check.values(np.zeros((1, 2)), np.zeros((1, 2)), 0)[0]

    def values(lo, hi, order, sharp=None):
        asked.append((lo, order))
        assert (lo == hi).all()
        return replace(zero, v=Range(np.zeros((1, 1)), np.zeros((1, 1)))), np.zeros(1, dtype=bool)

    monkeypatch.setattr(check, "values", values)
    d = Range(np.array([[slopes[0], 0.0]]), np.array([[slopes[1], 0.0]]))
    box = np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]])
    assert check._by_slopes(*box, d, least - 1e-12).all()
    assert least == 0 or not check._by_slopes(*box, d, least + 1e-12).any()
    assert {order for _, order in asked} == {0}


@pytest.mark.parametrize(
    ("text", "holds", "above"),
    [("convex('x1')", 2.0, 2.0), ("convex('x2')", 0.0, 0.0), ("no_interaction('x1', 'x2')", 0.0, 0.0)],
)
def test_bends_are_known_to_rounding(text, holds, above):
    """Of `x1² + x2`."""
    check, (lo, hi) = check_of(square_and_line(), text), np.array([[[-0.5, -1.0]], [[0.75, 0.5]]])
    assert check.holds(lo, hi, holds - 1e-12)[0].all()
    with contextlib.suppress(Unreadable):
        assert not check.holds(lo, hi, above + 1e-12)[0].any()


def test_the_middle_of_a_box_is_asked_with_its_rounding(monkeypatch):
    check, asked = check_of(network(0), "bounded(lower=0.0)"), []
    plain = check.values
    monkeypatch.setattr(check, "values", lambda lo, hi, order: (asked.append((lo, hi)), plain(lo, hi, order))[1])
    check.pairs = ((0, 0), (0, 1), (1, 1))
    lo, hi = np.sort(np.random.default_rng(0).uniform(-1, 1, (2, 64, 2)), axis=0)
    assert check._midpoint(lo, hi).lo.dtype == np.float64
    for low, high, a, b in zip(lo.flat, hi.flat, *(end.flat for end in asked[1]), strict=True):
        middle = (Fraction(low) + Fraction(high)) / 2
        assert Fraction(low) <= Fraction(a) < middle < Fraction(b) <= Fraction(high)
        assert b - a <= 2e-15


def test_a_model_is_enclosed_wherever_a_claim_asks_it():
    model = network(0)
    (claim,) = ModelChecker(Reading(model), SQUARE).claims("periodic('x1', period=0.75)")
    found = reach_of(claim, 2, 1)
    assert (found.lo.tolist(), found.hi.tolist()) == ([-1.0, -1.0], [pytest.approx(1.75), 1.0])
    (claim,) = ModelChecker(Reading(model), SQUARE).claims("law('f(x1, f(x1, x2)) >= -9')")
    assert (reach_of(claim, 2, 1).lo.tolist(), reach_of(claim, 2, 1).hi.tolist()) == ([-1.0, -np.inf], [1.0, np.inf])
    (claim,) = ModelChecker(Reading(model), SQUARE).claims("bounded(lower=0.0)")
    assert (reach_of(claim, 2, 1).lo.tolist(), reach_of(claim, 2, 1).hi.tolist()) == ([-1.0] * 2, [1.0] * 2)


def test_inputs_are_mapped_into_a_grid_that_is_not_about_zero():
    reading = Reading(sw.KAN([2, 1], dtype=torch.float64))
    low, high = np.array([0.5, -3.0]), np.array([2.0, -1.0])
    reading.layers[0] = replace(reading.layers[0], squashed=True, low=low, high=high)
    x = np.array([[0.25, 4.0], [1.25, -2.0], [9.0, -2.5]])
    found = ModelRanges(reading, Range(x.min(0), x.max(0)))._squashed(0, variables(x, x, 0, ())).v
    middle, half = (low + high) / 2, (high - low) / 2
    true = middle + half * np.tanh((x - middle) / half)
    assert (found.lo <= true + 1e-15).all()
    assert (true - 1e-15 <= found.hi).all()
    assert (found.hi - found.lo < 1e-12).all()


def test_sums_over_inputs_leave_out_zeros_and_nothing_else():
    inner = Range(*(np.array(end)[None, :, None] for end in ([0.0, 0.0, -1.0, -1.0, 1.0], [0.0, 1.0, 0.0, 1.0, 1.0])))
    found = _weighted_sum(Range(np.full((1, 1, 1), 2.0), np.full((1, 1, 1), 3.0)), inner)
    assert found.lo.dtype == np.float64
    np.testing.assert_allclose(found.lo[0, :, 0], [0, 0, -3, -3, 2], rtol=1e-15)
    np.testing.assert_allclose(found.hi[0, :, 0], [0, 3, 0, 3, 3], rtol=1e-15)


@pytest.mark.parametrize(
    ("shape", "kind", "first"),
    [([2, 3, 1], "adaptive", 0), ([2, 3, 3, 1], "normalised", 2), ([2, (1, 1), 1], "adaptive", 1),
     ([2, (1, 1), 2, 1], "adaptive", 1), ([2, 3, (0, 1)], "adaptive", 2), ([2, (1, 1), 2, (1, 1)], "adaptive", 3)],
)  # fmt: skip
def test_multipliers_are_for_the_last_layers_that_take_and_give_sums_as_they_are(shape, kind, first):
    model = sw.KAN(shape, grid_kind=kind, dtype=torch.float64)
    inputs = model.inputs
    assert ModelRanges(Reading(model), Range(-np.ones(inputs), np.ones(inputs))).first == first


@pytest.mark.parametrize(("low", "sound"), [(0.2, True), (0.0, True), (-0.1, False), (2.0, True)])
def test_a_logarithmic_input_has_a_value_where_it_is_not_negative(low, sound):
    model = sw.KAN([2, 1], input_scales=["linear", "log"], dtype=torch.float64)
    lo, hi = np.array([[-1.0, low]]), np.array([[1.0, 3.0]])
    found = ModelRanges(Reading(model), Range(lo[0], hi[0])).run(variables(lo, hi, 0, ()))
    assert bool(found.sound[0]) == sound
