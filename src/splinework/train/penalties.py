"""Penalties on the edges: functions of their size or of their bending, added to the mean squared error.

Each is given twice over, from one definition: as a differentiable value (for Adam and L-BFGS), and as the quadratic in each
edge's coefficients that touches it from above (for Levenberg–Marquardt).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from splinework.layer import KANLayer


@dataclass(frozen=True)
class Penalty(ABC):
    """A penalty that sums over layers."""

    weight: float

    @abstractmethod
    def value(self, layer: KANLayer, x: Tensor) -> Tensor:
        """The penalty of one layer at its activations x `(B, I)`, a scalar."""

    @abstractmethod
    def quadratic(self, layer: KANLayer, x: Tensor) -> tuple[Tensor, Tensor]:
        """Factors q `(I, J)` and matrices Q `(I, size, size)`: near here the penalty is `Σ_ij q_ij c_ij'Q_i c_ij` + const."""


@final
@dataclass(frozen=True)
class Sparsity(Penalty):
    """The paper's: `λ (μ1 |Φ|₁ + μ2 S(Φ))` for every layer (Liu et al. 2024, eqs. 2.17–2.20).

    `|φ|₁` is the mean magnitude of an edge over the data, `|Φ|₁` the sum over edges, and `S = -Σ p log p` with
    `p = |φ|₁ / |Φ|₁` the entropy, which is low when few edges do the work.
    """

    weight: float = 1e-3
    l1: float = 1.0
    entropy: float = 1.0

    def value(self, layer: KANLayer, x: Tensor) -> Tensor:
        return self.weight * self._of_sizes(layer.edges(x).abs().mean(0))

    def quadratic(self, layer: KANLayer, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = layer.table().rows(layer.squash(x))
        sizes = layer.edges(x).square().mean(0).sqrt()
        with torch.enable_grad():
            leaf = sizes.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(self._of_sizes(leaf), leaf)
        # |φ| <= φ²/(2s) + s/2 with equality at s = |φ|; the entropy, which is concave, by its tangent.
        floor = 1e-4 * sizes.max().clamp_min(1e-12)
        factor = self.weight * slope.clamp_min(0) / (2 * sizes.clamp_min(floor))
        return factor, torch.einsum("bim,bin->imn", rows, rows) / x.shape[0]

    def _of_sizes(self, sizes: Tensor) -> Tensor:
        total = sizes.sum().clamp_min(1e-30)
        share = sizes / total
        entropy = -(share * torch.log(share.clamp_min(1e-30))).sum()
        return self.l1 * sizes.sum() + self.entropy * entropy


@final
@dataclass(frozen=True)
class Roughness(Penalty):
    """`λ mean φ''²` over each edge's domain, in units of the domain's half width: a smoothing spline's penalty."""

    weight: float = 1e-4
    points: int = 65

    def value(self, layer: KANLayer, x: Tensor) -> Tensor:
        bend = torch.einsum("bim,imj->bij", self._rows(layer), layer.edge_coefficients())
        return self.weight * bend.square().mean(0).sum()

    def quadratic(self, layer: KANLayer, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = self._rows(layer)
        factor = torch.full((layer.inputs, layer.outputs), self.weight, dtype=rows.dtype, device=rows.device)
        return factor, torch.einsum("bim,bin->imn", rows, rows) / rows.shape[0]

    def _rows(self, layer: KANLayer) -> Tensor:
        table = layer.table()
        low, high = table.basis.domain(table.grid)
        share = torch.linspace(0, 1, self.points, dtype=low.dtype, device=low.device)[:, None]
        return table.rows(low * (1 - share) + high * share, 2) * (((high - low) / 2) ** 2)[:, None]
