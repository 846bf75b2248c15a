"""Knots inserted where they are wanted: the same function, everywhere."""

import pytest
import scipy.interpolate
import torch

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.interpret.edit import adapt, insert, refine
from splinework.kernels import EXTRAPOLATIONS
from splinework.nn.network import KAN
from splinework.splines import domain
from tests.contracts.cases import normal, seeded
from tests.families import every, raising
from tests.interpret.edit.cases import distance, every_shape, everywhere, inside, masked, same_state, state_of
from tests.nn.test_network import network

KINDS = ("adaptive", "fixed", "learnable", "normalised")


def places(model, counts, *, seed=0):
    """So many random points inside every layer's grid, more to the left than to the right."""
    found = []
    for k, (layer, count) in enumerate(zip(model.kan_layers, counts, strict=True)):
        low, high = domain(layer.knots().detach(), layer.basis.degree)
        share = torch.rand(count, layer.inputs, generator=seeded(seed + k), dtype=torch.float64) ** 2
        found.append(low + (0.02 + 0.9 * share) * (high - low))
    return found


@pytest.mark.parametrize("extrapolation", EXTRAPOLATIONS)
@pytest.mark.parametrize("grid_kind", KINDS)
@every_shape
def test_the_function_is_kept_on_data_off_data_and_far_outside(shape, grid_kind, extrapolation):
    model = masked(shape, grid_kind=grid_kind, extrapolation=extrapolation)
    x, limit = (inside(), 1e-11) if extrapolation == "natural" else (everywhere(), 1e-12)
    for counts in ((1, 1, 1), (3, 0, 2), (2, 4, 1)):
        points = places(model, counts[: len(model.kan_layers)])
        finer = insert(model, points)
        assert distance(finer(x), model(x)) <= limit
        assert [b.resolution for b in finer.config.bases] == [5 + len(p) for p in points]


@pytest.mark.parametrize("degree", [0, 1, 2, 5, 9])
def test_for_every_degree_one_knot_after_the_other_as_all_at_once(degree):
    model, x = network([2, 2, 1], degree=degree), 3 * normal(300, 2)
    points = places(model, (4, 3))
    at_once, one_by_one = insert(model, points), model
    for k in range(4):
        one_by_one = insert(one_by_one, [points[0][k : k + 1], points[1][k : k + 1]])
    limit = 1e-11 if degree == 9 else 1e-12
    assert distance(at_once(x), model(x)) <= limit
    assert distance(one_by_one(x), at_once(x)) <= limit
    for a, b in zip(at_once.kan_layers, one_by_one.kan_layers, strict=True):
        assert torch.equal(a.grid, b.grid)


def test_the_coefficients_are_those_of_scipy():
    model = network([1, 1], base="none")
    layer = model.kan_layers[0]
    knots, c = layer.grid[0].numpy(), layer.edge_coefficients()[0, :, 0].detach().numpy()
    spline = scipy.interpolate.BSpline(knots, c, 3)
    for point in (0.1, -0.75, 0.9):
        spline = spline.insert_knot(point)
    finer = insert(model, [[[0.1], [-0.75], [0.9]]]).kan_layers[0]
    assert distance(finer.grid[0], torch.from_numpy(spline.t)) <= 1e-15
    assert distance(finer.edge_coefficients()[0, :, 0], torch.from_numpy(spline.c[: finer.basis.size])) <= 1e-13


def test_all_middles_are_what_refining_to_the_double_inserts():
    model = masked([2, 3, 1])
    points = []
    for layer in model.kan_layers:
        ends = layer.grid[:, 3:-3]
        points.append(((ends[:, 1:] + ends[:, :-1]) / 2).T)
    finer, doubled = insert(model, points), refine(model, 10)
    for a, b in zip(finer.kan_layers, doubled.kan_layers, strict=True):
        assert distance(a.grid, b.grid) <= 1e-14
        assert distance(a.edge_coefficients(), b.edge_coefficients()) <= 1e-13


def test_uneven_grids_can_be_refined_adapted_and_saved():
    model = masked([2, 3, 1])
    finer, x = insert(model, places(model, (3, 2))), inside()
    assert distance(refine(finer, [16, 14])(x), model(x)) <= 1e-12
    assert (adapt(finer, x)(x) - model(x)).square().mean().sqrt() <= 0.05 * model(x).std()
    again = KAN(finer.config, dtype=torch.float64)
    again.load_state_dict(finer.state_dict())
    assert torch.equal(again(x), finer(x))
    assert distance(finer.float()(x.float()), model(x)) <= 1e-4


def test_none_and_no_points_change_nothing_and_the_old_model_stays():
    model, x = masked([2, 3, 1]), inside()
    before = state_of(model)
    for points in ([None, None], [torch.zeros(0, 2), None]):
        same = insert(model, points)
        assert same_state(same, before)
    insert(model, places(model, (3, 1)))
    assert same_state(model, before)
    assert distance(insert(model, [None, [[0.1, 0.2, 0.3]]])(x), model(x)) <= 1e-12


def test_a_knot_may_be_repeated_up_to_the_degree():
    model, x = network([1, 1]), torch.linspace(-1, 1, 201, dtype=torch.float64)[:, None]
    finer = insert(model, [[[0.25]] * 3])
    assert distance(finer(x), model(x)) <= 1e-12
    with pytest.raises(DataError, match=r"more than 3 knots at 0\.25"):
        insert(finer, [[[0.25]]])


@every(
    ("options", "points", "error", "told"),
    [
        ({}, [None], ConfigError, ["one entry per layer", "here 2", "got 1"]),
        ({}, 3, ConfigError, ["one entry per layer", "int"]),
        ({"basis": "fourier"}, [[[0.0, 0.0]], None], ConfigError, ["layer 1", "None for it"]),
        ({}, [[[0.0]], None], ShapeError, ["(R, 2)", "(1, 1)"]),
        ({}, [[0.0, 0.1], None], ShapeError, ["(R, 2)", "(2,)"]),
        ({}, [[[0.0, 1.5]], None], DataError, ["layer 1", "input 2", "1.5", "adapt"]),
        ({}, [[[float("nan"), 0.0]], None], DataError, ["input 1", "nan"]),
        ({}, [[[-1.0, 0.0]], None], DataError, ["input 1", "-1"]),
        ({"grid_kind": "learnable"}, [[[0.1, 0.1], [0.1, 0.2]], None], DataError, ["more than 1", "learnable"]),
        ({"grid_kind": "learnable"}, [[[0.1, 0.1], [0.1001, 0.2]], None], DataError, ["interval", "farther"]),
    ],
)
def test_a_wrong_argument_is_refused_with_what_came_and_the_way_out(options, points, error, told):
    with raising(error, told):
        insert(KAN([2, 3, 1], dtype=torch.float64, **options), points)
