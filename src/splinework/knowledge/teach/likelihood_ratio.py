"""A likelihood-ratio test of a linear condition on a function, with its null distribution by a wild bootstrap.

The fitted model f meets the condition K, a convex set. Functions `f + g` are compared: the nearest to the rows that meets
K, with g of a fine family S, and the nearest of all with g of smaller families S_k. In units of the noise, r the
residuals, that is `T_k = min_{g ∈ S, f+g ∈ K} |r - g|² - min_{g ∈ S_k} |r - g|²`. Smaller families see a wide violation best,
larger ones a narrow one; the statistic is the largest T_k after each was brought to mean 0 and deviation 1. A model that is too
smooth makes T_k no larger, since S repairs it within K.

If the truth is in K and in `f + S`, then T_k is at most, whatever f was fitted to, what noise alone gives with those g that meet
the condition without its offset: a cone for inequalities, a space for equations. That is the null distribution, so no model is
refitted, and a truth on the edge of the cone does not make the test liberal (Robertson, Wright & Dykstra 1988, §2.3: the least
favourable truth). Inequalities that f meets with room to spare are left out of the cone (Andrews & Soares 2010). The noise is
that of the free fit with random signs, at its rows, so that it may differ from row to row (Wu 1986), and shuffled, as a
condition on few rows sees too little of its own; the larger probability counts.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import pearson3
from torch import Tensor

Floats = NDArray[np.float64]
MIN_SINGULAR_RATIO = 0.1
"""A function of the family that violates an equation by less than this share of what the worst does counts as meeting it."""
ZERO_TOLERANCE = 1e-9
"""Below this a condition does not restrict the family, and a bound is met exactly."""
MIN_GAIN = 4.0
"""A smaller gain is never significant, and no null distribution is drawn."""
N_EARLY_DRAWS, MIN_EXCEEDANCES = 99, 6
"""After this number of draws, this number of exceedances ends the drawing; so does a statistic far beyond all of them."""
MIN_CLEAR_RATIO = 1.5
"""Times the largest draw."""
MAX_LEVERAGE = 0.9
"""Of a row, at most: what lies beyond says nothing of its noise."""


@final
@dataclass(frozen=True, eq=False)
class TestOutcome:
    """Outcome of the test of a condition.

    Attributes:
        probability: p-value.
        gap: The nearest function less the nearest that meets the condition, at the rows, in noise deviations, `(N,)`.
    """

    probability: float
    gap: Tensor


@final
@dataclass(frozen=True, eq=False)
class ResidualSample:
    """Residuals, scaled for comparison with families of functions.

    Attributes:
        fine: The family that meets the condition, at the rows, orthonormal, `(N, p)` with `p < N`.
        free: Families that need not, `(N, p_k)` each.
        residuals: `(N,)`.
    """

    fine: Tensor
    free: tuple[Tensor, ...]
    residuals: Tensor

    @cached_property
    def seen(self) -> Tensor:
        """Projection of the residuals on the fine family, `(p,)`."""
        return self.fine.T @ self.residuals

    @cached_property
    def left(self) -> Tensor:
        """Residuals of that projection, `(N,)`."""
        return self.residuals - self.fine @ self.seen

    @property
    def degrees(self) -> int:
        """Degrees of freedom that are left for the noise."""
        return len(self.fine) - self.fine.shape[1]

    @cached_property
    def noise(self) -> float:
        """Standard deviation of the noise; never quite 0."""
        floor = 1e-12 * float(self.residuals.abs().max()) + 1e-100
        return max(math.sqrt(float(self.left.square().sum()) / self.degrees), floor)

    def gains(self, rows: Tensor, seen: Tensor) -> Floats:
        """Decrease of the sum of squares by each free family beyond the fine one, `(…, k)`; rows are `(…, N)`, seen `(…, p)`."""
        own = seen.square().sum(-1)
        found: Floats = torch.stack([(rows @ each).square().sum(-1) - own for each in self.free], dim=-1).numpy()
        return found

    def draws(self, count: int, shuffled: bool, generator: torch.Generator) -> tuple[Tensor, Tensor, Floats]:
        """Noise `(count, N)`, as the fine family sees it `(count, p)`, and the variances it is taken to have `(count, 1)`."""
        size = self.left / (1 - self.fine.square().sum(1).clamp_max(MAX_LEVERAGE)).sqrt()
        noise = (2.0 * torch.randint(0, 2, (count, len(size)), generator=generator) - 1) * size
        if shuffled:
            order = torch.rand(noise.shape, generator=generator).argsort(dim=1)
            noise = noise.gather(1, order)
        seen = noise @ self.fine
        squares = (noise.square().sum(1) - seen.square().sum(1)) / self.degrees
        return noise, seen, squares.clamp_min(1e-200).numpy()[:, None]


def likelihood_ratio_test(
    sample: ResidualSample, rows: Tensor, offset: Tensor, sure: Tensor | None, *, draws: int, generator: torch.Generator
) -> TestOutcome:
    """Likelihood-ratio test of `rows @ g + offset = 0`, or `≥ 0`, where g are coordinates in the fine family.

    Args:
        sample: The residuals.
        rows: `(M, p)`.
        offset: Values of the condition for the fitted model, `(M,)`.
        sure: For inequalities, how far each is known, `(M,)`: its standard deviation, for noise of deviation 1. None where
            they are equations.
        draws: Most draws of the null distribution.
        generator: Source of the draws.
    """
    largest = float(rows.norm(dim=1).max())
    if largest <= ZERO_TOLERANCE:
        return TestOutcome(1.0, torch.zeros_like(sample.residuals))
    matrix, bound, seen = (rows / largest).numpy(), (-offset / largest).numpy(), sample.seen.numpy()
    test = _EqualityTest(matrix) if sure is None else _InequalityTest(matrix)
    move = test.move(seen, bound)
    gap = sample.fine @ torch.from_numpy(move) / sample.noise
    gains = (sample.gains(sample.residuals, sample.seen) + float(move @ move)) / sample.noise**2
    if gains.max() < MIN_GAIN:
        return TestOutcome(1.0, gap)
    if isinstance(test, _InequalityTest) and sure is not None:
        room = math.sqrt(math.log(len(sample.residuals))) * sample.noise * (sure / largest).numpy()
        nearest = matrix @ (seen - move)  # where the model misfits by far, this tells better what binds
        test = _InequalityTest(matrix[(-bound <= room) | (nearest - bound <= room)])
    found = (_probability(test, sample, gains, draws, shuffled, generator) for shuffled in (False, True))
    return TestOutcome(max(found), gap)


def _probability(
    test: "_EqualityTest | _InequalityTest",
    sample: ResidualSample,
    gains: Floats,
    draws: int,
    shuffled: bool,
    generator: torch.Generator,
) -> float:
    parts: list[Floats] = []
    for many in (N_EARLY_DRAWS, draws - N_EARLY_DRAWS):
        noise, seen, variances = sample.draws(many, shuffled, generator)
        parts.append((sample.gains(noise, seen) + test.distances(seen.numpy())[:, None]) / variances)
        drawn = np.concatenate(parts)
        middle, width = drawn.mean(0), drawn.std(0) + 1e-300
        scores, score = ((drawn - middle) / width).max(1), ((gains - middle) / width).max()
        larger = int((scores >= score).sum())
        if larger >= MIN_EXCEEDANCES or score > MIN_CLEAR_RATIO * scores.max():
            break
    if larger:
        return (1 + larger) / (1 + len(scores))
    # Beyond all draws: the tail of a gamma distribution with their mean, variance and skewness.
    spread = float(scores.std()) + 1e-300
    skew = float((((scores - scores.mean()) / spread) ** 3).mean())
    return min(float(pearson3.sf(score, skew, float(scores.mean()), spread)), 1 / (1 + len(scores)))


class _EqualityTest:
    """`matrix @ g = bound`."""

    def __init__(self, matrix: Floats) -> None:
        left, sizes, directions = np.linalg.svd(matrix, full_matrices=False)
        kept = sizes > MIN_SINGULAR_RATIO * sizes[0]
        self.across: Floats = directions[kept]
        self.solve: Floats = left[:, kept].T / sizes[kept, None]

    def move(self, seen: Floats, bound: Floats) -> Floats:
        """The difference of the observed g and the nearest one that meets the condition."""
        moved: Floats = self.across.T @ (self.across @ seen - self.solve @ bound)
        return moved

    def distances(self, seen: Floats) -> Floats:
        """Squared, of every row from the space where the bound is 0."""
        squares: Floats = np.square(seen @ self.across.T).sum(axis=1)
        return squares


class _InequalityTest:
    """`matrix @ g ≥ bound`."""

    def __init__(self, matrix: Floats) -> None:
        self.matrix = matrix
        self.polar: Floats = np.ascontiguousarray(-matrix.T)

    def move(self, seen: Floats, bound: Floats) -> Floats:
        """The difference of the observed g and the nearest one that meets the condition (Lawson & Hanson 1974, ch. 23)."""
        short = bound - self.matrix @ seen
        if not (short > 0).any():
            return np.zeros_like(seen)
        stacked = np.vstack([self.matrix.T, short[None]])
        target = np.zeros(len(stacked))
        target[-1] = 1.0
        weights, _ = nnls(stacked, target, maxiter=20 * stacked.shape[1])
        rest = stacked @ weights - target
        # No g meets the bound where nothing is left: then no statement is made.
        moved: Floats = rest[:-1] / rest[-1] if rest[-1] < -ZERO_TOLERANCE else np.zeros_like(seen)
        return moved

    def distances(self, seen: Floats) -> Floats:
        """Squared, of every row from the cone where the bound is 0: its projection on the polar cone (Moreau 1962)."""
        if not len(self.matrix):
            return np.zeros(len(seen))
        rests = np.array([nnls(self.polar, each)[1] for each in seen])
        squares: Floats = np.square(seen).sum(axis=1) - np.square(rests)
        return squares
