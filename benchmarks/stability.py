"""The spread of fits under changes of the last digits: rows of the panel with inputs moved a little, toys by other instructions.

The results are kept a line each in benchmarks/results/stability, so that a run goes on where it was stopped.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import numpy as np

from benchmarks import training
from benchmarks.lines import Record, Store
from benchmarks.panel import models
from benchmarks.panel.cases import Case, Sample, panel
from benchmarks.processes import Worker, commit, say
from benchmarks.tabular.tables import table
from tests.portable.moved import moved
from tests.portable.paths import Path as Instructions

FOLDER = Path(__file__).parent / "results" / "stability"
PAGE = Path(__file__).parents[1] / "docs" / "portability.md"
MOVES = 5
"""Fits of a case, each with inputs moved in another way."""
MOVE = 1e-15
"""Share of an input by which it is moved, up or down."""
FLOOR = 1e-9
"""Errors below this are as good as each other."""
EVEN, MOST = 1.2, 3.0
"""Ratio of the largest error of a case to its least that 95 % of the cases keep, and that all keep."""
MOST_ROWS = 1000
"""Rows of a case at most: the first of the target's drawn cells that has no more."""
TOYS = "toys"


@dataclass(frozen=True)
class Key:
    """The fields that identify a result.

    Attributes:
        model: `fit`, `regressor` or, of the toys, `toys`.
        case: A case of the panel, or the name of a toy.
        path: The instructions, as `tests.portable.paths` calls them.
        number: The number of the move, or the seed of the toy's rows.
    """

    model: str
    case: str
    path: str
    number: int


class Results(Store[Key]):
    """The files of a folder."""

    field: ClassVar[str] = "model"

    def __init__(self, folder: Path = FOLDER) -> None:
        super().__init__(folder)

    def key(self, record: Record) -> Key:
        """The key of a line."""
        return Key(record["model"], record["case"], record["path"], record["number"])


def cases() -> list[Case]:
    """One of every target of the half to develop with: its first drawn cell of at most `MOST_ROWS` rows."""
    found: dict[str, Case] = {}
    for case in panel("development", rounds=20):
        if case.rows <= MOST_ROWS:
            found.setdefault(case.name, case)
    return list(found.values())


def shaken(sample: Sample, number: int) -> Sample:
    """The rows with every input times 1 ± `MOVE`, by signs that the number draws."""
    signs = np.random.default_rng([5, number]).choice([-1.0, 1.0], sample.x.shape)
    return replace(sample, x=sample.x * (1 + MOVE * signs))


def describe(network: Any, last: str) -> str:
    """The winner: the widths and splines of the network, and the last stage or teacher of the fit."""
    layers = [f"{each.basis.grid}/{each.basis.degree}" for each in network.kan_layers]
    widths = [width if isinstance(width, int) else list(width) for width in network.config.shape]
    return f"{widths} {' '.join(layers)} {last}".strip()


def ready(question: dict[str, Any], folder: Path) -> Callable[[], tuple[models.Array, dict[str, Any]]]:
    """A fit, for `benchmarks.worker`: of a toy, or of the rows of a folder."""
    import splinework as sw

    if question["model"] == TOYS:
        toy = next(each for each in training.TOYS if each.name == question["case"])
        change = moved if question["moved"] else None
        return lambda: (np.array([training.run(toy, question["number"], change=change)["rmse"]]), {"winner": ""})
    with np.load(folder / "rows.npz") as rows:
        x, y, fresh = rows["x"], rows["y"], rows["fresh"]

    def fit() -> tuple[models.Array, dict[str, Any]]:
        if question["model"] == "fit":
            result = models.fitted_network(x, y)
            taught = any("taught the network" in text for text in result.history.notes)
            return models.predictions(result.model)(fresh), {
                "winner": describe(result.model, "taught" if taught else "")
            }
        model = models.fitted_regressor(x, y)
        assert isinstance(model.model_, sw.KAN)
        last = model.history_[-1]["stage"] if model.history_ else ""
        return np.asarray(model.predict(fresh)), {"winner": describe(model.model_, last)}

    return fit


def run_panel(names: Sequence[str], some: Sequence[Case], store: Results, path: Instructions, limit: float) -> None:
    """Fits every case as often as it is moved, by every entry point."""
    sought = [
        (Key(name, str(case), path.name, number), case)
        for case in some
        for name in names
        for number in range(1, MOVES + 1)
    ]
    missing = _missing(sought, store)
    worker = Worker(sys.executable, path.threads, path.variables)
    try:
        for place, (key, case) in enumerate(missing, 1):
            sample = case.sample()
            facts, predicted = worker.ask(_question(key, path), shaken(sample, key.number).write, limit)
            error = None if predicted is None else float(f"{sample.error(predicted):.6g}")
            _add(store, key, error, facts, f"[{place}/{len(missing)}]")
    finally:
        worker.close()


