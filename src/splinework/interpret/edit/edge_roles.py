"""Roles of edges: `fix` makes one a function, `free` a spline again; `freeze` keeps it from training, `unfreeze` undoes that."""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError
from splinework.errors.foreign import explained
from splinework.interpret.symbolic.chosen_function import ChosenFunction, chosen_function, free_numbers
from splinework.interpret.symbolic.library_function import LibraryFunction
from splinework.kernels import BasisTable
from splinework.nn.arrays import data_of
from splinework.nn.edge_functions import EdgeFunction, held_spline
from splinework.nn.frame.framed import within_frame
from splinework.nn.layer import KANLayer
from splinework.nn.naming import Place, edge_place
from splinework.nn.network import KAN
from splinework.nn.trace import trace
from splinework.splines import solve_least_squares

MIN_POINTS = 200
"""Points on the grid that stand in for the data where none are given."""
ANCHOR_WEIGHT = 1e-3
"""Weight of the points of the grid beside those of the data, in a spline that reproduces a function."""


@torch.no_grad()
@explained
@within_frame
def fix(
    model: KAN,
    edge: Sequence[int | str],
    function: str | LibraryFunction | Callable[[Tensor], Any],
    *,
    x: Any = None,
    numbers: Sequence[float] | None = None,
) -> KAN:
    """Returns the model with an edge that is a function, `c F(a u + b) + d`; training moves its numbers, not what it is.

    Args:
        model: The network; unchanged.
        edge: `(layer, input, sum)` by index or name, or two names, such as `("x1", "h2")`.
        function: A name of the library, such as `sin`; a formula over u, such as `exp(-0.5*u**2)`, in which numbers with a
            decimal point are constants to be fitted and integers exact; a `LibraryFunction`; or a callable of tensors, which no
            file can keep.
        x: Data in raw units, `(N, inputs)`: the numbers are fitted by least squares to the present edge there. By default on
            the grid of the edge.
        numbers: a, b, c, d in place of fitted ones, in network units.

    Returns:
        The model with the function.

    Raises:
        ConfigError: If there is no such edge or function, with the nearest ones; if the function is not defined where the edge
            is; or if numbers are not four finite ones.
        ShapeError: If x has another number of columns.
        DataError: If x does not hold numbers.

    References:
        Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv 2404.19756, §2.5.1, step 4.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> x = torch.linspace(-1, 1, 400, dtype=torch.float64)[:, None]
        >>> model = sw.fit(sw.KAN([1, 1]), x, torch.sin(3 * x), validation=None).model
        >>> fixed = fix(model, ("x1", "y"), "sin", x=x)
        >>> bool((fixed(x) - torch.sin(3 * x)).abs().max() < 1e-6)
        True
    """
    l, i, j = edge_place(model, edge)
    chosen = chosen_function(function)
    if numbers is None:
        made = _fitted(model, (l, i, j), chosen, x)
    else:
        values = tuple(float(value) for value in numbers)
        if len(values) != 4 or not all(map(math.isfinite, values)):
            raise ConfigError(f"numbers are a, b, c, d of c F(a u + b) + d, four finite ones; got {list(numbers)}.")
        made = chosen.edge(i, j, values)
    return with_edge(model, l, made)


