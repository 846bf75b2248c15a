"""Adaptation: grids that follow the activations, with as little change as least squares allows."""

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.interpret.edit import adapt, refine
from splinework.interpret.edit.adaptation import adapt_layer
from splinework.nn.network import KAN
from splinework.nn.trace import trace
from tests.contracts.cases import normal, seeded
from tests.families import every, raising
from tests.interpret.edit.cases import BASES, allowed, distance, every_family, everywhere, inside, masked
from tests.nn.test_network import network

WHERE = {
    "inside": (0.3, 0.1),
    "the old grid": (1.0, 0.0),
    "beyond": (3.0, 0.5),
    "far beyond": (100.0, 0.0),
    "elsewhere": (1.0, 20.0),
    "a spot": (1e-3, 0.2),
}
every_place = pytest.mark.parametrize(("scale", "shift"), WHERE.values(), ids=WHERE)
every_tail = pytest.mark.parametrize("extrapolation", ["linear", "constant", "zero"])


def rows(scale: float, shift: float, count: int = 400, inputs: int = 2) -> torch.Tensor:
    return shift + scale * (2 * torch.rand(count, inputs, generator=seeded(3), dtype=torch.float64) - 1)


@pytest.mark.parametrize("base", ["silu", "none"])
@every_tail
@every_place
def test_no_edge_changes_more_on_the_data_than_least_squares_must(scale, shift, extrapolation, base):
    model, x = network([2, 2], extrapolation=extrapolation, base=base), rows(scale, shift)
    adapted = adapt(model, x)
    change, least = allowed(model.kan_layers[0], adapted.kan_layers[0], x)
    size = model.kan_layers[0].edges(x).detach().square().mean(0).sqrt().numpy()
    assert (change <= 1.01 * least + 1e-11 * size + 1e-15).all()


@pytest.mark.parametrize("degree", [1, 2, 5])
def test_nor_with_splines_of_any_degree(degree):
    model, x = network([2, 2], degree=degree, grid=6), rows(2.0, 0.5)
    for eps in (0.0, 1.0):
        adapted = adapt(model, x, grid_eps=eps)
        change, least = allowed(model.kan_layers[0], adapted.kan_layers[0], x)
        assert (change <= 1.01 * least + 1e-12).all()


@every_place
def test_the_grids_follow_the_data(scale, shift):
    model, x = network([2, 3, 1]), rows(scale, shift)
    adapted = adapt(model, x, margin=0.1)
    for layer, record in zip(adapted.kan_layers, trace(adapted, x).layers, strict=True):
        low, high = layer.basis.domain(layer.grid)
        least, most = record.inputs.amin(0), record.inputs.amax(0)
        assert distance(low, least - 0.1 * (most - least)) <= 1e-9
        assert distance(high, most + 0.1 * (most - least)) <= 1e-9
        assert (torch.diff(layer.grid, dim=1) > 0).all()


def test_quantiles_or_even_spacing_as_told():
    model, x = network([1, 1]), torch.linspace(0, 1, 101, dtype=torch.float64)[:, None] ** 4
    even = adapt(model, x, grid_eps=1.0).kan_layers[0].knots()[0, 3:-3]
    assert distance(even, torch.linspace(0, 1, 6, dtype=torch.float64)) <= 1e-12
    quantile = adapt(model, x, grid_eps=0.0).kan_layers[0].knots()[0, 3:-3]
    counts = np.histogram(x[:, 0].numpy(), quantile.detach().numpy())[0]
    assert counts.min() >= 16  # 101 rows in five cells: about 20 in each
    half = adapt(model, x).kan_layers[0].knots()[0, 3:-3]
    assert (half[1:-1] < even[1:-1]).all()
    assert (half[1:-1] > quantile[1:-1]).all()


@every_family
@every_place
def test_adapting_twice_is_adapting_once(basis, grid_kind, scale, shift):
    model, x = network([2, 3, (1, 1)], basis=basis, grid_kind=grid_kind), rows(scale, shift)
    once = adapt(model, x)
    twice = adapt(once, x)
    assert distance(twice(x), once(x)) <= 1e-11
    for a, b in zip(once.kan_layers, twice.kan_layers, strict=True):
        assert distance(b.grid, a.grid) <= 1e-11


@pytest.mark.parametrize("grid_kind", ["fixed", "learnable", "normalised"])
@pytest.mark.parametrize("basis", BASES)
def test_grids_that_are_not_adaptive_stay(basis, grid_kind):
    if grid_kind == "learnable" and basis != "bspline":
        return
    model = masked([2, 3, 1], basis=basis, grid_kind=grid_kind)
    adapted = adapt(model, 5 * inside())
    x = everywhere()
    assert torch.equal(adapted(x), model(x))


@every_tail
def test_a_line_is_representable_everywhere_and_survives_exactly(extrapolation):
    model = network([2, 2], base="identity", extrapolation=extrapolation)
    layer = model.kan_layers[0]
    with torch.no_grad():
        layer.coefficients.zero_()
    # Its tails are lines too only with linear ones; else it is representable on the data alone.
    for scale, shift in ((0.5, 0.1), (0.9, 0.0)) if extrapolation != "linear" else WHERE.values():
        x = rows(scale, shift)
        adapted = adapt(model, x)
        assert distance(adapted(x), model(x)) <= 1e-11
        if extrapolation == "linear" and scale > 1e-2:
            assert distance(adapted(5 * x), model(5 * x)) <= 1e-12


