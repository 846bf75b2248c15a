"""Knot insertion: the exact way to a finer grid (Boehm 1980). The function does not change, not even outside the domain."""

import torch
from torch import Tensor

from splinework.splines.knots import grid_points


def insert_knots(knots: Tensor, coefficients: Tensor, new: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """Inserts the same number of knots into every input's spline and keeps each function exactly.

    Args:
        knots: Shape `(I, K)`.
        coefficients: Shape `(I, M, J)`.
        new: Knots to insert, shape `(I, R)`, each inside its domain `[t_k, t_M)`.
        degree: Degree k.

    Returns:
        Knots `(I, K + R)` and coefficients `(I, M + R, J)`.
    """
    for column in new.unbind(dim=1):
        knots, coefficients = _insert_one(knots, coefficients, column, degree)
    return knots, coefficients


def _insert_one(knots: Tensor, coefficients: Tensor, point: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """Boehm's rule: `d_m = a_m c_m + (1 - a_m) c_{m-1}`, `a_m = (u - t_m) / (t_{m+k} - t_m)` cut to [0, 1]."""
    count = coefficients.shape[1]
    index = torch.arange(count + 1, device=knots.device)
    left = knots[:, : count + 1]
    right = knots[:, degree : degree + count + 1]
    span = right - left
    u = point[:, None]
    cell = (knots <= u).sum(dim=1, keepdim=True) - 1  # t_cell <= u < t_{cell+1}
    ratio = torch.where(span > 0, (u - left) / torch.where(span > 0, span, torch.ones_like(span)), 0.0)
    ratio = torch.where(index <= cell - degree, torch.ones_like(ratio), ratio)
    ratio = torch.where(index > cell, torch.zeros_like(ratio), ratio)[:, :, None]
    own = torch.cat([coefficients, coefficients.new_zeros(coefficients.shape[0], 1, coefficients.shape[2])], dim=1)
    before = torch.cat([coefficients.new_zeros(coefficients.shape[0], 1, coefficients.shape[2]), coefficients], dim=1)
    finer = torch.sort(torch.cat([knots, u], dim=1), dim=1).values
    return finer, ratio * own + (1 - ratio) * before


def refined_knots(knots: Tensor, degree: int, factor: int) -> Tensor:
    """The knots to insert so that every interval of the domain is cut into `factor` equal parts, shape `(I, (factor-1)·G)`."""
    points = grid_points(knots, degree)
    share = torch.arange(1, factor, dtype=knots.dtype, device=knots.device) / factor
    inner = torch.lerp(points[:, :-1, None], points[:, 1:, None], share)  # an interval of no width stays one, exactly
    return inner.reshape(knots.shape[0], -1)


def refine_coefficients(knots: Tensor, coefficients: Tensor, degree: int, factor: int) -> tuple[Tensor, Tensor]:
    """`insert_knots` at the `refined_knots`: G intervals become `factor`·G and nothing else changes."""
    return insert_knots(knots, coefficients, refined_knots(knots, degree, factor), degree)
