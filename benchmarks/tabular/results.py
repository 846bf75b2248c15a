"""Files of results: one line of JSON a cell, one file a contender; the last line of a key counts."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import lines

FOLDER = Path(__file__).resolve().parents[1] / "results" / "tabular"
Record = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """The fields that identify a cell."""

    contender: str
    set: str
    fold: int

    @classmethod
    def of(cls, record: Record) -> Key:
        """The key of a line."""
        return cls(*(record[name] for name in ("contender", "set", "fold")))


class Results:
    """The files of a folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    def load(self, contenders: Iterable[str]) -> dict[Key, Record]:
        """The cells of some contenders."""
        return {
            Key.of(record): record
            for name in dict.fromkeys(contenders)
            for record in lines.read(self.folder / f"{name}.jsonl")
        }

    def add(self, record: Record) -> None:
        """Appends one cell."""
        with self._lock:
            lines.append(self.folder / f"{record['contender']}.jsonl", record)
