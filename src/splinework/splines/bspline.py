"""B-splines of any degree on any non-decreasing knots, evaluated as per-cell polynomials.

On the cell `[t_c, t_{c+1}]` only the k+1 splines `B_{c-k}, …, B_c` are non-zero, and each is one polynomial there. Their
coefficients in the centred local variable `v = (x - (t_c + t_{c+1})/2) / (t_{c+1} - t_c)`, `|v| <= 1/2`, are computed once per
knot vector (`cell_polynomials`); evaluation is then Horner's rule, with no recursion over degrees. Centring keeps the
coefficients small, so that single precision is accurate to 1e-6 up to degree 9.

The splines are those of the recursion `B_m^k = u_m^k B_m^{k-1} + (1 - u_{m+1}^k) B_{m+1}^{k-1}` with
`u_m^k = (x - t_m)/(t_{m+k} - t_m)` (de Boor 1978, ch. X).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splinework.errors.foreign import explained
from splinework.splines.knots import grid_points
from splinework.splines.torch_internals import plain


@explained
def cell_polynomials(knots: Tensor, degree: int) -> Tensor:
    """Polynomial pieces of the B-splines (Cox–de Boor recursion on polynomials; de Boor 1978, ch. X).

    Differentiable in `knots`. Computed in float64, returned in the dtype of `knots`. Cells of zero width get zeros, and
    splines whose knots all coincide are zero.

    Args:
        knots: Shape `(I, K)` with K = M + k + 1, non-decreasing along the last dimension.
        degree: Degree k.

    Returns:
        Shape `(I, M + k, k + 1, k + 1)`: input, cell c, power p of v, active spline a (that is `B_{c-k+a}`).

    Raises:
        ValueError: If `knots` is not a matrix.

    >>> cell_polynomials(torch.tensor([[0.0, 1.0, 2.0]]), 1)[0, 0, :, 1]  # B_0 rises on [0, 1]: 1/2 + v
    tensor([0.5000, 1.0000])
    """
    t = knots.double()
    if not plain(knots) or knots.requires_grad or knots.device.type != "cpu":
        pieces: Tensor = _pieces(torch, t, t.new_zeros, degree)
        return pieces.to(knots.dtype)
    with np.errstate(all="ignore"):
        return torch.from_numpy(_pieces(np, t.numpy(), np.zeros, degree)).to(knots.dtype)


def _pieces(lib: Any, t: Any, zeros: Callable[[tuple[int, ...]], Any], degree: int) -> Any:
    """The polynomials by torch or NumPy, whose calls for small arrays take a fraction of the time, to the same bits."""
    cells = t.shape[1] - 1
    width = t[:, 1:] - t[:, :-1]
    middle = (t[:, 1:] + t[:, :-1]) / 2
    # Beyond the first and last knot the recursion needs knots that do not exist; splines that would use them do not
    # exist either, so repeating the end knots makes them exactly zero where they are asked for.
    padded = lib.concatenate([*[t[:, :1]] * degree, t, *[t[:, -1:]] * degree], 1)
    # Slices, not `unfold`, whose derivative has no rule for `vmap`.
    windows = lib.stack([padded[:, m : m + cells] for m in range(2 * degree + 1)], -1)
    pieces = ((width > 0) * lib.ones_like(width))[..., None, None]
    for k in range(1, degree + 1):
        raised = zeros((*width.shape, k + 1, k + 1))
        # B_{m,k-1} with m = c-k+1+a feeds B_{m,k} (rising) and B_{m-1,k} (falling); both share the span t_m … t_{m+k}.
        start, stop = windows[..., degree - k + 1 : degree + 1], windows[..., degree + 1 : degree + k + 1]
        span = stop - start
        inverse = lib.where(span > 0, 1 / lib.where(span > 0, span, 1.0), 0.0)
        slope = (width[..., None] * inverse)[..., None, :] * pieces
        raised[..., :k, 1:] += ((middle[..., None] - start) * inverse)[..., None, :] * pieces
        raised[..., 1:, 1:] += slope
        raised[..., :k, :k] += ((stop - middle[..., None]) * inverse)[..., None, :] * pieces
        raised[..., 1:, :k] -= slope
        pieces = raised
    return pieces


@explained
def bspline_values(x: Tensor, knots: Tensor, cells: Tensor, degree: int, derivative: int = 0) -> tuple[Tensor, Tensor]:
    """Values of the k+1 splines that may be non-zero at each point, and their cells.

    Cells are half open, `[t_c, t_{c+1})`, but the last cell of the domain includes its right end. Outside all knots every
    value is zero. NaN gives NaN.

    Args:
        x: Points, shape `(B, I)`.
        knots: Shape `(I, K)`.
        cells: `cell_polynomials(knots, degree)`.
        degree: Degree k.
        derivative: Order r >= 0; orders above k give zeros.

    Returns:
        Values `(B, I, k + 1)` of the r-th derivative with respect to x, and cell numbers `(B, I)`: value a belongs to
        basis function `c - k + a`, which does not exist if that is negative or above M - 1.

    Raises:
        ValueError: If `knots` is not a matrix.

    >>> knots = torch.tensor([[0.0, 1.0, 2.0]])
    >>> values, cell = bspline_values(torch.tensor([[0.25]]), knots, cell_polynomials(knots, 1), 1)
    >>> values[0, 0], cell.item()
    (tensor([0.7500, 0.2500]), 0)
    """
    last = knots.shape[1] - 2
    cell = _locate(x, knots, degree)
    left = knots.gather(1, cell.T).T
    right = knots.gather(1, cell.T + 1).T
    width = right - left
    safe = torch.where(width > 0, width, torch.ones_like(width))
    inside = ((x >= knots[:, 0]) & (x <= knots[:, last + 1])) | torch.isnan(x)
    v = ((x - left) - (right - x)) / (2 * safe)  # symmetric: exact at both ends of the cell
    v = torch.where(inside, v, torch.zeros_like(v))  # far outside its powers overflow, and 0 · ∞ is NaN
    pieces = cells[torch.arange(x.shape[1], device=x.device), cell]
    if derivative > degree:
        values = torch.zeros_like(pieces[..., 0, :]) * v[..., None]
    else:
        values = _derivative_at(pieces, v[..., None], derivative) * (inside / safe**derivative)[..., None]
    return values, cell


def _locate(x: Tensor, knots: Tensor, degree: int) -> Tensor:
    """Index of the cell that contains each point, shape `(B, I)`; of zero width only if there is no other."""
    with torch.no_grad():
        points = knots.detach()
        end = points.shape[1] - 1 - degree
        # Counting is as cheap as the dense rows that follow and, unlike searchsorted, works under every vmap.
        cell = (x.detach()[..., None] >= points).sum(-1) - 1
        high = points[:, end]
        last_of_domain = degree + (points[:, degree:end] < points[:, end : end + 1]).sum(1) - 1
        last_of_all = (points[:, :-1] < points[:, -1:]).sum(1) - 1
        cell = torch.where(x == high, last_of_domain, cell)
        return torch.minimum(cell.clamp_min(0), last_of_all.clamp_min(0))


def _derivative_at(pieces: Tensor, v: Tensor, derivative: int) -> Tensor:
    """Horner's rule for the r-th derivative of `Σ_p pieces[…, p, :] v^p`."""
    top = pieces.shape[-2] - 1
    value = torch.zeros_like(pieces[..., 0, :]) * v
    for power in range(top, derivative - 1, -1):
        factor = 1.0
        for q in range(power, power - derivative, -1):
            factor *= q
        value = value * v + factor * pieces[..., power, :]
    return value


