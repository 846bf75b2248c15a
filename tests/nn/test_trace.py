"""The record of what happens inside a network."""

import copy

import pandas as pd
import pytest
import torch

from splinework.errors import DataError, ShapeError
from splinework.nn.layer import GRID_KINDS
from splinework.nn.trace import trace
from tests.contracts.cases import normal, relative_distance
from tests.families import raising
from tests.nn.test_network import SHAPES, network

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
every_kind = pytest.mark.parametrize("grid_kind", GRID_KINDS)


@every_kind
@every_shape
def test_a_trace_ends_in_the_model_s_output_and_its_edges_sum_to_its_sums(shape, grid_kind):
    model = network(shape, grid_kind=grid_kind, input_scales=["log"] + ["linear"] * (shape[0] - 1))
    x = normal(7, shape[0]).exp()
    record = trace(model, x)
    assert relative_distance(record.outputs, model(x)) <= 1e-12
    assert len(record.layers) == len(model.kan_layers)
    before = model.input_scaling(x)
    for entry, layer, nodes in zip(record.layers, model.kan_layers, model.config.nodes[1:], strict=True):
        assert torch.equal(entry.inputs, before)
        assert relative_distance(entry.edges.sum(1) + layer.bias, entry.sums) <= 1e-13
        assert relative_distance(entry.sums, layer(before)) <= 1e-12
        assert relative_distance(entry.nodes, nodes.combine(entry.sums)) <= 1e-13
        before = entry.nodes
    assert relative_distance(model.output_scaling.inverse(before), record.outputs) <= 1e-13


def test_an_edge_is_a_function_of_its_input_alone():
    model = network([3, 2, 1])
    x = normal(6, 3)
    inputs, values = trace(model, x).edge(0, 1, 0)
    assert torch.equal(inputs, x[:, 1])
    other = normal(6, 3, seed=5)
    other[:, 1] = x[:, 1]
    assert torch.equal(trace(model, other).edge(0, 1, 0)[1], values)


def test_a_masked_edge_is_a_row_of_zeros():
    model = network([2, 3, 1])
    model.kan_layers[0].mask[1, 2] = 0.0
    edges = trace(model, normal(5, 2)).layers[0].edges
    assert torch.equal(edges[:, 1, 2].abs(), torch.zeros(5, dtype=torch.float64))
    assert (edges.abs().amax(0) > 0).sum() == 5


def test_without_biases_sums_are_edges_alone():
    model = network([2, 2, 1], bias=False)
    for entry in trace(model, normal(4, 2)).layers:
        assert relative_distance(entry.edges.sum(1), entry.sums) <= 1e-14


def test_the_model_stores_nothing():
    model = network([2, (2, 1), 1])
    names = {name: set(module.__dict__) for name, module in model.named_modules()}
    state = copy.deepcopy(model.state_dict())
    trace(model, normal(5, 2))
    assert {name: set(module.__dict__) for name, module in model.named_modules()} == names
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert not any(hooks for module in model.modules() for hooks in (module._forward_hooks, module._forward_pre_hooks))


def test_gradients_pass_through_a_trace():
    model = network([2, (1, 1), 1])
    x = normal(4, 2).requires_grad_()
    (through,) = torch.autograd.grad(trace(model, x).outputs.sum(), x)
    (direct,) = torch.autograd.grad(model(x).sum(), x)
    assert relative_distance(through, direct) <= 1e-12
    trace(model, x).layers[0].edges.abs().sum().backward()  # what a sparsity penalty needs
    assert model.kan_layers[0].coefficients.grad.abs().max() > 0


def test_an_empty_batch_leaves_an_empty_record():
    record = trace(network([2, (1, 1), 1]), normal(0, 2))
    assert record.outputs.shape == (0, 1)
    assert record.layers[0].edges.shape == (0, 2, 3)


def test_arrays_frames_and_other_dtypes_are_taken_as_they_are():
    model, x = network([2, 3, 1]), normal(5, 2)
    frame = pd.DataFrame(x.numpy(), columns=["x1", "x2"])
    for given in (x.numpy(), x.tolist(), frame, frame[["x2", "x1"]]):
        assert torch.equal(trace(model, given).outputs, trace(model, x).outputs)
    single = x.float().requires_grad_()
    trace(model, single).outputs.sum().backward()
    assert torch.equal(trace(model, single).outputs, trace(model, single.double()).outputs)
    assert single.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("x", "error", "told"),
    [
        (normal(5, 1), ShapeError, ["(rows, 2)", "(5, 1)"]),  # would broadcast to two columns
        (normal(5, 3), ShapeError, ["(rows, 2)", "(5, 3)"]),
        (normal(2), ShapeError, ["(rows, 2)", "(2,)"]),
        (normal(3, 4, 2), ShapeError, ["(rows, 2)", "(3, 4, 2)"]),
        (normal(5, 2) * 1j, DataError, ["numbers", "complex"]),
        ([["a", "b"]], DataError, ["numbers", "(rows, 2)"]),
    ],
)
def test_a_wrong_input_is_refused_with_what_came_and_the_way_out(x, error, told):
    with raising(error, told):
        trace(network([2, 3, 1]), x)
