"""Plot of a table of formulas: error against complexity, with the Pareto front."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from splinework.errors import DataError, ShapeError
from splinework.report.plot import style
from splinework.report.plot.protocols import FormulaLike, TableLike, best_of


def plot_pareto(
    table: TableLike[FormulaLike],
    *,
    ax: Axes | None = None,
    held_out: Sequence[float | None] = (),
    noise: float | None = None,
) -> Axes:
    """Draws the formulas' errors against their complexities, with the Pareto front, ranks, and a ring around the best.

    Args:
        table: Table of formulas; its `.rows`, best first, have `target`, `text`, `complexity` and `rmse`.
        ax: Axes to draw in; None creates a figure.
        held_out: Errors of the same formulas on held-out data, in the order of the rows, drawn hollow.
        noise: Standard deviation of the noise, a lower bound of the error of the true formula, drawn as a dashed line.

    Raises:
        DataError: If there is no formula.
        ShapeError: If there are held-out errors, but not one for each formula.
    """
    if len(held_out) not in (0, len(table.rows)):
        raise ShapeError(f"held_out has an error for each of {len(table.rows)} formulas or none, got {len(held_out)}.")
    if not table.rows:
        raise DataError("plot_pareto needs at least one formula, got an empty table.")
    ax = style.axes_or_new(ax, 4.6, 3.0)
    best = best_of(table)
    if any(row.rmse > 0 for row in table.rows):
        ax.set_yscale("log")
    floor = min((row.rmse for row in table.rows if row.rmse > 0), default=0.0) / 3  # where an error of zero is drawn
    unseen = list(held_out) or [None] * len(table.rows)
    for place, first in enumerate(best):
        colour = style.SERIES[place % len(style.SERIES)]
        both = [(row, error) for row, error in zip(table.rows, unseen, strict=True) if row.target == first.target]
        rows = [row for row, _ in both if math.isfinite(row.rmse)]
        if rows:
            _draw(ax, rows, floor, colour, style.shown_name(first.target) if len(best) > 1 else "rows fitted")
            ranks = [rank for rank, (row, _) in enumerate(both, start=1) if math.isfinite(row.rmse)]
            _number(ax, [(row.complexity, row.rmse or floor) for row in rows], ranks)
        if hollow := [(row.complexity, error) for row, error in both if error is not None and 0 < error < math.inf]:
            complexities, errors = np.transpose(hollow)
            ax.scatter(
                complexities,
                errors,
                s=20,
                marker="D",
                facecolors="none",
                edgecolors=style.VERMILION,
                linewidths=1.0,
                zorder=2,
                label="rows held out" if len(best) == 1 else None,
                gid="held out",
            )
        if math.isfinite(first.rmse):
            at = first.rmse or floor
            ax.scatter([first.complexity], [at], s=110, facecolors="none", edgecolors=colour, zorder=4, gid="best")
    if noise is not None and 0 < noise < math.inf:
        ax.axhline(noise, color=style.MUTED, linewidth=1.0, dashes=(4, 3), zorder=1, label="noise", gid="noise")
    style.tidy(ax, x="complexity", y="RMSE")
    ax.margins(x=0.06, y=0.12)
    low, high = ax.get_ylim()
    if ax.get_yscale() == "log":
        style.few_ticks(ax.yaxis, high / low)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(ax.get_legend_handles_labels()[0]) > 1:
        style.legend(ax)
    return ax


def _draw(ax: Axes, rows: list[FormulaLike], floor: float, colour: str, label: str) -> None:
    """The formulas of one target and their Pareto front."""
    front = [(row.complexity, row.rmse or floor) for row in _front(rows)]
    ax.step(*np.transpose(front), where="post", color=colour, linewidth=style.LINE_WIDTH, alpha=0.6, gid="front")
    complexities, errors = np.transpose([(row.complexity, row.rmse or floor) for row in rows])
    ax.scatter(complexities, errors, s=22, color=colour, zorder=3, label=label, gid="formulas")


def _number(ax: Axes, points: list[tuple[int, float]], ranks: list[int]) -> None:
    """Ranks beside the points; for overlapping points only the best."""
    free: list[tuple[int, float]] = []
    for (complexity, error), rank in zip(points, ranks, strict=True):
        near = [c for c, e in free if abs(c - complexity) <= 1 and abs(math.log((e or 1) / (error or 1))) < 0.1]
        if not near:
            free.append((complexity, error))
            ax.annotate(
                str(rank),
                (complexity, error),
                xytext=(6, 4),
                textcoords="offset points",
                fontsize=style.SMALL_POINTS,
                color=style.MUTED,
                gid="rank",
            )


def _front(rows: list[FormulaLike]) -> list[FormulaLike]:
    """The Pareto front of complexity and error, simplest first."""
    front: list[FormulaLike] = []
    for row in sorted(rows, key=lambda row: (row.complexity, row.rmse)):
        if not front or row.rmse < front[-1].rmse:
            front.append(row)
    return front
