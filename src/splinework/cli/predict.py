"""`splinework predict`: a model and new rows to predictions beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from splinework.cli import common
from splinework.cli.complete import files_of
from splinework.cli.folder import check_file, check_order, new_file
from splinework.cli.json_output import finite, json_text
from splinework.cli.options import argument, command, takes
from splinework.cli.progress import Stages
from splinework.errors import ConfigError
from splinework.formula.figures import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from splinework.cli.predictions import Columns, Predictor


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """The options as they were given."""

    model: str = argument(shell_complete=files_of)
    data: str = argument(shell_complete=files_of)
    out: str | None = common.out("PRED.csv", "File for the predictions, - for standard output; not needed with --json.")
    max_unpacked: float | None = common.max_unpacked()
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()


@command(no_args_is_help=True, short_help="Predict for new rows with a fitted model.")
@takes(PredictOptions)
def predict(options: PredictOptions) -> None:
    """Predict the rows of DATA (- for the standard input) with MODEL, a file written by `fit` or `discover`.

    The columns of DATA are kept unchanged and may be in any order; the prediction is added as the last column. Rows with a
    missing cell get no prediction and are counted.

    \b
    Examples:
      splinework predict splinework-data/model.safetensors new.csv --out predictions.csv
      splinework predict splinework-data/model.safetensors - --out - < new.csv > predictions.csv
    """
    check_order(options.model, options.data)
    _check_out(options.out, options.model, options.data, as_json=options.as_json)
    kept: list[Columns] = []
    with Stages(quiet=options.quiet) as stages, new_file(options.out) as file:
        stages.stage("loading the model", after=1.0)
        from splinework.cli.fitted import ModelFile
        from splinework.cli.predictions import Predictor, as_csv
        from splinework.tabular.tables import table_chunks

        predictor = Predictor(ModelFile(options.model))
        source = options.data if options.data != "-" else "the standard input"
        stages.stage(f"predicting for {source}", after=1.0)
        for table in table_chunks(options.data, tell=stages.share, max_unpacked=options.max_unpacked):
            first = not predictor.rows
            found = predictor.columns(table)
            if file is None:
                kept.append(found)
            else:
                file.write(as_csv(table, found, header=first))
    if options.as_json:
        click.echo(json_text(_results(predictor, kept, options.out)), nl=False)
    if not options.quiet:
        for remark in predictor.remarks:
            click.echo(f"note: {remark}", err=True)
        if options.out not in ("-", None):
            click.echo(f"{plural(predictor.rows, 'row')} with {', '.join(predictor.names)} in {options.out}", err=True)


def _results(predictor: Predictor, kept: Sequence[Columns], out: str | None) -> dict[str, Any]:
    """The results as JSON values, with the predictions unless they are in a file."""
    results: dict[str, Any] = {
        "rows": predictor.rows,
        "predicted": predictor.predicted,
        "columns": list(predictor.names),
        "notes": predictor.remarks,
        "files": {} if out is None else {"predictions": out},
    }
    if out is None:
        results["predictions"] = {name: [v for part in kept for v in _plain(part[name])] for name in predictor.names}
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