@pytest.mark.parametrize("value", [0.0, 0.3, -0.999, 7.0, -1e6, 1e12])
@pytest.mark.parametrize("count", [1, 2, 50])
def test_a_constant_input_leaves_a_valid_grid_and_the_same_output(value, count):
    model = network([2, 3, 1])
    x = torch.full((count, 2), value, dtype=torch.float64)
    x[:, 1] = torch.linspace(-0.5, 0.5, count, dtype=torch.float64)
    for dtype in (torch.float64, torch.float32):
        single = model.to(dtype)
        adapted = adapt(single, x)
        for layer in adapted.kan_layers:
            assert (torch.diff(layer.grid, dim=1) > 0).all()
            low, high = layer.basis.domain(layer.grid)
            assert (high - low >= 1e-3).all()
        new, old, data = adapted.kan_layers[0], single.kan_layers[0], x.to(dtype)
        assert distance(new.edges(data)[:, 0], old.edges(data)[:, 0]) <= (1e-9 if dtype == torch.float64 else 1e-3)
        if abs(value) < 1:
            off = torch.linspace(-3, 3, 50, dtype=dtype)[:, None].expand(-1, 2)
            assert torch.equal(new.grid[0], old.grid[0])
            assert distance(new.edges(off)[:, 0], old.edges(off)[:, 0]) <= 4 * torch.finfo(dtype).eps


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_few_rows_keep_the_function_on_them_and_nearly_between(count):
    model, x = network([2, 1]), rows(0.9, 0.0, count)
    adapted = adapt(model, x)
    assert distance(adapted(x), model(x)) <= 1e-6
    assert all(parameter.isfinite().all() for parameter in adapted.parameters())


def test_a_tolerance_vetoes_what_would_change_too_much():
    model = network([2, 1])
    x = torch.cat([rows(0.3, 0.0, inputs=1), rows(100.0, 0.0, inputs=1)], dim=1)
    free, bound = adapt(model, x), adapt(model, x, tolerance=0.02)
    assert torch.equal(bound.kan_layers[0].grid[1], model.kan_layers[0].grid[1])
    assert distance(bound.kan_layers[0].grid[0], free.kan_layers[0].grid[0]) == 0.0
    assert not torch.equal(free.kan_layers[0].grid[1], model.kan_layers[0].grid[1])
    spread = model(x).std()
    assert (bound(x) - model(x)).square().mean().sqrt() <= 0.02 * spread
    frozen = adapt(model, x, tolerance=0.0)
    assert torch.equal(frozen.kan_layers[0].grid, model.kan_layers[0].grid)
    assert distance(frozen(x), model(x)) <= 1e-13


def test_a_finer_grid_first_loses_less():
    model, x = network([2, 3, 1]), rows(5.0, 0.0)
    coarse = (adapt(model, x)(x) - model(x)).norm()
    fine = (adapt(refine(model, 80), x)(x) - model(x)).norm()
    assert fine < 0.05 * coarse


@pytest.mark.parametrize("basis", BASES)
def test_every_basis_keeps_what_it_can(basis):
    model, x = network([2, 1], basis=basis), rows(0.9, 0.05)
    adapted = adapt(model, x)
    change = (adapted(x) - model(x)).norm() / model(x).norm()
    limit = {"bspline": 2e-2, "fourier": 0.3, "chebyshev": 1e-11, "gaussian_rbf": 2e-2}[basis]
    assert change <= limit  # waves of another period cannot do it; polynomials are polynomials on any domain


def test_float32_is_worked_out_in_float64():
    model, x = network([2, 1]), rows(3.0, 0.0)
    single = adapt(model.float(), x)
    assert single.kan_layers[0].coefficients.dtype == torch.float32
    assert distance(single(x.float()), adapt(model.double(), x)(x)) <= 2e-5


def test_a_layer_is_adapted_in_place_to_what_it_receives():
    layer = network([3, 2]).kan_layers[0]
    x = rows(2.0, 1.0, inputs=3)
    adapt_layer(layer, x, grid_eps=1.0, margin=0.0, tolerance=None)
    assert distance(layer.grid[:, 3], x.amin(0)) == 0.0
    assert distance(layer.grid[:, -4], x.amax(0)) == 0.0


@every(
    ("x", "options", "error", "told"),
    [
        (normal(0, 2), {}, ShapeError, ["no rows", "at least one"]),
        (normal(5, 3), {}, ShapeError, ["(rows, 2)", "(5, 3)"]),
        (torch.full((4, 2), torch.inf), {}, DataError, ["x1: 4", "x2: 4"]),
        (None, {}, DataError, ["(rows, 2)", "None"]),
        (normal(5, 2), {"grid_eps": 1.5}, ConfigError, ["grid_eps", "1.5"]),
        (normal(5, 2), {"grid_eps": float("nan")}, ConfigError, ["grid_eps", "nan"]),
        (normal(5, 2), {"margin": -0.1}, ConfigError, ["margin", "-0.1"]),
        (normal(5, 2), {"tolerance": -1.0}, ConfigError, ["tolerance", "-1.0"]),
        (normal(5, 2), {"tolerance": float("nan")}, ConfigError, ["tolerance", "nan"]),
    ],
)
def test_a_wrong_argument_is_refused_with_what_came_and_the_way_out(x, options, error, told):
    with raising(error, told):
        adapt(KAN([2, 3, 1]), x, **options)
