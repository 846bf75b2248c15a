"""Gaussian bumps on evenly spaced centres (the basis of FastKAN: Li 2024, arXiv 2405.06721)."""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from splinework.splines.bases.base import Basis, require, require_whole


@final
@dataclass(frozen=True)
class GaussianRBF(Basis):
    """`exp(-((x - c_m) / (w h))²)`, with centres a step h apart from the lower to the upper end and `w = width`."""

    centres: int = 8
    width: float = 1.0

    name: ClassVar[str] = "gaussian_rbf"
    resolution_field: ClassVar[str] = "centres"
    dies_out: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_whole(self, "centres", 2, "centres")
        require(self.width > 0, f"width must be positive, got {self.width}.")

    @property
    def size(self) -> int:
        return self.centres

    def rows(self, x: Tensor, grid: Tensor, prepared: Tensor, derivative: int) -> Tensor:
        low, high = self.domain(grid)
        share = torch.arange(self.centres, dtype=x.dtype, device=x.device) / (self.centres - 1)
        centre = low[:, None] * (1 - share) + high[:, None] * share
        scale = (self.width * (high - low) / (self.centres - 1))[:, None]
        # Beyond 40 widths the bump is zero in every precision, but Hermite's polynomials overflow.
        u = ((x[..., None] - centre) / scale).clamp(-40, 40)
        # d^r/du^r exp(-u²) = (-1)^r H_r(u) exp(-u²), with Hermite's H_{r+1} = 2u H_r - 2r H_{r-1}.
        before, hermite = torch.zeros_like(u), torch.ones_like(u)
        for r in range(derivative):
            before, hermite = hermite, 2 * u * hermite - 2 * r * before
        return hermite * torch.exp(-(u**2)) * (-1 / scale) ** derivative
