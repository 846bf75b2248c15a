"""What the jumps of the highest derivative at the knots cost: each spline goes on as smoothly as it can where no data are."""

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import derivative_jumps
from splinework.train.jacobian import Parameters


class TieBreak:
    """The sum of squared jumps of all living edges, `‖S θ‖²`, a quadratic in the parameters.

    Args:
        model: The network; its grids must stay while this is used.
        parameters: Where its numbers are.
    """

    @torch.no_grad()
    def __init__(self, model: KAN, parameters: Parameters) -> None:
        self.model, self.parameters = model, parameters
        self.jumps = [_jumps(layer) for layer in model.kan_layers]
        self._rows: Tensor | None = None
        self._forms: list[tuple[slice, Tensor]] | None = None

    @torch.no_grad()
    def value(self) -> float:
        """At the model's present numbers."""
        total = 0.0
        for layer, jumps in zip(self.model.kan_layers, self.jumps, strict=True):
            if jumps is not None:
                total += float(torch.einsum("rim,imj->rij", jumps, layer.edge_coefficients()).square().sum())
        return total

    @property
    def rows(self) -> Tensor:
        """S, `(R, P)`."""
        if self._rows is None:
            spans = self.parameters.spans(self.model)
            like = self.model.kan_layers[0].coefficients.detach()
            blocks = [like.new_zeros(0, spans[-1][1].stop)]
            for jumps, (i, _), (own, _) in zip(self.jumps, self.parameters.edges, spans, strict=True):
                if jumps is None or not len(i):
                    continue
                block = like.new_zeros(len(i), jumps.shape[0], spans[-1][1].stop)
                width = jumps.shape[2]
                for edge, a in enumerate(i.tolist()):
                    start = own.start + edge * width
                    block[edge, :, start : start + width] = jumps[:, a]
                blocks.append(block.flatten(0, 1))
            self._rows = torch.cat(blocks)
        return self._rows

    @property
    def forms(self) -> list[tuple[slice, Tensor]]:
        """`SᵀS` by layers: where the edges' parameters are, and the form of every edge, `(edges, size, size)`."""
        if self._forms is None:
            self._forms = []
            spans = self.parameters.spans(self.model)
            for jumps, (i, _), (own, _) in zip(self.jumps, self.parameters.edges, spans, strict=True):
                if jumps is not None and len(i):
                    self._forms.append((own, torch.einsum("rim,rin->imn", jumps, jumps)[i]))
        return self._forms

    def times(self, v: Tensor) -> Tensor:
        """`SᵀS v`."""
        result = torch.zeros_like(v)
        for own, forms in self.forms:
            result[own] = (forms @ v[own].unflatten(0, (len(forms), -1, 1))).flatten()
        return result

    def add_to(self, matrix: Tensor, vector: Tensor, values: Tensor, weight: float) -> None:
        """Adds `weight SᵀS` to the matrix, and `weight SᵀS θ` to the vector, block by block."""
        spans = self.parameters.spans(self.model)
        for jumps, (i, _), (own, _) in zip(self.jumps, self.parameters.edges, spans, strict=True):
            if jumps is None:
                continue
            forms = weight * torch.einsum("rim,rin->imn", jumps, jumps)
            width = jumps.shape[2]
            for edge, a in enumerate(i.tolist()):
                part = slice(own.start + edge * width, own.start + (edge + 1) * width)
                matrix[part, part] += forms[a]
                vector[part] += forms[a] @ values[part]


def _jumps(layer: KANLayer) -> Tensor | None:
    """Jumps of the highest derivative, rows `(G - 1, I, size)`; None where the basis has no knots."""
    if layer.basis.degree is None or layer.basis.resolution < 2:
        return None
    jumps = derivative_jumps(layer.knots().detach(), layer.basis.degree)
    if layer.base_weight is None:
        return jumps
    return torch.cat([jumps, jumps.new_zeros(*jumps.shape[:2], 1)], dim=2)
