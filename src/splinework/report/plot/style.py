"""Appearance of all plots: colours, sizes and fonts, without changing matplotlib's settings.

The series colours are those of Okabe and Ito (2008), distinguishable for colour-blind readers and in greyscale.
"""

import re
import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

INK = "#1b2430"
MUTED = "#5b6675"
RULE = "#d5dae1"
PAPER = "#ffffff"
BLUE = "#0072b2"
VERMILION = "#d55e00"
GREEN = "#009e73"
PURPLE = "#cc79a7"
AMBER = "#e69f00"
PALE_BLUE = "#a3cbe3"
"""The blue of the series, paler: a bar that grid lines do not shine through."""
SERIES = (BLUE, VERMILION, GREEN, PURPLE, AMBER)

TEXT_POINTS = 9.0
SMALL_POINTS = 7.5
LINE_WIDTH = 1.4
MAX_TICK_RATIO = 1e3
"""Maximum ratio of the ends of a logarithmic axis with custom ticks; powers of ten suffice above it."""
MAX_POINTS = 1500
"""Maximum number of points in a scatter plot."""

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def new_figure(width: float, height: float, *, arranged: bool = False) -> Figure:
    """A figure of a size in inches that is not registered with pyplot; `arranged` uses the constrained layout."""
    figure = Figure(figsize=(width, height), facecolor=PAPER, layout="constrained" if arranged else None)
    FigureCanvasAgg(figure)
    return figure


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes given, or those of a new figure."""
    return new_figure(width, height, arranged=True).add_subplot() if ax is None else ax


def gallery(count: int, columns: int | None = None, *, width: float = 2.3, height: float = 1.95) -> NDArray[np.object_]:
    """Axes side by side in one figure, `(count,)`; of a size in inches each, at most `columns` in a row, 4 by default."""
    axes = np.empty(count, dtype=object)
    if count:
        across = columns or min(4, count)
        down = -(-count // across)
        figure = new_figure(width * across, height * down, arranged=True)
        for place in range(count):
            axes[place] = figure.add_subplot(down, across, place + 1)
    return axes


def tidy(ax: Axes, *, x: str = "", y: str = "", title: str = "") -> None:
    """Sets the common appearance of axes: two thin spines, a faint grid, small type."""
    ax.set_axisbelow(True)
    ax.grid(True, color=RULE, linewidth=0.6)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MUTED)
        ax.spines[side].set_linewidth(0.8)
    ax.tick_params(which="both", colors=MUTED, labelcolor=INK, labelsize=SMALL_POINTS, width=0.8, length=3)
    ax.tick_params(which="minor", length=1.5)
    for axis in (ax.xaxis, ax.yaxis):  # the power of ten that all ticks share
        axis.get_offset_text().set(fontsize=SMALL_POINTS, color=INK)
    for write, text, points in (
        (ax.set_xlabel, x, TEXT_POINTS),
        (ax.set_ylabel, y, TEXT_POINTS),
        (ax.set_title, title, TEXT_POINTS),
    ):
        if text:
            write(text, fontsize=points, color=INK, parse_math=False)


def few_ticks(axis: Axis, ratio: float) -> None:
    """Sets ticks at plain numbers such as 0.5, 1, 2 that do not overlap."""
    if ratio > MAX_TICK_RATIO:
        return
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if ratio > 3 else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def legend(ax: Axes, **options: Any) -> None:
    """A legend without a frame."""
    ax.legend(frameon=False, fontsize=SMALL_POINTS, labelcolor=INK, handlelength=1.6, **options)


def shown_name(name: str, longest: int = 32) -> str:
    """A name for plots: `x1` becomes x₁, long names are cut, unprintable characters become spaces."""
    name = "".join(c if c.isprintable() else " " for c in name).strip() or "·"
    match = re.fullmatch(r"([A-Za-z])_?([0-9]{1,3})(, factor [0-9]+)?", name)
    if match:
        return match[1] + match[2].translate(_SUBSCRIPTS) + (match[3] or "")
    return name if len(name) <= longest else name[: longest - 1] + "…"


def wrapped(text: str, columns: int, lines: int) -> str:
    """A long text wrapped to a maximum number of lines."""
    return "\n".join(textwrap.wrap(text, max(columns, 12), max_lines=lines, placeholder=" …", break_long_words=True))


def thinned(count: int, most: int = MAX_POINTS) -> slice:
    """A slice that thins `count` rows to at most `most`."""
    return slice(None, None, max(1, -(-count // most)))


def bin_range(values: NDArray[np.float64], count: int) -> tuple[float, float]:
    """The range that `count` bins cover: that of finite values, or a wider one where they differ by rounding only."""
    low, high = float(values.min()), float(values.max())
    least = 4 * count * float(np.spacing(max(abs(low), abs(high))))
    if high - low > least:
        return low, high
    reach, middle = max(0.5, least), low / 2 + high / 2
    return middle - reach, middle + reach
