"""Plots of the active edges in axes of their own: their curves with the data below, and what the residuals ask of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from splinework.errors.foreign import explained
from splinework.nn.frame import FramedKAN
from splinework.nn.naming import edge_names
from splinework.nn.network import KAN
from splinework.report.plot import style
from splinework.report.plot.curves import Curves, edge_curves, inside, private_copy
from splinework.report.plot.metrics import Metric
from splinework.report.plot.orientation import function_names
from splinework.report.plot.protocols import Floats
from splinework.report.plot.rows import MAX_ROWS, layer_inputs, raw_values, sum_residuals, targets_of

MAX_EDGES = 48
MAX_TICKS = 150
MAX_DENSITY_BINS = 30
DENSITY_HEIGHT = 0.2  # of the axes


@explained
def plot_edges(
    model: KAN | FramedKAN,
    x: Any,
    y: Any = None,
    *,
    most: int = MAX_EDGES,
    columns: int | None = None,
    labels: Mapping[tuple[int, int, int], str] | None = None,
    metric: Metric = "attribution",
) -> NDArray[np.object_]:
    """Draws every active edge in axes of its own, over the range of the data.

    The ticks and the grey area below each curve show where the data lie. The axis of the first layer is in raw units of the
    input, on its scale; all other values are in network units. The inputs of a network in a frame are the frame's features.

    With y, dots beside a curve show what the residuals ask of the edge, in bins of equally many rows: the change of the edge that
    lowers their squares most, to first order in the edge, `Σ g r / Σ g²` with r the residuals and g the derivative of the outputs
    by the edge's sum; bars are standard errors. Dots that leave the curve together say that the edge misses something.

    Args:
        model: The network, with or without a frame.
        x: Data `(N, inputs)` in raw units, at least two rows.
        y: Targets `(N, outputs)` or `(N,)`.
        most: Maximum number of edges, those with the highest scores.
        columns: Number of axes side by side; None chooses.
        labels: Texts such as `sin` for edges, by `(layer, input, sum)`; those that are functions have their names.
        metric: Kind of score, as in `plot`.

    Returns:
        One Axes per edge, by layer, input and sum, in one figure, `axes[0].figure`; empty without active edges.

    Raises:
        ShapeError: If x or y has another number of columns, or there are fewer than two rows.
        DataError: If x or y does not hold finite numbers.
        ConfigError: If the metric is not known, or y belongs to a frame that computes the answers by formulas.
    """
    network, seen = inside(model, x)
    curves = edge_curves(network, seen, points=160, metric=metric)
    work, rows = private_copy(network, seen)
    targets = None if y is None else targets_of(model, y, len(rows))
    chosen = curves.strongest(most)
    axes = style.gallery(len(chosen), columns)
    thin = style.thinned(len(rows), MAX_ROWS)
    data = layer_inputs(work, rows[thin])
    asked = None if targets is None else sum_residuals(work, rows[thin], targets[thin])
    keys, texts = curves.keys, {**function_names(network), **(labels or {})}
    for ax, e, (source, target) in zip(
        axes, chosen.tolist(), edge_names(network, [keys[e] for e in chosen]), strict=True
    ):
        l, i, j = keys[e]
        unit = data[l][:, i]

        def shown(values: Floats, l: int = l, i: int = i) -> Floats:
            return raw_values(work.input_scaling, i, values) if l == 0 else values

        if l == 0 and work.input_scaling.scales[i] == "log":
            ax.set_xscale("log")
        title = " → ".join(style.shown_name(name, 16) for name in (source, target))
        label = texts.get(keys[e])
        style.tidy(ax, title=title + (f":  {style.shown_name(str(label), 12)}" if label else ""))
        _draw_edge(ax, shown(curves.x[e]), curves.y[e], style.VERMILION if label else style.BLUE)
        if asked is not None:
            at, changes, errors = asked.of_edge(l, j, unit)
            _draw_residuals(ax, shown(at), _value_at(curves, e, at) + changes, errors)
        _draw_data(ax, shown(unit))
    return axes


def _value_at(curves: Curves, e: int, at: Floats) -> Floats:
    return (
        np.interp(at, curves.x[e], curves.y[e])
        if curves.x[e, -1] > curves.x[e, 0]
        else np.full(len(at), curves.y[e, 0])
    )


def _draw_edge(ax: Axes, at: Floats, curve: Floats, colour: str) -> None:
    ax.plot(at, curve, color=colour, linewidth=style.LINE_WIDTH, gid="curve")
    low, high = float(np.nanmin(curve)), float(np.nanmax(curve))
    middle, half = (low + high) / 2, max((high - low) / 2, 1e-3 * max(abs(low), abs(high)), 1e-12)
    ax.set_ylim(middle - 1.65 * half, middle + 1.15 * half)
    ax.locator_params(axis="y", nbins=4)
    if ax.get_xscale() == "linear":
        ax.locator_params(axis="x", nbins=4)


def _draw_residuals(ax: Axes, at: Floats, values: Floats, errors: Floats) -> None:
    """Dots with bars; the axis is widened for the dots, but at most to three times its height."""
    low, high = ax.get_ylim()
    room = 0.08 * (high - low)
    widest = (low - (high - low), high + (high - low))
    ax.set_ylim(
        max(widest[0], min(low, float(values.min(initial=low)) - 4 * room)),
        min(widest[1], max(high, float(values.max(initial=high)) + room)),
    )
    drawn = ax.errorbar(at, values, yerr=errors, fmt="o", markersize=2.5, color=style.INK, elinewidth=0.7, zorder=3)
    for artist in drawn.get_children():
        artist.set_gid("residuals")


def _draw_data(ax: Axes, data: Floats) -> None:
    """Ticks at some rows, and the density of all of them as an area at the foot of the axes."""
    foot = ax.get_xaxis_transform()
    on_log = ax.get_xscale() == "log"
    place = np.log(data) if on_log else data
    ticks = data[style.thinned(len(data), MAX_TICKS)]
    if np.ptp(place) > 0:
        bins = min(MAX_DENSITY_BINS, max(4, int(np.sqrt(len(place)))))
        counts, ends = np.histogram(place, bins=bins, range=style.bin_range(place, bins))
        heights = DENSITY_HEIGHT * counts / counts.max()
        ends = np.exp(ends) if on_log else ends
        ax.stairs(heights, ends, transform=foot, fill=True, color=style.RULE, zorder=0.5, gid="density")
    ax.plot(
        ticks,
        np.full_like(ticks, 0.02),
        transform=foot,
        linestyle="none",
        marker="|",
        markersize=3,
        markeredgewidth=0.5,
        color=style.MUTED,
        alpha=0.6,
        gid="data",
    )
