"""Two hidden nodes made one, and one made two."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError
from splinework.errors.foreign import explained
from splinework.interpret.edit.difference import Edited, change, unconstrained
from splinework.interpret.edit.parts import everything, rearranged
from splinework.interpret.edit.places import hidden_of
from splinework.interpret.edit.refit import anchored_fit, anchors
from splinework.nn.arrays import data_of
from splinework.nn.edge_functions import EdgeFunction
from splinework.nn.frame.framed import within_frame
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.trace import trace


@torch.no_grad()
@explained
@within_frame
def merge(model: KAN, x: Any, first: Sequence[int] | str, second: Sequence[int] | str) -> Edited:
    """Returns a model in which one hidden node takes over the edges of another one.

    The values of the second node are replaced by `α h + β` with the values h of the first, by least squares on x, and its
    outgoing edges are added to those of the first. Exact where the nodes have equal values, or proportional ones and
    the sums of the edges lie in the span of the first one's grid; the change on x is returned.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`, at least two rows: a tensor, an array or a frame.
        first: The node that stays, `(layer, n)` or a name such as `h2`.
        second: The node that goes, of the same layer.

    Returns:
        The smaller model, and by how much it differs on x.

    Raises:
        ConfigError: If there are no two such hidden nodes in one layer, or the model fulfils axioms by construction.
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold numbers, or some are not finite.

    Example:
        >>> import splinework as sw
        >>> model, x = sw.KAN([2, 3, 1], dtype=torch.float64), torch.rand(50, 2, dtype=torch.float64)
        >>> merge(split(model, "h2"), x, "h2", "h3").change < 1e-9
        True
    """
    (layer, keep), (other, gone) = hidden_of(unconstrained(model, "merge"), first), hidden_of(model, second)
    if layer != other or keep == gone:
        raise ConfigError(f"merge takes two hidden nodes of one layer, got {(layer, keep)} and {(other, gone)}.")
    data = data_of(model, x)
    if data.shape[0] < 2:
        raise ShapeError(f"merge compares the nodes on at least 2 rows, got {data.shape[0]}.")
    values = trace(model, data).layers[layer - 1].nodes
    h, g = values[:, keep], values[:, gone]
    spread = (h - h.mean()).square().sum()
    alpha = ((h - h.mean()) * (g - g.mean())).sum() / torch.where(spread > 0, spread, torch.ones_like(spread))
    merged = copy.deepcopy(model)
    _take_over(merged.kan_layers[layer], keep, gone, float(alpha), float(g.mean() - alpha * h.mean()), values)
    origins = everything(model)
    origins[layer].remove(gone)
    merged = rearranged(merged, origins)
    return Edited(merged, change(model, merged, data))


@torch.no_grad()
@explained
@within_frame
def split(model: KAN, node: Sequence[int] | str, *, seed: int = 0) -> KAN:
    """Returns a model with two copies of a hidden node, which share its outgoing edges; the function is the same, exactly.

    The shares are random, between a quarter and three quarters of each edge, so that training can move the copies apart.

    Args:
        model: The network; unchanged.
        node: The node, `(layer, n)` or a name such as `h2`; the copy comes after it.
        seed: Seed of the shares.

    Returns:
        The wider model.

    Raises:
        ConfigError: If there is no such hidden node, or the model fulfils axioms by construction.

    Example:
        >>> import splinework as sw
        >>> model, x = sw.KAN([2, 3, 1], dtype=torch.float64), torch.rand(10, 2, dtype=torch.float64)
        >>> wider = split(model, (1, 0))
        >>> wider.config.shape, bool((wider(x) - model(x)).abs().max() < 1e-12)
        ([2, 4, 1], True)
    """
    layer, n = hidden_of(unconstrained(model, "split"), node)
    origins = everything(model)
    origins[layer].insert(n, n)
    wider = rearranged(model, origins)
    outgoing = wider.kan_layers[layer]
    share = 0.25 + 0.5 * torch.rand(outgoing.outputs, generator=torch.Generator().manual_seed(seed))
    share = share.to(outgoing.coefficients)
    for row, part in ((n, share), (n + 1, 1 - share)):
        outgoing.coefficients[row] *= part
        if outgoing.base_weight is not None:
            outgoing.base_weight[row] *= part
    if outgoing.functions is not None:
        parts = {n: share, n + 1: 1 - share}
        outgoing.set_functions([scaled(e, parts[e.i][e.j]) if e.i in parts else e for e in outgoing.functions.edges()])
    return wider


def scaled(edge: EdgeFunction, factor: Tensor | float) -> EdgeFunction:
    """An edge that is a function, times a factor."""
    numbers = edge.numbers.clone()
    numbers[2:4] *= factor
    return replace(edge, numbers=numbers)


def _take_over(layer: KANLayer, keep: int, gone: int, alpha: float, beta: float, values: Tensor) -> None:
    """Adds the edges of the input `gone` to those of `keep` in place, where the one is `α u + β` with u the other.

    Args:
        layer: The layer.
        keep: The input that stays.
        gone: The input that goes.
        alpha: The factor.
        beta: The constant.
        values: The inputs of the layer on the data, `(B, I)`.
    """
    functions = [] if layer.functions is None else layer.functions.edges()
    moved = []
    for edge in functions:
        if edge.i == gone and not layer.alive[keep, edge.j]:
            a, b = edge.numbers[:2].tolist()
            numbers = edge.numbers.clone()
            numbers[0], numbers[1] = a * alpha, b + a * beta
            moved.append(replace(edge, i=keep, numbers=numbers))
    taken = {edge.j for edge in moved}
    refit = [j for j in layer.alive[gone].nonzero().flatten().tolist() if j not in taken]
    found = _sum_of_edges(layer, keep, gone, alpha, beta, values)[:, refit]
    size = layer.basis.size
    if functions:
        rest = [edge for edge in functions if edge.i != gone and not (edge.i == keep and edge.j in refit)]
        layer.set_functions([*rest, *moved])
    layer.mask[keep, refit] = 1.0
    layer.spline_weight[keep, refit] = 1.0
    layer.coefficients[keep, :, refit] = found[:size]
    if layer.base_weight is not None:
        layer.base_weight[keep, refit] = found[size]


def _sum_of_edges(layer: KANLayer, keep: int, gone: int, alpha: float, beta: float, values: Tensor) -> Tensor:
    """Coefficients on the grid of `keep` closest to the sums of its edges and those of `gone`, `(size, J)`."""
    layer = copy.deepcopy(layer).double()
    table = layer.table()
    seen, between = values[:, keep].double(), anchors(table, table)[:, keep]
    points = values.new_zeros(len(seen) + len(between), layer.inputs, dtype=torch.float64)
    points[:, keep] = torch.cat([seen, between])
    points[:, gone] = alpha * points[:, keep] + beta
    edges = layer.edges(points)
    rows = table.rows(layer.squash(points))[:, keep]
    return anchored_fit(rows, edges[:, keep] + edges[:, gone], len(seen)).to(values)
