"""How far the rows lie from every function that meets a demand, and how likely that is where the demand is right.

The model f that was fitted meets the demand K, a convex set. Of the functions `f + g`, with g of a family S, the nearest to the
rows that meets it is compared with the nearest of all: `T = min_{f+g ∈ K} |r - g|² - min_g |r - g|²`, r the residuals. If the
truth is in K and in `f + S`, then T is at most, whatever f was fitted to, the squared distance of the noise's projection on S
from those g that meet the demand without its offset: a cone for inequalities, a space for equations. That is the null
distribution. So no model is refitted, and a truth on the edge of the cone does not make the test liberal (Robertson, Wright &
Dykstra 1988, §2.3: the least favourable truth). The noise is that of the free fit with random signs (Wu 1986); it may differ
from row to row.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import chi2, gamma
from torch import Tensor

Floats = NDArray[np.float64]
SLIGHT = 0.1
"""A function of the family that violates an equation by less than this share of what the worst does counts as meeting it."""
NONE = 1e-9
"""Below this a demand says nothing to the family."""
EARLY, ENOUGH = 99, 6
"""After so many draws, so many as large as what was seen end the drawing; and one far beyond all of them does."""
FAR = 1.5
"""Times the largest draw."""
LEVERAGE = 0.9
"""Of a row, at most: what lies beyond says nothing of its noise."""


@final
@dataclass(frozen=True, eq=False)
class Misfit:
    """What the rows say to a demand.

    Attributes:
        probability: Of a statistic as large if the demand is right.
        gap: The nearest function that meets it less the nearest of all, at the rows, in noise deviations, `(N,)`.
    """

    probability: float
    gap: Tensor


@final
@dataclass(frozen=True, eq=False)
class Sample:
    """Residuals as a family sees them.

    Attributes:
        basis: The family at the rows, orthonormal, `(N, p)` with `p < N`.
        residuals: `(N,)`.
    """

    basis: Tensor
    residuals: Tensor

    @cached_property
    def seen(self) -> Tensor:
        """What the family can explain, `(p,)`."""
        return self.basis.T @ self.residuals

    @cached_property
    def left(self) -> Tensor:
        """What it cannot, `(N,)`."""
        return self.residuals - self.basis @ self.seen

    @property
    def degrees(self) -> int:
        """Degrees of freedom that are left for the noise."""
        return len(self.basis) - self.basis.shape[1]

    @cached_property
    def noise(self) -> float:
        """Standard deviation of the noise; never quite 0."""
        floor = 1e-12 * float(self.residuals.abs().max()) + 1e-300
        return max(math.sqrt(float(self.left.square().sum()) / self.degrees), floor)

    def draws(self, count: int, generator: torch.Generator) -> tuple[Floats, Floats]:
        """Noise as the family sees it, `(count, p)`, and the variances that it is taken to have, `(count,)`."""
        size = self.left / (1 - self.basis.square().sum(1).clamp_max(LEVERAGE)).sqrt()
        signs = 2.0 * torch.randint(0, 2, (count, len(size)), generator=generator) - 1
        noise = signs * size
        seen = noise @ self.basis
        squares = (noise.square().sum(1) - seen.square().sum(1)) / self.degrees
        return seen.numpy(), squares.clamp_min(1e-300).numpy()


def misfit(
    sample: Sample,
    rows: Tensor,
    offset: Tensor,
    *,
    equal: bool,
    level: float,
    draws: int,
    generator: torch.Generator,
) -> Misfit:
    """What the rows say to `rows @ g + offset = 0`, or `≥ 0`, where g are coordinates in the family.

    Args:
        sample: The residuals.
        rows: `(M, p)`.
        offset: Of the fitted model, `(M,)`.
        equal: Whether they are equations.
        level: A probability above it is of no interest, and is given as 1 where it is sure to be above.
        draws: Of the null distribution, at most.
        generator: Of these.
    """
    largest = float(rows.norm(dim=1).max())
    if largest <= NONE:
        return Misfit(1.0, torch.zeros_like(sample.residuals))
    matrix, bound = (rows / largest).numpy(), (-offset / largest).numpy()
    test = _Equations(matrix) if equal else _Inequalities(matrix)
    move = test.move(sample.seen.numpy(), bound)
    statistic = float(move @ move) / sample.noise**2
    gap = -(sample.basis @ torch.from_numpy(move)) / sample.noise
    # A cone that is no whole space leaves out a half-space at least, so no null distribution is below that of half-spaces.
    if chi2.sf(statistic, 1) / 2 > level:
        return Misfit(1.0, gap)
    return Misfit(_probability(test, sample, statistic, draws, generator), gap)


def _probability(
    test: "_Equations | _Inequalities", sample: Sample, statistic: float, draws: int, generator: torch.Generator
) -> float:
    drawn: Floats = np.empty(0)
    for many in (EARLY, draws - EARLY):
        projections, variances = sample.draws(many, generator)
        drawn = np.concatenate([drawn, test.distances(projections) / variances])
        larger = int((drawn >= statistic).sum())
        if larger >= ENOUGH or statistic > FAR * drawn.max():
            break
    if larger:
        return (1 + larger) / (1 + len(drawn))
    # Beyond all draws: the tail of a gamma distribution with their mean and variance (Satterthwaite 1946).
    scale = max(float(drawn.var() / drawn.mean()), 1e-300) if drawn.mean() > 0 else 1e-300
    return min(float(gamma.sf(statistic, drawn.mean() / scale, scale=scale)), 1 / (1 + len(drawn)))


class _Equations:
    """`matrix @ g = bound`."""

    def __init__(self, matrix: Floats) -> None:
        left, sizes, directions = np.linalg.svd(matrix, full_matrices=False)
        kept = sizes > SLIGHT * sizes[0]
        self.across: Floats = directions[kept]
        self.solve: Floats = left[:, kept].T / sizes[kept, None]

    def move(self, seen: Floats, bound: Floats) -> Floats:
        """From the nearest g to the one seen."""
        moved: Floats = self.across.T @ (self.across @ seen - self.solve @ bound)
        return moved

    def distances(self, seen: Floats) -> Floats:
        """Squared, of every row from the space where the bound is 0."""
        squares: Floats = np.square(seen @ self.across.T).sum(axis=1)
        return squares


class _Inequalities:
    """`matrix @ g ≥ bound`."""

    def __init__(self, matrix: Floats) -> None:
        self.matrix = matrix
        self.polar: Floats = np.ascontiguousarray(-matrix.T)

    def move(self, seen: Floats, bound: Floats) -> Floats:
        """From the nearest g to the one seen: a least-distance problem (Lawson & Hanson 1974, ch. 23)."""
        short = bound - self.matrix @ seen
        if not (short > 0).any():
            return np.zeros_like(seen)
        stacked = np.vstack([self.matrix.T, short[None]])
        target = np.zeros(len(stacked))
        target[-1] = 1.0
        weights, _ = nnls(stacked, target, maxiter=20 * stacked.shape[1])
        rest = stacked @ weights - target
        # No g meets the bound where nothing is left: then no statement is made.
        moved: Floats = rest[:-1] / rest[-1] if rest[-1] < -NONE else np.zeros_like(seen)
        return moved

    def distances(self, seen: Floats) -> Floats:
        """Squared, of every row from the cone where the bound is 0: its projection on the polar cone (Moreau 1962)."""
        rests = np.array([nnls(self.polar, each)[1] for each in seen])
        squares: Floats = np.square(seen).sum(axis=1) - np.square(rests)
        return squares
