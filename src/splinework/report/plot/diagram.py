"""The network diagram, in the style of the KAN papers (Liu et al. 2024, fig. 2.2; products: Liu et al. 2024b, fig. 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.formula.figures import rounded
from splinework.nn.edge_functions import EdgeFunction
from splinework.nn.frame import FramedKAN
from splinework.nn.naming import node_names
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.report.plot import style
from splinework.report.plot.curves import Curves, Integers, edge_curves, given_names, inside, unit_curves
from splinework.report.plot.layout import DiagramLayout, lay_out
from splinework.report.plot.metrics import Metric
from splinework.report.plot.nodes import MIN_NODE_OPACITY, draw_names, draw_nodes, strength_of
from splinework.report.plot.orientation import Key, function_names, functions_of, oriented
from splinework.report.plot.pen import LETTER_WIDTH, POINTS_PER_INCH, Pen, frame, label_width
from splinework.report.plot.protocols import Floats, FormulaLike, TableLike, best_of

MAX_BOXES, FEW_BOXES = 120, 48
"""Active edges up to which all have a curve, and how many have one of more edges."""
MOST_BOXES = 400
"""Edges that may have a curve at most, if asked for."""
MAX_CURVES = 50_000
"""Active edges above which no curves are computed: all of them are lines."""
MAX_LINES = 5000
MAX_FORMULAS = 3
PLAIN_LINE_OPACITY = 0.5
"""Factor of the opacity of lines without a curve, where others have one."""


@explained
def plot(
    model: KAN | FramedKAN,
    x: Any,
    *,
    ax: Axes | None = None,
    names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    labels: Mapping[tuple[int, int, int], str] | None = None,
    formulas: bool = False,
    table: TableLike[FormulaLike] | None = None,
    metric: Metric = "attribution",
    most: int | None = None,
    beta: float = 3.0,
    scale: float = 1.0,
) -> Axes:
    """Draws the network diagram: inputs below, outputs above, and the curve of each active edge over the range of the data.

    The opacity of an edge is `tanh(beta · score)`; masked edges are not drawn. Nodes that add are marked +, others ×. Hidden sums
    are drawn with the sign for which functions look like what they are called and other curves rise. Of more than
    120 active edges 48 have curves: the strongest of all, with some of each layer, and functions first. The others are lines, at
    most 5000, and a sentence below says how strong they are.

    The artists have names (`artist.get_gid()`): `lines`, `plain-lines`, `boxes`, `curves` are one collection each, boxes and
    curves in the order layer, input, sum; the nodes are `inputs`, `sums`, `products`, and `idle` for those without edges; the
    sentence is `rest`.

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
        formulas: Whether functions have their formula in the name of their input, such as `2*sin(3*x1)`, instead of their name.
        table: Table of formulas, the best of which are written above.
        metric: Kind of score: `attribution` (KAN 2.0, the default), `variance` (share of the output's variance that changes
            without the edge), `spread` or `gain` (standard deviation of the edge, and over that of its input; pykan's
            `forward_u` and `forward_n`), or a matrix `(inputs, sums)` for each layer.
        most: How many edges have curves, from 0 to 400.
        beta: Slope of the opacity as a function of the score.
        scale: Size of the new figure relative to the default.

    Returns:
        The axes; `ax.figure.savefig("network.png")` saves the picture.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows; or a matrix of the metric another shape.
        DataError: If x does not hold finite numbers.
        ConfigError: If the number of names is wrong, the metric not known, or `most` out of its range.

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
    if most is not None and not (isinstance(most, int) and 0 <= most <= MOST_BOXES):
        raise ConfigError(f"most is the number of edges with curves, from 0 to {MOST_BOXES}, got {most!r}.")
    active, functions = network.active_edges(), functions_of(network)
    curves = edge_curves(network, seen, points=96 if active <= 80 else 48, most=MAX_CURVES, metric=metric)
    curves = oriented(curves, nodes, functions, numbers=formulas)
    texts = _function_texts(network, functions, inputs) if formulas else function_names(network)
    texts |= {key: str(text) for key, text in (labels or {}).items()}
    wanted = (active if active <= MAX_BOXES else FEW_BOXES) if most is None else most
    chosen = _with_curves(curves, wanted, [key in texts for key in curves.keys])
    shown = curves.only(chosen)
    widths = [len(row) * (max(map(label_width, row)) + 0.15) for row in (inputs, outputs)]
    layout = lay_out(nodes, shown, boxes=len(shown) > 0 or active == 0, label_widths=widths)
    above = _formulas(table) or _answers(model)
    pen = frame(ax, layout, inputs, outputs, formulas=above, rest=_rest(curves, chosen), scale=scale)
    opacity = np.nan_to_num(np.tanh(beta * curves.score)).clip(0, 1)
    known = np.array([key in texts for key in curves.keys], dtype=bool)
    colours = np.column_stack([np.where(known[:, None], to_rgb(style.VERMILION), to_rgb(pen.ink)), opacity]).reshape(
        -1, 4
    )
    plain = np.setdiff1d(np.arange(len(curves)), chosen)
    _draw_plain_lines(pen, layout, curves.only(plain), colours[plain], alone=not len(shown))
    _draw_factors(pen, layout, curves, nodes, opacity)
    if len(shown):
        _draw_lines(pen, layout, shown, colours[chosen])
        _draw_boxes(pen, layout, shown, known[chosen], colours[chosen], opaque=len(plain) > 0)
        _draw_edge_labels(pen, layout, [texts.get(key, "") for key in shown.keys], lines=3 if formulas else 1)
    draw_nodes(pen, layout, curves, nodes, opacity)
    draw_names(pen, layout, inputs, curves, top=False)
    draw_names(pen, layout, outputs, curves, top=True)
    return pen.ax


