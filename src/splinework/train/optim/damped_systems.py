"""The linear problem of one Levenberg–Marquardt step, `min ‖J δ + r‖² + λ ‖√D δ‖²`, from JᵀJ or from a QR factor of J.

Its solution is `δ = -(JᵀJ + λD)⁻¹ Jᵀr` (Marquardt 1963; Moré 1978, for the QR factor).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor


@dataclass(frozen=True)
class DampedSystem(ABC):
    """A linear problem that is solved for several dampings.

    Attributes:
        scale: D, `(P,)`: squared lengths of the columns, or what stands for them.
        damped: 1 where a parameter is damped, 0 where it is not, `(P,)`.
    """

    scale: Tensor
    damped: Tensor

    @abstractmethod
    def factor(self, damping: float) -> "DampedFactor | None":
        """The problem, damped by λ and ready to solve; None where it has no definite solution."""

    @abstractmethod
    def predicted_decrease(self, move: Tensor) -> float:
        """Decrease of the undamped quadratic model along δ."""


@dataclass(frozen=True)
class DampedFactor:
    """A damped problem.

    Attributes:
        move: Its solution δ, `(P,)`.
        triangle: Upper triangle U with `UᵀU = R(A + λD)R`.
        root: R, the diagonal that scales all columns to about unit length, `(P,)`.
    """

    move: Tensor
    triangle: Tensor
    root: Tensor

    def solve(self, vector: Tensor) -> Tensor:
        """`-(A + λD)⁻¹ v`."""
        inner = torch.linalg.solve_triangular(self.triangle.mT, (-vector * self.root)[:, None], upper=False)
        solution: Tensor = torch.linalg.solve_triangular(self.triangle, inner, upper=True)[:, 0] * self.root
        return solution


@dataclass(frozen=True)
class NormalEquations(DampedSystem):
    """`(A + λD) δ = -b` with `A = JᵀJ`, `b = Jᵀr`, by Cholesky: the condition number is squared, the work is least."""

    matrix: Tensor
    vector: Tensor

    def factor(self, damping: float) -> DampedFactor | None:
        root = self.scale.rsqrt()
        scaled = (self.matrix * root[:, None]).mul_(root)
        scaled.diagonal().add_(damping * self.damped + 1e-15)
        lower, failed = torch.linalg.cholesky_ex(scaled)
        if int(failed):
            return None
        move: Tensor = torch.cholesky_solve((-self.vector * root)[:, None], lower)[:, 0] * root
        return DampedFactor(move, lower.mT, root)

    def predicted_decrease(self, move: Tensor) -> float:
        return float(-(2 * self.vector @ move + move @ (self.matrix @ move)))


@final
@dataclass(frozen=True)
class QRSystem(DampedSystem):
    """The same with `J = QR` and `q = Qᵀr`, by a second QR: as accurate as J allows."""

    triangle: Tensor
    rest: Tensor

    def factor(self, damping: float) -> DampedFactor | None:
        root = self.scale.rsqrt()
        size = len(root)
        below = torch.diag((damping * self.damped + 1e-30).sqrt())
        target = torch.cat([-self.rest, self.rest.new_zeros(size)])
        stacked = torch.cat([torch.cat([self.triangle * root, below]), target[:, None]], dim=1)
        r = torch.linalg.qr(stacked, mode="r").R
        triangle, right = r[:size, :size], r[:size, size]
        if not bool((triangle.diagonal() != 0).all()):
            return None
        move: Tensor = torch.linalg.solve_triangular(triangle, right[:, None], upper=True)[:, 0] * root
        return DampedFactor(move, triangle, root)

    def predicted_decrease(self, move: Tensor) -> float:
        after = self.triangle @ move + self.rest
        return float(self.rest @ self.rest - after @ after)


def triangle_of(blocks: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """R `(P, P)` and `Qᵀr (P,)` of a matrix that comes in blocks of rows, of which one is held at a time.

    Args:
        blocks: `J (R, P)` and `r (R,)` each; at least P rows in all.
    """
    factor: Tensor | None = None
    for jacobian, residual in blocks:
        block = torch.cat([jacobian, residual[:, None]], dim=1)
        factor = torch.linalg.qr(block if factor is None else torch.cat([factor, block]), mode="r").R
    assert factor is not None
    size = factor.shape[1] - 1
    if factor.shape[0] < size:
        factor = torch.cat([factor, factor.new_zeros(size - factor.shape[0], size + 1)])
    return factor[:size, :size], factor[:size, size]


def precision_needed(loss: float, spread: float) -> bool:
    """Whether the error is so small that the square of the condition number would end the descent."""
    return loss < 1e-9 * spread and math.isfinite(loss)
