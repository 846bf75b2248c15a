"""Predictions beside the columns of a table, written as the table came, part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from splinework.cli.categories import as_frame
from splinework.cli.figures import model_values
from splinework.cli.fitted import ModelFile, RowCounts, inputs_of, refuse_lacking
from splinework.cli.levels import read_from
from splinework.errors import DataError
from splinework.formula.figures import plural
from splinework.tabular.tables import FileTable

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

Columns = Mapping[str, "NDArray[Any]"]
"""Name of a prediction → numbers `(n,)`, NaN where there is none; or the classes as texts."""


class Predictor:
    """Predicts for the parts of a table, and counts what is worth a note."""

    def __init__(self, fitted: ModelFile) -> None:
        self.rows = self.predicted = 0
        self.names: tuple[str, ...] = ()
        self._fitted = fitted
        self._counts, self._undefined = RowCounts(), 0
        self._unseen: Counter[str] = Counter()
        self._examples: dict[str, Any] = {}
        self._notes: tuple[str, ...] = ()

    def columns(self, table: FileTable) -> Columns:
        """Predictions for all rows of a part of the table without missing cells.

        Raises:
            DataError: If a column is not there, is not a column of numbers, or is called as a prediction will be.
        """
        found = self._of_network(table) if self._fitted.estimator is None else self._of_estimator(table)
        for name in found:
            if name in table.columns:
                raise DataError(f"{table.name} has a column {name!r} already; rename or remove it first.")
        numbers = [column for column in found.values() if column.dtype.kind == "f"]
        self.names, self._notes = tuple(found), table.notes
        self.rows += len(table.frame)
        self.predicted += int(np.isfinite(np.column_stack(numbers)).all(axis=1).sum()) if numbers else len(table.frame)
        return found

    @property
    def inputs(self) -> list[str]:
        """The columns that the model takes."""
        estimator = self._fitted.estimator
        return (
            read_from(self._fitted.features, self._fitted.levels)
            if estimator is None
            else [one.name for one in estimator.columns_.columns]
        )

    @property
    def takes_numbers(self) -> bool:
        """Whether all inputs are numbers, and none categories."""
        return self._fitted.estimator is None and not self._fitted.levels

    @property
    def target(self) -> str:
        """The column that the model predicts; of several, the first."""
        return self._fitted.target

    @property
    def remarks(self) -> list[str]:
        """Notes on all rows so far."""
        found = [*self._notes, *self._counts.remarks(self._fitted)]
        if self._undefined:
            found.append(
                f"{plural(self._undefined, 'row')} got no prediction: the model is not defined there, as the logarithm below 0"
            )
        for name, count in self._unseen.items():
            verb = "is a category" if count == 1 else "are categories"
            found.append(
                f"{plural(count, 'cell')} of {name!r} {verb} that the fit has not seen, such as {self._examples[name]!r}"
            )
        return found

    def _of_network(self, table: FileTable) -> Columns:
        """Predictions of a network without an estimator."""
        model = self._fitted.model
        x, counts = inputs_of(table, self._fitted)
        values = np.full((len(x), model.outputs), np.nan)
        whole = np.isfinite(x).all(axis=1)
        values[whole] = model_values(model, x[whole])
        self._counts += counts
        self._undefined += int((~np.isfinite(values[whole])).any(axis=1).sum())
        return dict(zip((f"{target}_predicted" for target in self._fitted.targets), values.T, strict=True))

    def _of_estimator(self, table: FileTable) -> Columns:
        """Predictions of an estimator, for classes with their probabilities."""
        estimator, target = self._fitted.estimator, self._fitted.target
        columns = {column.name: bool(column.levels) for column in estimator.columns_.columns}
        refuse_lacking(table, list(columns))
        rows = as_frame(table, columns)
        if not len(rows):
            return {f"{target}_predicted": np.zeros(0)}
        self._count_unseen(rows)
        found = {f"{target}_predicted": np.asarray(estimator.predict(rows))}
        if hasattr(estimator, "classes_"):
            for name, column in zip(estimator.classes_, estimator.predict_proba(rows).T, strict=True):
                found[f"{target}_probability_{name}"] = column
        return found

    def _count_unseen(self, rows: pd.DataFrame) -> None:
        """Counts the cells of categories that are new to the estimator."""
        for column in self._fitted.estimator.columns_.columns:
            if column.levels:
                cells = rows[column.name].dropna()
                unknown = cells[~cells.isin([str(level) for level in column.levels])]
                if len(unknown):
                    self._unseen[column.name] += len(unknown)
                    self._examples.setdefault(column.name, unknown.iloc[0])


def as_csv(table: FileTable, found: Columns, *, header: bool) -> bytes:
    """A part of a table as CSV with unchanged cells, and the predictions at the end."""
    frame = table.frame.copy(deep=False)
    for name, column in found.items():
        frame[name] = _texts(column, table.decimal)
    frame.columns = frame.columns.str.replace(r"^Unnamed: \d+(\.1)*$", "", regex=True)  # as they came
    text: str = frame.to_csv(index=False, header=header, sep=table.separator, lineterminator="\n")
    return text.encode()


def _texts(column: NDArray[Any], decimal: str) -> Sequence[str]:
    if column.dtype.kind != "f":
        return [str(value) for value in column.tolist()]
    texts = [repr(value) if np.isfinite(value) else "" for value in column.tolist()]
    return texts if decimal == "." else [text.replace(".", decimal) for text in texts]
