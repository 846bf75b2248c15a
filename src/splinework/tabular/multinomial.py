"""Penalised multinomial regression: the additive part's coefficients for several classes at given penalties."""

from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from splinework.tabular.design import DesignMatrix
from splinework.tabular.tasks import Multiclass

MAX_STEPS = 200
GRADIENT_TOLERANCE = 1e-5
"""Largest remaining gradient component, per row."""


def solve_classes(
    design: DesignMatrix,
    y: Tensor,
    weights: Tensor,
    penalties: Tensor,
    task: Multiclass,
    *,
    start: tuple[Tensor, Tensor] | None = None,
    steps: int = MAX_STEPS,
    gram: Tensor | None = None,
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
        gram: Weighted cross products of the columns `(P, P)`; where given, they precondition the steps, else their diagonal does.

    Returns:
        Coefficients `(P, q)` and biases `(q,)`.
    """
    width, classes = design.width, y.shape[1]
    total = float(weights.sum())
    coefficients, bias = start or (y.new_zeros(width, classes), task.constant(y, weights))
    # Every direction gets about the same penalised curvature.
    scale = 1 / torch.sqrt(0.25 * design.squares(weights)[:, None] / classes + penalties)
    factors = None
    if gram is not None:
        factors = torch.linalg.cholesky(0.25 * gram + torch.diag_embed(penalties.T))

    def scaled(flat: Tensor) -> Tensor:
        if factors is None:
            return flat * scale
        found: Tensor = torch.linalg.solve_triangular(factors.mT, flat.T[:, :, None], upper=True)
        return found[:, :, 0].T

    def scaled_back(slope: Tensor) -> Tensor:
        if factors is None:
            return slope * scale
        found: Tensor = torch.linalg.solve_triangular(factors, slope.T[:, :, None], upper=False)
        return found[:, :, 0].T

    def cost(flat: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
        values = torch.from_numpy(flat)
        coefficients = scaled(values[: width * classes].view(width, classes))
        outputs = design.times(coefficients) + values[width * classes :]
        loss = weights @ task.loss(outputs, y) + 0.5 * (penalties * coefficients**2).sum()
        slope = weights[:, None] * task.slope(outputs, y)
        gradient = torch.cat([scaled_back(design.moments(slope) + penalties * coefficients).reshape(-1), slope.sum(0)])
        return float(loss) / total, gradient.numpy() / total

    whitened = coefficients / scale if factors is None else (factors.mT @ coefficients.T[:, :, None])[:, :, 0].T
    first = torch.cat([whitened.reshape(-1), bias]).numpy()
    found = minimize(cost, first, jac=True, method="L-BFGS-B", options={"maxiter": steps, "gtol": GRADIENT_TOLERANCE})
    values = torch.from_numpy(found.x)
    return scaled(values[: width * classes].view(width, classes)), values[width * classes :]
