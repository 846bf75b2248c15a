"""Gradients of the mean squared error and of a loss by its slope, whoever works them out, are those of autograd."""

import pytest
import torch

import splinework as sw
from splinework import kernels
from splinework.errors import ShapeError
from splinework.train.gradient import output_gradient, squared_error_gradient
from tests.contracts.cases import normal, relative_distance, seeded


def network(shape, **options) -> sw.KAN:
    return sw.KAN(shape, generator=seeded(3), dtype=torch.float64, **options)


def by_autograd(model: sw.KAN, x: torch.Tensor, y: torch.Tensor) -> tuple[float, list[torch.Tensor]]:
    loss = torch.nn.functional.mse_loss(model(x), y)
    parameters = [p for p in model.parameters() if p.requires_grad]
    return float(loss.detach()), list(torch.autograd.grad(loss, parameters))


MODELS = {
    "plain": lambda: network([2, 5, 1]),
    "deep, two outputs": lambda: network([3, 4, 4, 2], grid=7, degree=2),
    "no base function": lambda: network([2, 3, 1], base="none"),
    "another base function": lambda: network([2, 3, 1], base="tanh"),
    "products": lambda: network([2, (1, 1), 1]),
    "learnable grids": lambda: network([2, 3, 1], grid_kind="learnable"),
    "another basis": lambda: network([2, 3, 1], basis="chebyshev"),
    "logarithms": lambda: network([2, 3, 1], input_scales=("log", "linear")),
    "no constants": lambda: network([2, 3, 1], bias=False),
}


@pytest.mark.parametrize("backend", kernels.BACKENDS)
@pytest.mark.parametrize("name", MODELS)
def test_it_is_what_autograd_finds(name, backend):
    model = MODELS[name]()
    with torch.no_grad():
        model.input_scaling.set(torch.full((model.inputs,), 0.1).double(), torch.full((model.inputs,), 1.5).double())
        model.output_scaling.set(torch.full((model.outputs,), 0.3).double(), torch.full((model.outputs,), 0.7).double())
    x, y = normal(200, model.inputs).abs() + 0.1, normal(200, model.outputs, seed=4)
    before = kernels.use(backend)
    try:
        truth, gradients = by_autograd(model, x, y)
        assert squared_error_gradient(model, x, y) == pytest.approx(truth, rel=1e-12)
        for p, expected in zip(model.parameters(), gradients, strict=True):
            assert p.grad is not None
            assert relative_distance(p.grad, expected) <= 1e-12
        # Of any loss by its slope at the outputs, here the sum of their sines.
        u = model.input_scaling(x)
        parameters = [p for p in model.parameters() if p.requires_grad]
        gradients = torch.autograd.grad(model.unit_forward(u).sin().sum(), parameters)
        output_gradient(model, u, torch.cos)
        assert all(relative_distance(p.grad, g) <= 1e-12 for p, g in zip(parameters, gradients, strict=True))
    finally:
        kernels.use(before)


def test_what_is_frozen_gets_no_gradient_and_what_is_masked_a_zero_one():
    model = network([2, 3, 1])
    first, second = model.kan_layers
    first.coefficients.requires_grad_(False)
    with torch.no_grad():
        second.mask[1] = 0
    squared_error_gradient(model, normal(50, 2), normal(50, 1))
    assert first.coefficients.grad is None
    assert (second.coefficients.grad[1] == 0).all()
    assert first.bias.grad.abs().max() > 0


@pytest.mark.parametrize("listen", ["register_hook", "register_post_accumulate_grad_hook"])
def test_hooks_on_a_parameter_hear_of_its_gradient(listen):
    model, heard = network([2, 3, 1]), []
    getattr(model.layers[0].coefficients, listen)(lambda tensor: heard.append(tensor))
    squared_error_gradient(model, normal(50, 2), normal(50, 1))
    assert len(heard) == 1


def test_a_second_call_replaces_the_gradient():
    model, x, y = network([2, 3, 1]), normal(50, 2), normal(50, 1)
    squared_error_gradient(model, x, y)
    once = [p.grad.clone() for p in model.parameters()]
    squared_error_gradient(model, x, y)
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), once, strict=True))


def test_targets_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"\(50, 1\)"):
        squared_error_gradient(network([2, 3, 1]), normal(50, 2), normal(50))
