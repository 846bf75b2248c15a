"""A network at given rows: the base function and the spline of an edge, and the rows that leave the grids."""

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from splinework.errors.foreign import explained
from splinework.nn.arrays import data_of
from splinework.nn.frame import FramedKAN
from splinework.nn.naming import edge_place, node_names
from splinework.nn.network import KAN

MAX_NAMED = 6
"""Nodes that the sentence about rows off the grids names."""

GRID_SLACK = 1e-6
"""Share of a grid's width by which a row may lie outside: the outermost row of a fit is at the end, up to rounding."""


@final
@dataclass(frozen=True)
class EdgeParts:
    """One edge at given rows, in network units: `output = base + spline + function`, each `(B,)`.

    Attributes:
        base: Contribution of the base function, `w_b b(x)`.
        spline: Contribution of the spline, `w_s Σ_m c_m B_m(x)`.
        function: Value of the function that an edge is in place of both; zero for an edge of the layer's splines.
    """

    input: Tensor
    base: Tensor
    spline: Tensor
    function: Tensor

    @property
    def output(self) -> Tensor:
        """The value of the edge."""
        return self.base + self.spline + self.function


@torch.no_grad()
@explained
def edge_parts(model: KAN | FramedKAN, x: Any, edge: Any) -> EdgeParts:
    """Contributions of the base function and of the spline of an edge, `φ(x) = w_b b(x) + w_s Σ_m c_m B_m(x)`.

    Args:
        model: The network; of one in a frame, the network inside is looked at.
        x: Data in raw units, `(B, inputs)`: a tensor, an array or a frame.
        edge: `(layer, input, sum)`, where input and sum are indices or names; or the two names alone.

    Returns:
        The input of the edge and its parts.

    Raises:
        ShapeError: If x has another number of columns.
        DataError: If x does not hold finite numbers.
        ConfigError: If there is no such edge.

    References:
        Liu et al. 2024 (arXiv 2404.19756), eqs. 2.10–2.12.

    Example:
        >>> x = torch.linspace(-1, 1, 5)[:, None]
        >>> model = KAN([1, 1])
        >>> parts = edge_parts(model, x, ("x1", "y"))
        >>> torch.allclose(parts.output, model(x)[:, 0]), parts.base.shape
        (True, torch.Size([5]))
    """
    if isinstance(model, FramedKAN):
        x, model = model.inside(x), model.network
    place, i, j = edge_place(model, edge)
    u = model.input_scaling(data_of(model, x))
    for before, nodes in zip(model.kan_layers[:place], model.config.nodes[1:], strict=False):
        u = nodes.combine(before(u))
    layer, size = model.kan_layers[place], model.kan_layers[place].basis.size
    rows = layer.table().rows(layer.squash(u), 0)[:, i]
    numbers = layer.edge_coefficients()[i, :, j]
    base, spline = rows[:, size:] @ numbers[size:], rows[:, :size] @ numbers[:size]
    held = layer.functions is not None and any((each.i, each.j) == (i, j) for each in layer.functions.edges())
    function = layer.edges(u)[:, i, j] - base - spline if held else torch.zeros_like(base)
    return EdgeParts(u[:, i], base, spline, function)


@final
@dataclass(frozen=True)
class OffGrid:
    """The rows that leave the grids, where edges go on as straight lines or whatever the extrapolation says.

    Attributes:
        layers: For each layer, whether a row's input to it lies outside that input's grid, `(B, I)`.
        names: Names of the inputs of each layer.
    """

    layers: tuple[Tensor, ...]
    names: tuple[tuple[str, ...], ...]

    @property
    def rows(self) -> Tensor:
        """Whether a row leaves some grid, `(B,)`."""
        return torch.stack([outside.any(1) for outside in self.layers], dim=1).any(1)

    def __str__(self) -> str:
        count, rows = int(self.rows.sum()), len(self.rows)
        if not count:
            return f"All {rows} rows stay on the grids."
        parts = [
            f"{name} in {int(outside[:, i].sum())}"
            for outside, names in zip(self.layers, self.names, strict=True)
            for i, name in enumerate(names)
            if bool(outside[:, i].any())
        ]
        shown = ", ".join(parts[:MAX_NAMED]) + (f" and {len(parts) - MAX_NAMED} more" if len(parts) > MAX_NAMED else "")
        return f"{count} of {rows} rows leave the grids, where edges go on by their extrapolation: {shown}."


@torch.no_grad()
@explained
def off_grid(model: KAN | FramedKAN, x: Any) -> OffGrid:
    """Finds rows that leave the grids, per layer and node: predictions there are extrapolated, however deep in the network.

    A row that lies on the grids of the inputs may still leave that of a hidden node. Edges that are masked, or functions, do not
    count.

    Args:
        model: The network; of one in a frame, the network inside is looked at.
        x: Data in raw units, `(B, inputs)`: a tensor, an array or a frame.

    Returns:
        A mask for each layer, which prints as a sentence.

    Raises:
        ShapeError: If x has another number of columns.
        DataError: If x does not hold finite numbers.

    Example:
        >>> print(off_grid(KAN([2, 1]), torch.tensor([[0.0, 0.5], [3.0, 0.0]])))
        1 of 2 rows leave the grids, where edges go on by their extrapolation: x1 in 1.
    """
    if isinstance(model, FramedKAN):
        x, model = model.inside(x), model.network
    u = model.input_scaling(data_of(model, x))
    found = []
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        low, high = layer.basis.domain(layer.knots())
        slack = GRID_SLACK * (high - low)
        seen = layer.squash(u)
        alive = (layer.mask != 0).any(1)
        found.append(((seen < low - slack) | (seen > high + slack)) & alive)
        u = nodes.combine(layer(u))
    names = node_names(model, model.config.input_names, ())[:-1]
    return OffGrid(tuple(found), tuple(map(tuple, names)))
