"""Coarser grids, by least squares on the activations."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError
from splinework.errors.foreign import explained
from splinework.interpret.edit.difference import Edited, change
from splinework.interpret.edit.grid_refinement import resolutions
from splinework.interpret.edit.refit import refitted
from splinework.nn.arrays import data_of
from splinework.nn.frame.framed import within_frame
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.trace import trace
from splinework.splines import grid_points
from splinework.splines.knots import extended


@torch.no_grad()
@explained
@within_frame
def coarsen(model: KAN, grid: int | Sequence[int], *, x: Any) -> Edited:
    """Returns a model with coarser grids, each edge as close to the old one on x as the fewer knots allow.

    Every edge is refitted by least squares at the activations that it has in the given model, tails included. An edge that the
    coarser grid can represent does not change: `coarsen` undoes a `refine` to a multiple.

    Args:
        model: The network; unchanged.
        grid: Number of intervals of all layers, or one number per layer of edges; a layer that has no more is unchanged.
        x: Data in raw units, `(B, inputs)`: a tensor, an array or a frame.

    Returns:
        The coarser model, and by how much it differs on x.

    Raises:
        ConfigError: If grid is not an integer of at least 1, or not one per layer, or no layer has more intervals.
        ShapeError: If x has another number of columns, or no rows.
        DataError: If x does not hold numbers, or some are not finite.

    Example:
        >>> import splinework as sw
        >>> x = torch.linspace(-1, 1, 100, dtype=torch.float64)[:, None]
        >>> model = sw.refine(sw.KAN([1, 1], grid=5, dtype=torch.float64), 20)
        >>> sw.edit.coarsen(model, 5, x=x).change < 1e-12
        True
    """
    wanted = resolutions(grid, len(model.kan_layers))
    present = [layer.basis.resolution for layer in model.kan_layers]
    if min(wanted) < 1 or all(new >= old for new, old in zip(wanted, present, strict=True)):
        raise ConfigError(f"coarsen takes fewer intervals than the {present} of the layers, at least 1; got {wanted}.")
    data = data_of(model, x)
    if data.shape[0] < 1:
        raise ShapeError("coarsen needs data for its least squares, got no rows; pass at least one.")
    coarser = copy.deepcopy(model)
    for layer, resolution, seen in zip(coarser.kan_layers, wanted, trace(model, data).layers, strict=True):
        if resolution < layer.basis.resolution:
            _coarsen_layer(layer, resolution, seen.inputs)
    return Edited(coarser, change(model, coarser, data))


def _coarsen_layer(layer: KANLayer, resolution: int, x: Tensor) -> None:
    """Coarsens one layer in place; x are its activations `(B, I)`."""
    basis = layer.basis.with_resolution(resolution)
    low, high = layer.basis.domain(layer.knots())
    if layer.basis.degree is None:
        grid = basis.make_grid(low, high)
    else:  # some of the old grid points where they can be shared out evenly, as after a refine, or else their spacing
        points = grid_points(layer.knots(), layer.basis.degree)
        step, rest = divmod(points.shape[1] - 1, resolution)
        grid = basis.adapt_grid(points.T, low, high, 0.0) if rest else extended(points[:, ::step], layer.basis.degree)
    layer.replace_grid(basis, grid, refitted(layer, basis, grid, x))
