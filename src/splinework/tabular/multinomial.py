"""Penalised logistic and multinomial regression: the additive part's coefficients for classes at given penalties."""

from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from splinework.tabular.design import DesignMatrix
from splinework.tabular.tasks import Task

MAX_STEPS = 200
GRADIENT_TOLERANCE = 1e-5
"""Largest remaining gradient component, per row."""


def solve_classes(
    design: DesignMatrix,
    y: Tensor,
    weights: Tensor,
    penalties: Tensor,
    task: Task,
    *,
    start: tuple[Tensor, Tensor] | None = None,
    steps: int = MAX_STEPS,
    curvature: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Minimises the weighted cross-entropy plus `½ Σ penalties coefficients²` by L-BFGS.

    With few rows, a start from a fit to all rows would leak held-out ones, whose weight is zero here, into the fit that they
    evaluate.

    Args:
        design: The design matrix.
        y: Class indicators `(n, q)`.
        weights: Row weights `(n,)`.
        penalties: Ridge penalties `(P, q)`.
        task: The likelihood.
        start: Coefficients and biases to start from; by default zeros and the constant.
        steps: Maximum number of steps.
        curvature: About the second derivatives of the loss by coefficients and bias of each class, `(q, P + 1, P + 1)`, by which
            steps are preconditioned; None where rows are few enough for those of all classes together at the start.

    Returns:
        Coefficients `(P, q)` and biases `(q,)`.
    """
    width, classes = design.width, y.shape[1]
    total = float(weights.sum())
    coefficients, bias = start or (y.new_zeros(width, classes), task.constant(y, weights))
    # Every direction gets about the same penalised curvature; of the biases next to nothing is asked.
    ridge = 0.25 * total if curvature is None else 0.0
    if curvature is None:
        curvature = _curvature(design, weights, torch.softmax(design.times(coefficients) + bias, -1))
    own = torch.cat([penalties, penalties.new_full((1, classes), ridge)]).T
    factors = torch.linalg.cholesky(curvature + torch.diag_embed(own.reshape(len(curvature), -1)))

    def scaled(flat: Tensor) -> Tensor:
        found: Tensor = torch.linalg.solve_triangular(factors.mT, flat.view(len(factors), -1, 1), upper=True)
        return found.view(classes, width + 1)

    def slope(rows: slice, outputs: Tensor) -> Tensor:
        return weights[rows, None] * task.slope(outputs, y[rows])

    def cost(flat: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
        values = scaled(torch.from_numpy(flat)).T
        coefficients = values[:width]
        outputs, moments, sums = design.pulled(coefficients, values[width], slope)
        loss = weights @ task.loss(outputs, y) + 0.5 * (penalties * coefficients**2).sum()
        gradient = torch.cat([moments + penalties * coefficients, sums[None]]).T
        gradient = torch.linalg.solve_triangular(factors, gradient.reshape(len(factors), -1, 1), upper=False)
        return float(loss) / total, gradient.flatten().numpy() / total

    first = factors.mT @ torch.cat([coefficients, bias[None]]).T.reshape(len(factors), -1, 1)
    found = minimize(
        cost,
        first.flatten().numpy(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": steps, "gtol": GRADIENT_TOLERANCE},
    )
    values = scaled(torch.from_numpy(found.x)).T
    return values[:width], values[width]


def _curvature(design: DesignMatrix, weights: Tensor, share: Tensor) -> Tensor:
    """Second derivatives of the weighted cross-entropy by coefficients and bias of all classes, `(1, q (P + 1), q (P + 1))`.

    Args:
        design: The design matrix.
        weights: Row weights `(n,)`.
        share: Probabilities `(n, q)`.
    """
    classes, rows = share.shape[1], design.values.to(weights.dtype)
    rows = torch.cat([rows, torch.ones_like(rows[:, :1])], 1)
    found = rows.new_zeros(classes, rows.shape[1], classes, rows.shape[1])
    for j in range(classes):
        for k in range(j):
            product = rows.T @ (rows * (weights * share[:, j] * share[:, k])[:, None])
            found[j, :, j] += product
            found[k, :, k] += product
            found[j, :, k] = found[k, :, j] = -product
    return found.flatten(2).flatten(0, 1)[None]
