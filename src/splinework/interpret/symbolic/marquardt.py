"""Nonlinear least squares for formulas: few constants, many rows, started close to the answer.

`scipy.optimize.least_squares` would do, but for its start-up cost: a search tries hundreds of candidates of a few constants.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from splinework.interpret.symbolic.library import Array

Model = Callable[[Array], tuple[Array, Array]]
"""From constants `(P,)` to residuals `(N,)` and their Jacobian `(N, P)`; NaN where the constants leave a domain."""


@dataclass(frozen=True)
class Solution:
    """Constants, the residual sum of squares there, and the Jacobian."""

    constants: Array
    rss: float
    jacobian: Array

    @property
    def rank(self) -> int:
        """Number of constants that the data can tell apart: the numerical rank of the Jacobian."""
        with np.errstate(over="ignore"):
            length = np.linalg.norm(self.jacobian, axis=0)
        scaled = self.jacobian / np.where(length > 0, length, 1.0)
        values = np.linalg.svd(scaled, compute_uv=False)
        return int((values > 1e-7 * values[:1].max(initial=0.0)).sum()) if values.size else 0


def minimise(model: Model, start: Array, *, steps: int = 40, gain: float = 1e-12) -> Solution | None:
    """Levenberg–Marquardt with column scaling; None if the start itself is not finite.

    Args:
        model: Residuals and Jacobian.
        start: First constants.
        steps: Most accepted steps.
        gain: Stops when a step lowers the sum of squares by less than this share.
    """
    with np.errstate(all="ignore"):  # a trial may overflow; it is refused
        try:
            return _minimise(model, start, steps, gain)
        except np.linalg.LinAlgError:  # slopes so large that no step can be computed
            return None


def _minimise(model: Model, start: Array, steps: int, gain: float) -> Solution | None:
    constants = np.array(start, dtype=float)
    residuals, jacobian = model(constants)
    rss = float(residuals @ residuals)
    if not np.isfinite(rss) or not np.isfinite(jacobian).all():
        return None
    damping, growth, idle = 1e-3, 2.0, 0
    longest = np.zeros(len(constants))
    for _ in range(steps):
        length = np.linalg.norm(jacobian, axis=0)
        longest = np.maximum(longest, length)
        scale = np.where(longest > 0, np.maximum(length, 1e-8 * longest), 1.0)  # no unit of a constant matters
        q, r = np.linalg.qr(jacobian / scale)
        left, values, right = np.linalg.svd(r, full_matrices=False)
        target = left.T @ (q.T @ residuals)
        accepted = False
        for _ in range(14):
            move = right.T @ (-values / (values**2 + damping) * target)
            trial = constants + move / scale
            new_residuals, new_jacobian = model(trial)
            new = float(new_residuals @ new_residuals)
            if np.isfinite(new) and new < rss and np.isfinite(new_jacobian).all():
                accepted = True
                break
            damping, growth = damping * growth, growth * 2
        if not accepted:
            break
        idle = idle + 1 if rss - new < gain * rss else 0
        constants, residuals, jacobian, rss = trial, new_residuals, new_jacobian, new
        damping, growth = max(damping / 5, 1e-14), 2.0
        if idle >= 2 or rss == 0:
            break
    return Solution(constants, rss, jacobian)
