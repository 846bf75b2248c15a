"""The page about a fitted model: of itself, or of how it does on the rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from splinework.cli.fitted import ModelFile, column_of, inputs_of, kept_table
from splinework.errors import ConfigError, DataError
from splinework.formula.figures import plural
from splinework.tabular.tables import FileTable

if TYPE_CHECKING:
    from splinework.cli.sample import Floats

_MIN_ROWS: Final = 2
_NO_DATA_NOTE: Final = (
    "no data were given: the pictures show the model on {} drawn evenly from the ranges of its inputs"
)


@dataclass(frozen=True)
class PageRows:
    """Rows for a page.

    Attributes:
        x: `(n, inputs)`, no cell missing.
        y: `(n, targets)`; None where the table has not all of them.
        held_out: Whether they were not used for training.
        remarks: Notes on rows that were left out.
    """

    x: Floats
    y: Floats | None
    held_out: bool
    remarks: tuple[str, ...]


def rows_of(table: FileTable, fitted: ModelFile, *, held_out: bool) -> PageRows:
    """The rows of a table that can be shown.

    Raises:
        DataError: If a column is not there, or there are too few rows.
        ConfigError: If the model takes more than numbers.
    """
    if fitted.estimator is not None:
        raise ConfigError(
            f"{fitted.path} holds a model of categories, classes or gaps, whose page is about the rows of its fit; leave "
            f"{table.name} out."
        )
    x, counts = inputs_of(table, fitted)
    remarks = counts.remarks(fitted)
    known = [target for target in fitted.targets if target in table.columns]
    y = None
    if len(known) == len(fitted.targets):
        y = np.column_stack([column_of(table, target) for target in known])
    elif held_out:
        raise DataError(
            f"{table.name} has no column {', '.join(map(repr, fitted.targets))}, and without measured values --held-out says "
            "nothing; add it, or leave the option out."
        )
    else:
        remarks.append(f"{table.name} has no column {', '.join(map(repr, fitted.targets))}: no errors are shown")
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


def write_page(
    fitted: ModelFile,
    path: Path,
    *,
    rows: PageRows | None = None,
    title: str | None = None,
    tell: Callable[[float], None],
) -> Path:
    """Writes the page, whole or not at all.

    Args:
        fitted: The model.
        path: Where to.
        rows: Rows to show it on; by default rows drawn from the ranges of its inputs.
        title: Heading of the page.
        tell: Function called with the share that is done.

    Raises:
        FileError: If the file cannot be written.
    """
    from splinework.report import report

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
    if fitted.frame is not None:
        shown, notes = _inside(fitted, shown, notes)
    return report(fitted.network, path, table=kept_table(fitted), notes=notes, title=title, tell=tell, **shown)


def _inside(fitted: ModelFile, shown: dict[str, Any], notes: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The network in a frame on its own inputs, and notes that say so.

    Where the frame makes the answers of what the network gives, measured values cannot be held against the network.
    """
    from splinework.cli.figures import model_values, r2, rmse
    from splinework.tabular.inner_network import frame_notes

    frame = fitted.frame
    remarks = frame_notes(fitted.model)
    rows = shown.get("test") or (shown["x"], shown.get("y"))
    if frame.answers and rows[1] is not None:
        values = model_values(fitted.model, rows[0])
        error, explained = rmse(values, rows[1]), r2(values, rows[1])
        remarks.append(f"on {plural(len(values), 'row')} the model has rmse {error:.4g}, R² {explained or 0:.4f}")
    seen: dict[str, Any] = {"x": fitted.inside(shown["x"]).x}
    if not frame.answers:
        seen |= {"y": shown["y"]} if shown.get("y") is not None else {}
        seen |= {"test": (seen["x"], shown["test"][1])} if "test" in shown else {}
    return seen, [*remarks, *notes]
