"""Nodes that add and nodes that multiply, and the shapes that name them."""

import ast
import math

import pytest
import torch

from splinework.errors import ConfigError
from splinework.nn.nodes import Nodes, nodes_of, shape_of
from tests.contracts.cases import normal, relative_distance
from tests.families import every

CASES = (Nodes(3), Nodes(0, (2,)), Nodes(2, (2, 2)), Nodes(1, (3, 2, 5)), Nodes(0, (4, 4)), Nodes(4, (5,)))
every_nodes = pytest.mark.parametrize("nodes", CASES, ids=str)


@every_nodes
def test_nodes_equal_sums_and_products_by_hand(nodes):
    sums = normal(3, 4, nodes.fan_in)
    combined = nodes.combine(sums)
    assert combined.shape == (3, 4, nodes.width)
    for b in range(3):
        for d in range(4):
            row = sums[b, d].tolist()
            by_hand, start = row[: nodes.sums], nodes.sums
            for arity in nodes.products:
                by_hand.append(math.prod(row[start : start + arity]))
                start += arity
            assert relative_distance(combined[b, d], torch.tensor(by_hand, dtype=torch.float64)) <= 1e-14


@every_nodes
def test_groups_part_the_sums_in_order(nodes):
    assert [j for group in nodes.groups for j in group] == list(range(nodes.fan_in))
    assert [len(group) for group in nodes.groups] == [1] * nodes.sums + list(nodes.products)
    assert len(nodes.groups) == nodes.width


@every_nodes
def test_pull_back_is_the_gradient_by_autograd_also_where_factors_are_zero(nodes):
    sums = normal(6, nodes.fan_in)
    sums[0] = 0.0
    sums[1, -1] = 0.0
    sums.requires_grad_()
    gradient = normal(6, nodes.width, seed=1)
    (truth,) = torch.autograd.grad(nodes.combine(sums), sums, gradient)
    assert relative_distance(nodes.pull_back(sums.detach(), gradient), truth) <= 1e-14


@pytest.mark.parametrize("nodes", [n for n in CASES if n.products], ids=str)
def test_products_have_right_second_gradients(nodes):
    sums = normal(2, nodes.fan_in).requires_grad_()
    assert torch.autograd.gradgradcheck(nodes.combine, (sums,))


@every_nodes
def test_nodes_come_back_from_plain_values_and_from_their_name(nodes):
    assert nodes_of(nodes.to_list()) == nodes
    assert nodes_of(ast.literal_eval(str(nodes))) == nodes


@pytest.mark.parametrize(
    ("entry", "nodes"),
    [
        (5, Nodes(5)),
        ((3, 2), Nodes(3, (2, 2))),
        ((3, 0), Nodes(3)),
        ([0, 1], Nodes(0, (2,))),
        ((3, [2, 4]), Nodes(3, (2, 4))),
        ((3, ()), Nodes(3)),
        (Nodes(2, (3,)), Nodes(2, (3,))),
    ],
)
def test_an_entry_of_a_shape_means_what_the_docstring_says(entry, nodes):
    assert nodes_of(entry) == nodes


def test_a_shape_is_its_entries():
    assert shape_of([2, (3, 2), 1]) == (Nodes(2), Nodes(3, (2, 2)), Nodes(1))
    assert shape_of((1, 1)) == (Nodes(1), Nodes(1))


@every("entry", ["5", 2.5, None, True, (3,), (3, 2, 1), (3, -1), (2.5, 1), (3, "2"), (3, [2, 0.5]), {}])
def test_a_wrong_entry_is_refused_with_what_came_and_examples(entry):
    with pytest.raises(ConfigError) as caught:
        nodes_of(entry)
    assert repr(entry) in str(caught.value)
    assert "(3, 2)" in str(caught.value)


@pytest.mark.parametrize("entry", [0, -2, (0, 0), (-1, 3), (2, [1]), (2, [2, -3])])
def test_a_layer_without_nodes_or_a_product_of_one_is_refused(entry):
    with pytest.raises(ConfigError, match=r"at least one node.*arity of 2 or more"):
        nodes_of(entry)


@pytest.mark.parametrize("shape", [[], [3], "25", 7, None])
def test_a_shape_of_fewer_than_two_layers_is_refused(shape):
    with pytest.raises(ConfigError, match=r"at least two layers"):
        shape_of(shape)


def test_inputs_cannot_be_products():
    with pytest.raises(ConfigError, match=r"inputs are plain numbers.*\(2, 1\)"):
        shape_of([(2, 1), 1])
