"""Base functions: torch's own values, autograd's derivatives, and nothing that overflows."""

import pytest
import torch
from torch.nn import functional

from splinework.errors import ConfigError
from splinework.knowledge.axioms.verify.enclosing import EnclosingFunctions
from splinework.knowledge.axioms.verify.exact import EXACT
from splinework.splines.bases import ACTIVATIONS, Activation, activation
from splinework.splines.bases.activations import ASYMPTOTE_DISTANCE
from splinework.splines.bases.bounds import base_bound
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
    lines = ACTIVATIONS[name].asymptotes
    if lines is not None:
        at = ACTIVATIONS[name].derivative(x, 0)
        for (slope, constant), part in zip(lines, (slice(3), slice(3, 6)), strict=True):
            assert torch.equal(at[part], slope * x[part] + constant)


@every_activation
def test_a_derivative_is_that_of_the_formula(name):
    for r in range(5):
        by_formula = Activation.derivative(ACTIVATIONS[name], X, r)
        assert relative_distance(by_formula, ACTIVATIONS[name].derivative(X, r)) <= 1e-12, r


@every_activation
def test_no_derivative_is_beyond_its_bound(name):
    x = torch.cat([torch.linspace(-12, 12, 4001, dtype=torch.float64), torch.linspace(-60, 60, 501).double()])
    for r in range(1, 11):
        largest = float(ACTIVATIONS[name].derivative(x, r).abs().max())
        for functions in (EnclosingFunctions(),):
            bound = base_bound(ACTIVATIONS[name], r, functions)
            assert largest <= bound * (1 + 1e-9)
            assert bound <= 1.25 * largest + 1e-12  # and not far beyond it


@every_activation
def test_what_an_activation_says_of_itself_is_so(name):
    base = ACTIVATIONS[name]
    value, slope = (base.derivative(X, r) for r in (0, 1))
    assert bool((slope >= 0).all()) == base.rising
    assert torch.allclose(value, -base.derivative(-X, 0), atol=1e-15) == base.odd
    for side, (rate, constant) in zip((-1, 1), base.asymptotes or (), strict=False):
        for share in (1.0, 1.5, 20.0):
            x = EXACT.number(side * ASYMPTOTE_DISTANCE * share)
            assert abs(base.formula(x, EXACT) - (rate * x + constant)) <= 1e-18


def test_none_is_no_base_function_and_other_names_are_refused():
    assert activation("none") is None
    assert activation("silu") is ACTIVATIONS["silu"]
    with pytest.raises(ConfigError, match=r"silu.*gelu.*none.*got 'relu'"):
        activation("relu")
