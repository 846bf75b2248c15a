"""The learning curve of a fit."""

import itertools
import math
import re

import numpy as np
from matplotlib.axes import Axes

from splinework.errors import DataError
from splinework.report.plot import style
from splinework.report.plot.protocols import HistoryLike


def plot_history(history: HistoryLike, *, ax: Axes | None = None) -> Axes:
    """Draws the root mean squared errors of a fit over its steps, on a logarithmic scale, with its stages.

    Args:
        history: History of a fit, such as `FitResult.history`.
        ax: Axes to draw in; None creates a figure.

    Raises:
        DataError: If there are no steps.
    """
    steps = list(history.steps)
    if not steps:
        raise DataError("a learning curve needs at least one step, got a history without any.")
    ax = style.axes_or_new(ax, 7.2, 2.9)
    number = np.array([step.number for step in steps], dtype=np.float64)
    ax.set_yscale("log")
    for label, field, colour in (
        ("fitted rows", "rmse_train", style.BLUE),
        ("held-out rows", "rmse_validation", style.VERMILION),
    ):
        error = np.array([getattr(step, field) for step in steps], dtype=np.float64)
        usable = np.isfinite(error) & (error > 0)
        if usable.any():
            error[~usable] = math.nan
            few = "o" if usable.sum() == 1 else None
            ax.plot(
                number,
                error,
                color=colour,
                linewidth=style.LINE_WIDTH,
                label=label,
                gid=field,
                marker=few,
                markersize=3,
            )
    _draw_stages(ax, [(step.number, step.stage) for step in steps])
    style.tidy(ax, x="step", y="RMSE")
    ax.set_xlim(number[0] - 0.5, max(number[-1], number[0] + 1) + 0.5)
    if ax.get_legend_handles_labels()[0]:
        style.legend(ax, loc="upper right")
    return ax


def _draw_stages(ax: Axes, steps: list[tuple[int, str]]) -> None:
    """A thin line at the start of every stage, with its name above unless names would overlap."""
    begins = [steps[0], *(after for before, after in itertools.pairwise(steps) if before[1] != after[1])]
    width = max(steps[-1][0] - steps[0][0], 1)
    letter = 0.6 * (style.SMALL_POINTS - 0.5) / (72 * ax.get_window_extent().width / ax.figure.dpi)
    written, free = "", -math.inf
    for number, stage in begins:
        ax.axvline(number - 0.5, color=style.RULE, linewidth=0.9, zorder=0, gid="stage")
        kind = style.shown_name(re.sub(r" [0-9]+ of [0-9]+", "s", stage))
        at = (number - steps[0][0]) / width
        if kind == written or at < free:
            continue
        written, free = kind, at + (len(kind) + 1) * letter
        ax.text(
            number - 0.5,
            1.015,
            kind,
            transform=ax.get_xaxis_transform(),
            ha="left" if at + len(kind) * letter < 1.02 else "right",
            va="bottom",
            fontsize=style.SMALL_POINTS - 0.5,
            color=style.MUTED,
            parse_math=False,
            gid="stage-name",
        )
