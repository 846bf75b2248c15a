"""Conversion of cells to numbers: numeric, missing and non-numeric cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from splinework.errors import DataError
from splinework.tabular.tables.table import FileTable

MISSING: Final = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "nat", "?"})
"""Cells, in lower case, that stand for a missing value."""

_TRUTH: Final = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class NumericCells:
    """A column as numbers.

    Attributes:
        values: The numbers in float64, NaN where a cell is missing.
        non_numeric: Row label and text of the cells that are neither numeric nor missing; their values are NaN too.
        notes: Notes on the conversion.
    """

    values: NDArray[np.float64]
    non_numeric: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()


def numbers(table: FileTable, column: str) -> NumericCells:
    """The cells of a column as numbers; `true` and `false` count as 1 and 0.

    >>> import pandas as pd
    >>> numbers(FileTable(pd.DataFrame({"a": ["1.5", "", "two"]}, index=[2, 3, 4]), "a.csv"), "a")
    NumericCells(values=array([1.5, nan, nan]), non_numeric=((4, 'two'),), notes=())
    """
    series = table.frame[column]
    kind = getattr(series.dtype, "kind", "O")
    if kind not in "iufb":
        return _from_cells(list(series), list(series.index), column, table.decimal)
    extension = not isinstance(series.dtype, np.dtype)
    values = series.to_numpy(dtype=np.float64, na_value=np.nan) if extension else series.to_numpy(dtype=np.float64)
    return NumericCells(values, (), _notes(column, series, values, truth=kind == "b", whole=kind in "iu"))


def column_of(table: FileTable, name: str) -> NDArray[np.float64]:
    """The numbers of a column, NaN for missing cells.

    Raises:
        DataError: If a cell is something else.
    """
    column = numbers(table, name)
    if column.non_numeric:
        raise DataError(
            f"column {name!r} of {table.name} must be numbers, but has {quote(column.non_numeric, table.place)}; "
            "correct these cells, or leave them empty."
        )
    return np.where(np.isfinite(column.values), column.values, np.nan)


def quote(non_numeric: Sequence[tuple[int, str]], place: str) -> str:
    """The first three non-numeric cells with their row labels, for a message.

    >>> quote([(4, "two"), (9, "three")], "line")
    "'two' (line 4), 'three' (line 9)"
    """
    shown = ", ".join(f"{_short(text)} ({place} {at})" for at, text in non_numeric[:3])
    return f"{shown} and {len(non_numeric) - 3} more" if len(non_numeric) > 3 else shown


def number(cell: Any, decimal: str = ".") -> float | None:
    """The number in a cell; NaN if it is missing, None if it is non-numeric.

    >>> number("1,5", ","), number("1,5"), number("n/a")
    (1.5, None, nan)
    """
    if not isinstance(cell, str):
        return _from_object(cell)
    text = cell.strip()
    if text.lower() in MISSING:
        return np.nan
    if text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if decimal == ",":
        if "." in text:  # 1.234 would be a thousands separator
            return None
        text = text.replace(",", ".", 1)
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _from_object(cell: Any) -> float | None:
    """The number in a cell that is not a text, from a Parquet file."""
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return np.nan
    if isinstance(cell, np.ndarray) or not hasattr(cell, "__float__"):
        return None
    try:
        return float(cell)
    except OverflowError:
        return np.inf
    except (TypeError, ValueError):
        return None


def _from_cells(cells: Sequence[Any], places: Sequence[int], column: str, decimal: str) -> NumericCells:
    try:
        if decimal == "." and all(isinstance(cell, str) and "_" not in cell for cell in cells):
            plain = np.array(cells, dtype=object).astype(np.float64)
            return NumericCells(plain, (), _notes(column, cells, plain, truth=False, whole=True))
    except ValueError:
        pass  # not all numeric: cell by cell
    found = [number(cell, decimal) for cell in cells]
    non_numeric = tuple(
        (int(at), str(cell)) for at, cell, value in zip(places, cells, found, strict=True) if value is None
    )
    values = np.array([np.nan if value is None else value for value in found], dtype=np.float64)
    truth = not non_numeric and any(str(cell).strip().lower() in _TRUTH for cell in cells)
    return NumericCells(values, non_numeric, _notes(column, cells, values, truth=truth, whole=True))


def _notes(column: str, cells: Any, values: NDArray[np.float64], *, truth: bool, whole: bool) -> tuple[str, ...]:
    if truth:
        return (f"{column!r} holds true and false, read as 1 and 0",)
    large = np.isfinite(values) & (np.abs(values) > 2**53) if whole else np.zeros(0, dtype=bool)
    if any(str(cell).strip().lstrip("+-").isdigit() for cell, is_large in zip(cells, large, strict=False) if is_large):
        return (f"{column!r} holds integers beyond 2**53, rounded to 16 digits",)
    return ()


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")
