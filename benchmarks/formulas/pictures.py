"""Pictures of the answers: problems solved against the noise, and against the seconds that were needed."""

from pathlib import Path
from typing import Any

from benchmarks.formulas.tables import TITLES, Shown, most, target
from splinework.report.plot.style import AMBER, BLUE, GREEN, MUTED, legend, new_figure, tidy

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "formulas"
COLOURS = {"splinework": BLUE, "operon": AMBER, "gplearn": GREEN}
SUITES = ("27", "main", "bonus", "random")


def draw(shown: Shown, folder: Path) -> list[Path]:
    """Draws what the answers are enough for; returns the files."""
    present = [
        s
        for s in SUITES
        if s in shown.suites and any(shown.answers(s, lv, c) for lv in shown.levels for c in shown.contenders)
    ]
    if not present:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, panel in (("solved_against_noise.svg", _against_noise), ("solved_in_time.svg", _in_time)):
        figure = new_figure(3.2 * len(present) + 1.4, 3.4)
        grid = figure.subplots(1, len(present), squeeze=False)[0]
        for axes, suite in zip(grid, present, strict=True):
            panel(axes, shown, suite)
            axes.set_title(TITLES[suite])
            tidy(axes)
        legend(grid[-1], loc="center left", bbox_to_anchor=(1.02, 0.5))
        figure.savefig(folder / name, metadata={"Date": None})
        drawn.append(folder / name)
    return drawn


def _against_noise(axes: Any, shown: Shown, suite: str) -> None:
    """A line a contender, shares of the problems asked; the targets as ticks."""
    places = range(len(shown.levels))
    for contender in shown.contenders:
        counts = [shown.counted(suite, level, contender) for level in shown.levels]
        shares = [(place, 100 * c[0] / c[1]) for place, c in zip(places, counts, strict=True) if c]
        if shares:
            axes.plot(*zip(*shares, strict=True), "o-", color=COLOURS[contender], label=contender)
    size = len(shown.tasks[suite])
    targets = [(place, target(suite, level, size)) for place, level in zip(places, shown.levels, strict=True)]
    ticks = [(place, 100 * wanted / size) for place, wanted in targets if wanted is not None]
    if ticks:
        axes.plot(*zip(*ticks, strict=True), "_", color=MUTED, markersize=18, label="target")
    axes.set_xticks(list(places), [f"{100 * level:g} %" if level else "none" for level in shown.levels])
    axes.set(xlabel="noise, share of std(y)", ylabel="solved, %", ylim=(-3, 103))


def _in_time(axes: Any, shown: Shown, suite: str) -> None:
    """Share of the problems solved within a number of seconds, at the least noise."""
    level = shown.levels[0]
    for contender in shown.contenders:
        groups = shown.answers(suite, level, contender)
        times = sorted(
            sorted(record["seconds"] for record in group)[len(group) // 2] for group in groups.values() if most(group)
        )
        if times:
            shares = [100 * (number + 1) / len(groups) for number in range(len(times))]
            axes.step(times, shares, where="post", color=COLOURS[contender], label=contender)
    axes.set(xlabel=f"seconds, noise {100 * level:g} %", ylabel="solved, %", ylim=(-3, 103), xscale="log")
