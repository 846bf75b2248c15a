"""Grids that follow the activations (Liu et al. 2024, §2.4), same function."""

import copy

import torch
from torch import Tensor

from splinework.edit.refit import refitted
from splinework.errors import ConfigError, ShapeError
from splinework.layer import KANLayer
from splinework.network import KAN


@torch.no_grad()
def adapt(
    model: KAN, x: Tensor, *, grid_eps: float | None = None, margin: float = 0.0, tolerance: float | None = 0.05
) -> KAN:
    """A model whose grids cover the activations that x causes, and whose output is the same up to `tolerance`.

    Each layer's edges are refitted by least squares to the function in use, tails included. An input whose refit would
    change the layer's sums by more than `tolerance` of their spread keeps its grid. Layers with a `fixed` or `normalised`
    grid are left alone, and a `learnable` one too: the gradient moves it.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`, B >= 1.
        grid_eps: 1 uniform, 0 by quantiles; None takes the model's own.
        margin: How far the grid reaches beyond the activations at either end, as a share of their range.
        tolerance: Largest change on x, of a layer's sums, relative to their standard deviation; None accepts any.

    Raises:
        ShapeError: If x has no rows.
        ConfigError: If grid_eps is not between 0 and 1.
    """
    if x.shape[0] < 1:
        raise ShapeError("adapt needs data to follow, got no rows.")
    eps = model.config.grid_eps if grid_eps is None else grid_eps
    if not 0 <= eps <= 1:
        raise ConfigError(f"grid_eps lies between 0 (quantiles) and 1 (uniform), got {eps}.")
    adapted = copy.deepcopy(model)
    u = adapted.input_scaling(x)
    for layer, nodes in zip(adapted.kan_layers, adapted.config.nodes[1:], strict=True):
        if layer.grid_kind == "adaptive":
            adapt_layer(layer, u, grid_eps=eps, margin=margin, tolerance=tolerance)
        u = nodes.combine(layer(u))
    return adapted


@torch.no_grad()
def adapt_layer(layer: KANLayer, x: Tensor, *, grid_eps: float, margin: float, tolerance: float | None) -> None:
    """Adapts one layer in place to its activations x `(B, I)`; see `adapt`."""
    low, high = x.amin(0), x.amax(0)
    span = high - low
    # A constant input has no range of its own: it gets one of width one about its value, or keeps its grid.
    tiny = span <= 1e-8 * torch.maximum(low.abs(), high.abs()).clamp_min(1e-8)
    low, high = torch.where(tiny, low - 0.5, low), torch.where(tiny, high + 0.5, high)
    low, high = low - margin * span, high + margin * span
    grid = layer.basis.adapt_grid(x, low, high, grid_eps)
    values = refitted(layer, layer.basis, grid, x)
    if tolerance is not None:
        before = layer.edges(x)
        tried = copy.deepcopy(layer)
        tried.replace_grid(layer.basis, grid, values)
        change = (tried.edges(x) - before).square().mean(0).sqrt()
        spread = before.sum(1).std(0, unbiased=False)
        kept = (change > tolerance * spread / layer.inputs**0.5).any(dim=1)
        grid = torch.where(kept[:, None], layer.grid, grid)
        values = torch.where(kept[:, None, None], layer.edge_coefficients(), values)
    layer.replace_grid(layer.basis, grid, values)
