"""Pictures for reports of artefacts: the tables of a network, and the front of cost and merit.

Each function returns Axes or a figure and neither saves nor shows it. Yield plots are in `analog.yield_plots`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from splinework.errors import DataError
from splinework.hardware.integer import IntegerModel
from splinework.hardware.report_facts import ReportPicture
from splinework.report.plot import style

MAX_TABLES: Final = 24
"""Largest number of tables drawn per layer."""
_N_COLUMNS: Final = 6


def tables_of(model: IntegerModel, *, most: int = MAX_TABLES) -> tuple[ReportPicture, ...]:
    """Pictures of the tables of each layer, at most `most` of the largest spans per layer.

    Raises:
        DataError: If the network has no edges.
    """
    made = []
    for number, layer in enumerate(model.layers):
        edges = [(int(i), int(j)) for i, j in np.argwhere(layer.mask)]
        if not edges:
            continue
        edges.sort(key=lambda edge: -np.ptp(layer.tables[edge[0]][:, edge[1]]))
        drawn = sorted(edges[:most])
        names = [wire.name for wire in model.wires(number)]
        left = f"; the {len(drawn)} of {len(edges)} with the largest spans" if len(drawn) < len(edges) else ""
        caption = f"Layer {number}: contribution of each input code to a node{left}. Each row shares one scale."
        alt = f"{len(drawn)} small graphs of integer tables, from inputs {', '.join(sorted({names[i] for i, _ in drawn}))}"
        made.append(ReportPicture(_draw(model, number, drawn), alt, caption))
    if not made:
        raise DataError("a picture of tables needs a network with at least one edge, got none.")
    return tuple(made)


def _draw(model: IntegerModel, number: int, edges: Sequence[tuple[int, int]]) -> Figure:
    columns = min(_N_COLUMNS, len(edges))
    rows = -(-len(edges) // columns)
    figure = style.new_figure(max(2.6, 1.5 * columns), 0.35 + 1.25 * rows)
    figure.set_layout_engine("constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey="row")
    layer, wires = model.layers[number], model.wires(number)
    for place, ax in enumerate(axes.ravel()):
        if place >= len(edges):
            ax.set_axis_off()
            continue
        i, j = edges[place]
        form = wires[i].format
        codes = np.arange(form.low, form.high + 1)
        ax.step(codes, layer.tables[i][:, j], where="mid", color=style.BLUE, linewidth=style.LINE_WIDTH)
        names = f"{style.shown_name(wires[i].name, 12)} → {style.shown_name(layer.outputs[j].name, 12)}"
        style.tidy(ax, title=names)
        ax.title.set_fontsize(style.SMALL_POINTS)
        ax.locator_params(nbins=4, integer=True)
    return figure


def plot_front(
    points: Sequence[tuple[float, float]],
    *,
    chosen: int | None = None,
    x: str = "LUTs",
    y: str = "accuracy, %",
    better: str = "more",
) -> Axes:
    """Draws networks by cost and merit, their Pareto front, and the chosen network.

    Raises:
        DataError: If there are no points.
    """
    if not points:
        raise DataError("a front needs points, got none.")
    ax = style.axes_or_new(None, 4.6, 3.0)
    sign = 1 if better == "more" else -1
    front: list[tuple[float, float]] = []
    for cost, merit in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if not front or sign * merit > sign * front[-1][1]:
            front.append((cost, merit))
    ax.step(*np.transpose(front), where="post", color=style.BLUE, linewidth=style.LINE_WIDTH, alpha=0.6, gid="front")
    costs, merits = np.transpose(points)
    ax.scatter(costs, merits, s=22, color=style.BLUE, zorder=3, gid="networks")
    if chosen is not None:
        cost, merit = points[chosen]
        ax.scatter([cost], [merit], s=110, facecolors="none", edgecolors=style.VERMILION, zorder=4, gid="chosen")
    style.tidy(ax, x=x, y=y)
    ax.margins(x=0.08, y=0.12)
    return ax
