"""Edges, nodes and inputs of a network as users name them, by index or by name, checked to exist."""

import operator
from collections.abc import Sequence
from typing import Any

from splinework.errors import ConfigError, nearest
from splinework.nn.naming import Place, edge_place, node_names
from splinework.nn.network import KAN

Node = tuple[int, int]
"""Layer of nodes, the inputs being layer 0, and node."""


def input_of(model: KAN, place: Any) -> int:
    """Index of an input given by index or name."""
    return _index(place, model.config.input_names, "input")


def edge_of(model: KAN, place: Any) -> Place:
    """The edge that a user names, see `edge_place`, if it has not been removed.

    Raises:
        ConfigError: If there is none, or no longer.
    """
    layer, i, j = edge_place(model, place)
    alive = model.kan_layers[layer].alive
    if not alive[i, j]:
        near = sorted(alive.nonzero().tolist(), key=lambda other: abs(other[0] - i) + abs(other[1] - j))
        listed = [(layer, *pair) for pair in near[:12]]
        raise ConfigError(
            f"the edge {(layer, i, j)} has been removed; the nearest of the {len(near)} in its layer: {listed}."
        )
    return layer, i, j


def hidden_of(model: KAN, place: Any, kinds: str = "sums products") -> Node:
    """The hidden node that a user names, as `(layer, n)` or by a name such as `h2`.

    Args:
        model: The network.
        place: The node as the user names it.
        kinds: Kinds of nodes that are meant: `sums`, `products` or both.

    Raises:
        ConfigError: If there is none, or it is of another kind.
    """
    names = node_names(model, model.config.input_names, model.config.output_names)[1:-1]
    if isinstance(place, str):
        every = {name: (layer, n) for layer, level in enumerate(names, start=1) for n, name in enumerate(level)}
        if place not in every:
            raise ConfigError(f"there is no hidden node {place!r}; {nearest(place, every)}")
        place = every[place]
    if not isinstance(place, Sequence) or len(place) != 2:
        raise ConfigError(f"a hidden node is (layer, n), such as (1, 0), or its name, such as 'h1'; got {place!r:.80}.")
    layer = hidden_layer_of(model, place[0])
    shape = model.config.nodes[layer]
    node = _index(place[1], range(shape.width), f"node of layer {layer}")
    kind = "sums" if node < shape.sums else "products"
    if kind not in kinds:
        other = range(shape.sums) if kinds == "sums" else range(shape.sums, shape.width)
        raise ConfigError(
            f"node {(layer, node)} is one of the {kind}; the {kinds} of that layer: {[(layer, n) for n in other]}."
        )
    return layer, node


def hidden_layer_of(model: KAN, layer: Any) -> int:
    """Index of a hidden layer of nodes, from 1."""
    known = range(1, len(model.config.nodes) - 1)
    if not known:
        raise ConfigError(f"the model has no hidden layer, got {layer!r:.80}; deepen it first.")
    return known[_index(layer, known, "hidden layer")]


def _index(place: Any, known: Sequence[Any], what: str) -> int:
    """Position of an entry of `known`, which are names, counted from 0, or indices themselves."""
    if isinstance(place, str) and place in known:
        return known.index(place)
    numbers = known if isinstance(known, range) else range(len(known))
    try:
        index = operator.index(place)
    except TypeError:
        similar = f" {nearest(place, known)}" if isinstance(place, str) and not isinstance(known, range) else ""
        raise ConfigError(f"there is no {what} {place!r:.80}; they are {list(known)}.{similar}") from None
    if index not in numbers:
        near = min(numbers, key=lambda other: abs(other - index))
        raise ConfigError(f"there is no {what} {index}; the nearest is {near}, they are {list(known)}.")
    return numbers.index(index)
