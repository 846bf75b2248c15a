"""`splinework predict`: a model and new rows to predictions beside them."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from splinework.cli import common
from splinework.cli.complete import files_of
from splinework.cli.folder import check_file, check_order
from splinework.cli.json_output import finite, json_text
from splinework.cli.options import argument, command, takes
from splinework.cli.progress import Stages
from splinework.errors import ConfigError
from splinework.formula.figures import plural

if TYPE_CHECKING:
    from splinework.cli.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """The options as they were given."""

    model: str = argument(shell_complete=files_of)
    data: str = argument(shell_complete=files_of)
    out: str | None = common.out("PRED.csv", "File for the predictions, - for standard output; not needed with --json.")
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()


@command(no_args_is_help=True, short_help="Predict for new rows with a fitted model.")
@takes(PredictOptions)
def predict(options: PredictOptions) -> None:
    """Predict with MODEL, a file that `fit` or `discover` wrote, for the rows of DATA (- for the standard input).

    The columns of DATA are kept as they are and may come in any order; the prediction is one more column at the end. Rows
    that lack a cell get no prediction, and are counted.

    \b
    Examples:
      splinework predict splinework-data/model.safetensors new.csv --out predictions.csv
      splinework predict splinework-data/model.safetensors - --out - < new.csv > predictions.csv
    """
    check_order(options.model, options.data)
    _check_out(options.out, options.model, options.data, as_json=options.as_json)
    with Stages(quiet=options.quiet) as stages:
        stages.stage("loading the model", after=1.0)
        from splinework.cli.fitted import ModelFile
        from splinework.cli.folder import write_file
        from splinework.cli.predictions import as_csv, predictions
        from splinework.tabular.tables import read_table

        fitted = ModelFile(options.model)
        stages.stage(f"reading {options.data if options.data != '-' else 'the standard input'}", after=1.0)
        table = read_table(options.data, tell=stages.share)
        stages.stage("predicting", after=1.0)
        found = predictions(table, fitted, stages.share)
        content = b""
        if options.out is not None:
            stages.stage("writing the predictions", after=1.0)
            content = as_csv(table, found, stages.share)
            if options.out != "-":
                write_file(
                    Path(options.out), gzip.compress(content, mtime=0) if options.out.endswith(".gz") else content
                )
    if options.as_json:
        click.echo(json_text(_results(found, options.out)), nl=False)
    elif options.out == "-":
        click.echo(content, nl=False)
    if not options.quiet:
        for remark in found.remarks:
            click.echo(f"note: {remark}", err=True)
        if options.out not in ("-", None):
            click.echo(f"{plural(len(found), 'row')} with {', '.join(found.columns)} in {options.out}", err=True)


def _results(found: Predictions, out: str | None) -> dict[str, Any]:
    """The results as JSON values, with the predictions unless they are in a file."""
    results: dict[str, Any] = {
        "rows": len(found),
        "predicted": found.rows,
        "columns": list(found.columns),
        "notes": list(found.remarks),
        "files": {} if out is None else {"predictions": out},
    }
    if out is None:
        results["predictions"] = {name: _plain(column) for name, column in found.columns.items()}
    return results


def _plain(column: Any) -> list[Any]:
    """A column as JSON values."""
    return [finite(value) for value in column.tolist()] if column.dtype.kind == "f" else list(map(str, column.tolist()))


def _check_out(out: str | None, model: str, data: str, *, as_json: bool) -> None:
    """Refuses to overwrite the input, and unsupported formats."""
    if out is None:
        if not as_json:
            raise ConfigError(
                "predict needs --out, a file for the predictions such as --out predictions.csv; or --out -."
            )
        return
    if out == "-":
        if as_json:
            raise ConfigError("--json and --out - both want the standard output; leave --out out, or name a file.")
        return
    path = Path(out)
    if path.suffix.lower() in (".parquet", ".pq"):
        raise ConfigError(f"predictions are written as CSV; name the file {path.with_suffix('.csv')}.")
    check_file(out, [model, data], example="predictions.csv")
