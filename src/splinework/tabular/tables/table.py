"""A table from a file, with its format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from splinework.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FileTable:
    """A table from a file. The cells of a CSV file are kept as text.

    Attributes:
        frame: The columns in the order of the file. The index is the line of a row in a CSV file, its number in a Parquet file.
        name: Name of the file in messages.
        notes: Notes on how the file was read.
        place: Unit of the index, `line` or `row`.
        separator: Separator of the cells.
        decimal: Decimal sign.
    """

    frame: pd.DataFrame
    name: str
    notes: tuple[str, ...] = ()
    place: str = "line"
    separator: str = ","
    decimal: str = "."

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [str(column) for column in self.frame.columns]


def check_distinct(names: Sequence[str], what: str) -> None:
    """Raises if two columns have the same name.

    Raises:
        DataError: With the name and both positions.
    """
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if name in seen:
            raise DataError(
                f"{what} has two columns named {name!r}, number {seen[name]} and number {position}; rename one of them."
            )
        seen[name] = position
