"""Folders of results with a line of JSON each, written so that a benchmark can be killed and go on."""

import json
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

KeyT = TypeVar("KeyT")
Record = dict[str, Any]


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file, none where there is no file; a line that was cut off by a kill is passed over."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def append(path: Path, record: dict[str, Any]) -> None:
    """Adds a line, to be there whatever happens next; one that was cut off before stays a line of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as stream:
        stream.write("\n" * torn + json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


class Store(ABC, Generic[KeyT]):
    """The files of a folder, one for each value of a field; the last line of a key counts."""

    field: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    @abstractmethod
    def key(self, record: Record) -> KeyT | None:
        """The fields that identify a line; None for one that counts no more."""

    def load(self, names: Iterable[str]) -> dict[KeyT, Record]:
        """The lines of some files."""
        records = (record for name in dict.fromkeys(names) for record in read(self.folder / f"{name}.jsonl"))
        return {key: record for record in records if (key := self.key(record)) is not None}

    def add(self, record: Record) -> None:
        """Appends one line, to be there whatever happens next."""
        with self._lock:
            append(self.folder / f"{record[self.field]}.jsonl", record)
