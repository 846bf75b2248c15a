"""The mean of several networks as one network: side by side, the last layer's edges times their shares.

What rises, bends one way, is symmetric or additive does so in the mean as well, so hard axioms are kept; and of what each network
has of chance, the mean has less (Breiman 1996). The mean of log odds is a product of powers of probabilities, normalised.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from splinework.interpret.edit.degree import spline_degree
from splinework.interpret.edit.refit import refitted
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.nn.shaping import Shaping
from splinework.splines import grid_points
from splinework.splines.bases import make_basis
from splinework.splines.knots import extended

MAX_RESOLUTION = 48
"""Most intervals of a spline that takes the knots of all, or twice those of one of them, if that is more."""
KNOT_TOLERANCE = 1e-9
"""Knots closer than this share of a grid are one."""


@torch.no_grad()
def mean_network(models: Sequence[KAN], shares: Sequence[float] | None = None) -> KAN | None:
    """The mean network, or None where the networks cannot stand side by side.

    Args:
        models: Networks of as many layers with the same inputs and outputs.
        shares: Their shares, of sum 1; by default equal ones.

    Returns:
        A network that gives the mean of theirs in raw units, to rounding; only where others' grids go on beyond that of a base
        function, it is a spline close to a line. None if degrees or scales differ, or base functions of inputs in different
        units, if networks with shapes differ in more than knots, or if the knots together are too many.
    """
    if len(models) == 1:
        return models[0]
    lead = next((model for model in models if model.config.base != "none"), models[0])
    if not all(_fits(lead, other) for other in models):
        return None
    parts = [1 / len(models)] * len(models) if shares is None else shares
    members = [_in_units_of(lead, model, part) for model, part in zip(models, parts, strict=True)]
    grids: list[list[Tensor]] = []
    for index, layers in enumerate(zip(*members, strict=True)):
        points = _common(layers, index == 0)
        if points is None:
            return None
        grids.append(points)
    hidden = [
        Nodes(sum(node.sums for node in nodes)) for nodes in zip(*(m.config.nodes[1:-1] for m in models), strict=True)
    ]
    bases = tuple(
        make_basis(grid=each[0].shape[1] - 1, degree=spline_degree(layer))
        for each, layer in zip(grids, lead.kan_layers, strict=True)
    )
    config = replace(lead.config, nodes=(lead.config.nodes[0], *hidden, lead.config.nodes[-1]), bases=bases)
    mean = KAN(config, dtype=torch.float64, generator=torch.Generator())
    mean.input_scaling.load_state_dict(lead.input_scaling.state_dict())
    mean.output_scaling.load_state_dict(lead.output_scaling.state_dict())
    for index, (layer, points) in enumerate(zip(mean.kan_layers, grids, strict=True)):
        _place(layer, [member[index] for member in members], points, index == 0, layer is mean.kan_layers[-1])
    return mean


def _fits(lead: KAN, other: KAN) -> bool:
    """Whether a network differs in numbers, knots, hidden sums and units only, or has splines alone; with shapes, in less."""
    plain = not any(nodes.products for nodes in other.config.nodes) and not lead.config.functions
    own = lead.config
    same = len(own.nodes) == len(other.config.nodes) and own == replace(
        other.config,
        bases=own.bases,
        domain=own.domain,
        base=own.base,
        nodes=(other.config.nodes[0], *own.nodes[1:-1], other.config.nodes[-1]),
    )
    if not (plain and same):
        return False
    splines = all(layer.basis.degree is not None for layer in (*lead.kan_layers, *other.kan_layers))
    if not splines or [spline_degree(a) for a in lead.kan_layers] != [spline_degree(b) for b in other.kan_layers]:
        return False
    pairs = [(getattr(lead, each), getattr(other, each)) for each in ("input_scaling", "output_scaling")]
    units = [torch.allclose(a.scale, b.scale) and torch.allclose(a.shift, b.shift) for a, b in pairs]
    ends = [torch.stack(model.kan_layers[0].basis.domain(model.kan_layers[0].grid)) for model in (lead, other)]
    if any(layer.shaping is not None for layer in (*lead.kan_layers, *other.kan_layers)):
        return all(units) and torch.allclose(ends[0], ends[1]) and own.nodes == other.config.nodes
    return other.config.base == "none" or (other.config.base == own.base and units[0])


def _in_units_of(lead: KAN, model: KAN, share: float) -> list[KANLayer]:
    """A network's layers for inputs and outputs in the units of another one, the last times a share."""
    layers = [copy.deepcopy(layer).double() for layer in model.kan_layers]
    first, last, own, other = layers[0], layers[-1], model.input_scaling, lead.input_scaling
    grid = first.grid * (own.scale / other.scale)[:, None] + ((own.shift - other.shift) / other.scale)[:, None]
    first.replace_grid(first.basis, grid, first.edge_coefficients())
    own, other = model.output_scaling, lead.output_scaling
    factor = share * own.scale / other.scale
    values, rules = factor * last.edge_coefficients(), last.shaping
    if rules is not None:
        last.shape(replace(rules, steepest=rules.steepest * factor))
    last.set_edge_coefficients(values)
    if last.bias is not None:
        last.bias.copy_(factor * last.bias + share * (own.shift - other.shift) / other.scale)
    return layers


