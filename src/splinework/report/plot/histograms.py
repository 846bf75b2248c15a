"""Histograms inside a network: the values of its edges, and the values that its grids meet."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.interpret.reading import off_grid
from splinework.nn.frame import FramedKAN
from splinework.nn.naming import edge_names, node_names
from splinework.nn.network import KAN
from splinework.report.plot import style
from splinework.report.plot.curves import edge_curves, inside, private_copy
from splinework.report.plot.metrics import Metric
from splinework.report.plot.protocols import Floats
from splinework.report.plot.rows import MAX_ROWS, layer_inputs, raw_values

MAX_AXES = 48
MAX_BINS = 40


@explained
def plot_activations(
    model: KAN | FramedKAN, x: Any, *, most: int = MAX_AXES, columns: int | None = None, metric: Metric = "attribution"
) -> NDArray[np.object_]:
    """Draws for every active edge a histogram of its values at the data, in network units.

    The values of one sum share their axis, so that an edge which hardly moves its sum is a narrow bar.

    Args:
        model: The network, with or without a frame.
        x: Data `(N, inputs)` in raw units, at least two rows.
        most: Maximum number of edges, those with the highest scores.
        columns: Number of axes side by side; None chooses.
        metric: Kind of score, as in `plot`.

    Returns:
        One Axes per edge, by layer, input and sum, in one figure; empty without active edges.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold finite numbers.
        ConfigError: If the metric is not known.
    """
    network, seen = inside(model, x)
    curves = edge_curves(network, seen, points=0, metric=metric)
    chosen = curves.strongest(most)
    axes = style.gallery(len(chosen), columns, height=1.6)
    work, rows = private_copy(network, seen)
    data = layer_inputs(work, rows[style.thinned(len(rows), MAX_ROWS)])
    keys = [curves.keys[e] for e in chosen]
    values: dict[tuple[int, int, int], Floats] = {}
    for l, layer in enumerate(work.kan_layers):
        own = [(i, j) for place, i, j in keys if place == l]
        if own:
            with torch.no_grad():
                each = layer.edges(torch.from_numpy(data[l])).numpy()
            values |= {(l, i, j): each[:, i, j] - each[:, i, j].mean() for i, j in own}
    for ax, key, (source, target) in zip(axes, keys, edge_names(network, keys), strict=True):
        together = [one for other, one in values.items() if (other[0], other[2]) == (key[0], key[2])]
        ends = min(one.min() for one in together), max(one.max() for one in together)
        title = " → ".join(style.shown_name(name, 16) for name in (source, target))
        style.tidy(ax, title=title)
        _draw(ax, values[key], ends)
    return axes


@explained
def plot_grids(
    model: KAN | FramedKAN, x: Any, *, layers: Sequence[int] | None = None, columns: int | None = None
) -> NDArray[np.object_]:
    """Draws for every node with edges a histogram of its values at the data, over the knots of its grid.

    Ticks are the knots, the grey areas lie outside the grid, where edges go on by their extrapolation, and the title says which
    share of the rows does. Inputs are in raw units, on their scale; all other nodes in network units. Of more than 48 nodes the
    first are drawn.

    Args:
        model: The network, with or without a frame.
        x: Data `(N, inputs)` in raw units, at least two rows.
        layers: Indices of the layers; all by default.
        columns: Number of axes side by side; None chooses.

    Returns:
        One Axes per node, by layer, in one figure; empty without active edges.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold finite numbers.
        ConfigError: If there is no such layer.
    """
    network, seen = inside(model, x)
    work, rows = private_copy(network, seen)
    rows = rows[style.thinned(len(rows), MAX_ROWS)]
    count = len(work.kan_layers)
    if layers is not None and not all(isinstance(l, int) and 0 <= l < count for l in layers):
        raise ConfigError(f"layers are indices from 0 to {count - 1}, got {list(layers)}.")
    data, outside = layer_inputs(work, rows), off_grid(work, rows).layers
    names = node_names(work, work.config.input_names, ())
    alive = [layer.alive.any(1).tolist() for layer in work.kan_layers]
    wanted = range(count) if layers is None else layers
    places = [(l, i) for l in wanted for i in range(len(names[l])) if alive[l][i]][:MAX_AXES]
    axes = style.gallery(len(places), columns, height=1.7)
    for ax, (l, i) in zip(axes, places, strict=True):
        layer = work.kan_layers[l]
        with torch.no_grad():
            grid = layer.knots()
            knots, low, high = (np.atleast_1d(each[i].numpy()) for each in (grid, *layer.basis.domain(grid)))
            met = layer.squash(torch.from_numpy(data[l]))[:, i].numpy()
        parts = [met, knots[(knots >= low) & (knots <= high)], np.concatenate([low, high])]
        if l == 0 and layer.grid_kind != "normalised":
            parts = [raw_values(work.input_scaling, i, part) for part in parts]
            if work.input_scaling.scales[i] == "log":
                ax.set_xscale("log")
        share = float(outside[l][:, i].double().mean())
        title = style.shown_name(names[l][i], 16) + (f":  {100 * share:.2g} % outside" if share else "")
        style.tidy(ax, title=title)
        _draw_grid(ax, *parts)
    return axes


def _draw(ax: Axes, values: Floats, ends: tuple[float, float], colour: str = style.BLUE) -> None:
    """A histogram of finite values, scaled to its highest bar."""
    values = values[np.isfinite(values)]
    on_log = ax.get_xscale() == "log"
    place = np.log(values) if on_log else values
    if len(place) and np.ptp(place) > 0:
        bins = min(MAX_BINS, max(5, int(np.sqrt(len(place)))))
        counts, edges = np.histogram(place, bins=bins, range=style.bin_range(place, bins))
        ax.stairs(counts / counts.max(), np.exp(edges) if on_log else edges, fill=True, color=colour, gid="histogram")
    elif len(values):
        ax.axvline(values[0], color=colour, linewidth=style.LINE_WIDTH, gid="histogram")
    low, high = ends
    if high > low:
        room = 0.04 * (high - low)
        ax.set_xlim((low, high) if on_log else (low - room, high + room))
    ax.set_ylim(0, 1.08)
    ax.set_yticks([])
    if not on_log:
        ax.locator_params(axis="x", nbins=4)


def _draw_grid(ax: Axes, values: Floats, knots: Floats, ends: Floats) -> None:
    """A histogram with the knots below and grey areas outside the ends of the grid."""
    everything = np.concatenate([values[np.isfinite(values)], ends])
    low, high = float(everything.min()), float(everything.max())
    if ax.get_xscale() == "log":
        low, high = low / 1.1, high * 1.1
    else:
        low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)
    for first, last in ((low, ends[0]), (ends[1], high)):
        ax.axvspan(first, last, color=style.RULE, alpha=0.6, linewidth=0, zorder=0.4, gid="outside")
    _draw(ax, values, (0.0, 0.0), style.PALE_BLUE)
    ax.plot(
        knots,
        np.zeros_like(knots),
        transform=ax.get_xaxis_transform(),
        linestyle="none",
        marker="|",
        markersize=10,
        markeredgewidth=0.9,
        color=style.VERMILION,
        clip_on=False,
        zorder=4,
        gid="knots",
    )
    ax.set_xlim(low, high)
