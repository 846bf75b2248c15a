"""More intervals, same function."""

import copy
import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.foreign import explained
from splinework.interpret.edit.refit import refitted
from splinework.nn.arrays import data_of
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import grid_points


@torch.no_grad()
@explained
def refine(model: KAN, grid: int | Sequence[int], *, x: Any = None) -> KAN:
    """A model with finer grids and the same output.

    Exact (1e-12 of the output's size in float64, everywhere) where each new number of intervals is a multiple of the
    old one, by knot insertion, and for every nested family. Else a least-squares refit of the
    function in use, tails included: no other coefficients on the new knots change it less on x.

    Args:
        model: The network; unchanged.
        grid: Intervals of every layer, or one number per layer of edges.
        x: Data in raw units `(B, inputs)` that a refit should be closest on: a tensor, an array or a frame; not needed
            for an exact refinement.

    Raises:
        ConfigError: If grid is no whole number, or not one per layer, or a layer would get coarser.
        ShapeError: If x has another number of columns.
        DataError: If x does not hold numbers, or some are not finite.

    >>> model = KAN([2, 3, 1], grid=5, dtype=torch.float64)
    >>> x = torch.rand(20, 2, dtype=torch.float64)
    >>> bool((refine(model, grid=10)(x) - model(x)).abs().max() < 1e-12)
    True
    """
    wanted = _resolutions(grid, len(model.kan_layers))
    finer = copy.deepcopy(model)
    u = None if x is None else finer.input_scaling(data_of(model, x))
    for layer, resolution, nodes in zip(finer.kan_layers, wanted, finer.config.nodes[1:], strict=True):
        refine_layer(layer, resolution, u)
        u = None if u is None else nodes.combine(layer(u))
    return finer


@torch.no_grad()
def refine_layer(layer: KANLayer, resolution: int, x: Tensor | None) -> None:
    """Refines one layer in place; x are its activations `(B, I)`, for a refit.

    Raises:
        ConfigError: If `resolution` is below the present one.
    """
    if resolution < layer.basis.resolution:
        raise ConfigError(
            f"refine makes grids finer: this layer has {layer.basis.resolution}, got {resolution}; for a coarser model "
            "fit a new one with a smaller grid."
        )
    if resolution == layer.basis.resolution:
        return
    basis, size = layer.basis.with_resolution(resolution), layer.basis.size
    coefficients = layer.edge_coefficients()
    exact = layer.basis.refine(layer.knots(), coefficients[:, :size], resolution)
    if exact is not None:
        grid, values = exact
        layer.replace_grid(basis, grid, torch.cat([values, coefficients[:, size:]], dim=1))
        return
    low, high = layer.basis.domain(layer.knots())
    if layer.basis.degree is not None:  # grid points interpolated, as the old ones lie
        grid = basis.adapt_grid(grid_points(layer.knots(), layer.basis.degree).T, low, high, 0.0)
    else:
        grid = basis.make_grid(low, high)
    layer.replace_grid(basis, grid, refitted(layer, basis, grid, x))


def _resolutions(grid: Any, layers: int) -> list[int]:
    """One whole number per layer of edges."""
    several = isinstance(grid, Sequence) or (hasattr(grid, "__len__") and hasattr(grid, "__iter__"))
    try:
        wanted = [operator.index(g) for g in grid] if several else [operator.index(grid)] * layers
    except TypeError:
        raise ConfigError(f"grid is a whole number, or one per layer of edges, got {grid!r}.") from None
    if len(wanted) != layers:
        raise ConfigError(f"grid takes one number or {layers}, one per layer of edges; got {len(wanted)}.")
    return wanted
