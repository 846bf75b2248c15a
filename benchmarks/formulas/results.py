"""Files of results: one line of JSON an answer, one file a suite."""

import json
from pathlib import Path
from typing import ClassVar, NamedTuple

from benchmarks.lines import Record, Store

FOLDER = Path(__file__).resolve().parents[1] / "results" / "formulas"


class Key(NamedTuple):
    """The fields that identify an answer."""

    suite: str
    problem: str
    level: float
    seed: int
    contender: str


class Results(Store[Key]):
    """The files of a folder."""

    field: ClassVar[str] = "suite"

    def __init__(self, folder: Path = FOLDER) -> None:
        super().__init__(folder)

    def key(self, record: Record) -> Key:
        """The key of a line."""
        return Key(*(record[name] for name in Key._fields))

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
