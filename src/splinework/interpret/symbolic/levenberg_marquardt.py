"""The damped steps of Levenberg and Marquardt for formulas: few constants, many rows, started close to the answer.

`scipy.optimize.least_squares` would do, but for its start-up cost: a search tries hundreds of candidates of a few constants.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from splinework.interpret.symbolic.library import Array

Model = Callable[[Array], tuple[Array, Array]]
"""From constants `(P,)` to residuals `(N,)` and their Jacobian `(N, P)`; NaN where the constants leave a domain."""


Evaluation = tuple[float, Array, Array]
"""What a place looks like: the value that is to fall, and what steps are made of."""


@dataclass(frozen=True)
class LeastSquaresSolution:
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


def damped_steps(
    place: Array,
    now: Evaluation,
    look: Callable[[Array], Evaluation | None],
    solver: Callable[[Evaluation], Callable[[float], Array]],
    *,
    damping: float,
    growth: float = 2.0,
    relief: float = 5.0,
    trials: int = 14,
) -> Iterator[tuple[Array, Evaluation]]:
    """The places to which damped steps lead, each lower than the one before; ends where no damping helps.

    Args:
        place: The start.
        now: What it looks like.
        look: What a place looks like, None outside the domain.
        solver: From what a place looks like to what gives the step for a damping; it factorises once.
        damping: Of the first trial.
        growth: By which it grows after a step that did not help; twice as much each time.
        relief: By which it falls after one that did.
        trials: Most dampings for one step.
    """
    while True:
        step, factor = solver(now), growth
        for _ in range(trials):
            trial = place + step(damping)
            new = look(trial)
            if new is not None and new[0] < now[0]:
                break
            damping, factor = damping * factor, factor * 2
        else:
            return
        place, now, damping = trial, new, max(damping / relief, 1e-14)
        yield place, now


def minimise(model: Model, start: Array, *, steps: int = 40, gain: float = 1e-12) -> LeastSquaresSolution | None:
    """Nonlinear least squares with column scaling; None if the start itself is not finite.

    Args:
        model: Residuals and Jacobian.
        start: First constants.
        steps: Most accepted steps.
        gain: Stops when two steps in a row lower the sum of squares by less than this share.
    """
    constants = np.array(start, dtype=float)
    longest = np.zeros(len(constants))

    def look(constants: Array) -> Evaluation | None:
        residuals, jacobian = model(constants)
        rss = float(residuals @ residuals)
        return (rss, residuals, jacobian) if np.isfinite(rss) and np.isfinite(jacobian).all() else None

    def solver(now: Evaluation) -> Callable[[float], Array]:
        _, residuals, jacobian = now
        length = np.linalg.norm(jacobian, axis=0)
        np.maximum(longest, length, out=longest)
        scale = np.where(longest > 0, np.maximum(length, 1e-8 * longest), 1.0)  # no unit of a constant matters
        q, r = np.linalg.qr(jacobian / scale)
        left, values, right = np.linalg.svd(r, full_matrices=False)
        target = left.T @ (q.T @ residuals)
        return lambda damping: right.T @ (-values / (values**2 + damping) * target) / scale

    with np.errstate(all="ignore"):  # a trial may overflow; it is refused
        now, idle = look(constants), 0
        if now is None:
            return None
        try:
            for place, found in islice(damped_steps(constants, now, look, solver, damping=1e-3), steps):
                idle = idle + 1 if now[0] - found[0] < gain * now[0] else 0
                constants, now = place, found
                if idle >= 2 or now[0] == 0:
                    break
        except np.linalg.LinAlgError:  # slopes so large that no step can be computed
            return None
    return LeastSquaresSolution(constants, now[0], now[2])
