"""Predictions between the rows: draws points where further rows would lie, and compares two models there."""

import torch
from torch import Tensor

MAX_CODES = 10
"""A column with at most this number of distinct values is a code; values between them are not drawn."""
N_OUTERMOST = 3
"""Outermost gaps of a column, whose mean says how far beyond its range a new row may lie."""
N_COMPARED_POINTS = 500
"""Points at which two predictions are compared."""
MAX_DISAGREEMENT = 4.0
"""How much more two predictions may differ between the rows, in mean square, than by their errors on held-out rows."""


def draw_points(u: Tensor, count: int, generator: torch.Generator, *, within: bool = True) -> Tensor:
    """The rows, then points of a kernel density estimate of them: `(count, inputs)`.

    A point is a row moved along the rows' own covariance by Silverman's bandwidth, so that points lie where further rows would.
    Codes keep their values.

    Args:
        u: Rows `(N, inputs)`.
        count: Number of points, rows among them.
        generator: Source of randomness.
        within: Whether points stay within the range of every column; else they may leave it as far as its outermost rows are
            apart: far where a column has long tails, hardly where it ends all at once. What goes further is reflected.
    """
    rows, inputs = u.shape
    chosen = torch.randint(rows, (max(count - rows, 0),), generator=generator)
    codes = torch.tensor([len(torch.unique(column)) <= MAX_CODES for column in u.T])
    bandwidth = (4 / (inputs + 2) / rows) ** (1 / (inputs + 4))
    spread = torch.linalg.cholesky(torch.cov(u.T).reshape(inputs, inputs) + 1e-9 * torch.eye(inputs, dtype=u.dtype))
    drawn = torch.randn(len(chosen), inputs, generator=generator, dtype=u.dtype) @ spread.T
    moved = u[chosen] + bandwidth * torch.where(codes, torch.zeros_like(drawn), drawn)
    low, high = u.amin(0), u.amax(0)
    if not within:
        ends = u.sort(0).values
        last = min(N_OUTERMOST, rows - 1)
        open_ended = ~codes / last  # codes have no values beyond
        low, high = low - (ends[last] - low) * open_ended, high + (high - ends[-1 - last]) * open_ended
    moved = torch.where(moved < low, 2 * low - moved, moved)
    moved = torch.where(moved > high, 2 * high - moved, moved).clamp(low, high)
    return torch.cat([u[:count], moved])


def new_points(u: Tensor, count: int, seed: int, *, within: bool = False) -> Tensor:
    """Points of the density estimate, none of which is a row: `(count, inputs)`."""
    generator = torch.Generator().manual_seed(seed + 1)
    return draw_points(u, len(u) + count, generator, within=within)[len(u) :]


def agree(one: Tensor, other: Tensor, errors: float) -> bool:
    """Whether two predictions at new points differ by no more than their errors say.

    Predictions with independent errors differ, in mean square, by the sum of these. A model that differs by far more than
    held-out rows explain has wiggles, or wild tails, that these happen not to meet.

    Args:
        one: Predictions `(M, outputs)`.
        other: Those of the other model.
        errors: Sum of both models' mean squared errors on held-out rows.
    """
    return bool((one - other).square().mean() <= MAX_DISAGREEMENT * errors)