@torch.no_grad()
@explained
@within_frame
def free(model: KAN, edge: Sequence[int | str], *, x: Any = None) -> KAN:
    """Returns the model with an edge that is a spline again, on the grid of its layer, closest to the function that it was.

    Args:
        model: The network; unchanged.
        edge: `(layer, input, sum)` by index or name, or two names.
        x: Data in raw units, `(N, inputs)`, on which the spline is closest; by default everywhere on the grid.

    Returns:
        The model with the spline; an edge that is a spline stays one.

    Raises:
        ConfigError: If there is no such edge.
        ShapeError: If x has another number of columns.
        DataError: If x does not hold numbers.

    Example:
        >>> import splinework as sw
        >>> model = fix(sw.KAN([1, 1], grid=20, dtype=torch.float64), (0, 0, 0), "sin", numbers=(1, 0, 1, 0))
        >>> x = torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None]
        >>> bool((free(model, (0, 0, 0))(x) - model(x)).abs().max() < 1e-6)
        True
    """
    l, i, j = edge_place(model, edge)
    layer = model.kan_layers[l]
    own = _function(layer, i, j)
    if own is None:
        return copy.deepcopy(model)
    u = None if x is None else trace(model, data_of(model, x)).layers[l].inputs[:, i]
    column = _spline_of(layer, own, u)
    freed = _without(model, l, i, j)
    target = freed.kan_layers[l]
    target.mask[i, j] = 1
    target.spline_weight[i, j] = 1
    size = target.basis.size
    target.coefficients[i, :, j] = column[:size].to(target.coefficients)
    if target.base_weight is not None:
        target.base_weight[i, j] = column[size].to(target.coefficients)
    return freed


@torch.no_grad()
@explained
@within_frame
def freeze(model: KAN, edge: Sequence[int | str], *, affine: bool = False) -> KAN:
    """Returns the model with an edge that training does not move: the same to the last bit after a fit.

    A spline leaves the grid of its layer, which others may refine, and keeps its own.

    Args:
        model: The network; unchanged.
        edge: `(layer, input, sum)` by index or name, or two names.
        affine: Whether a, b, c, d of `c F(a u + b) + d` may still move, and only what F is stays.

    Returns:
        The model with the edge frozen.

    Raises:
        ConfigError: If there is no such edge, or it is a spline on a normalised grid.

    Example:
        >>> import splinework as sw
        >>> model = freeze(sw.KAN([2, 1]), ("x1", "y"))
        >>> model.parameter_count(), sw.KAN([2, 1]).parameter_count()
        (11, 21)
    """
    l, i, j = edge_place(model, edge)
    layer = model.kan_layers[l]
    own = _function(layer, i, j)
    if own is None:
        if layer.grid_kind == "normalised":
            raise ConfigError("a spline on a normalised grid cannot be frozen; fix the edge to a function first.")
        own = held_spline(layer, i, j)
    moves = free_numbers(own.family)
    return with_edge(model, l, own.held(n < 4 and affine and moves[n] for n in range(len(moves))))


@torch.no_grad()
@explained
@within_frame
def unfreeze(model: KAN, edge: Sequence[int | str], *, x: Any = None) -> KAN:
    """Returns the model with an edge that training may move again.

    A function gets its numbers free; a spline goes back to the grid of its layer, exactly if that is still its own.

    Args:
        model: The network; unchanged.
        edge: `(layer, input, sum)` by index or name, or two names.
        x: Data on which a spline on another grid is closest, `(N, inputs)`.

    Returns:
        The model with the edge trainable.

    Raises:
        ConfigError: If there is no such edge.

    Example:
        >>> import splinework as sw
        >>> model = sw.KAN([2, 1])
        >>> unfreeze(freeze(model, ("x1", "y")), ("x1", "y")).parameter_count() == model.parameter_count()
        True
    """
    l, i, j = edge_place(model, edge)
    own = _function(model.kan_layers[l], i, j)
    if own is None or own.family.spline is not None:
        return free(model, edge, x=x)
    return with_edge(model, l, own.held(free_numbers(own.family)))


@torch.no_grad()
def with_edge(model: KAN, layer: int, edge: EdgeFunction) -> KAN:
    """A copy of the model with an edge that is a function, in place of what was there.

    Raises:
        ConfigError: If the model was built to fulfil axioms, which nothing would hold the edge to.
    """
    if model.config.axioms:
        raise ConfigError(
            f"the model fulfils {', '.join(model.config.axioms)} by the shapes of its splines, which a function would not be "
            "held to; fit it without hard axioms first."
        )
    changed = _without(model, layer, edge.i, edge.j)
    target = changed.kan_layers[layer]
    target.set_functions([*_functions(target), edge])
    return changed


