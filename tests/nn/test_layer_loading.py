"""What loaders of other libraries do: tensors are put into a module one by one, or stand in for its own during a call."""

import pytest
import torch

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from tests.contracts.cases import name_of, normal, relative_distance
from tests.nn.test_layer import DOUBLE, FAMILIES, layer_of, move_grid

every_family = pytest.mark.parametrize(("basis", "grid_kind"), FAMILIES, ids=name_of)


def moved(basis, grid_kind) -> KANLayer:
    layer = layer_of(basis=basis, grid_kind=grid_kind)
    move_grid(layer)
    return layer


def filled(layer: KANLayer) -> KANLayer:
    """A layer built without numbers, whose tensors are then set one at a time, those that are not saved to nonsense."""
    with torch.device("meta"):
        shell = KANLayer(3, 2, basis=layer.basis, grid_kind=layer.grid_kind, **DOUBLE)
    state = layer.state_dict()
    for name, tensor in [*shell.named_parameters(), *shell.named_buffers()]:
        given = state.get(name, torch.full_like(tensor, torch.nan, device="cpu"))
        setattr(shell, name, torch.nn.Parameter(given) if name in shell._parameters else given)
    return shell


@every_family
def test_tensors_set_one_by_one_make_the_layer_they_came_from(basis, grid_kind):
    layer, x = moved(basis, grid_kind), 3 * normal(20, 3)
    assert torch.equal(filled(layer)(x), layer(x))
    first = filled(layer)
    with torch.inference_mode():
        assert torch.equal(first(x), layer(x))
    first(x).sum().backward()  # and it trains
    assert torch.equal(torch.func.vmap(filled(layer))(x[None])[0], layer(x))


@every_family
def test_a_grid_put_in_place_is_the_one_in_use(basis, grid_kind):
    source, target, x = moved(basis, grid_kind), layer_of(basis=basis, grid_kind=grid_kind), 3 * normal(20, 3)
    own = target(x)
    for name, tensor in source.state_dict().items():
        (target._parameters if name in target._parameters else target._buffers)[name] = tensor
    assert relative_distance(own, source(x)) > 1e-3
    assert relative_distance(target(x), source(x)) <= 1e-13


@every_family
def test_a_grid_that_stands_in_for_a_call_is_used_in_that_call_alone(basis, grid_kind):
    source, layer, x = moved(basis, grid_kind), layer_of(basis=basis, grid_kind=grid_kind), 3 * normal(20, 3)
    before = layer(x)
    assert relative_distance(torch.func.functional_call(layer, source.state_dict(), (x,)), source(x)) <= 1e-13
    assert torch.equal(layer(x), before)
    both = {name: torch.stack([value, source.state_dict()[name]]) for name, value in layer.state_dict().items()}
    found = torch.func.vmap(lambda state: torch.func.functional_call(layer, state, (x,)))(both)
    assert relative_distance(found, torch.stack([before, source(x)])) <= 1e-13
    assert torch.equal(layer(x), before)


def test_a_compiler_that_comes_first_sees_the_loaded_grid():
    layer, x = moved(*FAMILIES[0]), 3 * normal(20, 3)
    torch.compiler.reset()
    assert relative_distance(torch.compile(filled(layer), fullgraph=True, backend="aot_eager")(x), layer(x)) <= 1e-13
    exported = torch.export.export(filled(layer), (x,))
    assert relative_distance(exported.module()(x), layer(x)) <= 1e-13
    torch.compiler.reset()


def test_without_numbers_nothing_is_worked_out_and_shapes_are_right():
    with torch.device("meta"):
        model = KAN([3, 4, 2])
    assert not any("prepared" in name for name, _ in model.named_buffers())
    assert model(torch.zeros(5, 3, device="meta")).shape == (5, 2)
    source = KAN([3, 4, 2], **DOUBLE)
    model.to_empty(device="cpu").double().load_state_dict(source.state_dict())
    assert torch.equal(model(normal(5, 3)), source(normal(5, 3)))
