"""Least-squares refit of a layer's edges, tails included, on another grid."""

import copy

import torch
from torch import Tensor

from splinework.kernels import BasisTable
from splinework.nn.layer import KANLayer
from splinework.splines import derivative_jumps, grid_points, solve_least_squares
from splinework.splines.bases import Basis

ANCHOR_WEIGHT = 1e-6
"""Weight of the anchor points relative to the data: it determines the function in regions without data, and changes it on the
data by no more than this share of its size."""


@torch.no_grad()
def refitted(layer: KANLayer, basis: Basis, grid: Tensor, x: Tensor | None, *, smoothness: float = 0.0) -> Tensor:
    """Edge coefficients `(I, size, J)` on the new grid that fit the present edges by least squares.

    The fit is at the activations x and, with a small weight, at anchors in every new cell and on both tails. The weight of the
    base function is kept. Computed in float64 for every dtype, since regions with few data make the system ill-conditioned.

    Args:
        layer: The layer as it is.
        basis: The new basis, of the same family.
        grid: The new grid, `(I, K)`.
        x: Activations `(B, I)` as the layer receives them; None fits the anchors alone.
        smoothness: Penalty of a squared jump of the highest derivative, relative to a squared change at every point.
    """
    if layer.grid.dtype != torch.float64:
        layer = copy.deepcopy(layer).double()
    old, coefficients = layer.table(), layer.edge_coefficients()
    grid = grid.double()
    new = BasisTable(basis, old.base, old.extrapolation, grid, basis.prepare(grid))
    points = anchors(old, new)
    rows = new.rows(points)
    # On the tails rows grow with the distance; rescaled, they determine the slope with a weight of one.
    weights = 1 / rows.abs().amax(-1).clamp_min(1)
    if x is not None and x.shape[0]:
        seen = layer.squash(x.double())
        weights *= ANCHOR_WEIGHT * (seen.shape[0] / points.shape[0]) ** 0.5
        points, weights = torch.cat([seen, points]), torch.cat([torch.ones_like(seen), weights])
        rows = torch.cat([new.rows(seen), rows])
    targets = torch.einsum("bim,imj->bij", old.rows(points), coefficients)
    base = coefficients[:, layer.basis.size :]
    if base.shape[1]:
        targets = targets - torch.einsum("bim,imj->bij", rows[..., basis.size :], base)
    design = (rows[..., : basis.size] * weights[..., None]).transpose(0, 1)
    targets = (targets * weights[..., None]).transpose(0, 1)
    if smoothness and basis.degree is not None and basis.resolution > 1:
        jumps = derivative_jumps(grid, basis.degree).transpose(0, 1) * (smoothness * design.shape[1]) ** 0.5
        design = torch.cat([design, jumps], dim=1)
        targets = torch.cat([targets, targets.new_zeros(*jumps.shape[:2], targets.shape[2])], dim=1)
    fitted = solve_least_squares(design, targets)
    fitted = fitted + solve_least_squares(design, targets - design @ fitted)  # iterative refinement
    return torch.cat([fitted, base], dim=1)


def anchored_fit(rows: Tensor, targets: Tensor, count: int) -> Tensor:
    """Coefficients `(size, J)` of one input that fit targets `(N, J)` at rows `(N, size)` of the basis: data, then anchors.

    Args:
        rows: Values of the basis.
        targets: Values to fit.
        count: Number of rows that are data.
    """
    weights = torch.ones_like(rows[:, 0])
    share = ANCHOR_WEIGHT * (count / (len(rows) - count)) ** 0.5
    weights[count:] = share / rows[count:].abs().amax(-1).clamp_min(1)
    design, targets = rows * weights[:, None], targets * weights[:, None]
    fitted = solve_least_squares(design, targets)
    return fitted + solve_least_squares(design, targets - design @ fitted)  # iterative refinement


def anchors(old: BasisTable, new: BasisTable) -> Tensor:
    """Some points in every cell of the new domain and two on each tail, `(A, I)`."""
    low, high = new.basis.domain(new.grid)
    if new.basis.degree is not None:
        ends = grid_points(new.grid, new.basis.degree)
    else:
        share = torch.linspace(0, 1, new.basis.size + 1, dtype=low.dtype, device=low.device)
        ends = torch.lerp(low[:, None], high[:, None], share)
    count = -(-4 * new.basis.size // (ends.shape[1] - 1))
    share = (torch.arange(count, dtype=low.dtype, device=low.device) + 0.5) / count
    inner = torch.lerp(ends[:, :-1, None], ends[:, 1:, None], share).flatten(1).T
    old_low, old_high = old.basis.domain(old.grid)
    below, above = torch.minimum(low, old_low), torch.maximum(high, old_high)
    step = torch.tensor([0.05, 0.5], dtype=low.dtype, device=low.device)[:, None] * (above - below)
    return torch.cat([below - step, low[None], inner, high[None], above + step])
