"""Sparse sums: exact ones of more terms than rows, and what each term of a sum is worth."""

import math

import numpy as np
from scipy.linalg import solve_triangular

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import Array

MAX_STEPS, SLOWNESS = 30, 0.6
"""Steps, and the factor by which the floor under the weights falls in each."""
MIN_SHARE, MAX_SUPPORT = 1e-4, 1 / 3
"""Share of the largest coefficient from which one counts, and most of these as a share of the rows."""
MIN_FITTED = 1e-6
"""Share of the largest coefficient from which one counts in the end, of columns of unit length."""
MAX_RESIDUAL = 1e-9
"""Residual, as a share of the right side, of an exact solution."""
STEP_WORK = 5e-11
"""Units of work for each row, row and term."""


def sparse_support(design: Array, y: Array, *, deadline: float = math.inf) -> Array | None:
    """The places of the few columns that give `y = A c` exactly, as FOCUSS finds them; None where it finds no such columns.

    The solution of least `Σ c_k² / w_k` under `A c = y`,

        c = W Aᵀ (A W Aᵀ)⁻¹ y,

    each weight w_k the square of the last step's c_k (Gorodnitsky & Rao 1997) above a floor that falls slowly (Chartrand & Yin
    2008).

    Args:
        design: `(N, terms)`, of more terms than rows or fewer.
        y: `(N,)`.
        deadline: Time of `clock`; a third of what is left until then is used.

    >>> draw = np.random.default_rng(0)
    >>> design = draw.normal(size=(60, 200))
    >>> sparse_support(design, design[:, [7, 90, 151]] @ [1.0, -2.0, 0.5])
    array([  7,  90, 151])
    """
    n = len(design)
    lengths = np.linalg.norm(design, axis=0)
    if not np.isfinite(lengths).all() or not float(np.linalg.norm(y)) > 0:
        return None
    unit = design / np.where(lengths > 0, lengths, 1.0)
    weights, floor = np.ones(unit.shape[1]), 1.0
    began = clock.now()
    for _ in range(MAX_STEPS):
        if clock.now() > began + (deadline - began) / 3:
            return None
        clock.spend(STEP_WORK * n * n * unit.shape[1])
        gram = (unit * weights) @ unit.T
        gram[np.diag_indices(n)] += 1e-13 * float(np.trace(gram)) / n
        try:
            coefficients = weights * (unit.T @ np.linalg.solve(gram, y))
        except np.linalg.LinAlgError:
            return None
        size = float(np.abs(coefficients).max())
        if not np.isfinite(size) or size == 0:
            return None
        floor *= SLOWNESS
        weights = coefficients**2 + (floor * size) ** 2
        support = np.flatnonzero(np.abs(coefficients) > MIN_SHARE * size)
        if len(support) <= MAX_SUPPORT * n:
            found = np.linalg.lstsq(unit[:, support], y, rcond=None)[0]
            if float(np.linalg.norm(unit[:, support] @ found - y)) <= MAX_RESIDUAL * float(np.linalg.norm(y)):
                return np.asarray(support[np.abs(found) > MIN_FITTED * float(np.abs(found).max())])
    return None


def losses_without(regressors: Array, coefficients: Array) -> Array:
    """Increase of the squared error of least squares without each of the terms, `c_k² / [(AᵀA)⁻¹]_kk`.

    See Seber & Lee (2003), "Linear Regression Analysis", section 3.8.

    >>> losses_without(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([1.0, 3.0])).tolist()
    [4.0, 9.0]
    """
    lengths = np.maximum(np.linalg.norm(regressors, axis=0), 1e-300)
    triangle: Array = np.linalg.qr(regressors / lengths)[1]
    diagonal = np.diag(triangle)
    triangle = triangle + np.diag(np.where(np.abs(diagonal) > 1e-15, 0.0, 1e-15 - diagonal))
    inverse = solve_triangular(triangle, np.eye(len(triangle)))
    losses: Array = (coefficients * lengths) ** 2 / np.maximum((inverse**2).sum(1), 1e-300)
    return losses
