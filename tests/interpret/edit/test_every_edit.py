"""What holds for every verb that makes a model from a model."""

import os
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest
import torch
from torch import Tensor

from splinework.interpret.edit import (
    adapt,
    deepen,
    merge,
    prune,
    refine,
    remove_node,
    split,
    widen,
    without_edges,
)  # fmt: skip
from splinework.interpret.scores import attribution
from splinework.nn.checkpoint import load, save
from splinework.nn.network import KAN
from splinework.nn.trace import trace
from tests.contracts.cases import normal, relative_distance
from tests.interpret.edit.cases import every_family, inside, masked, same_state, state_of, storages


def halved(model: KAN, x: object) -> KAN:
    """Every other edge goes."""
    keep = [torch.arange(layer.mask.numel()).reshape(layer.mask.shape) % 2 == 1 for layer in model.kan_layers]
    return without_edges(model, x, keep)


EDITS: dict[str, Callable[..., KAN]] = {
    "adapt": adapt,
    "refine, nested": lambda model, x: refine(model, 10, x=x),
    "refine": lambda model, x: refine(model, 11, x=x),
    "prune": lambda model, x: prune(model, x, edges=0.2, nodes=0.2, inputs=0.2),
    "without_edges": halved,
    "remove_node": lambda model, x: remove_node(model, x, "h1.2").model,
    "grown": lambda model, x: deepen(widen(split(model, "h2.1"), 1), 3),
    "merge": lambda model, x: merge(model, x, "h1.1", "h1.3").model,
}
every_edit = pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
SHAPE = [2, 4, (1, 2), 2]


@every_edit
@every_family
def test_the_source_is_bit_equal_and_shares_no_number_with_the_new_model(edit, basis, grid_kind):
    model, x = masked(SHAPE, basis=basis, grid_kind=grid_kind), 2 * inside()
    state, data, output = state_of(model), x.clone(), model(x)
    new = edit(model, x)
    assert same_state(model, state)
    assert torch.equal(x, data)
    assert torch.equal(model(x), output)
    assert new is not model
    assert not storages(new) & storages(model)
    assert x.untyped_storage().data_ptr() not in storages(new)
    with torch.no_grad():
        for parameter in new.parameters():
            parameter.add_(1.0)
    assert torch.equal(model(x), output)


@every_edit
@every_family
def test_the_config_is_the_same_but_for_what_the_edit_names(edit, basis, grid_kind):
    options = {
        "basis": basis, "grid_kind": grid_kind, "base": "tanh", "domain": (-2.0, 1.5), "grid_eps": 0.3, "init": "power",
        "names": ["mass", "speed"], "output_names": ["a", "b"], "input_scales": ["linear", "linear"],
        "output_scales": ["linear", "log"], "extrapolation": "constant",
    }  # fmt: skip
    model, x = masked(SHAPE, **options), inside()
    new = edit(model, x)
    named = {"nodes": model.config.nodes, "bases": model.config.bases, "functions": ()}
    assert replace(new.config, **named) == model.config
    assert new.config.nodes[0] == model.config.nodes[0]
    assert new.config.nodes[-1] == model.config.nodes[-1]
    if edit in (EDITS["adapt"], EDITS["refine"], EDITS["refine, nested"]):
        assert new.config.nodes == model.config.nodes
    if edit not in (EDITS["refine"], EDITS["refine, nested"], EDITS["grown"]):
        assert new.config.bases == model.config.bases
    for key in ("shift", "scale"):
        assert torch.equal(getattr(new.input_scaling, key), getattr(model.input_scaling, key))
        assert torch.equal(getattr(new.output_scaling, key), getattr(model.output_scaling, key))
    assert KAN(new.config).config == new.config
    if edit is not EDITS["grown"]:
        assert [name for name, _ in new.named_parameters()] == [name for name, _ in model.named_parameters()]
    assert all(p.requires_grad and p.is_leaf and p.grad is None for p in new.parameters())


@every_edit
@every_family
def test_the_new_model_can_be_saved_trained_and_edited_again(edit, basis, grid_kind, tmp_path):
    model, x = masked(SHAPE, basis=basis, grid_kind=grid_kind), inside(60)
    new = edit(model, x)
    save(new, tmp_path / "model.safetensors")
    assert torch.equal(load(tmp_path / "model.safetensors")(x), new(x))
    new(x).square().sum().backward()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in new.parameters())
    assert sum(parameter.grad is not None for parameter in new.parameters()) >= 6
    again = EDITS["refine"](EDITS["adapt"](EDITS["prune"](new, x), x), x)
    assert again(x).isfinite().all()


@every_edit
def test_tensors_arrays_frames_and_lists_are_one(edit):
    model, x = masked(SHAPE), inside(50)
    truth = edit(model, x)(x)
    frame = pd.DataFrame(x.numpy(), columns=["x1", "x2"])
    frame["more"] = "text"
    for given in (x.numpy(), frame[["more", "x2", "x1"]], x.tolist(), x.clone().requires_grad_()):
        assert torch.equal(edit(model, given)(x), truth)
    assert relative_distance(edit(model, x.float())(x), truth) <= 1e-5
    single = edit(model.float(), x.numpy())
    assert {p.dtype for p in single.parameters()} == {torch.float32}


@every_edit
def test_nothing_global_is_touched(edit, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    model, x = masked(SHAPE), inside(50)
    random, threads, kind = torch.get_rng_state(), torch.get_num_threads(), torch.get_default_dtype()
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            edit(model, x)
            assert torch.is_grad_enabled() is grad
    assert torch.equal(torch.get_rng_state(), random)
    assert (torch.get_num_threads(), torch.get_default_dtype()) == (threads, kind)
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr() == ("", "")


@every_edit
def test_the_order_of_the_rows_does_not_matter(edit):
    model, x = masked(SHAPE), inside(80)
    assert relative_distance(edit(model, x.flip(0))(x), edit(model, x)(x)) <= 1e-9


def test_readers_take_the_same_data_as_verbs():
    model, x = masked(SHAPE), inside(50)
    frame = pd.DataFrame(x.numpy(), columns=["x1", "x2"])[["x2", "x1"]]
    for given in (x.numpy(), frame, x.tolist()):
        assert torch.equal(trace(model, given).outputs, trace(model, x).outputs)
        assert torch.equal(attribution(model, given).edges[0], attribution(model, x).edges[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_edit
def test_gradients_do_not_flow_through_an_edit(edit, dtype):
    model, x = masked(SHAPE).to(dtype), inside(50).to(dtype).requires_grad_()
    new: KAN = edit(model, x)
    loss: Tensor = new(normal(5, 2).to(dtype)).sum()
    loss.backward()
    assert x.grad is None
    assert all(parameter.grad is None for parameter in model.parameters())
