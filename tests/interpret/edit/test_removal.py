"""Removal by hand: exactly what the means leave, a measured change, no path cut, and errors that name what there is."""

import copy

import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.interpret.edit import Edited, change, prune, remove_edge, remove_input, remove_node, without_edges
from splinework.interpret.scores import attribution
from splinework.nn.checkpoint import load, save
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.network import KAN
from splinework.nn.trace import trace
from tests.contracts.cases import normal
from tests.families import every, raising
from tests.interpret.edit.cases import distance, every_family, inside, masked, same_state, state_of
from tests.nn.test_network import network

SHAPE = [2, 4, (1, 2), 2]


def deviation(before: KAN, after: KAN, x: torch.Tensor) -> float:
    """The measure of a change, written down once more."""
    old, new = before(x).detach().numpy(), after(x).detach().numpy()
    return float((((new - old) ** 2).mean(0) ** 0.5 / old.std(0)).max())


@every_family
def test_removing_by_hand_is_what_masks_do_and_says_by_how_much(basis, grid_kind):
    model, x = masked(SHAPE, basis=basis, grid_kind=grid_kind), inside()
    state = state_of(model)
    keep = [torch.ones_like(layer.mask, dtype=torch.bool) for layer in model.kan_layers]
    keep[1][2, 3] = False
    for edited in (remove_edge(model, x, (1, 2, 3)),):
        assert torch.equal(edited.model(x), without_edges(model, x, keep)(x))
        assert edited.change == pytest.approx(deviation(model, edited.model, x), rel=1e-9)
        assert edited.change > 1e-3
    assert same_state(model, state)


@every_family
def test_a_removed_node_leaves_the_means_of_its_edges(basis, grid_kind):
    model, x = masked([2, 4, 1], basis=basis, grid_kind=grid_kind), inside()
    smaller, changed = remove_node(model, x, (1, 2))
    assert smaller.config.shape == [2, 3, 1]
    last = trace(model, x).layers[-1]
    truth = model.output_scaling.inverse(last.sums - last.edges[:, 2] + last.edges[:, 2].mean(0))
    assert distance(smaller(x), truth) <= 1e-12
    assert changed == pytest.approx(deviation(model, smaller, x), rel=1e-9)
    product, _ = remove_node(masked(SHAPE), x, "h2.2")
    assert product.config.shape == [2, 4, (1, 1), 2]


@every_family
def test_a_removed_input_takes_its_column_along(basis, grid_kind, tmp_path):
    model, x = network([3, 4, (1, 1), 1], basis=basis, grid_kind=grid_kind, names=["a", "b", "c"]), normal(80, 3)
    model.input_scaling.set(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 1.0, 0.5]))
    for given in ("b", 1):
        narrow, changed = remove_input(model, x, given)
        assert narrow.config.input_names == ("a", "c")
        assert narrow.config.nodes[0].width == 2
        keep = [torch.ones_like(layer.mask, dtype=torch.bool) for layer in model.kan_layers]
        keep[0][1] = False
        assert distance(narrow(x[:, [0, 2]]), without_edges(model, x, keep)(x)) <= 1e-13
        assert changed == pytest.approx(change(model, narrow, x), rel=1e-9)
    save(narrow, tmp_path / "m.safetensors")
    assert torch.equal(load(tmp_path / "m.safetensors")(x[:, [0, 2]]), narrow(x[:, [0, 2]]))
    narrow(x[:, [0, 2]]).sum().backward()


def test_pruned_inputs_lose_their_columns_on_request():
    model, x = network([3, 3, 1], names=["a", "b", "c"]), normal(100, 3)
    with torch.no_grad():
        first = model.kan_layers[0]
        first.set_edge_coefficients(first.edge_coefficients() * torch.tensor([1.0, 1e-6, 1.0])[:, None, None])
    narrow = prune(model, x, drop_inputs=True)
    assert narrow.config.input_names == ("a", "c")
    assert distance(narrow(x[:, [0, 2]]), prune(model, x)(x)) <= 1e-13


@pytest.mark.parametrize("shape", [[2, 1], [2, 3, 1], [2, (1, 2), 1], [2, 3, 2]], ids=str)
@pytest.mark.parametrize("options", [{}, {"bias": False}], ids=str)
def test_an_edit_that_cuts_every_path_to_an_output_is_refused_and_the_model_unchanged(shape, options):
    model, x = network(shape, **options), normal(60, 2)
    state = state_of(model)
    for by in ("attribution", "magnitude"):
        with pytest.raises(ConfigError, match="every path to y"):
            prune(model, x, edges=1e9, nodes=1e9, inputs=1e9, by=by)
    assert same_state(model, state)


