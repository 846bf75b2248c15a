"""A table of formulas as a picture: how much error each bit of complexity saves."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from splinework.errors import DataError
from splinework.plot import style
from splinework.plot.protocols import FormulaLike, TableLike, best_rows


def plot_pareto(table: TableLike, *, ax: Axes | None = None) -> Axes:
    """Draws the formulas' errors against their complexities, the best with a ring, a line along the Pareto front.

    Args:
        table: Its `.rows`, best first, have `target`, `text`, `complexity` and `rmse`.
        ax: Where to draw; None makes a figure of its own.

    Raises:
        DataError: If there is no formula.
    """
    if not table.rows:
        raise DataError("a picture of formulas needs at least one, got an empty table.")
    ax = style.axes_or_new(ax, 4.6, 3.0)
    best = best_rows(table)
    if any(row.rmse > 0 for row in table.rows):
        ax.set_yscale("log")
    floor = min((row.rmse for row in table.rows if row.rmse > 0), default=0.0) / 3  # where an error of zero is drawn
    for place, first in enumerate(best):
        colour = style.SERIES[place % len(style.SERIES)]
        rows = [row for row in table.rows if row.target == first.target and math.isfinite(row.rmse)]
        front = _front(rows)
        points = [(row.complexity, row.rmse or floor) for row in rows]
        line = [(row.complexity, row.rmse or floor) for row in front]
        if points:
            label = style.shown_name(first.target) if len(best) > 1 else None
            ax.step(*np.transpose(line), where="post", color=colour, linewidth=style.LINE, alpha=0.6, gid="front")
            complexities, errors = np.transpose(points)
            ax.scatter(complexities, errors, s=22, color=colour, zorder=3, label=label, gid="formulas")
        if math.isfinite(first.rmse):
            at = first.rmse or floor
            ax.scatter([first.complexity], [at], s=90, facecolors="none", edgecolors=colour, zorder=4, gid="best")
    style.tidy(ax, x="complexity", y="RMSE")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(best) > 1:
        style.legend(ax)
    return ax


def _front(rows: list[FormulaLike]) -> list[FormulaLike]:
    """The formulas than which none is both as simple and more accurate, simplest first."""
    front: list[FormulaLike] = []
    for row in sorted(rows, key=lambda row: (row.complexity, row.rmse)):
        if not front or row.rmse < front[-1].rmse:
            front.append(row)
    return front
