"""The order of hidden nodes, which the function does not depend on, and how far apart it puts those that are connected."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.interpret.edit.parts import everything, rearranged
from splinework.interpret.edit.places import hidden_layer_of, hidden_of
from splinework.interpret.scores import attribution
from splinework.nn.frame.framed import within_frame
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes

Floats = NDArray[np.float64]


@explained
@within_frame
def permute(model: KAN, layer: int, order: Sequence[int]) -> KAN:
    """Returns a model with the nodes of one hidden layer in another order and the same function, exactly.

    Args:
        model: The network; unchanged.
        layer: The hidden layer, counted from 1.
        order: The present indices of its nodes in their new order; sum nodes stay before products.

    Returns:
        The model in the new order.

    Raises:
        ConfigError: If there is no such hidden layer, or `order` is no such permutation.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> model, x = sw.KAN([2, 3, 1]), torch.rand(10, 2)
        >>> torch.allclose(permute(model, 1, [2, 0, 1])(x), model(x))
        True
    """
    at = hidden_layer_of(model, layer)
    shape, wanted = model.config.nodes[at], [int(n) for n in order]
    if sorted(wanted) != list(range(shape.width)):
        raise ConfigError(f"order lists every node of layer {at} once, {list(range(shape.width))}, got {wanted}.")
    if any(n >= shape.sums for n in wanted[: shape.sums]):
        raise ConfigError(
            f"sum nodes stay before products: the first {shape.sums} of order come from {list(range(shape.sums))}, got "
            f"{wanted}."
        )
    origins = everything(model)
    origins[at] = wanted
    return rearranged(model, origins)


@explained
@within_frame
def swap(model: KAN, layer: int, first: int, second: int) -> KAN:
    """Returns a model in which two nodes of a hidden layer have changed places; the function is the same, exactly.

    Args:
        model: The network; unchanged.
        layer: The hidden layer, counted from 1.
        first: Index of a node.
        second: Index of another one of its kind, a sum or a product.

    Returns:
        The model in the new order.

    Raises:
        ConfigError: If there is no such node, or one is a sum and the other a product.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> model, x = sw.KAN([2, 3, 1]), torch.rand(10, 2)
        >>> torch.allclose(swap(model, 1, 0, 2)(x), model(x))
        True
    """
    at, i = hidden_of(model, (layer, first))
    order = list(range(model.config.nodes[at].width))
    j = hidden_of(model, (layer, second), "sums" if i < model.config.nodes[at].sums else "products")[1]
    order[i], order[j] = j, i
    return permute(model, at, order)


@explained
@within_frame
def connection_cost(model: KAN, x: Any) -> float:
    """The length of the connections, `Σ |p_i − p_j| A_ij` over the edges, with positions p in (0, 1) and attribution A.

    Liu et al. 2024b (arXiv 2408.10205), §4.2; node n of N is at `(n + ½) / N`.

    Args:
        model: The network.
        x: Data in raw units, `(B, inputs)`, at least two rows: a tensor, an array or a frame.

    Returns:
        The cost.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold numbers, or some are not finite.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> connection_cost(sw.KAN([2, 3, 1]), torch.rand(10, 2)) > 0
        True
    """
    return _length(_scores(model, x), model.config.nodes)


@explained
@within_frame
def auto_swap(model: KAN, x: Any) -> KAN:
    """Returns a model whose hidden nodes are in an order of low connection cost; the function is the same, exactly.

    Given the order of its neighbours, the best order of a layer is a linear assignment, node to place, which is solved exactly
    (Kuhn–Munkres); the layers take turns until the cost no longer falls. Products change places with those of their arity.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`, at least two rows: a tensor, an array or a frame.

    Returns:
        The model in the new order.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold numbers, or some are not finite.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> model, x = sw.KAN([4, 4, 2]), torch.rand(50, 4)
        >>> connection_cost(auto_swap(model, x), x) <= connection_cost(model, x)
        True
    """
    nodes, scores = model.config.nodes, _scores(model, x)
    orders = everything(model)
    cost = _length(scores, nodes)
    while True:
        for layer in range(1, len(nodes) - 1):
            order = _best_order(scores[layer - 1], scores[layer], nodes[layer])
            orders[layer] = [orders[layer][n] for n in order]
            scores[layer - 1] = scores[layer - 1][:, [j for n in order for j in nodes[layer].groups[n]]]
            scores[layer] = scores[layer][order]
        before, cost = cost, _length(scores, nodes)
        if not cost < before - 1e-12 * before:
            return rearranged(model, orders)


def _scores(model: KAN, x: Any) -> list[Floats]:
    return [edges.double().cpu().numpy() for edges in attribution(model, x).edges]


def _places(count: int) -> Floats:
    return (np.arange(count) + 0.5) / count


def _length(scores: Sequence[Floats], nodes: Sequence[Nodes]) -> float:
    between = (np.abs(_places(a.width)[:, None] - _places(b.fan_in)) for a, b in pairwise(nodes))
    return float(sum((distance * score).sum() for distance, score in zip(between, scores, strict=True)))


def _best_order(into: Floats, out: Floats, shape: Nodes) -> list[int]:
    """The order of the nodes of a layer for which its edges, `(I, fan_in)` and `(width, J)`, are shortest."""
    before = np.abs(_places(shape.fan_in)[:, None] - _places(len(into))) @ into  # (place of a sum, sum)
    after = np.abs(_places(shape.width)[:, None] - _places(out.shape[1])) @ out.T  # (place of a node, node)
    arity = [len(group) for group in shape.groups]
    order = list(range(shape.width))
    for kind in {(n >= shape.sums, arity[n]) for n in order}:
        own = [n for n in range(shape.width) if (n >= shape.sums, arity[n]) == kind]
        cost = np.array(
            [
                [
                    after[p, n] + sum(before[q, j] for q, j in zip(shape.groups[p], shape.groups[n], strict=True))
                    for n in own
                ]
                for p in own
            ]
        )
        for place, node in zip(*linear_sum_assignment(cost), strict=True):
            order[own[place]] = own[node]
    return order
