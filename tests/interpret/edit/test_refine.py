"""Refinement: more intervals, same function."""

import copy
import itertools

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.interpret.edit import refine
from splinework.interpret.edit.grid_refinement import refine_layer
from splinework.kernels import EXTRAPOLATIONS
from splinework.nn.network import KAN
from splinework.splines.bases import BSpline
from tests.contracts.cases import normal, seeded
from tests.families import every, raising
from tests.interpret.edit.cases import allowed, distance, every_family, every_shape, everywhere, inside, masked
from tests.nn.test_network import network

NESTED = [case for case in every_family.args[1] if case[0] != "gaussian_rbf"]


@pytest.mark.parametrize("extrapolation", EXTRAPOLATIONS)
@pytest.mark.parametrize(("basis", "grid_kind"), NESTED)
@every_shape
def test_nested_refinement_is_exact_on_data_off_data_and_far_outside(shape, basis, grid_kind, extrapolation):
    model = masked(shape, basis=basis, grid_kind=grid_kind, extrapolation=extrapolation)
    # Outside, a polynomial of degree seven is of any size and a wave of any phase: both are ill-conditioned there.
    x, limit = (inside(), 1e-11) if extrapolation == "natural" else (everywhere(), 1e-12)
    for finer in (refine(model, 10), refine(model, 15), refine(model, 10, x=inside(20))):
        assert distance(finer(x), model(x)) <= limit
    assert refine(model, 10).config.bases[0].resolution == 10


@pytest.mark.parametrize("degree", [0, 1, 2, 5, 9])
def test_nested_refinement_is_exact_for_every_degree_and_uneven_knots(degree):
    model = network([2, 2, 1], degree=degree)
    for k, layer in enumerate(model.kan_layers):
        sample = normal(60, layer.inputs, seed=k).exp()
        grid = layer.basis.adapt_grid(sample, sample.amin(0), sample.amax(0), 0.0)
        layer.replace_grid(layer.basis, grid, layer.edge_coefficients().detach())
    x = 3 * normal(300, 2)
    truth = model(x)
    for factor in (2, 3, 7):
        assert distance(refine(model, 5 * factor)(x), truth) <= (1e-11 if degree == 9 else 1e-12)


@pytest.mark.parametrize("grid_kind", ["adaptive", "learnable"])
def test_refining_twice_is_refining_once(grid_kind):
    model = masked([2, 3, 1], grid_kind=grid_kind)
    once, twice = refine(model, 30), refine(refine(model, 10), 30)
    x = everywhere()
    assert distance(twice(x), once(x)) <= 1e-12
    for a, b in zip(once.kan_layers, twice.kan_layers, strict=True):
        assert distance(b.knots(), a.knots()) <= 1e-13


@pytest.mark.parametrize("extrapolation", ["linear", "constant", "zero"])
@pytest.mark.parametrize("base", ["silu", "none"])
@pytest.mark.parametrize("degree", [1, 3, 5])
def test_any_other_refinement_changes_no_edge_more_than_least_squares_must(degree, base, extrapolation):
    model = network([2, 2], degree=degree, base=base, extrapolation=extrapolation)
    x = 2 * torch.rand(500, 2, generator=seeded(3), dtype=torch.float64) - 1
    for grid in (6, 7, 12, 23):
        finer = refine(model, grid, x=x)
        change, least = allowed(model.kan_layers[0], finer.kan_layers[0], x)
        assert (change <= 1.01 * least + 1e-12).all()


@pytest.mark.parametrize("with_data", [True, False])
def test_finer_grids_change_less(with_data):
    model, x = network([2, 1]), 2 * torch.rand(500, 2, generator=seeded(3), dtype=torch.float64) - 1
    changes = []
    for grid in (7, 13, 24, 49, 99):
        finer = refine(model, grid, x=x if with_data else None)
        changes.append((finer(x) - model(x)).square().mean().sqrt().item())
        if not with_data:  # nothing is known of x, and still it is no worse than one and a half times the least
            change, least = allowed(model.kan_layers[0], finer.kan_layers[0], x)
            assert (change <= 1.5 * least).all()
    assert all(b < a / 2 for a, b in itertools.pairwise(changes)), changes
    assert changes[-1] < 1e-6


