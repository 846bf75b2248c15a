"""Derivatives of whole networks: autograd to any order, torch.func, torch.compile."""

import numpy as np
import pytest
import scipy.interpolate
import torch
from torch import Tensor, nn

from splinework.nn.layer import KANLayer
from tests.contracts.cases import base_oracle, normal, relative_distance, seeded
from tests.families import slow
from tests.nn.test_network import DOUBLE, every_kind, network


def edge(layer: KANLayer, i: int, j: int, r: int):
    """r-th derivative of one edge, by scipy and sympy alone."""
    c, w_s = layer.coefficients[i, :, j].detach().numpy(), layer.spline_weight[i, j].item()
    spline = scipy.interpolate.BSpline(layer.grid[i].numpy(), w_s * c, layer.basis.degree)
    w_b = layer.base_weight[i, j].item()
    return lambda t: spline(t, nu=r) + w_b * base_oracle("silu", t, r)


def laplacian_by_autograd(model: nn.Module, x: Tensor) -> Tensor:
    x = x.requires_grad_()
    (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
    terms = [torch.autograd.grad(slope[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(x.shape[1])]
    return torch.stack(terms).sum(0)


def test_the_laplacian_by_autograd_is_the_one_worked_out_from_the_splines():
    with torch.no_grad():
        model = network([2, 3, 1], grid=6)
        for parameter in model.parameters():
            parameter.mul_(0.3)  # so that inner nodes stay on the grid
    first, second = model.kan_layers
    x = 2 * torch.rand(30, 2, generator=seeded(5), **DOUBLE) - 1
    points = x.numpy().copy()
    truth = np.zeros(30)
    for q in range(3):
        s = sum(edge(first, i, q, 0)(points[:, i]) for i in range(2)) + first.bias[q].item()
        assert np.abs(s).max() < 1
        for i in range(2):
            slope, bend = edge(first, i, q, 1)(points[:, i]), edge(first, i, q, 2)(points[:, i])
            truth += edge(second, q, 0, 2)(s) * slope**2 + edge(second, q, 0, 1)(s) * bend
    residual = laplacian_by_autograd(model, x)
    assert relative_distance(residual, truth) <= 1e-10
    # The residual of a PDE is trained on: its gradient with respect to every number must exist.
    residual.square().mean().backward()
    assert all(p.grad.isfinite().all() and p.grad.abs().max() > 0 for p in model.parameters() if p is not second.bias)


@pytest.mark.parametrize("shape", [[2, 2, 1], [2, (1, [3]), 1]], ids=str)
def test_second_gradients_of_a_network_match_finite_differences(shape):
    model = network(shape, grid=3)
    x = torch.tensor([[-1.4, 0.31], [0.17, 0.52]], **DOUBLE, requires_grad=True)
    assert torch.autograd.gradcheck(model, (x,), fast_mode=True)
    assert torch.autograd.gradgradcheck(model, (x,), fast_mode=True)


@every_kind
def test_second_gradients_with_respect_to_the_parameters_match_finite_differences(grid_kind):
    model = network([1, (1, 1), 1], grid=2, grid_kind=grid_kind)
    x = torch.tensor([[-1.4], [0.17]], **DOUBLE)
    names = [name for name, _ in model.named_parameters()]

    def outputs(*values: Tensor) -> Tensor:
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (x,))

    values = tuple(p.detach().clone().requires_grad_() for p in model.parameters())
    assert torch.autograd.gradcheck(outputs, values, fast_mode=True)
    assert torch.autograd.gradgradcheck(outputs, values, fast_mode=True)


@every_kind
def test_jacobians_and_hessians_of_torch_func_are_autograd_s(grid_kind):
    model = network([2, (1, 1), 2], grid_kind=grid_kind)
    x = normal(5, 2, seed=3)
    rows = torch.func.vmap(model)(x)
    assert relative_distance(rows, model(x)) <= 1e-13
    jacobian = torch.func.vmap(torch.func.jacrev(model))(x)
    forward = torch.func.vmap(torch.func.jacfwd(model))(x)
    hessian = torch.func.vmap(torch.func.hessian(model))(x)
    for b in range(5):
        assert relative_distance(jacobian[b], torch.autograd.functional.jacobian(model, x[b])) <= 1e-12
        for j in range(2):
            truth = torch.autograd.functional.hessian(lambda t, j=j: model(t)[j], x[b])
            assert relative_distance(hessian[b, j], truth) <= 1e-11
    assert relative_distance(forward, jacobian) <= 1e-12


@every_kind
def test_gradients_per_sample_sum_to_the_gradient(grid_kind):
    model = network([2, 2, 1], grid_kind=grid_kind)
    x, y = normal(7, 2), normal(7, 1, seed=5)
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss(values: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return (torch.func.functional_call(model, values, (x,)) - y).square().sum()

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    (model(x) - y).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert relative_distance(each[name].sum(0), parameter.grad) <= 1e-12


@every_kind
def test_an_ensemble_under_vmap_is_its_members(grid_kind):
    members = [network([2, (1, 1), 1], seed=s, grid_kind=grid_kind) for s in (1, 2, 3)]
    parameters, buffers = torch.func.stack_module_state(members)
    x = normal(6, 2)
    together = torch.func.vmap(lambda p, b: torch.func.functional_call(members[0], (p, b), (x,)))(parameters, buffers)
    assert relative_distance(together, torch.stack([member(x) for member in members])) <= 1e-12


@pytest.mark.parametrize("shape", [[2, (1, [3, 2]), 1], *slow([2, 3, 1])], ids=str)
@pytest.mark.parametrize("grid_kind", ["adaptive", "normalised", *slow("fixed", "learnable")])
def test_torch_compile_finds_no_graph_break(grid_kind, shape):
    torch.compiler.reset()
    model = network(shape, grid_kind=grid_kind)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    x = normal(6, 2).requires_grad_()
    y = compiled(x)
    assert relative_distance(y, model(x)) <= 1e-13
    assert relative_distance(torch.autograd.grad(y.sum(), x)[0], torch.autograd.grad(model(x).sum(), x)[0]) <= 1e-13


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_torch_compile_with_its_own_backend_gives_the_same_values_and_gradients():
    torch.compiler.reset()
    model = network([2, (2, 1), 1])
    compiled = torch.compile(model, fullgraph=True)
    x = normal(50, 2)
    compiled(x).square().sum().backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    model(x).square().sum().backward()
    assert relative_distance(compiled(x), model(x)) <= 1e-12
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert relative_distance(gradient, parameter.grad) <= 1e-11
