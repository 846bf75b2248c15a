"""The additive part's numbers for several classes at once, with given strengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from splinework.tabular.tasks import Multiclass

STEPS = 200
TOLERANCE = 1e-7
"""Largest slope left, per row."""


def solve_classes(columns: Tensor, y: Tensor, weights: Tensor, strengths: Tensor) -> tuple[Tensor, Tensor]:
    """Minimises the weighted cross-entropy plus `½ Σ strengths numbers²`, from zero, by L-BFGS.

    From zero, since rows with weight zero must leave no trace: they judge what comes out.

    Args:
        columns: `(n, P)`.
        y: `(n, q)` indicators.
        weights: `(n,)`.
        strengths: `(P, q)`.

    Returns:
        Numbers `(P, q)` and biases `(q,)`.
    """
    width, classes = columns.shape[1], y.shape[1]
    total = float(weights.sum())
    bias = Multiclass().constant(y, weights)
    # In units in which every column's penalised curvature is about the same: L-BFGS starts from a round valley.
    scale = 1 / torch.sqrt(0.25 * (weights @ columns**2)[:, None] / classes + strengths)

    def cost(flat: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
        values = torch.from_numpy(flat)
        numbers = values[: width * classes].view(width, classes) * scale
        outputs = columns @ numbers + values[width * classes :]
        loss = weights @ (torch.logsumexp(outputs, 1) - (outputs * y).sum(1)) + 0.5 * (strengths * numbers**2).sum()
        slope = weights[:, None] * (torch.softmax(outputs, 1) - y)
        gradient = torch.cat([((columns.T @ slope + strengths * numbers) * scale).reshape(-1), slope.sum(0)])
        return float(loss) / total, gradient.numpy() / total

    start = torch.cat([torch.zeros(width * classes, dtype=columns.dtype), bias]).numpy()
    found = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "gtol": TOLERANCE})
    values = torch.from_numpy(found.x)
    return values[: width * classes].view(width, classes) * scale, values[width * classes :]
