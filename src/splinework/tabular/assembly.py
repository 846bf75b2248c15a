"""One network out of parts: curves of the additive part and the hidden nodes of all members, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import refine_coefficients
from splinework.tabular.additive import greville
from splinework.tabular.ensemble import DecayGroup, EnsembleSettings

REACH = 4.0
"""The grid of an additive sum's onward edge: it is a straight line there and beyond."""


@dataclass(frozen=True)
class Standardisation:
    """Raw values are `shift + scale * unit values`.

    Attributes:
        x_shift: `(p,)`.
        x_scale: `(p,)`.
        y_shift: `(q,)`.
        y_scale: `(q,)`.
    """

    x_shift: Tensor
    x_scale: Tensor
    y_shift: Tensor
    y_scale: Tensor


def additive_network(
    layer: KANLayer, curves: Tensor, bias: Tensor, units: Standardisation, names: Sequence[str] | None
) -> KAN:
    """`[p, q]` with spline coefficients `curves` `(p, size, q)` on the layer's grid."""
    model = KAN(
        [layer.inputs, curves.shape[2]],
        grid=layer.basis.resolution,
        degree=_degree(layer),
        base="none",
        names=names,
        dtype=torch.float64,
        generator=torch.Generator(),
    )
    _set(model.kan_layers[0], layer.grid, curves, bias)
    return _in_units(model, units)


def combined_network(
    layer: KANLayer,
    curves: Tensor,
    bias: Tensor,
    net: KAN,
    groups: Sequence[DecayGroup],
    shares: Sequence[float],
    sharpness: float,
    course: EnsembleSettings,
    units: Standardisation,
    names: Sequence[str] | None,
) -> KAN:
    """Additive part and members as one network: the mean over a group's members is a sum over hidden nodes.

    Args:
        layer: The additive part's, on a grid of which the members' is a refinement.
        curves: `(p, size, q)` on the layer's grid.
        bias: `(q,)`.
        net: The wide network, for its grids.
        groups: What members came to; those with a share of 0 are left out.
        shares: One per group.
        sharpness: Factor of all outputs.
        course: How they were trained.
        units: Of inputs and outputs.
        names: Of the inputs.
    """
    outputs = curves.shape[2]
    used = [(group, share) for group, share in zip(groups, shares, strict=True) if share and group.state is not None]
    size = len(used) * course.members
    widths = [layer.inputs, *(outputs + size * h for h in course.hidden), outputs]
    wide = net.kan_layers
    model = KAN(
        widths,
        grid=[edges.basis.resolution for edges in wide],
        degree=_degree(layer),
        domain=(-REACH, REACH),
        names=names,
        dtype=torch.float64,
        generator=torch.Generator(),
    )
    for number, (edges, source) in enumerate(zip(model.kan_layers, wide, strict=True)):
        last = number == len(wide) - 1
        table, biases, living, grid = _parts(source, used, course, number, last, outputs)
        if number == 0:
            own = _finer(layer, curves, source)
            table = torch.cat([torch.cat([own, torch.zeros_like(own[:, :1])], 1), table], dim=2)
            biases, living = torch.cat([bias, biases]), torch.cat([torch.ones_like(own[:, 0]), living], dim=1)
        else:
            table, biases, living, grid = _with_identity(edges, table, biases, living, grid, last, outputs)
        factor = sharpness if last else 1.0
        edges.mask.copy_(living)
        _set(edges, grid, factor * table, factor * biases)
    return _in_units(model, units)


def _parts(
    source: KANLayer,
    used: Sequence[tuple[DecayGroup, float]],
    course: EnsembleSettings,
    number: int,
    last: bool,
    outputs: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The members' edges of one layer: table `(I, size + 1, J)`, biases, mask and grid, without the additive part."""
    tables, biases, living = [], [], []
    blocks = course.members * len(course.decays)
    for group, share in used:
        assert group.state is not None
        span = slice(group.index * course.members, (group.index + 1) * course.members)
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
            scale = share / course.members
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
    """The layer with the additive sums led on unchanged, before the others."""
    own = edges.grid[:outputs]
    straight = greville(edges)[:outputs]
    onward = table.new_zeros(outputs, table.shape[1], outputs)
    for j in range(outputs):
        onward[j, :-1, j] = straight[j]
    alive = torch.eye(outputs, dtype=table.dtype)
    grid = torch.cat([own, grid])
    if last:
        return torch.cat([onward, table]), biases, torch.cat([alive, living]), grid
    table = torch.stack([torch.block_diag(onward[:, m], table[:, m]) for m in range(table.shape[1])], dim=1)
    return table, torch.cat([biases.new_zeros(outputs), biases]), torch.block_diag(alive, living), grid


def _finer(layer: KANLayer, curves: Tensor, target: KANLayer) -> Tensor:
    """The curves on the members' grid, of which the layer's knots are some: exact."""
    factor = target.basis.resolution // layer.basis.resolution
    if factor == 1:
        return curves
    return refine_coefficients(layer.grid, curves, _degree(layer), factor)[1]


def _degree(layer: KANLayer) -> int:
    return layer.basis.size - layer.basis.resolution


@torch.no_grad()
def _set(edges: KANLayer, grid: Tensor, table: Tensor, bias: Tensor) -> None:
    """Grid, edge coefficients (with or without those of the base function) and biases."""
    edges.grid.copy_(grid)
    edges.refresh()
    edges.set_edge_coefficients(table)
    assert edges.bias is not None
    edges.bias.copy_(bias)


def _in_units(model: KAN, units: Standardisation) -> KAN:
    model.input_scaling.set(units.x_shift, units.x_scale)
    model.output_scaling.set(units.y_shift, units.y_scale)
    return model
