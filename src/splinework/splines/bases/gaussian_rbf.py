"""Gaussian radial basis functions on evenly spaced centres (the basis of FastKAN: Li 2024, arXiv 2405.06721)."""

from dataclasses import dataclass
from math import factorial
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from splinework.splines.bases.base import Basis, Floats, require, require_whole
from splinework.splines.bases.functions import Functions


@final
@dataclass(frozen=True)
class GaussianRBF(Basis):
    """`exp(-((x - c_m) / (w h))²)`, with centres spaced by h from the lower to the upper end, `w = width`."""

    centres: int = 8
    width: float = 1.0

    name: ClassVar[str] = "gaussian_rbf"
    resolution_field: ClassVar[str] = "centres"
    vanishes_outside: ClassVar[bool] = True
    globally_bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_whole(self, "centres", 2, "centres")
        require(self.width > 0, f"width must be positive, got {self.width}.")

    @property
    def size(self) -> int:
        return self.centres

    def formula(self, x: Any, low: Any, high: Any, f: Functions) -> list[Any]:
        gaps = self.centres - 1
        scale, found = f.number(self.width) * (high - low) / gaps, []
        for m in range(self.centres):
            u = (x - (low * (gaps - m) + high * m) / gaps) / scale
            found.append(f.exp(-(u * u)))
        return found

    def bound(self, order: int, low: Floats, high: Floats) -> Floats:
        # |H_r(u) exp(-u²)| <= 1.0865 √(2^r r!) exp(-u²/2) (Cramér).
        step = self.width * (high - low)[:, None] / (self.centres - 1)
        bound = 1.0865 * np.sqrt(2.0**order * factorial(order)) / step**order
        return np.repeat(bound, self.centres, 1) * 1.0001

    def rows(self, x: Tensor, grid: Tensor, prepared: Tensor, derivative: int) -> Tensor:
        low, high = self.domain(grid)
        share = torch.arange(self.centres, dtype=x.dtype, device=x.device) / (self.centres - 1)
        centre = low[:, None] * (1 - share) + high[:, None] * share
        scale = (self.width * (high - low) / (self.centres - 1))[:, None]
        # Beyond 40 widths the Gaussian is zero in every precision, but Hermite polynomials overflow.
        u = ((x[..., None] - centre) / scale).clamp(-40, 40)
        # d^r/du^r exp(-u²) = (-1)^r H_r(u) exp(-u²), with Hermite's H_{r+1} = 2u H_r - 2r H_{r-1}.
        before, hermite = torch.zeros_like(u), torch.ones_like(u)
        for r in range(derivative):
            before, hermite = hermite, 2 * u * hermite - 2 * r * before
        return hermite * torch.exp(-(u**2)) * (-1 / scale) ** derivative
