"""`fit` on whatever data and models there are: it ends well, and touches nothing but its own copy."""

import copy
import os

import numpy as np
import pandas as pd
import pytest
import torch

import splinework as sw
from splinework.nn.layer import GRID_KINDS
from splinework.train import Roughness, Sparsity
from splinework.train.optim import Adam
from tests.contracts.cases import normal, relative_distance
from tests.interpret.edit.cases import BASES, same_state, state_of, storages
from tests.train.cases import fresh, quick, smooth, thinned, uniform

X = uniform(100)
Y = smooth(X)
CONSTANT_COLUMN = torch.cat([X[:, :1], torch.full((100, 1), 0.7, dtype=torch.float64)], dim=1)

DATA = {
    "as usual": (X, Y),
    "one row": (X[:1], Y[:1]),
    "two rows": (X[:2], Y[:2]),
    "three rows": (X[:3], Y[:3]),
    "seven rows": (X[:7], Y[:7]),
    "a constant column": (CONSTANT_COLUMN, Y),
    "constant columns": (torch.ones_like(X), Y),
    "y constant": (X, torch.full((100, 1), 3.0, dtype=torch.float64)),
    "y zero": (X, torch.zeros(100, 1, dtype=torch.float64)),
    "rows repeated": (X[:4].repeat(25, 1), Y[:4].repeat(25, 1)),
    "rows that contradict": (X[:1].repeat(100, 1), Y),
    "columns that are one": (X[:, :1].expand(-1, 2), Y),
    "columns that are a line": (torch.cat([X[:, :1], 1 - 2 * X[:, :1]], dim=1), Y),
    "tiny units": (1e-30 * X, 1e-30 * Y),
    "huge units": (1e30 * X, 1e30 * Y),
    "mixed units": (X * torch.tensor([1e-30, 1e30]), 1e12 * Y),
    "far from zero": (X + 1e6, Y - 1e6),
    "an outlier": (torch.cat([X, torch.tensor([[1e6, 0.0]])]), torch.cat([Y, Y[:1]])),
    "zeros and ones": ((X > 0).double(), Y),
    "whole numbers": ((3 * X).round(), Y),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize(("x", "y"), DATA.values(), ids=DATA)
def test_any_data_end_in_a_finite_model_that_is_no_worse_than_the_mean(x, y, dtype):
    model = fresh([2, 2, 1], dtype=dtype)
    result = quick(model, x, y, validation=0)
    assert {value.dtype for value in result.model.state_dict().values()} == {dtype}
    assert all(value.isfinite().all() for value in result.model.state_dict().values())
    with torch.no_grad():
        error = (result.model(x.to(dtype)).double() - y).square().mean().sqrt()
    spread = y.std(correction=0)
    unit = torch.where(spread > 0, spread, 1.0)  # a constant y has no unit of its own
    rounding = torch.finfo(dtype).eps * y.abs().max()
    assert error <= 1.0001 * spread + 1e-5 * unit + 8 * rounding
    assert result.history.notes[-1].startswith("ended: ")


@pytest.mark.parametrize("grid_kind", GRID_KINDS)
@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("shape", [[2, 1], [2, (1, 1), 2]], ids=str)
def test_any_model_learns(shape, basis, grid_kind):
    if grid_kind == "learnable" and basis != "bspline":
        return
    model = thinned(shape, basis=basis, grid_kind=grid_kind)
    y = torch.cat([Y, X[:, :1] * X[:, 1:]], dim=1)[:, : model.outputs]
    for optimiser in ("lm", "lbfgs"):
        result = quick(model, X, y, optimiser=optimiser, validation=0)
        assert result.history[-1].objective < 0.5 * result.history[0].objective + 0.05
        assert result.model.config.shape == model.config.shape
        for new, old in zip(result.model.kan_layers, model.kan_layers, strict=True):
            assert torch.equal(new.mask, old.mask)


@pytest.mark.parametrize("optimiser", ["lm", "lbfgs", "adam", Adam(batch=16)], ids=str)
def test_every_optimiser_is_at_home_in_strange_places(optimiser):
    for case in ("one row", "y constant", "huge units", "rows that contradict", "a constant column"):
        x, y = DATA[case]
        result = quick(fresh([2, 2, 1]), x, y, optimiser=optimiser, steps=5, validation=0)
        assert all(parameter.isfinite().all() for parameter in result.model.parameters())


def test_logarithmic_scales_make_a_power_law_a_line():
    x = (4 * normal(80, 2)).exp()
    y = 3e5 * x[:, :1] ** 1.5 / x[:, 1:] ** 0.5
    model = fresh([2, 1], grid=1, input_scales=["log", "log"], output_scales=["log"])
    result = quick(model, x, y)
    assert ((result.model(x) / y).log().abs() < 1e-6).all()


@pytest.mark.parametrize(
    "options", [{}, {"penalties": [Sparsity(1e-3), Roughness(1e-4)]}, {"optimiser": "lbfgs"}], ids=str
)
@pytest.mark.parametrize("grid_kind", GRID_KINDS)
def test_the_model_the_data_and_the_world_are_as_before(grid_kind, options, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    model, x, y = thinned([2, (1, 1), 1], grid_kind=grid_kind), X.clone(), Y.clone()
    state, random = state_of(model), torch.get_rng_state()
    numbers = np.random.get_state()[1].copy()  # noqa: NPY002  # the old global generator is what must not move
    flags = (torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled())
    result = quick(model, x, y, grids=[10], progress=True, **options)
    assert same_state(model, state)
    assert not storages(result.model) & storages(model)
    assert torch.equal(x, X)
    assert torch.equal(y, Y)
    assert torch.equal(torch.get_rng_state(), random)
    assert (np.random.get_state()[1] == numbers).all()  # noqa: NPY002
    assert flags == (torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr() == ("", "")  # no terminal, no progress


@pytest.mark.parametrize("optimiser", ["lm", "lbfgs", "adam"])
def test_it_works_where_gradients_are_off_and_leaves_them_off(optimiser):
    truth = quick(fresh([2, 2, 1]), X, Y, optimiser=optimiser, steps=6).model(X)
    with torch.no_grad():
        assert torch.equal(quick(fresh([2, 2, 1]), X, Y, optimiser=optimiser, steps=6).model(X), truth)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        model, x, y = fresh([2, 2, 1]), X.clone(), Y.clone()
        result = quick(model, x, y, optimiser=optimiser, steps=6)
        assert torch.equal(result.model(X), truth)
        assert torch.is_inference_mode_enabled()
    result.model(X).sum().backward()  # the model is an ordinary one


def test_the_returned_model_is_ready_for_one_s_own_loop():
    result = quick(fresh([2, 2, 1]), X, Y, steps=6)
    assert all(p.is_leaf and p.requires_grad and p.grad is None for p in result.model.parameters())
    optimiser = torch.optim.SGD(result.model.parameters(), lr=1e-3)
    before = (result.model(X) - Y).square().mean()
    before.backward()
    optimiser.step()
    assert (result.model(X) - Y).square().mean() < before


def test_arrays_frames_lists_and_other_dtypes_are_one():
    truth = quick(fresh([2, 1]), X, Y).model(X)
    frame = pd.DataFrame(X.numpy(), columns=["x1", "x2"])[["x2", "x1"]]
    outputs = (Y.numpy(), Y[:, 0], Y[:, 0].numpy(), pd.Series(Y[:, 0].numpy()), pd.DataFrame(Y.numpy()), Y.tolist())
    for y in outputs:
        assert torch.equal(quick(fresh([2, 1]), frame, y).model(X), truth)
    for x in (X.numpy(), X.tolist(), X.clone().requires_grad_()):
        assert torch.equal(quick(fresh([2, 1]), x, Y).model(X), truth)
    assert relative_distance(quick(fresh([2, 1]), X.float(), Y.float()).model(X), truth) <= 1e-3


def test_units_are_found_and_part_of_the_model():
    x, y = 300 + 50 * X, 1e4 * Y - 7e5
    result = quick(fresh([2, 2, 1]), x, y, steps=60)
    assert not result.model.input_scaling.is_identity()
    u = result.model.input_scaling(x)
    assert relative_distance(u.amin(0), -torch.ones(2)) <= 1e-12
    assert relative_distance(u.amax(0), torch.ones(2)) <= 1e-12
    t = result.model.output_scaling(y)
    assert abs(t.mean().item()) <= 1e-12
    assert abs(t.std(correction=0).item() - 1) <= 1e-12
    assert (result.model(x) - y).square().mean().sqrt() < 0.05 * y.std()
    off = quick(fresh([2, 1]), x, y, standardise=False).model
    assert off.input_scaling.is_identity()
    assert off.output_scaling.is_identity()
    assert quick(fresh([2, 1]), X, Y).model.input_scaling.is_identity()  # they fit as they are
    assert not quick(fresh([2, 1]), X, Y, standardise=True).model.input_scaling.is_identity()
    again = quick(result.model, 2 * x, y).model  # a model that has units keeps them
    assert torch.equal(again.input_scaling.scale, result.model.input_scaling.scale)


def test_a_model_whose_grid_lies_on_the_data_needs_no_other_units():
    x = 300 + 50 * X
    adapted = sw.adapt(fresh([2, 1]), x)
    result = quick(adapted, x, Y)
    assert result.model.input_scaling.is_identity()
    assert result.history[-1].rmse_train < 0.6 * Y.std()


@pytest.mark.parametrize("optimiser", ["auto", "lbfgs", "adam"])
def test_what_is_frozen_stays(optimiser):
    model = fresh([2, 2, 1], grid_kind="fixed")
    for name in ("coefficients", "bias"):
        model.kan_layers[0].get_parameter(name).requires_grad_(False)
    result = quick(model, X, Y, optimiser=optimiser, starts=3)
    for name, parameter in result.model.named_parameters():
        frozen = name in ("layers.0.coefficients", "layers.0.bias")
        assert parameter.requires_grad is not frozen
        assert torch.equal(parameter, model.get_parameter(name)) is frozen
    assert result.history[-1].objective < result.history[0].objective


@pytest.mark.parametrize("seed", range(8))
def test_fit_prune_fit_stays_finite_and_is_worth_it(seed):
    x = uniform(60, 3, seed=seed)
    y = smooth(x)  # the third column does nothing
    first = quick(fresh([3, 3, 1], seed=seed), x, y, steps=12, validation=0).model
    small = sw.prune(first, x, edges=0.1, nodes=0.1, inputs=0.1)
    second = quick(small, x, y, steps=12, validation=0, standardise=False)
    assert all(value.isfinite().all() for value in second.model.state_dict().values())
    assert second.model.active_edges() == small.active_edges()
    assert (second.model(x) - y).square().mean() <= (small(x) - y).square().mean() * (1 + 1e-9)
    assert torch.equal(copy.deepcopy(second.model)(x), second.model(x))


def test_fitting_on_never_makes_it_worse():
    first = quick(fresh([2, 3, 1]), X, Y, steps=30, validation=0)
    second = quick(first.model, X, Y, steps=30, validation=0)
    assert second.history[-1].objective <= first.history[-1].objective * (1 + 1e-9)
    assert relative_distance(quick(second.model, X, Y, steps=0).model(X), second.model(X)) == 0.0
