"""Files of results: one line of JSON a cell, one file a contender."""

from pathlib import Path
from typing import ClassVar, NamedTuple

from benchmarks.lines import Record, Store

FOLDER = Path(__file__).resolve().parents[1] / "results" / "tabular"


class Key(NamedTuple):
    """The fields that identify a cell."""

    contender: str
    set: str
    fold: int


class Results(Store[Key]):
    """The files of a folder."""

    field: ClassVar[str] = "contender"

    def __init__(self, folder: Path = FOLDER) -> None:
        super().__init__(folder)

    def key(self, record: Record) -> Key:
        """The key of a line."""
        return Key(record["contender"], record["set"], record["fold"])
