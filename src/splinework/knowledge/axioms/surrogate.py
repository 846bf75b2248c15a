"""A Bayesian surrogate of the data, on which suggestions of axioms are based.

A sum of functions of one input, of two, and for few inputs of three, each a Legendre series whose coefficients have a normal
prior that decays with the degree. The prior variance of each part maximises the evidence (MacKay 1992, "Bayesian interpolation",
eq. 4.9), so that irrelevant parts vanish.
"""

import itertools
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_DEGREE: Final = 16
"""The maximum degree along one input."""
INTERACTION_DEGREES: Final = ((4, 2, 10), (6, 2, 8), (9, 2, 6), (12, 2, 4), (4, 3, 7))
"""Rows `(most inputs, inputs of the interaction, highest total degree)`; the first matching row applies."""
PRIOR_DECAY: Final = 4.0
"""The power of the degree by which prior variances decay, as for functions with a bounded second derivative."""
MAX_UPDATES, FREEDOM_TOLERANCE = 100, 1e-3
"""The maximum number of updates of the variances, and the tolerance of the effective degrees of freedom."""
MIN_TERM_VARIANCE: Final = 1e-7
"""The smallest mean square of a coefficient, relative to the variance of the target; smaller terms are dropped."""
MIN_PART_VARIANCE: Final = 1e-9
"""The smallest mean square of a part's coefficients, relative to the variance of the target; smaller parts are dropped."""


@final
@dataclass(frozen=True, eq=False)
class PosteriorSurrogate:
    """The posterior of the function underlying the data.

    Attributes:
        low: Lower ends of the box of the rows, `(I,)`.
        high: Upper ends.
        degrees: Degrees of each term along each input, `(P, I)`.
        mean: Posterior mean of the coefficients, `(P,)`.
        samples: Draws from the posterior, `(P, S)`.
        noise: Standard deviation of the residuals, in units of y.
        spread: Standard deviation of the function over the rows.
    """

    low: Floats
    high: Floats
    degrees: NDArray[np.int64]
    mean: Floats
    samples: Floats
    noise: float
    spread: float

    def design(self, x: Floats) -> Floats:
        """Values of all terms at points `(N, I)`, `(N, P)`."""
        return _design((x - self.low) / (self.high - self.low), self.degrees)

    def drawn(self, x: Floats) -> Floats:
        """The function at points `(N, I)`, one column per draw, in its standard deviations."""
        return np.asarray(self.design(x) @ self.samples / self.spread)


def surrogate(x: Floats, y: Floats, *, draws: int = 60, seed: int = 0) -> PosteriorSurrogate:
    """Fits the posterior of the function underlying the data.

    Args:
        x: Inputs, `(N, I)`, none of them constant.
        y: The target, `(N,)`.
        draws: Number of draws from the posterior.
        seed: Seed of the draws.
    """
    low, high = x.min(axis=0), x.max(axis=0)
    middle, scale = float(y.mean()), float(y.std())
    degrees, blocks = _terms(x.shape[1], len(x))
    a = _design((x - low) / (high - low), degrees)
    target = (y - middle) / scale
    weight = np.where(blocks < 0, 0.0, np.maximum(degrees, 1).prod(axis=1) ** PRIOR_DECAY)
    alpha = np.ones(int(blocks.max()) + 1)
    gram, right, noise = a.T @ a, a.T @ target, 0.1
    freedom = np.zeros(len(alpha))
    for _ in range(MAX_UPDATES):
        mean, spread = _posterior(gram, right, weight * alpha[blocks] + 1e-10, noise)
        determined = 1 - weight * alpha[blocks] * (spread**2).sum(axis=1)
        size = weight * mean**2
        before, freedom = freedom, np.bincount(blocks[1:], determined[1:], len(alpha)).clip(1e-12)
        alpha = freedom / np.bincount(blocks[1:], size[1:], len(alpha)).clip(MIN_PART_VARIANCE * freedom)
        left = max(float(target @ target - 2 * mean @ right + mean @ gram @ mean), 1e-12 * len(y))
        noise = left / max(len(y) - freedom.sum() - 1, 1.0)
        if np.abs(freedom - before).max() < FREEDOM_TOLERANCE * max(1.0, freedom.max()):
            break
    mean, spread = _posterior(gram, right, weight * alpha[blocks] + 1e-10, noise)
    varies = float((a @ mean).std()) * scale
    normal = np.random.default_rng(seed).standard_normal((len(mean), draws))
    drawn = mean[:, None] + spread @ normal
    kept = (drawn**2).mean(axis=1) > MIN_TERM_VARIANCE
    kept[0] = True
    mean, samples, degrees = mean[kept], scale * drawn[kept], degrees[kept]
    samples[0] += middle
    mean = scale * mean
    mean[0] += middle
    return PosteriorSurrogate(low, high, degrees, mean, samples, scale * noise**0.5, varies if varies > 0 else scale)


def _terms(inputs: int, rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Degrees `(P, I)` and the part of each term; the constant comes first and has no part (-1)."""
    degrees, blocks = [np.zeros(inputs, dtype=np.int64)], [-1]
    for i in range(inputs):
        for degree in range(1, min(MAX_DEGREE, max(3, rows // 4)) + 1):
            degrees.append(degree * np.eye(inputs, dtype=np.int64)[i])
            blocks.append(i)
    block = inputs
    for size in (2, 3):
        highest = next((most for least, k, most in INTERACTION_DEGREES if k == size and inputs <= least), 0)
        powers = [p for p in itertools.product(range(1, highest), repeat=size) if sum(p) <= highest]
        for chosen in itertools.combinations(range(inputs), size) if powers else ():
            for power in powers:
                degrees.append(np.zeros(inputs, dtype=np.int64))
                degrees[-1][list(chosen)] = power
                blocks.append(block)
            block += 1
    return np.array(degrees), np.array(blocks)


def _design(unit: Floats, degrees: NDArray[np.int64]) -> Floats:
    """Products of Legendre polynomials of mean square 1 on the unit interval."""
    powers = np.polynomial.legendre.legvander(2 * unit - 1, int(degrees.max()))
    powers = powers * np.sqrt(2 * np.arange(powers.shape[-1]) + 1)
    result = np.ones((len(unit), len(degrees)))
    for i in range(unit.shape[1]):
        result *= powers[:, i, degrees[:, i]]
    return result


def _posterior(gram: Floats, right: Floats, precision: Floats, noise: float) -> tuple[Floats, Floats]:
    """Mean of the coefficients, and a square root R of their covariance, `R Rᵀ`."""
    from scipy.linalg import cholesky, solve_triangular  # only here: it takes long to load

    factor = cholesky(gram / noise + np.diag(precision), lower=True, check_finite=False)
    root = solve_triangular(factor, np.eye(len(gram)), lower=True, check_finite=False).T
    return root @ (root.T @ right) / noise, root
