"""Fused or not, a network remains a torch module: hooks, parametrisations, copies, pruning."""

import copy
import io
import pickle
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from splinework import kernels
from splinework.nn.network import KAN
from tests.contracts.cases import normal, relative_distance
from tests.kernels.cases import ALGORITHMS, VARIANTS, needs_native, problem, sums_and_gradients
from tests.nn.test_network import network

pytestmark = [needs_native, pytest.mark.usefixtures("native_kernels")]


def by_layers(model: KAN, x: Tensor) -> Tensor:
    """The network, a layer at a time, by the reference."""
    before = kernels.use("reference")
    try:
        u = model.input_scaling(x)
        for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
            u = nodes.combine(layer(u))
        return model.output_scaling.inverse(u)
    finally:
        kernels.use(before)


# ------------------------------------------------------------------------------------------------------- hooks


def test_hooks_of_a_layer_fire_and_may_change_what_it_gives():
    model, x = network([2, 3, 1]), normal(5, 2)
    truth, seen = model(x), []
    first, second = model.kan_layers
    handle = first.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0], output)))
    assert relative_distance(model(x), truth) <= 1e-13
    assert len(seen) == 1
    assert relative_distance(second(seen[0][1]), truth) <= 1e-13
    handle.remove()
    handle = second.register_forward_pre_hook(lambda module, inputs: (2 * inputs[0],))
    assert relative_distance(model(x), second.forward(2 * seen[0][1])) <= 1e-13
    handle.remove()
    assert torch.equal(model(x), truth)


def test_hooks_of_the_backward_pass_fire():
    model, seen = network([2, 3, 1]), []
    handle = model.layers[1].register_full_backward_hook(
        lambda module, by_inputs, by_outputs: seen.append(by_inputs[0])
    )
    x = normal(5, 2).requires_grad_()
    found = torch.autograd.grad(model(x).sum(), x)
    assert len(seen) == 1
    assert seen[0].shape == (5, 3)
    handle.remove()
    assert relative_distance(found[0], torch.autograd.grad(model(x).sum(), x)[0]) <= 1e-12
    assert len(seen) == 1


@pytest.mark.parametrize("pre", [True, False])
def test_global_hooks_fire_for_every_layer(pre):
    model, x, seen = network([2, 3, 1]), normal(5, 2), []
    register = (
        nn.modules.module.register_module_forward_pre_hook if pre else nn.modules.module.register_module_forward_hook
    )
    handle = register(lambda module, *_: seen.append(module))
    try:
        model(x)
    finally:
        handle.remove()
    assert [m for m in seen if m in list(model.layers)] == list(model.layers)


def test_hooks_of_parameters_and_accumulated_gradients():
    model, x, seen = network([2, 3, 1]), normal(5, 2), []
    for parameter in model.parameters():
        parameter.register_hook(seen.append)
        parameter.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad))
    model(x).sum().backward()
    assert len(seen) == 2 * len(list(model.parameters()))
    once = [p.grad.clone() for p in model.parameters()]
    model(x).sum().backward()
    assert all(torch.allclose(p.grad, 2 * g) for p, g in zip(model.parameters(), once, strict=True))


class Doubled(nn.Module):
    """A parametrisation."""

    def forward(self, t: Tensor) -> Tensor:
        return 2 * t


PARAMETERS = ("coefficients", "spline_weight", "base_weight", "bias")


@pytest.mark.parametrize("name", PARAMETERS)
def test_parametrised_layers_work_with_what_the_parametrisation_gives(name):
    model, x = network([2, 3, 1]), normal(5, 2)
    changed = copy.deepcopy(model)
    with torch.no_grad():
        getattr(changed.layers[0], name).mul_(2.0)
    nn.utils.parametrize.register_parametrization(model.layers[0], name, Doubled())
    assert relative_distance(model(x), changed(x)) <= 1e-13
    model(x).sum().backward()
    changed(x).sum().backward()
    original = getattr(model.layers[0].parametrizations, name).original
    assert relative_distance(original.grad, 2 * getattr(changed.layers[0], name).grad) <= 1e-12
    for create_graph in (False, True):
        found = torch.autograd.grad(model(x).sum(), original, create_graph=create_graph)[0]
        assert relative_distance(found, original.grad) <= 1e-12


def test_a_subclass_of_a_layer_is_asked():
    model, x = network([2, 3, 1]), normal(5, 2)
    layer = model.layers[0]

    class Louder(type(layer)):
        def forward(self, x: Tensor) -> Tensor:
            return 3 * super().forward(x)

    truth = model.layers[1](3 * layer(x))
    layer.__class__ = Louder
    assert relative_distance(model(x), truth) <= 1e-13


# ------------------------------------------------------------------------------------------------ copies, memory


def test_copies_and_files_hold_the_same_network():
    model, x = network([2, 3, 1]), normal(5, 2)
    y = model(x)
    y.sum().backward()  # nothing of a pass remains in the module
    room = io.BytesIO()
    torch.save(model.state_dict(), room)
    room.seek(0)
    loaded = network([2, 3, 1], seed=9)
    loaded.load_state_dict(torch.load(room, weights_only=True))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), loaded):
        assert torch.equal(other(x), y)


