"""Categorical columns in a search for formulas: columns of 0 and 1, one for each level but the first, and their way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from splinework.errors import DataError
from splinework.tabular.tables import FileTable, NumericCells, numbers
from splinework.tabular.tables.parsing import MISSING

if TYPE_CHECKING:
    from splinework.cli.sample import Floats

Levels = Mapping[str, Sequence[str]]
"""Column of 0 and 1 → the column of words, the level at which it is 1, then all levels in the order of the alphabet."""


def as_indicators(
    table: FileTable, target: str, features: Sequence[str] | None, *, missing: str | None = None
) -> tuple[FileTable, list[str] | None, Levels]:
    """The table with indicators in place of words that repeat, the features with these names, and what they mean.

    Notes of the table say which columns were made. What holds too many levels, and all other words, stay as they are.

    Raises:
        DataError: If missing words are to be filled with a mean.
    """
    there = [name for name in table.columns if name != target and (features is None or name in features)]
    words = {name: numbers(table, name) for name in there}
    words = {name: column for name, column in words.items() if column.non_numeric and repeats(column)}
    if not words:
        return table, None if features is None else list(features), {}
    import pandas as pd

    from splinework.interpret.symbolic.levels import MAX_LEVELS, indicator_names

    made: dict[str, list[str]] = {}
    notes: list[str] = []
    replaced: dict[str, list[str]] = {}
    for name in words:
        cells = words_of(table, name)
        levels = sorted({cell for cell in cells if cell is not None})
        if len(levels) > MAX_LEVELS:
            continue
        if missing == "mean" and None in cells:
            raise DataError(
                f"{name!r} holds words and has empty cells, which have no mean; --missing drop leaves out their rows."
            )
        names = indicator_names(name, levels, [*table.columns, *made])
        replaced[name] = names
        made |= {new: [name, level, *levels] for new, level in zip(names, levels[1:], strict=True)}
        ones = ", ".join(f"{new} is 1 where it is {level}" for new, level in zip(names, levels[1:], strict=True))
        notes.append(
            f"{name!r} is a category: {ones}, and it is {levels[0]} elsewhere"
            if names
            else f"{name!r} is {levels[0]} in every row: left out"
        )
    parts: dict[str, Any] = {}
    for name in table.columns:
        if name in replaced:
            parts |= {new: indicator(table, made[new]) for new in replaced[name]}
        else:
            parts[name] = table.frame[name]
    frame = pd.DataFrame(parts, index=table.frame.index)
    chosen = None if features is None else [new for name in features for new in replaced.get(name, [name])]
    return replace(table, frame=frame, notes=(*table.notes, *notes)), chosen, made


def indicator(table: FileTable, meaning: Sequence[str]) -> Floats:
    """1 where a column of words has a level, 0 where it has another one, NaN where it is empty or none of the levels."""
    name, level, *known = meaning
    cells = words_of(table, name)
    return np.array([float(cell == level) if cell in known else np.nan for cell in cells])


def with_indicators(table: FileTable, levels: Levels) -> FileTable:
    """The table with the columns of 0 and 1 that a model was fitted with, made of its categorical columns where it has these."""
    lacking = {new: meaning for new, meaning in levels.items() if new not in table.columns}
    made = {new: indicator(table, meaning) for new, meaning in lacking.items() if meaning[0] in table.columns}
    return replace(table, frame=table.frame.assign(**made)) if made else table


def read_from(features: Sequence[str], levels: Levels) -> list[str]:
    """The columns of a file that features come from."""
    return list(dict.fromkeys(levels[name][0] if name in levels else name for name in features))


def repeats(column: NumericCells) -> bool:
    """Whether a column holds categories: most of its cells are words, and these are repeated.

    One word among numbers is a mistake, and words that are all different are names or dates: both are reported to the user.
    """
    words = {text.strip() for _, text in column.non_numeric}
    known = len(column.non_numeric) + int((~np.isnan(column.values)).sum())
    return bool(words) and 2 * len(column.non_numeric) >= known and 2 * len(words) <= len(column.non_numeric)


def words_of(table: FileTable, name: str) -> list[str | None]:
    """The cells of a column as words, None where they are missing."""
    cells = (str(cell).strip() if cell is not None else "" for cell in table.frame[name])
    return [cell if cell.lower() not in MISSING else None for cell in cells]
