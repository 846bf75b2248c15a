"""Pruning: what does not matter goes, what matters stays as it is."""

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.interpret.edit import adapt, prune, refine, without_edges
from splinework.interpret.scores import attribution
from splinework.nn.checkpoint import load, save
from splinework.nn.network import KAN
from splinework.nn.trace import trace
from tests.contracts.cases import normal
from tests.families import raising
from tests.interpret.edit.cases import BASES, distance, every_family, every_shape, everywhere, inside, masked
from tests.nn.test_network import network


def everything(model: KAN) -> list[torch.Tensor]:
    """A list that keeps all edges."""
    return [torch.ones_like(layer.mask, dtype=torch.bool) for layer in model.kan_layers]


@every_family
@every_shape
def test_keeping_everything_changes_nothing(shape, basis, grid_kind):
    model, x = masked(shape, basis=basis, grid_kind=grid_kind), everywhere()
    for same in (
        prune(model, inside(), edges=0.0, nodes=0.0, inputs=0.0),
        without_edges(model, inside(), everything(model)),
    ):
        assert distance(same(x), model(x)) <= 1e-13
        assert same.active_edges() == model.active_edges()


@every_family
def test_dead_edges_go_and_nothing_changes(basis, grid_kind):
    model, x = masked([2, 4, (1, 2), 1], basis=basis, grid_kind=grid_kind), inside()
    with torch.no_grad():
        first, second, third = model.kan_layers
        first.set_edge_coefficients(
            first.edge_coefficients() * torch.tensor([1.0, 0.0, 1.0, 1.0])
        )  # node 1 is constant
        values = second.edge_coefficients()
        values[2] = 0.0  # nobody reads node 2
        values[0, :, 3] = 0.0
        second.set_edge_coefficients(values)
    small = prune(model, x, edges=1e-12, nodes=1e-12, inputs=1e-12)
    assert distance(small(x), model(x)) <= 1e-12
    far = everywhere()
    assert distance(small(far), model(far)) <= 1e-12
    assert small.config.shape == [2, 2, (1, 2), 1]
    assert small.active_edges() == 3 + (2 * 5 - 2) + third.inputs


def test_an_edge_that_is_constant_on_the_data_goes_into_the_bias():
    model, x = network([2, 3, 1]), normal(50, 2)
    x[:, 1] = 0.4
    small = prune(model, x)
    assert small.active_inputs() == ["x1"]
    assert distance(small(x), model(x)) <= 1e-13


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9])
def test_one_layer_changes_by_no_more_than_the_spread_that_goes(share):
    model, x = network([4, 3]), normal(200, 4)
    scores = attribution(model, x).edges[0]
    small = without_edges(model, x, [scores >= scores.quantile(share)])
    edges = trace(model, x).layers[0].edges
    gone = (small.kan_layers[0].mask == 0).to(edges)
    assert gone.sum() == {0.1: 2, 0.3: 4, 0.6: 7, 0.9: 10}[share]
    change = (small(x) - model(x)).square().mean(0).sqrt()
    assert (change <= (edges.std(0, unbiased=False) * gone).sum(0) + 1e-12).all()
    assert ((small(x) - model(x)).mean(0).abs() <= 1e-12).all()


def test_weaker_thresholds_keep_more():
    model, x = network([4, 5, 2]), normal(200, 4)
    counts = [prune(model, x, edges=e, nodes=e, inputs=e).active_edges() for e in (0.0, 0.1, 0.2, 0.3, 0.4)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2] > counts[-1]


def test_an_input_that_does_not_matter_loses_its_edges_but_not_its_column():
    model, x = network([3, 3, 1]), normal(100, 3)
    with torch.no_grad():
        first = model.kan_layers[0]
        first.set_edge_coefficients(first.edge_coefficients() * torch.tensor([1.0, 1e-6, 1.0])[:, None, None])
    small = prune(model, x)
    assert small.active_inputs() == ["x1", "x3"]
    assert small.inputs == 3
    assert distance(small(x), model(x)) <= 1e-4
    other = x.clone()
    other[:, 1] = 1e9
    assert torch.equal(small(other), small(x))


