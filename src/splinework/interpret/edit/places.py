"""Edges, nodes and inputs of a network as users name them, by index or by name, checked to exist."""

import operator
from collections.abc import Sequence
from typing import Any

from splinework.errors import ConfigError, nearest
from splinework.nn.network import KAN

Edge = tuple[int, int, int]
"""Layer of edges, input of the layer, sum of the layer."""
Node = tuple[int, int]
"""Layer of nodes, the inputs being layer 0, and node."""


def input_of(model: KAN, place: Any) -> int:
    """Index of an input given by index or name.

    Raises:
        ConfigError: If there is none.
    """
    return _index(place, model.config.input_names, "input")


def edge_of(model: KAN, place: Any) -> Edge:
    """The edge `(layer, i, j)` from node i of a layer to sum j of the next; inputs and outputs also by their names.

    Raises:
        ConfigError: If there is none, or it has been removed.
    """
    parts = _parts(place, 3, "an edge is (layer, i, j), such as (0, 1, 2)")
    layer = _layer(parts[0], range(len(model.kan_layers)), "layer of edges")
    own, config = model.kan_layers[layer], model.config
    last = layer == len(model.kan_layers) - 1 and not config.nodes[-1].products
    before = config.input_names if layer == 0 else range(own.inputs)
    after = config.output_names if last else range(own.outputs)
    edge = layer, _index(parts[1], before, f"input of layer {layer}"), _index(parts[2], after, f"sum of layer {layer}")
    if own.mask[edge[1:]] == 0:
        alive = [(layer, *pair) for pair in own.mask.nonzero().tolist()]
        alive.sort(key=lambda other: abs(other[1] - edge[1]) + abs(other[2] - edge[2]))
        raise ConfigError(
            f"the edge {edge} has been removed; the nearest of the {len(alive)} in its layer: {alive[:12]}."
        )
    return edge


def hidden_of(model: KAN, place: Any, kinds: str = "sums products") -> Node:
    """The hidden node `(layer, n)`.

    Args:
        model: The network.
        place: The node as the user names it.
        kinds: Kinds of nodes that are meant: `sums`, `products` or both.

    Raises:
        ConfigError: If there is none, or it is of another kind.
    """
    parts = _parts(place, 2, "a hidden node is (layer, n), such as (1, 0)")
    layer = hidden_layer_of(model, parts[0])
    shape = model.config.nodes[layer]
    node = _index(parts[1], range(shape.width), f"node of layer {layer}")
    kind = "sums" if node < shape.sums else "products"
    if kind not in kinds:
        other = range(shape.sums) if kinds == "sums" else range(shape.sums, shape.width)
        raise ConfigError(
            f"node {(layer, node)} is one of the {kind}; the {kinds} of that layer: {[(layer, n) for n in other]}."
        )
    return layer, node


def hidden_layer_of(model: KAN, layer: Any) -> int:
    """Index of a hidden layer of nodes, from 1.

    Raises:
        ConfigError: If there is none.
    """
    return _layer(layer, range(1, len(model.config.nodes) - 1), "hidden layer")


def _layer(layer: Any, known: Sequence[int], what: str) -> int:
    if not known:
        raise ConfigError(f"the model has no {what}, got {layer!r}; widen or deepen it first.")
    return known[_index(layer, known, what)]


def _parts(place: Any, count: int, form: str) -> list[Any]:
    if isinstance(place, str) or not isinstance(place, Sequence) or len(place) != count:
        raise ConfigError(f"{form}; got {place!r}.")
    return list(place)


def _index(place: Any, known: Sequence[Any], what: str) -> int:
    """Position of an entry of `known`, which are names, counted from 0, or indices themselves."""
    if isinstance(place, str) and place in known:
        return known.index(place)
    numbers = known if isinstance(known, range) else range(len(known))
    try:
        index = operator.index(place)
    except TypeError:
        listed = f" {nearest(place, known)}" if isinstance(place, str) and not isinstance(known, range) else ""
        raise ConfigError(f"there is no {what} {place!r}; they are {list(known)}.{listed}") from None
    if index not in numbers:
        near = min(numbers, key=lambda other: abs(other - index))
        raise ConfigError(f"there is no {what} {index}; the nearest is {near}, they are {list(known)}.")
    return numbers.index(index)
