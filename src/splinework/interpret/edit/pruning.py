"""Pruning of edges, nodes and inputs by a score: the attribution of KAN 2.0, or ablation."""

import copy
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError, nearest
from splinework.errors.foreign import explained
from splinework.interpret.edit.difference import check_paths, cut_off, varying
from splinework.interpret.edit.parts import compact, everything, rearranged
from splinework.interpret.scores import Attribution, attribution
from splinework.nn.arrays import data_of
from splinework.nn.frame.framed import within_frame
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.nn.trace import trace

MAX_TRACED_VALUES = 2**22
"""Values of edges that are held at once for their means: 32 MB in float64."""


@torch.no_grad()
@explained
@within_frame
def prune(
    model: KAN,
    x: Any,
    *,
    edges: float = 3e-2,
    nodes: float = 1e-2,
    inputs: float = 1e-2,
    by: str = "attribution",
    keep_edges: int | None = None,
    keep_nodes: int | None = None,
    keep_inputs: int | None = None,
    drop_inputs: bool = False,
) -> KAN:
    """Returns a smaller model: weak edges masked, weak hidden nodes removed, weak inputs disconnected.

    The mean of a removed edge is added to the bias of its sum, so the change of a sum is at most the standard deviation of the
    removed edges. Without biases (`bias=False`) an edge is only removed if its root mean square is small. The inputs keep
    their columns, so that the pruned model takes the same x, unless `drop_inputs` says otherwise. `edit.change` measures by how
    much the function changed.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`, at least two rows: a tensor, an array or a frame.
        edges: Score below which an edge is removed.
        nodes: Score below which a hidden node is removed, with all its edges.
        inputs: Score below which an input loses all its edges.
        by: The scores: `attribution` of KAN 2.0, a share of a sum's deviation carried to the outputs; `magnitude`, by which a
            node counts for the smaller of its strongest incoming and outgoing edge (Liu et al. 2024, eq. 2.21); or `ablation`,
            the change of the outputs, in their deviations, where the part alone is removed. After a fit without a penalty many
            paths cancel, which attribution counts and ablation does not.
        keep_edges: Number of edges to keep at most, in place of the threshold: the weakest go first, with what hangs on them, but
            for the last path to an output.
        keep_nodes: Number of nodes to keep in each hidden layer, in place of the threshold.
        keep_inputs: Number of inputs to keep, in place of the threshold.
        drop_inputs: Whether inputs without edges lose their columns: the result takes only those of its `input_names`.

    Returns:
        The pruned copy.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold numbers, or some are not finite.
        ConfigError: If a threshold or a number is out of range, `by` is unknown, or every path to an output that varies on x
            would be cut.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> x = 2 * torch.rand(200, 2, generator=torch.Generator().manual_seed(0)) - 1
        >>> result = sw.fit(sw.KAN([2, 1]), x, x[:, 0] ** 2, validation=None)  # irrelevant second column
        >>> sw.prune(result.model, x).active_inputs()
        ['x1']
        >>> sw.prune(result.model, x, drop_inputs=True).inputs
        1
    """
    data = data_of(model, x)
    keep = kept_edges(
        model,
        data,
        edges=edges,
        nodes=nodes,
        inputs=inputs,
        by=by,
        keep_edges=keep_edges,
        keep_nodes=keep_nodes,
        keep_inputs=keep_inputs,
    )
    check_paths(model, data, keep, "pruning by these thresholds")
    pruned = without_edges(model, data, keep)
    return without_columns(pruned, pruned.active_inputs()) if drop_inputs else pruned


@torch.no_grad()
def kept_edges(
    model: KAN,
    x: Tensor,
    *,
    edges: float = 3e-2,
    nodes: float = 1e-2,
    inputs: float = 1e-2,
    by: str = "attribution",
    keep_edges: int | None = None,
    keep_nodes: int | None = None,
    keep_inputs: int | None = None,
) -> list[Tensor]:
    """Mask `(I, J)` of the edges that `prune` keeps in every layer, for the same arguments.

    Raises:
        ConfigError: If a threshold or a number is out of range, or `by` is unknown.
    """
    for name, value in (("edges", edges), ("nodes", nodes), ("inputs", inputs)):
        if not value >= 0:
            raise ConfigError(f"{name} is the score below which to prune, zero or more, got {value}.")
    counts = {"keep_edges": keep_edges, "keep_nodes": keep_nodes, "keep_inputs": keep_inputs}
    for name, count in counts.items():
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
            raise ConfigError(f"{name} is a number of at least 1, got {count!r}.")
    if by not in SCORES:
        raise ConfigError(f"by is what scores, got {by!r}; {nearest(by, SCORES)}")
    scores = SCORES[by](model, x)
    if by == "attribution" and not model.config.bias and not any(counts.values()):
        keep = _strong_without_bias(model, x, edges)
    else:
        kept = [_of_nodes(each, inputs if l == 0 else nodes, keep_inputs if l == 0 else keep_nodes)
                for l, each in enumerate(scores.nodes[:-1])]  # fmt: skip
        keep = _strong(model, scores, kept, 0.0 if keep_edges else edges)
    if keep_edges is not None:
        keep = _strongest(model, keep, scores.edges, keep_edges, varying(model, x))
    return _consistent(model, keep)


def without_weak(model: KAN, x: Tensor, threshold: float) -> KAN:
    """The model pruned by one threshold of all attribution scores, even if no path to an output is left."""
    if not model.config.bias:
        return without_edges(model, x, _strong_without_bias(model, x, threshold))
    scores = attribution(model, x)
    kept = [_of_nodes(each, threshold, None) for each in scores.nodes[:-1]]
    return without_edges(model, x, _strong(model, scores, kept, threshold))