def test_later_edits_and_a_trip_to_a_file_take_the_same_full_x(tmp_path):
    model, x = network([3, 4, (1, 1), 1]), normal(200, 3)
    with torch.no_grad():
        model.kan_layers[0].spline_weight[1] = 0.0
        model.kan_layers[0].base_weight[1] = 0.0
    small = prune(model, x)
    assert small.active_inputs() == ["x1", "x3"]
    for edited in (refine(small, 10), prune(small, x, edges=0, nodes=0, inputs=0), adapt(refine(small, 80), x)):
        assert edited.inputs == 3
        assert edited.active_inputs() == ["x1", "x3"]
        assert distance(edited(x), small(x)) <= 1e-3
    save(refine(small, 10), tmp_path / "m.safetensors")
    back = load(tmp_path / "m.safetensors")
    assert distance(back(x), small(x)) <= 1e-12
    assert torch.equal(prune(back, x)(x), prune(refine(small, 10), x)(x))


@pytest.mark.parametrize("copies", [2, 5])
def test_duplicating_an_output_changes_no_decision(copies):
    model, x = network([3, 5, 1]), normal(200, 3)
    many = network([3, 5, copies])
    state = {}
    for key, value in model.state_dict().items():
        repeated = (key.startswith("layers.1.") and not key.endswith("grid")) or key.startswith("output_scaling")
        state[key] = torch.cat([value] * copies, dim=-1) if repeated else value
    many.load_state_dict(state)
    for threshold in (0.03, 0.1, 0.3):
        one = prune(model, x, edges=threshold, nodes=threshold, inputs=threshold)
        other = prune(many, x, edges=threshold, nodes=threshold, inputs=threshold)
        assert one.config.nodes[:2] == other.config.nodes[:2]
        assert torch.equal(one.kan_layers[0].mask, other.kan_layers[0].mask)
        assert torch.equal(one.kan_layers[1].mask.expand(-1, copies), other.kan_layers[1].mask)


def test_nodes_that_die_are_removed_and_their_constants_kept():
    model, x = network([2, 4, 2]), normal(60, 2)
    keep = everything(model)
    keep[0][:, 1] = False  # nothing reaches node 1
    keep[1][2] = False  # nobody reads node 2
    small = without_edges(model, x, keep)
    assert small.config.shape == [2, 2, 2]
    record = trace(model, x)
    gone = [record.layers[1].edges[:, 1].mean(0), record.layers[1].edges[:, 2].mean(0)]
    truth = record.layers[1].edges[:, [0, 3]].sum(1) + model.kan_layers[1].bias + gone[0] + gone[1]
    assert distance(small(x), truth) <= 1e-13


@pytest.mark.parametrize("hidden", [3, (1, 2), (0, [2, 3])], ids=str)
def test_the_last_node_stays_and_the_model_is_its_mean(hidden):
    model, x = network([2, hidden, hidden, 1]), normal(40, 2)
    nothing = [torch.zeros_like(mask) for mask in everything(model)]
    small = without_edges(model, x, nothing)
    assert small.active_edges() == 0
    assert [nodes.width for nodes in small.config.nodes] == [2, 1, 1, 1]
    last = trace(model, x).layers[-1]
    assert distance(small(x), last.sums.mean(0).expand(40, 1)) <= 1e-13


def test_product_nodes_keep_their_factors():
    model, x = network([2, (1, [2, 3]), 1]), normal(80, 2)
    keep = everything(model)
    keep[0][0, 1] = False  # a factor of the first product loses one of its two edges
    keep[0][:, 3] = False  # a factor of the second product becomes a constant
    small = without_edges(model, x, keep)
    assert small.config.shape == [2, (1, [2, 3]), 1]
    record = trace(model, x).layers[0]
    sums = record.sums.clone()
    sums[:, 1] += record.edges[:, 0, 1].mean() - record.edges[:, 0, 1]
    sums[:, 3] = record.sums[:, 3].mean()
    truth = model.kan_layers[1](model.config.nodes[1].combine(sums))
    assert distance(small(x), truth) <= 1e-12
    keep[1][1] = False  # nobody reads the first product: both of its factors go
    smaller = without_edges(model, x, keep)
    assert smaller.config.shape == [2, (1, [3]), 1]
    assert smaller.kan_layers[0].outputs == 4
    constant = record.nodes[:, 1:2]  # what its edge gave on average stays
    mean = model.kan_layers[1].edges(torch.cat([constant] * 3, dim=1))[:, 1].mean(0)
    rest = model.kan_layers[1].edges(model.config.nodes[1].combine(sums))[:, [0, 2]].sum(1)
    assert distance(smaller(x), rest + mean + model.kan_layers[1].bias) <= 1e-12


