"""Whether residuals are noise: the judgement that ends a search for formulas.

Four tests, each with a small chance to find something in noise: the correlation of neighbours (von Neumann 1941), polynomials in
the ranks of the columns (Neyman 1937), which see a smooth error that neighbours do not, the gain of a Gaussian process over
nothing, and that of one in the ranks, both by rows left out (Rasmussen & Williams 2006, section 5.4.2). The last two see what
changes with several columns at once, and patterns of a few rows.
"""

import itertools
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from scipy import special

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import Array

MIN_Z_SCORE = 3.5
"""Standard errors by which the correlation of neighbours, or the gain of a Gaussian process, must exceed zero."""
SMOOTH_TERMS = (6, 14, 30)
"""Most terms of the polynomials that residuals are compared with."""
MAX_ROWS, MAX_PROCESS_ROWS, MAX_TUNING_ROWS = 2000, 1000, 250
"""Most rows of the test of neighbours, of a Gaussian process, and of the choice of its length scales."""
MAX_CHANCE = 2.3e-4
"""Probability of as much in noise by chance, up to which polynomials have found something: that of as many standard errors."""
MAX_SIZE = 4.0
"""Standard deviations at which residuals are cut for Gaussian processes."""
STARTS = (0.3, 1.5)
"""Length scales, in standard deviations of the columns, from which the choice begins."""
MAX_STEPS = 25
JITTER = 1e-8
"""Least variance of the noise of a Gaussian process, as a share of that of the target."""
NEIGHBOURS = 3
"""Neighbours on each side that a row of a curve is compared with."""
PROCESS_WORK = 0.4
"""Units of work of a Gaussian process."""


def has_structure(x: Array, fitted: Array, residuals: Array) -> bool:
    """Whether residuals depend on the inputs.

    Neighbours are nearest in all inputs jointly, and adjacent along each input and along the fitted value.

    Args:
        x: Inputs `(N, d)`.
        fitted: Fitted values `(N,)`.
        residuals: Residuals `(N,)`, about homoscedastic.
    """
    spread = x.std(0)
    varies = spread > 0
    if _neighbours_agree(x[:, varies] / spread[varies], fitted, residuals):
        return True
    size = float(residuals.std())
    if not varies.any() or not 0 < size < math.inf:
        return False
    robust = 1.4826 * float(np.median(np.abs(residuals - np.median(residuals)))) or size
    cut = np.clip((residuals - np.median(residuals)) / robust, -MAX_SIZE, MAX_SIZE)
    ranks = np.argsort(np.argsort(x[:, varies], axis=0), axis=0).astype(float)
    return _follow_polynomials(ranks, cut) or any(_is_predictable(columns, cut) for columns in (x[:, varies], ranks))