def test_a_refit_without_data_keeps_the_tails():
    model = masked([2, 1])
    far = 1e3 * normal(60, 2)
    for grid, limit in ((7, 0.05), (23, 2e-3), (99, 1e-4)):
        assert (refine(model, grid)(far) - model(far)).norm() <= limit * model(far).norm()


@pytest.mark.parametrize("grid", [6, 11])
def test_a_function_that_is_representable_survives_a_refit_exactly(grid):
    # A cubic polynomial is in every spline space, tails included, where there is no base function.
    model = network([1, 1], base="none")
    layer = model.kan_layers[0]
    x = torch.linspace(-1, 1, 100, dtype=torch.float64)[:, None]
    rows = layer.table().rows(x)[:, 0].detach()
    cubic = 1 + x - 2 * x**2 + 3 * x**3
    layer.set_edge_coefficients(torch.linalg.lstsq(rows, cubic).solution[None])
    for data in (None, x, x[:7]):
        finer = refine(model, grid, x=data)
        assert distance(finer(5 * x), model(5 * x)) <= 1e-11


def test_a_gaussian_basis_is_refitted_closely():
    model = network([2, 1], basis="gaussian_rbf", grid=6)
    x = 2 * torch.rand(300, 2, generator=seeded(3), dtype=torch.float64) - 1
    for grid in (12, 13):
        assert (refine(model, grid, x=x)(x) - model(x)).norm() <= 5e-3 * model(x).norm()


def test_each_layer_may_have_its_own_grid_and_the_same_grid_changes_nothing():
    model = masked([2, 3, 1])
    assert [b.resolution for b in refine(model, [5, 20]).config.bases] == [5, 20]
    assert [b.resolution for b in refine(model, np.array([10, 15])).config.bases] == [10, 15]
    assert refine(model, np.int64(10)).config.bases[0] == BSpline(grid=10)
    same = refine(model, 5)
    assert all(torch.equal(a, b) for a, b in zip(same.parameters(), model.parameters(), strict=True))


def test_a_float32_model_is_refined_to_its_own_precision():
    model = masked([2, 3, 1]).float()
    x = inside().float()
    for grid in (10, 7):
        finer = refine(model, grid, x=x.double())
        assert finer(x).dtype == torch.float32
        assert distance(finer(x), model(x)) <= (3e-6 if grid == 10 else 0.1)


def test_a_finer_learnable_grid_is_the_one_in_use():
    layer = network([3, 2], grid_kind="learnable").kan_layers[0]
    x, before = 2 * torch.rand(300, 3, generator=seeded(4), dtype=torch.float64) - 1, copy.deepcopy(layer)
    refine_layer(layer, 8, x)  # not nested: a refit on the knots that the spacing gives
    assert (layer.knots() - layer.grid).abs().max() <= 1e-14
    assert (torch.diff(before.knots(), dim=1) / torch.diff(before.knots(), dim=1).mean() - 1).abs().max() > 0.2
    change, least = allowed(before, layer, x)
    assert (change <= 1.01 * least + 1e-12).all()


@every(
    ("grid", "options", "error", "told"),
    [
        (4, {}, ConfigError, ["has 5 intervals, got 4", "coarser"]),
        ([10, 4], {}, ConfigError, ["has 5 intervals, got 4"]),
        ([10], {}, ConfigError, ["one number or 2", "got 1"]),
        (7.5, {}, ConfigError, ["integer", "7.5"]),
        ("10", {}, ConfigError, ["integer", "'10'"]),
        ([10, 2.5], {}, ConfigError, ["integer", "2.5"]),
        (10, {"x": normal(5, 3)}, ShapeError, ["(rows, 2)", "(5, 3)"]),
        (10, {"x": torch.full((5, 2), torch.nan)}, DataError, ["x1: 5", "x2: 5", "Drop or fill"]),
        (10, {"x": "data.csv"}, DataError, ["x must be numbers"]),
    ],
)
def test_a_wrong_argument_is_refused_with_what_came_and_the_way_out(grid, options, error, told):
    with raising(error, told):
        refine(KAN([2, 3, 1]), grid, **options)