def test_numbers_that_change_in_place_are_seen_by_the_next_call():
    model, x = network([2, 3, 1]), normal(5, 2)
    model(x)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
        model.layers[0].mask[0, 1] = 0.0
    assert relative_distance(model(x), by_layers(model, x)) <= 1e-12
    model.layers[1].coefficients.data = torch.randn_like(model.layers[1].coefficients)
    assert relative_distance(model(x), by_layers(model, x)) <= 1e-12


def test_what_changes_between_forward_and_backward_is_an_error_or_unseen():
    """A mask or a grid written to in between must not give gradients of neither network."""
    for name in ("mask", "grid"):
        model, x = network([2, 3, 1]), normal(5, 2)
        parameters = list(model.parameters())
        truth = torch.autograd.grad(model(x).sum(), parameters)
        y = model(x).sum()
        with torch.no_grad():
            getattr(model.layers[0], name).mul_(0.5)
        try:
            found = torch.autograd.grad(y, parameters)
        except RuntimeError as error:
            assert "inplace" in str(error)  # noqa: PT017  # either answer will do
            continue
        assert all(map(torch.equal, found, truth)), name


def test_recomputation_and_moved_tensors_give_the_same_gradients():
    model, x = network([2, 3, 1]), normal(5, 2).requires_grad_()
    leaves = [x, *model.parameters()]
    truth = torch.autograd.grad(model(x).sum(), leaves)
    y = torch.utils.checkpoint.checkpoint(model, x, use_reentrant=False)
    assert all(map(torch.equal, torch.autograd.grad(y.sum(), leaves), truth))
    with torch.autograd.graph.save_on_cpu():
        y = model(x)
    assert all(map(torch.equal, torch.autograd.grad(y.sum(), leaves), truth))
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = model(x)
    assert all(map(torch.equal, torch.autograd.grad(y.sum(), leaves), truth))


def test_inference_mode_and_no_grad_and_frozen_parameters():
    model, x = network([2, 3, 1]), normal(5, 2)
    y = model(x)
    with torch.inference_mode():
        assert torch.equal(model(x), y)
    with torch.no_grad():
        assert not model(x).requires_grad
    model.requires_grad_(False)
    assert not model(x).requires_grad
    with torch.inference_mode():
        inside = normal(5, 2)
    assert torch.equal(model(inside), y)


# ------------------------------------------------------------------------------------------------------ pruning


@pytest.mark.parametrize("algorithm", ALGORITHMS[1:])  # `best` may be another algorithm for the smaller layer
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_dead_rows_and_columns_leave_exactly_the_smaller_layer(force, dtype, variant, algorithm):
    force(algorithm=algorithm, variant=variant)
    p = problem(size=(40, 5, 7), dtype=dtype, knots="adapted")
    rows, columns = torch.tensor([0, 2, 3]), torch.tensor([0, 1, 4, 5, 6])
    mask = torch.zeros(5, 7, dtype=dtype)
    mask[rows[:, None], columns] = 1.0
    big = replace(p, edges=replace(p.edges, mask=mask))
    e = p.edges
    small_edges = replace(
        e,
        coefficients=e.coefficients[rows][:, :, columns],
        spline_weight=e.spline_weight[rows[:, None], columns],
        base_weight=e.base_weight[rows[:, None], columns],
        bias=e.bias[columns],
    )
    grid = p.table.grid[rows]
    table = replace(p.table, grid=grid, prepared=p.table.basis.prepare(grid))
    small = replace(p, table=table, x=p.x[:, rows], edges=small_edges, g=p.g[:, columns])
    whole, part = sums_and_gradients("native", big), sums_and_gradients("native", small)
    assert torch.equal(whole["y"][:, columns], part["y"])
    assert torch.equal(whole["coefficients"][rows][:, :, columns], part["coefficients"])
    assert torch.equal(whole["spline_weight"][rows[:, None], columns], part["spline_weight"])
    assert torch.equal(whole["base_weight"][rows[:, None], columns], part["base_weight"])
    assert torch.equal(whole["y"][:, 2:4], e.bias[2:4].expand(40, 2))
    assert not whole["x"][:, [1, 4]].any()
    scale = part["x"].abs().max()
    assert (whole["x"][:, rows] - part["x"]).abs().max() <= 4 * torch.finfo(dtype).eps * scale
    dead = mask == 0
    assert not whole["coefficients"].movedim(1, 2)[dead].any()


@pytest.mark.parametrize("algorithm", ALGORITHMS[1:])
def test_a_network_without_a_node_is_the_smaller_network(force, algorithm):
    force(algorithm=algorithm)
    model, x = network([3, 4, 2]), normal(30, 3)
    with torch.no_grad():
        model.layers[0].mask[1] = 0.0
        model.layers[0].mask[:, 2] = 0.0
        model.layers[1].mask[2] = 0.0
    small = network([2, 3, 2])
    inputs, nodes = [0, 2], [0, 1, 3]
    with torch.no_grad():
        for layer, own, i, j in zip(small.layers, model.layers, (inputs, nodes), (nodes, [0, 1]), strict=True):
            layer.coefficients.copy_(own.coefficients[i][:, :, j])
            layer.spline_weight.copy_(own.spline_weight[i][:, j])
            layer.base_weight.copy_(own.base_weight[i][:, j])
            layer.bias.copy_(own.bias[j])
    assert torch.equal(model(x), small(x[:, inputs]))
    x[:, 1] = torch.nan  # nobody looks at it any more
    assert torch.equal(model(x), small(x[:, inputs]))
