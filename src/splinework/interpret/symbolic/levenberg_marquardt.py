"""The Levenberg–Marquardt method for formulas: few constants, many rows, good initial values.

`scipy.optimize.least_squares` has too high a start-up cost for hundreds of candidates with a few constants each.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from splinework.interpret.symbolic.library import Array

Model = Callable[[Array], tuple[Array, Array]]
"""Maps constants `(P,)` to residuals `(N,)` and their Jacobian `(N, P)`; NaN outside a domain."""


Evaluation = tuple[float, Array, Array]
"""The objective and the arrays that determine a step, at some constants."""


@dataclass(frozen=True)
class LeastSquaresSolution:
    """Constants with their residual sum of squares and Jacobian."""

    constants: Array
    rss: float
    jacobian: Array

    @property
    def rank(self) -> int:
        """Number of identifiable constants: the numerical rank of the Jacobian."""
        with np.errstate(over="ignore"):
            length = np.linalg.norm(self.jacobian, axis=0)
        scaled = self.jacobian / np.where(length > 0, length, 1.0)
        values = np.linalg.svd(scaled, compute_uv=False)
        return int((values > 1e-7 * values[:1].max(initial=0.0)).sum()) if values.size else 0


def damped_steps(
    place: Array,
    now: Evaluation,
    evaluate: Callable[[Array], Evaluation | None],
    solver: Callable[[Evaluation], Callable[[float], Array]],
    *,
    damping: float,
    growth: float = 2.0,
    relief: float = 5.0,
    trials: int = 14,
) -> Iterator[tuple[Array, Evaluation]]:
    """Iterates of decreasing objective by damped steps; ends where no damping gives a decrease.

    Args:
        place: Initial constants.
        now: Evaluation there.
        evaluate: Evaluates the objective; None outside the domain.
        solver: Factorises an evaluation and returns the step as a function of the damping.
        damping: Initial damping.
        growth: Factor of the damping after a rejected step; it doubles each time.
        relief: Divisor of the damping after an accepted step.
        trials: Maximum number of trials per step.
    """
    while True:
        step, factor = solver(now), growth
        for _ in range(trials):
            trial = place + step(damping)
            new = evaluate(trial)
            if new is not None and new[0] < now[0]:
                break
            damping, factor = damping * factor, factor * 2
        else:
            return
        place, now, damping = trial, new, max(damping / relief, 1e-14)
        yield place, now


def linear_least_squares(regressors: Array, target: Array) -> Array:
    """The coefficients of least squares `(P,)` for regressors `(N, P)` of any lengths, which are scaled to norm 1 first."""
    lengths = np.maximum(np.linalg.norm(regressors, axis=0), 1e-300)
    found: Array = np.linalg.lstsq(regressors / lengths, target, rcond=None)[0] / lengths
    return found


def minimise(model: Model, start: Array, *, steps: int = 40, gain: float = 1e-12) -> LeastSquaresSolution | None:
    """Nonlinear least squares with column scaling; None if the objective is not finite at the start.

    Args:
        model: Residuals and Jacobian.
        start: Initial constants.
        steps: Maximum number of accepted steps.
        gain: Relative decrease of the sum of squares below which two consecutive steps end the iteration.
    """
    constants = np.array(start, dtype=float)
    longest = np.zeros(len(constants))

    def evaluate(constants: Array) -> Evaluation | None:
        residuals, jacobian = model(constants)
        rss = float(residuals @ residuals)
        return (rss, residuals, jacobian) if np.isfinite(rss) and np.isfinite(jacobian).all() else None

    def solver(now: Evaluation) -> Callable[[float], Array]:
        _, residuals, jacobian = now
        length = np.linalg.norm(jacobian, axis=0)
        np.maximum(longest, length, out=longest)
        scale = np.where(longest > 0, np.maximum(length, 1e-8 * longest), 1.0)  # invariance to units
        q, r = np.linalg.qr(jacobian / scale)
        left, values, right = np.linalg.svd(r, full_matrices=False)
        target = left.T @ (q.T @ residuals)
        return lambda damping: right.T @ (-values / (values**2 + damping) * target) / scale

    with np.errstate(all="ignore"):  # trials that overflow are rejected
        now, idle = evaluate(constants), 0
        if now is None:
            return None
        try:
            for place, found in islice(damped_steps(constants, now, evaluate, solver, damping=1e-3), steps):
                idle = idle + 1 if now[0] - found[0] < gain * now[0] else 0
                constants, now = place, found
                if idle >= 2 or now[0] == 0:
                    break
        except np.linalg.LinAlgError:  # derivatives too large for a step
            return None
    return LeastSquaresSolution(constants, now[0], now[2])
