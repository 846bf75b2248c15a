"""The network diagram, in the style of the KAN papers (Liu et al. 2024, fig. 2.2; products: Liu et al. 2024b, fig. 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex, to_rgb, to_rgba

from splinework.errors.foreign import explained
from splinework.formula.figures import rounded
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.report.plot import style
from splinework.report.plot.curves import (
    Curves,
    edge_curves,
    function_names,
    given_names,
    inside,
    oriented,
    unit_curves,
)
from splinework.report.plot.layout import DiagramLayout, lay_out
from splinework.report.plot.protocols import Floats, FormulaLike, TableLike, best_of

MAX_BOXES = 400
"""Maximum number of active edges drawn with legible boxes; above it the edges are lines only."""
MAX_LINES = 5000
MAX_FORMULAS = 3
LETTER_WIDTH = 0.6  # upper estimate, relative to the height
POINTS_PER_INCH = 72.0
MARGIN = 0.18
MIN_NODE_OPACITY = 0.2


@explained
def plot(
    model: KAN | FramedKAN,
    x: Any,
    *,
    ax: Axes | None = None,
    names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    labels: Mapping[tuple[int, int, int], str] | None = None,
    table: TableLike[FormulaLike] | None = None,
    beta: float = 3.0,
    scale: float = 1.0,
) -> Axes:
    """Draws the network diagram: inputs below, outputs above, and the curve of each active edge over the range of the data.

    The opacity of an edge is `tanh(beta · score)` with the attribution score of KAN 2.0; masked edges are not drawn. Nodes that
    add are marked +, nodes that multiply ×. Hidden sums are drawn with the sign for which what follows rises with them. With more
    than 400 active edges the boxes are omitted, and only the 5000 strongest lines are drawn.

    The artists have names (`artist.get_gid()`): `lines`, `boxes`, `curves` are one collection each, boxes and curves in
    the order layer, input, sum; the nodes are `inputs`, `sums`, `products`, and `idle` for those without edges.

    For a model in a frame, the network inside is drawn: its inputs are the frame's features, its outputs `z1`, `z2`, … if there
    are formulas for the answers, which are written above.

    Args:
        model: The network, with or without a frame.
        x: Data `(N, inputs)` in raw units, at least two rows: tensor, array or frame.
        ax: Axes to draw in; None creates a figure that is not registered with pyplot.
        names: Labels of the inputs instead of the model's names.
        output_names: Labels of the outputs instead of the model's names.
        labels: Texts such as `sin` at edges, by `(layer, input, sum)`; these edges are drawn in colour, as are those that are
            functions, which have their names.
        table: Table of formulas, the best of which are written above.
        beta: Slope of the opacity as a function of the score.
        scale: Size of the new figure relative to the default.

    Returns:
        The axes; `ax.figure.savefig("network.png")` saves the picture.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold finite numbers.
        ConfigError: If the number of names is wrong.

    >>> import torch
    >>> from splinework.report.plot import plot
    >>> ax = plot(KAN([2, 3, 1]), torch.rand(50, 2))
    >>> sum(len(artist.get_paths()) for artist in ax.collections if artist.get_gid() == "boxes")
    9
    """
    network, seen = inside(model, x)
    nodes = network.config.nodes
    inputs = [style.shown_name(n) for n in given_names(names, network.config.input_names, "names")]
    outputs = [style.shown_name(n) for n in given_names(output_names, _outputs(model), "output_names")]
    active = network.active_edges()
    curves = oriented(edge_curves(network, seen, points=96 if active <= 80 else 48, most=MAX_BOXES), nodes)
    widths = [len(row) * (max(map(_label_width, row)) + 0.15) for row in (inputs, outputs)]
    layout = lay_out(nodes, curves, boxes=active <= MAX_BOXES, label_widths=widths)
    pen = _frame(ax, layout, inputs, outputs, _formulas(table) or _answers(model), scale)
    opacity = np.nan_to_num(np.tanh(beta * curves.score)).clip(0, 1)
    texts = {**function_names(network), **{key: str(text) for key, text in (labels or {}).items()}}
    known = [key in texts for key in curves.keys]
    colours = np.array([[*to_rgb(style.VERMILION if k else pen.ink), a] for k, a in zip(known, opacity, strict=True)])
    _draw_lines(pen, layout, curves, nodes, colours.reshape(-1, 4))
    if len(layout.boxes):
        _draw_boxes(pen, layout, curves, known, colours)
        _draw_edge_labels(pen, layout, [texts.get(key, "") for key in curves.keys])
    _draw_nodes(pen, layout, curves, nodes, opacity)
    _draw_names(pen, layout, inputs, curves, top=False)
    _draw_names(pen, layout, outputs, curves, top=True)
    return pen.ax


@dataclass(frozen=True)
class _Pen:
    """Axes with the size of a point and the colours."""

    ax: Axes
    size: float
    ink: str
    paper: str

    def text(self, x: float, y: float, text: str, points: float, **options: Any) -> None:
        options = {"color": self.ink, "ha": "center", "zorder": 6, **options}
        self.ax.text(x, y, text, fontsize=points * self.size, parse_math=False, **options)


def _pen(ax: Axes, size: float) -> _Pen:
    """A pen in colours that contrast with the background of the figure."""
    red, green, blue, alpha = to_rgba(ax.figure.get_facecolor())
    if alpha == 0:
        return _Pen(ax, size, style.INK, style.PAPER)
    dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
    return _Pen(ax, size, style.RULE if dark else style.INK, to_hex((red, green, blue)))


def _label_width(text: str, points: float = style.TEXT_POINTS) -> float:
    return len(text) * LETTER_WIDTH * points / POINTS_PER_INCH


def _turned(labels: Sequence[str], slot: float) -> bool:
    """Whether labels have to be rotated to fit."""
    return max(map(_label_width, labels)) + 0.06 > slot


def _outputs(model: KAN | FramedKAN) -> tuple[str, ...]:
    """Names of the network's outputs."""
    if isinstance(model, FramedKAN) and model.frame.after:
        return model.frame.hidden_names
    return model.network.config.output_names if isinstance(model, FramedKAN) else model.config.output_names


