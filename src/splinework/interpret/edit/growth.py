"""Wider and deeper networks with the same function."""

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.interpret.edit.difference import unconstrained
from splinework.interpret.edit.parts import empty_like, everything, rearranged
from splinework.interpret.edit.places import hidden_layer_of
from splinework.kernels import BasisTable
from splinework.nn.frame.framed import within_frame
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.splines import solve_least_squares


@torch.no_grad()
@explained
@within_frame
def widen(model: KAN, layer: int, count: int = 1, *, products: Sequence[int] = (), seed: int = 0) -> KAN:
    """Returns a model with more nodes in one hidden layer and the same function, exactly.

    The edges into the new nodes are random, as in a new network, and those out of them zero: a fit moves the outgoing ones
    first and thereby all.

    Args:
        model: The network; unchanged.
        layer: The hidden layer, counted from 1.
        count: Number of new sum nodes.
        products: Arities of new product nodes.
        seed: Seed of the random edges.

    Returns:
        The wider model.

    Raises:
        ConfigError: If there is no such hidden layer, nothing or a negative number would be added, or the model fulfils axioms
            by construction.

    Example:
        >>> import splinework as sw
        >>> model, x = sw.KAN([2, 3, 1]), torch.rand(10, 2)
        >>> wider = widen(model, 1, 2, products=[2])
        >>> wider.config.shape, torch.allclose(wider(x), model(x))
        ([2, (5, 1), 1], True)
    """
    at = hidden_layer_of(unconstrained(model, "widen"), layer)
    if isinstance(count, bool) or not isinstance(count, int) or count < 0 or not (count or products):
        raise ConfigError(f"count is a number of new sum nodes, got {count!r} and {len(products)} products.")
    old = model.config.nodes[at]
    nodes = list(model.config.nodes)
    nodes[at] = Nodes(old.sums + count, (*old.products, *products))
    origins: list[list[int | None]] = [list(each) for each in everything(model)]
    origins[at][old.sums : old.sums] = [None] * count
    origins[at].extend([None] * len(products))
    wider = rearranged(model, origins, nodes=nodes, seed=seed)
    new = [n for n, origin in enumerate(origins[at]) if origin is None]
    outgoing = wider.kan_layers[at]
    outgoing.coefficients[new] = 0.0
    if outgoing.base_weight is not None:
        outgoing.base_weight[new] = 0.0
    return wider


@torch.no_grad()
@explained
@within_frame
def deepen(model: KAN, where: int, *, seed: int = 0) -> KAN:
    """Returns a model with one more layer of edges, the identity, and the same function.

    Every node of the layer `where` passes its value on to a new sum node by an edge that is exactly `u ↦ u`, tails included: a
    spline, or where the layer's splines cannot be straight lines everywhere, the function `u`. The edges between different nodes
    are zero, and a fit may change all of them. Exact to 1e-12 of the size of the values in float64.

    Args:
        model: The network; unchanged.
        where: The layer of nodes after which the new one comes: 0 for the inputs, up to the number of layers of edges for the
            outputs.
        seed: Seed of the numbers that have no effect before a fit.

    Returns:
        The deeper model.

    Raises:
        ConfigError: If there is no such layer, or the model fulfils axioms by construction.

    Example:
        >>> import splinework as sw
        >>> model, x = sw.KAN([2, 3, 1], dtype=torch.float64), torch.rand(10, 2, dtype=torch.float64)
        >>> deeper = deepen(model, 1)
        >>> deeper.config.shape, bool((deeper(x) - model(x)).abs().max() < 1e-12)
        ([2, 3, 3, 1], True)
    """
    config, layers = unconstrained(model, "deepen").config, model.kan_layers
    if isinstance(where, bool) or not isinstance(where, int) or not 0 <= where <= len(layers):
        raise ConfigError(
            f"where is a layer of nodes, 0 for the inputs to {len(layers)} for the outputs, got {where!r}."
        )
    like = layers[min(where, len(layers) - 1)]
    nodes = [*config.nodes[: where + 1], Nodes(config.nodes[where].width), *config.nodes[where + 1 :]]
    bases = [*config.bases[:where], like.basis, *config.bases[where:]]
    deeper = empty_like(model, replace(config, nodes=tuple(nodes), bases=tuple(bases), functions=()), seed)
    between = deeper.kan_layers[where]
    if where < len(layers):
        between.replace_grid(like.basis, like.knots(), between.edge_coefficients())
    _make_identity(between)
    deeper.layers = nn.ModuleList([*map(copy.deepcopy, layers[:where]), between, *map(copy.deepcopy, layers[where:])])
    for name in ("input_scaling", "output_scaling"):
        getattr(deeper, name).load_state_dict(getattr(model, name).state_dict())
    return deeper


def _make_identity(layer: KANLayer) -> None:
    """Sets the edges of a square layer in place to `u ↦ u` from each node to itself, and to zero elsewhere."""
    values, straight = torch.zeros_like(layer.edge_coefficients()), _straight(layer)
    if straight is not None:
        each = torch.arange(layer.inputs, device=values.device)
        values[each, :, each] = straight.to(values)
    layer.set_edge_coefficients(values)
    if straight is None:
        from splinework.nn.edge_functions import EdgeFunction  # most networks have none

        layer.set_functions([EdgeFunction.of("u", n, n, name="x") for n in range(layer.inputs)])


def _straight(layer: KANLayer) -> Tensor | None:
    """Coefficients of `u ↦ u` in each row of a layer's table, `(I, size)`; None if its functions do not add up to it."""
    layer = copy.deepcopy(layer).double()
    table: BasisTable = layer.table()
    low, high = layer.basis.domain(table.grid)
    share = torch.linspace(-1, 2, 30 * table.size, dtype=low.dtype, device=low.device)[:, None]
    points = torch.lerp(low, high, share)
    design, targets = table.rows(layer.squash(points)).transpose(0, 1), points.T[..., None]
    found = solve_least_squares(design, targets)
    found = found + solve_least_squares(design, targets - design @ found)
    if float((design @ found - targets).abs().max()) > 1e-10 * float(points.abs().max()):
        return None
    return found[..., 0]
