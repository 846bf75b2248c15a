"""Grids during a fit: they follow the activations, widen without a change, and grow while that pays."""

import copy

import pytest
import torch

from splinework.nn.layer import GRID_KINDS
from splinework.nn.trace import trace
from splinework.splines.bases import BSpline
from splinework.train import fit
from splinework.train.grid_adaptation import MARGIN_SHARE, adapt_grids, extend_grids
from splinework.train.optim import LevenbergMarquardt
from splinework.train.refinement import refine_grids
from splinework.train.run import TrainingRun
from tests.contracts.cases import normal, seeded
from tests.interpret.edit.cases import BASES, allowed, distance
from tests.nn.test_network import network
from tests.train.cases import fresh, noise, objective_of, quick, smooth, uniform

SHAPE = [2, 3, (1, 1), 2]


def knots_of(model):
    return [layer.grid.clone() for layer in model.kan_layers]


# -------------------------------------------------------------------------------------------------------- widen


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("base", ["silu", "none"])
def test_widening_keeps_the_function_inside_and_covers_the_activations(base, degree):
    model, x = network(SHAPE, degree=degree, base=base), uniform(300)
    adapt_grids(model, x)
    x = (1.15 if base == "none" else 1.06) * x  # activations go a little further than the grids reach
    before = copy.deepcopy(model)
    extend_grids(model, x)
    u = x
    for index, (old, new, nodes) in enumerate(
        zip(before.kan_layers, model.kan_layers, model.config.nodes[1:], strict=True)
    ):
        low, high = old.basis.domain(old.grid)
        share = torch.linspace(0, 1, 200, dtype=torch.float64)[:, None]
        inside = low * (1 - share) + high * share
        assert distance(new.edges(inside), old.edges(inside)) <= 1e-10
        wide_low, wide_high = new.basis.domain(new.grid)
        assert (torch.diff(new.grid, dim=1) > 0).all()
        if index:
            reach = u.amax(0) - u.amin(0)
            assert (wide_low <= u.amin(0)).all()
            assert (wide_high >= u.amax(0)).all()
            assert (wide_low >= torch.minimum(low, u.amin(0) - MARGIN_SHARE * reach) - 1e-12).all()
            assert torch.equal(new.grid[:, degree + 1 : -degree - 1], old.grid[:, degree + 1 : -degree - 1])
        else:
            assert torch.equal(new.grid, old.grid)  # data have no more than their range
        u = nodes.combine(new(u))
    assert any(not torch.equal(new, old) for new, old in zip(knots_of(model), knots_of(before), strict=True))


def test_where_activations_have_gone_far_the_layer_is_adapted_by_least_squares():
    model, x = network([2, 4, 2]), 20 * uniform(300)
    before = copy.deepcopy(model.kan_layers[1])
    u = trace(model, x).layers[1].inputs.detach()
    extend_grids(model, x)
    change, least = allowed(before, model.kan_layers[1], u)
    assert (change <= 1.01 * least + 1e-9).all()
    low, high = model.kan_layers[1].basis.domain(model.kan_layers[1].grid)
    assert (low < u.amin(0)).all()
    assert (high > u.amax(0)).all()


def test_widening_again_changes_nothing():
    model, x = network(SHAPE), uniform(300)
    adapt_grids(model, x)
    x = 1.15 * x
    extend_grids(model, x)
    grids, output = knots_of(model), model(x)
    extend_grids(model, x)
    assert all(torch.equal(a, b) for a, b in zip(knots_of(model), grids, strict=True))
    assert torch.equal(model(x), output)


@pytest.mark.parametrize("grid_kind", ["fixed", "normalised", "learnable"])
def test_only_adaptive_grids_move(grid_kind):
    model, x = network(SHAPE, grid_kind=grid_kind), 5 * uniform(100)
    grids, output = knots_of(model), model(x)
    extend_grids(model, x)
    adapt_grids(model, x)
    assert all(torch.equal(a, b) for a, b in zip(knots_of(model), grids, strict=True))
    assert torch.equal(model(x), output)


# ------------------------------------------------------------------------------------------------------- follow


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_following_changes_no_edge_more_than_least_squares_must(scale):
    model, x = network([2, 4]), scale * uniform(300)
    before = copy.deepcopy(model.kan_layers[0])
    adapt_grids(model, x)
    change, least = allowed(before, model.kan_layers[0], x)
    assert (change <= 1.01 * least + 1e-11).all()
    low, high = model.kan_layers[0].basis.domain(model.kan_layers[0].grid)
    if scale != 1.0:
        assert distance(low, x.amin(0)) <= 1e-12
        assert distance(high, x.amax(0)) <= 1e-12
    else:
        assert torch.equal(model.kan_layers[0].grid, before.grid)  # it fits well enough


