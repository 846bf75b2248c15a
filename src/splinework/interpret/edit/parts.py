"""A network made of the parts of another one: nodes kept, left out, repeated, in another order, or new."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from splinework.nn.config import KANConfig
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.nn.precision import keep_unset

Origin = Sequence[int | None]
"""For every node of a layer, the node of the old network that it comes from; None for a new one."""


@torch.no_grad()
def rearranged(
    model: KAN,
    origins: Sequence[Origin],
    *,
    nodes: Sequence[Nodes] | None = None,
    sums: dict[int, Origin] | None = None,
    seed: int = 0,
) -> KAN:
    """The network of the nodes that `origins` lists for every layer, with the edges that they have in the old one.

    Args:
        model: The network; unchanged.
        origins: The nodes of every layer, inputs first, sum nodes before products.
        nodes: The nodes of every layer, where some are new or of another kind; None takes them from `origins`.
        sums: Layer of nodes → the old sum of each of its sums, where that does not follow from the nodes.
        seed: Seed of the random numbers of new edges.
    """
    config = model.config
    shapes = tuple(nodes or (_shape(old, origin) for old, origin in zip(config.nodes, origins, strict=True)))
    inputs, outputs = (_known(origins[at]) for at in (0, -1))
    config = replace(
        config,
        nodes=shapes,
        functions=(),  # which come with the edges
        input_names=tuple(config.input_names[i] for i in inputs),
        input_scales=tuple(config.input_scales[i] for i in inputs),
        output_names=tuple(config.output_names[j] for j in outputs),
        output_scales=tuple(config.output_scales[j] for j in outputs),
    )
    made = empty_like(model, config, seed)
    for new, old, kept in (
        (made.input_scaling, model.input_scaling, inputs),
        (made.output_scaling, model.output_scaling, outputs),
    ):
        new.load_state_dict({name: value[kept] for name, value in old.state_dict().items()})
    for at, (old_layer, new_layer) in enumerate(zip(model.kan_layers, made.kan_layers, strict=True)):
        given = (sums or {}).get(at + 1)
        columns = given or _sums(model.config.nodes[at + 1], shapes[at + 1], origins[at + 1])
        copy_edges(old_layer, new_layer, origins[at], columns)
    return made


def empty_like(model: KAN, config: KANConfig, seed: int = 0) -> KAN:
    """A network of another configuration in the dtype, the mode and on the device of the model."""
    own = model.kan_layers[0].coefficients
    generator = torch.Generator().manual_seed(seed)  # leaves the global one unchanged
    made = KAN(config, generator=generator, dtype=own.dtype).to(own.device)
    return keep_unset(made, model).train(model.training)


def compact(model: KAN) -> KAN:
    """The network without the hidden nodes that have no edges; at least one stays in every layer."""
    config, layers = model.config, model.kan_layers
    alive: list[list[int]] = [list(range(config.nodes[0].width))]
    for shape, before, after in zip(config.nodes[1:-1], layers, layers[1:], strict=False):
        into, out = before.alive.any(dim=0), after.alive.any(dim=1)
        living = [n for n, group in enumerate(shape.groups) if bool(into[list(group)].any()) or bool(out[n])]
        alive.append(living or [0])
    alive.append(list(range(config.nodes[-1].width)))
    return rearranged(model, alive)


def everything(model: KAN) -> list[list[int]]:
    """The origins that keep every node in its place."""
    return [list(range(shape.width)) for shape in model.config.nodes]


def _shape(old: Nodes, origin: Origin) -> Nodes:
    """The nodes of a layer made of nodes of another one."""
    kept = _known(origin)
    return Nodes(sum(n < old.sums for n in kept), tuple(len(old.groups[n]) for n in kept if n >= old.sums))


def _sums(old: Nodes, new: Nodes, origin: Origin) -> list[int | None]:
    """The sum of the old layer that each sum of the new one comes from; None for new ones."""
    pairs = zip(new.groups, origin, strict=True)
    return [j for group, n in pairs for j in ([None] * len(group) if n is None else old.groups[n])]


def _known(origin: Origin) -> list[int]:
    return [n for n in origin if n is not None]


@torch.no_grad()
def copy_edges(old: KANLayer, new: KANLayer, rows: Origin, columns: Origin) -> None:
    """Copies the edges from `rows` to `columns` of one layer into another; the edges of None keep their numbers."""
    of_rows, of_columns = (torch.tensor(_known(each), device=old.grid.device) for each in (rows, columns))
    to_rows, to_columns = (
        torch.tensor([at for at, n in enumerate(each) if n is not None], device=old.grid.device)
        for each in (rows, columns)
    )

    def filled(into: Tensor, source: Tensor) -> Tensor:
        """`into` with the edges of `source`, each `(I, …, J)`, or with its rows, `(I, K)`."""
        into = into.clone()
        into.transpose(1, -1)[to_rows[:, None], to_columns] = source.transpose(1, -1)[of_rows[:, None], of_columns]
        return into

    grid = new.grid.clone()
    grid[to_rows] = old.grid[of_rows]
    if old.shaping is not None:
        new.shape(old.shaping.part(_known(rows), _known(columns)))
    new.mask.copy_(filled(new.mask, old.mask))
    initial = new.coefficients.clone()
    new.replace_grid(old.basis, grid, new.edge_coefficients())
    new.coefficients.copy_(filled(initial, old.coefficients))
    new.spline_weight.copy_(filled(new.spline_weight, old.spline_weight))
    if old.base_weight is not None and new.base_weight is not None:
        new.base_weight.copy_(filled(new.base_weight, old.base_weight))
    if old.bias is not None and new.bias is not None:
        new.bias[to_columns] = old.bias[of_columns]
    if old.functions is not None:
        own = [
            each.at(to_row, to_column)
            for each in old.functions.edges()
            for to_row in _places_of(each.i, rows)
            for to_column in _places_of(each.j, columns)
        ]
        new.set_functions(own)
    if old.grid_kind == "learnable":
        new.spacing[to_rows] = old.spacing[of_rows]
    for name, parameter in old.named_parameters():
        if not name.startswith("functions."):  # which may be other ones
            new.get_parameter(name).requires_grad_(parameter.requires_grad)


def _places_of(node: int, origin: Origin) -> list[int]:
    """The places that a node of the old layer has come to."""
    return [at for at, other in enumerate(origin) if other == node]
