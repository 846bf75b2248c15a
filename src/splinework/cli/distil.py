"""`splinework distil`: an ONNX file of any model and rows of its inputs to a network of splines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from splinework.cli.complete import files_of
from splinework.cli.folder import check_file
from splinework.cli.json_output import finite, json_text
from splinework.cli.progress import Stages
from splinework.errors import ConfigError, DataError

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

    from splinework.knowledge.teach.distil import DistillationResult
    from splinework.tabular.tables import FileTable


@click.command(no_args_is_help=True, short_help="Distil any model from an ONNX file into a network of splines.")
@click.argument("teacher", shell_complete=files_of)
@click.argument("data", shell_complete=files_of)
@click.option(
    "--out", required=True, metavar="MODEL.safetensors", shell_complete=files_of, help="File for the student."
)
@click.option("--features", metavar="A,B,…", help="The teacher's inputs, in its order; without it all columns of DATA.")
@click.option("--output", metavar="NAME", help="Which output of the teacher; without it probabilities, else numbers.")
@click.option(
    "--points", type=click.IntRange(16, 1_000_000), default=2000, show_default=True, help="Answers to learn from."
)
@click.option("--blur", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Smooth a teacher of steps.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything random.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def distil(
    teacher: str,
    data: str,
    out: str,
    features: str | None,
    output: str | None,
    points: int,
    blur: float,
    seed: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Distil TEACHER, an ONNX file, into a network of splines, asking it near the rows of DATA and all over their box.

    How close the student is comes as R², on rows that it has not seen and on the whole box. Of a classifier it learns log odds.

    \b
    Examples:
      splinework distil forest.onnx rows.csv --features age,income --out student.safetensors
    """
    if Path(teacher).suffix.lower() != ".onnx":
        raise ConfigError(
            f"the teacher is an ONNX file, TEACHER.onnx, got {teacher}; models of others are exported to that."
        )
    check_file(out, [teacher, data], example="student.safetensors")
    with Stages(quiet=quiet) as stages:
        stages.stage("reading the rows", after=1.0)
        import warnings

        from splinework.cli.sample import split_names
        from splinework.errors import FitWarning
        from splinework.knowledge.teach.black_box import black_box
        from splinework.knowledge.teach.distil import distil as learn
        from splinework.knowledge.teach.query_points import QueryPoints
        from splinework.nn.checkpoint import save
        from splinework.nn.network import KAN
        from splinework.tabular.tables import read_table

        table = read_table(data, tell=stages.share)
        names = split_names(features) if features is not None else list(table.columns)
        x = _rows(table, names)
        stages.stage("learning from the teacher", after=1.0)
        outputs = black_box(teacher, x.shape[1], output=output).values(x[:1]).shape[1]
        student = KAN([len(names), min(2 * len(names) + 1, 12), outputs], names=names)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)  # its notes are printed
            found = learn(
                teacher,
                x,
                model=student,
                points=QueryPoints(points, blur=blur),
                output=output,
                seed=seed,
                progress=False,
            )
        save(found.model, out, notes={"distilled": Path(teacher).name, "r2": {"rows": found.rows, "box": found.box}})
    if as_json:
        click.echo(json_text(_results(found, out)), nl=False)
    elif not quiet:
        kind = f" of {found.kind}" if found.kind != "values" else ""
        click.echo(f"R²{kind}: {found.rows:.5f} on rows, {found.box:.5f} on the box; {found.asked} answers, {out}")
        for note in found.notes:
            click.echo(f"note: {note}")


def _rows(table: FileTable, names: list[str]) -> NDArray[float64]:
    """The columns, without rows that lack a cell.

    Raises:
        DataError: If a column is missing or holds no numbers, or no row is whole.
    """
    import numpy as np

    from splinework.cli.fitted import column_of, refuse_lacking

    refuse_lacking(table, names)
    x = np.column_stack([column_of(table, name) for name in names]) if names else np.zeros((0, 0))
    whole = x[np.isfinite(x).all(axis=1)]
    if len(whole) < 2:
        raise DataError(
            f"{table.name} has {len(whole)} rows without missing cells in {', '.join(names)}; 2 are needed."
        )
    return whole


def _results(found: DistillationResult, out: str) -> dict[str, Any]:
    """Everything as JSON values."""
    return {
        "model": out,
        "kind": found.kind,
        "r2_rows": finite(found.rows),
        "r2_box": finite(found.box),
        "agreement": finite(found.agreement),
        "asked": found.asked,
        "rounds": [{"points": count, "r2_box": finite(r2)} for count, r2 in found.rounds],
        "notes": list(found.notes),
    }
