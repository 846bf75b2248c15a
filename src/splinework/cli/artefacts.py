"""The files that a job leaves: model, formulas, figures and report; of `discover` also the Pareto table and the splines."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from splinework.cli.json_output import json_text, only
from splinework.cli.splines import SPLINE_FIELDS, splines_of, values_of
from splinework.nn.files import write_into

if TYPE_CHECKING:
    from splinework.cli.job import FitOutcome

FILES: Final = ("model.safetensors", "equations.csv", "metrics.json", "report.html")
DISCOVERED: Final = (*FILES, "pareto.csv", "splines.csv")
EQUATION_FIELDS: Final = ("rank", "target", "formula", "complexity", "rmse_train", "rmse_test", "r2_test")
PARETO_FIELDS: Final = (
    "complexity", "constants", "rmse_train", "rmse_held_out", "bits", "probability", "rank", "target", "formula"
)  # fmt: skip


def write_artefacts(
    outcome: FitOutcome,
    folder: Path,
    *,
    title: str,
    files: Sequence[str] = FILES,
    tell: Callable[[float], None] = lambda share: None,
) -> dict[str, str]:
    """Writes the files, all or none; returns the path of each by its kind, such as `report`.

    Args:
        outcome: Results of the fit.
        folder: Where to.
        title: Title of the report.
        files: Those that there may be. A model is written if there is one, splines if a formula still contains some; those
            of an earlier run are removed.
        tell: Function called with the share of the report that is done.
    """
    splines = splines_of(outcome.table.rows)
    writers: dict[str, Callable[[Path], None]] = {
        "equations.csv": partial(write_rows, outcome.equations, EQUATION_FIELDS),
        "metrics.json": partial(write_text, json_text(outcome.metrics)),
        "report.html": partial(_write_report, outcome, title, tell),
        "pareto.csv": partial(write_rows, _simplest_first(outcome.equations), PARETO_FIELDS),
    }
    if outcome.table.model is not None:
        writers["model.safetensors"] = partial(_write_model, outcome)
    if splines:
        writers["splines.csv"] = partial(write_rows, values_of(splines), SPLINE_FIELDS)
    written = {name: writers[name] for name in files if name in writers}
    write_into(folder, written, without=[name for name in files if name not in written])
    return {Path(name).stem: str(folder / name) for name in written}


def _simplest_first(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records of each target, by complexity."""
    targets = list(dict.fromkeys(record["target"] for record in records))
    return sorted(records, key=lambda r: (targets.index(r["target"]), r["complexity"], r["rank"]))


def _write_model(outcome: FitOutcome, path: Path) -> None:
    from splinework.nn.checkpoint import save

    save(outcome.table.model, path, notes=outcome.header)


def write_rows(records: Sequence[dict[str, Any]], names: Sequence[str], path: Path) -> None:
    """Writes fields of records as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(only(record, names) for record in records)


def write_text(text: str, path: Path) -> None:
    """Writes a text."""
    path.write_text(text, encoding="utf-8")


def _write_report(outcome: FitOutcome, title: str, tell: Callable[[float], None], path: Path) -> None:
    from splinework.report import report

    found = outcome.table
    x, y = outcome.prepared.train
    # What gives a derivative or a relation cannot be held against the column.
    rows: dict[str, Any] = {"x": x, "y": y, "test": outcome.prepared.test} if outcome.of_the_target else {}
    report(
        found.model,
        path,
        **rows,
        table=found,
        history=found.history,
        notes=outcome.notes,
        title=title,
        metrics=outcome.metrics,
        tell=tell,
    )
