"""`splinework distil`: an ONNX file of any model and rows of its inputs to a network of splines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from splinework.cli import common
from splinework.cli.complete import files_of
from splinework.cli.folder import check_file
from splinework.cli.json_output import finite, json_text
from splinework.cli.options import argument, command, option, takes
from splinework.cli.progress import Stages
from splinework.errors import ConfigError, DataError

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

    from splinework.knowledge.teach.distil import DistillationResult
    from splinework.tabular.tables import FileTable


@dataclass(frozen=True, kw_only=True)
class DistilOptions:
    """The options as they were given."""

    teacher: str = argument(shell_complete=files_of)
    data: str = argument(shell_complete=files_of)
    max_unpacked: float | None = common.max_unpacked()
    features: tuple[str, ...] = common.features(", in the order of the teacher", "all columns of DATA")
    output: str | None = option(
        metavar="NAME",
        show_default="probabilities, else numbers",
        help="Output of the teacher.",
        group=common.INPUT_GROUP,
    )
    points: int = option(
        default=2000,
        within=(16, 1_000_000),
        metavar="N",
        help="Number of queries to the teacher.",
        group=common.SEARCH_GROUP,
    )
    blur: float = option(
        default=0.0,
        type=click.FloatRange(0, 1),
        metavar="SHARE",
        help="Smooth a piecewise constant teacher.",
        group=common.SEARCH_GROUP,
    )
    seed: int = common.seed()
    out: str = common.out("MODEL.safetensors", "File for the student.", required=True)
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()


@command(no_args_is_help=True, short_help="Distil any model from an ONNX file into a network of splines.")
@takes(DistilOptions)
def distil(options: DistilOptions) -> None:
    """Distil TEACHER, an ONNX file, into a network of splines, queried near the rows of DATA and throughout their box.

    The fidelity of the student is given as R², on held-out rows and on the whole box. For a classifier it learns log odds.

    \b
    Examples:
      splinework distil forest.onnx rows.csv --features age,income --out student.safetensors
    """
    if Path(options.teacher).suffix.lower() != ".onnx":
        raise ConfigError(
            f"the teacher is an ONNX file, TEACHER.onnx, got {options.teacher}; models of others are exported to that."
        )
    check_file(options.out, [options.teacher, options.data], example="student.safetensors")
    with Stages(quiet=options.quiet) as stages:
        stages.stage("reading the rows", after=1.0)
        import warnings

        from splinework.errors import FitWarning
        from splinework.knowledge.teach.black_box import black_box
        from splinework.knowledge.teach.distil import distil as learn
        from splinework.knowledge.teach.query_points import QueryPoints
        from splinework.nn.checkpoint import save
        from splinework.nn.network import KAN
        from splinework.tabular.tables import read_table

        table = read_table(options.data, tell=stages.share, max_unpacked=options.max_unpacked)
        names = list(options.features) or list(table.columns)
        x = _rows(table, names)
        stages.stage("learning from the teacher", after=1.0)
        outputs = black_box(options.teacher, x.shape[1], output=options.output).values(x[:1]).shape[1]
        student = KAN([len(names), min(2 * len(names) + 1, 12), outputs], names=names)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)  # its notes are printed
            points = QueryPoints(options.points, blur=options.blur)
            found = learn(
                options.teacher,
                x,
                model=student,
                points=points,
                output=options.output,
                seed=options.seed,
                progress=False,
            )
        notes = {"distilled": Path(options.teacher).name, "r2": {"rows": found.rows, "box": found.box}}
        save(found.model, options.out, notes=notes)
    if options.as_json:
        click.echo(json_text(_results(found, options.out)), nl=False)
    elif not options.quiet:
        kind = f" of {found.kind}" if found.kind != "values" else ""
        click.echo(
            f"R²{kind}: {found.rows:.5f} on rows, {found.box:.5f} on the box; {found.asked} answers, {options.out}"
        )
        for note in found.notes:
            click.echo(f"note: {note}")


def _rows(table: FileTable, names: list[str]) -> NDArray[float64]:
    """The columns, without rows with missing cells.

    Raises:
        DataError: If a column is missing or holds no numbers, or every row has missing cells.
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
    """The results as JSON values."""
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
