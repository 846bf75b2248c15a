"""Figures of experiments as SVG files that are the same for the same results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from splinework.reproduce.experiment import Experiment, FinishedCell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: Final = {"paper": "#c1440e", "ours": "#24507f", "rival": "#7a8793", "published": "#1f2328"}
"""Colours of the paper's method here, our default, the rival and published values."""
SIZE: Final = (8.0, 4.5)
"""Width and height in inches."""


def save_figure(experiment: Experiment, finished: Sequence[FinishedCell], path: Path) -> None:
    """Draws an experiment and writes the figure."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": experiment.name, "font.size": 9, "axes.titlesize": 8, "legend.fontsize": 7}):
        figure = Figure(figsize=SIZE, layout="constrained")
        experiment.draw(finished, figure)
        figure.savefig(path, format="svg", metadata={"Date": None})


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
