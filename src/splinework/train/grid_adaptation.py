"""Grids that follow the activations during training: adapted while little is learned, widened once much is."""

from collections.abc import Iterator

import torch
from torch import Tensor

from splinework.interpret.edit.adaptation import adapt_layer
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import bspline_rows, solve_least_squares
from splinework.splines.knots import extended, grid_points

MARGIN_SHARE = 0.05
"""How far hidden grids reach beyond the activations: new data go further than those at hand, and so do later steps."""
MAX_ADAPTING_ROWS = 20_000
"""Rows, besides the outermost ones, at which a grid is adapted and its functions are fitted again; more would not move it."""
MAX_OFF_GRID_SHARE = 0.01
"""Share of the rows that a state of a fit may leave beyond a hidden grid, where widening it would undo what was gained."""
MIN_PART_STEPS = 10
"""Steps between two changes of the grids by a method that does not move them itself; fewer do not show whether it diverges."""
MAX_EXTENSION_SHARE = 0.5
"""Share of a grid's width beyond which a polynomial is not trusted to go on."""


@torch.no_grad()
def adapt_grids(model: KAN, u: Tensor) -> None:
    """Adapts the grids whose activations have left them, or fill less than half of them. For the early part of a fit.

    Args:
        model: Changed in place.
        u: Training rows in network units, `(N, inputs)`.
    """
    for index, (layer, nodes) in enumerate(zip(model.kan_layers, model.config.nodes[1:], strict=True)):
        if layer.grid_kind == "adaptive":
            low, high = layer.basis.domain(layer.grid)
            span = high - low
            least, most = u.amin(0), u.amax(0)
            outside = (least < low) | (most > high)
            narrow = (most - least) < 0.5 * span
            if bool((outside | narrow).any()):
                margin = MARGIN_SHARE if index else 0.0
                adapt_layer(layer, _thinned(u), grid_eps=model.config.grid_eps, margin=margin, tolerance=None)
        u = nodes.combine(layer(u))


@torch.no_grad()
def off_grid_share(model: KAN, u: Tensor) -> float:
    """The largest share of the rows `u (N, inputs)` that lie beyond the ends of a hidden node's grid."""
    share = 0.0
    for layer, seen in _hidden_layers(model, u):
        low, high = layer.basis.domain(layer.grid)
        share = max(share, float(((seen < low) | (seen > high)).double().mean(0).max()))
    return share


def strays(model: KAN, u: Tensor) -> bool:
    """Whether a state of a fit leaves more than `MAX_OFF_GRID_SHARE` of its rows beyond a hidden grid."""
    return off_grid_share(model, u) > MAX_OFF_GRID_SHARE


@torch.no_grad()
def extend_grids(model: KAN, u: Tensor, *, near: float = 0.2) -> None:
    """Moves the ends of hidden grids outwards where activations have come near; the function inside is kept exactly.

    The outermost cells grow, and their polynomials go on to the new ends instead of the linear tails. That is sound for
    a short way only: where activations have gone further than `MAX_EXTENSION_SHARE`, the layer is adapted instead.

    Args:
        model: Changed in place.
        u: Training rows in network units, `(N, inputs)`.
        near: Share of the margin that must be left; 1 for the last time, as new data will go further than those at hand; 0 to
            move only ends that activations have left.
    """
    for layer, activations in _hidden_layers(model, u):
        low, high = layer.basis.domain(layer.grid)
        seen = activations if layer.shaping is None else layer.shaping.symmetrised(activations, low, high)
        least, most = seen.amin(0), seen.amax(0)
        margin = MARGIN_SHARE * (most - least)
        close = (least < low + near * margin) | (most > high - near * margin)
        far = torch.maximum(low - least, most - high) > MAX_EXTENSION_SHARE * (high - low)
        if bool(far.any()):
            eps = model.config.grid_eps
            adapt_layer(layer, _thinned(activations), grid_eps=eps, margin=MARGIN_SHARE, tolerance=None)
        elif bool(close.any()):
            _move_ends(layer, torch.minimum(low, least - margin), torch.maximum(high, most + margin))


def _hidden_layers(model: KAN, u: Tensor) -> Iterator[tuple[KANLayer, Tensor]]:
    """The layers behind hidden nodes whose grids may follow, with their inputs; one may be changed before the next comes."""
    for layer, following, nodes in zip(model.kan_layers, model.kan_layers[1:], model.config.nodes[1:-1], strict=False):
        u = nodes.combine(layer(u))
        if following.grid_kind == "adaptive" and following.basis.degree is not None:
            yield following, u


def _thinned(u: Tensor) -> Tensor:
    """Rows that stand for many: some, evenly taken, and those with the least and the greatest value of each column."""
    every = len(u) // MAX_ADAPTING_ROWS
    return u if every < 2 else torch.cat([u[::every], u[u.argmin(0)], u[u.argmax(0)]])


def _move_ends(layer: KANLayer, low: Tensor, high: Tensor) -> None:
    """The same polynomials on cells of which the outermost reach to `low` and `high`."""
    degree, size = layer.basis.size - layer.basis.resolution, layer.basis.size
    points = grid_points(layer.grid, degree)
    grid = extended(torch.cat([low[:, None], points[:, 1:-1], high[:, None]], dim=1), degree)
    share = torch.linspace(0, 1, 2 * degree + 2, dtype=grid.dtype, device=grid.device)[1:-1]
    inside = (points[:, :-1, None] * (1 - share) + points[:, 1:, None] * share).flatten(1).T
    coefficients = layer.edge_coefficients()
    old = bspline_rows(inside, layer.grid, layer.table().prepared, degree)
    new = bspline_rows(inside, grid, layer.basis.prepare(grid), degree)
    targets = torch.einsum("bim,imj->ibj", old, coefficients[:, :size])
    fitted = solve_least_squares(new.transpose(0, 1), targets)
    layer.replace_grid(layer.basis, grid, torch.cat([fitted, coefficients[:, size:]], dim=1))
