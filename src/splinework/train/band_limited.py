"""Functions of a limited band by least squares: Fourier series whose period is longer than the range that is asked for.

A series of a period of one and a half times the range reaches any analytic function inside, periodic or not, as fast as its
frequencies allow (Fourier extension: Boyd 2002; Huybrechs 2010). Of the many coefficients that do, a truncated singular value
decomposition takes small ones, which keeps them exact to rounding (Adcock & Huybrechs 2019), and a penalty on their squares
those that rows determine: a chirp's fastest waves need more of them than rows tell apart where it is slow. Such series err by
orders of magnitude less than splines, which know of smoothness up to some derivative only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.splines.bases import BSpline
from splinework.train.penalised_spline import PenalisedBasis, PenalisedSpline, thin_svd

EXTENSION = 1.5
"""The period over the width of the range."""
ROUNDING = 1e-15
"""Singular values below this share of the largest are left out."""
POINTS_PER_INTERVAL = 3
"""Points of every interval at which a spline is fitted to the series."""


@dataclass(frozen=True)
class BandLimited(PenalisedBasis):
    """The series of up to a number of waves on given rows, with a penalty on the sum of squares of its coefficients.

    Attributes:
        low: Lower end of the range.
        high: Its upper end.
        waves: The largest number of waves in a period.
    """

    low: float
    high: float
    waves: int

    @classmethod
    def on(cls, x: Tensor, root: Tensor, low: float, high: float, waves: int) -> BandLimited:
        """The decomposition for rows `x (N,)` with square roots of weights `root (N,)`."""
        left, sizes, right = thin_svd(root[:, None] * _series(x, low, high, waves))
        kept = sizes > ROUNDING * sizes[0]
        share = sizes[kept] / sizes[0]
        bent = (1 + share.square()).rsqrt()
        return cls(left[:, kept], share * bent, bent, right.T[:, kept] * (bent / sizes[0]), low, high, waves)

    def rounding(self, y: Tensor) -> Tensor:
        """How exact the residuals of weighted targets `y (N, q)` are, `(N, q)`.

        A row's part of the projection is exact to the roots of its leverage and of the squares of y; and a function of the band
        changes along its angle by no more than its largest value (Bernstein's inequality), which rounding of x moves.
        """
        reach = self.left.square().sum(1, keepdim=True).sqrt() * y.norm(dim=0)
        angle = math.pi * self.waves / EXTENSION
        bound: Tensor = torch.finfo(y.dtype).eps * (reach + angle * y.abs().amax(0))
        return bound

    def values(self, x: Tensor, y: Tensor, strength: float) -> Tensor:
        """The series for weighted targets `y (N,)`, at `x (M,)`: `(M,)`."""
        return _series(x, self.low, self.high, self.waves) @ self.coefficients(y, strength)

    def spline(self, basis: BSpline, grid: Tensor) -> PenalisedSpline:
        """The nearest splines, in the place of the series."""
        points = torch.linspace(self.low, self.high, POINTS_PER_INTERVAL * basis.grid + 1, dtype=grid.dtype)
        points = points.to(grid.device)
        rows = basis.rows(points[:, None], grid, basis.prepare(grid), 0)[:, 0]
        series = _series(points, self.low, self.high, self.waves) @ self.lift
        return PenalisedSpline(self.left, self.seen, self.bent, torch.linalg.lstsq(rows, series).solution)


def _series(x: Tensor, low: float, high: float, waves: int) -> Tensor:
    """A constant, and the cosines and sines of 1 to `waves` waves in a period, at `x (N,)`: `(N, 2 waves + 1)`."""
    turns = 2 * math.pi / (EXTENSION * (high - low)) * torch.arange(1, waves + 1, dtype=x.dtype, device=x.device)
    angles = (x - (low + high) / 2)[:, None] * turns
    return torch.cat([torch.ones_like(x)[:, None], angles.cos(), angles.sin()], dim=1)
