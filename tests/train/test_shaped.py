"""Fits of shaped networks: the steps stay within bounds, and end where an exact solver ends."""

import copy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear

import splinework as sw
from splinework.nn.shaping import Shaping
from splinework.splines.cones import CONCAVE, CONVEX, DECREASING, EVEN, INCREASING, ODD
from splinework.train import fit
from splinework.train.coordinates import Coordinates, project_onto_shapes
from splinework.train.jacobian import ParameterVector
from splinework.train.optim import LevenbergMarquardt
from splinework.train.optim.levenberg_marquardt import BoundedSystem, _primal_dual_active_set, _projected_newton

SHAPES = {
    "increasing": INCREASING,
    "decreasing": DECREASING,
    "convex": CONVEX,
    "concave": CONCAVE,
    "convex increasing": CONVEX | INCREASING,
    "even": EVEN,
    "odd": ODD,
}


def shaped(shape: list[int], flags: int, later: int = INCREASING, *, grid: int = 6, seed: int = 0) -> sw.KAN:
    generator = torch.Generator().manual_seed(seed)
    model = sw.KAN(shape, grid=grid, base="none", dtype=torch.float64, generator=generator)
    for index, layer in enumerate(model.kan_layers):
        rules = Shaping.none(layer.inputs, layer.outputs)
        layer.shape(replace(rules, flags=torch.full_like(rules.flags, later if index else flags)))
    return model


def rows(count: int, inputs: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(count, inputs, generator=generator, dtype=torch.float64) - 1
    noise = 0.2 * torch.randn(count, generator=generator, dtype=torch.float64)
    return x, torch.sin(3 * x[:, 0]) + x[:, -1] ** 2 + noise


# --------------------------------------------------------------------------------------------------- quadratics


@pytest.mark.parametrize("seed", range(20))
def test_both_active_sets_find_the_minimum_of_a_quadratic_in_a_box(seed):
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 25))
    root = random.normal(size=(size + 3, size))
    matrix, vector = root.T @ root + 0.1 * np.eye(size), random.normal(size=size) * 3
    low = np.where(random.random(size) < 0.6, -random.random(size) * (random.random(size) < 0.7), -np.inf)
    high = np.where(random.random(size) < 0.3, random.random(size), np.inf)
    upper = np.linalg.cholesky(matrix).T
    oracle = lsq_linear(upper, -np.linalg.solve(upper.T, vector), bounds=(low, high + 1e-300), tol=1e-14).x
    given = [torch.from_numpy(a) for a in (matrix, vector, low, high)]
    for solver in (_primal_dual_active_set, _projected_newton):
        found = solver(*given)
        assert found is not None
        np.testing.assert_allclose(found[0].clamp(given[2], given[3]).numpy(), oracle, atol=1e-6)


def test_a_step_never_leaves_the_box():
    random = np.random.default_rng(0)
    root = random.normal(size=(30, 12))
    matrix, vector = torch.from_numpy(root.T @ root), torch.from_numpy(random.normal(size=12))
    below = torch.from_numpy(-random.random(12) * (random.random(12) < 0.5))
    system = BoundedSystem(
        matrix.diagonal(), torch.ones(12, dtype=torch.float64), matrix, vector, below, torch.full_like(below, 0.1)
    )
    for damping in (1e-6, 1e-2, 1e2):
        factor = system.factor(damping)
        assert factor is not None
        assert bool(((factor.move >= below) & (factor.move <= 0.1)).all())


# -------------------------------------------------------------------------------------------------- coordinates


@pytest.mark.parametrize("name", SHAPES)
def test_coordinates_give_back_the_parameters(name):
    model = shaped([2, 3, 1], SHAPES[name])
    parameters = ParameterVector.of(model)
    coordinates = Coordinates.of(model, parameters)
    assert coordinates is not None
    theta = parameters.read(model)
    torch.testing.assert_close(coordinates.write(coordinates.read(theta)), theta, atol=1e-10, rtol=0)
    matrix = torch.rand(len(theta), len(theta), dtype=torch.float64)
    matrix = matrix + matrix.T
    dense = coordinates.map.to_dense()
    torch.testing.assert_close(coordinates.square(matrix), dense.T @ matrix @ dense)
    torch.testing.assert_close(coordinates.columns(matrix), matrix @ dense)


def test_a_plain_network_has_no_coordinates_of_its_own():
    model = sw.KAN([2, 3, 1])
    assert Coordinates.of(model, ParameterVector.of(model)) is None


# --------------------------------------------------------------------------------------------------------- fits


@pytest.mark.parametrize("name", SHAPES)
def test_a_single_layer_ends_at_the_least_squares_of_an_exact_solver(name):
    model = shaped([1, 1], SHAPES[name])
    x, y = rows(80, 1)
    options = {
        "grids": None,
        "degree": "keep",
        "validation": 0,
        "standardise": False,
        "progress": False,
        "penalties": (),
    }
    fitted = fit(model, x, y, optimiser=LevenbergMarquardt(jump_penalty=0.0), **options).model
    layer = fitted.kan_layers[0]
    its = layer.cones()[0][2]
    table = layer.table().rows(x)[:, 0].numpy() @ its.map
    design = np.concatenate([table, np.ones((80, 1))], axis=1)
    bounds = (np.append(its.lower, -np.inf), np.append(its.upper, np.inf))
    oracle = design @ lsq_linear(design, y.numpy(), bounds=bounds, tol=1e-14, method="bvls").x
    best = float(np.mean((oracle - y.numpy()) ** 2))
    assert float((fitted(x)[:, 0] - y).square().mean().detach()) <= best * (1 + 1e-6)


