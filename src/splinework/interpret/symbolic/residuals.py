"""Whether residuals are noise: neighbours that err alike say that something is left to explain."""

import math

import numpy as np

from splinework.interpret.symbolic.library import Array

LIMIT = 3.5
"""Standard deviations by which neighbours must resemble each other more than strangers do."""
MOST = 2000
"""Rows that are looked at."""


def structured(x: Array, fitted: Array, residuals: Array) -> bool:
    """Whether residuals depend on the inputs.

    Von Neumann's ratio (1941) of squared differences between neighbours to the variance: 1 for noise, less where neighbours
    resemble each other. Neighbours are those in all inputs together, and along each input and the fitted value by itself.

    Args:
        x: `(N, d)`.
        fitted: `(N,)`, what the formula gives.
        residuals: `(N,)`, on a scale on which their size is about even.
    """
    from scipy.spatial import cKDTree

    thin = slice(None, None, max(len(residuals) // MOST, 1))
    x, fitted, residuals = x[thin], fitted[thin], residuals[thin]
    # Ranks, so that a few large ones do not drown the rest.
    ranks = np.argsort(np.argsort(residuals)).astype(float)
    ranks = (ranks - ranks.mean()) / (ranks.std() or 1.0)
    spread = x.std(0)
    varies = spread > 0
    if varies.any():
        points = x[:, varies] / spread[varies]
        near = np.asarray(cKDTree(points).query(points, k=2)[1])[:, 1]
        if _resemble(ranks, ranks[near]):
            return True
    orders = [np.argsort(column, kind="stable") for column in (*x[:, varies].T, fitted)]
    return any(_resemble(ranks[order][1:], ranks[order][:-1]) for order in orders)


def _resemble(one: Array, other: Array) -> bool:
    correlation = float(np.mean(one * other))
    return correlation * math.sqrt(len(one)) > LIMIT
