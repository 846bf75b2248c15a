"""Knot insertion: exact refinement of a grid (Boehm 1980). The function does not change, not even outside the domain.

On the finer knots the same function has other coefficients: `Σ c_m B_m(x) = Σ d_m B'_m(x)`.
"""

import operator

import torch
from torch import Tensor

from splinework.errors.foreign import explained
from splinework.splines.knots import grid_points


@explained
def insert_knots(knots: Tensor, coefficients: Tensor, new: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """Inserts the same number of knots into the splines of every input without changing the functions.

    Args:
        knots: Shape `(I, K)`.
        coefficients: Shape `(I, M, J)`.
        new: Knots to insert, shape `(I, R)`, each inside its domain `[t_k, t_M)`.
        degree: Degree k.

    Returns:
        Knots `(I, K + R)` and coefficients `(I, M + R, J)`.

    Raises:
        ShapeError: If shapes do not match.

    >>> line = torch.arange(-1.0, 4.0)[None], torch.tensor([[[0.0], [1.0], [2.0]]])
    >>> insert_knots(*line, torch.tensor([[0.5]]), 1)[1].flatten()
    tensor([0.0000, 0.5000, 1.0000, 2.0000])
    """
    for column in new.unbind(dim=1):
        knots, coefficients = _insert_one(knots, coefficients, column, degree)
    return knots, coefficients


def _insert_one(knots: Tensor, coefficients: Tensor, point: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """Boehm's rule: `d_m = a_m c_m + (1 - a_m) c_{m-1}`, `a_m = (u - t_m) / (t_{m+k} - t_m)` clipped to [0, 1]."""
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


@explained
def refined_knots(knots: Tensor, degree: int, factor: int) -> Tensor:
    """New knots that divide every interval of the domain into equal parts.

    Args:
        knots: Shape `(I, K)`.
        degree: Degree k.
        factor: Number of parts of every interval.

    Returns:
        Shape `(I, (factor - 1) G)`.

    Raises:
        ShapeError: If `knots` is not a matrix.

    >>> refined_knots(torch.arange(-1.0, 4.0)[None], 1, 2)
    tensor([[0.5000, 1.5000]])
    """
    points = grid_points(knots, degree)
    share = torch.arange(1, operator.index(factor), dtype=knots.dtype, device=knots.device) / factor
    inner = torch.lerp(points[:, :-1, None], points[:, 1:, None], share)  # exact for intervals of zero width
    return inner.reshape(knots.shape[0], -1)


@explained
def refine_coefficients(knots: Tensor, coefficients: Tensor, degree: int, factor: int) -> tuple[Tensor, Tensor]:
    """Refinement by an integer factor: `insert_knots` at the `refined_knots`, from G to `factor`·G intervals.

    Args:
        knots: Shape `(I, K)`.
        coefficients: Shape `(I, M, J)`.
        degree: Degree k.
        factor: Number of parts of every interval.

    Returns:
        Knots `(I, K + R)` and coefficients `(I, M + R, J)` with `R = (factor - 1) G`.

    Raises:
        ShapeError: If shapes do not match.

    >>> refine_coefficients(torch.arange(-1.0, 4.0)[None], torch.ones(1, 3, 1), 1, 2)[1].shape
    torch.Size([1, 5, 1])
    """
    return insert_knots(knots, coefficients, refined_knots(knots, degree, factor), degree)
