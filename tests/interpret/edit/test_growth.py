"""Widening, deepening and reordering: the same function, new parameters that a gradient reaches, errors that help."""

import itertools

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.interpret.edit import auto_swap, connection_cost, deepen, permute, swap, widen
from splinework.interpret.scores import attribution
from splinework.nn.checkpoint import load, save
from splinework.nn.network import KAN
from tests.contracts.cases import normal
from tests.families import every, raising
from tests.interpret.edit.cases import (
    distance,
    every_family,
    everywhere,
    inside,
    masked,
    same_state,
    state_of,
    storages,
)
from tests.nn.test_network import network

SHAPES = ([2, 3, 1], [2, (1, 2), (1, [3]), 2], [2, 4, (2, [2, 3]), 2])
every_deep_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def kept(new: KAN, model: KAN, bound: float = 1e-10) -> None:
    """The law of all edits here."""
    x = everywhere()
    state = state_of(model)
    assert distance(new(x), model(x)) <= bound
    assert same_state(model, state)
    assert not storages(new) & storages(model)
    assert new.training is model.training
    assert [p.dtype for p in new.parameters()] == [torch.float64] * len(list(new.parameters()))


@every_family
@every_deep_shape
def test_a_wider_network_has_the_same_function(shape, basis, grid_kind):
    model = masked(shape, basis=basis, grid_kind=grid_kind)
    for layer in range(1, len(shape) - 1):
        wider = widen(model, layer, 2, products=[2, 3])
        kept(wider, model)
        old, new = model.config.nodes[layer], wider.config.nodes[layer]
        assert (new.sums, new.products) == (old.sums + 2, (*old.products, 2, 3))
    kept(widen(model, 1, 0, products=[4]), model)


@pytest.mark.parametrize(
    "options", [{"base": "none"}, {"bias": False}, {"extrapolation": "zero"}, {"init": "power"}], ids=str
)
def test_it_keeps_it_for_every_option(options):
    for model in (masked([2, 3, 1], **options), masked([2, (2, 1), 2], **options)):
        kept(widen(model, 1), model)
        kept(permute(model, 1, [1, 0, 2] if model.config.nodes[1].products else [2, 0, 1]), model)


def test_gradients_reach_every_new_edge_after_one_step():
    model, x = network([2, 2, 1]), normal(40, 2)
    wider = widen(model, 1, 3)
    target = normal(40, 1, seed=5)
    for step in range(2):
        (wider(x) - target).square().mean().backward()
        gradients = [layer.coefficients.grad for layer in wider.kan_layers]
        assert (gradients[1][2:].abs().amax((1, 2)) > 0).all()
        assert bool((gradients[0][:, :, 2:].abs().amax((0, 1)) > 0).all()) is (step > 0)
        with torch.no_grad():
            for parameter in wider.parameters():
                parameter.sub_(0.1 * parameter.grad)
        wider.zero_grad()


def test_the_seed_decides_and_the_global_generator_is_left_alone():
    model, before = network([2, 2, 1]), torch.get_rng_state()
    first, again, other = (widen(model, 1, seed=seed).state_dict()["layers.0.coefficients"] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "options",
    [{}, {"degree": 1}, {"degree": 5, "grid": 3}, {"basis": "chebyshev"}, {"grid_kind": "learnable"}, {"base": "none"},
     {"grid_kind": "fixed", "bias": False}, {"basis": "fourier"}, {"extrapolation": "zero"}, {"grid_kind": "normalised"},
     {"degree": 0, "base": "tanh"}, {"basis": "gaussian_rbf", "extrapolation": "natural"}],
    ids=str,
)  # fmt: skip
@every_deep_shape
def test_a_deeper_network_has_the_same_function_everywhere(shape, options):
    model = masked(shape, **options)
    for where in range(len(shape)):
        deeper = deepen(model, where)
        kept(deeper, model)
        assert len(deeper.kan_layers) == len(model.kan_layers) + 1
        assert deeper.config.nodes[where + 1].width == model.config.nodes[where].width
        assert not deeper.config.nodes[where + 1].products
        assert deeper.config.output_names == model.config.output_names


def test_an_edited_network_is_trained_saved_and_edited_again(tmp_path):
    model, x = masked([2, (2, 1), 1]), inside()
    y = torch.sin(x[:, :1]) * x[:, 1:]
    grown = deepen(widen(model, 1, 2), 1)
    result = sw.fit(grown, x, y, steps=20, validation=None, seed=0)
    assert (result.model(x) - y).square().mean() < 0.5 * (model(x) - y).square().mean()
    save(grown, tmp_path / "m.safetensors")
    assert torch.equal(load(tmp_path / "m.safetensors")(x), grown(x))
    assert sw.prune(grown, x).config.shape == [2, (2, 1), 3, 1]