def _without(model: KAN, layer: int, i: int, j: int) -> KAN:
    """A copy in which no function is on an edge."""
    changed = copy.deepcopy(model)
    target = changed.kan_layers[layer]
    target.set_functions([each for each in _functions(target) if (each.i, each.j) != (i, j)])
    return changed


def _functions(layer: KANLayer) -> list[EdgeFunction]:
    return [] if layer.functions is None else layer.functions.edges()


def _function(layer: KANLayer, i: int, j: int) -> EdgeFunction | None:
    return None if layer.functions is None else layer.functions.edge(i, j)


def edge_curve(model: KAN, place: Place, x: Any) -> tuple[Tensor, Tensor]:
    """Inputs and values of an edge, `(N,)` each: on the data, or on its grid where x is None."""
    l, i, j = place
    if x is None:
        layer = model.kan_layers[l]
        low, high = layer.basis.domain(layer.knots())
        share = torch.linspace(0, 1, max(MIN_POINTS, 8 * layer.basis.size), dtype=low.dtype, device=low.device)
        inputs = torch.lerp(low, high, share[:, None])
        return inputs[:, i], layer.edges(inputs)[:, i, j]
    record = trace(model, data_of(model, x))
    if not len(record.outputs):
        raise DataError("x has no rows; pass at least one, or none at all for the grid of the edge.")
    return record.edge(l, i, j)


def _fitted(model: KAN, place: Place, chosen: ChosenFunction, x: Any) -> EdgeFunction:
    """The edge with the numbers that come closest to the present one."""
    u, values = (part.detach().double().cpu().numpy() for part in edge_curve(model, place, x))
    numbers = chosen.fitted(u, values)
    if numbers is None:
        flat = bool(np.ptp(values) <= 0 or np.ptp(u) <= 0)
        why = "the present edge is constant there" if flat else "it is not defined there"
        raise ConfigError(
            f"{chosen.family.name!r} cannot be fitted to the edge {place} for inputs from {u.min():.4g} to {u.max():.4g}: {why}; "
            "give its numbers=(a, b, c, d), or another function."
        )
    edge = chosen.edge(place[1], place[2])
    return EdgeFunction(edge.family, edge.i, edge.j, torch.tensor(numbers, dtype=torch.float64), edge.free)


def _spline_of(layer: KANLayer, function: EdgeFunction, u: Tensor | None) -> Tensor:
    """The coefficients of a function on the layer's grid, `(size,)`."""
    table, i = layer.table(), function.i
    same = function.on_grid(layer.basis, layer.base, table.grid[i])
    if same is not None:
        return same
    grid = table.grid[i : i + 1].double()
    one = BasisTable(table.basis, table.base, table.extrapolation, grid, table.basis.prepare(grid))
    low, high = one.basis.domain(grid)
    share = torch.linspace(0, 1, max(MIN_POINTS, 16 * one.size), dtype=grid.dtype, device=grid.device)
    points = torch.lerp(low, high, share)
    weights = torch.ones_like(points)
    if u is not None and len(u):
        weights = torch.cat([ANCHOR_WEIGHT * weights, torch.ones_like(u, dtype=grid.dtype)])
        points = torch.cat([points, u.double()])
    design = one.rows(layer_input(layer, points[:, None], i))[:, 0] * weights[:, None]
    values = function.to(torch.float64)(points) * weights
    return solve_least_squares(design, values[:, None])[:, 0]


def layer_input(layer: KANLayer, points: Tensor, i: int) -> Tensor:
    """The points of one input as its splines see them, `(N, 1)`."""
    if layer.grid_kind != "normalised":
        return points
    every = points.expand(-1, layer.inputs).to(layer.coefficients)
    return layer.squash(every)[:, i : i + 1].double()
