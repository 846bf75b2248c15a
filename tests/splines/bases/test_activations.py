"""Base functions: torch's own values, autograd's derivatives, and nothing that overflows."""

import pytest
import torch
from torch.nn import functional

from splinework.errors import ConfigError
from splinework.splines.bases import ACTIVATIONS, activation
from tests.contracts.cases import base_oracle, relative_distance

TORCH = {
    "silu": functional.silu,
    "identity": lambda x: x,
    "tanh": torch.tanh,
    "sin": torch.sin,
    "gelu": functional.gelu,
}
every_activation = pytest.mark.parametrize("name", ACTIVATIONS)
X = torch.linspace(-12, 12, 241, dtype=torch.float64)


@every_activation
def test_an_activation_is_torch_s_function_of_that_name(name):
    assert relative_distance(ACTIVATIONS[name].derivative(X, 0), TORCH[name](X)) <= 1e-14


@every_activation
def test_derivatives_are_torch_s_to_the_fourth_order(name):
    x = X.clone().requires_grad_()
    derivative = TORCH[name](x)
    for r in range(1, 5):
        if not derivative.requires_grad:  # a constant by now
            derivative = torch.zeros_like(x)
        else:
            (derivative,) = torch.autograd.grad(derivative.sum(), x, create_graph=True)
        assert relative_distance(ACTIVATIONS[name].derivative(X, r), derivative) <= 1e-12, r


@every_activation
def test_derivatives_are_sympy_s_to_the_sixth_order(name):
    for r in range(7):
        assert relative_distance(ACTIVATIONS[name].derivative(X, r), base_oracle(name, X.numpy(), r)) <= 1e-11, r


@every_activation
def test_autograd_of_a_derivative_is_the_next_one(name):
    for r in range(4):
        x = X.clone().requires_grad_()
        value = ACTIVATIONS[name].derivative(x, r)
        after = ACTIVATIONS[name].derivative(X, r + 1)
        if not value.requires_grad:
            assert torch.equal(after, torch.zeros_like(X))
            continue
        (slope,) = torch.autograd.grad(value.sum(), x)
        assert relative_distance(slope, after) <= 1e-12, r


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_activation
def test_far_away_everything_is_finite(name, dtype):
    far = torch.finfo(dtype).max ** 0.75
    x = torch.tensor([-far, -1e15, -1e3, 1e3, 1e15, far], dtype=dtype, requires_grad=True)
    for r in range(5):
        value = ACTIVATIONS[name].derivative(x, r)
        assert value.isfinite().all()
        if value.requires_grad:
            assert torch.autograd.grad(value.sum(), x)[0].isfinite().all()
    if name in ("silu", "gelu"):
        at = ACTIVATIONS[name].derivative(x, 0)
        assert torch.equal(at[3:], x[3:])
        assert torch.equal(at[:3], torch.zeros_like(at[:3]))


def test_none_is_no_base_function_and_other_names_are_refused():
    assert activation("none") is None
    assert activation("silu") is ACTIVATIONS["silu"]
    with pytest.raises(ConfigError, match=r"silu.*gelu.*none.*got 'relu'"):
        activation("relu")
