"""What happened during a fit: its steps, and the decisions taken on the way."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from splinework.train.callbacks import Step


@dataclass
class History:
    """All steps of a fit, and the decisions taken on the way.

    `len(history)`, iteration and `history[-1]` give `Step` records; `notes` are sentences such as why the fit ended.
    """

    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __getitem__(self, index: int) -> Step:
        return self.steps[index]

    def column(self, name: str) -> list[Any]:
        """One field of every step, such as `rmse_train`."""
        return [getattr(step, name) for step in self.steps]

    def frame(self) -> Any:
        """A pandas DataFrame, one row per step."""
        import pandas as pd

        return pd.DataFrame([asdict(step) for step in self.steps], columns=[f.name for f in fields(Step)])


def joined(first: History, second: History) -> History:
    """Two fits, one after the other, as one history: numbers and seconds go on."""
    steps = list(first.steps)
    number, seconds = (steps[-1].number, steps[-1].seconds) if steps else (0, 0.0)
    steps += [replace(step, number=number + step.number, seconds=seconds + step.seconds) for step in second.steps]
    return History(steps, [*first.notes, *second.notes])
