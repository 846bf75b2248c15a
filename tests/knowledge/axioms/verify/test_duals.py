"""Bounds with multipliers, the prover's and the checker's: never above what is true, and far better than plain ones."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.formula.intervals import Interval
from splinework.knowledge.axioms.checker import duals as checker_duals
from splinework.knowledge.axioms.checker.models import ModelRanges, Reading
from splinework.knowledge.axioms.checker.ranges import Range
from splinework.knowledge.axioms.checker.ranges import variables as checked_variables
from splinework.knowledge.axioms.verify import duals as prover_duals
from splinework.knowledge.axioms.verify import verify
from splinework.knowledge.axioms.verify.jets import JetSpace, variables
from splinework.knowledge.axioms.verify.network import Enclosure, Sharpening

FAMILIES = [
    {"degree": 3, "base": "none"},
    {"degree": 1, "base": "none"},
    {"degree": 5, "base": "none", "extrapolation": "zero"},
]
MORE_FAMILIES = [
    {"degree": 3, "base": "tanh"},
    {"degree": 3, "base": "silu", "extrapolation": "constant"},
    {"basis": "chebyshev", "base": "none"},
    {"basis": "fourier", "base": "none"},
    {"degree": 2, "base": "none"},
    {"degree": 1, "base": "sin"},
    {"degree": 1, "base": "none", "extrapolation": "constant"},
    {"degree": 0, "base": "tanh"},
]


def named(family: dict[str, object]) -> str:
    """The values of a family, joined."""
    return "-".join(map(str, family.values()))


FAMILY_CASES = [
    *(pytest.param(family, id=named(family)) for family in FAMILIES),
    *(pytest.param(family, id=named(family), marks=pytest.mark.slow) for family in MORE_FAMILIES),
]


def network(shape: list[int], seed: int, **values) -> sw.KAN:
    """Random edges and constants."""
    generator = torch.Generator().manual_seed(seed)
    model = sw.KAN(shape, dtype=torch.float64, generator=generator, **values)
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.coefficients.normal_(0, 0.5, generator=generator)
            layer.bias.normal_(0, 0.5, generator=generator)
    return model


def gentle(shape: list[int], seed: int, degree: int = 3) -> sw.KAN:
    """Sines of half a period."""
    model = network(shape, seed, base="none", degree=degree)
    with torch.no_grad():
        for layer in model.kan_layers:
            x = torch.linspace(-1.6, 1.6, layer.basis.size, dtype=torch.float64)[None, :, None]
            layer.coefficients.copy_(0.4 * torch.sin(1.2 * x + 4 * layer.coefficients[:, :1]))
    return model


def proved(model: sw.KAN, lo: np.ndarray, hi: np.ndarray, along: int, sides: tuple[int, ...]) -> Interval:
    """The prover's bounds of the output (along < 0), or of its slope."""
    enclosure = Enclosure(model, Interval(lo.min(0), hi.max(0)))
    x = variables(JetSpace(lo.shape[1], 1 if along >= 0 else 0), lo, hi)
    found = enclosure.run(x, Sharpening((along,) if along >= 0 else (), sides) if sides else None)
    return found.v.take(slice(None), 0) if along < 0 else found.dense().d.take(slice(None), along, 0)


def checked(model: sw.KAN, lo: np.ndarray, hi: np.ndarray, along: int, sides: tuple[int, ...]) -> Range:
    """The checker's."""
    ranges = ModelRanges(Reading(model), Range(lo.min(0), hi.max(0)))
    with np.errstate(all="ignore"):
        found = ranges.run(checked_variables(lo, hi, 1, ()), (along, sides) if sides else None)
    return found.v[:, 0] if along < 0 else found.d[:, along, 0]


