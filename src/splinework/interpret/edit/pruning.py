"""Pruning of edges, nodes and inputs by a score: the attribution of KAN 2.0, or ablation."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError
from splinework.errors.foreign import explained
from splinework.interpret.scores import Attribution, attribution
from splinework.nn.arrays import data_of
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.nn.precision import keep_unset
from splinework.nn.trace import Trace, trace


@torch.no_grad()
@explained
def prune(
    model: KAN, x: Any, *, edges: float = 3e-2, nodes: float = 1e-2, inputs: float = 1e-2, by: str = "attribution"
) -> KAN:
    """Returns a smaller model: weak edges masked, weak hidden nodes removed, weak inputs disconnected.

    The mean of a removed edge is added to the bias of its sum, so the change of a sum is at most the standard deviation of the
    removed edges. Without biases (`bias=False`) an edge is only removed if its root mean square is small. The inputs keep
    their columns: the pruned model takes the same x.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`, at least two rows: a tensor, an array or a frame.
        edges: Score below which an edge is removed.
        nodes: Score below which a hidden node is removed, with all its edges.
        inputs: Score below which an input loses all its edges.
        by: The score: `attribution` of KAN 2.0, a share of a sum's deviation carried to the outputs; or `ablation`, the change of
            the outputs, in their deviations, where the part alone is removed. After a fit without a penalty many paths cancel,
            which attribution counts and ablation does not. (Without biases, edges go by their size.)

    Returns:
        The pruned copy.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold numbers, or some are not finite.
        ConfigError: If a threshold is negative or no number, or there is no such score.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> x = 2 * torch.rand(200, 2, generator=torch.Generator().manual_seed(0)) - 1
        >>> result = sw.fit(sw.KAN([2, 1]), x, x[:, 0] ** 2, validation=None)  # irrelevant second column
        >>> sw.prune(result.model, x).active_inputs()
        ['x1']
    """
    for name, value in (("edges", edges), ("nodes", nodes), ("inputs", inputs)):
        if not value >= 0:
            raise ConfigError(f"{name} is the score below which to prune, zero or more, got {value}.")
    data = data_of(model, x)
    scores = _scores(model, data, by)
    if not model.config.bias:
        return without_edges(model, data, _strong_without_bias(model, data, edges))
    keep = []
    for layer, edge_scores, before, after, shape in zip(
        model.kan_layers, scores.edges, scores.nodes, scores.nodes[1:], model.config.nodes[1:], strict=False
    ):
        threshold = inputs if layer is model.kan_layers[0] else nodes
        target = _to_sums(after >= nodes, shape)
        keep.append((edge_scores >= edges) & (before >= threshold)[:, None] & target)
    return without_edges(model, data, keep)


def _scores(model: KAN, x: Tensor, by: str) -> Attribution:
    if by == "attribution":
        return attribution(model, x)
    if by != "ablation":
        raise ConfigError(f"by is the score to prune by, 'attribution' or 'ablation', got {by!r}.")
    from splinework.interpret.importance.ablation import ablation_scores  # a fit does not need it

    return ablation_scores(model, x)


def _strong_without_bias(model: KAN, x: Tensor, edges: float) -> list[Tensor]:
    """Mask of the edges to keep without biases, by root mean square instead of standard deviation."""
    keep = []
    for seen in trace(model, x).layers:
        size = seen.edges.square().mean(0).sqrt()
        whole = torch.maximum(seen.sums.std(0), seen.edges.std(0).amax(0))
        keep.append((size > 0) & (size >= edges * whole))
    return keep


def _to_sums(values: Tensor, shape: Nodes) -> Tensor:
    """Expands one value per node to one per sum."""
    owner = [node for node, group in enumerate(shape.groups) for _ in group]
    return values[owner]


@torch.no_grad()
@explained
def without_edges(model: KAN, x: Any, keep: Sequence[Any]) -> KAN:
    """Returns the model with only the edges `keep`, without dead nodes; at least one node stays in every layer.

    Args:
        model: The network; unchanged.
        x: Data for the means of the removed edges, `(B, inputs)`: a tensor, an array or a frame.
        keep: Boolean mask `(I, J)` for every layer of edges; masked edges stay masked.

    Returns:
        The smaller model.

    Raises:
        ShapeError: If x has another number of columns or no rows, or keep does not fit the layers.
        DataError: If x does not hold numbers, or some are not finite.

    Example:
        >>> model = KAN([2, 1])
        >>> without_edges(model, torch.rand(10, 2), [[[True], [False]]]).active_inputs()
        ['x1']
    """
    masks = [torch.as_tensor(k, dtype=torch.bool, device=model.kan_layers[0].mask.device) for k in keep]
    wanted = [tuple(layer.mask.shape) for layer in model.kan_layers]
    if [tuple(mask.shape) for mask in masks] != wanted:
        raise ShapeError(f"keep takes a boolean per edge, of shapes {wanted}; got {[tuple(m.shape) for m in masks]}.")
    data = data_of(model, x)
    if data.shape[0] < 1:
        raise ShapeError("without_edges needs data for the means of the removed edges, got no rows; pass at least one.")
    smaller = copy.deepcopy(model)
    record: Trace = trace(model, data)
    for layer, kept, seen in zip(smaller.kan_layers, _consistent(model, masks), record.layers, strict=True):
        removed = (layer.mask != 0) & ~kept
        if layer.bias is not None:
            layer.bias.add_((seen.edges.mean(0) * removed).sum(0))
        layer.mask.mul_(kept)
    return _compact(smaller)


def _consistent(model: KAN, keep: Sequence[Tensor]) -> list[Tensor]:
    """Also drops edges to unused nodes and from unreachable ones, until nothing changes.

    An edge from an unreachable node is a constant, which stays if there is no bias to add it to.
    """
    kept = [k & (layer.mask != 0) for k, layer in zip(keep, model.kan_layers, strict=True)]
    shapes = model.config.nodes[1:]
    for layer, k in zip(model.kan_layers, kept, strict=True):
        for group in [] if layer.shaping is None else layer.shaping.groups():
            k[group] = k[group].any(0)  # inputs that share their edges keep them together
    for _ in range(len(kept)):
        for index in range(len(kept) - 1):
            kept[index] &= _to_sums(kept[index + 1].any(dim=1), shapes[index])
            if model.config.bias:
                reached = [bool(kept[index][:, list(group)].any()) for group in shapes[index].groups]
                kept[index + 1] &= torch.tensor(reached, device=kept[index].device)[:, None]
    return kept


def _compact(model: KAN) -> KAN:
    """Removes the hidden nodes without edges; at least one stays in every layer."""
    config, layers = model.config, model.kan_layers
    alive: list[list[int]] = [list(range(config.nodes[0].width))]
    for shape, before, after in zip(config.nodes[1:-1], layers, layers[1:], strict=False):
        into, out = (before.mask != 0).any(dim=0), (after.mask != 0).any(dim=1)
        living = [n for n, group in enumerate(shape.groups) if bool(into[list(group)].any()) or bool(out[n])]
        alive.append(living or [0])
    alive.append(list(range(config.nodes[-1].width)))
    shapes = [config.nodes[0]]
    for living, shape in zip(alive[1:], config.nodes[1:], strict=True):
        products = tuple(len(shape.groups[n]) for n in living if n >= shape.sums)
        shapes.append(Nodes(sum(n < shape.sums for n in living), products))
    own = layers[0].coefficients
    # All values are overwritten; a local generator leaves the global one unchanged.
    small = KAN(replace(config, nodes=tuple(shapes)), generator=torch.Generator(), dtype=own.dtype).to(own.device)
    keep_unset(small, model).train(model.training)
    small.input_scaling.load_state_dict(model.input_scaling.state_dict())
    small.output_scaling.load_state_dict(model.output_scaling.state_dict())
    sums = [[j for n in living for j in shape.groups[n]] for living, shape in zip(alive, config.nodes, strict=True)]
    for old, new, rows, columns in zip(layers, small.kan_layers, alive, sums[1:], strict=False):
        _copy_part(old, new, rows, columns)
    return small


def _copy_part(old: KANLayer, new: KANLayer, rows: list[int], columns: list[int]) -> None:
    """Copies the edges from `rows` to `columns` of one layer into another."""
    new.mask.copy_(old.mask[rows][:, columns])
    if old.shaping is not None:
        new.shape(old.shaping.part(rows, columns))
    new.replace_grid(old.basis, old.grid[rows], old.edge_coefficients()[rows][:, :, columns])
    new.spline_weight.copy_(old.spline_weight[rows][:, columns])
    new.coefficients.copy_(old.coefficients[rows][:, :, columns])
    if old.base_weight is not None and new.base_weight is not None:
        new.base_weight.copy_(old.base_weight[rows][:, columns])
    if old.bias is not None and new.bias is not None:
        new.bias.copy_(old.bias[columns])
    if old.grid_kind == "learnable":
        new.spacing.copy_(old.spacing[rows])
    for name, parameter in old.named_parameters():
        new.get_parameter(name).requires_grad_(parameter.requires_grad)
