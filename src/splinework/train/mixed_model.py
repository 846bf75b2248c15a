"""The linear mixed model behind sums of curves: penalised normal equations, variances by restricted maximum likelihood.

`Σ w (y - μ - Zc)² + Σ_j λ_j c_j²`, where the columns of a block share one λ, the ratio of the variance of the noise to that of
the block's coefficients. Restricted maximum likelihood (REML) estimates it by the fixed point of Fellner and Schall (Wood and
Fasiolo 2017). A block that is not needed gets a large λ and vanishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from splinework.train.covariance import cholesky_factor
from splinework.train.smoothing import fellner_schall_update

MAX_UPDATES, FREEDOM_TOLERANCE = 40, 2e-3
"""Most steps of the fixed point, and the relative change of the effective parameters that ends them."""
MIN_RESIDUAL = 1e-30
"""Least share of the sum of squares that counts as left: the fixed point goes down for ever where nothing is."""


@dataclass(frozen=True)
class MixedModelEquations:
    """Normal equations of weighted least squares about the means.

    Attributes:
        count: Rows that have a weight.
        centre: Means of the columns, `(P,)`.
        gram: Their weighted cross products, `(P, P)`.
        level: Mean of the target.
        moments: Cross products of the columns with the target, `(P,)`.
        spread: Sum of squares of the target.
    """

    count: int
    centre: Tensor
    gram: Tensor
    level: Tensor
    moments: Tensor
    spread: Tensor

    def residual(self, coefficients: Tensor) -> Tensor:
        """Weighted residual sum of squares of these coefficients."""
        return self.spread - 2 * self.moments @ coefficients + coefficients @ (self.gram @ coefficients)


@dataclass(frozen=True)
class PenalisedSolution:
    """The solution at penalties `(P,)`.

    Attributes:
        equations: The normal equations.
        penalties: The penalties.
        coefficients: `(P,)`.
        scale: Factors of rows and columns that give the penalised matrix a diagonal of ones, where rounding costs least, `(P,)`.
        factor: The Cholesky factor of the scaled matrix.
    """

    equations: MixedModelEquations
    penalties: Tensor
    coefficients: Tensor
    scale: Tensor
    factor: Tensor

    @classmethod
    def of(cls, equations: MixedModelEquations, penalties: Tensor) -> PenalisedSolution:
        """Solves the equations."""
        scale = (equations.gram.diagonal() + penalties).rsqrt()
        matrix = equations.gram * scale[:, None] * scale
        matrix.diagonal().add_(scale.square() * penalties)
        factor = cholesky_factor(matrix)
        found = scale * torch.cholesky_solve((scale * equations.moments)[:, None], factor)[:, 0]
        return cls(equations, penalties, found, scale, factor)

    @cached_property
    def variances(self) -> Tensor:
        """The diagonal of the inverse of the penalised matrix, `(P,)`, which takes twice as long as the solution."""
        found: Tensor = torch.cholesky_inverse(self.factor).diagonal() * self.scale.square()
        return found

    @cached_property
    def freedom(self) -> Tensor:
        """Effective parameters, the mean not among them."""
        return self.freedoms.sum()

    @property
    def freedoms(self) -> Tensor:
        """The share of each column in them, `(P,)`."""
        return 1 - self.penalties * self.variances

    @property
    def root(self) -> Tensor:
        """A root of the inverse of the penalised matrix, `(P, P)`."""
        unit = torch.eye(len(self.factor)).to(self.factor)
        root: Tensor = self.scale[:, None] * torch.linalg.solve_triangular(self.factor, unit, upper=False).T
        return root

    def deviations(self, rows: Tensor) -> Tensor:
        """`zᵀ A⁻¹ z` with the penalised matrix A, for every row z of `(N, P)`."""
        scaled = torch.linalg.solve_triangular(self.factor, (rows * self.scale).T, upper=False)
        found: Tensor = scaled.square().sum(0)
        return found

    def agrees(self, other: PenalisedSolution) -> bool:
        """Whether another solution has as many effective parameters and the same noise, to the tolerance of the fixed point."""
        pairs = (1 + self.freedom, 1 + other.freedom), (self.noise(), other.noise())
        return all(abs(float(a - b)) <= FREEDOM_TOLERANCE * float(a) for a, b in pairs)

    def noise(self, coefficients: Tensor | None = None) -> Tensor:
        """The variance of the noise, by the residuals of these coefficients, or of the solution."""
        left = self.equations.residual(self.coefficients if coefficients is None else coefficients)
        free = (self.equations.count - 1 - self.freedom).clamp_min(1.0)
        noise: Tensor = left.clamp_min(MIN_RESIDUAL * self.equations.spread) / free
        return noise

    def updated_penalties(
        self,
        blocks: Tensor,
        least: float,
        most: float,
        *,
        noise: Tensor | float | None = None,
        at: Tensor | None = None,
    ) -> Tensor:
        """One step of the fixed point, `λ ← λ σ² (tr(S⁻S_j) - tr(V S_j)) / (cᵀS_jc)`, with `tr(S⁻S_j) = m / λ` for m columns.

        Args:
            blocks: Block of each column, `(P,)`.
            least: Lower bound of a penalty.
            most: Upper bound.
            noise: Variance of the noise; None where it is estimated.
            at: Coefficients other than the solution, where a step of a likelihood ended elsewhere.
        """
        coefficients = self.coefficients if at is None else at
        size = self.noise(coefficients) if noise is None else noise
        sums = self.penalties.new_zeros(int(blocks.max()) + 1)
        asked = size * sums.index_add(0, blocks, 1 / self.penalties - self.variances)
        sizes = sums.index_add(0, blocks, coefficients.square())
        return fellner_schall_update(self.penalties, asked[blocks], sizes[blocks]).clamp(least, most)


def restricted_fit(
    equations: MixedModelEquations, blocks: Tensor, penalties: Tensor, least: float, most: float
) -> PenalisedSolution:
    """The fixed point: least squares whose penalties are of the largest restricted likelihood.

    `blocks` `(P,)` is the block of each column; penalties stay between `least` and `most`.
    """
    if not float(equations.spread) > 0:  # a constant
        return PenalisedSolution.of(equations, torch.full_like(penalties, most))
    found, before = PenalisedSolution.of(equations, penalties), float("inf")
    for _ in range(MAX_UPDATES):
        freedom = 1 + float(found.freedom)
        if abs(freedom - before) <= FREEDOM_TOLERANCE * freedom:
            break
        before = freedom
        found = PenalisedSolution.of(equations, found.updated_penalties(blocks, least, most))
    return found
