"""The page about a fitted model: of itself, or of how it does on the rows of a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from splinework.cli.fitted import ModelFile, column_of, inputs_of, kept_table, refuse_lacking
from splinework.errors import DataError
from splinework.formula.figures import plural
from splinework.tabular.tables import FileTable

_MIN_ROWS: Final = 2
_NO_DATA_NOTE: Final = (
    "no data were given: the pictures show the model on {} drawn evenly from the ranges of its inputs"
)


@dataclass(frozen=True)
class PageRows:
    """Rows for a page.

    Attributes:
        x: `(n, inputs)`, no cell missing; for an estimator a frame of its columns as they are.
        y: `(n, targets)`, or classes `(n,)`; None where the table has not all of them.
        held_out: Whether they were not used for training.
        remarks: Notes on rows that were left out.
    """

    x: Any
    y: Any
    held_out: bool
    remarks: tuple[str, ...]


def rows_of(table: FileTable, fitted: ModelFile, *, held_out: bool) -> PageRows:
    """The rows of a table that can be shown.

    Raises:
        DataError: If a column is not there, or there are too few rows.
    """
    if fitted.estimator is not None:
        return _estimator_rows(table, fitted, held_out=held_out)
    x, counts = inputs_of(table, fitted)
    remarks = counts.remarks(fitted)
    known = [target for target in fitted.targets if target in table.columns]
    y = None
    if len(known) == len(fitted.targets):
        y = np.column_stack([column_of(table, target) for target in known])
    else:
        remarks.append(_without_target(table, fitted.targets, held_out=held_out))
    from splinework.cli.figures import model_values

    whole: NDArray[np.bool_] = np.asarray(np.isfinite(x).all(axis=1))
    whole[whole] = np.isfinite(model_values(fitted.model, x[whole])).all(axis=1)
    if y is not None:
        whole &= np.isfinite(y).all(axis=1)
    if whole.sum() < _MIN_ROWS:
        raise DataError(
            f"{table.name} has {plural(int(whole.sum()), 'row')} with all that the model takes, but a page needs at least "
            f"{_MIN_ROWS}; add rows, or fill in what is missing."
        )
    if (gone := int((~whole).sum())) > 0:
        remarks.append(f"{plural(gone, 'row')} of {table.name} left out for cells that are missing or not defined")
    remarks = [remark for remark in remarks if "got no prediction" not in remark]
    return PageRows(x[whole], None if y is None else y[whole], held_out, (*table.notes, *remarks))


def _without_target(table: FileTable, targets: Sequence[str], *, held_out: bool) -> str:
    """A note on a table without all targets.

    Raises:
        DataError: If the rows were held out, which is only of use with measured values.
    """
    names = ", ".join(map(repr, targets))
    if held_out:
        raise DataError(
            f"{table.name} has no column {names}, and without measured values --held-out says nothing; add it, or leave the "
            "option out."
        )
    return f"{table.name} has no column {names}: no errors are shown"


def _estimator_rows(table: FileTable, fitted: ModelFile, *, held_out: bool) -> PageRows:
    """The rows of a table for an estimator: categories as words, missing cells as they are."""
    from splinework.cli.categories import as_frame
    from splinework.cli.levels import words_of

    estimator = fitted.estimator
    columns = {column.name: bool(column.levels) for column in estimator.columns_.columns}
    refuse_lacking(table, list(columns))
    frame, remarks = as_frame(table, columns), []
    classes, names = hasattr(estimator, "classes_"), [fitted.target]
    if not classes:
        names = list(estimator.columns_.targets)
    y: Any = None
    if any(name not in table.columns for name in names):
        remarks.append(_without_target(table, names, held_out=held_out))
    elif classes:
        y = np.array(words_of(table, names[0]), dtype=object)
        whole = np.array([cell is not None for cell in y])
    else:
        y = np.column_stack([column_of(table, name) for name in names])
        whole = np.isfinite(y).all(axis=1)
    if y is not None and not whole.all():
        remarks.append(f"{plural(int((~whole).sum()), 'row')} of {table.name} left out for cells that are missing")
        frame, y = frame[whole].reset_index(drop=True), y[whole]
    if len(frame) < _MIN_ROWS:
        raise DataError(
            f"{table.name} has {plural(len(frame), 'row')} with a target, but a page needs at least {_MIN_ROWS}; add rows."
        )
    return PageRows(frame, y, held_out, (*table.notes, *remarks))


def write_page(
    fitted: ModelFile,
    path: Path,
    *,
    rows: PageRows | None = None,
    title: str | None = None,
    tell: Callable[[float], None],
) -> Path:
    """Writes the page, whole or not at all."""
    from splinework.report import report

    if fitted.estimator is not None:
        return _estimator_page(fitted, path, rows, title, tell)
    notes: Sequence[str] = fitted.remarks
    shown: dict[str, Any]
    if rows is None:
        x = fitted.drawn()
        shown, notes = {"x": x}, [_NO_DATA_NOTE.format(plural(len(x), "row")), *notes]
    else:
        shown = {"x": rows.x} if rows.held_out else {"x": rows.x, "y": rows.y}
        if rows.held_out:
            shown["test"] = (rows.x, rows.y)
        notes = [*rows.remarks, *notes]
    return report(fitted.model, path, table=kept_table(fitted), notes=notes, title=title, tell=tell, **shown)


def _estimator_page(
    fitted: ModelFile, path: Path, rows: PageRows | None, title: str | None, tell: Callable[[float], None]
) -> Path:
    """The page of an estimator: on these rows, or on those of its fit that the file holds."""
    from splinework.tabular.reporting import write_report

    own = None if rows is None else (rows.x, rows.y)
    held_out = rows is not None and rows.held_out
    return write_report(
        fitted.estimator,
        path,
        train=None if held_out else own,
        test=own if held_out else None,
        title=title,
        notes=() if rows is None else rows.remarks,
        tell=tell,
    )
