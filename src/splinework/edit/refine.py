"""More intervals, same function."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from splinework.bases import Basis
from splinework.edit.refit import refitted
from splinework.errors import ConfigError
from splinework.layer import KANLayer
from splinework.network import KAN


@torch.no_grad()
def refine(model: KAN, grid: int | Sequence[int], *, x: Tensor | None = None) -> KAN:
    """A model with finer grids and the same output.

    Exact (knot insertion) where each new number of intervals is a multiple of the old one, and for every nested family
    (Fourier, Chebyshev); else a least-squares refit of the function in use, tails included.

    Args:
        model: The network; unchanged.
        grid: Intervals of every layer, or one number per layer of edges.
        x: Data in raw units `(B, inputs)` that a refit should be closest on; not needed for an exact refinement.

    Raises:
        ConfigError: If a layer would get coarser.

    >>> model = KAN([2, 3, 1], grid=5, dtype=torch.float64)
    >>> x = torch.rand(20, 2, dtype=torch.float64)
    >>> bool((refine(model, grid=10)(x) - model(x)).abs().max() < 1e-12)
    True
    """
    finer = copy.deepcopy(model)
    layers = finer.kan_layers
    wanted = [grid] * len(layers) if isinstance(grid, int) else list(grid)
    if len(wanted) != len(layers):
        raise ConfigError(f"grid takes one number or {len(layers)}, one per layer of edges; got {len(wanted)}.")
    u = None if x is None else finer.input_scaling(x)
    for layer, resolution, nodes in zip(layers, wanted, finer.config.nodes[1:], strict=True):
        refine_layer(layer, resolution, u)
        u = None if u is None else nodes.combine(layer(u))
    return finer


def refine_layer(layer: KANLayer, resolution: int, x: Tensor | None) -> None:
    """Refines one layer in place; x are its activations `(B, I)`, for a refit.

    Raises:
        ConfigError: If `resolution` is below the present one.
    """
    if resolution < layer.basis.resolution:
        raise ConfigError(
            f"refine makes grids finer: this layer has {layer.basis.resolution}, got {resolution}. For a coarser model, fit a "
            "new one with a smaller grid."
        )
    if resolution == layer.basis.resolution:
        return
    basis = layer.basis.with_resolution(resolution)
    coefficients = layer.edge_coefficients()
    size = layer.basis.size
    exact = layer.basis.refine(layer.knots(), coefficients[:, :size], resolution)
    if exact is not None and layer.grid_kind != "learnable":
        grid, values = exact
        layer.replace_grid(basis, grid, torch.cat([values, coefficients[:, size:]], dim=1))
        return
    grid = _finer_grid(layer, basis) if exact is None else exact[0]
    if layer.grid_kind == "learnable":
        grid = _as_learnable(layer, basis, grid)
    layer.replace_grid(basis, grid, refitted(layer, basis, grid, x))


def _finer_grid(layer: KANLayer, basis: Basis) -> Tensor:
    """The present spacing at another number of intervals: grid points interpolated, as the old ones lie."""
    low, high = layer.basis.domain(layer.knots())
    if not hasattr(layer.basis, "degree"):
        return basis.make_grid(low, high)
    from splinework.functional import grid_points

    points = grid_points(layer.knots(), layer.basis.degree)
    return basis.adapt_grid(points.T, low, high, 0.0)


def _as_learnable(layer: KANLayer, basis: Basis, grid: Tensor) -> Tensor:
    """The nearest grid that a learnable spacing can express: knots beyond the ends continue the outermost intervals."""
    probe = copy.deepcopy(layer)
    probe.replace_grid(
        basis,
        grid,
        layer.coefficients.new_zeros(layer.inputs, basis.size + (layer.base_weight is not None), layer.outputs),
    )
    return probe.knots()