def _answers(model: KAN | FramedKAN) -> str:
    """The formulas of a frame for the answers, as text."""
    if not isinstance(model, FramedKAN):
        return ""
    pairs = list(zip(model.frame.output_names, model.frame.after, strict=False))
    return "\n".join(f"{name} = {rounded(answer.text)}" for name, answer in pairs[:MAX_FORMULAS])


def _formulas(table: TableLike[FormulaLike] | None) -> str:
    return "\n".join(f"{row.target} = {row.text}" for row in best_of(table)[:MAX_FORMULAS])


def _frame(
    ax: Axes | None, layout: DiagramLayout, inputs: Sequence[str], outputs: Sequence[str], formulas: str, scale: float
) -> _Pen:
    """Axes in the units of the layout, with space for labels and with the formulas above."""

    def room(labels: Sequence[str], slot: float) -> float:
        return 0.28 + (max(map(_label_width, labels)) if _turned(labels, slot) else style.TEXT_POINTS / POINTS_PER_INCH)

    below, above = room(inputs, layout.slots[0]), room(outputs, layout.slots[-1])
    letters = int(layout.width * POINTS_PER_INCH / (LETTER_WIDTH * style.TEXT_POINTS))
    shown = "\n".join(style.wrapped(line, letters, 2) for line in formulas.splitlines())
    heading = 0.16 * (shown.count("\n") + 1) + 0.14 if shown else 0.0
    width, height = layout.width + 2 * MARGIN, layout.height + below + above + heading
    if ax is None:
        figure = style.new_figure(width * scale, height * scale)
        ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        size = scale
    else:
        box = ax.get_window_extent()
        dpi = ax.figure.dpi
        size = float(np.clip(min(box.width / dpi / width, box.height / dpi / height), 0.35, 2.0))
    ax.set_xlim(-MARGIN, layout.width + MARGIN)
    ax.set_ylim(-below, layout.height + above + heading)
    ax.set_aspect("equal")
    ax.set_axis_off()
    pen = _pen(ax, size)
    if shown:
        top = layout.height + above + heading - 0.08
        pen.text(layout.width / 2, top, shown, style.TEXT_POINTS, va="top", gid="formulas")
    return pen


