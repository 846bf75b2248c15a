"""Pictures for reports of artefacts: the tables of a network, a front of cost and error.

Each function draws and returns Axes or a figure; none saves or shows. Those of yields are in `analog.yield_plots`.
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

MOST_TABLES: Final = 24
"""Tables of a layer that are drawn."""
_COLUMNS: Final = 6


def tables_of(model: IntegerModel, *, most: int = MOST_TABLES) -> tuple[ReportPicture, ...]:
    """The tables of each layer as pictures, those with the largest spans where there are more than `most`.

    Raises:
        DataError: If there is no edge.
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
        caption = f"Layer {number}: what each code of an input adds to a node{left}. All of a row have one scale."
        said = f"{len(drawn)} small graphs of integer tables, from inputs {', '.join(sorted({names[i] for i, _ in drawn}))}"
        made.append(ReportPicture(_draw(model, number, drawn), said, caption))
    if not made:
        raise DataError("a picture of tables needs at least one edge, got a network without any.")
    return tuple(made)


def _draw(model: IntegerModel, number: int, edges: Sequence[tuple[int, int]]) -> Figure:
    columns = min(_COLUMNS, len(edges))
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
        ax.step(codes, layer.tables[i][:, j], where="mid", color=style.BLUE, linewidth=style.LINE)
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
    labels: Sequence[str] = (),
    better: str = "more",
    ax: Axes | None = None,
) -> Axes:
    """Draws networks by cost and merit, the front of those that none is better than in both, and the one chosen.

    Args:
        points: Cost and merit of each.
        chosen: Its place in the points.
        x: What the cost is.
        y: What the merit is.
        labels: What is written beside each point; none for nothing.
        better: `more` or `less`: which merit is the better one.
        ax: Where to draw; None makes a figure of its own.

    Raises:
        DataError: If there are no points, or a label for some only.
    """
    if not points or len(labels) not in (0, len(points)):
        raise DataError(f"a front has points and a label for each or none, got {len(points)} and {len(labels)}.")
    ax = style.axes_or_new(ax, 4.6, 3.0)
    sign = 1 if better == "more" else -1
    front: list[tuple[float, float]] = []
    for cost, merit in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if not front or sign * merit > sign * front[-1][1]:
            front.append((cost, merit))
    ax.step(*np.transpose(front), where="post", color=style.BLUE, linewidth=style.LINE, alpha=0.6, gid="front")
    costs, merits = np.transpose(points)
    ax.scatter(costs, merits, s=22, color=style.BLUE, zorder=3, gid="networks")
    if chosen is not None:
        cost, merit = points[chosen]
        ax.scatter([cost], [merit], s=110, facecolors="none", edgecolors=style.VERMILION, zorder=4, gid="chosen")
    for point, label in zip(points, labels, strict=False):
        ax.annotate(
            style.shown_name(label),
            point,
            xytext=(6, 4),
            textcoords="offset points",
            fontsize=style.SMALL_POINTS,
            color=style.MUTED,
            parse_math=False,
        )
    style.tidy(ax, x=x, y=y)
    ax.margins(x=0.08, y=0.12)
    return ax
