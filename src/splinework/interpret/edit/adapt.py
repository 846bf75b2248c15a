"""Grids that follow the activations (Liu et al. 2024, §2.4), same function."""

import copy
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError
from splinework.interpret.edit.refit import refitted
from splinework.nn.arrays import data_of
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN

FINEST = 1e3
"""A grid interval is at least this many times what the dtype can tell apart: an input that varies less is constant."""


@torch.no_grad()
def adapt(
    model: KAN, x: Any, *, grid_eps: float | None = None, margin: float = 0.0, tolerance: float | None = None
) -> KAN:
    """A model whose grids cover the activations that x causes; the function changes no more than least squares must.

    Each layer's edges are refitted to the function in use, tails included, by least squares on the activations: no
    other coefficients on the new knots change an edge less (beyond 1e-6 of its size, which places without data may
    take). Where the function is representable on the new knots, as after an `adapt` to the same data, nothing changes:
    1e-12 of its size in float64, 1e-6 in float32. Where x goes far beyond the old grid, the new cells are wider than
    the old ones, and the details between them are lost: `refine` first, or say `tolerance`, to keep them.

    A constant input keeps its grid where that holds the value, and else gets one of the old width about it. Layers with
    a `fixed` or `normalised` grid are left alone, and a `learnable` one too: the gradient moves it.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`, B >= 1: a tensor, an array or a frame.
        grid_eps: 1 uniform, 0 by quantiles; None takes the model's own.
        margin: How far the grid reaches beyond the activations at either end, as a share of their range.
        tolerance: Largest change on x of a layer's sums, relative to their standard deviation: an input whose refit
            would cause a larger one keeps its grid. None accepts what least squares leaves.

    Raises:
        ShapeError: If x has another number of columns, or no rows.
        DataError: If x does not hold numbers, or some are not finite.
        ConfigError: If grid_eps is not between 0 and 1, or margin or tolerance is negative.

    >>> model = KAN([1, 1], dtype=torch.float64)
    >>> x = torch.linspace(20, 30, 50, dtype=torch.float64)[:, None]
    >>> adapt(model, x).kan_layers[0].knots()[0, 3:-3]
    tensor([20., 22., 24., 26., 28., 30.], dtype=torch.float64)
    """
    eps = model.config.grid_eps if grid_eps is None else grid_eps
    check_following(eps, margin, tolerance)
    data = data_of(model, x)
    if data.shape[0] < 1:
        raise ShapeError("adapt needs data to follow, got no rows; pass at least one.")
    adapted = copy.deepcopy(model)
    u = adapted.input_scaling(data)
    for layer, nodes in zip(adapted.kan_layers, adapted.config.nodes[1:], strict=True):
        if layer.grid_kind == "adaptive":
            adapt_layer(layer, u, grid_eps=eps, margin=margin, tolerance=tolerance)
        u = nodes.combine(layer(u))
    return adapted


def check_following(grid_eps: float, margin: float, tolerance: float | None) -> None:
    """Refuses settings of `adapt` that make no sense.

    Raises:
        ConfigError: If grid_eps is not between 0 and 1, or margin or tolerance is negative.
    """
    if not 0 <= grid_eps <= 1:
        raise ConfigError(f"grid_eps lies between 0 (quantiles) and 1 (uniform), got {grid_eps}.")
    for name, value in (("margin", margin), ("tolerance", tolerance)):
        if value is not None and not 0 <= value < float("inf"):
            raise ConfigError(f"{name} is a share, zero or more, got {value}.")


@torch.no_grad()
def adapt_layer(layer: KANLayer, x: Tensor, *, grid_eps: float, margin: float, tolerance: float | None) -> None:
    """Adapts one layer in place to its activations x `(B, I)`; see `adapt`."""
    if layer.shaping is not None:
        x = layer.shaping.evened(x, *layer.basis.domain(layer.grid))
    low, high, constant = _ranges(layer, x, margin)
    grid = layer.basis.adapt_grid(x, low, high, grid_eps)
    values = refitted(layer, layer.basis, grid, x)
    old_low, old_high = layer.basis.domain(layer.grid)
    kept = constant & (x.amin(0) >= old_low) & (x.amax(0) <= old_high)
    if tolerance is not None:
        before = layer.edges(x)
        tried = copy.deepcopy(layer)
        tried.replace_grid(layer.basis, grid, values)
        change = (tried.edges(x) - before).square().mean(0).sqrt()
        spread = before.sum(1).std(0, unbiased=False)
        kept |= (change > tolerance * spread / layer.inputs**0.5).any(dim=1)
    grid = torch.where(kept[:, None], layer.grid, grid)
    values = torch.where(kept[:, None, None], layer.edge_coefficients(), values.to(layer.grid))
    layer.replace_grid(layer.basis, grid, values)


def _ranges(layer: KANLayer, x: Tensor, margin: float) -> tuple[Tensor, Tensor, Tensor]:
    """Ends of the new grids, and which inputs are constant: those get the old width about their value."""
    low, high = x.amin(0), x.amax(0)
    old_low, old_high = layer.basis.domain(layer.grid)
    span, width = high - low, old_high - old_low
    size = torch.maximum(low.abs(), high.abs())
    finest = FINEST * layer.basis.resolution * torch.finfo(x.dtype).eps
    constant = span <= finest * torch.maximum(size, width)
    half = torch.maximum(width / 2, finest * size)
    beyond = torch.where(constant, half, margin * span)
    return low - beyond, high + beyond, constant