def _draw_lines(pen: _Pen, layout: DiagramLayout, curves: Curves, nodes: Sequence[Nodes], colours: Floats) -> None:
    """Lines from nodes to boxes and from boxes to sums, or directly without boxes; and from factors to products."""
    start = np.array([layout.nodes[l][i] for l, i, _ in curves.keys]).reshape(-1, 2)
    end = np.array([layout.sums[l][j] for l, _, j in curves.keys]).reshape(-1, 2)
    if len(layout.boxes):
        half = np.column_stack([np.zeros(len(curves)), layout.sides / 2])
        segments = np.concatenate([np.stack([start, layout.boxes - half], 1), np.stack([layout.boxes + half, end], 1)])
        colours, width = np.concatenate([colours, colours]), 1.2
    else:
        strongest = np.argsort(colours[:, 3], kind="stable")[-MAX_LINES:]  # the strongest on top
        segments, colours, width = (
            np.stack([start, end], 1)[strongest],
            colours[strongest],
            16 / np.sqrt(max(len(curves), 1)),
        )
    widths = width * pen.size
    lines = LineCollection(list(segments), colors=colours, linewidths=widths, zorder=1, gid="lines", capstyle="round")
    pen.ax.add_collection(lines, autolim=False)
    factors = [
        np.stack([layout.sums[l][j], layout.nodes[l + 1][node]])
        for l, layer in enumerate(nodes[1:])
        for node, group in enumerate(layer.groups)
        for j in (group if len(group) > 1 else ())
    ]
    pen.ax.add_collection(
        LineCollection(factors, colors=pen.ink, linewidths=1.2 * pen.size, zorder=1, gid="factors"), autolim=False
    )


def _draw_boxes(pen: _Pen, layout: DiagramLayout, curves: Curves, known: Sequence[bool], colours: Floats) -> None:
    half = layout.sides[:, None, None] / 2
    corners = layout.boxes[:, None] + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    thin = pen.size * np.clip(2 * layout.sides, 0.4, 1.0)
    faces = colours.copy()  # with the opacity of the edge, so that a faint box does not hide a strong line behind it
    faces[:, :3] = to_rgb(pen.paper)
    pen.ax.add_collection(
        PolyCollection(list(corners), facecolors=faces, edgecolors=colours, linewidths=thin, zorder=2, gid="boxes"),
        autolim=False,
    )
    inside = 0.8 * layout.sides[:, None]
    across = layout.boxes[:, :1] + inside * (np.linspace(0, 1, curves.x.shape[1]) - 0.5)
    upwards = layout.boxes[:, 1:] + inside * (unit_curves(curves.y) - 0.5)
    strong = colours.copy()
    strong[~np.array(known), :3] = to_rgb(style.BLUE)
    pen.ax.add_collection(
        LineCollection(
            list(np.stack([across, upwards], axis=2)),
            colors=strong,
            linewidths=pen.size * np.clip(3 * layout.sides, 0.6, 1.8),
            zorder=3,
            gid="curves",
            capstyle="round",
        ),
        autolim=False,
    )


