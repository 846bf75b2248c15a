"""Assembles one network from the curves of the additive part and the hidden nodes of all ensemble members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.interpret.edit.pruning import without_weak
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import refine_coefficients
from splinework.tabular.design import identities
from splinework.tabular.ensemble import DecayGroup, EnsembleSettings
from splinework.tabular.tasks import Multiclass, Task

MIN_ATTRIBUTION = 1e-9
"""Attribution below which an edge is a constant but for rounding."""
HALF_DOMAIN = 4.0
"""Half the width of the hidden grids; the identity edges that pass the additive sums on are straight everywhere."""


@dataclass(frozen=True)
class Standardisation:
    """Location and scale of covariates `(p,)` and targets `(q,)`: raw values are `shift + scale * standardised values`."""

    x_shift: Tensor
    x_scale: Tensor
    y_shift: Tensor
    y_scale: Tensor

    def of_inputs(self, inputs: Tensor) -> Standardisation:
        """Selects the covariates with these indices."""
        return Standardisation(self.x_shift[inputs], self.x_scale[inputs], self.y_shift, self.y_scale)


@dataclass(frozen=True)
class HiddenNodes:
    """Hidden nodes of one layer.

    Attributes:
        first: Coefficients of their edges from the inputs, `(p, size + 1, nodes)`; the last one is that of the base function.
        last: Coefficients of their edges to the outputs, `(nodes, size + 1, q)`.
        grid: Knots of the latter, `(nodes, knots)`.
        bias: Constants `(q,)` that are added to the outputs' biases.
    """

    first: Tensor
    last: Tensor
    grid: Tensor
    bias: Tensor


def additive_network(
    layer: KANLayer,
    curves: Tensor,
    bias: Tensor,
    scaling: Standardisation,
    names: Sequence[str] | None,
    inputs: Tensor | None = None,
) -> KAN:
    """The network `[p, q]` with spline coefficients `curves` `(p, size, q)` on the layer's grid, or that of some inputs only."""
    grid = layer.grid
    if inputs is not None:
        grid, curves, scaling = grid[inputs], curves[inputs], scaling.of_inputs(inputs)
        names = [names[i] for i in inputs.tolist()] if names else None
    model = KAN(
        [len(grid), curves.shape[2]],
        grid=layer.basis.resolution,
        degree=_degree(layer),
        base="none",
        names=names,
        dtype=torch.float64,
        generator=torch.Generator(),
    )
    _set(model.kan_layers[0], grid, curves, bias)
    model.kan_layers[0].mask.copy_(_living(curves))
    return _in_units(model, scaling)


def combined_network(
    layer: KANLayer,
    curves: Tensor,
    bias: Tensor,
    net: KAN,
    groups: Sequence[DecayGroup],
    stacking_weights: Sequence[float],
    inverse_temperature: float,
    settings: EnsembleSettings,
    scaling: Standardisation,
    names: Sequence[str] | None,
    member: int | None = None,
    further: HiddenNodes | None = None,
) -> KAN:
    """Additive part and ensemble as one network: the mean over a group's members is a sum over hidden nodes.

    Args:
        layer: Layer of the additive part; the members' grid refines its grid.
        curves: Spline coefficients `(p, size, q)` on the layer's grid.
        bias: `(q,)`.
        net: The wide network, for its grids.
        groups: Trained groups; those with a weight of 0 are left out.
        stacking_weights: One weight per group.
        inverse_temperature: Factor of all outputs.
        settings: Settings with which the ensemble was trained.
        scaling: Standardisation of inputs and outputs.
        names: Names of the inputs.
        member: The member of each group that is taken; by default the mean over all.
        further: Hidden nodes besides, of networks of one hidden layer.
    """
    outputs = curves.shape[2]
    used = [
        (group, weight)
        for group, weight in zip(groups, stacking_weights, strict=True)
        if weight and group.state is not None
    ]
    size = len(used) * (settings.members if member is None else 1)
    more = 0 if further is None else len(further.last)
    widths = [layer.inputs, *(outputs + size * h + more for h in settings.hidden), outputs]
    wide = net.kan_layers
    model = KAN(
        widths,
        grid=[edges.basis.resolution for edges in wide],
        degree=_degree(layer),
        domain=(-HALF_DOMAIN, HALF_DOMAIN),
        names=names,
        dtype=torch.float64,
        generator=torch.Generator(),
    )
    for number, (edges, source) in enumerate(zip(model.kan_layers, wide, strict=True)):
        last = number == len(wide) - 1
        table, biases, living, grid = _parts(source, used, settings, number, last, outputs, member, further)
        if number == 0:
            own = finer_curves(layer, curves, source)
            table = torch.cat([torch.cat([own, torch.zeros_like(own[:, :1])], 1), table], dim=2)
            biases, living = torch.cat([bias, biases]), torch.cat([_living(own), living], dim=1)
        else:
            table, biases, living, grid = _with_identity(edges, table, biases, living, grid, last, outputs)
        factor = inverse_temperature if last else 1.0
        edges.mask.copy_(living)
        _set(edges, grid, factor * table, factor * biases)
    return _in_units(model, scaling)


def for_reading(model: KAN, x: Tensor, task: Task) -> KAN:
    """A combined network without nodes that have no inputs, and of several classes without the first one's output.

    Args:
        model: The network, whose curves have no part in the first output of several.
        x: Rows `(n, p)` in raw units.
        task: The likelihood.
    """
    if isinstance(task, Multiclass):
        close_first_output(model)
    return without_weak(model, x, MIN_ATTRIBUTION)