def extremes(model: sw.KAN, lo: np.ndarray, hi: np.ndarray, along: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and greatest value or slope at 400 points of each box, ends among them."""
    draw = np.random.default_rng(0)
    share = (
        np.linspace(0, 1, 400)[:, None] if lo.shape[1] == 1 else draw.uniform(-0.2, 1.2, (400, lo.shape[1])).clip(0, 1)
    )
    x = torch.from_numpy((lo[:, None] + (hi - lo)[:, None] * share).reshape(-1, lo.shape[1])).requires_grad_()
    y = model(x)[:, 0]
    found = y if along < 0 else torch.autograd.grad(y.sum(), x)[0][:, along]
    values = found.detach().numpy().reshape(len(lo), -1)
    return values.min(1), values.max(1)


@pytest.mark.parametrize("bounds", [proved, checked])
@pytest.mark.parametrize("family", FAMILY_CASES)
@pytest.mark.parametrize("shape", [[1, 1, 1], [2, 2, 2, 1]], ids=str)
def test_bounds_with_multipliers_hold_and_are_no_worse_than_plain_ones(bounds, family, shape):
    draw = np.random.default_rng(1)
    for seed in range(2):
        model = network(shape, seed, **family)
        lo = draw.uniform(-1.2, 1, (6, shape[0]))
        hi = lo + draw.uniform(0.02, 0.9, lo.shape)
        for along in (-1, 0):
            plain, sharp = (bounds(model, lo, hi, along, sides) for sides in ((), (1, -1)))
            least, most = extremes(model, lo, hi, along)
            noise = 1e-12 * (1 + np.abs(least) + np.abs(most))
            assert (sharp.lo <= least + noise).all()
            assert (sharp.hi >= most - noise).all()
            assert (sharp.lo >= plain.lo).all()
            assert (sharp.hi <= plain.hi).all()


@pytest.mark.parametrize("bounds", [proved, checked])
@pytest.mark.parametrize(("along", "degree", "left"), [(-1, 3, 0.25), (0, 3, 0.25), (-1, 1, 0.25), (0, 1, 0.6)])
def test_on_gentle_networks_little_is_left_of_what_plain_bounds_give_away(bounds, along, degree, left):
    model = gentle([3, 3, 1], 1, degree)
    lo = np.random.default_rng(2).uniform(-1, 0.4, (24, 3))
    hi = lo + 0.5
    least, most = extremes(model, lo, hi, along)
    plain, sharp = (bounds(model, lo, hi, along, sides) for sides in ((), (1, -1)))
    given = [((each.hi - each.lo) - (most - least)).mean() for each in (plain, sharp)]
    assert given[1] < left * given[0], given


@pytest.mark.parametrize("bounds", [proved, checked])
@pytest.mark.parametrize("along", [-1, 0])
@pytest.mark.parametrize(("scale", "shift"), [(2.0**-10, 0.0), (2.0**10, 0.0), (1.0, 64.0)])
def test_bounds_do_not_depend_on_the_units_of_hidden_sums(bounds, along, scale, shift):
    model, other = gentle([3, 3, 1], 1), gentle([3, 3, 1], 1)
    first, second = other.kan_layers
    with torch.no_grad():
        first.coefficients.mul_(scale)
        first.bias.mul_(scale).add_(shift)
        second.grid.mul_(scale).add_(shift)
    second.refresh()
    lo = np.random.default_rng(2).uniform(-1, 0.4, (4, 3))
    one, two = (bounds(each, lo, lo + 0.5, along, (1, -1)) for each in (model, other))
    close = 1e-3 if shift else 1e-9  # knots are rounded where they are moved
    np.testing.assert_allclose(two.lo, one.lo, rtol=close)
    np.testing.assert_allclose(two.hi, one.hi, rtol=close)


def test_the_sum_of_priced_ranges_holds_whatever_is_in_them():
    draw = np.random.default_rng(0)
    low = draw.normal(size=(2, 5, 3, 4))
    r, price = Range(low, low + draw.choice([0, 1e-13, 0.5], low.shape)), draw.normal(size=(2, 4))
    found = checker_duals._priced_points(r, price)
    chosen = np.where(price[:, None, None] > 0, r.lo, r.hi), np.where(price[:, None, None] > 0, r.hi, r.lo)
    least, most = (
        np.einsum("bmij,bj->bmi", each.astype(np.longdouble), price.astype(np.longdouble)) for each in chosen
    )
    assert (found.lo <= least).all()
    assert (found.hi >= most).all()
    assert (found.hi - found.lo <= 2 * (most - least) + 1e-12).all()


@pytest.mark.parametrize("bounds", [proved, checked])
def test_one_side_leaves_the_other_as_it_was(bounds):
    model = network([2, 3, 1], 0)
    lo, hi = np.full((3, 2), -0.5), np.full((3, 2), 0.5)
    plain, below, above, both = (bounds(model, lo, hi, 0, sides) for sides in ((), (1,), (-1,), (1, -1)))
    np.testing.assert_array_equal(below.hi, plain.hi)
    np.testing.assert_array_equal(above.lo, plain.lo)
    np.testing.assert_array_equal(both.lo, below.lo)
    np.testing.assert_array_equal(both.hi, above.hi)
    assert (both.lo > plain.lo).all()


@pytest.mark.parametrize("bounds", [proved, checked])
def test_boxes_are_bounded_in_pieces_without_a_difference(bounds, monkeypatch):
    model = network([2, 2, 1], 0, base="none")
    lo = np.random.default_rng(3).uniform(-1, 0.4, (7, 2))
    whole = bounds(model, lo, lo + 0.5, 0, (1, -1))
    for module in (prover_duals, checker_duals):
        monkeypatch.setattr(module, "_MOST_NUMBERS", 3 * 13 * 4)
    parts = bounds(model, lo, lo + 0.5, 0, (1, -1))
    np.testing.assert_allclose(parts.lo, whole.lo, rtol=1e-9)
    np.testing.assert_allclose(parts.hi, whole.hi, rtol=1e-9)


def test_claims_about_sums_of_many_variables_are_decided_on_few_boxes():
    model = gentle([6, 3, 1], 3)
    lo, hi = -np.ones((1, 6)), np.ones((1, 6))
    least, most = extremes(model, lo, hi, 0)
    steepest = 1.4 * float(max(abs(least[0]), abs(most[0])))
    found = verify(model, f"lipschitz({steepest!r}, along=('x1',))", effort=3)
    assert (found.status, found.boxes < 3000) == ("proved", True)


@pytest.mark.parametrize("bounds", [proved, checked])
def test_across_jumps_slopes_stay_as_they_were(bounds):
    """Of hidden sums at the end of the grid, where the functions end, too."""
    model = network([1, 2, 1], 2, basis="chebyshev", base="none", extrapolation="zero")
    lo = np.linspace(-0.9, 0.4, 8)[:, None]
    plain, sharp = (bounds(model, lo, lo + 0.5, 0, sides) for sides in ((), (1, -1)))
    assert np.isinf(plain.hi - plain.lo).sum() >= 2
    np.testing.assert_array_equal(sharp.lo, plain.lo)
    np.testing.assert_array_equal(sharp.hi, plain.hi)


def test_between_the_points_a_bound_loses_an_eighth_of_the_curvature_times_their_squared_distance():
    """Where slopes are zero, unbounded third derivatives cost nothing."""
    y, none, wide = np.linspace(0, 1, 5)[None, :, None], np.zeros((1, 1, 1)), np.full((1, 1, 1), np.inf)
    flat = np.zeros((1, 5, 1, 1))
    bends = Interval(none, none + 2), Interval(-wide, wide)
    layer = prover_duals._Layer(y, (flat, none + 0.125), (flat, none), *bends, none, np.zeros(1))
    with np.errstate(invalid="ignore"):
        found = [prover_duals._Dual([layer], 1.0, 0, slopes=slopes)._proved() for slopes in (False, True)]
    assert found[0].dtype == np.float64
    assert np.concatenate(found) == pytest.approx([-2 * 0.25**2 / 8 - 0.125, 0], rel=1e-9, abs=1e-12)


def test_slopes_at_every_kink_are_known_from_both_sides():
    model = network([1, 1], 0, degree=1, grid=4, base="none")
    reach = Interval(np.full((1, 1), -0.8), np.full((1, 1), 0.8))
    ((_, table),) = Enclosure(model, Interval(reach.lo[0], reach.hi[0])).chain
    layer = prover_duals._layer(table, reach, Interval(np.ones((1, 1)), np.ones((1, 1))))
    y, slope = layer.y[0, :, 0], layer.slope[0][0, :, 0, 0]
    beside = torch.tensor([[-0.6], [-0.4], [-0.1], [0.1], [0.4], [0.6]], dtype=torch.float64)
    steps = torch.autograd.functional.jacobian(lambda x: model(x).sum(), beside)
    for kink, before, after in ((-0.5, 0, 1), (0.0, 2, 3), (0.5, 4, 5)):
        there = slope[np.abs(y - kink) < 1e-9]
        np.testing.assert_allclose([there[0], there[-1]], steps[[before, after], 0], rtol=1e-9)
