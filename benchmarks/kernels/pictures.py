"""The pictures of the documentation: time against the grid, time against the width, share of the machine's peak."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.results import Case, Results
from splinework.report.plot.style import AMBER, BLUE, GREEN, INK, MUTED, PURPLE, VERMILION, legend, new_figure, tidy

GRID_CONFIGS = ("A", "B", "C")
COLOURS = {
    "splinework": BLUE,
    "splinework, reference": "#56b4e9",
    "efficient-kan": VERMILION,
    "fast-kan": AMBER,
    "inkan": GREEN,
    "kanditioned": PURPLE,
    "pykan": INK,
    "MLP, same width": "#9aa5b1",
    "MLP, same parameters": MUTED,
}


def draw(results: Results, folder: Path) -> list[tuple[str, str]]:
    """Draws what the results are enough for.

    Returns:
        The path of each picture relative to the folder above, and its caption.
    """
    threads = max((case.job.threads for case in results.cases), default=1)
    cases = [
        case
        for case in results.cases
        if (case.job.mode, case.job.dtype, case.job.threads) == ("backward", "float32", threads)
    ]
    words = f"float32, threads: {threads}"
    drawn = []
    by_grid = {name: [c for c in cases if c.job.config == name] for name in GRID_CONFIGS}
    by_grid = {name: found for name, found in by_grid.items() if len({c.job.grid for c in found}) > 1}
    if by_grid:
        figure = new_figure(3.4 * len(by_grid) + 1.6, 3.4)
        _lines(figure, by_grid, lambda case: case.job.grid, "grid intervals G")
        caption = f"Time of forward + backward against the grid, {words}. Dashed: behind torch.compile."
        drawn.append(_saved(figure, folder, "time_against_grid.svg", caption))
    by_width = [c for c in cases if c.job.config.startswith("W")]
    if len(by_width) > 1:
        figure = new_figure(5.6, 3.6)
        _lines(figure, {"W": by_width}, lambda case: case.job.shape[0], "inputs and outputs of a layer")
        caption = f"Time of forward + backward against the width, B={by_width[0].job.batch}, G={by_width[0].job.grid}, {words}."
        drawn.append(_saved(figure, folder, "time_against_width.svg", caption))
    shares = [
        case
        for case in results.cases
        if case.job.config in GRID_CONFIGS
        and case.job.mode in ("forward", "backward")
        and (case.job.dtype, case.job.threads) == ("float32", threads)
        and results.peak(case.job)
    ]
    if shares:
        figure = new_figure(7.4, 0.9 + 0.3 * len(shares))
        _shares(figure, shares, results)
        caption = (
            "Share of the machine's measured multiply-add peak: the fewest multiply-adds that cubic splines need "
            f"(5 per edge, row and pass), over time and peak, {words}. The faster of eager and compiled."
        )
        drawn.append(_saved(figure, folder, "share_of_peak.svg", caption))
    return drawn


def _lines(figure: Any, panels: dict[str, list[Case]], across: Any, label: str) -> None:
    """A panel for each group, a line for each contender."""
    figure.set_layout_engine("constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, (name, cases) in zip(axes, panels.items(), strict=True):
        ordered = sorted(cases, key=across)
        for contender in dict.fromkeys(row.contender for case in ordered for row in case.rows):
            points = [
                (across(case), 1e3 * row.minimum)
                for case in ordered
                for row in case.rows
                if row.contender == contender and row.status == "ok"
            ]
            if points:
                bare, compiled = contender.removesuffix(", compiled"), contender.endswith(", compiled")
                ax.plot(
                    *zip(*points, strict=True),
                    color=COLOURS.get(bare, MUTED),
                    linestyle="--" if compiled else "-",
                    linewidth=2.2 if bare == "splinework" else 1.1,
                    marker="o",
                    markersize=3,
                    label=contender if ax is axes[-1] else None,
                )
        ax.set_xscale("log")
        ax.set_yscale("log")
        job = ordered[0].job
        title = "square layers" if name == "W" else f"{name}: {list(job.shape)}, B={job.batch}"
        tidy(ax, x=label, y="ms" if ax is axes[0] else "", title=title)
        ticks = sorted({across(case) for case in ordered})
        ax.set_xticks(ticks, [str(tick) for tick in ticks])
        ax.minorticks_off()
    legend(axes[-1], loc="center left", bbox_to_anchor=(1.0, 0.5))


def _shares(figure: Any, cases: Sequence[Case], results: Results) -> None:
    """A row for each case, a point for each contender."""
    figure.set_layout_engine("constrained")
    ax = figure.subplots()
    labels, seen = [], set()
    for height, case in enumerate(cases):
        job, peak = case.job, results.peak(case.job)
        labels.append(f"{job.config}, G={job.grid}, {'forward' if job.mode == 'forward' else 'forward + backward'}")
        best: dict[str, float] = {}
        for row in case.rows:
            if row.status == "ok" and not row.family.startswith("mlp") and row.family != "linear":
                bare = row.contender.removesuffix(", compiled")
                share = 100 * job.multiply_adds() / row.minimum / peak
                best[bare] = max(best.get(bare, 0.0), share)
        for name, share in best.items():
            ax.plot(
                share,
                height,
                "D" if name == "splinework" else "o",
                color=COLOURS.get(name, MUTED),
                markersize=7 if name == "splinework" else 5,
                label=None if name in seen else name,
            )
            seen.add(name)
    ax.set_xscale("log")
    ax.axvline(100, color=INK, linewidth=1)
    ax.set_ylim(len(cases) - 0.5, -0.5)
    tidy(ax, x="% of the machine's multiply-add peak")
    ax.set_yticks(range(len(labels)), labels)
    legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _saved(figure: Any, folder: Path, name: str, caption: str) -> tuple[str, str]:
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": name}):  # the same results give the same file
        figure.savefig(folder / name, metadata={"Date": None})
    return f"{folder.name}/{name}", caption
