"""Grids that follow activations inside any module: same function, grids over all that was seen, the module left as it was."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from splinework.errors import ConfigError, DataError
from splinework.interpret.edit import adapt, adapt_within
from splinework.nn.convolution import KANConv2d
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from tests.contracts.cases import normal, relative_distance, seeded
from tests.families import raising

DOUBLE = {"dtype": torch.float64}


class Loop(nn.Module):
    """A layer that is fed what it gave, so it is called many times in one run."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = KANLayer(5, 3, generator=seeded(1), **DOUBLE)

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(len(x), 3)
        for row in x.unbind(1):
            h = torch.tanh(self.cell(torch.cat([row, h], dim=-1)))
        return h


def head() -> nn.Module:
    return nn.Sequential(
        nn.Linear(4, 6, **DOUBLE),
        nn.BatchNorm1d(6, **DOUBLE),
        nn.Dropout(0.3),
        KAN([6, 3, 2], generator=seeded(2), **DOUBLE),
    )


def convolutional() -> nn.Module:
    return nn.Sequential(
        KANConv2d(1, 2, 3, padding=1, generator=seeded(3), **DOUBLE),
        nn.Flatten(),
        KANLayer(32, 3, generator=seeded(4), **DOUBLE),
    )


def transformer() -> nn.Module:
    return nn.Sequential(nn.LayerNorm(4, **DOUBLE), KANLayer(4, 8, **DOUBLE), KANLayer(8, 4, **DOUBLE))


MODULES: dict[str, tuple[Any, Tensor]] = {
    "head": (head, 3 * normal(200, 4)),
    "convolution": (convolutional, 2 * normal(40, 1, 4, 4) + 1),
    "loop": (Loop, 2 * normal(30, 7, 2)),
    "block": (transformer, normal(20, 5, 4)),
}
every_module = pytest.mark.parametrize("name", sorted(MODULES))


def seen_by(module: nn.Module, x: Tensor) -> dict[KANLayer, Tensor]:
    """What each layer of the module is called with, written down by hand."""
    seen: dict[KANLayer, list[Tensor]] = {}
    handles = [
        layer.register_forward_pre_hook(
            lambda layer, args: seen.setdefault(layer, []).append(args[0].detach().reshape(-1, layer.inputs))
        )
        for layer in module.modules()
        if isinstance(layer, KANLayer)
    ]
    module.eval()(x)
    for handle in handles:
        handle.remove()
    return {layer: torch.cat(rows) for layer, rows in seen.items()}


@every_module
@pytest.mark.parametrize("rows", [5, 10_000])
def test_every_grid_ends_where_the_activations_end(name, rows):
    make, x = MODULES[name]
    module = make()
    adapted = adapt_within(module, lambda copy: copy(x), rows=rows)
    seen = seen_by(module, x)
    pairs = [(a, b) for a, b in zip(module.modules(), adapted.modules(), strict=True) if isinstance(a, KANLayer)]
    assert pairs
    for old, new in pairs:
        low, high = new.basis.domain(new.grid)
        assert torch.allclose(low, seen[old].amin(0), rtol=1e-12, atol=1e-12)
        assert torch.allclose(high, seen[old].amax(0), rtol=1e-12, atol=1e-12)


@every_module
def test_the_function_stays_and_so_does_the_module(name):
    make, x = MODULES[name]
    module = make().train()
    state = {key: value.clone() for key, value in module.state_dict().items()}
    adapted = adapt_within(module, lambda copy: copy(x))
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
    assert all(part.training for part in [*module.modules(), *adapted.modules()])
    assert not any(part._forward_pre_hooks for part in [*module.modules(), *adapted.modules()])
    statistics = [key for key in state if "running" in key]
    assert all(torch.equal(adapted.state_dict()[key], state[key]) for key in statistics)
    module.eval(), adapted.eval()
    # Where data go far beyond the old grids, wide cells follow a function of narrow ones.
    assert relative_distance(adapted(x), module(x)) < 0.2
    again = adapt_within(adapted, lambda copy: copy(x))
    assert relative_distance(again(x), adapted(x)) < 0.05
    finer = adapt_within(module, lambda copy: copy(x), tolerance=1e-6)
    assert relative_distance(finer(x), module(x)) < 1e-4


def test_one_layer_gets_what_adapt_gives():
    model, x = KAN([3, 2], generator=seeded(1), **DOUBLE), 2 * normal(300, 3)
    one, other = adapt(model, x, grid_eps=1.0), adapt_within(model, lambda copy: copy(x), grid_eps=1.0)
    assert relative_distance(other.kan_layers[0].grid, one.kan_layers[0].grid) <= 1e-14
    assert relative_distance(other(x), one(x)) < 0.02


def test_a_module_in_training_takes_new_grids_with_its_old_optimiser():
    make, x = MODULES["convolution"]
    module = make()
    optimiser = torch.optim.Adam(module.parameters())
    module(x).square().sum().backward()
    optimiser.step()
    own = list(module.parameters())
    adapted = adapt_within(module, lambda copy: copy(x))
    module.load_state_dict(adapted.state_dict())
    assert torch.equal(module(x), adapted(x))
    assert all(a is b for a, b in zip(own, module.parameters(), strict=True))
    before = module(x).detach()
    optimiser.zero_grad()
    module(x).square().sum().backward()
    optimiser.step()
    assert not torch.equal(module(x), before)


def test_many_calls_count_as_one():
    make, x = MODULES["block"]
    module = make()
    whole = adapt_within(module, lambda copy: copy(x))
    parts = adapt_within(module, lambda copy: [copy(part) for part in x.split(3)])
    assert relative_distance(parts(x), whole(x)) < 1e-9


@pytest.mark.parametrize("kind", ["fixed", "normalised", "learnable"])
def test_grids_that_do_not_follow_stay(kind):
    module = nn.Sequential(KANLayer(2, 3, grid_kind=kind, **DOUBLE), KANLayer(3, 1, **DOUBLE))
    adapted = adapt_within(module, lambda copy: copy(5 * normal(50, 2)))
    first, second = (dict(part.named_parameters()) | dict(part.named_buffers()) for part in (module[0], adapted[0]))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(adapted[1].grid, module[1].grid)


def test_what_is_frozen_stays_frozen_and_what_is_not_reached_stays():
    module = nn.ModuleList([KANLayer(2, 1, **DOUBLE).requires_grad_(False), KANLayer(2, 1, **DOUBLE)])
    adapted = adapt_within(module, lambda copy: copy[0](normal(50, 2)))
    assert not any(p.requires_grad for p in adapted[0].parameters())
    assert torch.equal(adapted[1].grid, module[1].grid)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"module": nn.Linear(2, 1)}, ["Linear", "no KANLayer", "adaptive"]),
        ({"run": lambda copy: None}, ["called no KANLayer"]),
        ({"run": lambda copy: copy(torch.zeros(0, 2))}, ["called no KANLayer"]),
        ({"rows": 0}, ["rows", "at least 1", "0"]),
        ({"grid_eps": 2.0}, ["grid_eps", "2.0"]),
        ({"margin": -1.0}, ["margin", "-1.0"]),
    ],
)
def test_a_wrong_call_is_refused_with_the_way_out(options, told):
    with raising(ConfigError, told):
        adapt_within(**{"module": KANLayer(2, 1), "run": lambda copy: copy(torch.ones(3, 2)), **options})


def test_activations_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="2 inputs are not all finite"):
        adapt_within(KANLayer(2, 1), lambda copy: copy(torch.full((3, 2), torch.nan)))
