"""Grid refinement: more intervals, same function."""

import copy
import operator
from collections.abc import Sequence
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
from splinework.splines import grid_points


@torch.no_grad()
@explained
@within_frame
def refine(model: KAN, grid: int | Sequence[int], *, x: Any = None) -> KAN:
    """Returns a model with finer grids and the same output.

    Exact everywhere, to 1e-12 of the output's size in float64, where each new number of intervals is a multiple of the
    old one (knot insertion), and for every nested basis. Otherwise the function, tails included, is refitted by least squares:
    no other coefficients on the new knots change it less on x.

    Args:
        model: The network; unchanged.
        grid: Number of intervals of all layers, or one number per layer of edges.
        x: Data in raw units `(B, inputs)` on which a refit is closest: a tensor, an array or a frame; not needed
            for an exact refinement.

    Returns:
        The refined copy.

    Raises:
        ConfigError: If grid is not an integer, or not one per layer, or a layer would get coarser.
        ShapeError: If x has another number of columns.
        DataError: If x does not hold numbers, or some are not finite.

    Example:
        >>> model = KAN([2, 3, 1], grid=5, dtype=torch.float64)
        >>> x = torch.rand(20, 2, dtype=torch.float64)
        >>> bool((refine(model, grid=10)(x) - model(x)).abs().max() < 1e-12)
        True
    """
    wanted = resolutions(grid, len(model.kan_layers))
    finer = copy.deepcopy(model)
    u = None if x is None else finer.input_scaling(data_of(model, x))
    for layer, resolution, nodes in zip(finer.kan_layers, wanted, finer.config.nodes[1:], strict=True):
        refine_layer(layer, resolution, u)
        u = None if u is None else nodes.combine(layer(u))
    return finer


@torch.no_grad()
def refine_layer(layer: KANLayer, resolution: int, x: Tensor | None) -> None:
    """Refines one layer in place; x are its activations `(B, I)`.

    Raises:
        ConfigError: If `resolution` is below the present one.
    """
    if resolution < layer.basis.resolution:
        raise ConfigError(
            f"refine cannot coarsen a grid: this layer has {layer.basis.resolution} intervals, got {resolution}; for a coarser "
            "one write sw.edit.coarsen(model, grid, x=x)."
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
    if layer.basis.degree is not None:  # keeps the spacing of the old grid points
        grid = basis.adapt_grid(grid_points(layer.knots(), layer.basis.degree).T, low, high, 0.0)
    else:
        grid = basis.make_grid(low, high)
    layer.replace_grid(basis, grid, refitted(layer, basis, grid, x))


def resolutions(grid: Any, layers: int) -> list[int]:
    """One integer per layer of edges."""
    several = isinstance(grid, Sequence) or (hasattr(grid, "__len__") and hasattr(grid, "__iter__"))
    try:
        wanted = [operator.index(g) for g in grid] if several else [operator.index(grid)] * layers
    except TypeError:
        raise ConfigError(f"grid is an integer, or one per layer of edges, got {grid!r}.") from None
    if len(wanted) != layers:
        raise ConfigError(f"grid takes one number or {layers}, one per layer of edges; got {len(wanted)}.")
    return wanted
