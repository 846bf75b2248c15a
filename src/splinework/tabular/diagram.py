"""The small diagram that a notebook shows below an estimator: inputs, nodes, outputs, edges as strong as they matter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from splinework.interpret.scores import Attribution
from splinework.nn.network import KAN
from splinework.tabular.rows import Floats

MOST_NODES = 10
"""So many nodes of a layer are drawn, those that matter most."""
COLUMN, ROW, MARGIN, TEXT = 120, 22, 16, 130
LONGEST = 18
"""Letters of a name that are shown."""
FAINTEST = 0.02
"""An edge below this share of the strongest is not drawn."""


def diagram(
    title: str,
    model: KAN | None = None,
    scores: Attribution | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> str:
    """An SVG picture that needs no script and no file; whatever names hold is text in it.

    Args:
        title: What the picture is of.
        model: The network; None before a fit.
        scores: Its attribution scores; None draws no edge stronger than another.
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
    shown = [np.sort(np.argsort(-s, kind="stable")[:MOST_NODES]) for s in strength]
    hidden = [w - len(s) for w, s in zip(widths, shown, strict=True)]
    top = max((float(w.max(initial=0.0)) for w in weights), default=0.0) or 1.0
    edges = [
        (l, a, b, float(weights[l][i, j]) / top)
        for l in range(len(layers))
        for a, i in enumerate(shown[l])
        for b, j in enumerate(shown[l + 1])
        if weights[l][i, j] > FAINTEST * top
    ]
    most = [float(s.max(initial=0.0)) or 1.0 for s in strength]
    nodes = [[float(strength[l][i]) / most[l] for i in shown[l]] for l in range(len(widths))]
    names = ([inputs[i] for i in shown[0]], [outputs[j] for j in shown[-1]])
    about = f"{title}: a network of shape {' – '.join(map(str, widths))} with {model.active_edges()} edges"
    return _picture(about, edges, nodes, hidden, names)


def _per_node(model: KAN, l: int, scores: Attribution | None) -> Floats:
    """How strong the connection from node to node is, `(nodes before, nodes after)`."""
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
    height = 2 * MARGIN + ROW * max(1, max(map(len, nodes)) - 1 + bool(any(hidden)))
    width = 2 * TEXT + COLUMN * (len(nodes) - 1)
    places = [_places(len(column), height) for column in nodes]
    parts = [f"<title>{escape(about)}</title>"]
    for l, a, b, share in edges:
        x, y, to_y = TEXT + COLUMN * l, places[l][a], places[l + 1][b]
        parts.append(
            f'<path d="M{x} {y:g}C{x + COLUMN // 2} {y:g} {x + COLUMN // 2} {to_y:g} {x + COLUMN} {to_y:g}" fill="none" '
            f'stroke="currentColor" stroke-width="{0.5 + 2 * share:.3g}" stroke-opacity="{math.sqrt(share):.3g}"/>'
        )
    for l, column in enumerate(nodes):
        for y, share in zip(places[l], column, strict=True):
            parts.append(
                f'<circle cx="{TEXT + COLUMN * l}" cy="{y:g}" r="4" fill="currentColor" fill-opacity="{share:.3g}" '
                'stroke="currentColor"/>'
            )
    for l, left in enumerate(hidden):
        if left:
            parts.append(_text(TEXT + COLUMN * l, height - 3, "middle", f"and {left} more"))
    parts += [_text(TEXT - 10, y + 4, "end", _short(name)) for y, name in zip(places[0], names[0], strict=False)]
    last = TEXT + COLUMN * (len(nodes) - 1)
    parts += [_text(last + 10, y + 4, "start", _short(name)) for y, name in zip(places[-1], names[1], strict=False)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(about, quote=True)}" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">{"".join(parts)}</svg>'
    )


def _places(count: int, height: int) -> list[float]:
    """Heights of the nodes of one layer, spread around the middle."""
    return [height / 2 + ROW * (i - (count - 1) / 2) for i in range(count)]


def _text(x: int, y: float, anchor: str, words: str) -> str:
    return f'<text x="{x}" y="{y:g}" text-anchor="{anchor}" fill="currentColor">{escape(words)}</text>'


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
