"""Degree elevation: exact, with repeated knots, or on the same intervals by least squares."""

import copy
import operator
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.interpret.edit.refit import refitted
from splinework.nn.arrays import data_of
from splinework.nn.frame.framed import within_frame
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import bspline_rows, cell_polynomials, grid_points, solve_least_squares
from splinework.splines.bases import make_basis
from splinework.splines.knots import extended

SMOOTHNESS = 1e-6
"""Penalty that keeps a refit from imitating the derivative jumps of the lower degree by oscillations."""


@torch.no_grad()
@explained
@within_frame
def elevate(model: KAN, degree: int) -> KAN:
    """Returns a model with splines of a higher degree and the same output (degree elevation).

    A spline of degree k is k - 1 times continuously differentiable at its knots. In degree k + d the same smoothness needs d
    further copies of each inner knot (Prautzsch 1984), so G intervals become `(d + 1)(G - 1) + 1`, most of zero width.
    Exact inside the grids and on linear and constant tails, to 1e-12 of the output's size in float64.

    Args:
        model: The network; unchanged.
        degree: New degree of every layer; layers that have it, or another basis, are unchanged.

    Returns:
        The model of higher degree.

    Raises:
        ConfigError: If the degree is not an integer from 0 to 9, or a layer has a higher one or a learnable grid.

    Example:
        >>> model = KAN([2, 3, 1], grid=4, dtype=torch.float64)
        >>> x = torch.rand(20, 2, dtype=torch.float64)
        >>> bool((elevate(model, 5)(x) - model(x)).abs().max() < 1e-12)
        True
    """
    return _with_degree(model, degree, None, _elevate_layer)


@torch.no_grad()
@explained
@within_frame
def raise_degree(model: KAN, degree: int, *, x: Any = None) -> KAN:
    """Returns a model with splines of a higher degree on the same intervals, refitted by least squares.

    The new splines are smoother at the knots than the old ones, so the function changes slightly, least at the activations on
    x. `elevate` keeps it exactly, with more knots.

    Args:
        model: The network; unchanged.
        degree: New degree of every layer; layers that have it, or another basis, are unchanged.
        x: Data in raw units `(B, inputs)` on which the refit is closest; None weighs the grid evenly.

    Returns:
        The model of higher degree.

    Raises:
        ConfigError: If the degree is not an integer from 0 to 9, or a layer has a higher one or a learnable grid.
        ShapeError: If x has another number of columns.
        DataError: If x does not hold numbers, or some are not finite.

    Example:
        >>> raise_degree(KAN([2, 3, 1], degree=2), 3).config.bases[0].degree
        3
    """
    return _with_degree(model, degree, None if x is None else data_of(model, x), raise_layer)


@torch.no_grad()
def raise_layer(layer: KANLayer, degree: int, x: Tensor | None) -> None:
    """Applies `raise_degree` to one layer in place; x are its activations `(B, I)`."""
    basis = make_basis(grid=layer.basis.resolution, degree=degree)
    grid = extended(grid_points(layer.knots(), spline_degree(layer)), degree)
    layer.replace_grid(basis, grid, refitted(layer, basis, grid, x, smoothness=SMOOTHNESS))


def _elevate_layer(layer: KANLayer, degree: int, x: Tensor | None) -> None:
    own_degree, knots = spline_degree(layer), layer.knots().double()
    points = grid_points(knots, own_degree)
    inner = points[:, 1:-1].repeat_interleave(degree - own_degree + 1, dim=1)
    grid = extended(torch.cat([points[:, :1], inner, points[:, -1:]], dim=1), degree)
    basis = make_basis(grid=grid.shape[1] - 1 - 2 * degree, degree=degree)
    # degree + 1 points in a cell determine its polynomial.
    share = (torch.arange(degree + 1, dtype=grid.dtype, device=grid.device) + 0.5) / (degree + 1)
    share = (1 - torch.cos(torch.pi * share)) / 2
    inside = torch.lerp(points[:, :-1, None], points[:, 1:, None], share).flatten(1).T
    coefficients, size = layer.edge_coefficients(), layer.basis.size
    own, base = coefficients[:, :size].double(), coefficients[:, size:]
    before = bspline_rows(inside, knots, cell_polynomials(knots, own_degree), own_degree)
    after = bspline_rows(inside, grid, cell_polynomials(grid, degree), degree).transpose(0, 1)
    targets = torch.einsum("bim,imj->ibj", before, own)
    fitted = solve_least_squares(after, targets)
    fitted = fitted + solve_least_squares(after, targets - after @ fitted)  # iterative refinement
    layer.replace_grid(basis, grid, torch.cat([fitted.to(base), base], dim=1))


def _with_degree(model: KAN, degree: int, x: Tensor | None, change: Any) -> KAN:
    try:
        wanted = operator.index(degree)
    except TypeError:
        wanted = -1
    if not 0 <= wanted <= 9:
        raise ConfigError(f"degree is an integer from 0 to 9, got {degree!r}.")
    other = copy.deepcopy(model)
    u = None if x is None else other.input_scaling(x)
    for layer, nodes in zip(other.kan_layers, other.config.nodes[1:], strict=True):
        if layer.basis.degree is not None and layer.basis.degree != wanted:
            if layer.basis.degree > wanted or layer.grid_kind == "learnable":
                raise ConfigError(
                    f"a degree can only be raised, and not on a learnable grid: got degree {wanted} for a layer of "
                    f"{layer.basis} with a {layer.grid_kind} grid; fit a new model."
                )
            change(layer, wanted, u)
        u = None if u is None else nodes.combine(layer(u))
    return other


def spline_degree(layer: KANLayer) -> int:
    """The degree of a layer of splines."""
    assert layer.basis.degree is not None
    return layer.basis.degree