def test_the_last_edge_node_and_input_cannot_go():
    model, x = network([2, 1, 1]), normal(60, 2)
    with pytest.raises(ConfigError, match=r"removing the edge \(1, 0, 0\) cuts every path to y"):
        remove_edge(model, x, (1, 0, 0))
    with pytest.raises(ConfigError, match=r"removing the node \(1, 0\) cuts"):
        remove_node(model, x, (1, 0))
    one, _ = remove_input(model, x, "x2")
    with pytest.raises(ConfigError, match="removing the input 'x1' cuts"):
        remove_input(one, x[:, :1], 0)
    constant = copy.deepcopy(network([2, 2]))
    with torch.no_grad():
        values = constant.kan_layers[0].edge_coefficients()
        values[:, :, 1] = 0.0
        constant.kan_layers[0].set_edge_coefficients(values)
    assert (prune(constant, x).kan_layers[0].mask[:, 1] == 0).all()  # a constant output loses nothing


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9, 40])
@pytest.mark.parametrize("by", ["attribution", "magnitude"])
def test_pruning_to_a_number_of_edges_keeps_a_path_to_every_output(count, by):
    model, x = network([3, 4, (1, 1), 2]), normal(150, 3)
    small = prune(model, x, keep_edges=count, edges=0, nodes=0, inputs=0, by=by)
    least = 2 + 2 + 2  # two outputs, and what feeds one node each
    assert small.active_edges() <= max(count, least)
    assert small.active_edges() >= min(count, 3)
    assert (small(x).std(0) > 1e-6).all()


def test_counts_keep_the_strongest():
    model, x = network([4, 5, 1]), normal(150, 4)
    scores = attribution(model, x)
    small = prune(model, x, keep_nodes=2, keep_inputs=3, edges=0)
    assert small.config.shape == [4, 2, 1]
    strongest = scores.inputs.argsort(descending=True)[:3].sort().values.tolist()
    assert small.active_inputs() == [f"x{i + 1}" for i in strongest]
    few = prune(network([4, 1]), x, keep_edges=2)
    alive = attribution(network([4, 1]), x).edges[0][:, 0].argsort(descending=True)[:2].sort().values.tolist()
    assert few.active_inputs() == [f"x{i + 1}" for i in alive]


def test_a_node_of_equation_2_21_counts_for_its_weaker_side():
    model, x = network([2, 3, 1]), normal(100, 2)
    with torch.no_grad():
        for layer, part in ((0, (slice(None), slice(None), 0)), (1, (1,))):
            values = model.kan_layers[layer].edge_coefficients()
            values[part] *= 1e-5
            model.kan_layers[layer].set_edge_coefficients(values)
    record = trace(model, x)
    into, out = record.layers[0].edges.abs().mean(0).amax(0), record.layers[1].edges.abs().mean(0).amax(1)
    assert (torch.minimum(into, out) < 1e-3).tolist() == [True, True, False]
    small = prune(model, x, by="magnitude", nodes=1e-3, edges=0.0, inputs=0.0)
    assert small.config.shape == [2, 1, 1]


@every(
    ("verb", "place", "words"),
    [
        (remove_edge, (0, 5, 0), ["no edge (0, 5, 0)", "2 × 4, 4 × 5, 3 × 2"]),
        (remove_edge, ("x7", "h1.1"), ["('x7', 'h1.1')", "did you mean"]),
        (remove_edge, (0, 0, 0), ["(0, 0, 0) has been removed", "(0, 1, 0)"]),
        (remove_edge, 3, ["an edge is (layer, input, sum)", "got 3"]),
        (remove_node, "h3.1", ["no hidden node 'h3.1'", "h2.1"]),
        (remove_node, (0, 0), ["no hidden layer 0", "nearest is 1", "[1, 2]"]),
        (remove_node, (1, 4), ["no node of layer 1 4", "nearest is 3"]),
        (remove_node, (1,), ["a hidden node is (layer, n)"]),
        (remove_input, "mass", ["no input 'mass'", "x1", "x2"]),
        (remove_input, 2, ["no input 2", "nearest is 1"]),
    ],
)
def test_what_does_not_exist_is_named_with_the_nearest_and_the_list(verb, place, words):
    with raising(ConfigError, words):
        verb(masked(SHAPE), inside(), place)


def test_an_edit_without_effect_changes_nothing():
    model, x = network([2, 3, 1]), normal(50, 2)
    with torch.no_grad():
        values = model.kan_layers[0].edge_coefficients()
        values[1, :, 2] = 0.0
        model.kan_layers[0].set_edge_coefficients(values)
    edited = remove_edge(model, x, (0, 1, 2))
    assert isinstance(edited, Edited)
    assert edited.change <= 1e-13
    assert change(model, model, x) == 0.0


def test_in_a_frame_the_features_that_nothing_needs_go():
    network_inside = network([3, 2, 1])
    model = FramedKAN(network_inside, Frame(("a", "b"), features=("a", "b", "a*b")))
    x = normal(60, 2)
    with torch.no_grad():
        first = network_inside.kan_layers[0]
        first.set_edge_coefficients(first.edge_coefficients() * torch.tensor([1.0, 1e-7, 1.0])[:, None, None])
    narrow = sw.prune(model, x, drop_inputs=True)
    assert narrow.frame.features == ("a", "a*b")
    assert distance(narrow(x), model(x)) <= 1e-5
    assert distance(sw.prune(model, x)(x), model(x)) <= 1e-5
