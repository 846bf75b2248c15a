"""The exact Jacobian of a network's outputs with respect to every coefficient, from the table's rows and slopes.

An output depends on an edge's coefficients only through the sum that the edge goes into, so a column of the Jacobian is
a row of the table times the sensitivity of the output to that sum; the sensitivities come from one backward pass over
the layers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.layer import KANLayer
from splinework.network import KAN


@dataclass(frozen=True)
class Parameters:
    """The numbers that are linear inside their layer, as one vector.

    Per layer the living edges' coefficients, then biases. `w_s` is left out: it only rescales c. So are the spacings of
    a learnable grid, in which the layer is not linear.
    """

    edges: tuple[tuple[Tensor, Tensor], ...]

    @classmethod
    def of(cls, model: KAN) -> "Parameters":
        """Where the numbers of this model are."""
        pairs = [torch.nonzero(layer.mask, as_tuple=True) for layer in model.kan_layers]
        return cls(tuple((i, j) for i, j in pairs))

    def read(self, model: KAN) -> Tensor:
        """The vector, `(P,)`."""
        parts = []
        for layer, (i, j) in zip(model.kan_layers, self.edges, strict=True):
            parts.append(layer.edge_coefficients()[i, :, j].flatten())
            if layer.bias is not None:
                parts.append(layer.bias)
        return torch.cat(parts).detach()

    @torch.no_grad()
    def write(self, model: KAN, vector: Tensor) -> None:
        """Puts the vector into the model."""
        start = 0
        for layer, (i, j) in zip(model.kan_layers, self.edges, strict=True):
            values = layer.edge_coefficients()
            count = len(i) * values.shape[1]
            values[i, :, j] = vector[start : start + count].reshape(len(i), values.shape[1])
            layer.set_edge_coefficients(values)
            start += count
            if layer.bias is not None:
                layer.bias.copy_(vector[start : start + layer.outputs])
                start += layer.outputs


@torch.no_grad()
def linearise(model: KAN, parameters: Parameters, u: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs `(N, outputs)` and Jacobian `(N, outputs, P)` at u `(N, inputs)`, all in network units."""
    passed: list[tuple[KANLayer, Tensor, Tensor, Tensor]] = []
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        coefficients = layer.edge_coefficients()
        rows, slopes = layer.table().rows_and_slopes(layer.squash(u))
        sums = rows.flatten(1) @ coefficients.flatten(0, 1)
        if layer.bias is not None:
            sums = sums + layer.bias
        slope = torch.einsum("bim,imj->bij", slopes, coefficients) * layer.squash_slope(u)[..., None]
        passed.append((layer, rows, sums, slope))
        u = nodes.combine(sums)
    sensitivity = torch.eye(model.outputs, dtype=u.dtype, device=u.device).expand(u.shape[0], -1, -1)
    blocks: list[Tensor] = []
    for index in reversed(range(len(passed))):
        layer, rows, sums, slope = passed[index]
        to_sums = model.config.nodes[index + 1].pull_back(sums[:, None, :], sensitivity)
        i, j = parameters.edges[index]
        block = (rows[:, None, i] * to_sums[:, :, j, None]).flatten(2)
        blocks.append(torch.cat([block, to_sums], dim=2) if layer.bias is not None else block)
        if index:
            sensitivity = torch.einsum("boj,bij->boi", to_sums, slope)
    return u, torch.cat(blocks[::-1], dim=2)
