"""The history of a fit: its steps and decisions; as one table, and as plain values."""

import json
import math
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields, replace
from itertools import takewhile
from typing import Any, final

from splinework.errors import ConfigError
from splinework.train.callbacks import Step

FORMAT = 1
"""Format version of `History.to_dict` and of the Arrow table's metadata."""
PACE_STEPS, MAX_STEPS_BEHIND, MIN_LEAD = 10, 50, 2.0
"""Steps over which the rate of a stage is measured, after as many others; steps to a goal from which on it takes too long, where
the error is this many times the goal: held-out rows are few, and another model may be ahead by chance."""
METADATA_KEY = b"splinework.history"
"""Key of the metadata of an Arrow table: JSON with `format` and `decisions`, each `[step, kind, text]`."""


@final
@dataclass(frozen=True)
class Decision:
    """A decision of the fit, with its reason.

    Attributes:
        step: Number of the last step before it; 0 before the first.
        kind: The subject, a word such as `optimiser`, `start`, `grid`, `degree`, `warning` or `stop`.
        text: A sentence for the reader.

    >>> Decision(12, "grid", "grid 20 did not pay").kind
    'grid'
    """

    step: int
    kind: str
    text: str


@dataclass
class History:
    """All steps of a fit, and the decisions taken on the way.

    `len(history)`, iteration and `history[-1]` give `Step` records.

    Attributes:
        steps: The steps, in order.
        decisions: The decisions, in order.

    >>> history = History()
    >>> history.decide("optimiser", "Levenberg–Marquardt, for 30 parameters and 200 rows")
    >>> history.decisions[0].step, history.notes
    (0, ('Levenberg–Marquardt, for 30 parameters and 200 rows',))
    """

    steps: list[Step] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __getitem__(self, index: int) -> Step:
        return self.steps[index]

    @property
    def notes(self) -> tuple[str, ...]:
        """The texts of the decisions, such as why the fit ended; `decide` adds one."""
        return tuple(decision.text for decision in self.decisions)

    def decide(self, kind: str, text: str) -> None:
        """Records a decision taken after the last step so far; for `kind` see `Decision`."""
        self.decisions.append(Decision(self.steps[-1].number if self.steps else 0, kind, text))

    def creeps(self, goal: float) -> bool:
        """Whether the last stage, at its present rate, would take too long to bring the held-out error down to this goal.

        No stage creeps towards 0, which is none.
        """
        stage = self.steps[-1].stage if self.steps else ""
        errors = [step.rmse_validation for step in takewhile(lambda step: step.stage == stage, reversed(self.steps))]
        if not goal or len(errors) < 2 * PACE_STEPS:
            return False
        best, before = min(errors), min(errors[PACE_STEPS:])
        return best > MIN_LEAD * goal and math.log(best / goal) * PACE_STEPS > MAX_STEPS_BEHIND * math.log(
            before / best
        )

    def column(self, name: str) -> list[Any]:
        """One field of every step, such as `rmse_train`."""
        return [getattr(step, name) for step in self.steps]

    def frame(self) -> Any:
        """A pandas DataFrame, one row per step: its fields, and `decision`.

        That column holds the texts of what was decided between this step and the next, joined by semicolons, in the first row
        also of what was decided before it; mostly it is empty.
        """
        import pandas as pd

        dtypes: dict[Any, Any] = {int: "int64", float: "float64", str: "str"}
        columns = {f.name: pd.Series(self.column(f.name), dtype=dtypes.get(f.type, object)) for f in fields(Step)}
        return pd.DataFrame({**columns, "decision": pd.Series(self._decided(), dtype="str")})

    def arrow(self) -> Any:
        """The same table as a pyarrow Table; `grids` and `degrees` are lists, the metadata hold the decisions one by one.

        >>> table = History([Step(1, "grid 5", 5, 0.1, 0.3, 0.4, 0.01, grids=(5, 5))]).arrow()
        >>> table["grids"].to_pylist(), json.loads(table.schema.metadata[METADATA_KEY])["format"]
        ([[5, 5]], 1)
        """
        import pyarrow as pa

        kinds: dict[Any, Any] = {int: pa.int64(), float: pa.float64(), str: pa.string()}
        columns = [(f.name, kinds.get(f.type, pa.list_(pa.int64()))) for f in fields(Step)]
        about = json.dumps({"format": FORMAT, "decisions": self.to_dict()["decisions"]})
        schema = pa.schema([*columns, ("decision", pa.string())], metadata={METADATA_KEY: about})
        values = {f.name: self.column(f.name) for f in fields(Step)}
        return pa.table({**values, "decision": self._decided()}, schema=schema)

    def to_dict(self) -> dict[str, Any]:
        """JSON values from which `history_from_dict` makes the same history again, bit for bit.

        The steps are kept by column. A number that is not finite, for which JSON has no word, is the text of its eight
        bytes in hexadecimal.
        """
        return {
            "format": FORMAT,
            "steps": {f.name: [_plain(value) for value in self.column(f.name)] for f in fields(Step)},
            "decisions": [[decision.step, decision.kind, decision.text] for decision in self.decisions],
        }

    def _decided(self) -> list[str]:
        """The texts of the decisions after each step."""
        texts: list[list[str]] = [[] for _ in self.steps]
        numbers = self.column("number")
        for decision in self.decisions if texts else ():
            texts[max(bisect_right(numbers, decision.step) - 1, 0)].append(decision.text)
        return ["; ".join(row) for row in texts]


def history_from_dict(values: Any) -> History:
    """The history that `History.to_dict` made these values from.

    A field of a step that is not among them, because an older version did not know it, has its default.

    Raises:
        ConfigError: If they are of another format, or something else altogether.
    """
    try:
        if values["format"] != FORMAT:
            raise ConfigError(f"format {values['format']!r}")
        columns = {f.name: f for f in fields(Step)}
        required = {f.name for f in columns.values() if f.default is MISSING}
        if not required <= set(values["steps"]) <= set(columns):
            raise ConfigError(f"steps with the fields {', '.join(values['steps'])}")
        read = {name: [_read(columns[name].type, v) for v in column] for name, column in values["steps"].items()}
        steps = [Step(**dict(zip(read, row, strict=True))) for row in zip(*read.values(), strict=True)]
        decisions = [
            Decision(_read(int, step), _read(str, kind), _read(str, text)) for step, kind, text in values["decisions"]
        ]
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
        raise ConfigError(
            f"a recorded history has format {FORMAT}, steps and decisions, but this one does not fit ({error}); "
            "it is damaged or of another version, so begin the fit anew."
        ) from error
    return History(steps, decisions)


def join_histories(first: History, second: History) -> History:
    """Two fits, one after the other, as one history: numbers and seconds go on."""
    number, seconds = (first[-1].number, first[-1].seconds) if first.steps else (0, 0.0)
    steps = [replace(step, number=number + step.number, seconds=seconds + step.seconds) for step in second.steps]
    decisions = [replace(decision, step=number + decision.step) for decision in second.decisions]
    return History([*first.steps, *steps], [*first.decisions, *decisions])


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return struct.pack(">d", value).hex()
    return list(value) if isinstance(value, tuple) else value


def _read(kind: Any, value: Any) -> Any:
    """A field of a step from its plain value."""
    if kind is float and isinstance(value, str):
        return struct.unpack(">d", bytes.fromhex(value))[0]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float, str):
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ConfigError(f"{value!r} instead of a value of type {kind.__name__}")
        return value
    if not isinstance(value, list):
        raise ConfigError(f"{value!r} instead of a list of whole numbers")
    return tuple(_read(int, number) for number in value)
