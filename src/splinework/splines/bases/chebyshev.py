"""Chebyshev polynomials of the first kind."""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from splinework.splines.bases.base import Basis, padded, require_whole


@final
@dataclass(frozen=True)
class Chebyshev(Basis):
    """`T_0 … T_order` of `u = (2x - low - high) / (high - low)`: the domain becomes [-1, 1]."""

    order: int = 7

    name: ClassVar[str] = "chebyshev"
    resolution_field: ClassVar[str] = "order"

    def __post_init__(self) -> None:
        require_whole(self, "order", 0, "order")

    @property
    def size(self) -> int:
        return self.order + 1

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

    def refine(self, grid: Tensor, coefficients: Tensor, resolution: int) -> tuple[Tensor, Tensor] | None:
        return None if resolution < self.order else (grid, padded(coefficients, resolution - self.order))
