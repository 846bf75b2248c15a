"""Knot vectors: uniform, by quantiles of the activations, or a blend of the two.

A knot vector has `M + k + 1` knots for `M` basis functions of degree `k`; its *domain* is `[t_k, t_M]`, on which the
B-splines sum to one, divided into `G = M - k` grid intervals. The k knots beyond each end continue the outermost interval.

The blend is that of pykan (Liu et al. 2024, arXiv 2404.19756): `t = ε t_uniform + (1 - ε) t_quantile`.
"""

from operator import index

import torch
from torch import Tensor

from splinework.errors.foreign import explained


@explained
def uniform_knots(low: Tensor, high: Tensor, grid: int, degree: int) -> Tensor:
    """Evenly spaced knots with `degree` more of the same step beyond each end.

    Args:
        low: Lower ends of the domains, shape `(I,)`.
        high: Upper ends, shape `(I,)`, each above its `low`.
        grid: Number of intervals G.
        degree: Degree k of the splines.

    Returns:
        Knots of shape `(I, G + 2k + 1)`.

    Raises:
        ShapeError: If `low` or `high` is not a vector.

    >>> uniform_knots(torch.tensor([0.0]), torch.tensor([1.0]), grid=2, degree=1)
    tensor([[-0.5000,  0.0000,  0.5000,  1.0000,  1.5000]])
    """
    share = torch.arange(index(grid) + 1, dtype=low.dtype, device=low.device) / grid
    # Blending the ends (instead of adding steps) makes the first and last grid point exactly `low` and `high`.
    return extended(low[:, None] * (1 - share) + high[:, None] * share, degree)


def extended(points: Tensor, degree: int) -> Tensor:
    """Grid points `(I, G + 1)` continued by `degree` knots beyond each end, in steps of the outermost intervals."""
    steps = torch.arange(1, index(degree) + 1, dtype=points.dtype, device=points.device)
    below = points[:, :1] - steps.flip(0) * (points[:, 1:2] - points[:, :1])
    above = points[:, -1:] + steps * (points[:, -1:] - points[:, -2:-1])
    return torch.cat([below, points, above], dim=1)


@explained
def adapted_knots(x: Tensor, grid: int, degree: int, *, grid_eps: float, low: Tensor, high: Tensor) -> Tensor:
    """Knots adapted to the activations: a blend of uniform knots and quantiles (Liu et al. 2024, §2.4).

    The quantile part puts the same number of samples into every interval. Every interval keeps at least a hundredth of the
    mean width even if samples repeat, so the basis never degenerates (a constant column gives uniform knots).

    Args:
        x: Activations, shape `(B, I)`, B >= 1, finite.
        grid: Number of intervals G.
        degree: Degree k.
        grid_eps: Weight of the uniform knots: 1 gives uniform knots, 0 quantiles.
        low: Lower ends of the domains to cover, shape `(I,)`.
        high: Upper ends, shape `(I,)`.

    Returns:
        Knots of shape `(I, G + 2k + 1)`.

    Raises:
        ShapeError: If x has no rows.

    >>> x, zero = torch.tensor([[0.0], [0.0], [1.0], [9.0]]), torch.zeros(1)
    >>> adapted_knots(x, 2, 0, grid_eps=0.0, low=zero, high=zero + 9)
    tensor([[0.0000, 0.5396, 9.0000]])
    """
    share = torch.arange(index(grid) + 1, dtype=x.dtype, device=x.device) / grid
    uniform = low[:, None] * (1 - share) + high[:, None] * share
    quantiles = _quantiles(x, share)[:, 1:-1].clamp(min=low[:, None], max=high[:, None])
    points = grid_eps * uniform + (1 - grid_eps) * torch.cat([low[:, None], quantiles, high[:, None]], dim=1)
    widths = torch.diff(points, dim=1).clamp_min(0)
    mean = ((high - low) / grid)[:, None]
    widths = widths + 0.01 * mean
    widths = widths * ((high - low)[:, None] / widths.sum(dim=1, keepdim=True))
    inner = low[:, None] + torch.cumsum(widths, dim=1)[:, :-1]
    return extended(torch.cat([low[:, None], inner, high[:, None]], dim=1), degree)


def _quantiles(x: Tensor, share: Tensor) -> Tensor:
    """Linear-interpolation quantiles of each column, shape `(I, len(share))`; any number of rows."""
    ordered, _ = torch.sort(x, dim=0)
    position = share * (x.shape[0] - 1)
    left = position.floor().long().clamp(max=max(x.shape[0] - 2, 0))
    right = (left + 1).clamp(max=x.shape[0] - 1)
    weight = (position - left)[:, None]
    return (ordered[left] * (1 - weight) + ordered[right] * weight).T


@explained
def domain(knots: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """Ends of the domains `[t_k, t_M]`.

    Args:
        knots: Shape `(I, K)`.
        degree: Degree k.

    Returns:
        Lower and upper ends, each `(I,)`.

    Raises:
        ShapeError: If `knots` is not a matrix, or has too few columns.

    >>> domain(torch.arange(-1.0, 4.0)[None], 1)
    (tensor([0.]), tensor([2.]))
    """
    return knots[:, degree], knots[:, knots.shape[1] - 1 - degree]


@explained
def grid_points(knots: Tensor, degree: int) -> Tensor:
    """The knots in the domain, both ends included.

    Args:
        knots: Shape `(I, K)`.
        degree: Degree k.

    Returns:
        Shape `(I, G + 1)`.

    Raises:
        ShapeError: If `knots` is not a matrix.

    >>> grid_points(torch.arange(-1.0, 4.0)[None], 1)
    tensor([[0., 1., 2.]])
    """
    return knots[:, degree : knots.shape[1] - degree]
