"""Splines with a penalty on one derivative, for all strengths at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from splinework.splines.bases import BSpline


@dataclass(frozen=True)
class PenalisedBasis:
    """Functions with a quadratic penalty on given rows, for all its strengths: a generalised singular value decomposition.

    Attributes:
        left: Orthonormal directions in the space of rows, `(N, M)`; fewer than the coefficients where rows do not tell all.
        seen: Cosines: how much of each direction is seen by the rows, `(M,)`.
        bent: Sines: how much of it is penalised, `(M,)`.
        lift: Coefficients of the directions, one column each.
    """

    left: Tensor
    seen: Tensor
    bent: Tensor
    lift: Tensor

    def filters(self, strengths: Tensor) -> Tensor:
        """Share of every direction that the fit keeps, `(S, M)`, at strengths `(S,)` relative to the balance of both forms."""
        square = self.seen.square()
        return square / (square + strengths[:, None] * self.bent.square()).clamp_min(1e-300)

    def root(self, strength: float) -> Tensor:
        """A root of the covariance of the coefficients, one row each, where the noise has the variance one."""
        return self.lift / (self.seen.square() + strength * self.bent.square()).clamp_min(1e-300).sqrt()

    def coefficients(self, y: Tensor, strength: float) -> Tensor:
        """The coefficients for weighted targets `y (N,)`."""
        damped = self.seen / (self.seen.square() + strength * self.bent.square()).clamp_min(1e-300)
        return self.lift @ (damped * (self.left.T @ y))


@dataclass(frozen=True)
class PenalisedSpline(PenalisedBasis):
    """Splines of one basis with a penalty on one derivative, or splines that stand for functions with another penalty."""

    @classmethod
    def on(cls, basis: BSpline, grid: Tensor, x: Tensor, root: Tensor, order: int) -> PenalisedSpline:
        """The decomposition for rows `x (N,)` with square roots of weights `root (N,)`, of which `order` are different.

        Args:
            basis: Degree and number of intervals.
            grid: The grid of the one input.
            x: The rows.
            root: The roots of their weights.
            order: The order of the penalised derivative.
        """
        rows = root[:, None] * basis.rows(x[:, None], grid, basis.prepare(grid), 0)[:, 0]
        penalty = penalty_rows(basis, grid, order)
        balance = float(rows.norm() / penalty.norm())
        # The rows by themselves first: with the penalty at once clean waves err ten times as much.
        directions, seen_part = torch.linalg.qr(rows)
        orthogonal, triangle = torch.linalg.qr(torch.cat([seen_part, balance * penalty]))
        left, seen, right = thin_svd(orthogonal[: len(seen_part)])
        bent = (orthogonal[len(seen_part) :] @ right.T).norm(dim=0)
        lift = torch.linalg.solve_triangular(triangle, right.T, upper=True)
        return cls(directions @ left, seen, bent, lift)


def thin_svd(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The singular value decomposition, by QR iterations where that by dividing and conquering does not converge.

    It may not where many singular values are equal, or as small as rounding, as of a series of more waves than rows resolve.
    """
    left: Tensor
    try:
        left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        parts = scipy.linalg.svd(matrix.cpu().numpy(), full_matrices=False, lapack_driver="gesvd")
        left, values, right = (torch.from_numpy(part).to(matrix) for part in parts)
    return left, values, right


def penalty_rows(basis: BSpline, grid: Tensor, order: int) -> Tensor:
    """Rows `(R, M)` whose sum of squares is the integral of the squared derivative, by Gauss's rule in every cell."""
    count = basis.degree - order + 1  # of the points with which the rule is exact
    nodes, weights = (torch.from_numpy(part).to(grid) for part in np.polynomial.legendre.leggauss(count))
    low, high = basis.domain(grid)
    ends = low + (high - low) * torch.linspace(0, 1, basis.grid + 1, dtype=grid.dtype, device=grid.device)
    half = torch.diff(ends) / 2
    points = ((ends[:-1] + ends[1:]) / 2)[:, None] + half[:, None] * nodes
    rows = basis.rows(points.reshape(-1, 1), grid, basis.prepare(grid), order)[:, 0]
    return (half[:, None] * weights).reshape(-1, 1).sqrt() * rows
