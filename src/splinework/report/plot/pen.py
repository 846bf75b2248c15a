"""The axes of the network diagram, in inches, with a pen that writes in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba

from splinework.report.plot import style
from splinework.report.plot.layout import DiagramLayout

LETTER_WIDTH = 0.6  # upper estimate, relative to the height
POINTS_PER_INCH = 72.0
MARGIN = 0.18
REST_HEIGHT = 0.14  # of a line about the edges without curves


@dataclass(frozen=True)
class Pen:
    """Axes with the size of a point and the colours."""

    ax: Axes
    size: float
    ink: str
    paper: str

    def text(self, x: float, y: float, text: str, points: float, **options: Any) -> None:
        options = {"color": self.ink, "ha": "center", "zorder": 6, **options}
        self.ax.text(x, y, text, fontsize=points * self.size, parse_math=False, **options)


def _pen(ax: Axes, size: float) -> Pen:
    """A pen in colours that contrast with the background of the figure."""
    red, green, blue, alpha = to_rgba(ax.figure.get_facecolor())
    if alpha == 0:
        return Pen(ax, size, style.INK, style.PAPER)
    dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
    return Pen(ax, size, style.RULE if dark else style.INK, to_hex((red, green, blue)))


def label_width(text: str, points: float = style.TEXT_POINTS) -> float:
    """An upper estimate of the width of a text in inches."""
    return len(text) * LETTER_WIDTH * points / POINTS_PER_INCH


def is_turned(labels: Sequence[str], slot: float) -> bool:
    """Whether labels have to be rotated to fit."""
    return max(map(label_width, labels)) + 0.06 > slot


def frame(
    ax: Axes | None,
    layout: DiagramLayout,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    formulas: str,
    rest: str,
    scale: float,
) -> Pen:
    """Axes in the units of the layout, with space for labels, with the formulas above and a word about the rest below."""

    def room(labels: Sequence[str], slot: float) -> float:
        return 0.28 + (
            max(map(label_width, labels)) if is_turned(labels, slot) else style.TEXT_POINTS / POINTS_PER_INCH
        )

    below, above = room(inputs, layout.slots[0]), room(outputs, layout.slots[-1])
    letters = int(layout.width * POINTS_PER_INCH / (LETTER_WIDTH * style.TEXT_POINTS))
    shown = "\n".join(style.wrapped(line, letters, 2) for line in formulas.splitlines())
    heading = 0.16 * (shown.count("\n") + 1) + 0.14 if shown else 0.0
    rest = style.wrapped(rest, int(layout.width * POINTS_PER_INCH / (LETTER_WIDTH * style.SMALL_POINTS)), 2)
    foot = REST_HEIGHT * (rest.count("\n") + 1) + 0.06 if rest else 0.0
    below += foot
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
    if rest:
        bottom = 0.06 - below
        pen.text(layout.width / 2, bottom, rest, style.SMALL_POINTS, va="bottom", color=style.MUTED, gid="rest")
    return pen
