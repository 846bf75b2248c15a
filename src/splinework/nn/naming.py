"""Names of nodes and edges, and the edge that a user names."""

import operator
from collections.abc import Sequence
from typing import Any

from splinework.errors import ConfigError, nearest
from splinework.nn.network import KAN

Place = tuple[int, int, int]
"""Layer, input and sum of an edge."""


def node_names(model: KAN, names: Sequence[str], output_names: Sequence[str]) -> list[list[str]]:
    """Names of all nodes by layer: the given ones, and `h3` or, with several hidden layers, `h2.3` for hidden nodes."""
    deep = len(model.config.nodes) > 3
    hidden = [
        [f"h{l}.{n + 1}" if deep else f"h{n + 1}" for n in range(nodes.width)]
        for l, nodes in enumerate(model.config.nodes[1:-1], start=1)
    ]
    return [list(names), *hidden, list(output_names)]


def sum_names(model: KAN) -> list[list[str]]:
    """Names of the sums of every layer of edges: those of their nodes, with the factor of a product."""
    names = node_names(model, model.config.input_names, model.config.output_names)
    found = []
    for l, nodes in enumerate(model.config.nodes[1:], start=1):
        groups = zip(names[l], nodes.groups, strict=True)
        found.append(
            [f"{n}, factor {k + 1}" if len(group) > 1 else n for n, group in groups for k in range(len(group))]
        )
    return found


def edge_names(model: KAN, keys: Sequence[Place]) -> list[tuple[str, str]]:
    """Names of source and target of each edge `(layer, input, sum)`, with the factor of a product."""
    names, sums = node_names(model, model.config.input_names, model.config.output_names), sum_names(model)
    return [(names[l][i], sums[l][j]) for l, i, j in keys]


def edge_place(model: KAN, edge: Any) -> Place:
    """The edge that a user names.

    Args:
        model: The network.
        edge: `(layer, input, sum)`, where input and sum are indices or names; or the two names alone, such as `("x1", "h2")`.

    Raises:
        ConfigError: If there is no such edge; with the nearest ones.

    >>> edge_place(KAN([2, 3, 1]), ("x2", "h1")), edge_place(KAN([2, 3, 1]), (1, 2, "y"))
    ((0, 1, 0), (1, 2, 0))
    """
    names, sums = node_names(model, model.config.input_names, model.config.output_names), sum_names(model)
    layers = range(len(sums))
    if not isinstance(edge, Sequence) or isinstance(edge, str) or len(edge) not in (2, 3):
        raise ConfigError(
            f"an edge is (layer, input, sum), such as (0, 1, 2), or two names, such as {(names[0][0], sums[0][0])!r}; got "
            f"{edge!r:.60}."
        )
    wanted = edge if len(edge) == 3 else (None, *edge)
    for l in layers:
        if wanted[0] is None or _index(wanted[0]) == l:
            i, j = _found(wanted[1], names[l]), _found(wanted[2], sums[l])
            if i is not None and j is not None:
                return l, i, j
    every = [(l, i, j) for l in layers for i in range(len(names[l])) for j in range(len(sums[l]))]
    known = [str((names[l][i], sums[l][j])) for l, i, j in every] if len(edge) == 2 else [str(place) for place in every]
    shown = str(tuple(edge))
    raise ConfigError(f"the model has no edge {shown}; {nearest(shown, known)} Its layers have {_sizes(model)} edges.")


def refuse_functions(model: KAN, what: str) -> None:
    """Checks that all edges of a network are splines of their layers.

    Raises:
        ConfigError: If one is a function; with the way out.
    """
    for l, layer in enumerate(model.kan_layers):
        for edge in [] if layer.functions is None else layer.functions.edges():
            source, target = edge_names(model, [(l, edge.i, edge.j)])[0]
            raise ConfigError(
                f"{what} take networks of splines, and the edge {source} → {target} is the function {edge.family.name!r}; make "
                f"it a spline by free(model, {(l, edge.i, edge.j)})."
            )


def _sizes(model: KAN) -> str:
    return ", ".join(f"{layer.inputs} × {layer.outputs}" for layer in model.kan_layers)


def _index(value: Any) -> int | None:
    if isinstance(value, (str, bool)):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _found(value: Any, names: Sequence[str]) -> int | None:
    """The index of a node that is given by index or name."""
    if isinstance(value, str):
        return names.index(value) if value in names else None
    index = _index(value)
    return index if index is not None and 0 <= index < len(names) else None
