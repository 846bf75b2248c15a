"""Sines and cosines, periodic over the domain.

A function is `Σ_n a_n cos(n θ) + b_n sin(n θ)`, `θ = 2π (x - low) / (high - low)` (Zygmund 1959).
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from splinework.splines.bases.base import Basis, Floats, require_whole
from splinework.splines.bases.functions import Functions


@final
@dataclass(frozen=True)
class Fourier(Basis):
    """`1, cos(nu), sin(nu)` for n = 1 … `harmonics`, with `u = 2π (x - low) / (high - low)`."""

    harmonics: int = 5

    name: ClassVar[str] = "fourier"
    resolution_field: ClassVar[str] = "harmonics"
    nested: ClassVar[bool] = True
    globally_bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_whole(self, "harmonics", 1, "harmonics")

    @classmethod
    def of_size(cls, grid: int, degree: int) -> "Basis":
        return cls(grid)

    @property
    def size(self) -> int:
        return 2 * self.harmonics + 1

    def formula(self, x: Any, low: Any, high: Any, f: Functions) -> list[Any]:
        rate = 2 * f.pi / (high - low)
        found: list[Any] = [1]
        for n in range(1, self.harmonics + 1):
            angle = (x - low) * (rate * n)
            found += [f.cos(angle), f.sin(angle)]
        return found

    def bound(self, order: int, low: Floats, high: Floats) -> Floats:
        n = np.repeat(np.arange(self.harmonics + 1), 2)[1:]
        bound: Floats = (2 * math.pi * n / (high - low)[:, None]) ** order * 1.0001
        return bound

    def rows(self, x: Tensor, grid: Tensor, prepared: Tensor, derivative: int) -> Tensor:
        low, high = self.domain(grid)
        n = torch.arange(1, self.harmonics + 1, dtype=x.dtype, device=x.device)
        rate = (2 * math.pi / (high - low))[:, None] * n
        angle = (x - low)[..., None] * rate
        sine, cosine = torch.sin(angle), torch.cos(angle)
        # Each derivative of a sine shifts its phase by a quarter turn.
        turn = [(cosine, sine), (-sine, cosine), (-cosine, -sine), (sine, -cosine)][derivative % 4]
        waves = torch.stack(turn, dim=-1) * (rate**derivative)[..., None]
        constant = torch.ones_like(x) if derivative == 0 else torch.zeros_like(x)
        return torch.cat([constant[..., None], waves.flatten(-2)], dim=-1)
