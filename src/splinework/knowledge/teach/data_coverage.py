"""Data coverage: the Schoenberg–Whitney conditions, under which data determine a spline.

Spline coefficients on knots t are determined by values at points x exactly where the sorted points can be matched with the
B-splines so that each lies inside its spline's support, `t_m < x_(m) < t_{m+k+1}` (Schoenberg and Whitney 1953; de Boor 1978,
theorem XIII.1). More points than splines are fine: some of them must do.
"""

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.splines import grid_points
from splinework.train.diagnostics import n_matched_sorted

MAX_RESOLUTION = 200
"""Most intervals that are tried."""


def n_matched(x: Tensor, knots: Tensor, degree: int) -> int:
    """How many of the splines can be matched with a point of their own, in order; all of them means determined.

    Args:
        x: Points, `(n,)`; equal ones count once, those outside the domain for nothing.
        knots: `(K,)`.
        degree: k.

    >>> knots = torch.tensor([-1.0, 0.0, 1.0, 2.0])  # two hats, at 0 and 1
    >>> n_matched(torch.tensor([0.2, 0.7]), knots, 1), n_matched(torch.tensor([0.5, 0.5]), knots, 1)
    (2, 1)
    """
    inside = (x >= knots[degree]) & (x <= knots[len(knots) - 1 - degree])
    return n_matched_sorted(torch.unique(x[inside]), knots, degree)


def empty_cells(x: Tensor, knots: Tensor, degree: int) -> tuple[int, int]:
    """How many cells of the domain hold no point, and the longest run of such."""
    ends = knots[degree : len(knots) - degree].contiguous()
    inside = x[(x >= ends[0]) & (x <= ends[-1])]
    cell = (torch.searchsorted(ends, inside, right=True) - 1).clamp(0, len(ends) - 2)
    counts = torch.bincount(cell, minlength=len(ends) - 1).tolist()
    longest = run = 0
    for count in counts:
        run = 0 if count else run + 1
        longest = max(longest, run)
    return sum(count == 0 for count in counts), longest


def finest_grid(layer: KANLayer, i: int, x: Tensor) -> int:
    """The largest number of intervals, up to 200, at which input i's splines are determined by points x `(n,)`; 0 if none.

    Knots are spread as the layer's are, from the least point to the largest.
    """
    basis = layer.basis
    assert basis.degree is not None
    if int(torch.unique(x).numel()) < basis.degree + 1:
        return 0
    low, high = x.min()[None], x.max()[None]
    shares = grid_points(layer.knots()[i : i + 1].detach(), basis.degree)
    shares = (shares - shares[:, :1]) / (shares[:, -1:] - shares[:, :1])
    best, misses = 0, 0
    for grid in range(1, min(MAX_RESOLUTION, len(x)) + 1):
        finer = basis.with_resolution(grid)
        knots = finer.adapt_grid((low + (high - low) * shares).T, low, high, 0.0)[0]
        if n_matched(x, knots, basis.degree) == finer.size:
            best, misses = grid, 0
        else:
            misses += 1  # one grid may fail by bad luck where a finer one passes
        if misses > 5:
            break
    return best