def without_columns(model: KAN, names: Sequence[str]) -> KAN:
    """The model that takes only the named inputs; the others must have no edges.

    Raises:
        ConfigError: If an axiom of the model is about another one.
    """
    gone = [name for name in model.config.input_names if name not in names]
    for text in model.config.axioms:
        if about := [name for name in gone if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]:
            raise ConfigError(
                f"{', '.join(about)} cannot lose its column: the model fulfils the axiom {text!r} by construction."
            )
    origins = everything(model)
    return rearranged(model, [[model.config.input_names.index(name) for name in names], *origins[1:]])


class Scores(NamedTuple):
    """Scores of the edges `(I, J)` of every layer of edges, and of the nodes `(N,)` of every layer of nodes."""

    edges: tuple[Tensor, ...]
    nodes: tuple[Tensor, ...]


@torch.no_grad()
def magnitude(model: KAN, x: Tensor) -> Scores:
    """Mean absolute values of the edges on x, and of a node the smaller of its strongest incoming and outgoing edge.

    Liu et al. 2024, eq. 2.21; an input has no incoming edges, an output no outgoing ones.
    """
    edges = tuple(layer.edges.abs().mean(0) for layer in trace(model, x).layers)
    into = [
        torch.stack([size[:, list(group)].amax() for group in shape.groups])
        for size, shape in zip(edges, model.config.nodes[1:], strict=True)
    ]
    out = [size.amax(1) for size in edges]
    hidden = [torch.minimum(before, after) for before, after in zip(into, out[1:], strict=False)]
    return Scores(edges, (out[0], *hidden, into[-1]))


def _ablation(model: KAN, x: Tensor) -> Attribution:
    from splinework.interpret.importance.ablation import ablation_scores  # a fit does not need it

    return ablation_scores(model, x)


SCORES: dict[str, Callable[[KAN, Tensor], Scores | Attribution]] = {
    "attribution": attribution,
    "magnitude": magnitude,
    "ablation": _ablation,
}
"""What `prune` can go by."""


def _of_nodes(scores: Tensor, threshold: float, count: int | None) -> Tensor:
    """Mask of the nodes of one layer that stay: those from a threshold on, or a number of the strongest."""
    if count is None:
        return scores >= threshold
    rank = torch.argsort(torch.argsort(scores, descending=True, stable=True))
    return rank < count


def _strong(model: KAN, scores: Scores | Attribution, nodes: Sequence[Tensor], edges: float) -> list[Tensor]:
    """Mask of the edges from a threshold on between the nodes that stay."""
    ends = [*nodes, torch.ones_like(scores.nodes[-1], dtype=torch.bool)]
    return [
        (size >= edges) & before[:, None] & _to_sums(after, shape)
        for size, before, after, shape in zip(scores.edges, ends[:-1], ends[1:], model.config.nodes[1:], strict=True)
    ]


def _strongest(
    model: KAN, keep: Sequence[Tensor], scores: Sequence[Tensor], count: int, wanted: Tensor
) -> list[Tensor]:
    """Mask of at most `count` of the edges `keep`: the weakest go first, unless they are the last path to a wanted output."""
    kept = _consistent(model, keep)
    order = sorted((float(scores[l][i, j]), l, i, j) for l, mask in enumerate(kept) for i, j in mask.nonzero().tolist())
    while order and (excess := sum(int(mask.sum()) for mask in kept) - count) > 0:
        for several in dict.fromkeys((max(1, excess // 2), 1)):
            tried = [mask.clone() for mask in kept]
            for _, l, i, j in order[:several]:
                tried[l][i, j] = False
            tried = _consistent(model, tried)
            if not cut_off(tried, model.config.nodes, wanted):
                kept = tried
                break
        order = [entry for entry in order[several:] if kept[entry[1]][entry[2:]]]
    return kept


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
    return with_edges(model, edge_means(model, data), masks)


@torch.no_grad()
def edge_means(model: KAN, x: Tensor) -> list[Tensor]:
    """The mean of each edge over rows `(B, inputs)` in raw units, `(I, J)` for every layer of edges; by blocks of rows."""
    step = max(1, MAX_TRACED_VALUES // sum(layer.mask.numel() for layer in model.kan_layers))
    sums = [torch.zeros_like(layer.mask) for layer in model.kan_layers]
    for rows in x.split(step):
        for total, seen in zip(sums, trace(model, rows).layers, strict=True):
            total += len(rows) / len(x) * seen.edges.mean(0)
    return sums


@torch.no_grad()
def with_edges(model: KAN, means: Sequence[Tensor], masks: Sequence[Tensor]) -> KAN:
    """The model with only these edges, without dead nodes, given the `edge_means` that the others leave as biases."""
    smaller = copy.deepcopy(model)
    for layer, kept, mean in zip(smaller.kan_layers, _consistent(model, masks), means, strict=True):
        removed = layer.alive & ~kept
        if layer.bias is not None:
            layer.bias.add_((mean * removed).sum(0))
        layer.mask.mul_(kept)
        if layer.functions is not None:
            layer.set_functions([each for each in layer.functions.edges() if kept[each.i, each.j]])
    return compact(smaller)


def _consistent(model: KAN, keep: Sequence[Tensor]) -> list[Tensor]:
    """Also drops edges to unused nodes and from unreachable ones, until nothing changes.

    An edge from an unreachable node is a constant, which stays if there is no bias to add it to.
    """
    kept = [k & layer.alive for k, layer in zip(keep, model.kan_layers, strict=True)]
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
