"""The nodes of the network diagram, and the names of its inputs and outputs."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb

from splinework.nn.nodes import Nodes
from splinework.report.plot import style
from splinework.report.plot.curves import Curves
from splinework.report.plot.layout import DiagramLayout
from splinework.report.plot.pen import POINTS_PER_INCH, Pen, is_turned
from splinework.report.plot.protocols import Floats

MIN_NODE_OPACITY = 0.2


def draw_nodes(pen: Pen, layout: DiagramLayout, curves: Curves, nodes: Sequence[Nodes], opacity: Floats) -> None:
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
            strength = strength_of(curves, opacity, l, node, group)
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


def strength_of(curves: Curves, opacity: Floats, l: int, node: int, group: Sequence[int]) -> float | None:
    """Opacity of a node: that of its strongest edge, with a minimum; None without edges."""
    out = (curves.layer == l) & (curves.source == node)
    into = (curves.layer == l - 1) & np.isin(curves.target, group)
    own = opacity[out | into] if l else opacity[out]
    return max(MIN_NODE_OPACITY, float(own.max())) if len(own) else None


def draw_names(pen: Pen, layout: DiagramLayout, labels: Sequence[str], curves: Curves, *, top: bool) -> None:
    """Names of the inputs below or of the outputs above, rotated and thinned as needed."""
    centres, slot = layout.nodes[-1 if top else 0], layout.slots[-1 if top else 0]
    turned = is_turned(labels, slot)
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
