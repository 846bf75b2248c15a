"""Files of results: one line of JSON an answer, one file a suite; the last line of a key counts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import lines

FOLDER = Path(__file__).resolve().parents[1] / "results" / "formulas"
Record = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """The fields that identify an answer."""

    suite: str
    problem: str
    level: float
    seed: int
    contender: str

    @classmethod
    def of(cls, record: Record) -> Key:
        """The key of a line."""
        return cls(*(record[name] for name in ("suite", "problem", "level", "seed", "contender")))


class Results:
    """The files of a folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    def load(self, suites: Iterable[str]) -> dict[Key, Record]:
        """The answers of some suites; a line that was cut off by a kill is passed over."""
        found: dict[Key, Record] = {}
        for suite in dict.fromkeys(suites):
            for record in lines.read(self._path(suite)):
                found[Key.of(record)] = record
        return found

    def add(self, record: Record) -> None:
        """Appends one answer, to be there whatever happens next."""
        with self._lock:
            lines.append(self._path(record["suite"]), record)

    def truth_nodes(self, text: str, names: tuple[str, ...]) -> int:
        """Nodes of a true formula; simplifying takes seconds, so they are kept."""
        from benchmarks.formulas.truth import nodes

        with self._lock:
            path = self.folder / "truth_nodes.json"
            kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            key = f"{text} of {', '.join(names)}"
            if key not in kept:
                kept[key] = nodes(text, names)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            return int(kept[key])

    def _path(self, suite: str) -> Path:
        return self.folder / f"{suite}.jsonl"