def run_toys(seeds: int, path: Instructions, store: Results, limit: float) -> None:
    """Fits every toy of the accuracy table by one path, with the first seeds."""
    sought = [(Key(TOYS, toy.name, path.name, seed), None) for toy in training.TOYS for seed in range(seeds)]
    missing = _missing(sought, store)
    worker = Worker(sys.executable, path.threads, path.variables)
    try:
        for place, (key, _) in enumerate(missing, 1):
            facts, found = worker.ask(_question(key, path), lambda folder: None, limit)
            _add(store, key, None if found is None else float(f"{found[0]:.3g}"), facts, f"[{place}/{len(missing)}]")
    finally:
        worker.close()


def _missing(sought: list[tuple[Key, Any]], store: Results) -> list[tuple[Key, Any]]:
    found = store.load(key.model for key, _ in sought)
    missing = [(key, what) for key, what in sought if key not in found]
    say(f"fits to run: {len(missing)}")
    return missing


def _question(key: Key, path: Instructions) -> dict[str, Any]:
    return {"module": "benchmarks.stability", "moved": path.moved, **vars(key)}


def _add(store: Results, key: Key, error: float | None, facts: dict[str, Any], place: str) -> None:
    store.add({**vars(key), "error": error, "commit": commit(), **facts})
    what = facts["problem"] or f"{error:.3g}"
    say(f"{place} {key.model} {key.case} {key.path} {key.number}: {what} ({facts['cpu_seconds'] or 0:.1f} s)")


@dataclass(frozen=True)
class Spread:
    """The fits of one case by one entry point.

    Attributes:
        case: The case.
        errors: Errors of its fits.
        winners: The winner of each fit, as `describe` writes it.
    """

    case: str
    errors: tuple[float, ...]
    winners: tuple[str, ...]

    @property
    def ratio(self) -> float:
        """The largest error over the least, those below `FLOOR` raised to it; infinite where a fit failed."""
        largest = max(self.errors)
        return max(largest, FLOOR) / max(min(self.errors), FLOOR) if np.isfinite(largest) else np.inf


def spreads(records: Iterable[Record], model: str) -> list[Spread]:
    """The cases that have all their fits, the widest spread first; a fit that failed has an infinite error."""
    by_case: dict[str, list[Record]] = {}
    for record in records:
        if record["model"] == model:
            by_case.setdefault(record["case"], []).append(record)
    found = [
        Spread(
            case,
            tuple(np.inf if each["error"] is None else each["error"] for each in fits),
            tuple(each.get("winner", "") for each in fits),
        )
        for case, fits in by_case.items()
        if len(fits) == MOVES
    ]
    return sorted(found, key=lambda each: -each.ratio)


def panel_page(store: Results) -> str:
    """The table of both entry points, and the cases whose errors differ by more than `EVEN`."""
    rows, worst = [], []
    for name in models.OURS:
        found = spreads(store.load([name]).values(), name)
        if not found:
            continue
        ratios = [each.ratio for each in found]
        same = sum(len(set(each.winners)) == 1 for each in found)
        even = sum(ratio <= EVEN for ratio in ratios)
        title = models.KNOWN[name].title
        rows.append(
            (
                f"`{title}`",
                str(len(found)),
                f"{median(ratios):.3f}",
                f"{even / len(found):.0%}",
                f"{ratios[0]:.3g}",
                f"{same / len(found):.0%}",
            )
        )
        worst += [
            (
                f"`{title}`",
                each.case,
                f"{min(each.errors):.2g}",
                f"{max(each.errors):.2g}",
                f"{each.ratio:.3g}",
                str(len(set(each.winners))),
            )
            for each in found
            if each.ratio > EVEN
        ]
    head = ("entry point", "targets", "median ratio", f"within {EVEN}", "worst ratio", "same winner in all five")
    parts = [table(head, rows)]
    if worst:
        parts.append(table(("entry point", "case", "least error", "largest error", "ratio", "winners"), worst))
    return "\n\n".join(parts)


def toys_page(store: Results, path_names: Sequence[str]) -> str:
    """A row for every toy and path with the most seeds: how many reach the figures, median and worst."""
    records = list(store.load([TOYS]).values())
    rows = []
    for toy in training.TOYS:
        for name in path_names:
            errors = [
                np.inf if each["error"] is None else each["error"]
                for each in records
                if each["case"] == toy.name and each["path"] == name
            ]
            if errors:
                reached = [
                    f"{sum(error <= bound for error in errors)}/{len(errors)}" for bound in (toy.paper, toy.target)
                ]
                rows.append((toy.name, name, *reached, f"{median(errors):.1e}", f"{max(errors):.1e}"))
    return table(("function", "path", "reach the paper's", "reach our target", "median", "worst"), rows)
