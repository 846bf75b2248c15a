"""`splinework predict`: a model and new rows to predictions beside them."""

from __future__ import annotations

import os
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
    from collections.abc import Iterator, Sequence

    from splinework.cli.many_rows import ManyRows
    from splinework.cli.predictions import Columns, Predictor
    from splinework.tabular.tables import FileTable


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """The options as they were given."""

    model: str = argument(shell_complete=files_of)
    data: str = argument(shell_complete=files_of)
    out: str | None = common.out(
        "PRED.csv", "CSV or Parquet file for the predictions, FOLDER/ for one file a piece, - for standard output."
    )
    max_unpacked: float | None = common.max_unpacked()
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()


@command(no_args_is_help=True, short_help="Predict for new rows with a fitted model.")
@takes(PredictOptions)
def predict(options: PredictOptions) -> None:
    """Predict the rows of DATA (- for the standard input) with MODEL, a file written by `fit` or `discover`.

    The columns of DATA are kept unchanged and may be in any order; the prediction is added as the last column. Rows with a
    missing cell get no prediction and are counted.

    DATA is a CSV or Parquet file, a folder of such files, or a pattern such as 'rows-*.parquet'; folders named key=value
    become columns. With --out FOLDER/ there is a Parquet file for each piece of DATA, and the same command goes on where
    it was interrupted. Memory does not grow with the rows.

    \b
    Examples:
      splinework predict splinework-data/model.safetensors rows/ --out predictions/
      splinework predict splinework-data/model.safetensors new.csv --out predictions.csv
      splinework predict splinework-data/model.safetensors - --out - < new.csv > predictions.csv
    """
    check_order(options.model, options.data)
    _check_out(options.out, options.model, options.data, as_json=options.as_json)
    kept: list[Columns] = []
    work: ManyRows | None = None
    with Stages(quiet=options.quiet) as stages:
        stages.stage("loading the model", after=1.0)
        from splinework.cli.fitted import ModelFile
        from splinework.cli.predictions import Predictor, as_csv

        predictor = Predictor(ModelFile(options.model))
        source = options.data if options.data != "-" else "the standard input"
        stages.stage(f"predicting for {source}", after=1.0)
        if _is_parquet(options.out) or _is_folder(options.out):
            work = _predict_many(options, predictor, stages)
        else:
            with new_file(options.out) as file:
                for table in _tables(options, stages):
                    first = not predictor.rows
                    found = predictor.columns(table)
                    if file is None:
                        kept.append(found)
                    else:
                        file.write(as_csv(table, found, header=first))
    if options.as_json:
        click.echo(json_text(_results(predictor, kept, options.out, work)), nl=False)
    if not options.quiet:
        for remark in [*predictor.remarks, *([] if work is None else work.remarks)]:
            click.echo(f"note: {remark}", err=True)
        if options.out not in ("-", None):
            click.echo(f"{plural(predictor.rows, 'row')} with {', '.join(predictor.names)} in {options.out}", err=True)


def _tables(options: PredictOptions, stages: Stages) -> Iterator[FileTable]:
    """The rows part by part: of one file as it is written, or of several as Arrow reads them."""
    from splinework.tabular.tables import table_chunks
    from splinework.tabular.tables.arrow_rows import arrow_rows, is_many

    if not is_many(options.data):
        yield from table_chunks(options.data, tell=stages.share, max_unpacked=options.max_unpacked)
        return
    rows = arrow_rows(options.data)
    yield from rows.tables(stages.share)


def _predict_many(options: PredictOptions, predictor: Predictor, stages: Stages) -> ManyRows:
    """Predictions as Parquet, a file or a folder."""
    from splinework.cli.many_rows import ManyRows
    from splinework.tabular.tables.arrow_rows import arrow_rows

    assert options.out is not None
    if options.data == "-":
        raise ConfigError("Parquet is written from files, not from the standard input; name a file, or write CSV.")
    work = ManyRows(arrow_rows(options.data), predictor)
    if _is_folder(options.out):
        work.into_folder(Path(options.out), Path(options.model), stages)
    else:
        work.into_file(Path(options.out), stages)
    return work


def _is_parquet(out: str | None) -> bool:
    return out is not None and Path(out).suffix.lower() in (".parquet", ".pq")


def _is_folder(out: str | None) -> bool:
    return out is not None and (out.endswith(("/", os.sep)) or Path(out).is_dir())


def _results(predictor: Predictor, kept: Sequence[Columns], out: str | None, work: ManyRows | None) -> dict[str, Any]:
    """The results as JSON values, with the predictions unless they are in a file."""
    results: dict[str, Any] = {
        "rows": predictor.rows,
        "predicted": predictor.predicted,
        "columns": list(predictor.names),
        "notes": predictor.remarks,
        "files": {} if out is None else {"predictions": out},
    }
    if work is not None:
        results["figures"], results["pieces_done_before"] = work.figures.summary, work.skipped
    if out is None:
        results["predictions"] = {name: [v for part in kept for v in _plain(part[name])] for name in predictor.names}
    return results


def _plain(column: Any) -> list[Any]:
    """A column as JSON values."""
    return [finite(value) for value in column.tolist()] if column.dtype.kind == "f" else list(map(str, column.tolist()))


def _check_out(out: str | None, model: str, data: str, *, as_json: bool) -> None:
    """Refuses to overwrite the input."""
    from splinework.tabular.tables.arrow_rows import is_many

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
    if _is_folder(out):
        if not Path(out).absolute().parent.is_dir():
            raise ConfigError(f"there is no folder {Path(out).absolute().parent} for --out {out}; make it first.")
        return
    check_file(out, [model, *([] if data == "-" or is_many(data) else [data])], example="predictions.csv")
