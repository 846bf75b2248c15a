"""Numbers of a fit from a table: target, features, missing cells. Every error message says how to fix it."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from splinework.errors import DataError, nearest
from splinework.formula.figures import plural
from splinework.tabular.tables import FileTable, NumericCells, numbers, quote
from splinework.tabular.tables.parsing import MISSING

Floats = NDArray[np.float64]

MAX_VALUE: Final = 1e150
"""Beyond this a square overflows float64."""


@dataclass(frozen=True)
class TableSample:
    """Rows to fit and to test on, in the units of the file.

    Attributes:
        x: `(n, features)`; NaN where a cell is missing and is to be filled with a mean.
        y: `(n,)`.
        features: Names of the columns of x, as the file has them.
        target: Name of y, as the file has it.
        notes: Notes on what was left out.
        levels: The categories that columns of 0 and 1 were made of; see `splinework.cli.levels`.
    """

    x: Floats
    y: Floats
    features: tuple[str, ...]
    target: str
    notes: tuple[str, ...] = ()
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict)


def take_sample(
    table: FileTable,
    target: str,
    features: Sequence[str] | None = None,
    *,
    missing: str | None = None,
    classes: bool = False,
) -> TableSample:
    """Selects the columns, reads their numbers and handles missing cells.

    Args:
        table: The table.
        target: The column to explain.
        features: The columns to explain it by; None takes all others.
        missing: None refuses missing and infinite cells, `drop` leaves out their rows, `mean` leaves them NaN in x.
        classes: Whether the target may be words, which are then numbered in the order of the alphabet.

    Raises:
        DataError: If a column is not there, or is not a column of numbers, or cells are missing.
    """
    if target not in table.columns:
        raise DataError(f"{table.name} has no column {target!r}; {nearest(target, table.columns)}{_headless(table)}")
    y = numbers(table, target)
    if y.non_numeric and classes:
        y = _numbered(table, target)
    if y.non_numeric:
        raise DataError(
            f"the target {target!r} must be numbers, but {len(y.non_numeric)} of {len(y.values)} cells are not: "
            f"{quote(y.non_numeric, table.place)}{_comma_hint(y)}. Correct them, or choose another --target."
        )
    if len(y.values) == 0:
        raise DataError(f"{table.name} has column names but no rows; add rows of data.")
    notes: list[str] = list(table.notes)
    columns = columns_of(table, target, features, notes)
    _refuse_text(table, columns, listed=features is not None)
    for column in (y, *columns.values()):
        notes.extend(column.notes)
    x = np.column_stack([column.values for column in columns.values()])
    return _without_missing(TableSample(x, y.values, tuple(columns), target, tuple(notes)), table.name, missing)


def _numbered(table: FileTable, target: str) -> NumericCells:
    """A column of words as the numbers of its classes."""
    cells = [str(cell).strip() for cell in table.frame[target]]
    names = sorted({cell for cell in cells if cell.lower() not in MISSING})
    codes = {name: float(code) for code, name in enumerate(names)}
    shown = ", ".join(f"{name!r} is {code}" for code, name in enumerate(names[:12]))
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    values = np.array([codes.get(cell, np.nan) for cell in cells])
    return NumericCells(values, (), (f"the {len(names)} classes of {target!r} are numbered: {shown}{more}",))


def refuse_copy(sample: TableSample) -> None:
    """Raises if a feature equals the target, as nothing else would be found.

    Raises:
        DataError: If the two are equal in every row that has both.
    """
    with np.errstate(invalid="ignore"):
        same = ((sample.x == sample.y[:, None]) | np.isnan(sample.x)).all(axis=0) & ~np.isnan(sample.x).all(axis=0)
    if not same.any():
        return
    copies = [name for name, copy in zip(sample.features, same, strict=True) if copy]
    others = [name for name in sample.features if name not in copies]
    way_out = f"leave it out: {_option(others)}" if others else "give columns that explain it"
    raise DataError(
        f"the target {sample.target!r} equals {' and '.join(map(repr, copies))} in every row, so there is no law to find; "
        f"{way_out}."
    )


def columns_of(
    table: FileTable, target: str, features: Sequence[str] | None, notes: list[str]
) -> dict[str, NumericCells]:
    """The feature columns: those asked for, or all informative ones; adds notes on what is left out."""
    if target not in table.columns:
        raise DataError(f"{table.name} has no column {target!r}; {nearest(target, table.columns)}{_headless(table)}")
    return _listed(table, target, features) if features is not None else _all_but(table, target, notes)


def _listed(table: FileTable, target: str, features: Sequence[str]) -> dict[str, NumericCells]:
    """The columns asked for."""
    if not features:
        raise DataError("--features names no column; list them as a,b,c, or leave the option out to take all.")
    for name in features:
        if name not in table.columns:
            raise DataError(f"{table.name} has no column {name!r}, named in --features; {nearest(name, table.columns)}")
        if name == target:
            raise DataError(f"{name!r} is the target and cannot be a feature too; take it out of --features.")
        if list(features).count(name) > 1:
            raise DataError(f"--features names {name!r} more than once; name it once.")
    return {name: numbers(table, name) for name in features}


def _all_but(table: FileTable, target: str, notes: list[str]) -> dict[str, NumericCells]:
    """All columns but the target, the row numbers that pandas writes, and empty ones; adds to the notes."""
    chosen: dict[str, NumericCells] = {}
    for name in table.columns:
        if name == target:
            continue
        column = numbers(table, name)
        if not column.non_numeric and bool(np.isnan(column.values).all()):
            notes.append(f"{name!r} is empty: left out")
        elif re.fullmatch(r"Unnamed: \d+(\.1)*", name) and bool((np.diff(column.values) == 1).all()):
            notes.append(f"{name!r} only numbers the rows: left out")
        else:
            chosen[name] = column
    if not chosen:
        raise DataError(f"{table.name} has no column beside the target {target!r}; at least one feature is needed.")
    return chosen


def _refuse_text(table: FileTable, columns: dict[str, NumericCells], *, listed: bool) -> None:
    """Raises if a feature has non-numeric cells; names them, and the numeric columns."""
    texts = {name: column for name, column in columns.items() if column.non_numeric}
    if not texts:
        return
    found = "; ".join(
        f"{name!r} has {len(c.non_numeric)} of {len(c.values)}: {quote(c.non_numeric, table.place)}{_comma_hint(c)}"
        for name, c in list(texts.items())[:5]
    )
    more = f" and {len(texts) - 5} more columns" if len(texts) > 5 else ""
    numeric = [name for name in columns if name not in texts]
    if not numeric:
        way_out = "replace them by numbers, or choose other features."
    else:
        way_out = f"replace them by numbers, or leave {'them' if listed else 'these columns'} out: {_option(numeric)}"
    raise DataError(
        f"features must be numbers, but {table.name} has cells that are not: {found}{more}. Way out: {way_out}"
    )


def _option(names: Sequence[str]) -> str:
    """The option that lists these columns, ready for a shell."""
    cells = [f'"{name}"' if "," in name else name for name in names]
    return f"--features {shlex.quote(','.join(cells))}"


def _without_missing(sample: TableSample, name: str, missing: str | None) -> TableSample:
    """Refuses missing cells, or handles them as asked."""
    gaps = _gaps(sample)
    x, y = (np.where(np.isfinite(values), values, np.nan) for values in (sample.x, sample.y))
    gone = np.isnan(y) if missing == "mean" else np.isnan(y) | np.isnan(x).any(axis=1)
    if missing is None and gone.any():
        raise DataError(
            f"{name} has cells that are empty or not finite ({gaps}); --missing drop leaves out their "
            f"{plural(int(gone.sum()), 'row')} and keeps {int((~gone).sum())}, --missing mean fills those of features "
            "with the mean of the column."
        )
    if gone.all():
        raise DataError(
            f"every row of {name} has a cell that is empty or not finite ({gaps}); choose other --features."
        )
    notes = list(sample.notes)
    if gone.any():
        notes.append(f"{plural(int(gone.sum()), 'row')} left out for cells that are empty or not finite ({gaps})")
    kept = replace(sample, x=x[~gone], y=y[~gone])
    holes = int(np.isnan(kept.x).sum())
    if holes:
        notes.append(
            f"{plural(holes, 'cell')} of features filled with the mean of the column over the rows to fit ({gaps})"
        )
    _refuse_largest(kept)
    return replace(kept, notes=tuple(notes))


def _gaps(sample: TableSample) -> str:
    """Number of missing cells in each column, such as `a: 3 empty, 1 infinite`."""
    found = []
    for name, values in zip((sample.target, *sample.features), (sample.y, *sample.x.T), strict=True):
        counts = {"empty": int(np.isnan(values).sum()), "infinite": int(np.isinf(values).sum())}
        if any(counts.values()):
            found.append(f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items() if count))
    return "; ".join(found)


def _refuse_largest(sample: TableSample) -> None:
    for name, values in zip((sample.target, *sample.features), (sample.y, *sample.x.T), strict=True):
        largest = float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
        if largest > MAX_VALUE:
            raise DataError(
                f"{name!r} reaches {largest:.3g}, and squares of that overflow; rescale it below {MAX_VALUE:g}."
            )


def _comma_hint(column: NumericCells) -> str:
    """A hint on commas in numbers, if they are the cause."""
    commas = all(re.fullmatch(r"[+-]?[\d.]*,[\d,.]*", text) for _, text in column.non_numeric)
    return " (write numbers with a decimal point and without thousands separators)" if commas else ""


def _headless(table: FileTable) -> str:
    """A hint on the first line, if it looks like data."""
    try:
        [float(name) for name in table.columns]
    except ValueError:
        return ""
    return " Its first line holds only numbers: add a line with the names of the columns."
