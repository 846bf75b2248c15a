"""Files of results: one line of JSON a case, one file a model."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.lines import Record, Store
from benchmarks.panel.cases import Case
from benchmarks.panel.targets import RULES

FOLDER = Path(__file__).resolve().parents[1] / "results" / "panel"


@dataclass(frozen=True)
class Key:
    """The fields that identify a result.

    Attributes:
        model: Its name, with `@label` where it was run under one.
        case: The case.
    """

    model: str
    case: Case


class Results(Store[Key]):
    """The files of a folder."""

    field: ClassVar[str] = "model"

    def __init__(self, folder: Path = FOLDER) -> None:
        super().__init__(folder)

    def models(self) -> list[str]:
        """Names of those that there are results of, labels included."""
        return sorted(path.stem for path in self.folder.glob("*.jsonl"))

    def key(self, record: Record) -> Key | None:
        """The key of a line of the present rules."""
        case = Case(record["target"], record["rows"], record["noise"])
        return Key(record["model"], case) if record["rules"] == RULES else None
