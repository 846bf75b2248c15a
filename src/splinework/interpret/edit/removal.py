"""Removal of single edges, nodes and inputs by hand."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.errors.foreign import explained
from splinework.interpret.edit.difference import Edited, change, check_paths
from splinework.interpret.edit.places import edge_of, hidden_of, input_of
from splinework.interpret.edit.pruning import without_columns, without_edges
from splinework.nn.arrays import data_of
from splinework.nn.frame.framed import within_frame
from splinework.nn.network import KAN


@explained
@within_frame
def remove_edge(model: KAN, x: Any, edge: Sequence[int | str]) -> Edited:
    """Returns the model without one edge; its mean on x goes to the bias of its sum.

    Nodes that lose their last edge go, too.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`: a tensor, an array or a frame.
        edge: `(layer, input, sum)` by index or name, or two names, such as `("x1", "h2")`.

    Returns:
        The smaller model, and by how much it differs on x.

    Raises:
        ConfigError: If there is no such edge, or it is the last path to an output that varies on x.
        ShapeError: If x has another number of columns, or no rows.
        DataError: If x does not hold numbers, or some are not finite.

    Example:
        >>> import splinework as sw
        >>> model, x = sw.KAN([2, 1]), torch.rand(10, 2)
        >>> remove_edge(model, x, ("x2", "y")).model.active_inputs()
        ['x1']
    """
    layer, i, j = edge_of(model, edge)

    def gone(keep: list[Tensor]) -> None:
        keep[layer][i, j] = False

    return _removed(model, x, gone, f"removing the edge {(layer, i, j)}")


@explained
@within_frame
def remove_node(model: KAN, x: Any, node: Sequence[int] | str) -> Edited:
    """Returns the model without one hidden node; the means of its edges on x go to the biases.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`: a tensor, an array or a frame.
        node: `(layer, n)`, where layer 0 are the inputs, so that hidden layers count from 1; or its name, such as `h2`.

    Returns:
        The smaller model, and by how much it differs on x.

    Raises:
        ConfigError: If there is no such hidden node, or every path to an output that varies on x passes through it.
        ShapeError: If x has another number of columns, or no rows.
        DataError: If x does not hold numbers, or some are not finite.

    Example:
        >>> import splinework as sw
        >>> model, x = sw.KAN([2, 3, 1]), torch.rand(10, 2)
        >>> remove_node(model, x, (1, 0)).model.config.shape
        [2, 2, 1]
    """
    layer, n = hidden_of(model, node)

    def gone(keep: list[Tensor]) -> None:
        keep[layer][n] = False
        keep[layer - 1][:, list(model.config.nodes[layer].groups[n])] = False

    return _removed(model, x, gone, f"removing the node {(layer, n)}")


@explained
@within_frame
def remove_input(model: KAN, x: Any, input: int | str) -> Edited:
    """Returns the model that takes x without one column; the means of the input's edges on x go to the biases.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`, with the column: a tensor, an array or a frame.
        input: Index or name of the input.

    Returns:
        The narrower model, and by how much it differs on x.

    Raises:
        ConfigError: If there is no such input, every path to an output that varies on x starts at it, or an axiom that the model
            fulfils by construction is about it.
        ShapeError: If x has another number of columns, or no rows.
        DataError: If x does not hold numbers, or some are not finite.

    Example:
        >>> import splinework as sw
        >>> model, x = sw.KAN([3, 4, 1], names=["mass", "speed", "colour"]), torch.rand(10, 3)
        >>> remove_input(model, x, "colour").model.config.input_names
        ('mass', 'speed')
    """
    at = input_of(model, input)
    name = model.config.input_names[at]

    def gone(keep: list[Tensor]) -> None:
        keep[0][at] = False

    smaller, changed = _removed(model, x, gone, f"removing the input {name!r}")
    return Edited(without_columns(smaller, [other for other in model.config.input_names if other != name]), changed)


@torch.no_grad()
def _removed(model: KAN, x: Any, gone: Callable[[list[Tensor]], None], what: str) -> Edited:
    """The model without the edges that `gone` takes out of a mask of all, and by how much it differs."""
    keep = [layer.alive for layer in model.kan_layers]
    gone(keep)
    data = data_of(model, x)
    smaller = without_edges(model, data, keep)
    check_paths(model, data, keep, what)
    return Edited(smaller, change(model, smaller, data))