@explained
def bspline_rows(x: Tensor, knots: Tensor, cells: Tensor, degree: int, derivative: int = 0) -> Tensor:
    """Values of all M splines, zeros included, at each point.

    Args:
        x: Points, shape `(B, I)`.
        knots: Shape `(I, M + k + 1)`.
        cells: `cell_polynomials(knots, degree)`.
        degree: Degree k.
        derivative: Order r >= 0.

    Returns:
        Shape `(B, I, M)`: `B_m^{(r)}(x_bi)`.

    Raises:
        ValueError: If `knots` is not a matrix.

    >>> knots = torch.arange(-1.0, 4.0)[None]
    >>> bspline_rows(torch.tensor([[0.25]]), knots, cell_polynomials(knots, 1), 1)
    tensor([[[0.7500, 0.2500, 0.0000]]])
    """
    values, cell = bspline_values(x, knots, cells, degree, derivative)
    count = knots.shape[1] - degree - 1
    # Columns are shifted by k to make room for splines left of the first and right of the last, which are cut off again.
    column = cell[..., None] + torch.arange(degree + 1, device=x.device)
    rows = values.new_zeros(*x.shape, count + 2 * degree)
    return rows.scatter(-1, column, values)[..., degree : degree + count]


@explained
def derivative_jumps(knots: Tensor, degree: int, cells: Tensor | None = None) -> Tensor:
    """Jumps of the k-th derivative of every B-spline at every inner knot, in units of the mean interval: `(G - 1, I, M)`.

    On even knots they are the (k+1)-th differences of the coefficients (Eilers & Marx 1996).

    Args:
        knots: Shape `(I, K)`.
        degree: Degree k.
        cells: `cell_polynomials(knots, degree)`, where they are known.

    Returns:
        Shape `(G - 1, I, M)`.

    Raises:
        ShapeError: If `knots` is not a matrix.

    >>> derivative_jumps(torch.arange(-1.0, 4.0)[None], degree=1)[0, 0]
    tensor([ 1., -2.,  1.])
    """
    points = grid_points(knots, degree)
    middles = ((points[:, 1:] + points[:, :-1]) / 2).T
    pieces = bspline_rows(middles, knots, cell_polynomials(knots, degree) if cells is None else cells, degree, degree)
    mean = (points[:, -1] - points[:, 0]) / (points.shape[1] - 1)
    return torch.diff(pieces, dim=0) * (mean**degree)[:, None]