@pytest.mark.parametrize("optimiser", ["lm", "adam", "sgd"])
def test_every_optimiser_that_is_allowed_keeps_the_shapes(optimiser):
    x, y = rows(120, 2)
    fitted = fit(shaped([2, 3, 1], INCREASING), x, y, optimiser=optimiser, steps=30, progress=False).model
    for layer in fitted.kan_layers:
        assert float(torch.diff(layer.edge_coefficients().detach(), dim=1).min()) >= 0


@pytest.mark.parametrize("optimiser", ["lbfgs", "ssbroyden", "newton-cg", "varpro"])
def test_an_optimiser_that_knows_no_bounds_is_refused(optimiser):
    x, y = rows(50, 2)
    with pytest.raises(sw.SplineworkError, match="bounds of shaped edges"):
        fit(shaped([2, 3, 1], INCREASING), x, y, optimiser=optimiser, progress=False)


def test_a_fit_from_a_checkpoint_goes_on_with_shapes(tmp_path):
    x, y = rows(120, 2)
    model = shaped([2, 3, 1], INCREASING)
    path = tmp_path / "fit.journal"
    whole = fit(model, x, y, steps=15, progress=False)
    fit(model, x, y, steps=15, progress=False, checkpoint=path)
    again = fit(model, x, y, steps=15, progress=False, checkpoint=path)
    assert torch.equal(whole.model(x), again.model(x))
    assert all(layer.shaping is not None for layer in again.model.kan_layers)


def test_holding_puts_back_what_a_loop_of_ones_own_has_moved():
    model = shaped([2, 3, 1], INCREASING)
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.coefficients.add_(torch.randn(layer.coefficients.shape, generator=torch.Generator().manual_seed(1)))
    project_onto_shapes(model)
    for layer in model.kan_layers:
        assert float(torch.diff(layer.edge_coefficients().detach(), dim=1).min()) >= 0


# -------------------------------------------------------------------------------------------------------- edits

EDITS = {
    "refine": lambda model, x: sw.refine(model, 11),
    "refine to another grid": lambda model, x: sw.refine(model, 13, x=x),
    "adapt": lambda model, x: sw.adapt(model, x),
    "adapt far": lambda model, x: sw.adapt(model, 3 * x),
    "raise the degree": lambda model, x: sw.edit.raise_degree(model, 5, x=x),
    "elevate": lambda model, x: sw.edit.elevate(model, 4),
    "prune": lambda model, x: sw.prune(model, x, edges=0.2),
    "single precision": lambda model, x: model.float(),
}


@cache
def fitted_with(flags: int) -> tuple[sw.KAN, torch.Tensor]:
    """A fitted model with inputs of these shapes, and its rows; to be copied before it is changed."""
    x, y = rows(150, 2)
    options = {"steps": 10, "grids": None, "degree": "keep", "progress": False}
    return fit(shaped([2, 3, 1], flags), x, y, **options).model, x


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", SHAPES)
def test_edits_keep_the_shapes(name, edit):
    fitted, x = fitted_with(SHAPES[name])
    edited = EDITS[edit](copy.deepcopy(fitted), x)
    first = edited.kan_layers[0]
    assert first.shaping is not None
    held = first.edge_coefficients().detach().double()
    again = first.shaping.project(held, first.cones())
    eps = 1e-6 if edit == "single precision" else 1e-10
    torch.testing.assert_close(again, held, atol=eps * float(held.abs().max()), rtol=0)


def test_shared_edges_stay_shared():
    model = sw.KAN([3, 2, 1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    first = model.kan_layers[0]
    first.shape(replace(Shaping.none(3, 2), twins=torch.tensor([0, 0, 2])))
    x, y = rows(100, 3)
    fitted = fit(model, x, y, steps=20, standardise=False, progress=False).model
    swapped = x[:, [1, 0, 2]]
    for edited in (fitted, sw.refine(fitted, 9), sw.adapt(fitted, x), sw.prune(fitted, x, edges=0.1)):
        torch.testing.assert_close(edited(swapped), edited(x), atol=1e-12, rtol=0)


def test_saving_keeps_the_shapes(tmp_path):
    model = shaped([2, 3, 1], CONVEX | INCREASING)
    sw.save(model, tmp_path / "model.safetensors")
    loaded = sw.load(tmp_path / "model.safetensors")
    for own, other in zip(model.kan_layers, loaded.kan_layers, strict=True):
        assert torch.equal(own.flags, other.flags)
        assert torch.equal(own.edge_coefficients(), other.edge_coefficients())


@pytest.mark.parametrize(
    "options",
    [{"base": "silu"}, {"basis": "chebyshev", "base": "none"}, {"grid_kind": "learnable", "base": "none"}],
    ids=["base", "basis", "grid"],
)
def test_what_cannot_be_shaped_is_refused(options):
    layer = sw.KANLayer(2, 3, **options)
    rules = Shaping.none(2, 3)
    with pytest.raises(sw.SplineworkError, match="shape constraints need"):
        layer.shape(replace(rules, flags=rules.flags + INCREASING))
