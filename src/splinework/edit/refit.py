"""Least-squares refit of a layer's edges on another grid: the function *in use*, tails included, is what is kept."""

import torch
from torch import Tensor

from splinework.bases import Basis
from splinework.functional import solve_least_squares
from splinework.kernels import Table
from splinework.layer import KANLayer

ANCHOR_WEIGHT = 1e-3
"""Weight of the points where no data are: enough to say what the function does there, too little to bend it elsewhere."""


def refitted(layer: KANLayer, basis: Basis, grid: Tensor, x: Tensor | None) -> Tensor:
    """Edge coefficients `(I, size, J)` on the new grid that come closest to the edges in use.

    Closest at the activations x; where there are none, at anchors in every new cell and on both tails. The base function's
    weight stays as it is, only the basis is fitted.

    Args:
        layer: The layer as it is.
        basis: The new basis, of the same family.
        grid: The new grid, `(I, K)`.
        x: Activations `(B, I)` as the layer receives them; None fits the anchors alone.
    """
    old = layer.table()
    new = Table(basis, old.base, old.extrapolation, grid, basis.prepare(grid))
    anchors = _anchors(old, new)
    seen = None if x is None else layer.squash(x)
    points = anchors if seen is None else torch.cat([seen, anchors])
    weights = points.new_ones(points.shape[0])
    if seen is not None:
        weights[seen.shape[0] :] = ANCHOR_WEIGHT * (max(seen.shape[0], 1) / anchors.shape[0]) ** 0.5
    coefficients = layer.edge_coefficients()
    size = basis.size
    rows = new.rows(points)
    targets = torch.einsum("bim,imj->bij", old.rows(points), coefficients)
    base = coefficients[:, layer.basis.size :]
    if base.shape[1]:
        targets = targets - torch.einsum("bim,imj->bij", rows[..., size:], base)
    design = (rows[..., :size] * weights[:, None, None]).transpose(0, 1)
    fitted = solve_least_squares(design, (targets * weights[:, None, None]).transpose(0, 1))
    return torch.cat([fitted, base], dim=1)


def _anchors(old: Table, new: Table) -> Tensor:
    """A few points in every cell of the new domain, and some on both tails, `(A, I)`."""
    low, high = new.basis.domain(new.grid)
    old_low, old_high = old.basis.domain(old.grid)
    count = 4 * new.basis.size + 1
    share = torch.linspace(0, 1, count, dtype=low.dtype, device=low.device)[:, None]
    inner = low * (1 - share) + high * share
    reach = torch.maximum(high, old_high) - torch.minimum(low, old_low)
    step = torch.tensor([0.05, 0.5], dtype=low.dtype, device=low.device)[:, None]
    below = torch.minimum(low, old_low) - step * reach
    above = torch.maximum(high, old_high) + step * reach
    return torch.cat([below, inner, above])
