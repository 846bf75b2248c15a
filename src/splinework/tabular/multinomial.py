"""Penalised multinomial regression: the additive part's coefficients for several classes at given penalties."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from splinework.tabular.tasks import Multiclass

MAX_STEPS = 200
GRADIENT_TOLERANCE = 1e-5
"""Largest remaining gradient component, per row."""


def solve_classes(
    columns: Tensor,
    y: Tensor,
    weights: Tensor,
    penalties: Tensor,
    task: Multiclass,
    start: tuple[Tensor, Tensor] | None = None,
    steps: int = MAX_STEPS,
) -> tuple[Tensor, Tensor]:
    """Minimises the weighted cross-entropy plus `½ Σ penalties coefficients²` by L-BFGS, by default from zero.

    A start from a fit with other weights would leak held-out rows, whose weight is zero here, into the fit that they evaluate.

    Args:
        columns: Design matrix `(n, P)`.
        y: Class indicators `(n, q)`.
        weights: Row weights `(n,)`.
        penalties: Ridge penalties `(P, q)`.
        task: The likelihood.
        start: Coefficients and biases to start from.
        steps: Maximum number of steps.

    Returns:
        Coefficients `(P, q)` and biases `(q,)`.
    """
    width, classes = columns.shape[1], y.shape[1]
    total = float(weights.sum())
    # Diagonal preconditioning: every column gets about the same penalised curvature.
    scale = 1 / torch.sqrt(0.25 * (weights @ columns**2)[:, None] / classes + penalties)

    def cost(flat: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
        values = torch.from_numpy(flat)
        coefficients = values[: width * classes].view(width, classes) * scale
        outputs = columns @ coefficients + values[width * classes :]
        loss = weights @ task.loss(outputs, y) + 0.5 * (penalties * coefficients**2).sum()
        slope = (weights * task.genuine(outputs, y))[:, None] * (torch.softmax(outputs, 1) - y)
        gradient = torch.cat([((columns.T @ slope + penalties * coefficients) * scale).reshape(-1), slope.sum(0)])
        return float(loss) / total, gradient.numpy() / total

    first, bias = start if start is not None else (torch.zeros_like(penalties), task.constant(y, weights))
    found = minimize(
        cost,
        torch.cat([(first / scale).reshape(-1), bias]).numpy(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": steps, "gtol": GRADIENT_TOLERANCE},
    )
    values = torch.from_numpy(found.x)
    return values[: width * classes].view(width, classes) * scale, values[width * classes :]
