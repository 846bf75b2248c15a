"""Plots of the active edges in axes of their own."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray

from splinework.nn.frame import FramedKAN
from splinework.nn.naming import edge_names
from splinework.nn.network import KAN
from splinework.nn.scaling import Scaling
from splinework.nn.trace import trace
from splinework.report.plot import style
from splinework.report.plot.curves import edge_curves, inside, private_copy
from splinework.report.plot.protocols import Floats

MAX_EDGES = 48
MAX_TICKS = 150


def plot_edges(
    model: KAN | FramedKAN,
    x: Any,
    *,
    most: int = MAX_EDGES,
    columns: int | None = None,
    labels: Mapping[tuple[int, int, int], str] | None = None,
) -> NDArray[np.object_]:
    """Draws every active edge in axes of its own, over the range of the data.

    Ticks below each curve mark the data. The axis of the first layer is in raw units of the input, on its scale; all other values
    are in network units. The inputs of a network in a frame are the frame's features.

    Args:
        model: The network, with or without a frame.
        x: Data `(N, inputs)` in raw units, at least two rows.
        most: Maximum number of edges, those with the highest scores.
        columns: Number of axes side by side; None chooses.
        labels: Texts such as `sin` for edges, by `(layer, input, sum)`.

    Returns:
        One Axes per edge, by layer, input and sum, in one figure, `axes[0].figure`; empty without active edges.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold finite numbers.
    """
    network, seen = inside(model, x)
    curves = edge_curves(network, seen, points=160)
    chosen = curves.strongest(most).tolist()
    axes = np.empty(len(chosen), dtype=object)
    if not chosen:
        return axes
    work, rows = private_copy(network, seen)
    few = rows[style.thinned(len(rows), MAX_TICKS)]
    record = trace(work, few)
    keys = curves.keys
    names = edge_names(network, keys)
    across = columns or min(4, len(chosen))
    down = -(-len(chosen) // across)
    figure = style.new_figure(2.3 * across, 1.95 * down, arranged=True)
    for place, e in enumerate(chosen):
        l, i, _ = keys[e]
        ax = axes[place] = figure.add_subplot(down, across, place + 1)
        at, data = curves.x[e], record.layers[l].inputs[:, i].detach().numpy()
        if l == 0:
            at, data = _raw(work.input_scaling, i, at), _raw(work.input_scaling, i, data)
            if work.input_scaling.scales[i] == "log":
                ax.set_xscale("log")
        label = (labels or {}).get(keys[e])
        source, target = (style.shown_name(name, 16) for name in names[e])
        style.tidy(ax, title=f"{source} → {target}" + (f":  {style.shown_name(str(label), 12)}" if label else ""))
        _draw_edge(ax, at, curves.y[e], data, style.VERMILION if label else style.BLUE)
    return axes


def _draw_edge(ax: Axes, at: Floats, curve: Floats, data: Floats, colour: str) -> None:
    ax.plot(at, curve, color=colour, linewidth=style.LINE_WIDTH, gid="curve")
    low, high = float(np.nanmin(curve)), float(np.nanmax(curve))
    middle, half = (low + high) / 2, max((high - low) / 2, 1e-3 * max(abs(low), abs(high)), 1e-12)
    ax.set_ylim(middle - 1.35 * half, middle + 1.15 * half)
    ax.plot(
        data,
        np.full_like(data, 0.03),
        transform=ax.get_xaxis_transform(),
        linestyle="none",
        marker="|",
        markersize=4,
        markeredgewidth=0.5,
        color=style.MUTED,
        alpha=0.6,
        gid="data",
    )
    ax.locator_params(axis="y", nbins=4)
    if ax.get_xscale() == "linear":
        ax.locator_params(axis="x", nbins=4)


def _raw(scaling: Scaling, column: int, unit: Floats) -> Floats:
    """Values of one column, converted from network units to raw units."""
    values = torch.zeros(len(unit), len(scaling.scales), dtype=torch.float64)
    values[:, column] = torch.from_numpy(np.asarray(unit))
    return np.asarray(scaling.inverse(values)[:, column].detach().numpy())
