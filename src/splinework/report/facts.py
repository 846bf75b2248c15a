"""Everything that a report shows, checked and worked out once: rows, predictions and the figures that come of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.arrays import as_columns, check_finite
from splinework.errors import ConfigError, ShapeError
from splinework.network import KAN
from splinework.plot.curves import CHUNK, private_copy
from splinework.plot.protocols import HistoryLike
from splinework.report.protocols import ReportedTable

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Some rows of data in raw units: `x` `(N, inputs)`, and where it is known `y` `(N, outputs)`, with predictions."""

    x: Floats
    y: Floats | None
    predicted: Floats

    def __len__(self) -> int:
        return len(self.x)

    def errors(self, output: int, scale: str) -> tuple[float, float]:
        """Root mean squared error and R² of one output; of its logarithm if the scale is `log`; NaN where unknown."""
        if self.y is None or not len(self):
            return math.nan, math.nan
        measured, predicted = self.y[:, output], self.predicted[:, output]
        if scale == "log":
            if (measured <= 0).any() or (predicted <= 0).any():
                return math.nan, math.nan
            measured, predicted = np.log(measured), np.log(predicted)
        squares = float(((measured - predicted) ** 2).mean())
        spread = float(measured.var())
        return math.sqrt(squares), 1 - squares / spread if spread > 0 else math.nan


@dataclass(frozen=True)
class Facts:
    """What is reported on.

    Attributes:
        model: The network.
        title: Heading of the page.
        train: Rows that the model was fitted to, if they are given.
        test: Rows that it has not seen, if there are any.
        table: Formulas.
        history: The fit.
        notes: Decisions, as sentences.
        metrics: Figures worked out elsewhere, which are shown instead of our own.
    """

    model: KAN
    title: str
    train: Rows | None
    test: Rows | None
    table: ReportedTable | None
    history: HistoryLike | None
    notes: tuple[str, ...]
    metrics: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return self.model.config.input_names

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.model.config.output_names

    @property
    def shown(self) -> tuple[Rows, str] | None:
        """Rows with known outputs to judge the fit by, and what they are: the test rows, if there are any."""
        for rows, kind in ((self.test, "test"), (self.train, "training")):
            if rows is not None and rows.y is not None and len(rows):
                return rows, kind
        return None

    def metric(self, name: str) -> float | None:
        """A number of `metrics`, if it is there."""
        value = self.metrics.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
            return None
        return float(value)


def gather(
    model: KAN,
    *,
    x: Any,
    y: Any,
    test: tuple[Any, Any] | None,
    table: ReportedTable | None,
    history: HistoryLike | None,
    notes: Sequence[str],
    title: str | None,
    metrics: Mapping[str, Any] | None,
) -> Facts:
    """Checks what `report` was given, and works out the predictions.

    Raises:
        ConfigError: If y is given without x, test is not a pair, or notes are one string.
        ShapeError: If rows or columns do not fit.
        DataError: If some values are not finite numbers.
    """
    if y is not None and x is None:
        raise ConfigError("report needs x together with y, got y alone; pass the rows that y belongs to.")
    if test is not None and (not isinstance(test, (tuple, list)) or len(test) != 2):
        raise ConfigError(f"test is a pair (x, y), got {type(test).__name__}; pass test=(x_test, y_test).")
    if isinstance(notes, str):
        raise ConfigError("notes is a list of sentences, got one string; pass notes=[…].")
    return Facts(
        model=model,
        title=title or _title(model),
        train=None if x is None else _rows(model, x, y),
        test=None if test is None else _rows(model, *test),
        table=table if table is not None and len(table.rows) else None,
        history=history if history is not None and len(history.steps) else None,
        notes=tuple(str(note) for note in (*notes, *(table.notes if table is not None else ()))),
        metrics=metrics or {},
    )


@torch.no_grad()
def _rows(model: KAN, x: Any, y: Any) -> Rows:
    work, inputs = private_copy(model, x)
    predicted = (
        torch.cat([work(rows) for rows in inputs.split(CHUNK)]) if len(inputs) else inputs.new_zeros(0, model.outputs)
    )
    if y is None:
        return Rows(inputs.numpy(), None, predicted.numpy())
    measured: Tensor = as_columns(y, model.outputs, "y", model.config.output_names, inputs)
    if len(measured) != len(inputs):
        raise ShapeError(f"x and y must have as many rows, got {len(inputs)} and {len(measured)}.")
    check_finite(measured, "y", model.config.output_names)
    return Rows(inputs.numpy(), measured.numpy(), predicted.numpy())


def _title(model: KAN) -> str:
    active = model.active_inputs()
    outputs = " and ".join(model.config.output_names) if model.outputs <= 3 else f"{model.outputs} outputs"
    if not active:
        return f"{outputs}: a constant"
    if len(active) > 4:
        return f"{outputs} from {len(active)} inputs"
    return f"{outputs} from {', '.join(active[:-1])}{' and ' if len(active) > 1 else ''}{active[-1]}"