@pytest.mark.parametrize("basis", BASES)
def test_following_brings_every_hidden_grid_to_its_activations(basis):
    model, x = network(SHAPE, basis=basis), uniform(200)
    adapt_grids(model, x)
    for layer, record in list(zip(model.kan_layers, trace(model, x).layers, strict=True))[1:]:
        low, high = layer.basis.domain(layer.grid)
        assert (low <= record.inputs.amin(0) + 1e-9).all()
        assert (high >= record.inputs.amax(0) - 1e-9).all()
        span = record.inputs.amax(0) - record.inputs.amin(0)
        assert (high - low <= 2.1 * span).all()


# ------------------------------------------------------------------------------------------------------- growth


def growing(model, x, y, held_out=None, grids=None, steps=30):
    objective = objective_of(model, x, y)
    judge = None if held_out is None else objective_of(model, *held_out)
    run = TrainingRun(held_out=judge, generator=seeded())
    run.judge_anew(objective, judge)
    run.advance(objective, LevenbergMarquardt(), 60, "first")
    return run, refine_grids(run, objective, LevenbergMarquardt(), grids, steps)


@pytest.mark.parametrize("shape", [[2, 1], [2, 2, 1], [2, (1, 1), 1]], ids=str)
def test_growth_never_costs_training_error(shape):
    x = uniform(500)
    run, grown = growing(fresh(shape), x, smooth(x))
    grids = sorted({step.grid for step in run.history})
    assert len(grids) >= 2
    last = None
    for grid in grids:
        values = [step.objective for step in run.history if step.grid == grid]
        assert values[-1] <= values[0]
        if last is not None:
            # Where hidden activations leave their grid, widening goes on with polynomials in place of lines.
            assert values[0] <= last * (1.001 if len(shape) == 2 else 1.5)
        last = values[-1]
    assert grown.value_on_all_rows() <= run.history[0].objective


def test_growth_stops_where_it_does_not_pay():
    x, held = uniform(400), uniform(200, seed=5)
    run, grown = growing(fresh([2, 1]), x, smooth(x) + noise(400), (held, smooth(held) + noise(200, seed=3)))
    assert grown.model.kan_layers[0].basis.resolution == 5
    assert any("grid 10 did not pay" in note for note in run.history.notes)
    assert run.best.kan_layers[0].basis.resolution <= 10


def test_growth_stops_where_there_are_too_few_rows():
    x = uniform(45)
    run, grown = growing(fresh([2, 1]), x, x[:, :1] ** 2)  # 19 numbers: no grid of 10 with 29 on 45 rows
    assert grown.model.kan_layers[0].basis.resolution == 5
    assert {step.grid for step in run.history} == {5}


@pytest.mark.parametrize(
    ("given", "followed"), [([10, 20], [5, 10, 20]), ([3, 5, 7], [5, 7]), ([12, 9], [5, 9, 12]), ([2], [5])]
)
def test_a_list_of_grids_is_followed(given, followed):
    x = uniform(300)
    result = quick(fresh([2, 1]), x, smooth(x), grids=given, steps=40, validation=0)
    stages = list(dict.fromkeys(step.stage for step in result.history))
    assert [stage for stage in stages if stage.startswith("grid")] == [f"grid {grid}" for grid in followed]
    assert result.model.config.bases == (BSpline(grid=followed[-1]),)


def test_no_list_keeps_the_grid_and_a_straight_line_stays_one():
    x = uniform(300)
    assert quick(fresh([2, 1]), x, smooth(x), grids=None).model.config.bases == (BSpline(grid=5),)
    model = fresh([2, 2, 1], basis=[BSpline(1, 1), BSpline(5)], base="none")
    result = quick(model, x, x[:, :1] - x[:, 1:] ** 2, grids=[10], steps=40)
    assert result.model.config.bases[0] == BSpline(1, 1)


@pytest.mark.parametrize("grid_kind", GRID_KINDS)
@pytest.mark.parametrize("basis", BASES)
def test_every_basis_and_kind_grows(basis, grid_kind):
    if grid_kind == "learnable" and basis != "bspline":
        return
    x = uniform(120)
    model = fresh([2, 1], basis=basis, grid_kind=grid_kind)
    result = quick(model, x, smooth(x), grids=[10, 20], steps=24, validation=0)
    assert result.history[-1].grid == 20
    assert result.model.config.bases[0].resolution == 20 or basis == "gaussian_rbf"  # bumps have no nested grids
    assert result.history[-1].objective < result.history[0].objective
    assert result.model(normal(20, 2)).isfinite().all()


@pytest.mark.parametrize("held_out", [None, "own"])
def test_hidden_grids_have_their_margin_at_the_end(held_out):
    x, new = uniform(100), uniform(30, seed=3)
    validation = (new, smooth(new)) if held_out == "own" else held_out
    model = fit(fresh([2, 2, 1]), x, smooth(x), progress=False, validation=validation, steps=40).model
    with torch.no_grad():
        u = model.kan_layers[0](model.input_scaling(x))
        low, high = model.kan_layers[1].basis.domain(model.kan_layers[1].grid)
        margin = 0.04 * (u.amax(0) - u.amin(0))
    assert (low <= u.amin(0) - margin).all()
    assert (high >= u.amax(0) + margin).all()
