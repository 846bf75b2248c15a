"""Coarser grids, merged and split nodes, sums and products: exact where that is possible, and a measured change elsewhere."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.interpret.edit import (
    auto_swap,
    coarsen,
    deepen,
    fix,
    merge,
    permute,
    remove_edge,
    remove_input,
    remove_node,
    split,
    to_product,
    to_sum,
    widen,
)  # fmt: skip
from splinework.nn.network import KAN
from splinework.nn.trace import trace
from tests.contracts.cases import normal, seeded
from tests.families import every, raising
from tests.interpret.edit.cases import (
    BASES,
    allowed,
    distance,
    every_family,
    everywhere,
    inside,
    masked,
    same_state,
    state_of,
)
from tests.interpret.edit.test_removal import deviation
from tests.nn.test_network import network

SHAPE = [2, 4, (1, [2, 3]), 2]


def with_functions(shape=SHAPE, **options) -> KAN:
    """A network with a formula, another one with the same function, and a held spline."""
    model = masked(shape, **options)
    model = fix(model, (0, 1, 0), "sin(u)", numbers=(0.7, 0.2, 1.3, -0.4))
    model = fix(model, (0, 0, 2), "exp(-0.5*u**2)", numbers=(1.1, 0.0, 0.8, 0.1))
    model = fix(model, (1, 3, 1), "sin(u)", numbers=(0.4, 0.1, 2.0, 0.0))
    return sw.edit.freeze(model, (1, 2, 0))


# ------------------------------------------------------------------------------------------------------ coarser grids


@pytest.mark.parametrize("basis", BASES)
def test_coarsening_undoes_an_exact_refinement(basis):
    x = inside()
    model = sw.adapt(masked(SHAPE, basis=basis), x.abs().sqrt(), grid_eps=0.1)  # uneven grids
    fine = sw.refine(model, 4 * model.config.bases[0].resolution, x=x)
    if distance(fine(x), model(x)) > 1e-9:  # no nested family
        return
    state = state_of(fine)
    coarse, changed = coarsen(fine, [basis.resolution for basis in model.config.bases], x=x)
    assert changed <= 1e-8
    assert coarse.config == model.config
    assert all(torch.allclose(a.knots(), b.knots()) for a, b in zip(coarse.kan_layers, model.kan_layers, strict=True))
    assert same_state(fine, state)


@pytest.mark.parametrize("grid_kind", ["adaptive", "fixed", "learnable"])
def test_no_coefficients_on_the_coarser_knots_are_closer_on_the_data(grid_kind):
    model, x = network([2, 3], grid=12, grid_kind=grid_kind), 2 * torch.rand(400, 2, generator=seeded()) - 1
    coarse, changed = coarsen(model, 5, x=x)
    assert changed == pytest.approx(deviation(model, coarse, x), rel=1e-9)
    assert 1e-6 < changed < 0.5
    error, least = allowed(model.kan_layers[0], coarse.kan_layers[0], x)
    assert (error <= (1 + 1e-6) * least).all()


def test_only_layers_with_more_intervals_become_coarser():
    model, x = network([2, 3, 1], grid=[4, 10]), normal(100, 2)
    coarse, _ = coarsen(model, [7, 5], x=x)
    assert [basis.resolution for basis in coarse.config.bases] == [4, 5]
    assert torch.equal(coarse.kan_layers[0].coefficients, model.kan_layers[0].coefficients)
    for wrong in (12, [4, 10], 0, [5, 5, 5], 2.5):
        with pytest.raises(ConfigError):
            coarsen(model, wrong, x=x)
    with pytest.raises(ConfigError, match="coarsen"):
        sw.refine(model, 3)


# ------------------------------------------------------------------------------------------------ merging and splitting


@every_family
@pytest.mark.parametrize("shape", [[2, 3, 1], SHAPE], ids=str)
def test_a_split_node_keeps_the_function_and_merges_again(shape, basis, grid_kind):
    model, x = masked(shape, basis=basis, grid_kind=grid_kind), inside()
    state, far = state_of(model), everywhere()
    for layer in range(1, len(shape) - 1):
        for n in range(model.config.nodes[layer].width):
            wider = split(model, (layer, n))
            assert distance(wider(far), model(far)) <= 1e-10
            assert wider.config.nodes[layer].width == model.config.nodes[layer].width + 1
            back = merge(wider, x, (layer, n), (layer, n + 1))
            assert back.change <= 1e-9
            assert distance(back.model(x), model(x)) <= 1e-7
            assert back.model.config == model.config
    assert same_state(model, state)


def test_split_nodes_train_apart():
    model, x = network([2, 2, 1]), normal(50, 2)
    wider = split(model, "h1")
    (wider(x) - normal(50, 1, seed=4)).square().mean().backward()
    gradient = wider.kan_layers[0].coefficients.grad
    assert (gradient[:, :, 0] - gradient[:, :, 1]).abs().max() > 1e-3 * gradient.abs().max()


@pytest.mark.parametrize(
    ("factor", "options"), [(-1.0, {}), (-1.0, {"base": "none"}), (0.5, {"base": "none"}), (3.0, {"base": "identity"})]
)
def test_nodes_that_differ_by_a_factor_merge_exactly(factor, options):
    model, x = network([2, 3, 2], **options), normal(200, 2)
    with torch.no_grad():
        first, second = model.kan_layers
        grid = second.grid.clone()
        ends = (factor * grid[0]).sort().values
        grid[1] = ends
        second.replace_grid(second.basis, grid, second.edge_coefficients())
        for name in ("coefficients", "spline_weight", "base_weight"):
            if (value := getattr(first, name)) is not None:
                value[..., 1] = value[..., 0]
        first.spline_weight[:, 1] *= factor
        if first.base_weight is not None:
            first.base_weight[:, 1] *= factor
        first.bias[1] = factor * first.bias[0]
    values = trace(model, x).layers[0].nodes
    assert torch.allclose(values[:, 1], factor * values[:, 0])
    merged, changed = merge(model, x, "h1", "h2")
    assert merged.config.shape == [2, 2, 2]
    assert changed <= 1e-8
    assert distance(merged(x), model(x)) <= 1e-7


def test_merging_unlike_nodes_says_by_how_much():
    model, x = network([2, 3, 1]), normal(100, 2)
    merged, changed = merge(model, x, (1, 2), (1, 0))
    assert changed == pytest.approx(deviation(model, merged, x), rel=1e-9)
    assert changed > 1e-3
    assert merged.config.shape == [2, 2, 1]


# ---------------------------------------------------------------------------------------------------- sums and products


@every_family
def test_a_sum_as_a_product_of_one_factor_is_the_same_function(basis, grid_kind):
    model, x = masked(SHAPE, basis=basis, grid_kind=grid_kind), inside()
    far = everywhere()
    for node, arity in (((1, 0), 2), ((1, 3), 3), ((2, 0), 4)):
        product = to_product(model, node, arity=arity)
        assert distance(product(far), model(far)) <= 1e-10
        shape = model.config.nodes[node[0]]
        assert product.config.nodes[node[0]].products == (*shape.products, arity)
        last = product.config.nodes[node[0]].width - 1
        back, changed = to_sum(product, x, (node[0], last))
        assert changed <= 1e-10
        assert distance(back(far), model(far)) <= 1e-9
        product(x).sum().backward()
        assert (
            product.kan_layers[node[0] - 1].coefficients.grad[:, :, -1].abs().sum() > 0
        )  # the new factor can be trained


def test_a_product_as_a_sum_is_its_linear_part():
    model, x = network([2, (1, [2, 3]), 1]), normal(300, 2)
    linear, changed = to_sum(model, x, (1, 2))
    assert linear.config.shape == [2, (2, 1), 1]
    sums = trace(model, x).layers[0].sums
    means = sums.mean(0)
    u, m = sums[:, 3:], means[3:]
    expected = (
        m.prod() + (u[:, 0] - m[0]) * m[1] * m[2] + (u[:, 1] - m[1]) * m[0] * m[2] + (u[:, 2] - m[2]) * m[0] * m[1]
    )
    assert distance(trace(linear, x).layers[0].nodes[:, 1], expected) <= 1e-12
    assert changed == pytest.approx(deviation(model, linear, x), rel=1e-9)
    small = model
    with torch.no_grad():  # factors that vary little are nearly linear
        for values in (small.kan_layers[0].coefficients, small.kan_layers[0].base_weight):
            values[..., 3:] *= 1e-3
        small.kan_layers[0].bias[3:] = torch.tensor([1.0, 2.0, -1.0])
    assert to_sum(small, x, (1, 2)).change < 1e-2 * changed


# ---------------------------------------------------------------------------------------------------- functions on edges


@pytest.mark.parametrize(
    "edit",
    [
        lambda model: widen(model, 1, 2, products=[2]),
        lambda model: permute(model, 1, [3, 1, 0, 2]),
        lambda model: permute(model, 2, [0, 2, 1]),
        lambda model: deepen(model, 0),
        lambda model: deepen(model, 2),
        lambda model: split(model, (1, 2)),
        lambda model: split(model, (1, 3)),
        lambda model: to_product(model, (1, 0)),
        lambda model: to_sum(to_product(model, (1, 0)), inside(), (1, 3)).model,
        lambda model: (
            merge(split(model, (1, 3), seed=2), inside(), (1, 3), (1, 4)).model if False else auto_swap(model, inside())
        ),
    ],
)
def test_edits_take_functions_along(edit):
    model = with_functions()
    new = edit(model)
    x = inside()
    assert distance(new(x), model(x)) <= 1e-10
    before, after = (
        sorted(f.family.name for l in m.kan_layers if l.functions for f in l.functions.edges()) for m in (model, new)
    )
    assert set(before) == set(after)
    assert len(after) >= len(before)


def test_removals_take_functions_along_or_out():
    model, x = with_functions(), inside()
    without, changed = remove_edge(model, x, (0, 1, 0))
    assert changed > 1e-4
    assert [(f.i, f.j) for f in without.kan_layers[0].functions.edges()] == [(0, 2)] or without.kan_layers[0].functions
    fewer, _ = remove_node(model, x, (1, 0))
    assert {f.family.name for f in fewer.kan_layers[1].functions.edges()} == {"sin(u)", "spline"}
    assert [(f.i, f.j) for f in fewer.kan_layers[1].functions.edges() if f.family.name == "sin(u)"] == [(2, 1)]
    narrow, _ = remove_input(model, x, 0)
    assert [(f.i, f.j) for f in narrow.kan_layers[0].functions.edges()] == [(0, 0)]
    last = trace(model, x).layers[0]
    keep = last.edges[:, 1] + last.edges[:, 0].mean(0)
    assert distance(trace(narrow, x[:, 1:]).layers[0].sums, keep + model.kan_layers[0].bias) <= 1e-12


def test_a_function_alone_moves_to_the_node_that_stays():
    model, x = network([2, 2, 1]), normal(100, 2)
    model = fix(model, (1, 1, 0), "sin(u)", numbers=(0.9, 0.3, 1.2, 0.5))
    with torch.no_grad():
        model.kan_layers[1].mask[0, 0] = 0.0
        for name in ("coefficients", "spline_weight", "base_weight"):
            value = getattr(model.kan_layers[0], name)
            value[..., 1] = 1.0 * value[..., 0]
        model.kan_layers[0].spline_weight[:, 1] *= -2.0
        model.kan_layers[0].base_weight[:, 1] *= -2.0
        model.kan_layers[0].bias[1] = 0.7
    merged, changed = merge(model, x, "h1", "h2")
    assert changed <= 1e-12
    assert merged.kan_layers[1].functions.edges()[0].family.name == "sin(u)"
    assert np.allclose(merged(x).detach(), model(x).detach(), atol=1e-12)


@every(
    ("edit", "words"),
    [
        (lambda m, x: merge(m, x, (1, 0), (2, 0)), ["two hidden nodes of one layer", "(2, 0)"]),
        (lambda m, x: merge(m, x, (1, 0), (1, 0)), ["two hidden nodes"]),
        (lambda m, x: merge(m, x, "h1.9", "h1.1"), ["no hidden node 'h1.9'", "did you mean"]),
        (lambda m, x: split(m, (3, 0)), ["no hidden layer 3", "nearest is 2"]),
        (lambda m, x: to_product(m, (2, 1)), ["(2, 1) is one of the products", "[(2, 0)]"]),
        (lambda m, x: to_product(m, (1, 1), arity=1), ["arity", "1"]),
        (lambda m, x: to_product(network([2, 2, 1], bias=False), (1, 1)), ["biases"]),
        (lambda m, x: to_sum(m, x, (1, 0)), ["(1, 0) is one of the sums"]),
    ],
)
def test_a_wrong_argument_is_refused_with_the_way_out(edit, words):
    with raising(ConfigError, words):
        edit(masked(SHAPE), inside())
