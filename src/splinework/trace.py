"""A record of everything that happens inside a network for given inputs; the model itself keeps nothing."""

from dataclasses import dataclass

from torch import Tensor

from splinework.errors import ShapeError
from splinework.layer import check_columns
from splinework.network import KAN


@dataclass(frozen=True)
class LayerTrace:
    """One layer: `inputs` (B, I) are the pre-activations, `edges` (B, I, J) the post-activations, `sums` (B, J) with bias,
    `nodes` (B, N) what goes on to the next layer."""

    inputs: Tensor
    edges: Tensor
    sums: Tensor
    nodes: Tensor


@dataclass(frozen=True)
class Trace:
    """All layers, and the raw `outputs` (B, J). The layers are in network units, see `KAN.input_scaling`."""

    layers: tuple[LayerTrace, ...]
    outputs: Tensor

    def edge(self, layer: int, i: int, j: int) -> tuple[Tensor, Tensor]:
        """Input and output values of one edge, each `(B,)`."""
        record = self.layers[layer]
        return record.inputs[:, i], record.edges[:, i, j]


def trace(model: KAN, x: Tensor) -> Trace:
    """Every pre- and post-activation of the model at x `(B, inputs)`; differentiable.

    Raises:
        ShapeError: If x is not `(B, inputs)`.
        DtypeError: If x has another dtype or device than the model.

    >>> import torch
    >>> trace(KAN([2, 3, 1]), torch.zeros(4, 2)).layers[0].edges.shape
    torch.Size([4, 2, 3])
    """
    check_columns(model, x, model.inputs)
    if x.dim() != 2:
        raise ShapeError(f"trace takes x of shape (batch, {model.inputs}), got {tuple(x.shape)}; flatten the batch.")
    records = []
    u = model.input_scaling(x)
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        edges = layer.edges(u)
        sums = edges.sum(dim=1)
        if layer.bias is not None:
            sums = sums + layer.bias
        after = nodes.combine(sums)
        records.append(LayerTrace(u, edges, sums, after))
        u = after
    return Trace(tuple(records), model.output_scaling.inverse(u))
