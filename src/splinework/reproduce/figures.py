"""Figures of experiments as SVG files that are the same for the same results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np

from splinework.reproduce.experiment import ComparisonRow, Experiment, FinishedCell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS: Final = {"paper": "#c1440e", "ours": "#24507f", "rival": "#7a8793", "published": "#1f2328"}
"""Colours of the paper's method here, our default, the rival and published values."""
SIZE: Final = (8.0, 4.5)
"""Width and height in inches."""
WIDE: Final = 50.0
"""Ratio of the largest to the smallest number from which on a scale is logarithmic."""


@runtime_checkable
class ExperimentWithFigure(Protocol):
    """An experiment that draws a figure like the paper's."""

    def draw(self, finished: Sequence[FinishedCell], figure: Figure) -> None:
        """Draws the finished cells; some may be missing after an interrupt."""


def save_figure(experiment: Experiment, finished: Sequence[FinishedCell], path: Path) -> None:
    """Draws an experiment and writes the figure."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": experiment.name, "font.size": 9, "axes.titlesize": 8, "legend.fontsize": 7}):
        figure = Figure(figsize=SIZE, layout="constrained")
        draw_experiment(experiment, finished, figure)
        figure.savefig(path, format="svg", metadata={"Date": None})


def draw_experiment(experiment: Experiment, finished: Sequence[FinishedCell], figure: Figure) -> None:
    """Draws the figure of an experiment, or the numbers of its table if it has none of its own."""
    if isinstance(experiment, ExperimentWithFigure):
        experiment.draw(finished, figure)
    else:
        draw_rows(experiment.rows(finished), experiment.rival, figure)


def draw_rows(rows: Sequence[ComparisonRow], rival: str, figure: Figure) -> None:
    """Draws the numbers of a table as points, with axes for each measure of which there are any."""
    labels = {"published": "published", "paper": "paper's method here", "ours": "our default", "rival": rival}
    found: dict[str, list[ComparisonRow]] = {}
    for row in rows:
        if any(np.isfinite(_number(getattr(row, key))) for key in labels):
            found.setdefault(row.measure, []).append(row)
    places = figure.subplots(1, max(len(found), 1), squeeze=False)[0]
    for axes, (measure, own) in zip(places, found.items(), strict=False):
        values = {key: np.array([_number(getattr(row, key)) for row in own]) for key in labels}
        for key, label in labels.items():
            if not np.isfinite(values[key]).any():
                continue  # and no entry of the legend for what there is nothing of
            axes.plot(values[key], "o", color=COLOURS[key], label=label)
        positive = np.concatenate([each[each > 0] for each in values.values()])
        wide = positive.size > 0 and positive.max() > WIDE * positive.min()
        axes.set(ylabel=measure, yscale="log" if wide else "linear")
        axes.set_xticks(range(len(own)), [row.name.partition(", [")[0] for row in own], rotation=60, ha="right")
        axes.grid(True, axis="y", alpha=0.3)
        legend(axes)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def log_axes(axes: Axes, x: str, y: str, title: str = "") -> None:
    """Sets both scales to logarithmic and writes the labels."""
    axes.set(xscale="log", yscale="log", xlabel=x, ylabel=y, title=title)
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="major", alpha=0.3)


def legend(axes: Axes) -> None:
    """Explains the colours, if anything was drawn."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
