"""Half precision is storage: the kernels work in float32, under autocast and in models that are stored in it."""

import copy

import pytest
import torch
from torch import Tensor

from splinework.kernels import BACKENDS
from splinework.nn.network import KAN
from tests.contracts.cases import normal, seeded
from tests.kernels.cases import magnitudes, needs_native, problem

pytestmark = [needs_native, pytest.mark.usefixtures("native_kernels")]
HALVES = (torch.bfloat16, torch.float16)
every_half = pytest.mark.parametrize("half", HALVES, ids=str)


def model_of(shape: list[object], **options: object) -> KAN:
    model = KAN(shape, generator=seeded(2), **options)
    with torch.no_grad():
        for n, parameter in enumerate(model.parameters()):
            parameter.add_(0.3 * normal(*parameter.shape, seed=n).float())
    return model


def step(model: torch.nn.Module, x: Tensor) -> list[Tensor]:
    y = model(x)
    return [y, *torch.autograd.grad(y.float().square().sum(), list(model.parameters()))]


@every_half
@pytest.mark.parametrize("shape", [[3, 4], [3, 4, 2], [3, (2, 1), 2]], ids=str)
def test_autocast_changes_no_bit(shape, half):
    model, x = model_of(shape), normal(50, 3).float()
    truth = step(model, x)
    with torch.autocast("cpu", dtype=half):
        found = step(model, x)
    for value, expected in zip(found, truth, strict=True):
        assert value.dtype == torch.float32
        assert torch.equal(value, expected)


@every_half
def test_half_precision_inputs_under_autocast_are_the_same_numbers_in_single(half):
    model, x = model_of([3, 4, 2]), normal(50, 3).to(half)
    with torch.autocast("cpu", dtype=half):
        y = model(x)
    assert torch.equal(y, model(x.float()))


@every_half
def test_what_a_linear_layer_gives_under_autocast_goes_on_in_single(half):
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), model_of([3, 4]), torch.nn.Linear(4, 2))
    x = normal(20, 3).float()
    with torch.autocast("cpu", dtype=half):
        between = model[0](x)
        assert between.dtype == half
        assert torch.equal(model[1](between), model[1](between.float()))
        model(x).float().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@every_half
@pytest.mark.parametrize("mask", ["none", "edges"])
def test_a_layer_stored_in_half_precision_is_the_float32_layer_of_its_numbers(half, mask):
    p = problem(size=(60, 3, 5), mask=mask, dtype=half)
    unrounded = p.double()  # these very numbers, but polynomials that are not rounded
    truth = BACKENDS["reference"].layer_sums(unrounded.table, unrounded.x, unrounded.edges)
    value = BACKENDS["native"].layer_sums(p.table, p.x, p.edges)
    assert value.dtype == half
    # The polynomials are stored in half precision, and so is the result: one rounding each.
    allowed = torch.finfo(half).eps * (magnitudes(unrounded)["y"] + truth.abs())
    assert ((value.double() - truth).abs() <= allowed).all()


@every_half
@pytest.mark.parametrize("shape", [[3, 4], [3, 4, 2]], ids=str)
def test_a_model_stored_in_half_precision_stays_near_the_single_one(shape, half):
    model, x = model_of(shape, grid=5), 0.5 * normal(50, 3).to(half)
    small = copy.deepcopy(model).to(half)
    y = small(x)
    assert y.dtype == half
    truth = copy.deepcopy(small).float()(x.float())
    assert (y.float() - truth).abs().max() <= 8 * torch.finfo(half).eps * truth.abs().max()
    found, expected = step(small, x), step(copy.deepcopy(small).float(), x.float())
    for value, other in zip(found, expected, strict=True):
        assert value.dtype == half
        assert (value.float() - other).norm() <= 16 * torch.finfo(half).eps * other.norm()
