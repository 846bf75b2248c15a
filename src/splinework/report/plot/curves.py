"""Data of a network plot: the curve of each active edge over the range of the data, and its score."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.errors import ConfigError
from splinework.nn.arrays import as_columns, check_finite
from splinework.nn.frame import FramedKAN
from splinework.nn.frame.framed import names_of
from splinework.nn.network import KAN
from splinework.report.plot.metrics import Metric, edge_scores
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
        score: Score `(E,)` by the metric.
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

    def strongest(self, count: int, first: Floats | None = None) -> Integers:
        """Indices of the edges with the highest scores, sorted; those with a higher number in `first` `(E,)` come before."""
        score = np.nan_to_num(self.score, nan=0.0)
        chosen = np.lexsort((-score,) if first is None else (-score, -first))[:count]
        return np.sort(chosen).astype(np.int64)

    def only(self, chosen: Integers) -> "Curves":
        """Some of the edges, with the ranges of all nodes."""
        ends = self.layer[chosen], self.source[chosen], self.target[chosen]
        return Curves(*ends, self.score[chosen], self.x[chosen], self.y[chosen], self.ranges)


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
def edge_curves(
    model: KAN, x: Any, *, points: int = 96, most: int | None = None, metric: Metric = "attribution"
) -> Curves:
    """Curves and scores of every active edge.

    Args:
        model: The network.
        x: Data `(N, inputs)`, at least two rows.
        points: Number of points of each curve.
        most: Maximum number of active edges for which curves are computed; above it `x` and `y` are `(E, 0)`.
        metric: Kind of score; see `splinework.report.plot.metrics.edge_scores`.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows; or a matrix of scores another shape.
        DataError: If x does not hold finite numbers.
        ConfigError: If the metric is not known, or its numbers are negative or not finite.
    """
    work, columns = private_copy(model, x)
    step = max(1, -(-len(columns) * sum(layer.mask.numel() for layer in work.kan_layers) // MAX_EDGE_VALUES))
    scores = edge_scores(work, columns[::step], metric)
    ranges = _ranges(work, columns)
    if most is not None and work.active_edges() > most:
        points = 0
    share = torch.linspace(0, 1, points, dtype=torch.float64)[:, None]
    parts: list[tuple[Tensor, ...]] = []
    for l, (layer, ends, score) in enumerate(zip(work.kan_layers, ranges, scores, strict=True)):
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
