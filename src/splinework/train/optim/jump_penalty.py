"""A penalty on the jumps of the highest derivative at the knots, so that splines continue smoothly where there are no data.

What is added is a weight times `Σ_t (s^(k)(t+) - s^(k)(t-))²` over the inner knots t (Dierckx 1993).
"""

import math
from typing import Any

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import derivative_jumps
from splinework.train.grid_adaptation import extend_grids, strays
from splinework.train.jacobian import ParameterVector
from splinework.train.objective import Objective

MIN_WEIGHT, MIN_QR_WEIGHT, MAX_WEIGHT = 1e-14, 1e-26, 1e-3
"""Smallest weight of the jump penalty with the normal equations and with QR, and its initial value."""
MIN_RATIO, MIN_QR_RATIO = 1e-4, 1e-8
"""Smallest ratios of the jump penalty to the error, with the normal equations and with QR."""
MAX_NOISELESS_SHARE = 1e-4
"""The ratio is reduced only where the error is below this share of the spread: above, a wiggle is noise or a poor start."""


class JumpPenalty:
    """The sum of squared jumps of all living edges, `‖S θ‖²`, a quadratic in the parameters.

    Args:
        model: The network; its grids must stay while this is used.
        parameters: Where its numbers are.
        before: The same penalty on earlier grids, from which the jumps on grids that have stayed are taken.
    """

    @torch.no_grad()
    def __init__(self, model: KAN, parameters: ParameterVector, before: "JumpPenalty | None" = None) -> None:
        self.model, self.parameters = model, parameters
        self.grids = [layer.grid for layer in model.kan_layers]
        self.jumps: list[Tensor | None] = []
        for n, layer in enumerate(model.kan_layers):
            kept = before is not None and before.grids[n] is layer.grid and layer.grid_kind != "learnable"
            self.jumps.append(before.jumps[n] if before is not None and kept else _jumps(layer))
        self._rows: Tensor | None = None
        self._forms: list[tuple[slice, Tensor]] | None = None

    @torch.no_grad()
    def value(self) -> float:
        """The penalty at the model's present parameters."""
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
            size = self.parameters.size(self.model)
            blocks = [like.new_zeros(0, size)]
            for jumps, (i, _), (own, _) in zip(self.jumps, self.parameters.edges, spans, strict=True):
                if jumps is None or not len(i):
                    continue
                block = like.new_zeros(len(i), jumps.shape[0], size)
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
        for own, forms in self.forms:
            edges, size = forms.shape[:2]
            blocks = matrix[own, own].unflatten(1, (edges, size)).unflatten(0, (edges, size)).diagonal(dim1=0, dim2=2)
            blocks.add_(forms.permute(1, 2, 0), alpha=weight)
            vector[own] += weight * (forms @ values[own].view(edges, size, 1)).flatten()


class JumpPenaltyStepper:
    """Base of steppers that minimise the objective and a jump penalty, whose weight is bounded by the error and falls with it.

    Args:
        objective: The objective of the fit.
        ratio: Largest ratio of the jump penalty to the error; 0 switches it off.
    """

    follows = True
    """Whether hidden grids follow the activations as a part of every step."""
    uses_qr = False
    """Whether the steps come from a QR factorisation, which allows a weaker jump penalty."""

    def __init__(self, objective: Objective, ratio: float) -> None:
        self.objective, self.model = objective, objective.model
        self.parameters = ParameterVector.of(self.model)
        extend_grids(self.model, objective.activations(), near=0.0)
        self._take_grids()
        self.ratio, self.weight = ratio, MAX_WEIGHT if ratio else 0.0
        self.spread = objective.spread or 1.0
        self.error, self.jump_size = self._evaluate()
        self._update_weight()

    @property
    def value(self) -> float:
        """The minimised value: the objective and the jump penalty."""
        return self.error + self.weight * self.jump_size

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was."""
        for name, value in state.items():
            setattr(self, name, value)
        del self.jump_penalty  # grids were written to
        self._take_grids()

    def _trial(self) -> tuple[float, float, float]:
        """The gain of the trial state, its objective and its squared jumps, after hidden grids have followed its activations.

        A step that gains only on the tails of hidden grids, where edges are straight lines, is refused: the next one would begin
        beyond the splines. The gain of a refused step is not finite or not positive.
        """
        error, jumps = self._evaluate()
        gained = self.value - (error + self.weight * jumps)
        if not (math.isfinite(gained) and gained > 0):
            return gained, error, jumps
        layers, u = self.model.kan_layers, self.objective.activations()
        before = [(layer, layer.basis, layer.grid, layer.edge_coefficients().clone()) for layer in layers]
        extend_grids(self.model, u, near=0.0)
        if all(layer.grid is grid for layer, _, grid, _ in before):
            return gained, error, jumps
        self._take_grids()
        followed, followed_jumps = self._evaluate()
        gained_then = self.value - (followed + self.weight * followed_jumps)
        if math.isfinite(gained_then) and gained_then > 0:
            return gained_then, followed, followed_jumps
        for layer, basis, grid, coefficients in before:  # also those that are frozen
            layer.replace_grid(basis, grid, coefficients)
        self._take_grids()
        return -math.inf if strays(self.model, u) else gained, error, jumps

    def _take_grids(self) -> None:
        """Works out again what depends on the grids."""
        self.jump_penalty = JumpPenalty(self.model, self.parameters, getattr(self, "jump_penalty", None))

    def _evaluate(self) -> tuple[float, float]:
        """The objective, and the sum of the squared jumps."""
        return self.objective.value_on_all_rows(), self.jump_penalty.value() if self.ratio else 0.0

    def _update_weight(self) -> None:
        """Bounds the jump penalty by its ratio to the error; the weight never rises, so that no step is undone by it."""
        largest = self.ratio * self.error / max(self.jump_size, 1e-300)
        self.weight = (
            min(self.weight, max(largest, MIN_QR_WEIGHT if self.uses_qr else MIN_WEIGHT)) if self.ratio else 0.0
        )

    def _reduce_ratio(self) -> bool:
        """Divides the ratio by a hundred, unless it is at its minimum or the error is still large; returns whether it did."""
        least = MIN_QR_RATIO if self.uses_qr else MIN_RATIO
        if self.ratio <= least or self.error >= MAX_NOISELESS_SHARE * self.spread:
            return False
        self.ratio = max(self.ratio * 0.01, least)
        self._update_weight()
        return True


def _jumps(layer: KANLayer) -> Tensor | None:
    """Jumps of the highest derivative, rows `(G - 1, I, size)`; None where the basis has no knots."""
    if layer.basis.degree is None or layer.basis.resolution < 2:
        return None
    jumps = derivative_jumps(layer.knots().detach(), layer.basis.degree, layer.table().prepared.detach())
    if layer.base_weight is None:
        return jumps
    return torch.cat([jumps, jumps.new_zeros(*jumps.shape[:2], 1)], dim=2)
