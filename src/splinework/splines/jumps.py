"""Jumps of a spline's highest derivative at its inner knots, a measure of roughness.

At a knot t the jump is `s^(k)(t+) - s^(k)(t-)`, which is linear in the coefficients (Dierckx 1993).
"""

import torch
from torch import Tensor

from splinework.errors.foreign import explained
from splinework.splines.bspline import bspline_rows, cell_polynomials
from splinework.splines.knots import grid_points


@explained
def derivative_jumps(knots: Tensor, degree: int) -> Tensor:
    """Jumps of the k-th derivative of every B-spline at every inner knot, in units of the mean interval: `(G - 1, I, M)`.

    On even knots they are the (k+1)-th differences of the coefficients (Eilers & Marx 1996).

    Args:
        knots: Shape `(I, K)`.
        degree: Degree k.

    Returns:
        Shape `(G - 1, I, M)`.

    Raises:
        ShapeError: If `knots` is not a matrix.

    >>> derivative_jumps(torch.arange(-1.0, 4.0)[None], degree=1)[0, 0]
    tensor([ 1., -2.,  1.])
    """
    points = grid_points(knots, degree)
    middles = ((points[:, 1:] + points[:, :-1]) / 2).T
    pieces = bspline_rows(middles, knots, cell_polynomials(knots, degree), degree, degree)
    mean = (points[:, -1] - points[:, 0]) / (points.shape[1] - 1)
    return torch.diff(pieces, dim=0) * (mean**degree)[:, None]
