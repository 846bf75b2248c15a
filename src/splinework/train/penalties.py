"""Penalties on the edges: functions of their size or of their bending, added to the mean squared error.

Each is given twice over, from one definition: as a differentiable value (for Adam and L-BFGS), and as a quadratic in
each edge's coefficients that touches it from above (for Levenberg–Marquardt).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.layer import KANLayer

SMALLEST_SIZE = 1e-3
"""Values below this share of the layer's largest edge are penalised by their square: there the magnitude has no parabola."""


@dataclass(frozen=True)
class Penalty(ABC):
    """A penalty that sums over layers.

    Raises:
        ConfigError: If a number of it is negative or not finite.
    """

    weight: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < float("inf"):
                raise ConfigError(f"{name} of {type(self).__name__} must not be negative, got {value}.")

    @abstractmethod
    def value(self, layer: KANLayer, x: Tensor) -> Tensor:
        """The penalty of one layer at its activations x `(B, I)`, a scalar."""

    @abstractmethod
    def quadratic(self, layer: KANLayer, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients g `(I, J, size)` and curvatures Q `(I, J, size, size)` in the edge coefficients c, at given x.

        Near c the penalty of c + δ is its value at c and `Σ_ij g_ij'δ_ij + δ_ij'Q_ij δ_ij`, or less.
        """


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
        values = torch.einsum("bim,imj->bij", rows, layer.edge_coefficients())
        sizes = values.abs()
        with torch.enable_grad():
            leaf = sizes.mean(0).detach().requires_grad_()
            (slope,) = torch.autograd.grad(self._of_sizes(leaf), leaf)
        # |φ| <= φ²/(2s) + s/2, with equality at s = |φ|; where a larger |φ| costs less, it is -|φ| and its tangent.
        floor = SMALLEST_SIZE * sizes.square().mean(0).sqrt().amax().clamp_min(1e-30)
        slope, inverse = self.weight * slope / len(x), 1 / sizes.clamp_min(floor)
        gradient = torch.einsum("ij,bij,bim->ijm", slope, values * inverse, rows)
        return gradient, torch.einsum("ij,bij,bim,bin->ijmn", slope.clamp_min(0) / 2, inverse, rows, rows)

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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.points < 2:
            raise ConfigError(f"points of Roughness must be at least 2, got {self.points}.")

    def value(self, layer: KANLayer, x: Tensor) -> Tensor:
        bend = torch.einsum("bim,imj->bij", self._rows(layer), layer.edge_coefficients())
        return self.weight * bend.square().mean(0).sum()

    def quadratic(self, layer: KANLayer, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = self._rows(layer)
        form = self.weight * torch.einsum("bim,bin->imn", rows, rows) / rows.shape[0]
        gradient = 2 * torch.einsum("imn,inj->ijm", form, layer.edge_coefficients())
        return gradient, form[:, None].expand(-1, layer.outputs, -1, -1)

    def _rows(self, layer: KANLayer) -> Tensor:
        table = layer.table()
        low, high = table.basis.domain(table.grid)
        share = torch.linspace(0, 1, self.points, dtype=low.dtype, device=low.device)[:, None]
        return table.rows(low * (1 - share) + high * share, 2) * (((high - low) / 2) ** 2)[:, None]
