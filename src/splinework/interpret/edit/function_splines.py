"""`to_splines`: edges that are functions become splines, so that data can correct what they are."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.interpret.edit.difference import Edited, change
from splinework.interpret.edit.edge_roles import free
from splinework.interpret.edit.grid_refinement import refine_layer
from splinework.nn.arrays import data_of
from splinework.nn.edge_functions import EdgeFunction
from splinework.nn.frame.framed import within_frame
from splinework.nn.layer import KANLayer
from splinework.nn.naming import edge_place
from splinework.nn.network import KAN

ROWS = 1000
"""Rows on the grids of the inputs that stand in for the data where none are given."""
UNIT_MARGIN = 1.02
"""Width of the domain in network units, as a multiple of that of the data."""


@torch.no_grad()
@explained
@within_frame
def to_splines(
    model: KAN, x: Any = None, *, edges: Sequence[Sequence[int | str]] | None = None, grid: int | None = None
) -> Edited:
    """Converts functions on edges to splines, each the closest one on its grid, so that data can correct a theory.

    Where no function is left, the network gets units as a fit would give them, so that `sw.fit` goes on from it as it is.

    Args:
        model: A network with functions on edges; unchanged.
        x: Data in raw units, `(N, inputs)`, on which splines are closest and the change is measured; by default rows all over
            the grids of the inputs.
        edges: The edges, each `(layer, input, sum)` by index or name, or two names; by default all that are functions.
        grid: Intervals of the grids of their layers; by default those that they have.

    Returns:
        The model, and the change of its function on x.

    Raises:
        ConfigError: If there is no such edge or no function on it, or the grid would be coarser than splines need.
        ShapeError: If x has another number of columns.
        DataError: If x does not hold numbers.

    Example:
        >>> import splinework as sw
        >>> theory = sw.from_formula("exp(sin(pi*x) + y**2)", {"x": (-1, 1), "y": (-1, 1)})
        >>> model, change = to_splines(theory, grid=20)
        >>> change < 1e-4, model.kan_layers[0].functions
        (True, None)
    """
    changed = copy.deepcopy(model)
    held = {(l, e.i, e.j) for l, layer in enumerate(model.kan_layers) for e in _functions(layer)}
    places = sorted(held) if edges is None else [edge_place(model, edge) for edge in edges]
    if lacking := [place for place in places if place not in held]:
        raise ConfigError(f"the edge {lacking[0]} is a spline already; functions are on {sorted(held)}.")
    data = _rows(model) if x is None else data_of(model, x)
    if set(places) == held:
        _set_units(changed, data)
    u = changed.input_scaling(data)
    for l, (layer, nodes) in enumerate(zip(changed.kan_layers, changed.config.nodes[1:], strict=True)):
        if grid is not None and any(place[0] == l for place in places):
            _set_grid(layer, grid, u)
        u = nodes.combine(layer(u))
    for place in places:
        changed = free(changed, place, x=data)
    return Edited(changed, change(model, changed, data))


def _functions(layer: KANLayer) -> list[EdgeFunction]:
    return [] if layer.functions is None else layer.functions.edges()


def _rows(model: KAN) -> Tensor:
    """Rows all over the grids of the inputs, in raw units."""
    first = model.kan_layers[0]
    low, high = first.basis.domain(first.knots())
    sobol = torch.quasirandom.SobolEngine(model.inputs, scramble=True, seed=0)
    share = sobol.draw(ROWS).to(low)
    return model.input_scaling.inverse(torch.lerp(low, high, share))


def _set_grid(layer: KANLayer, grid: int, u: Tensor) -> None:
    """Gives a layer another grid in place, any if no spline is on it; u are its activations."""
    if bool((layer.mask != 0).any()):
        refine_layer(layer, grid, u)
        return
    basis = layer.basis.with_resolution(grid)
    points = basis.make_grid(*layer.basis.domain(layer.knots()))
    more = layer.table().size - layer.basis.size
    layer.replace_grid(basis, points, points.new_zeros(layer.inputs, basis.size + more, layer.outputs))


def _set_units(model: KAN, data: Tensor) -> None:
    """Gives a network in raw units those of its grids and of its outputs on the data, in place, with the same function.

    Only where the edges of the first and of the last layer are functions, which take units into their numbers.
    """
    first, last = model.kan_layers[0], model.kan_layers[-1]
    plain = all(s.is_affine and s.is_identity() for s in (model.input_scaling, model.output_scaling))
    if not plain or bool((first.mask != 0).any() or (last.mask != 0).any()):
        return
    values = model(data)
    low, high = first.basis.domain(first.knots())
    model.input_scaling.set((low + high) / 2, (high - low) / 2 * UNIT_MARGIN)
    scale, shift = model.input_scaling.scale.double(), model.input_scaling.shift.double()
    ends = ((end - model.input_scaling.shift) / model.input_scaling.scale for end in (low, high))
    first.replace_grid(first.basis, first.basis.make_grid(*ends), first.edge_coefficients())
    first.set_functions([_moved(e, scale[e.i], shift[e.i]) for e in _functions(first)])

    nodes = model.config.nodes[-1]
    mean = torch.zeros_like(values[0]) if nodes.products else values.mean(0)
    model.output_scaling.set(mean, values.std(0, unbiased=False))
    size = model.output_scaling.scale
    factors = {group[0]: 1 / size[n].double() for n, group in enumerate(nodes.groups)}  # of a product, its first factor
    offsets = {group[0]: (mean / size)[n].double() for n, group in enumerate(nodes.groups)}
    edges = [_scaled(e, factors.get(e.j, 1.0), offsets.pop(e.j, 0.0)) for e in _functions(last)]
    last.set_functions(edges)
    if last.bias is not None:
        for j, factor in factors.items():
            last.bias[j] = last.bias[j] * factor - offsets.pop(j, 0.0)


def _moved(edge: EdgeFunction, scale: Tensor, shift: Tensor) -> EdgeFunction:
    """The function of an input in other units, `u = (input - shift) / scale`."""
    a, b, *rest = edge.numbers
    return replace(edge, numbers=torch.stack([a * scale, a * shift + b, *rest]))


def _scaled(edge: EdgeFunction, factor: Tensor | float, offset: Tensor | float) -> EdgeFunction:
    """The function times a factor, less an offset."""
    a, b, c, d, *own = edge.numbers
    return replace(edge, numbers=torch.stack([a, b, c * factor, d * factor - offset, *own]))
