"""Record of all activations of a network for given inputs; the model itself stores nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.nn.arrays import inputs_of
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN


@dataclass(frozen=True)
class LayerTrace:
    """Activations of one layer.

    Attributes:
        inputs: Pre-activations `(B, I)`.
        edges: Post-activations `(B, I, J)`.
        sums: Sums of the edges, with bias, `(B, J)`.
        nodes: Outputs of the nodes, `(B, N)`, the inputs of the next layer.
    """

    inputs: Tensor
    edges: Tensor
    sums: Tensor
    nodes: Tensor


@dataclass(frozen=True)
class Trace:
    """Activations of all layers in network units (see `KAN.input_scaling`), and the raw `outputs` `(B, J)`."""

    layers: tuple[LayerTrace, ...]
    outputs: Tensor

    def edge(self, layer: int, i: int, j: int) -> tuple[Tensor, Tensor]:
        """Input and output values of one edge, each `(B,)`.

        Raises:
            ConfigError: If there is no such edge.
        """
        _check_edge([(each.edges.shape[1], each.edges.shape[2]) for each in self.layers], layer, i, j)
        record = self.layers[layer]
        return record.inputs[:, i], record.edges[:, i, j]


def _check_edge(shapes: Sequence[tuple[int, int]], layer: int, i: int, j: int) -> None:
    """Checks that there is an edge from node i to sum j of a layer, whose inputs and sums are `shapes[layer]`."""
    if not all(isinstance(n, int) for n in (layer, i, j)):
        raise ConfigError(f"an edge is given by three whole numbers, layer, i and j, got {(layer, i, j)}.")
    inside = -len(shapes) <= layer < len(shapes)
    if not inside or not all(-n <= k < n for n, k in zip(shapes[layer], (i, j), strict=True)):
        known = "; ".join(f"layer {l} (0, 0) to ({n - 1}, {m - 1})" for l, (n, m) in enumerate(shapes))
        raise ConfigError(f"there is no edge ({layer}, {i}, {j}); the edges (i, j) are: {known}.")


@explained
def trace(model: KAN | FramedKAN, x: Any) -> Trace:
    """Every pre- and post-activation of the model at x; differentiable in x, if it is a tensor, and in the parameters.

    Args:
        model: The network; for one in a frame, the network inside is recorded.
        x: Data in raw units, `(B, inputs)`: a tensor, an array or a frame; converted to the model's dtype.

    Returns:
        The activations of every layer.

    Raises:
        ShapeError: If x is not `(B, inputs)`.
        DataError: If x does not hold numbers.

    >>> import torch
    >>> trace(KAN([2, 3, 1]), torch.zeros(4, 2)).layers[0].edges.shape
    torch.Size([4, 2, 3])
    """
    if isinstance(model, FramedKAN):
        x, model = model.inside(x), model.network
    records = []
    u = model.input_scaling(inputs_of(model, x))
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        edges = layer.edges(u)
        sums = edges.sum(dim=1)
        if layer.bias is not None:
            sums = sums + layer.bias
        after = nodes.combine(sums)
        records.append(LayerTrace(u, edges, sums, after))
        u = after
    return Trace(tuple(records), model.output_scaling.inverse(u))
