"""The diagram that a notebook shows below an estimator: inputs, nodes and outputs, with edges drawn by importance."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from splinework.interpret.scores import Attribution
from splinework.nn.network import KAN
from splinework.tabular.rows import Floats

MAX_NODES = 10
"""Nodes drawn per layer, the most important ones."""
COLUMN_WIDTH, ROW_HEIGHT, MARGIN, LABEL_WIDTH = 120, 22, 16, 130
MAX_NAME_LENGTH = 18
"""Characters of a name that are shown."""
MIN_STRENGTH = 0.02
"""Edges weaker than this fraction of the strongest are not drawn."""


def diagram(
    title: str,
    model: KAN | None = None,
    scores: Attribution | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> str:
    """A self-contained SVG picture without scripts; names are escaped.

    Args:
        title: Title of the picture.
        model: The network; None before a fit.
        scores: Attribution scores; None draws all edges alike.
        inputs: Names of the inputs.
        outputs: Names of the outputs.

    >>> diagram("KANRegressor")[:4]
    '<svg'
    """
    if model is None:
        return _picture(f"{title}, not fitted yet", [], [[0.0, 0.0, 0.0], [0.0, 0.0], [0.0]], [], ([], []))
    layers = model.kan_layers
    widths = [nodes.width for nodes in model.config.nodes]
    weights = [_per_node(model, l, scores) for l in range(len(layers))]
    strength = [np.ones(w) for w in widths] if scores is None else [s.numpy() for s in scores.nodes]
    shown = [np.sort(np.argsort(-s, kind="stable")[:MAX_NODES]) for s in strength]
    hidden = [w - len(s) for w, s in zip(widths, shown, strict=True)]
    top = max((float(w.max(initial=0.0)) for w in weights), default=0.0) or 1.0
    edges = [
        (l, a, b, float(weights[l][i, j]) / top)
        for l in range(len(layers))
        for a, i in enumerate(shown[l])
        for b, j in enumerate(shown[l + 1])
        if weights[l][i, j] > MIN_STRENGTH * top
    ]
    most = [float(s.max(initial=0.0)) or 1.0 for s in strength]
    nodes = [[float(strength[l][i]) / most[l] for i in shown[l]] for l in range(len(widths))]
    names = ([inputs[i] for i in shown[0]], [outputs[j] for j in shown[-1]])
    about = f"{title}: a network of shape {' – '.join(map(str, widths))} with {model.active_edges()} edges"
    return _picture(about, edges, nodes, hidden, names)


def _per_node(model: KAN, l: int, scores: Attribution | None) -> Floats:
    """Strength of the connection from node to node, `(nodes before, nodes after)`."""
    layer, nodes = model.kan_layers[l], model.config.nodes[l + 1]
    edges = (layer.mask != 0).double() if scores is None else scores.edges[l]
    return np.stack([edges[:, list(group)].amax(dim=1).numpy() for group in nodes.groups], axis=1)


def _picture(
    about: str,
    edges: Sequence[tuple[int, int, int, float]],
    nodes: Sequence[Sequence[float]],
    hidden: Sequence[int],
    names: tuple[Sequence[str], Sequence[str]],
) -> str:
    height = 2 * MARGIN + ROW_HEIGHT * max(1, max(map(len, nodes)) - 1 + bool(any(hidden)))
    width = 2 * LABEL_WIDTH + COLUMN_WIDTH * (len(nodes) - 1)
    places = [_places(len(column), height) for column in nodes]
    parts = [f"<title>{escape(about)}</title>"]
    for l, a, b, share in edges:
        x, y, to_y = LABEL_WIDTH + COLUMN_WIDTH * l, places[l][a], places[l + 1][b]
        middle = x + COLUMN_WIDTH // 2
        parts.append(
            f'<path d="M{x} {y:g}C{middle} {y:g} {middle} {to_y:g} {x + COLUMN_WIDTH} {to_y:g}" fill="none" '
            f'stroke="currentColor" stroke-width="{0.5 + 2 * share:.3g}" stroke-opacity="{math.sqrt(share):.3g}"/>'
        )
    for l, column in enumerate(nodes):
        for y, share in zip(places[l], column, strict=True):
            parts.append(
                f'<circle cx="{LABEL_WIDTH + COLUMN_WIDTH * l}" cy="{y:g}" r="4" fill="currentColor" fill-opacity="{share:.3g}" '
                'stroke="currentColor"/>'
            )
    for l, count in enumerate(hidden):
        if count:
            parts.append(_text(LABEL_WIDTH + COLUMN_WIDTH * l, height - 3, "middle", f"and {count} more"))
    parts += [_text(LABEL_WIDTH - 10, y + 4, "end", _short(name)) for y, name in zip(places[0], names[0], strict=False)]
    last = LABEL_WIDTH + COLUMN_WIDTH * (len(nodes) - 1)
    parts += [_text(last + 10, y + 4, "start", _short(name)) for y, name in zip(places[-1], names[1], strict=False)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(about, quote=True)}" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">{"".join(parts)}</svg>'
    )


def _places(count: int, height: int) -> list[float]:
    """Vertical positions of the nodes of one layer, centred."""
    return [height / 2 + ROW_HEIGHT * (i - (count - 1) / 2) for i in range(count)]


def _text(x: int, y: float, anchor: str, content: str) -> str:
    return f'<text x="{x}" y="{y:g}" text-anchor="{anchor}" fill="currentColor">{escape(content)}</text>'


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME_LENGTH else name[: MAX_NAME_LENGTH - 1] + "…"
