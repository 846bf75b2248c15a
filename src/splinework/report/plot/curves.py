"""Data of a network plot: the curve of each active edge over the range of the data, and its score."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.errors import ConfigError
from splinework.interpret.scores import attribution
from splinework.nn.arrays import as_columns, check_finite
from splinework.nn.frame import FramedKAN
from splinework.nn.frame.framed import names_of
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.report.plot.protocols import Floats

Integers = NDArray[np.int64]

MAX_EDGE_VALUES = 20_000_000
"""Maximum number of edge values in the computation of scores; larger data are thinned."""
CHUNK_ROWS = 4096
Model = TypeVar("Model", bound=KAN | FramedKAN)


@dataclass(frozen=True)
class Curves:
    """All active edges, by layer, then input, then sum.

    Attributes:
        layer: Layer of each edge `(E,)`.
        source: Index of its input `(E,)`.
        target: Index of its sum `(E,)`; a product node has several sums.
        score: Attribution score `(E,)`.
        x: Points over the range of the data in network units, `(E, T)`.
        y: Values of the edge at these points, `(E, T)`.
        ranges: Range of every node per layer, `(N_l, 2)`, without outputs.
    """

    layer: Integers
    source: Integers
    target: Integers
    score: Floats
    x: Floats
    y: Floats
    ranges: tuple[Floats, ...]

    def __len__(self) -> int:
        return len(self.layer)

    @property
    def keys(self) -> list[tuple[int, int, int]]:
        """`(layer, input, sum)` of each edge."""
        return list(zip(self.layer.tolist(), self.source.tolist(), self.target.tolist(), strict=True))

    def strongest(self, count: int) -> Integers:
        """Indices of the edges with the highest scores, sorted."""
        chosen = np.argsort(-self.score, kind="stable")[:count]
        return np.sort(chosen).astype(np.int64)


def private_copy(model: Model, x: Any) -> tuple[Model, Tensor]:
    """A copy of the model in float64 on the CPU, and x converted likewise.

    Raises:
        ShapeError: If x has another number of columns.
        DataError: If x does not hold numbers, or some are not finite in the network's units.
    """
    work = cast(Model, copy.deepcopy(model).to("cpu", torch.float64).eval())
    names, _ = names_of(work)
    columns = as_columns(x, model.inputs, "x", names, next(work.parameters()))
    if isinstance(model, FramedKAN):
        check_finite(columns, "x", names)
    with torch.no_grad():
        network, seen = inside(work, columns)
        config = network.config
        check_finite(network.input_scaling(seen), "x", config.input_names, scales=config.input_scales)
    return work, columns


def inside(model: KAN | FramedKAN, x: Any) -> tuple[KAN, Any]:
    """The network and its inputs: x, or for a model in a frame its features.

    Raises:
        ShapeError: If x has another number of columns.
        DataError: If x does not hold numbers.
    """
    if not isinstance(model, FramedKAN):
        return model, x
    with torch.no_grad():
        return model.network, model.inside(x)


@torch.no_grad()
def edge_curves(model: KAN, x: Any, *, points: int = 96, most: int | None = None) -> Curves:
    """Curves and scores of every active edge.

    Args:
        model: The network.
        x: Data `(N, inputs)`, at least two rows.
        points: Number of points of each curve.
        most: Maximum number of active edges for which curves are computed; above it `x` and `y` are `(E, 0)`.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold finite numbers.
    """
    work, columns = private_copy(model, x)
    step = max(1, -(-len(columns) * sum(layer.mask.numel() for layer in work.kan_layers) // MAX_EDGE_VALUES))
    scores = attribution(work, columns[::step])
    ranges = _ranges(work, columns)
    if most is not None and work.active_edges() > most:
        points = 0
    share = torch.linspace(0, 1, points, dtype=torch.float64)[:, None]
    parts: list[tuple[Tensor, ...]] = []
    for l, (layer, ends, score) in enumerate(zip(work.kan_layers, ranges, scores.edges, strict=True)):
        i, j = torch.nonzero(layer.alive, as_tuple=True)
        x_TI = ends[:, 0] + share * (ends[:, 1] - ends[:, 0])
        if points:
            x_TI[-1] = ends[:, 1]
            y_ET = layer.edges(x_TI)[:, i, j].T
        else:
            y_ET = x_TI.new_zeros(len(i), 0)
        parts.append((torch.full_like(i, l), i, j, score[i, j], x_TI[:, i].T, y_ET))
    layers, sources, targets, weights, at, values = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
    return Curves(layers, sources, targets, weights, at, values, tuple(ends.numpy() for ends in ranges))


def oriented(curves: Curves, nodes: Sequence[Nodes]) -> Curves:
    """The curves with a sign for every hidden sum, such that what follows it rises with it.

    A hidden sum can be negated in a picture: the curves that lead to it are turned upside down, those that start at it are
    mirrored. Then an exponential is not drawn as a falling curve of falling curves. Sums that multiply keep their sign.

    Args:
        curves: Curves of the active edges.
        nodes: The layers of nodes of the network.
    """
    if not curves.y.shape[1]:
        return curves
    x, y = curves.x.copy(), curves.y.copy()
    for l in range(len(nodes) - 2, 0, -1):
        for n, group in enumerate(nodes[l].groups):
            out, into = (
                (curves.layer == l) & (curves.source == n),
                (curves.layer == l - 1) & (curves.target == group[0]),
            )
            spans = np.ptp(y[out], axis=1)
            rises = curves.score[out] * (y[out, -1] - y[out, 0]) / np.where(spans > 0, spans, 1.0)
            if len(group) == 1 and rises.sum() < 0:
                x[out], y[out] = -x[out, ::-1], y[out, ::-1]
                y[into] = -y[into]
    return replace(curves, x=x, y=y)


def _ranges(model: KAN, x: Tensor) -> list[Tensor]:
    """Smallest and largest value of every node except outputs, per layer `(N_l, 2)`."""
    found: list[Tensor] = []
    for rows in x.split(CHUNK_ROWS):
        u = model.input_scaling(rows)
        for l, (layer, nodes) in enumerate(zip(model.kan_layers, model.config.nodes[1:], strict=True)):
            low, high = u.amin(0), u.amax(0)
            if l == len(found):
                found.append(torch.stack([low, high], dim=1))
            else:
                found[l] = torch.stack([torch.minimum(found[l][:, 0], low), torch.maximum(found[l][:, 1], high)], dim=1)
            u = nodes.combine(layer(u))
    return found


def function_names(model: KAN) -> dict[tuple[int, int, int], str]:
    """Names of the edges that are functions, by `(layer, input, sum)`; held splines have none."""
    layers = [(l, layer.functions) for l, layer in enumerate(model.kan_layers) if layer.functions is not None]
    every = [(l, edge) for l, functions in layers for edge in functions.edges()]
    return {(l, edge.i, edge.j): edge.family.name for l, edge in every if edge.family.spline is None}


def unit_curves(y: Floats) -> Floats:
    """Curves scaled to [0, 1]; constant (up to rounding) or non-finite ones are set to 1/2."""
    low, high = y.min(axis=1, keepdims=True), y.max(axis=1, keepdims=True)
    size = np.maximum(np.abs(low), np.abs(high))
    flat = ~np.isfinite(size) | (high - low <= 1e-9 * size)
    span = np.where(flat, 1.0, high - low)
    with np.errstate(invalid="ignore"):
        return np.where(flat, 0.5, (y - low) / span)


def given_names(names: Sequence[str] | None, default: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The given names, or those of the model.

    Raises:
        ConfigError: If their number is wrong.
    """
    if names is None:
        return default
    if isinstance(names, str) or len(names) != len(default):
        raise ConfigError(f"{what} needs {len(default)} names, one per column, got {names!r}.")
    return tuple(str(name) for name in names)
