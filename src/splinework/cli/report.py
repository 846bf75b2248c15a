"""`splinework report`: one page about a fitted model, on the rows of a table or by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from splinework.cli import common
from splinework.cli.complete import files_of
from splinework.cli.folder import check_file, check_order
from splinework.cli.json_output import json_text
from splinework.cli.options import argument, command, option, takes
from splinework.cli.progress import Stages
from splinework.errors import ConfigError

if TYPE_CHECKING:
    from splinework.cli.fitted import ModelFile
    from splinework.cli.many_rows import ManyRows
    from splinework.tabular.tables import FileTable

MAX_ROWS: Final = 50_000
"""Rows that a page shows of a data set of several files."""


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """The options as they were given."""

    model: str = argument(shell_complete=files_of)
    data: str | None = argument(required=False, shell_complete=files_of)
    max_unpacked: float | None = common.max_unpacked()
    held_out: bool = option(
        default=False, help="The rows of DATA were not used for training.", group=common.INPUT_GROUP
    )
    out: str = common.out("FILE.html", "The page.", default="report.html")
    title: str | None = option(metavar="TEXT", help="Heading of the page.", group=common.OUTPUT_GROUP)
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()


@command(no_args_is_help=True, short_help="Write a report on a fitted model, with or without data.")
@takes(ReportOptions)
def report(options: ReportOptions) -> None:
    """Write a report on MODEL, a file written by `fit` or `discover`, and on its fit to the rows of DATA.

    DATA is a CSV or Parquet file, or - for the standard input; or a folder of such files, or a pattern: then the report shows
    rows drawn evenly from all of them, and the errors of all rows are printed. The report is one HTML file that loads nothing.
    It shows the network, its edges and the formulas found with it; with DATA also the columns and, if the target is among
    them, the fit and its residuals.

    \b
    Examples:
      splinework report splinework-data/model.safetensors data.csv --out report.html
      splinework report splinework-data/model.safetensors new.csv --held-out --out new.html
    """
    check_order(options.model, options.data)
    if options.out == "-":
        raise ConfigError("the page is a file; name one with --out, such as report.html.")
    check_file(options.out, [options.model, *([options.data] if options.data else [])], example="report.html")
    if options.held_out and options.data is None:
        raise ConfigError("--held-out is about the rows of DATA, but no DATA are given; name a file, or leave it out.")
    with Stages(quiet=options.quiet) as stages:
        stages.stage("loading the model", after=1.0)
        from splinework.cli.fitted import ModelFile
        from splinework.cli.pages import rows_of, write_page
        from splinework.tabular.tables import read_table
        from splinework.tabular.tables.arrow_rows import is_many

        fitted, rows, all_rows = ModelFile(options.model), None, None
        if options.data is not None:
            stages.stage(f"reading {options.data if options.data != '-' else 'the standard input'}", after=1.0)
            if is_many(options.data):
                table, all_rows = _many(options.data, fitted, stages)
            else:
                table = read_table(options.data, tell=stages.share, max_unpacked=options.max_unpacked)
            rows = rows_of(table, fitted, held_out=options.held_out)
        stages.stage("drawing the page", after=1.0)
        write_page(fitted, Path(options.out), rows=rows, title=options.title, tell=stages.share)
    if options.as_json:
        count = 0 if rows is None else len(rows.x)
        notes = [] if rows is None else list(rows.remarks)
        results: dict[str, Any] = {"rows": count, "notes": notes, "files": {"report": options.out}}
        if all_rows is not None:
            results["figures"] = all_rows.figures.summary
        click.echo(json_text(results), nl=False)
    elif not options.quiet:
        click.echo(f"open   {options.out}")
    if rows is not None and not options.quiet:
        for remark in [*rows.remarks, *([] if all_rows is None else all_rows.remarks)]:
            click.echo(f"note: {remark}", err=True)


def _many(data: str, fitted: ModelFile, stages: Stages) -> tuple[FileTable, ManyRows]:
    """Some rows of a data set, and the errors of all."""
    from splinework.cli.many_rows import ManyRows
    from splinework.cli.predictions import Predictor
    from splinework.tabular.tables.arrow_rows import arrow_rows

    work = ManyRows(arrow_rows(data), Predictor(fitted))
    table = work.rows.sample(MAX_ROWS, stages.share)
    stages.stage(f"predicting for {data}", after=1.0)
    work.measure(stages)
    return table, work
