"""What a table from a file is: its columns, and how the file writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from splinework.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FileTable:
    """A table from a file. The cells of a CSV file are the text that they are there.

    Attributes:
        frame: The columns in the order of the file. Its index says where a row stands there: the line of a CSV file,
            the number of the row in a Parquet file.
        name: What messages call the file.
        notes: How it was read, in sentences, where that was not plain.
        place: What the index counts, `line` or `row`.
        separator: Between the cells of the file.
        decimal: The decimal sign of the file.
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
