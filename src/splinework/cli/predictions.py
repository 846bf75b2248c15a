"""Predictions beside the columns of a table, written as the table came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from splinework.cli.categories import as_frame
from splinework.cli.figures import model_values
from splinework.cli.fitted import ModelFile, inputs_of, refuse_lacking
from splinework.errors import DataError
from splinework.formula.figures import plural
from splinework.tabular.tables import FileTable

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from splinework.cli.sample import Floats

_CHUNK_ROWS: Final = 20_000  # rows at a time


@dataclass(frozen=True)
class Predictions:
    """Predictions of a model for the rows of a table.

    Attributes:
        columns: Name → numbers `(n,)`, NaN where there is none; or the classes as texts.
        remarks: Notes on the rows.
    """

    columns: Mapping[str, NDArray[Any]]
    remarks: tuple[str, ...]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @property
    def rows(self) -> int:
        """Rows that have all their predictions."""
        numbers = [column for column in self.columns.values() if column.dtype.kind == "f"]
        return int(np.isfinite(np.column_stack(numbers)).all(axis=1).sum())


def predictions(table: FileTable, fitted: ModelFile, tell: Callable[[float], None]) -> Predictions:
    """Predictions for all rows without missing cells.

    Raises:
        DataError: If a column is not there, is no column of numbers, or is called as a prediction will be.
    """
    made = _of_network if fitted.estimator is None else _of_estimator
    found = made(table, fitted, tell)
    for name in found.columns:
        if name in table.columns:
            raise DataError(f"{table.name} has a column {name!r} already; rename or remove it first.")
    return found


def _of_network(table: FileTable, fitted: ModelFile, tell: Callable[[float], None]) -> Predictions:
    """Predictions of a network without an estimator."""
    x, remarks = inputs_of(table, fitted)
    values = np.full((len(x), fitted.model.outputs), np.nan)
    whole = np.isfinite(x).all(axis=1)
    values[whole] = model_values(fitted.model, x[whole], tell)
    undefined = int((~np.isfinite(values[whole])).any(axis=1).sum())
    if undefined:
        remarks.append(
            f"{plural(undefined, 'row')} got no prediction: the model is not defined there, as the logarithm below 0"
        )
    names = [f"{target}_predicted" for target in fitted.targets]
    return Predictions(dict(zip(names, values.T, strict=True)), (*table.notes, *remarks))


def _of_estimator(table: FileTable, fitted: ModelFile, tell: Callable[[float], None]) -> Predictions:
    """Predictions of an estimator, for classes with their probabilities."""
    estimator, target = fitted.estimator, fitted.target
    columns = {column.name: bool(column.levels) for column in estimator.columns_.columns}
    refuse_lacking(table, list(columns))
    frame = as_frame(table, columns)
    remarks = [*table.notes, *_unseen(frame, estimator)]
    parts: dict[str, list[Any]] = {}
    for rows in _chunks(frame, tell):
        if len(rows):
            parts.setdefault(f"{target}_predicted", []).append(np.asarray(estimator.predict(rows)))
            if hasattr(estimator, "classes_"):
                for name, column in zip(estimator.classes_, estimator.predict_proba(rows).T, strict=True):
                    parts.setdefault(f"{target}_probability_{name}", []).append(column)
    if not parts:
        parts[f"{target}_predicted"] = [np.zeros(0)]
    return Predictions({name: np.concatenate(part) for name, part in parts.items()}, tuple(remarks))


def _unseen(frame: pd.DataFrame, estimator: Any) -> list[str]:
    """Notes on columns with categories that are new to the estimator."""
    remarks = []
    for column in estimator.columns_.columns:
        if column.levels:
            cells = frame[column.name].dropna()
            unknown = cells[~cells.isin([str(level) for level in column.levels])]
            if len(unknown):
                verb = "is a category" if len(unknown) == 1 else "are categories"
                remarks.append(
                    f"{plural(len(unknown), 'cell')} of {column.name!r} {verb} that the fit has not seen, such as "
                    f"{unknown.iloc[0]!r}"
                )
    return remarks


def as_csv(table: FileTable, found: Predictions, tell: Callable[[float], None]) -> bytes:
    """The table as CSV with unchanged cells, and the predictions at the end."""
    frame = table.frame.copy(deep=False)
    for name, column in found.columns.items():
        frame[name] = _texts(column, table.decimal)
    frame.columns = frame.columns.str.replace(r"^Unnamed: \d+(\.1)*$", "", regex=True)  # as they came
    parts: list[str] = []
    for chunk in _chunks(frame, tell):
        parts.append(chunk.to_csv(index=False, header=not parts, sep=table.separator, lineterminator="\n"))
    return "".join(parts).encode()


def _chunks(frame: pd.DataFrame, tell: Callable[[float], None]) -> Iterator[pd.DataFrame]:
    """Chunks of rows, at least one; calls `tell` with the share that is done."""
    for begin in range(0, max(len(frame), 1), _CHUNK_ROWS):
        yield frame.iloc[begin : begin + _CHUNK_ROWS]
        tell(min(begin + _CHUNK_ROWS, len(frame)) / max(len(frame), 1))


def _texts(column: NDArray[Any] | Floats, decimal: str) -> Sequence[str]:
    if column.dtype.kind != "f":
        return [str(value) for value in column.tolist()]
    texts = [repr(value) if np.isfinite(value) else "" for value in column.tolist()]
    return texts if decimal == "." else [text.replace(".", decimal) for text in texts]
