"""Removes what does not matter: edges, nodes, inputs, by the attribution score of KAN 2.0."""

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from splinework.bases import Basis
from splinework.layer import KANLayer
from splinework.network import KAN
from splinework.nodes import Nodes
from splinework.scores import attribution
from splinework.trace import trace


@torch.no_grad()
def prune(model: KAN, x: Tensor, *, edges: float = 3e-2, nodes: float = 1e-2, inputs: float = 1e-2) -> KAN:
    """A smaller model: weak edges masked, weak hidden nodes taken out, weak inputs ignored.

    What an edge contributed on average goes into the constant of its sum, so removing an edge that is constant on x changes
    nothing there, and otherwise the change of a sum is at most the spread of the removed edges. Inputs keep their columns:
    the pruned model takes the same x.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`, at least two rows.
        edges: Edges with a lower attribution score go.
        nodes: Hidden nodes with a lower score go, with all their edges.
        inputs: Inputs with a lower score lose all their edges.

    Raises:
        ShapeError: If x has fewer than two rows.
    """
    scores = attribution(model, x)
    keep = []
    for layer, edge_scores, before, after, shape in zip(
        model.kan_layers, scores.edges, scores.nodes, scores.nodes[1:], model.config.nodes[1:], strict=False
    ):
        threshold = inputs if layer is model.kan_layers[0] else nodes
        target = torch.ones(shape.fan_in, dtype=torch.bool, device=x.device)
        for node, group in enumerate(shape.groups):
            target[list(group)] = bool(after[node] >= nodes)
        keep.append((layer.mask != 0) & (edge_scores >= edges) & (before >= threshold)[:, None] & target)
    return without_edges(model, x, keep)


@torch.no_grad()
def without_edges(model: KAN, x: Tensor, keep: Sequence[Tensor]) -> KAN:
    """The model with only the edges `keep` (one boolean `(I, J)` per layer), and without the nodes that thereby die.

    Args:
        model: The network; unchanged.
        x: Data on which the removed edges' means are taken, `(B, inputs)`.
        keep: Edges to keep; those already masked stay masked.
    """
    smaller = copy.deepcopy(model)
    record = trace(model, x)
    for layer, kept, seen in zip(smaller.kan_layers, _consistent(model, keep), record.layers, strict=True):
        removed = (layer.mask != 0) & ~kept
        if layer.bias is not None:
            layer.bias.add_((seen.edges.mean(0) * removed).sum(0))
        layer.mask.mul_(kept)
    return _compact(smaller)


def _consistent(model: KAN, keep: Sequence[Tensor]) -> list[Tensor]:
    """Also drops edges into nodes that nobody reads and out of nodes that nothing reaches, until nothing changes."""
    kept = [k & (layer.mask != 0) for k, layer in zip(keep, model.kan_layers, strict=True)]
    shapes = model.config.nodes[1:]
    for _ in range(len(kept)):
        for index in range(len(kept) - 1):
            read = kept[index + 1].any(dim=1)
            reached = torch.stack([kept[index][:, list(group)].any() for group in shapes[index].groups])
            for node, group in enumerate(shapes[index].groups):
                if not read[node]:
                    kept[index][:, list(group)] = False
            kept[index + 1][~reached] = False
    return kept


def _compact(model: KAN) -> KAN:
    """Takes the hidden nodes without edges out of the network; at least one stays in every layer."""
    config = model.config
    alive: list[list[int]] = [list(range(config.nodes[0].width))]
    sums: list[list[int]] = []
    for index, shape in enumerate(config.nodes[1:]):
        last = index == len(config.nodes) - 2
        mask = model.kan_layers[index].mask
        living = [n for n, group in enumerate(shape.groups) if last or bool((mask[:, list(group)] != 0).any())]
        living = living or [0]
        alive.append(living)
        sums.append([j for n in living for j in shape.groups[n]])
    shapes = [config.nodes[0]]
    for living, shape in zip(alive[1:], config.nodes[1:], strict=True):
        products = tuple(len(shape.groups[n]) for n in living if n >= shape.sums)
        shapes.append(Nodes(sum(n < shape.sums for n in living), products))
    like = {"dtype": model.kan_layers[0].coefficients.dtype, "device": model.kan_layers[0].coefficients.device}
    small = KAN(replace(config, nodes=tuple(shapes)), generator=torch.Generator(), **like)
    small.input_scaling.load_state_dict(model.input_scaling.state_dict())
    small.output_scaling.load_state_dict(model.output_scaling.state_dict())
    for old, new, rows, columns in zip(model.kan_layers, small.kan_layers, alive, sums, strict=False):
        _copy_part(old, new, old.basis, rows, columns)
    return small


def _copy_part(old: KANLayer, new: KANLayer, basis: Basis, rows: list[int], columns: list[int]) -> None:
    """Copies the edges from `rows` to `columns` of one layer into another."""
    new.mask.copy_(old.mask[rows][:, columns])
    new.spline_weight.copy_(old.spline_weight[rows][:, columns])
    grid = old.grid[rows]
    new.replace_grid(
        basis, grid, new.coefficients.new_zeros(len(rows), basis.size + (old.base_weight is not None), len(columns))
    )
    new.spline_weight.copy_(old.spline_weight[rows][:, columns])
    new.coefficients.copy_(old.coefficients[rows][:, :, columns])
    if old.base_weight is not None and new.base_weight is not None:
        new.base_weight.copy_(old.base_weight[rows][:, columns])
    if old.bias is not None and new.bias is not None:
        new.bias.copy_(old.bias[columns])
    if old.grid_kind == "learnable":
        new.spacing.copy_(old.spacing[rows])