@every_family
@every_deep_shape
def test_the_order_of_hidden_nodes_does_not_matter(shape, basis, grid_kind):
    model = masked(shape, basis=basis, grid_kind=grid_kind)
    for layer in range(1, len(shape) - 1):
        nodes = model.config.nodes[layer]
        order = [*reversed(range(nodes.sums)), *reversed(range(nodes.sums, nodes.width))]
        new = permute(model, layer, order)
        kept(new, model)
        assert new.config.nodes[layer].products == nodes.products[::-1]
        back = permute(new, layer, order)
        assert all(
            torch.equal(a, b) for a, b in zip(back.state_dict().values(), model.state_dict().values(), strict=True)
        )
    kept(auto_swap(model, inside()), model)


def test_swapping_exchanges_two_nodes():
    model = masked([2, 4, (2, [2, 3]), 2])
    swapped = swap(model, 1, 0, 3)
    kept(swapped, model)
    assert torch.equal(swapped.kan_layers[0].coefficients[:, :, 0], model.kan_layers[0].coefficients[:, :, 3])
    kept(swap(model, 2, 2, 3), model)


def cost_by_hand(model: KAN, x: torch.Tensor) -> float:
    """The connection cost as pykan writes it, in loops."""
    total = 0.0
    for scores in attribution(model, x).edges:
        before, after = scores.shape
        for i, j in itertools.product(range(before), range(after)):
            total += abs((i + 0.5) / before - (j + 0.5) / after) * float(scores[i, j])
    return total


@pytest.mark.parametrize("shape", [[3, 4, 2], [4, (2, [2, 2]), 3], [3, 3, 4, 2]], ids=str)
def test_auto_swap_finds_the_best_order_of_a_layer(shape):
    model = network(shape)
    x = normal(60, shape[0])
    new = auto_swap(model, x)
    assert connection_cost(new, x) == pytest.approx(cost_by_hand(new, x), rel=1e-9)
    assert connection_cost(new, x) <= connection_cost(model, x)
    for layer in range(1, len(shape) - 1):  # no other order of a single layer is better
        nodes = new.config.nodes[layer]
        firsts = itertools.permutations(range(nodes.sums))
        for order in ([*a, *b] for a in firsts for b in itertools.permutations(range(nodes.sums, nodes.width))):
            assert connection_cost(new, x) <= connection_cost(permute(new, layer, order), x) + 1e-9


def test_auto_swap_untangles_crossed_connections():
    model, x = network([3, 3, 3], bias=False, base="none"), normal(80, 3)
    with torch.no_grad():
        for layer, order in zip(model.kan_layers, ([2, 0, 1], [1, 2, 0]), strict=True):
            layer.mask.zero_()
            layer.mask[torch.arange(3), order] = 1.0
    new = auto_swap(model, x)
    assert connection_cost(new, x) == pytest.approx(0.0, abs=1e-12)
    assert connection_cost(model, x) > 1.0
    assert np.allclose(new(x).detach(), model(x).detach(), rtol=0, atol=1e-12)


@every(
    ("edit", "words"),
    [
        (lambda m: widen(m, 0), ["no hidden layer 0", "[1, 2]"]),
        (lambda m: widen(m, 3), ["no hidden layer 3", "nearest is 2"]),
        (lambda m: widen(m, 1, 0), ["count", "0"]),
        (lambda m: widen(m, 1, -1), ["count", "-1"]),
        (lambda m: widen(m, 1, products=[1]), ["arity of 2 or more"]),
        (lambda m: widen(network([2, 1]), 1), ["no hidden layer"]),
        (lambda m: deepen(m, 4), ["where", "0 for the inputs to 3", "4"]),
        (lambda m: permute(m, 1, [0, 0, 1]), ["every node of layer 1 once", "[0, 0, 1]"]),
        (lambda m: permute(m, 2, [2, 0, 1]), ["sum nodes stay before products"]),
        (lambda m: swap(m, 2, 0, 2), ["node (2, 2) is one of the products", "[(2, 0)"]),
        (lambda m: swap(m, 1, 0, 9), ["no node of layer 1 9"]),
    ],
)
def test_a_wrong_argument_is_refused_with_the_way_out(edit, words):
    model = masked([2, 3, (2, 1), 2])
    with raising(ConfigError, words):
        edit(model)


def test_axioms_are_refused_by_name():
    x = normal(60, 2)
    monotone = sw.fit(KAN([2, 2, 1]), x, x[:, :1], axioms=["monotone(x1)"], steps=3, validation=None).model
    with pytest.raises(ConfigError, match="by construction"):
        widen(monotone, 1)
