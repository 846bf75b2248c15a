"""Sum nodes made products, and products made sums."""

import copy
import math
from collections.abc import Sequence
from typing import Any

import torch

from splinework.errors import ConfigError, ShapeError
from splinework.errors.foreign import explained
from splinework.interpret.edit.difference import Edited, change, unconstrained
from splinework.interpret.edit.merging import scaled
from splinework.interpret.edit.parts import everything, rearranged
from splinework.interpret.edit.places import hidden_of
from splinework.nn.arrays import data_of
from splinework.nn.frame.framed import within_frame
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.nn.trace import trace


@torch.no_grad()
@explained
@within_frame
def to_product(model: KAN, node: Sequence[int] | str, *, arity: int = 2) -> KAN:
    """Returns a model in which a hidden sum node is a product; the function is the same, exactly.

    The further factors have edges that are zero and a bias of one; a fit may change them. The product becomes the last node of
    its layer.

    Args:
        model: The network; unchanged.
        node: The sum node, `(layer, n)` or a name such as `h2`.
        arity: Number of factors.

    Returns:
        The model with the product.

    Raises:
        ConfigError: If there is no such hidden sum node, arity is below 2, or the model has no biases or fulfils axioms by
            construction.

    Example:
        >>> import splinework as sw
        >>> model, x = sw.KAN([2, 3, 1]), torch.rand(10, 2)
        >>> new = to_product(model, "h1")
        >>> new.config.shape, torch.allclose(new(x), model(x))
        ([2, (2, 1), 1], True)
    """
    layer, n = hidden_of(unconstrained(model, "to_product"), node, "sums")
    if isinstance(arity, bool) or not isinstance(arity, int) or arity < 2:
        raise ConfigError(f"arity is a number of factors of at least 2, got {arity!r}.")
    if not model.config.bias:
        raise ConfigError("to_product needs a network with biases, for the factor of one; this one has bias=False.")
    old = model.config.nodes[layer]
    order = [*(other for other in range(old.width) if other != n), n]
    sums = [*(j for other in order[:-1] for j in old.groups[other]), n, *[None] * (arity - 1)]
    product = _of_another_kind(model, layer, order, Nodes(old.sums - 1, (*old.products, arity)), sums)
    factors, new = product.kan_layers[layer - 1], range(old.fan_in, old.fan_in + arity - 1)
    factors.coefficients[:, :, new] = 0.0
    if factors.base_weight is not None:
        factors.base_weight[:, new] = 0.0
    assert factors.bias is not None
    factors.bias[new] = 1.0
    return product


@torch.no_grad()
@explained
@within_frame
def to_sum(model: KAN, x: Any, node: Sequence[int] | str) -> Edited:
    """Returns a model in which a hidden product node is a sum of the same edges, scaled.

    The product of the factors is replaced by its linear part at their means m on x, `Π m + Σ_k (u_k − m_k) Π_{l≠k} m_l`: exact if
    all factors but one are constant, as after `to_product`. The sum becomes the last one of its layer.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`: a tensor, an array or a frame.
        node: The product node, `(layer, n)` or a name such as `h2`.

    Returns:
        The model with the sum, and by how much it differs on x.

    Raises:
        ConfigError: If there is no such hidden product, two of its factors have functions on one input, or the model has no
            biases or fulfils axioms by construction.
        ShapeError: If x has another number of columns, or no rows.
        DataError: If x does not hold numbers, or some are not finite.

    Example:
        >>> import splinework as sw
        >>> model, x = sw.KAN([2, 3, 1]), torch.rand(10, 2)
        >>> to_sum(to_product(model, "h1"), x, "h3").change < 1e-6
        True
    """
    layer, n = hidden_of(unconstrained(model, "to_sum"), node, "products")
    if not model.config.bias:
        raise ConfigError("to_sum needs a network with biases, for the constant; this one has bias=False.")
    data = data_of(model, x)
    if data.shape[0] < 1:
        raise ShapeError("to_sum needs data for the means of the factors, got no rows; pass at least one.")
    old = model.config.nodes[layer]
    group = old.groups[n]
    means = trace(model, data).layers[layer - 1].sums[:, list(group)].mean(0).tolist()
    rest = [math.prod(means[:k] + means[k + 1 :]) for k in range(len(group))]
    linear = copy.deepcopy(model)
    _add_sums(linear.kan_layers[layer - 1], group, rest, -(len(group) - 1) * math.prod(means))
    others = [other for other in range(old.sums, old.width) if other != n]
    sums = [*range(old.sums), group[0], *(j for other in others for j in old.groups[other])]
    shape = Nodes(old.sums + 1, tuple(len(old.groups[other]) for other in others))
    new = _of_another_kind(linear, layer, [*range(old.sums), n, *others], shape, sums)
    return Edited(new, change(model, new, data))


def _of_another_kind(model: KAN, layer: int, order: list[int], shape: Nodes, sums: Sequence[int | None]) -> KAN:
    """The model with the nodes of a layer in another order and of other kinds, and the old sum of each sum."""
    origins, nodes = everything(model), list(model.config.nodes)
    origins[layer], nodes[layer] = order, shape
    return rearranged(model, origins, nodes=nodes, sums={layer: sums})


def _add_sums(layer: KANLayer, group: Sequence[int], factors: Sequence[float], constant: float) -> None:
    """Makes the first sum of a group in place `constant + Σ_k factor_k · sum_k`."""
    first, weights = group[0], layer.coefficients.new_tensor(factors)
    values = layer.edge_coefficients()[:, :, list(group)] @ weights
    functions = [] if layer.functions is None else layer.functions.edges()
    moved = [edge for edge in functions if edge.j in group]
    for n, edge in enumerate(moved):
        if edge.i in [other.i for other in moved[:n]] or bool((values[edge.i] != 0).any()):
            raise ConfigError(
                f"to_sum cannot add a function to another edge, and input {edge.i} of the layer has one for several factors; "
                "make it a spline first: sw.free(model, edge)."
            )
    layer.mask[:, first] = (layer.mask[:, list(group)] != 0).any(1).to(layer.mask)
    layer.spline_weight[:, first] = 1.0
    layer.coefficients[:, :, first] = values[:, : layer.basis.size]
    if layer.base_weight is not None:
        layer.base_weight[:, first] = values[:, layer.basis.size]
    assert layer.bias is not None
    layer.bias[first] = (layer.bias[list(group)] * weights).sum() + constant
    if functions:
        sums = [scaled(edge.at(edge.i, first), factors[group.index(edge.j)]) for edge in moved]
        layer.set_functions([*(edge for edge in functions if edge.j not in group), *sums])
