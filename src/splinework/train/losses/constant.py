"""The best that a constant can do: where a model starts whose output is not standardised, and what it must beat."""

import torch
from torch import Tensor

from splinework.train.losses.base import Loss

STEPS = 200
SETTLED = 1e-14


@torch.no_grad()
def best_constant(loss: Loss, t: Tensor, unit: Tensor, weights: Tensor | None = None) -> Tensor:
    """The output `(J,)`, the same for every row, with the least mean loss, such as a median or log odds.

    By damped steps on the loss's own expansion. An infinite one (the log odds of a class that never occurs) ends
    finite, where the loss no longer changes.

    Args:
        loss: The loss.
        t: Targets as `targets` of the loss gives them.
        unit: `(J,)`, what one network unit is in units of y.
        weights: Of the rows, `(N,)`; None for equal ones.
    """
    share = torch.full((len(t),), 1 / len(t), dtype=unit.dtype, device=unit.device)
    if weights is not None:
        share = weights / weights.sum()

    def mean(f: Tensor) -> float:
        return float(share @ loss.rows(f.expand(len(t), -1), t, unit))

    best = torch.zeros_like(unit)
    value, damping = mean(best), 1e-6
    for _ in range(STEPS):
        slope, curvature = loss.expand(best.expand(len(t), -1), t, unit)
        slope, curvature = share @ slope, torch.tensordot(share, curvature, 1)
        matrix = torch.diag(curvature) if curvature.dim() == 1 else curvature
        scale = matrix.diagonal().clamp_min(1e-300)
        gained = -1.0
        while not gained > 0 and damping < 1e12:
            trial = best - torch.linalg.solve(matrix + torch.diag(damping * scale), slope)
            gained = value - mean(trial)
            damping *= 0.1 if gained > 0 else 10.0
        if not gained > 0:
            break
        best, value, damping = trial, value - gained, max(damping, 1e-12)
        if gained <= SETTLED * abs(value):
            break
    return best
