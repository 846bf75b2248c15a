"""`KAN.paper` is the network of Liu et al. 2024, by formulas written down here; its training; grids that follow activations."""

import inspect
import math

import numpy as np
import pytest
import torch

import splinework as sw
from splinework import KAN
from splinework.interpret.reading import off_grid
from splinework.train import TrainingOptions
from splinework.train.optim import OPTIMISERS

SHAPES = [[1, 1], [2, 5, 1], [3, 4, 2]]


def cox_de_boor(x, knots, degree):
    """All B-splines on these knots at x by the recursion of de Boor, `(len(x), len(knots) - degree - 1)`."""
    x = x[:, None]
    values = ((knots[:-1] <= x) & (x < knots[1:])).astype(float)
    for k in range(1, degree + 1):
        left = (x - knots[: -k - 1]) / (knots[k:-1] - knots[: -k - 1])
        right = (knots[k + 1 :] - x) / (knots[k + 1 :] - knots[1:-k])
        values = left * values[:, :-1] + right * values[:, 1:]
    return values


def by_hand(model, x, grid, degree):
    """The network by eqs. 2.2–2.12: splines on [-1, 1] with knots extended on both sides, and nothing else."""
    knots = -1 + 2 / grid * np.arange(-degree, grid + degree + 1)
    for layer in model.kan_layers:
        c, w_s, w_b = (part.detach().numpy() for part in (layer.coefficients, layer.spline_weight, layer.base_weight))
        splines = np.stack([cox_de_boor(column, knots, degree) for column in x.T], 1)
        silu = x / (1 + np.exp(-x))
        x = np.einsum("bim,imj,ij->bj", splines, c, w_s) + silu @ w_b
    return x


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("grid", "degree"), [(3, 3), (7, 2)])
def test_the_papers_network_is_its_equations(shape, grid, degree):
    generator = torch.Generator().manual_seed(len(shape) + grid)
    model = KAN.paper(shape, grid=grid, degree=degree, generator=generator, dtype=torch.float64)
    x = np.random.default_rng(grid).uniform(-3, 3, (300, shape[0]))  # far outside the grids too
    assert np.abs(model(x).detach().numpy() - by_hand(model, x, grid, degree)).max() < 1e-13


@pytest.mark.parametrize("shape", SHAPES)
def test_far_outside_the_grid_only_the_base_function_is_left(shape):
    model = KAN.paper(shape, dtype=torch.float64)
    layer, x = model.kan_layers[0], torch.full((2, shape[0]), 1 + 2.01, dtype=torch.float64)
    x[1] *= -1
    assert torch.allclose(layer(x), torch.nn.functional.silu(x) @ layer.base_weight, rtol=1e-14)
    assert layer.bias is None


def test_the_papers_initial_values_have_its_scales():
    layer = KAN.paper([60, 90], generator=torch.Generator().manual_seed(0)).kan_layers[0].requires_grad_(False)
    assert float(layer.coefficients.std()) == pytest.approx(0.1, rel=0.01)
    assert bool((layer.spline_weight == 1).all())
    assert float(layer.base_weight.var()) == pytest.approx(2 / (60 + 90), rel=0.05)
    assert layer.basis.resolution == layer.basis.degree == 3


def test_options_of_the_paper_may_be_replaced():
    config = KAN.paper([2, 1], grid=8, extrapolation="linear").config
    assert (config.bases[0].resolution, config.extrapolation, config.bias) == (8, "linear", False)


def test_the_papers_training_goes_from_grid_to_grid_and_keeps_the_equations():
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(300, 2, generator=generator, dtype=torch.float64) - 1
    y = torch.exp(torch.sin(math.pi * x[:, 0]) + x[:, 1] ** 2)
    begun = KAN.paper([2, 1, 1], generator=generator, dtype=torch.float64)
    result = sw.fit(begun, x, y, options=TrainingOptions.paper(grids=[3, 6, 12], steps=80, progress=False))
    stages = list(dict.fromkeys(step.stage for step in result.history))
    assert stages == ["grid 3", "grid 6", "grid 12"]
    model = result.model
    assert model.input_scaling.scale.tolist() == [1, 1]  # raw units
    assert all(layer.bias is None and layer.basis.degree == 3 for layer in model.kan_layers)
    assert model.config.extrapolation == "zero"
    assert result.history[-1].rmse_train < 0.03 * float(y.std())


@pytest.mark.parametrize("optimiser", [*OPTIMISERS, "SGD"])
@pytest.mark.parametrize("steps", [40, *(pytest.param(each, marks=pytest.mark.slow) for each in (None, 200))])
def test_grids_follow_the_activations_under_every_optimiser(optimiser, steps):
    generator = torch.Generator().manual_seed(1)
    x = 2 * torch.rand(300, 2, generator=generator, dtype=torch.float64) - 1
    y = torch.exp(torch.sin(math.pi * x[:, 0]) + x[:, 1] ** 2)
    begun = KAN([2, 4, 1], generator=generator, dtype=torch.float64)
    model = sw.fit(begun, x, y, optimiser=optimiser, steps=steps, starts=1, grids=None, budget=20, progress=False).model
    shares = [float(outside.any(1).double().mean()) for outside in off_grid(model, x).layers]
    assert max(shares) <= 0.02, shares


def test_the_help_of_what_takes_the_library_is_short():
    for verb in (sw.symbolify, sw.suggest):
        assert len(str(inspect.signature(verb))) < 600
