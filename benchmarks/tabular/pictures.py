"""A picture of the ranks: the mean of each contender with its spread, and the rank on each set."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import ROOT
from benchmarks.tabular.contenders import KNOWN, OURS
from benchmarks.tabular.ranks import Ranks
from benchmarks.tabular.sets import GROUPS
from benchmarks.tabular.tables import TARGETS, Shown
from splinework.report.plot.style import BLUE, MUTED, RULE, SMALL_POINTS, VERMILION, new_figure, tidy

FOLDER = ROOT / "docs" / "tabular"
NAME = "ranks.svg"


def draw(what: Shown, folder: Path | None) -> list[Path]:
    """Draws what the cells are enough for; returns the files."""
    panels = [(group, found) for group in GROUPS if (found := what.ranks(group)) is not None]
    if not panels:
        return []
    folder = folder or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    figure = new_figure(4.0 * len(panels), 2.8)
    figure.set_layout_engine("constrained")
    for axes, (group, found) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _panel(axes, found, TARGETS[group])
        tidy(axes, x=f"rank, 1 is best (sets: {len(found.sets)})", title=group)
        axes.grid(False, axis="y")
    figure.savefig(folder / NAME, metadata={"Date": None})
    return [folder / NAME]


def _panel(axes: Any, found: Ranks, target: float) -> None:
    """The best at the top; rings are sets, a disc is the mean, its line 90 % of the draws of folds."""
    order = np.argsort(-found.mean, kind="stable")
    generator = np.random.default_rng(0)
    axes.axvline(target, color=RULE, linewidth=1.4)
    at = {"xycoords": ("data", "axes fraction"), "xytext": (3, 3), "textcoords": "offset points"}
    axes.annotate("target", (target, 0), fontsize=SMALL_POINTS, color=MUTED, **at)
    for place, number in enumerate(order):
        colour = VERMILION if found.contenders[number] == OURS else BLUE
        shaken = place + generator.uniform(-0.18, 0.18, len(found.sets))
        axes.plot(found.each[:, number], shaken, "o", color=colour, markersize=3, alpha=0.35, markeredgewidth=0)
        axes.plot([found.low[number], found.high[number]], [place, place], color=colour, linewidth=1.4)
        axes.plot(found.mean[number], place, "o", color=colour, markersize=6)
    axes.set_yticks(range(len(order)), [KNOWN[found.contenders[number]].title for number in order])
    axes.set(xlim=(0.7, len(order) + 0.3), ylim=(-0.6, len(order) - 0.4), xticks=range(1, len(order) + 1))