def _draw_edge_labels(pen: _Pen, layout: DiagramLayout, texts: Sequence[str]) -> None:
    for centre, side, text in zip(layout.boxes, layout.sides, texts, strict=True):
        if text:
            letters = max(4, int(side / 0.8 * POINTS_PER_INCH / (LETTER_WIDTH * style.SMALL_POINTS)))
            pen.text(
                float(centre[0]),
                float(centre[1] - side / 2 - 0.055),
                style.shown_name(text, letters),
                style.SMALL_POINTS,
                va="top",
                color=style.VERMILION,
                gid="edge-label",
                bbox={"facecolor": pen.paper, "edgecolor": "none", "pad": 1.6 * pen.size},
            )


def _draw_nodes(pen: _Pen, layout: DiagramLayout, curves: Curves, nodes: Sequence[Nodes], opacity: Floats) -> None:
    """Dots for inputs and, with their signs, for sums and products; hollow for nodes without edges."""
    dots: dict[str, list[tuple[Floats, float]]] = {
        "inputs": [],
        "sums": [],
        "products": [],
        "factor-sums": [],
        "idle": [],
    }
    for l, centres in enumerate(layout.nodes):
        for node, (centre, group) in enumerate(zip(centres, nodes[l].groups, strict=True)):
            strength = _strength(curves, opacity, l, node, group)
            if strength is None:
                dots["idle"].append((centre, 1.0))
                continue
            dots["inputs" if l == 0 else "sums" if len(group) == 1 else "products"].append((centre, strength))
            if len(group) > 1:
                dots["factor-sums"] += [(layout.sums[l - 1][j], strength) for j in group]
    for name, places in dots.items():
        if not places:
            continue
        x, y = np.array([place for place, _ in places]).T
        inches = min(0.17 if name in ("sums", "products") else 0.12, 0.6 * min(layout.slots))
        points = POINTS_PER_INCH * inches * pen.size
        rim = style.MUTED if name == "idle" else pen.ink
        edges = [(*to_rgb(rim), strength) for _, strength in places]
        faces = pen.paper if name == "idle" else edges
        pen.ax.scatter(x, y, s=points**2, color=pen.paper, linewidths=0, zorder=3.5)  # so that no line shines through
        pen.ax.scatter(
            x, y, s=points**2, facecolors=faces, edgecolors=edges, linewidths=0.8 * pen.size, zorder=4, gid=name
        )
        sign = {"sums": "+", "products": "x", "factor-sums": "+"}.get(name)
        if sign and inches > 0.08:
            size = (0.62 if sign == "+" else 0.5) * points
            pen.ax.scatter(x, y, s=size**2, marker=sign, color=pen.paper, linewidths=1.1 * pen.size, zorder=5)


def _strength(curves: Curves, opacity: Floats, l: int, node: int, group: Sequence[int]) -> float | None:
    """Opacity of a node: that of its strongest edge, with a minimum; None without edges."""
    out = (curves.layer == l) & (curves.source == node)
    into = (curves.layer == l - 1) & np.isin(curves.target, group)
    own = opacity[out | into] if l else opacity[out]
    return max(MIN_NODE_OPACITY, float(own.max())) if len(own) else None


def _draw_names(pen: _Pen, layout: DiagramLayout, labels: Sequence[str], curves: Curves, *, top: bool) -> None:
    """Names of the inputs below or of the outputs above, rotated and thinned as needed."""
    centres, slot = layout.nodes[-1 if top else 0], layout.slots[-1 if top else 0]
    turned = _turned(labels, slot)
    points = style.TEXT_POINTS * (min(1.0, 0.85 * slot * POINTS_PER_INCH / style.TEXT_POINTS) if turned else 1.0)
    every = 1
    if points < 5.0:
        points, every = 5.0, int(np.ceil(5.0 / POINTS_PER_INCH / slot * 1.3))
    used = set(curves.source[curves.layer == 0].tolist())
    for n in range(0, len(labels), every):
        x, y = (float(value) for value in centres[n])
        pen.text(
            x,
            y + (0.15 if top else -0.15),
            labels[n],
            points,
            color=pen.ink if top or n in used else style.MUTED,
            rotation=90 if turned else 0,
            va="bottom" if top else "top",
            gid="output-name" if top else "input-name",
        )
