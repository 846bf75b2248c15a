"""How many parameters a fit has used up, penalties considered: the trace of the matrix that takes y to the fitted values."""

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.coordinates import Coordinates, is_shaped
from splinework.train.jacobian import Parameters
from splinework.train.objective import Objective

BUDGET = 4_000_000
"""Numbers of a Jacobian held at once."""


@torch.no_grad()
def effective_parameters(objective: Objective) -> float:
    """`tr((A + Λ)⁻¹A)`, with A the curvature of the loss and Λ that of the penalties (Hastie & Tibshirani 1990, §3.5)."""
    parameters = Parameters.of(objective.model)
    if not parameters.read(objective.model).numel():
        return 0.0
    loss, _ = objective.normal(parameters, BUDGET)
    if is_shaped(objective.model):
        both = objective.quadratic(parameters, BUDGET)[0] if objective.penalties else loss
        return float((covariance_of(objective.model, parameters, both) * loss).sum())
    if not objective.penalties:
        size = torch.linalg.eigvalsh(loss)
        return float((size > 1e-12 * size[-1].clamp_min(1e-300)).sum())
    both, _ = objective.quadratic(parameters, BUDGET)
    return float((inverse(both) * loss).sum())


def covariance_of(model: KAN, parameters: Parameters, matrix: Tensor) -> Tensor:
    """The inverse of a curvature `(P, P)`; for a shaped network, within the directions in which it can still move.

    A coordinate at its bound is settled: it takes up no freedom and has no variance.
    """
    directions = free_directions(model, parameters)
    if directions is None:
        return inverse(matrix)
    return directions @ inverse(directions.T @ matrix @ directions) @ directions.T


def free_directions(model: KAN, parameters: Parameters) -> Tensor | None:
    """The directions `(P, F)` in which a shaped network can still move; None for one that can move in all."""
    coordinates = Coordinates.of(model, parameters)
    if coordinates is None:
        return None
    return coordinates.map.to_dense()[:, coordinates.free(parameters.read(model))]


def inverse(matrix: Tensor) -> Tensor:
    """Of a positive semi-definite matrix, whose null space (constants that pass from edge to edge) is left out."""
    root = matrix.diagonal().clamp_min(1e-300).rsqrt()
    scaled = matrix * root[:, None] * root
    scaled.diagonal().add_(1e-9)
    factor, failed = torch.linalg.cholesky_ex(scaled)
    found = torch.linalg.pinv(scaled, hermitian=True) if int(failed) else torch.cholesky_inverse(factor)
    return found * root[:, None] * root