def _neighbours_agree(points: Array, fitted: Array, residuals: Array) -> bool:
    from scipy.spatial import cKDTree

    thin = slice(None, None, max(len(residuals) // MAX_ROWS, 1))
    points, fitted, residuals = points[thin], fitted[thin], residuals[thin]
    # Ranks are robust against a few large residuals.
    ranks = np.argsort(np.argsort(residuals)).astype(float)
    ranks = (ranks - ranks.mean()) / (ranks.std() or 1.0)
    if points.shape[1]:
        near = np.asarray(cKDTree(points).query(points, k=2)[1])[:, 1]
        if _is_positive(ranks * ranks[near]):
            return True
    orders = [np.argsort(column, kind="stable") for column in (*points.T, fitted)]
    return any(_is_positive(ranks[order][1:] * ranks[order][:-1]) for order in orders)


def _is_positive(products: Array) -> bool:
    """Whether the mean of products of ranks of unit variance exceeds zero."""
    return float(products.mean()) * math.sqrt(len(products)) > MIN_Z_SCORE


def _follow_polynomials(ranks: Array, residuals: Array) -> bool:
    """Whether polynomials in the ranks of the columns, of any of some degrees, explain more than they would of noise."""
    rows, d = ranks.shape
    tables, residuals = (
        chebyshev.chebvander(2 * ranks / (rows - 1) - 1, max(SMOOTH_TERMS)),
        residuals - residuals.mean(),
    )
    degree, terms = 0, [np.ones(rows)]
    for most in SMOOTH_TERMS:
        before = degree
        while math.comb(d + degree + 1, d) <= min(most, rows // 4):
            degree += 1
            powers = map(Counter, itertools.combinations_with_replacement(range(d), degree))
            terms += [np.prod([tables[:, k, p] for k, p in each.items()], axis=0) for each in powers]
        if degree > before:
            explained = np.square(np.linalg.qr(np.column_stack(terms))[0].T @ residuals).sum()
            count, free = len(terms) - 1, rows - len(terms)
            ratio = explained / count / ((residuals @ residuals - explained) / free)
            if special.fdtrc(count, free, ratio) < MAX_CHANCE:
                return True
    return False


def _is_predictable(x: Array, y: Array) -> bool:
    """Whether a Gaussian process predicts rows that it has not seen better than their mean does."""
    thin = slice(None, None, max(-(-len(y) // MAX_PROCESS_ROWS), 1))
    x, y = x[thin], y[thin] - y[thin].mean()
    gain = y**2 - left_out_errors(x, y) ** 2
    spread = float(gain.std())
    return spread > 0 and float(gain.mean()) / spread * math.sqrt(len(gain)) > MIN_Z_SCORE


def process_error(x: Array, y: Array, weights: Array) -> float:
    """Root mean square of the errors of a Gaussian process on rows left out, an estimate of the noise from above.

    Args:
        x: Columns `(N, d)`.
        y: Target `(N,)`.
        weights: Weights of the squared errors, `(N,)`.
    """
    thin = slice(None, None, max(-(-len(y) // MAX_PROCESS_ROWS), 1))
    x, y, weights = x[thin], y[thin], weights[thin]
    return float(np.sqrt(np.mean(weights * left_out_errors(x, y) ** 2)))


def local_noise(x: Array, y: Array) -> float:
    """The noise of a curve by what the polynomial through its neighbours says of every row; kinks and jumps do not count.

    Rows are compared with the quintic through the three neighbours on each side, which generalises the differences of Gasser,
    Sroka & Jennen-Steinmetz (1986); the median leaves out the rows beside a kink. Rows with equal inputs are averaged.

    Args:
        x: Column `(N,)`.
        y: Target `(N,)`.

    Returns:
        The standard deviation of the noise; infinite with fewer than eight different values.

    >>> x = np.linspace(-1, 1, 50)
    >>> local_noise(x, np.abs(x - 0.3)) < 1e-12
    True
    """
    points, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    if len(points) <= 2 * NEIGHBOURS + 1:
        return math.inf
    values = np.bincount(place, y) / counts
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(len(points)), 2 * NEIGHBOURS + 1)
    near = np.delete(windows, NEIGHBOURS, axis=1)
    ahead, apart = points[windows[:, NEIGHBOURS, None]] - points[near], points[near][:, :, None] - points[near][:, None]
    own = np.eye(2 * NEIGHBOURS, dtype=bool)
    weights = np.where(own, 1.0, ahead[:, None] / np.where(own, 1.0, apart)).prod(2)
    errors = values[windows[:, NEIGHBOURS]] - (weights * values[near]).sum(1)
    return 1.4826 * float(np.median(np.abs(errors) / np.sqrt(1 + (weights**2).sum(1))))


def left_out_errors(x: Array, y: Array, tuned: int = MAX_TUNING_ROWS) -> Array:
    """Errors of a Gaussian process on every row, predicted by the others, `(N,)`.

    A squared exponential kernel with a length scale for each column, and noise, by the largest marginal likelihood of some rows.

    Args:
        x: Columns `(N, d)`.
        y: Target `(N,)`.
        tuned: Most rows of the choice of length scales.

    >>> x = np.linspace(0, 1, 60)[:, None]
    >>> bool(np.abs(left_out_errors(x, np.sin(6 * x[:, 0]))).max() < 1e-3)
    True
    """
    from scipy.linalg import cho_factor, cho_solve

    clock.spend(PROCESS_WORK)
    spread = x.std(0)
    x = (x - x.mean(0)) / np.where(spread > 0, spread, 1.0)
    level, size = float(y.mean()), float(y.std()) or 1.0
    y = (y - level) / size
    kernel = _tuned(x, y, tuned)
    factor = cho_factor(kernel.of(x), lower=True)
    inverse = cho_solve(factor, np.eye(len(y)))
    return np.asarray(size * (inverse @ y) / np.diag(inverse))


@dataclass(frozen=True)
class _Kernel:
    """Logarithms of the length scales `(d,)`, then of the variances of signal and noise."""

    numbers: Array

    def of(self, x: Array) -> Array:
        """The covariance of the rows with noise, `(N, N)`."""
        scaled = x / np.exp(self.numbers[:-2])
        squares = (scaled**2).sum(1)
        distance = np.maximum(squares[:, None] + squares - 2 * scaled @ scaled.T, 0.0)
        made = np.exp(self.numbers[-2] - 0.5 * distance)
        made[np.diag_indices(len(x))] += math.exp(self.numbers[-1]) + JITTER
        return np.asarray(made)

    def loss(self, x: Array, y: Array) -> tuple[float, Array]:
        """Negative logarithm of the marginal likelihood, with a weak prior, and its gradient."""
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        covariance = self.of(x)
        try:
            factor = cho_factor(covariance, lower=True)
        except LinAlgError:
            return 1e25, np.zeros_like(self.numbers)
        alpha = cho_solve(factor, y)
        weight = 0.5 * (cho_solve(factor, np.eye(len(y))) - np.outer(alpha, alpha))
        noise = math.exp(self.numbers[-1])
        smooth = covariance.copy()
        smooth[np.diag_indices(len(x))] -= noise + JITTER
        product = weight * smooth
        sums, scaled = product.sum(1), x / np.exp(self.numbers[:-2])
        # The sum of product[n, m] (x_n - x_m)² by column
        lengths = 2 * (sums @ scaled**2) - 2 * np.einsum("nd,nm,md->d", scaled, product, scaled, optimize=True)
        slope = np.array([*lengths, product.sum(), noise * np.trace(weight)])
        value = 0.5 * float(y @ alpha) + float(np.log(np.diag(factor[0])).sum())
        prior = 0.05 * self.numbers[:-2]
        return value + 0.025 * float((self.numbers[:-2] ** 2).sum()), slope + np.array([*prior, 0.0, 0.0])


def _tuned(x: Array, y: Array, most: int) -> _Kernel:
    """The kernel of the largest marginal likelihood of at most this many of the rows."""
    from scipy.optimize import minimize

    some = slice(None, None, max(-(-len(y) // most), 1))
    bounds = [(-4.0, 5.0)] * x.shape[1] + [(-4.0, 6.0), (-20.0, 1.0)]
    best: tuple[float, Array] | None = None
    for start in STARTS:
        first = np.array([math.log(start)] * x.shape[1] + [0.0, math.log(0.1)])
        found: Any = minimize(  # type: ignore[call-overload]
            lambda numbers: _Kernel(numbers).loss(x[some], y[some]),
            first,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": MAX_STEPS},
        )
        if best is None or found.fun < best[0]:
            best = (float(found.fun), np.asarray(found.x))
    assert best is not None
    return _Kernel(best[1])
