"""The four files that a job leaves: model, formulas, figures and report."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from splinework.cli.folder import write_folder

if TYPE_CHECKING:
    from splinework.cli.job import Outcome

FILES: Final = ("model.safetensors", "equations.csv", "metrics.json", "report.html")
EQUATION_FIELDS: Final = ("rank", "target", "formula", "complexity", "rmse_train", "rmse_test", "r2_test")


def write_artefacts(outcome: Outcome, folder: Path, *, title: str) -> dict[str, str]:
    """Writes the four files, all or none; returns the path of each by its kind.

    Raises:
        FileError: If the folder cannot be written.
    """
    names = dict(zip(("model", "equations", "metrics", "report"), FILES, strict=True))
    writers = {
        names["model"]: lambda path: _write_model(outcome, path),
        names["equations"]: lambda path: _write_equations(outcome.equations, path),
        names["metrics"]: lambda path: _write_text(json_text(outcome.metrics), path),
        names["report"]: lambda path: _write_report(outcome, path, title),
    }
    write_folder(folder, writers)
    return {kind: str(folder / name) for kind, name in names.items()}


def json_text(values: Any) -> str:
    """JSON as the standard has it, without NaN, ending in a line end."""
    return json.dumps(values, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _write_model(outcome: Outcome, path: Path) -> None:
    from splinework.checkpoint import save

    save(outcome.table.model, path, notes=outcome.header)


def _write_equations(equations: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, EQUATION_FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(equations)


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _write_report(outcome: Outcome, path: Path, title: str) -> None:
    from splinework.report import report

    found = outcome.table
    x, y = outcome.prepared.train
    report(
        found.model,
        path,
        x=x,
        y=y,
        table=found,
        history=found.history,
        test=outcome.prepared.test,
        notes=outcome.notes,
        title=title,
        metrics=outcome.metrics,
    )