@pytest.mark.parametrize("shape", [[3, 2], [2, 4, 2], [2, (2, 2), 1]], ids=str)
def test_without_biases_no_constant_is_lost(shape):
    model, x = network(shape, bias=False, base="none"), normal(100, shape[0])
    x[:, 1] = 0.4  # constant edges all over the first layer
    small = prune(model, x, edges=1e-9)
    assert distance(small(x), model(x)) <= 1e-7
    with torch.no_grad():
        values = model.kan_layers[0].edge_coefficients()
        values[0, :, 0] = 0.0
        model.kan_layers[0].set_edge_coefficients(values)
    smaller = prune(model, x)
    assert smaller.kan_layers[0].mask[0, 0] == 0.0
    assert (smaller(x) - model(x)).norm() <= 0.2 * model(x).norm()


@pytest.mark.parametrize("basis", BASES)
def test_a_masked_edge_stays_masked_whatever_keep_says(basis):
    model = masked([2, 3, 1], basis=basis)
    same = without_edges(model, inside().numpy(), [np.ones((2, 3)), [[1], [1], [1]]])
    assert torch.equal(same.kan_layers[0].mask, model.kan_layers[0].mask)


def test_what_is_frozen_and_the_mode_stay_so():
    model, x = network([2, 3, 1], grid_kind="learnable"), normal(50, 2)
    model.kan_layers[0].coefficients.requires_grad_(False)
    model.kan_layers[1].spacing.requires_grad_(False)
    model.eval()
    small = prune(model, x)
    frozen = [name for name, parameter in small.named_parameters() if not parameter.requires_grad]
    assert frozen == ["layers.0.coefficients", "layers.1.spacing"]
    assert not any(module.training for module in small.modules())


def test_the_scores_decide():
    model, x = network([3, 4, 1]), normal(100, 3)
    scores = attribution(model, x)
    threshold = float(scores.edges[0].flatten().sort().values[5])
    small = prune(model, x, edges=threshold, nodes=0.0, inputs=0.0)
    keep = [edges >= threshold for edges in scores.edges]
    by_hand = without_edges(model, x, keep)
    assert torch.equal(small(x), by_hand(x))
    assert int((small.kan_layers[0].mask == 0).sum()) >= 1


@pytest.mark.parametrize(
    ("x", "options", "error", "told"),
    [
        (normal(1, 2), {}, ShapeError, ["at least 2 rows", "got 1"]),
        (normal(5, 3), {}, ShapeError, ["(rows, 2)", "(5, 3)"]),
        (torch.full((4, 2), torch.nan), {}, DataError, ["x1: 4", "x2: 4"]),
        (normal(5, 2), {"edges": -0.1}, ConfigError, ["edges", "-0.1"]),
        (normal(5, 2), {"nodes": float("nan")}, ConfigError, ["nodes", "nan"]),
        (normal(5, 2), {"inputs": -1}, ConfigError, ["inputs", "-1"]),
    ],
)
def test_a_wrong_argument_is_refused_with_what_came_and_the_way_out(x, options, error, told):
    with raising(error, told):
        prune(KAN([2, 3, 1]), x, **options)


@pytest.mark.parametrize(
    ("x", "keep", "told"),
    [
        (normal(5, 2), [torch.ones(2, 3)], ["[(2, 3), (3, 1)]", "[(2, 3)]"]),
        (normal(5, 2), [torch.ones(3, 2), torch.ones(3, 1)], ["[(2, 3), (3, 1)]", "[(3, 2), (3, 1)]"]),
        (normal(0, 2), [torch.ones(2, 3), torch.ones(3, 1)], ["no rows"]),
    ],
)
def test_a_wrong_keep_is_refused(x, keep, told):
    with raising(ShapeError, told):
        without_edges(KAN([2, 3, 1]), x, keep)