def _common(layers: Sequence[KANLayer], first: bool) -> list[Tensor] | None:
    """Each member's grid points `(I, G + 1)`: of the first layer the same for all, with all their knots; else its own."""
    own = [grid_points(layer.knots(), spline_degree(layer)) for layer in layers]
    rows = [[_unique_points(points) for points in member] for member in own]
    if first:
        rows = [[_together(points, spline_degree(layers[0])) for points in zip(*own, strict=True)]] * len(own)
    count = max(len(points) for member in rows for points in member)
    uneven = any(len(points) < count for member in rows for points in member)
    symmetric = any(layer.shaping is not None and layer.shaping.symmetric for layer in layers)
    most = max(MAX_RESOLUTION, 2 * max(layer.basis.resolution for layer in layers))
    if count - 1 > most or (uneven and symmetric):
        return None
    return [torch.stack([_fill_widest(points, count) for points in member]) for member in rows]


def _together(points: Sequence[Tensor], degree: int) -> Tensor:
    """The points of several grids; where one of them ends inside another, splines go on with the same slope and no more."""
    every = _unique_points(torch.cat(list(points)).sort().values)
    ends = torch.cat([each[[0, -1]] for each in points])
    inside = _unique_points(ends.sort().values)[1:-1]
    return torch.cat([every, inside.repeat(max(degree - 2, 0))]).sort().values


def _unique_points(points: Tensor) -> Tensor:
    """Sorted points without those that repeat."""
    apart = torch.diff(points) > KNOT_TOLERANCE * (points[-1] - points[0])
    kept = points[1:][apart]
    return torch.cat([points[:1], kept[:-1], points[-1:]]) if len(kept) else points[[0, -1]]


def _fill_widest(points: Tensor, count: int) -> Tensor:
    """More points, in the middles of the widest intervals."""
    while len(points) < count:
        widest = int(torch.diff(points).argmax())
        middle = (points[widest] + points[widest + 1]) / 2
        points = torch.cat([points[: widest + 1], middle[None], points[widest + 1 :]])
    return points


def _place(layer: KANLayer, members: Sequence[KANLayer], points: Sequence[Tensor], first: bool, last: bool) -> None:
    """Puts the members' edges side by side into one layer."""
    basis, degree, row, column = layer.basis, spline_degree(layer), 0, 0
    grid = extended(points[0] if first else torch.cat(list(points)), degree)
    values = torch.zeros(layer.inputs, layer.table().size, layer.outputs, dtype=torch.float64)
    rules = Shaping.none(layer.inputs, layer.outputs)
    layer.mask.zero_()
    for k, member in enumerate(members):
        made = refitted(member, basis, extended(points[k], degree), None)
        at = torch.arange(row, row + member.inputs)[:, None], torch.arange(column, column + member.outputs)
        # Where a layer is the first and the last, edges come on the same places.
        values[at[0], : made.shape[1], at[1]] += made.transpose(1, 2)
        layer.mask[at] = torch.maximum(layer.mask[at], member.mask.to(layer.mask))
        if member.shaping is not None:
            rules.flags[at] = member.shaping.flags
            rules.steepest[at] = member.shaping.steepest
        if layer.bias is not None and member.bias is not None:
            layer.bias[at[1]] = (layer.bias[at[1]] if last and k else 0) + member.bias
        row, column = row + (0 if first else member.inputs), column + (0 if last else member.outputs)
    if first and members[0].shaping is not None:
        rules = replace(rules, twins=members[0].shaping.twins)
    layer.replace_grid(basis, grid, values)
    if members[0].shaping is not None:
        layer.shape(rules)
