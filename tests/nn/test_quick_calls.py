"""Calls without a graph keep addresses between calls: whatever changes in a network, the next call follows it."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from splinework import kernels, refine
from splinework.errors import SplineworkError
from splinework.nn.network import KAN
from splinework.train.gradient import squared_error_gradient
from tests.contracts.cases import normal
from tests.families import every
from tests.kernels.cases import needs_native

pytestmark = needs_native


def network() -> KAN:
    model = KAN([3, 4, 2], grid=4, generator=torch.Generator().manual_seed(1)).double()
    model.input_scaling.set(normal(3), 1 + normal(3, seed=1).abs())
    return model


def other_storage(model: KAN) -> None:
    for p in model.parameters():
        p.data = p.data.clone().mul_(1.5)


def transposed(model: KAN) -> None:
    c = model.kan_layers[0].coefficients
    c.data = c.data.mul(2).transpose(0, 2).contiguous().transpose(0, 2)


CHANGES: dict[str, Callable[[KAN], object]] = {
    "a step": lambda m: [p.data.mul_(1.1) for p in m.parameters()],
    "other storage": other_storage,
    "other strides": transposed,
    "a mask": lambda m: m.kan_layers[0].mask[:, 1].zero_(),
    "a new mask": lambda m: m.kan_layers[0].register_buffer("mask", torch.zeros(3, 4).double()),
    "units": lambda m: m.input_scaling.set(normal(3, seed=5), 2 + normal(3, seed=6).abs()),
    "tails": lambda m: setattr(m.kan_layers[0], "extrapolation", "constant"),
    "another base function": lambda m: setattr(m.kan_layers[1], "base", "tanh"),
    "a finer grid": lambda m: refine(m, 9),
    "a grid that is written to": lambda m: (m.kan_layers[0].grid.mul_(1.2), m.kan_layers[0].refresh()),
    "a grid of a loader": lambda m: m.kan_layers[0].register_buffer("grid", m.kan_layers[0].grid * 1.3),
    "a hook": lambda m: m.kan_layers[0].register_forward_hook(lambda _, __, y: y + 1),
    "another backend": lambda _: kernels.use("reference"),
    "another precision": lambda m: m.float(),
    "other numbers": lambda m: m.load_state_dict({k: v * 0.5 for k, v in network().state_dict().items()}),
}


def slow(model: KAN, x: Tensor) -> Tensor:
    """The same with a graph, which keeps nothing."""
    return model(x.clone().requires_grad_()).detach()


def quick(model: KAN, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model(x)


@pytest.fixture(autouse=True)
def put_back():
    before = kernels.active()
    yield
    kernels.use(before)


@every("change", CHANGES)
def test_the_next_call_follows_every_change(change):
    model, x = network(), 3 * normal(5, 3, seed=3)
    first = quick(model, x)
    assert torch.equal(first, slow(model, x))
    with torch.no_grad():
        changed = CHANGES[change](model)
    model = changed if isinstance(changed, KAN) else model
    x = x.to(model.kan_layers[0].coefficients.dtype)
    assert torch.allclose(quick(model, x), slow(model, x), rtol=1e-13)
    if change not in ("another backend", "another precision", "a finer grid", "other strides", "a new mask"):
        assert not torch.equal(quick(model, x), first)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
def test_a_copy_has_addresses_of_its_own(way):
    model, x = network(), normal(5, 3, seed=3)
    before = quick(model, x)
    twin = way(model)
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    assert torch.equal(quick(twin, x), before)
    assert not torch.equal(quick(model, x), before)


def test_any_strides_and_sizes_of_points():
    model, x = network(), normal(6, 6, seed=3)
    for view in (x[:, :3], x[:, ::2], x[:3].T, x[:0, :3], x[:1, :3]):
        assert torch.equal(quick(model, view), slow(model, view.contiguous()))


@pytest.mark.parametrize(
    "wrong", [normal(5, 2), normal(4), normal(5, 3).to("meta")], ids=["columns", "one row", "device"]
)
def test_a_prepared_network_refuses_what_any_network_refuses(wrong):
    model = network()
    quick(model, normal(5, 3))
    messages = []
    for call in (quick, slow):
        with pytest.raises(SplineworkError) as refused:
            call(model, wrong)
        messages.append((type(refused.value), str(refused.value)))
    assert messages[0] == messages[1]


def test_the_gradient_s_memory_is_used_again_unless_somebody_holds_it():
    model, x, y = network(), normal(20, 3), normal(20, 2, seed=1)
    squared_error_gradient(model, x, y)
    first = {name: p.grad.data_ptr() for name, p in model.named_parameters()}
    squared_error_gradient(model, x, y)
    assert {name: p.grad.data_ptr() for name, p in model.named_parameters()} == first
    held = [p.grad for p in model.parameters()]
    values = [g.clone() for g in held]
    squared_error_gradient(model, 2 * x, y)
    assert all(map(torch.equal, held, values))
    assert not all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), held, strict=True))


def test_the_gradient_in_one_call_is_autograd_s_after_every_change():
    x, y = normal(20, 3), normal(20, 2, seed=1)
    for change in (
        "a step",
        "other storage",
        "units",
        "a mask",
        "tails",
        "a grid that is written to",
        "another base function",
    ):
        model = network()
        squared_error_gradient(model, x, y)
        with torch.no_grad():
            CHANGES[change](model)
        squared_error_gradient(model, x, y)
        found = [p.grad.clone() for p in model.parameters()]
        model.zero_grad()
        (model(x) - y).square().mean().backward()
        for g, p in zip(found, model.parameters(), strict=True):
            assert torch.allclose(g, p.grad, rtol=1e-10, atol=1e-13), change


def test_frozen_parameters_get_no_gradient_and_hooks_hear_of_theirs():
    model, x, y = network(), normal(20, 3), normal(20, 2, seed=1)
    squared_error_gradient(model, x, y)
    frozen = model.kan_layers[0].base_weight
    frozen.requires_grad_(False)
    frozen.grad = None
    squared_error_gradient(model, x, y)
    assert frozen.grad is None
    heard = []
    model.kan_layers[1].coefficients.register_hook(heard.append)
    squared_error_gradient(model, x, y)
    assert len(heard) == 1