@torch.no_grad()
def close_first_output(model: KAN) -> None:
    """Takes the hidden nodes' part of the first output from all outputs, which leaves the probabilities of classes as they are.

    Args:
        model: A combined network whose curves have no part in the first output; changed in place.
    """
    last, outputs = model.kan_layers[-1], model.outputs
    assert last.bias is not None
    table = last.edge_coefficients()
    table[outputs:] -= table[outputs:, :, :1].clone()
    last.bias.sub_(last.bias[0].clone())
    last.set_edge_coefficients(table)
    last.mask[:, 0] = 0


def _parts(
    source: KANLayer,
    used: Sequence[tuple[DecayGroup, float]],
    settings: EnsembleSettings,
    number: int,
    last: bool,
    outputs: int,
    member: int | None,
    further: HiddenNodes | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The members' edges of one layer: coefficients `(I, size + 1, J)`, biases, mask and grid, without the additive part."""
    tables, biases, living = [], [], []
    blocks = settings.members * len(settings.weight_decays)
    start, taken = (0, settings.members) if member is None else (member, 1)
    for group, weight in used:
        assert group.state is not None
        begin = group.index * settings.members + start
        span = slice(begin, begin + taken)
        of = {
            name.split(".")[-1]: v.double() for name, v in group.state.items() if name.startswith(f"layers.{number}.")
        }
        table = torch.cat([of["coefficients"] * of["spline_weight"][:, None], of["base_weight"][:, None]], dim=1)
        i = table.shape[0] // blocks if number else table.shape[0]
        j = table.shape[2] // blocks
        rows = slice(span.start * i, span.stop * i) if number else slice(None)
        columns = slice(span.start * j, span.stop * j)
        table, mask, own = table[rows, :, columns], of["mask"][rows, columns], of["bias"][columns]
        if last:
            scale = weight / taken
            table, own = (
                scale * (table * mask[:, None]).unflatten(2, (-1, outputs)).sum(2),
                scale * own.view(-1, outputs).sum(0),
            )
            mask = torch.ones_like(table[:, 0])
        tables.append(table)
        biases.append(own)
        living.append(mask)
    grid = source.grid.double()
    if number:
        grid = grid[:1].expand(sum(t.shape[0] for t in tables), -1)
    if further is not None:
        own = further.last if last else further.first
        tables.append(own)
        biases.append(further.bias if last else own.new_zeros(own.shape[2]))
        living.append(own.any(1).to(own.dtype))
        grid = torch.cat([grid, further.grid]) if last else grid
    if last:
        return torch.cat(tables), torch.stack(biases).sum(0), torch.cat(living), grid
    if number == 0:
        return torch.cat(tables, 2), torch.cat(biases), torch.cat(living, 1), grid
    return _block_diagonal(tables), torch.cat(biases), torch.block_diag(*living), grid


def _block_diagonal(tables: Sequence[Tensor]) -> Tensor:
    size = tables[0].shape[1]
    return torch.stack([torch.block_diag(*(table[:, m] for table in tables)) for m in range(size)], dim=1)


def _with_identity(
    edges: KANLayer, table: Tensor, biases: Tensor, living: Tensor, grid: Tensor, last: bool, outputs: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The layer with identity edges for the additive sums before its own edges."""
    own = edges.grid[:outputs]
    straight = identities(edges)[:outputs]
    onward = table.new_zeros(outputs, table.shape[1], outputs)
    for j in range(outputs):
        onward[j, :-1, j] = straight[j]
    alive = torch.eye(outputs, dtype=table.dtype)
    grid = torch.cat([own, grid])
    if last:
        return torch.cat([onward, table]), biases, torch.cat([alive, living]), grid
    table = torch.stack([torch.block_diag(onward[:, m], table[:, m]) for m in range(table.shape[1])], dim=1)
    return table, torch.cat([biases.new_zeros(outputs), biases]), torch.block_diag(alive, living), grid


def _living(curves: Tensor) -> Tensor:
    """Mask `(p, q)` of the curves `(p, size, q)` that are not flat."""
    return curves.any(dim=1).to(curves.dtype)


def finer_curves(layer: KANLayer, curves: Tensor, target: KANLayer) -> Tensor:
    """The curves on the members' grid, exactly, since it contains the layer's knots."""
    factor = target.basis.resolution // layer.basis.resolution
    if factor == 1:
        return curves
    return refine_coefficients(layer.grid, curves, _degree(layer), factor)[1]


def _degree(layer: KANLayer) -> int:
    return layer.basis.size - layer.basis.resolution


@torch.no_grad()
def _set(edges: KANLayer, grid: Tensor, table: Tensor, bias: Tensor) -> None:
    """Sets grid, edge coefficients (with or without those of the base function) and biases."""
    edges.grid.copy_(grid)
    edges.refresh()
    edges.set_edge_coefficients(table)
    assert edges.bias is not None
    edges.bias.copy_(bias)


def _in_units(model: KAN, scaling: Standardisation) -> KAN:
    model.input_scaling.set(scaling.x_shift, scaling.x_scale)
    model.output_scaling.set(scaling.y_shift, scaling.y_scale)
    return model
