"""Chebyshev polynomials of the first kind.

`T_n(cos θ) = cos(n θ)`, so `T_{n+1}(u) = 2u T_n(u) - T_{n-1}(u)` (Mason & Handscomb 2003, §1.2).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from splinework.splines.bases.base import Basis, Floats, require_whole
from splinework.splines.bases.functions import Functions, NamedFunctions


@final
@dataclass(frozen=True)
class Chebyshev(Basis):
    """`T_0 … T_order` of `u = (2x - low - high) / (high - low)`, which maps the domain to [-1, 1]."""

    order: int = 7

    name: ClassVar[str] = "chebyshev"
    resolution_field: ClassVar[str] = "order"
    nested: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_whole(self, "order", 0, "order")

    @classmethod
    def of_size(cls, grid: int, degree: int) -> "Basis":
        return cls(grid + degree - 1)

    @property
    def size(self) -> int:
        return self.order + 1

    def formula(self, x: Any, low: Any, high: Any, f: Functions) -> list[Any]:
        u = ((x - low) - (high - x)) / (high - low)
        found = [1, u]
        for n in range(2, self.order + 1):
            found.append(2 * u * found[n - 1] - found[n - 2])
        return found[: self.size]

    def readable(self, x: Any, low: Any, high: Any, f: NamedFunctions) -> list[Any]:
        u = (x - (low + high) / 2) / ((high - low) / 2)
        return [f.named("chebyshevt", "T", n, u) for n in range(self.size)]

    def bound(self, order: int, low: Floats, high: Floats) -> Floats:
        # T_m^(r)(1) = Π_{q<r} (m² - q²)/(2q + 1) is the maximum on [-1, 1].
        m, top = np.arange(self.size), np.ones(self.size)
        for q in range(order):
            top = top * np.maximum(m**2 - q**2, 0) / (2 * q + 1)
        bound: Floats = top * (2 / (high - low)[:, None]) ** order * 1.0001
        return bound

    def rows(self, x: Tensor, grid: Tensor, prepared: Tensor, derivative: int) -> Tensor:
        low, high = self.domain(grid)
        u = ((x - low) - (high - x)) / (high - low)
        # T_{n+1} = 2u T_n - T_{n-1}, differentiated r times: T^{(r)}_{n+1} = 2u T^{(r)}_n + 2r T^{(r-1)}_n - T^{(r)}_{n-1}.
        orders = [[torch.ones_like(u) if r == 0 else torch.zeros_like(u) for r in range(derivative + 1)]]
        if self.order >= 1:
            orders.append([u if r == 0 else torch.full_like(u, float(r == 1)) for r in range(derivative + 1)])
        for n in range(2, self.order + 1):
            one, two = orders[n - 1], orders[n - 2]
            lower = [2 * r * one[r - 1] if r else torch.zeros_like(u) for r in range(derivative + 1)]
            orders.append([2 * u * one[r] + lower[r] - two[r] for r in range(derivative + 1)])
        rows = torch.stack([order[derivative] for order in orders], dim=-1)
        return rows * ((2 / (high - low)) ** derivative)[:, None]
