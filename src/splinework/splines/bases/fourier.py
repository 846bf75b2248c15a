"""Sines and cosines, periodic over the domain."""

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from splinework.splines.bases.base import Basis, padded, require_whole


@final
@dataclass(frozen=True)
class Fourier(Basis):
    """`1, cos(nu), sin(nu)` for n = 1 … `harmonics`, with `u = 2π (x - low) / (high - low)`."""

    harmonics: int = 5

    name: ClassVar[str] = "fourier"
    resolution_field: ClassVar[str] = "harmonics"

    def __post_init__(self) -> None:
        require_whole(self, "harmonics", 1, "harmonics")

    @property
    def size(self) -> int:
        return 2 * self.harmonics + 1

    def rows(self, x: Tensor, grid: Tensor, prepared: Tensor, derivative: int) -> Tensor:
        low, high = self.domain(grid)
        n = torch.arange(1, self.harmonics + 1, dtype=x.dtype, device=x.device)
        rate = (2 * math.pi / (high - low))[:, None] * n
        angle = (x - low)[..., None] * rate
        sine, cosine = torch.sin(angle), torch.cos(angle)
        # The r-th derivative of a sine is again a sine, a quarter turn further for each order.
        turn = [(cosine, sine), (-sine, cosine), (-cosine, -sine), (sine, -cosine)][derivative % 4]
        waves = torch.stack(turn, dim=-1) * (rate**derivative)[..., None]
        constant = torch.ones_like(x) if derivative == 0 else torch.zeros_like(x)
        return torch.cat([constant[..., None], waves.flatten(-2)], dim=-1)

    def refine(self, grid: Tensor, coefficients: Tensor, resolution: int) -> tuple[Tensor, Tensor] | None:
        if resolution < self.harmonics:
            return None
        return grid, padded(coefficients, 2 * (resolution - self.harmonics))
