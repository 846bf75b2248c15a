"""A network as data for its picture in a page: nodes, edges, and for each edge its curve, density and share of the variance."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch

from splinework.nn.naming import node_names
from splinework.nn.network import KAN
from splinework.nn.trace import trace
from splinework.report.plot.curves import Integers, edge_curves, private_copy
from splinework.report.plot.orientation import function_names
from splinework.report.plot.protocols import Floats

N_POINTS: Final = 48
N_CELLS: Final = 24
MAX_ROWS: Final = 2000
MAX_CURVES: Final = 300
"""Number of edges from which only those with the largest shares are kept."""


def graph_of(
    model: KAN,
    x: Any,
    *,
    names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    most: int = MAX_CURVES,
) -> dict[str, Any]:
    """The graph that `assets/network.js` draws, of values that JSON can hold.

    An edge has `id` (`layer:input:sum`), `layer`, `from`, `to`, `share`, `label` (its function, or None), `state` (`spline` or
    `function`), its curve `x` and `y` in network units (inputs of the first layer in their own), `density` (rows in equal cells
    of its range) and `finite` (whether all of its curve is). The share is that of the variance of the sum that the edge belongs
    to, times the share of that sum's node in the outputs: the squares of the attribution scores, scaled to add up to one in each
    layer.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold finite numbers.
    """
    work, rows = private_copy(model, x)
    rows = rows[:: max(1, -(-len(rows) // MAX_ROWS))]
    curves = edge_curves(model, rows, points=N_POINTS)
    kept = curves.strongest(most) if len(curves) > most else np.arange(len(curves))
    config = model.config
    every = node_names(model, names or config.input_names, output_names or config.output_names)
    layers = [
        [
            {"name": name, "kind": "input" if l == 0 else "product" if len(nodes.groups[n]) > 1 else "sum"}
            for n, name in enumerate(column)
        ]
        for l, (column, nodes) in enumerate(zip(every, config.nodes, strict=True))
    ]
    owners = [{j: n for n, group in enumerate(nodes.groups) for j in group} for nodes in config.nodes[1:]]
    with torch.no_grad():
        values = [layer.inputs.numpy() for layer in trace(work, rows).layers]
    labels, shares = function_names(model), _shares(curves.layer, curves.score)
    raw = _raw_places(work, curves.x, curves.layer, curves.source)
    edges = []
    for e in kept.tolist():
        l, i, j = int(curves.layer[e]), int(curves.source[e]), int(curves.target[e])
        fine = bool(np.isfinite(curves.y[e]).all())
        edges.append(
            {
                "id": f"{l}:{i}:{j}",
                "layer": l,
                "from": i,
                "to": owners[l][j],
                "share": _rounded(shares[e : e + 1])[0],
                "label": labels.get((l, i, j)),
                "state": "function" if (l, i, j) in labels else "spline",
                "x": _rounded(raw[e]),
                "y": _rounded(curves.y[e]),
                "density": _density(values[l][:, i], curves.x[e, 0], curves.x[e, -1]),
                "finite": fine,
            }
        )
    return {"layers": layers, "edges": edges, "total": len(curves)}


def _shares(layers: Integers, scores: Floats) -> Floats:
    """Squares of the scores, adding up to one in each layer; zero where a score is not finite."""
    squares = np.where(np.isfinite(scores), scores, 0.0) ** 2
    totals = np.bincount(layers, weights=squares, minlength=int(layers.max(initial=0)) + 1)
    return squares / np.where(totals > 0, totals, 1.0)[layers]


@torch.no_grad()
def _raw_places(work: KAN, x: Floats, layers: Integers, sources: Integers) -> Floats:
    """Points of the curves, those of the first layer in the units of the inputs."""
    places = x.copy()
    first = np.flatnonzero(layers == 0)
    grid = np.zeros((x.shape[1], work.inputs))
    grid[:, sources[first]] = x[first].T
    raw = work.input_scaling.inverse(torch.from_numpy(grid)).numpy()
    places[first] = raw[:, sources[first]].T
    return places


def _density(values: Floats, low: float, high: float) -> list[int]:
    if not high > low:
        return [len(values)]
    counts, _ = np.histogram(values[np.isfinite(values)], bins=N_CELLS, range=(low, high))
    return [int(count) for count in counts]


def _rounded(values: Floats) -> list[float | None]:
    """Values with five significant digits, None where they are not finite."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values.tolist()]
