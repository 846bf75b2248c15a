"""`splinework report`: one page about a fitted model, on the rows of a table or by itself."""

from __future__ import annotations

from pathlib import Path

import click

from splinework.cli.complete import files_of
from splinework.cli.folder import check_file, check_order
from splinework.cli.json_output import json_text
from splinework.cli.progress import Stages
from splinework.errors import ConfigError


@click.command(no_args_is_help=True, short_help="Write a page about a fitted model, with data or without.")
@click.argument("model", shell_complete=files_of)
@click.argument("data", required=False, shell_complete=files_of)
@click.option(
    "--out", default="report.html", show_default=True, metavar="FILE.html", shell_complete=files_of, help="The page."
)
@click.option("--title", metavar="TEXT", help="Heading of the page.")
@click.option("--unseen", is_flag=True, help="The model was not fitted to DATA: judge it by these rows.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def report(
    model: str,
    data: str | None,
    out: str,
    title: str | None,
    unseen: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write a page about MODEL, a file that `fit` or `discover` wrote, and how it does on the rows of DATA.

    DATA is a CSV or Parquet file, or - for the standard input. The page needs no other file and no network. It shows the
    network, its edges and the formulas that were found with it; with DATA also the columns, and with the target among them the
    fit and its residuals.

    \b
    Examples:
      splinework report splinework-data/model.safetensors data.csv --out report.html
      splinework report splinework-data/model.safetensors new.csv --unseen --out new.html
    """
    check_order(model, data)
    if out == "-":
        raise ConfigError("the page is a file; name one with --out, such as report.html.")
    check_file(out, [model, *([data] if data else [])], example="report.html")
    if unseen and data is None:
        raise ConfigError(
            "--unseen says that the model has not seen DATA, but no DATA are given; name a file, or leave it out."
        )
    with Stages(quiet=quiet) as stages:
        stages.stage("loading the model", after=1.0)
        from splinework.cli.fitted import Fitted
        from splinework.cli.pages import rows_of, write_page
        from splinework.tabular.tables import read_table

        fitted, rows = Fitted(model), None
        if data is not None:
            stages.stage(f"reading {data if data != '-' else 'the standard input'}", after=1.0)
            rows = rows_of(read_table(data, tell=stages.share), fitted, unseen=unseen)
        stages.stage("drawing the page", after=1.0)
        write_page(fitted, Path(out), rows=rows, title=title, tell=stages.share)
    if as_json:
        count = 0 if rows is None else len(rows.x)
        results = {"rows": count, "notes": [] if rows is None else list(rows.remarks), "files": {"report": out}}
        click.echo(json_text(results), nl=False)
    elif not quiet:
        click.echo(f"open   {out}")
    if rows is not None and not quiet:
        for remark in rows.remarks:
            click.echo(f"note: {remark}", err=True)
