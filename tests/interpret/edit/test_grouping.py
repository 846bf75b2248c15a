"""A node for a group of inputs: exact where one sum is all they act through, and a measured change elsewhere."""

import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.interpret.edit import fix, group_inputs, remove_edge
from splinework.nn.network import KAN
from tests.contracts.cases import normal
from tests.families import raising
from tests.interpret.edit.cases import distance, every_family, same_state, state_of
from tests.interpret.edit.test_removal import deviation
from tests.nn.test_network import network


def proportional(**options) -> KAN:
    """A network whose first two inputs act through one sum: what they give to each sum is a multiple of it."""
    model = network([3, 4, 1], **options)
    model.input_scaling.set(torch.tensor([0.1, -0.2, 0.3]), torch.tensor([1.5, 0.7, 1.0]))
    with torch.no_grad():
        first = model.kan_layers[0]
        values = first.edge_coefficients()
        values[:2] = values[:2, :, :1] * torch.tensor([1.0, -0.5, 2.0, 0.3])
        first.set_edge_coefficients(values)
    return model


@every_family
def test_a_group_that_acts_through_one_sum_gets_its_node_and_the_function_stays(basis, grid_kind):
    model, x = proportional(basis=basis, grid_kind=grid_kind), normal(300, 3)
    state = state_of(model)
    grouped, changed = group_inputs(model, x, ["x1", 1])
    exact = basis == "bspline" and grid_kind != "normalised"  # others have no straight lines
    assert changed <= (1e-9 if exact else 0.1)
    if exact:
        assert distance(grouped(x), model(x)) <= 1e-8
    assert grouped.config.shape == [3, 2, 4, 1]
    assert grouped.kan_layers[0].alive.tolist() == [[False, True], [False, True], [True, False]]
    assert same_state(model, state)
    assert changed == pytest.approx(deviation(model, grouped, x), rel=1e-9, abs=1e-15)


def test_only_the_group_passes_through_its_node():
    model, x = network([4, 3, 1]), normal(100, 4)
    grouped, changed = group_inputs(model, x, [0, 2])
    assert 1e-6 < changed < 2
    moved = x.clone()
    moved[:, [1, 3]] += 0.5
    before, after = (sw.trace(grouped, rows).layers[0].nodes for rows in (x, moved))
    assert torch.equal(before[:, 2], after[:, 2])
    assert not torch.equal(before[:, :2], after[:, :2])
    result = sw.fit(grouped, x, model(x).detach(), steps=30, validation=None)
    assert deviation(model, result.model, x) < changed


def test_all_inputs_may_be_one_group_of_a_sum_of_curves():
    model, x = network([3, 1]), normal(100, 3)
    grouped, changed = group_inputs(model, x, [0, 1, 2])
    assert grouped.config.shape == [3, 1, 1]
    assert changed <= 1e-9


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (["x1"], ["two or more"]),
        (["x1", 0], ["two or more"]),
        ("x1", ["two or more", "'x1'"]),
        (["x1", "mass"], ["no input 'mass'", "x1"]),
        ([0, 7], ["no input 7", "nearest is 2"]),
    ],
)
def test_a_wrong_group_is_refused(inputs, words):
    with raising(ConfigError, words):
        group_inputs(network([3, 2, 1]), normal(20, 3), inputs)


def test_functions_stay_outside_a_group():
    model, x = network([3, 2, 1]), normal(50, 3)
    other = fix(model, (0, 2, 0), "sin(u)", numbers=(1, 0, 1, 0))
    kept = group_inputs(other, x, [0, 1]).model
    assert kept.kan_layers[1].functions.edges()[0].family.name == "sin(u)"
    with pytest.raises(ConfigError, match="splines on the edges of the group"):
        group_inputs(other, x, [1, 2])
    assert remove_edge(kept, x, (0, 2, 0)).change > 0
