"""Edits of networks in frames: the same edit inside, the frame around it, changes measured at the answers."""

import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.nn.frame import Frame, FramedKAN
from tests.contracts.cases import relative_distance

X = 2 * torch.rand(60, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 1


def framed(*features, answer="x1*x1 + z1*(2 - x1)", hidden=((0, 1),)):
    """A network of the features, in a frame with an answer."""
    inputs = len(features) or 3
    generator = torch.Generator().manual_seed(0)
    names = [*features] or ["x1", "x2", "x3"]
    network = sw.KAN([inputs, 3, *hidden[1:], 1], names=names, dtype=torch.float64, generator=generator)
    for layer in network.kan_layers:
        size = layer.edge_coefficients().shape
        layer.set_edge_coefficients(0.4 * torch.randn(size, generator=generator, dtype=torch.float64))
    return FramedKAN(network, Frame(("x1", "x2", "x3"), features, ("y",), (answer,)))


MODELS = {"features": lambda: framed("x1", "x2*x3", "x3"), "none": framed}
EXACT = {
    "widen": lambda m: sw.edit.widen(m, 1),
    "deepen": lambda m: sw.edit.deepen(m, 1),
    "split": lambda m: sw.edit.split(m, (1, 0)),
    "permute": lambda m: sw.edit.permute(m, 1, [2, 0, 1]),
    "swap": lambda m: sw.edit.swap(m, 1, 0, 2),
    "auto_swap": lambda m: sw.edit.auto_swap(m, X),
    "to_product": lambda m: sw.edit.to_product(m, (1, 1)),
    "refine": lambda m: sw.refine(m, 10),
    "elevate": lambda m: sw.edit.elevate(m, 4),
    "freeze": lambda m: sw.freeze(m, (0, 0, 0)),
}
CHANGING = {
    "remove_edge": lambda m, x: sw.edit.remove_edge(m, x, (0, 1, 0)),
    "remove_node": lambda m, x: sw.edit.remove_node(m, x, (1, 0)),
    "remove_input": lambda m, x: sw.edit.remove_input(m, x, 1),
    "merge": lambda m, x: sw.edit.merge(m, x, (1, 0), (1, 2)),
    "coarsen": lambda m, x: sw.edit.coarsen(m, 3, x=x),
    "group_inputs": lambda m, x: sw.edit.group_inputs(m, x, [0, 1]),
}


@pytest.mark.parametrize("edit", EXACT)
@pytest.mark.parametrize("name", MODELS)
def test_what_keeps_the_function_of_a_network_keeps_that_of_its_frame(name, edit):
    model = MODELS[name]()
    found = EXACT[edit](model)
    assert isinstance(found, FramedKAN)
    assert found.frame == model.frame
    assert relative_distance(found(X), model(X)) < 1e-10


@pytest.mark.parametrize("edit", CHANGING)
@pytest.mark.parametrize("name", MODELS)
def test_a_change_is_that_of_the_answers(name, edit):
    model = MODELS[name]()
    found, changed = CHANGING[edit](model, X)
    inside, _ = CHANGING[edit](model.network, model.inside(X))
    assert isinstance(found, FramedKAN)
    left = X[:, [model.input_names.index(name) for name in found.input_names]]
    difference = (found(left) - model(X)).detach().square().mean().sqrt() / model(X).detach().std(unbiased=False)
    assert changed == pytest.approx(float(difference), rel=1e-9)
    x = model.inside(X)[:, [model.network.config.input_names.index(n) for n in inside.config.input_names]]
    assert torch.equal(found.network(x), inside(x))


@pytest.mark.parametrize(
    ("features", "answer", "gone", "left"),
    [
        ((), "z1", "x2", ("x1", "x3")),  # nothing else uses the column
        ((), "z1*x2", "x2", ("x1", "x2", "x3")),  # the answer does
        (("x1", "x2*x3", "x3"), "z1", "x2*x3", ("x1", "x3")),
        (("x1", "x2*x3", "x3"), "z1", "x3", ("x1", "x2", "x3")),  # another feature does
    ],
)
def test_a_column_goes_with_the_last_use_of_it(features, answer, gone, left):
    model = framed(*features, answer=answer)
    found, changed = sw.edit.remove_input(model, X, gone)
    assert found.input_names == left
    assert changed > 0
    assert found.network.inputs == 2


def test_pruned_inputs_leave_the_frame():
    model = framed()
    blind = sw.edit.remove_edge(model, X, (0, 1, 0)).model
    for sum_ in (1, 2):
        blind = sw.edit.remove_edge(blind, X, (0, 1, sum_)).model
    assert sw.prune(blind, X, edges=0, nodes=0, inputs=0, drop_inputs=True).input_names == ("x1", "x3")


def test_points_that_are_met_by_construction_are_met_after_an_edit_or_the_edit_is_refused():
    model = sw.fit(
        sw.KAN([2, 2, 1]), X[:, :2], X[:, :1], axioms=["through(((0.25, 0.5),), ((3.0,),))"], steps=3, validation=None
    ).model
    point = torch.tensor([[0.25, 0.5]], dtype=next(model.parameters()).dtype)
    for found in (sw.prune(model, X[:, :2], edges=0.2), sw.refine(model, 9)):
        assert isinstance(found, FramedKAN)
        assert float(found(point).detach()) == pytest.approx(3.0, abs=1e-9)
    with pytest.raises(ConfigError, match="meets by construction"):
        sw.edit.remove_edge(model, X[:, :2], (0, 0, 0))


def test_an_edge_of_a_framed_network_is_fixed_and_freed():
    model = framed("x1", "x2*x3", "x3")
    fixed = sw.fix(model, (0, 1, 0), "sin", x=X)
    assert isinstance(fixed, FramedKAN)
    assert fixed.network.kan_layers[0].functions is not None
    again = sw.free(fixed, (0, 1, 0), x=X)
    assert again.network.kan_layers[0].functions is None
    assert sw.edit.change(fixed, again, X) < 1e-2
    with pytest.raises(ConfigError, match="nonsense"):
        sw.fix(model, (0, 1, 0), "nonsense", x=X)
