"""`splinework predict`: a model and new rows to predictions beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from splinework.cli.words import plural
from splinework.errors import ConfigError, DataError
from splinework.tables import Table, nearest, numbers, quote

if TYPE_CHECKING:
    from splinework.cli.sample import Floats
    from splinework.network import KAN


@click.command(no_args_is_help=True, short_help="Predict for new rows with a fitted model.")
@click.argument("model")
@click.argument("data")
@click.option("--out", required=True, metavar="PRED.csv", help="File for the predictions; - for the standard output.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def predict(model: str, data: str, out: str, quiet: bool) -> None:
    """Predict with MODEL, a file that `fit` or `discover` wrote, for the rows of DATA (- for the standard input).

    The columns of DATA are kept as they are and may come in any order; the prediction is one more column at the end.

    \b
    Example:
      splinework predict splinework-data/model.safetensors new.csv --out predictions.csv
    """
    _check_out(out, model, data)

    from splinework.checkpoint import load, read_header
    from splinework.cli.figures import model_values
    from splinework.cli.folder import write_file
    from splinework.tables import read_table

    network, notes = load(model), read_header(model).get("notes")
    about = _About(network, notes if isinstance(notes, dict) else {})
    table = read_table(data)
    x, remarks = _inputs(table, about)
    values = np.full((len(x), network.outputs), np.nan)
    whole = np.isfinite(x).all(axis=1)
    values[whole] = model_values(network, x[whole])
    undefined = int((~np.isfinite(values[whole])).any(axis=1).sum())
    if undefined:
        remarks.append(
            f"{plural(undefined, 'row')} got no prediction: the model is not defined there, as the logarithm below 0"
        )
    content = _with_predictions(table, about.targets, values)
    if out == "-":
        click.echo(content, nl=False)
    else:
        write_file(Path(out), content)
    if not quiet:
        for remark in (*table.notes, *remarks):
            click.echo(f"note: {remark}", err=True)
        if out != "-":
            click.echo(f"{plural(len(x), 'row')} with {', '.join(_names(about.targets))} in {out}", err=True)


class _About:
    """What the header of a model file says about its columns; a model saved by hand says it by its own names."""

    def __init__(self, model: KAN, notes: dict[str, Any]) -> None:
        config = model.config
        columns = notes.get("columns")
        self.columns: dict[str, str] = columns if isinstance(columns, dict) else {}
        self.features = [str(self.columns.get(name, name)) for name in config.input_names]
        self.targets = [str(self.columns.get(name, name)) for name in config.output_names]
        means, ranges = notes.get("means"), notes.get("ranges")
        self.means: dict[str, float] = means if isinstance(means, dict) else {}
        self.ranges: dict[str, list[float]] = ranges if isinstance(ranges, dict) else {}


def _inputs(table: Table, about: _About) -> tuple[Floats, list[str]]:
    """The inputs of the model, NaN where they are missing and no mean stands in, and what to say about them."""
    held = table.columns
    lacking = [name for name in about.features if name not in held]
    if lacking:
        hints = "; ".join(f"{name!r}: {nearest(name, held)}" for name in lacking[:5])
        raise DataError(
            f"{table.name} lacks {len(lacking)} of the {len(about.features)} columns that the model takes. {hints} "
            "Rename columns, or add them."
        )
    columns, empty, remarks = [], [], []
    for name in about.features:
        column = numbers(table, name)
        if column.strangers:
            raise DataError(
                f"column {name!r} of {table.name} must be numbers, but has {quote(column.strangers, table.place)}; "
                "correct these cells, or leave them empty."
            )
        values = np.where(np.isfinite(column.values), column.values, np.nan)
        count = int(np.isnan(values).sum())
        if count and name in about.means:
            values = np.where(np.isnan(values), about.means[name], values)
            remarks.append(f"{plural(count, 'cell')} of {name!r} filled with the mean {about.means[name]:g} of the fit")
        elif count:
            empty.append(f"{name}: {count}")
        columns.append(values)
    x = np.column_stack(columns)
    if empty:
        rows = int(np.isnan(x).any(axis=1).sum())
        remarks.append(
            f"{plural(rows, 'row')} got no prediction for cells that are empty or not finite ({', '.join(empty)})"
        )
    return x, remarks + _beyond(x, about)


def _beyond(x: Floats, about: _About) -> list[str]:
    """A remark on rows outside the ranges of the fit."""
    outside = np.zeros(len(x), dtype=bool)
    for name, values in zip(about.features, x.T, strict=True):
        low, high = about.ranges.get(name, (-np.inf, np.inf))
        outside |= (values < low) | (values > high)
    count = int(outside.sum())
    return [f"outside the range of the rows fitted, so extrapolated: {plural(count, 'row')}"] if count else []


def _names(targets: list[str]) -> list[str]:
    return [f"{target}_predicted" for target in targets]


def _with_predictions(table: Table, targets: list[str], values: Floats) -> bytes:
    """The table as CSV, written as it came, with the predictions at the end."""
    frame = table.frame.copy(deep=False)
    for name, column in zip(_names(targets), values.T, strict=True):
        if name in table.columns:
            raise DataError(f"{table.name} has a column {name!r} already; rename or remove it first.")
        texts = [repr(float(v)) if np.isfinite(v) else "" for v in column]
        frame[name] = [text.replace(".", table.decimal) for text in texts]
    frame.columns = frame.columns.str.replace(r"^Unnamed: \d+(\.1)*$", "", regex=True)  # as they came
    text: str = frame.to_csv(index=False, sep=table.separator, lineterminator="\n")
    return text.encode()


def _check_out(out: str, model: str, data: str) -> None:
    """Refuses to write over what is read, and what this command does not write."""
    if out == "-":
        return
    path = Path(out)
    if path.suffix.lower() in (".parquet", ".pq"):
        raise ConfigError(f"predictions are written as CSV; name the file {path.with_suffix('.csv')}.")
    for source in (model, data):
        if source != "-" and path.exists() and Path(source).exists() and path.samefile(source):
            raise ConfigError(f"--out {out} is the file that is read; name another one.")
    if path.is_dir():
        raise ConfigError(f"--out {out} is a folder; name a file in it, such as {path / 'predictions.csv'}.")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {path.absolute().parent} for --out {out}; make it first.")
