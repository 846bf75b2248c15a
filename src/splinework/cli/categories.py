"""Categorical columns: which text columns are categories, the task of a text target, and the frame for the estimators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from splinework.cli.fitted import column_of
from splinework.cli.levels import repeats, words_of
from splinework.cli.sample import columns_of
from splinework.errors import ConfigError, DataError
from splinework.tabular.tables import FileTable, NumericCells, numbers

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class EstimationTask:
    """Task of an estimator.

    Attributes:
        classes: Whether the target is classes, and not numbers.
        chosen: The features that were asked for; None for all.
        known: Axioms, as parameters of an estimator.
    """

    classes: bool
    chosen: list[str] | None
    known: Mapping[str, Any] = field(default_factory=dict)


def wanted_task(
    table: FileTable, target: str, chosen: list[str] | None, *, asked: str, learn: bool
) -> EstimationTask | None:
    """The task of an estimator; None if the table holds numbers only, so that formulas can be searched directly.

    Args:
        table: The table.
        target: The column to explain.
        chosen: The features that were asked for; None for all.
        asked: `auto`, `regression` or `classification`.
        learn: Whether an estimator is required anyway, for missing cells or axioms.

    Raises:
        DataError: If a column is not there, or is called a number and is none.
    """
    if not len(table.frame):
        return None
    columns = columns_of(table, target, chosen, [])
    y = numbers(table, target)
    classes = asked == "classification" or (asked == "auto" and repeats(y))
    if classes or learn or any(repeats(column) for column in columns.values()):
        if y.non_numeric and not classes:
            _refuse_words(table, target, y)
        return EstimationTask(classes, chosen)
    return None


def frame_of(table: FileTable, wanted: EstimationTask, target: str, notes: list[str]) -> pd.DataFrame:
    """The features for the estimators: numbers, and categories as texts; None or NaN for missing cells.

    Adds notes on columns that are left out, among them text columns whose values are all different, unless these were asked for.

    Raises:
        DataError: If a column is neither, or none is left.
    """
    columns = columns_of(table, target, wanted.chosen, notes)
    kept: dict[str, bool] = {}
    for name, column in columns.items():
        words = repeats(column)
        if column.non_numeric and not words:
            if wanted.chosen is not None or 2 * len(column.non_numeric) < len(column.values):
                _refuse_words(table, name, column)
            notes.append(f"{name!r} holds words that are nearly all different, so no categories: left out")
            continue
        kept[name] = words
        notes.extend(column.notes)
    if not kept:
        raise DataError(
            f"{table.name} has no column beside {target!r} that could explain it; name others in --features."
        )
    return as_frame(table, kept)


def as_frame(table: FileTable, columns: dict[str, bool]) -> pd.DataFrame:
    """Columns of a table by name; True if one is to be read as words, else as numbers.

    Raises:
        DataError: If a column of numbers has other cells.
    """
    import pandas as pd

    found: dict[str, Any] = {}
    for name, words in columns.items():
        found[name] = pd.Series(words_of(table, name), dtype=object) if words else column_of(table, name)
    return pd.DataFrame(found)


def classes_of(table: FileTable, target: str) -> NDArray[np.object_]:
    """The classes, None where they are missing.

    Raises:
        ConfigError: If there is only one.
    """
    found = np.array(words_of(table, target), dtype=object)
    present = {cell for cell in found.tolist() if cell is not None}
    if len(present) < 2:
        raise ConfigError(
            f"the target {target!r} has {len(present)} class{'' if len(present) == 1 else 'es'} in {table.name}, and at least 2 "
            "are needed; choose another --target."
        )
    if len(present) > max(20, len(found) // 4):
        raise ConfigError(
            f"the target {target!r} has {len(present)} classes in {len(found)} rows, too many to learn; choose another --target"
            ", or --task regression if it is a number."
        )
    return found


def _refuse_words(table: FileTable, name: str, column: NumericCells) -> None:
    from splinework.tabular.tables import quote

    raise DataError(
        f"column {name!r} of {table.name} must be numbers or words that repeat, but {len(column.non_numeric)} of "
        f"{len(column.values)} cells are neither: {quote(column.non_numeric, table.place)}. Correct them, or drop the column."
    )
