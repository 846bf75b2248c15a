"""Attribution: what each edge, node and input carries of the outputs' spread."""

import numpy as np
import pytest
import torch

from splinework.errors import ShapeError
from splinework.interpret.scores import attribution
from splinework.nn.network import KAN
from splinework.nn.trace import trace
from tests.contracts.cases import normal, relative_distance
from tests.nn.test_network import SHAPES, network

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def attribution_by_hand(model: KAN, x: torch.Tensor) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The recursion of KAN 2.0, §4.1, one output at a time, in loops."""
    record = trace(model, x)
    shapes = model.config.nodes
    edges = [np.zeros(layer.mask.shape) for layer in model.kan_layers]
    nodes = [np.zeros(shape.width) for shape in shapes]
    for output in range(shapes[-1].width):
        score = np.zeros(shapes[-1].width)
        score[output] = 1.0
        nodes[-1] = np.maximum(nodes[-1], score)
        for l in reversed(range(len(edges))):
            values, sums = record.layers[l].edges.detach().numpy(), record.layers[l].sums.detach().numpy()
            inputs, width = edges[l].shape
            below = np.zeros(inputs)
            for j in range(width):
                owner = next(n for n, group in enumerate(shapes[l + 1].groups) if j in group)
                spreads = [np.std(values[:, i, j], ddof=1) for i in range(inputs)]
                whole = max(np.std(sums[:, j], ddof=1), *spreads)
                for i in range(inputs):
                    carried = score[owner] * (spreads[i] / whole if whole > 0 else 0.0)
                    edges[l][i, j] = max(edges[l][i, j], carried)
                    below[i] += carried
            nodes[l] = np.maximum(nodes[l], below)
            score = below
    return edges, nodes


@every_shape
def test_scores_equal_the_recursion_in_loops(shape):
    model, x = network(shape), 2 * normal(40, shape[0], seed=3)
    scores, (edges, nodes) = attribution(model, x), attribution_by_hand(model, x)
    for ours, truth in zip([*scores.edges, *scores.nodes], [*edges, *nodes], strict=True):
        assert relative_distance(ours, truth) <= 1e-12
    assert torch.equal(scores.inputs, scores.nodes[0])


def test_in_a_sum_of_independent_terms_each_scores_its_share_of_the_spread():
    model = network([3, 1])
    side = torch.linspace(-0.9, 0.9, 9, dtype=torch.float64)
    x = torch.cartesian_prod(side, side, side)  # every combination once: the terms are exactly uncorrelated
    layer, f = model.kan_layers[0], model(x).std()
    for i in range(3):
        only = x.clone()
        only[:, [k for k in range(3) if k != i]] = 0.0
        term = model(only)[:, 0]  # f_i and a constant
        assert relative_distance(attribution(model, x).edges[0][i, 0], term.std() / f) <= 1e-12
    shares = attribution(model, x).inputs
    assert relative_distance(shares.square().sum(), torch.tensor(1.0)) <= 1e-12  # variances of independent terms add
    assert layer.mask.all()


def test_duplicating_an_output_changes_nothing():
    model, doubled = network([2, 3, 1]), network([2, 3, 2])
    state = {}
    for key, value in model.state_dict().items():
        twice = key.startswith("layers.1.") and not key.endswith("grid")
        state[key] = torch.cat([value, value], dim=-1) if twice or key.startswith("output_scaling") else value
    doubled.load_state_dict(state)
    x = normal(30, 2)
    one, two = attribution(model, x), attribution(doubled, x)
    assert relative_distance(two.edges[0], one.edges[0]) <= 1e-13
    assert relative_distance(two.edges[1], one.edges[1].expand(3, 2)) <= 1e-13
    assert relative_distance(two.nodes[0], one.nodes[0]) <= 1e-13
    assert relative_distance(two.nodes[1], one.nodes[1]) <= 1e-13


def test_the_unit_of_an_output_does_not_matter():
    model, x = network([2, 3, 1]), normal(30, 2)
    before = attribution(model, x)
    with torch.no_grad():
        last = model.kan_layers[-1]
        last.set_edge_coefficients(1e6 * last.edge_coefficients())
        last.bias.mul_(1e6)
    after = attribution(model, x)
    for ours, truth in zip(after.edges, before.edges, strict=True):
        assert relative_distance(ours, truth) <= 1e-12


def test_what_leads_nowhere_scores_zero_however_large_it_is():
    model, x = network([2, 3, 1]), normal(30, 2)
    model.kan_layers[1].mask[1] = 0.0  # nothing leaves node 1
    with torch.no_grad():
        model.kan_layers[0].coefficients[:, :, 1] *= 1e3
    scores = attribution(model, x)
    assert scores.nodes[1][1] == 0.0
    assert scores.edges[0][:, 1].abs().max() == 0.0
    assert scores.edges[1][1, 0] == 0.0
    assert (scores.nodes[1][[0, 2]] > 0).all()


def test_edges_that_cancel_score_no_more_than_they_carry():
    model = network([2, 1])
    layer = model.kan_layers[0]
    with torch.no_grad():
        values = layer.edge_coefficients()
        values[1] = -values[0]
        layer.set_edge_coefficients(values)
    same = normal(50, 1).expand(50, 2)  # f(x) - f(x) = 0
    scores = attribution(model, same)
    assert relative_distance(scores.edges[0], torch.ones(2, 1)) <= 1e-12


def test_constants_score_zero_and_nothing_is_nan():
    model = network([2, 2, 1])
    scores = attribution(model, torch.ones(9, 2, dtype=torch.float64))
    for score in scores.edges:
        assert torch.equal(score, torch.zeros_like(score))
    x = normal(20, 2)
    x[:, 1] = 0.3
    assert attribution(model, x).inputs[1] == 0.0
    assert attribution(model, x).inputs[0] > 0.0


def test_the_order_of_rows_does_not_matter_and_a_record_at_hand_is_used():
    model, x = network([2, (1, 1), 2]), normal(25, 2)
    first, again, given = (
        attribution(model, x),
        attribution(model, x.flip(0)),
        attribution(model, x, record=trace(model, x)),
    )
    for a, b, c in zip(first.edges, again.edges, given.edges, strict=True):
        assert relative_distance(b, a) <= 1e-12
        assert torch.equal(c, a)


def test_scores_carry_no_gradient_and_leave_the_model_alone():
    model = network([2, 2, 1])
    state = {key: value.clone() for key, value in model.state_dict().items()}
    assert not any(score.requires_grad for score in attribution(model, normal(9, 2)).edges)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("rows", [0, 1])
def test_fewer_than_two_rows_have_no_spread(rows):
    with pytest.raises(ShapeError, match=rf"at least 2 rows, got {rows}"):
        attribution(network([2, 2, 1]), normal(rows, 2))
