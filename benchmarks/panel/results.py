"""Files of results: one line of JSON a case, one file a model; the last line of a key counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import lines
from benchmarks.panel.cases import Case
from benchmarks.panel.targets import RULES

FOLDER = Path(__file__).resolve().parents[1] / "results" / "panel"
Record = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """The fields that identify a result.

    Attributes:
        model: Its name, with `@label` where it was run under one.
        case: The case.
    """

    model: str
    case: Case


class Results:
    """The files of a folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder

    def models(self) -> list[str]:
        """Names of those that there are results of, labels included."""
        return sorted(path.stem for path in self.folder.glob("*.jsonl"))

    def load(self, models: Iterable[str]) -> dict[Key, Record]:
        """The results of some models, of the present rules."""
        found = {}
        for name in dict.fromkeys(models):
            for record in lines.read(self.folder / f"{name}.jsonl"):
                if record["rules"] == RULES:
                    found[Key(name, Case(record["target"], record["rows"], record["noise"]))] = record
        return found

    def add(self, record: Record) -> None:
        """Appends one."""
        lines.append(self.folder / f"{record['model']}.jsonl", record)