def _function_texts(network: KAN, functions: Mapping[Key, EdgeFunction], inputs: Sequence[str]) -> dict[Key, str]:
    """Formulas of the edges that are functions in the names of their nodes, with three digits."""
    names = node_names(network, inputs, ())
    return {(l, i, j): edge.text(names[l][i], digits=3) for (l, i, j), edge in functions.items()}


def _with_curves(curves: Curves, count: int, known: Sequence[bool]) -> Integers:
    """The edges that have curves: those that are known, the strongest of every layer up to half of the count, the strongest."""
    if not curves.y.shape[1]:
        return np.zeros(0, dtype=np.int64)
    first, layers = np.array(known, dtype=np.float64) * 2, np.unique(curves.layer)
    for l in layers:
        own = np.flatnonzero(curves.layer == l)
        strongest = own[np.argsort(-np.nan_to_num(curves.score[own]), kind="stable")]
        first[strongest[: count // (2 * len(layers))]] += 1
    return curves.strongest(count, first)


def _rest(curves: Curves, chosen: Integers) -> str:
    """A sentence about the edges without curves; none where all have one."""
    count, others = len(curves), np.delete(np.nan_to_num(curves.score), chosen)
    if not len(others):
        return ""
    lines = "are lines" if len(others) <= MAX_LINES else f"are lines, {MAX_LINES} of them drawn"
    if not len(chosen):
        return f"{count} edges, without their curves"
    return f"{len(chosen)} of {count} edges have curves; the others {lines}, with scores of at most {others.max():.2g}"


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


def _draw_plain_lines(pen: Pen, layout: DiagramLayout, curves: Curves, colours: Floats, *, alone: bool) -> None:
    """Lines of the edges without curves from node to sum, the strongest on top; paler where others have curves."""
    start, end = _ends(layout, curves)
    strongest = np.argsort(colours[:, 3], kind="stable")[-MAX_LINES:]
    colours = colours[strongest] * (1.0, 1.0, 1.0, 1.0 if alone else PLAIN_LINE_OPACITY)
    width = float(np.clip(16 / np.sqrt(max(len(curves), 1)), 0.2, 1.2)) * pen.size
    segments = list(np.stack([start, end], 1)[strongest])
    lines = LineCollection(segments, colors=colours, linewidths=width, zorder=0.5, gid="plain-lines")
    pen.ax.add_collection(lines, autolim=False)


def _draw_lines(pen: Pen, layout: DiagramLayout, curves: Curves, colours: Floats) -> None:
    """Lines from nodes to boxes and from boxes to sums."""
    start, end = _ends(layout, curves)
    half = np.column_stack([np.zeros(len(curves)), layout.sides / 2])
    segments = np.concatenate([np.stack([start, layout.boxes - half], 1), np.stack([layout.boxes + half, end], 1)])
    both = np.concatenate([colours, colours])
    lines = LineCollection(
        list(segments), colors=both, linewidths=1.2 * pen.size, zorder=1, gid="lines", capstyle="round"
    )
    pen.ax.add_collection(lines, autolim=False)


def _ends(layout: DiagramLayout, curves: Curves) -> tuple[Floats, Floats]:
    """Starts and ends of the edges, `(E, 2)` each."""
    start = np.array([layout.nodes[l][i] for l, i, _ in curves.keys]).reshape(-1, 2)
    end = np.array([layout.sums[l][j] for l, _, j in curves.keys]).reshape(-1, 2)
    return start, end


def _draw_factors(pen: Pen, layout: DiagramLayout, curves: Curves, nodes: Sequence[Nodes], opacity: Floats) -> None:
    """Lines from factors to products, with the opacity of the product."""
    factors, colours = [], []
    for l, layer in enumerate(nodes[1:], start=1):
        for node, group in enumerate(layer.groups):
            strength = strength_of(curves, opacity, l, node, group) or MIN_NODE_OPACITY
            for j in group if len(group) > 1 else ():
                factors.append(np.stack([layout.sums[l - 1][j], layout.nodes[l][node]]))
                colours.append((*to_rgb(pen.ink), strength))
    lines = LineCollection(factors, colors=colours, linewidths=1.2 * pen.size, zorder=1, gid="factors")
    pen.ax.add_collection(lines, autolim=False)


def _draw_boxes(
    pen: Pen, layout: DiagramLayout, curves: Curves, known: NDArray[np.bool_], colours: Floats, *, opaque: bool
) -> None:
    half = layout.sides[:, None, None] / 2
    corners = layout.boxes[:, None] + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    thin = pen.size * np.clip(2 * layout.sides, 0.4, 1.0)
    faces = colours.copy()  # with the opacity of the edge, so that a faint box does not hide a strong line behind it
    faces[:, :3] = to_rgb(pen.paper)
    if opaque:
        faces[:, 3] = 1.0
    pen.ax.add_collection(
        PolyCollection(list(corners), facecolors=faces, edgecolors=colours, linewidths=thin, zorder=2, gid="boxes"),
        autolim=False,
    )
    inside = 0.8 * layout.sides[:, None]
    across = layout.boxes[:, :1] + inside * (np.linspace(0, 1, curves.x.shape[1]) - 0.5)
    upwards = layout.boxes[:, 1:] + inside * (unit_curves(curves.y) - 0.5)
    strong = colours.copy()
    strong[~known, :3] = to_rgb(style.BLUE)
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


def _draw_edge_labels(pen: Pen, layout: DiagramLayout, texts: Sequence[str], *, lines: int) -> None:
    """Texts below the boxes, each cut or wrapped to the width that its box has."""
    points = style.SMALL_POINTS if lines == 1 else style.SMALL_POINTS - 1.5
    for centre, side, text in zip(layout.boxes, layout.sides, texts, strict=True):
        if text:
            letters = max(4, int(side / 0.8 * POINTS_PER_INCH / (LETTER_WIDTH * points)))
            pen.text(
                float(centre[0]),
                float(centre[1] - side / 2 - 0.055),
                style.shown_name(text, letters) if lines == 1 else style.wrapped(text, letters, lines),
                points,
                va="top",
                color=style.VERMILION,
                gid="edge-label",
                bbox={"facecolor": pen.paper, "edgecolor": "none", "pad": 1.6 * pen.size},
            )
