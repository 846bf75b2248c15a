"""Knot insertion at given places."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.errors.foreign import explained
from splinework.nn.layer import MIN_INTERVAL_SHARE, KANLayer
from splinework.nn.network import KAN
from splinework.splines import domain, insert_knots


@torch.no_grad()
@explained
def insert(model: KAN, points: Sequence[Any]) -> KAN:
    """Returns a model with further knots at given places and the same output everywhere.

    Exact to 1e-12 of the output's size in float64, by knot insertion (Boehm 1980). All inputs of a layer get equally many.

    Args:
        model: The network; unchanged.
        points: New knots `(R, inputs)` for every layer of edges, or None for no new ones, in units of the layer's activations
            (for the first layer network units, for a `normalised` grid squashed ones).

    Returns:
        The model with the new knots.

    Raises:
        ConfigError: If there is not one entry per layer, or a layer has no knots.
        ShapeError: If the points of a layer have another shape.
        DataError: If a point is not finite or outside the grid, or the multiplicity of a knot is too high.

    Example:
        >>> model = KAN([1, 1], grid=4, dtype=torch.float64)
        >>> finer = insert(model, [[[0.3], [0.4]]])
        >>> x = torch.rand(20, 1, dtype=torch.float64)
        >>> finer.config.bases[0].grid, bool((finer(x) - model(x)).abs().max() < 1e-12)
        (6, True)
    """
    if not isinstance(points, Sequence) or len(points) != len(model.kan_layers):
        raise ConfigError(
            f"points is a list with one entry per layer of edges, here {len(model.kan_layers)}, each (R, inputs) or None; "
            f"got {len(points) if isinstance(points, Sequence) else type(points).__name__}."
        )
    finer = copy.deepcopy(model)
    for number, (layer, new) in enumerate(zip(finer.kan_layers, points, strict=True)):
        if new is not None:
            insert_layer(layer, _checked(layer, new, number))
    return finer


@torch.no_grad()
def insert_layer(layer: KANLayer, points: Tensor) -> None:
    """Inserts knots `(R, I)` into one layer in place; they must lie inside its grid."""
    basis, coefficients = layer.basis, layer.edge_coefficients()
    assert basis.degree is not None
    if not len(points):
        return
    grid, values = insert_knots(layer.knots(), coefficients[:, : basis.size], points.T, basis.degree)
    finer = basis.with_resolution(basis.resolution + len(points))
    layer.replace_grid(finer, grid, torch.cat([values, coefficients[:, basis.size :]], dim=1))


def _checked(layer: KANLayer, points: Any, number: int) -> Tensor:
    """The points as a tensor `(R, I)`; raises the errors of `insert`."""
    basis, knots, where = layer.basis, layer.knots(), f"points of layer {number + 1}"
    if basis.degree is None:
        raise ConfigError(f"knots can be inserted into splines, layer {number + 1} has {basis}; give None for it.")
    new = torch.as_tensor(points, dtype=knots.dtype, device=knots.device)
    if new.dim() != 2 or new.shape[1] != layer.inputs:
        raise ShapeError(f"{where} are (R, {layer.inputs}), a column for every input, got {tuple(new.shape)}.")
    low, high = domain(knots, basis.degree)
    inside = (new > low) & (new < high)
    if not bool(inside.all()):  # NaN is not inside either
        row, column = (~inside).nonzero()[0].tolist()
        raise DataError(
            f"{where} must lie inside the grid, for input {column + 1} between {float(low[column]):.6g} and "
            f"{float(high[column]):.6g}; got {float(new[row, column]):.6g}. Widen the grid first with adapt."
        )
    most = 1 if layer.grid_kind == "learnable" else max(basis.degree, 1)
    together = torch.cat([knots, new.T], dim=1)
    repeated = (new.T[:, :, None] == together[:, None, :]).sum(2)
    if bool((repeated > most).any()):
        column, row = (repeated > most).nonzero()[0].tolist()
        raise DataError(
            f"{where} put more than {most} knots at {float(new[row, column]):.6g}, which splines of degree {basis.degree} on "
            f"a {layer.grid_kind} grid cannot have; leave some out."
        )
    if layer.grid_kind == "learnable":
        _check_widths(layer, together, where)
    return new


def _check_widths(layer: KANLayer, knots: Tensor, where: str) -> None:
    """Raises DataError if an interval would be narrower than the minimum of a learnable grid."""
    basis = layer.basis
    assert basis.degree is not None
    points = torch.sort(knots, dim=1).values[:, basis.degree : knots.shape[1] - basis.degree]
    share = torch.diff(points, dim=1).amin(1) / (points[:, -1] - points[:, 0])
    least = MIN_INTERVAL_SHARE / (points.shape[1] - 1)
    if bool((share <= least).any()):
        raise DataError(
            f"{where} leave an interval of {float(share.min()):.3g} of the grid, and an interval of a learnable grid has more "
            f"than {least:.3g}; place them farther from other knots."
        )
