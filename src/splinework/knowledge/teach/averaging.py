"""The mean of several networks of one shape, as one network: side by side, the last layer's edges divided by their number.

What rises, bends one way, is symmetric or additive does so in the mean as well, so hard axioms are kept; and of what each network
has of chance, the mean has less (Breiman 1996).
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from splinework.interpret.edit.refit import refitted
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.nn.shaping import Shaping
from splinework.splines import grid_points
from splinework.splines.bases import make_basis
from splinework.splines.knots import extended

MAX_RESOLUTION = 48
"""Most intervals of a spline that takes the knots of all."""
KNOT_TOLERANCE = 1e-9
"""Knots closer than this share of a grid are one."""


@torch.no_grad()
def average_networks(models: Sequence[KAN]) -> KAN | None:
    """The mean network, or None where the networks cannot stand side by side.

    Returns:
        A network that gives the mean of theirs in network units, to rounding. None if degrees or the ends of the first grids
        differ, or their knots together are too many.
    """
    first = models[0]
    if len(models) == 1:
        return first
    if not all(_fits(first, other) for other in models):
        return None
    grids: list[Tensor] = []
    for layers in zip(*(model.kan_layers for model in models), strict=True):
        points = _common(layers)
        if points is None:
            return None
        grids.append(points)
    hidden = [Nodes(len(models) * nodes.sums) for nodes in first.config.nodes[1:-1]]
    bases = tuple(
        make_basis(grid=g.shape[2] - 1, degree=_degree(layer)) for g, layer in zip(grids, first.kan_layers, strict=True)
    )
    config = replace(first.config, nodes=(first.config.nodes[0], *hidden, first.config.nodes[-1]), bases=bases)
    mean = KAN(config, dtype=torch.float64, generator=torch.Generator())
    mean.input_scaling.load_state_dict(first.input_scaling.state_dict())
    mean.output_scaling.load_state_dict(first.output_scaling.state_dict())
    for index, (layer, points) in enumerate(zip(mean.kan_layers, grids, strict=True)):
        _place(layer, [model.kan_layers[index] for model in models], points, index == 0, layer is mean.kan_layers[-1])
    return mean


def _fits(first: KAN, other: KAN) -> bool:
    """Whether two networks differ in their numbers and knots only."""
    plain = not any(nodes.products for nodes in other.config.nodes) and not first.config.functions
    same = replace(first.config, bases=other.config.bases) == other.config
    splines = all(layer.basis.degree is not None for layer in (*first.kan_layers, *other.kan_layers))
    degrees = splines and [_degree(a) for a in first.kan_layers] == [_degree(b) for b in other.kan_layers]
    pairs = ((first.input_scaling, other.input_scaling), (first.output_scaling, other.output_scaling))
    scales = all(torch.allclose(a.scale, b.scale) and torch.allclose(a.shift, b.shift) for a, b in pairs)
    ends = [torch.stack(model.kan_layers[0].basis.domain(model.kan_layers[0].grid)) for model in (first, other)]
    return plain and same and degrees and scales and torch.allclose(ends[0], ends[1])


def _degree(layer: KANLayer) -> int:
    assert layer.basis.degree is not None
    return layer.basis.degree


def _common(layers: Sequence[KANLayer]) -> Tensor | None:
    """Grid points `(members, I, G + 1)`: of the first layer the same for all, with all their knots; else each member's own."""
    own = [grid_points(layer.knots(), _degree(layer)) for layer in layers]
    first = bool(torch.equal(own[0][:, 0], own[-1][:, 0])) and all(
        torch.allclose(o[:, [0, -1]], own[0][:, [0, -1]]) for o in own
    )
    rows = [[_unique_points(o[i]) for i in range(len(o))] for o in own]
    if first:
        together = [_unique_points(torch.cat([o[i] for o in own]).sort().values) for i in range(len(own[0]))]
        rows = [together] * len(own)
    count = max(len(points) for member in rows for points in member)
    uneven = any(len(points) < count for member in rows for points in member)
    symmetric = any(layer.shaping is not None and layer.shaping.symmetric for layer in layers)
    if count - 1 > MAX_RESOLUTION or (uneven and symmetric):
        return None
    return torch.stack([torch.stack([_fill_widest(points, count) for points in member]) for member in rows])


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


def _place(layer: KANLayer, members: Sequence[KANLayer], points: Tensor, first: bool, last: bool) -> None:
    """Puts the members' edges side by side into one layer."""
    basis, degree, share = layer.basis, _degree(layer), len(members) if last else 1
    grid = extended(points[0] if first else points.flatten(0, 1), degree)
    values = torch.zeros(layer.inputs, layer.table().size, layer.outputs, dtype=torch.float64)
    rules = Shaping.none(layer.inputs, layer.outputs)
    layer.mask.zero_()
    for k, member in enumerate(members):
        made = refitted(member, basis, extended(points[k], degree), None) / share
        rows = torch.arange(member.inputs) + (0 if first else k * member.inputs)
        columns = torch.arange(member.outputs) + (0 if last else k * member.outputs)
        at = rows[:, None], columns
        values[at[0], :, at[1]] += made.transpose(1, 2)  # where a layer is the first and the last, on the same places
        layer.mask[at] = member.mask
        if member.shaping is not None:
            rules.flags[at] = member.shaping.flags
            rules.steepest[at] = member.shaping.steepest / share
        if layer.bias is not None and member.bias is not None:
            layer.bias[columns] = (layer.bias[columns] if last and k else 0) + member.bias / share
    if first and members[0].shaping is not None:
        rules = replace(rules, twins=members[0].shaping.twins)
    layer.replace_grid(basis, grid, values)
    if members[0].shaping is not None:
        layer.shape(rules)
