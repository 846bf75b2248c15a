"""The data of a report, validated and computed once: rows, predictions and derived figures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError, SplineworkError
from splinework.interpret.importance.row_function import RowFunction, row_function
from splinework.interpret.importance.sobol import indices_of
from splinework.knowledge.axioms.verify.certificate import Certificate
from splinework.nn.arrays import as_columns, check_finite
from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.frame.framed import names_of
from splinework.nn.network import KAN
from splinework.report.plot.curves import CHUNK_ROWS, inside, private_copy
from splinework.report.plot.protocols import Floats, HistoryLike, best_of
from splinework.report.protocols import ReportedFormula, ReportedTable
from splinework.report.task import InputColumn, Integers, ReportTask, as_codes, plain_columns

MAX_SHARED = 60
"""Columns up to which shares of the variance are computed."""


@dataclass(frozen=True)
class ReportRows:
    """Rows of data in raw units: `x` `(N, inputs)`, `y` `(N, outputs)` or codes of classes `(N,)` if known, and predictions.

    Rows of a classification have `codes` in place of `y`, and probabilities `(N, classes)`.
    """

    x: Floats
    y: Floats | None
    predicted: Floats
    codes: Integers | None = None
    probabilities: Floats | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def classified(self) -> tuple[Integers, Floats]:
        """Codes and probabilities of a classification with known classes."""
        assert self.codes is not None
        assert self.probabilities is not None
        return self.codes, self.probabilities

    def errors(self, output: int, scale: str) -> tuple[float, float]:
        """Root mean squared error and R² of one output, or of its logarithm on the scale `log`; NaN if unknown."""
        if self.y is None or not len(self):
            return math.nan, math.nan
        return errors_of(self.predicted[:, output], self.y[:, output], scale)


def errors_of(predicted: Floats, measured: Floats, scale: str) -> tuple[float, float]:
    """Root mean squared error and R², of the logarithms on the scale `log`; NaN if undefined."""
    if scale == "log":
        if (measured <= 0).any() or (predicted <= 0).any():
            return math.nan, math.nan
        measured, predicted = np.log(measured), np.log(predicted)
    squares = float(((measured - predicted) ** 2).mean())
    spread = float(measured.var())
    return math.sqrt(squares), 1 - squares / spread if spread > 0 else math.nan


@dataclass(frozen=True)
class ReportData:
    """The data of a report.

    Attributes:
        model: The network, with or without a frame; None for formulas found without one, whose best one predicts.
        title: Heading of the page, or None.
        train: Rows that the model was fitted to, or None.
        test: Rows not used in the fit, or None.
        table: Formulas, or None.
        history: History of the fit, or None.
        notes: Sentences on decisions, without those of the table.
        metrics: Figures to show instead of computed ones.
        certificate: Status of the axioms, or None.
        violations: Violations of soft axioms by text: root mean square and maximum.
        task: Columns of the user and classes; of a plain network every input is a column.
        result: The result of the fit or the estimator, if it knows how sure it is (`contrast_widths`).
    """

    model: KAN | FramedKAN | None
    train: ReportRows | None
    test: ReportRows | None
    table: ReportedTable | None
    history: HistoryLike | None
    notes: tuple[str, ...]
    title: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    certificate: Certificate | None = None
    violations: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    task: ReportTask = field(default_factory=ReportTask)
    result: Any = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels of the classes; empty for a regression."""
        return self.task.classes

    @property
    def columns(self) -> tuple[InputColumn, ...]:
        """The columns of the user."""
        return self.task.columns or plain_columns(self.names)

    @property
    def rows(self) -> ReportRows | None:
        """Rows that say where the inputs lie: the training rows, if there are any, or the test rows."""
        return next((rows for rows in (self.train, self.test) if rows is not None and len(rows)), None)

    @cached_property
    def function(self) -> RowFunction | None:
        """The model as a function of the user's columns, with the rows that it was fitted to; None without a model or rows."""
        rows = self.rows
        if self.model is None or rows is None or len(rows) < 2:
            return None
        names = tuple(column.name for column in self.columns)
        places = tuple(column.places for column in self.columns)
        found = row_function(self.model, rows.x)
        widths = getattr(self.result, "contrast_widths", None)
        return replace(found, inputs=names, columns=places, outputs=self.output_labels, widths=widths)

    @cached_property
    def shares(self) -> Floats | None:
        """Share of the variance of each output that goes with a column, interactions included: `(columns, outputs)`."""
        if self.function is None or len(self.columns) > MAX_SHARED:
            return None
        try:
            return indices_of(self.function, samples=2048).total
        except SplineworkError:  # such as outputs that are not finite between the rows
            return None

    @property
    def network(self) -> KAN | None:
        """The network without its frame."""
        return None if self.model is None else network_of(self.model)

    @cached_property
    def seen(self) -> Floats | None:
        """The network's inputs for these rows, `(N, F)`."""
        if self.rows is None or self.model is None:
            return None
        work, rows = private_copy(self.model, self.rows.x)
        return np.asarray(inside(work, rows)[1])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs."""
        if self.model is not None:
            return tuple(names_of(self.model)[0])
        return () if self.table is None else tuple(getattr(self.table.rows[0], "names", ()))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        if self.model is not None:
            return tuple(names_of(self.model)[1])
        return tuple(row.target for row in best_of(self.table))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the inputs for readers."""
        return self.task.labels or self.names

    @property
    def output_labels(self) -> tuple[str, ...]:
        """Names of the outputs for readers."""
        return self.task.output_labels or self.outputs

    @property
    def input_scales(self) -> tuple[str, ...]:
        """Scale of every input, `linear` or `log`."""
        if self.model is None or isinstance(self.model, FramedKAN):
            return ("linear",) * len(self.names)
        return self.model.config.input_scales

    @property
    def output_scales(self) -> tuple[str, ...]:
        """Scale of every output, `linear` or `log`."""
        network = self.network
        if network is None or (isinstance(self.model, FramedKAN) and self.model.frame.after):
            return ("linear",) * len(self.outputs)
        return network.config.output_scales

    @property
    def used(self) -> list[str]:
        """Names of the inputs that the network, or else any of the best formulas, depends on."""
        if self.model is not None:
            return used_inputs(self.model)
        return list(dict.fromkeys(name for row in best_of(self.table) for name in getattr(row, "inputs", ())))

    @property
    def heading(self) -> str:
        """The title, or else a summary of outputs and inputs."""
        active, targets = self.used, (self.task.target,) if self.classes else self.outputs
        if self.task.columns:
            used = set(active)
            active = [column.name for column in self.columns if used & {self.names[place] for place in column.places}]
        outputs = " and ".join(targets) if len(targets) <= 3 else f"{len(targets)} outputs"
        if self.title or not active:
            return self.title or f"{outputs}: a constant"
        if len(active) > 4:
            return f"{outputs} from {len(active)} inputs"
        return f"{outputs} from {', '.join(active[:-1])}{' and ' if len(active) > 1 else ''}{active[-1]}"

    @property
    def shown(self) -> tuple[ReportRows, str] | None:
        """Rows for assessing the fit, with their kind: the test rows, if available, or the training rows."""
        for rows, kind in ((self.test, "test"), (self.train, "training")):
            if rows is not None and (rows.y is not None or rows.codes is not None) and len(rows):
                return rows, kind
        return None

    def metric(self, name: str) -> float | None:
        """A number in `metrics`, or None."""
        value = self.metrics.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
            return None
        return float(value)


def used_inputs(model: KAN | FramedKAN) -> list[str]:
    """Names of the raw inputs that a model depends on."""
    if not isinstance(model, FramedKAN):
        return list(model.active_inputs())
    frame, active = model.frame, set(model.network.active_inputs())
    if not frame.features:
        used = {i for i, name in enumerate(model.network.config.input_names) if name in active}
    else:
        pairs = zip(model.network.config.input_names, frame.before, strict=True)
        used = {i for name, feature in pairs if name in active for i in feature.columns}
    inputs = len(frame.input_names)
    used |= {i for answer in frame.after for i in answer.columns if i < inputs}
    return [name for i, name in enumerate(frame.input_names) if i in used]


def gather(
    model: KAN | FramedKAN | None,
    table: ReportedTable | None,
    *,
    x: Any,
    y: Any,
    test: tuple[Any, Any] | None,
    history: HistoryLike | None,
    notes: Sequence[str],
    task: ReportTask | None = None,
    **others: Any,
) -> ReportData:
    """Validates the arguments of `report` and computes predictions; `others` are fields of `ReportData`.

    Raises:
        ConfigError: If there is neither model nor formula, y is given without x, test is not a pair, or notes are one string.
        ShapeError: If numbers of rows or columns do not match.
        DataError: If some values are not finite numbers.
    """
    if y is not None and x is None:
        raise ConfigError("report needs x together with y, got y alone; pass the rows that y belongs to.")
    if test is not None and (not isinstance(test, (tuple, list)) or len(test) != 2):
        raise ConfigError(f"test is a pair (x, y), got {type(test).__name__}; pass test=(x_test, y_test).")
    if model is None and (table is None or not len(table.rows)):
        raise ConfigError("report needs a model or a table with formulas, got neither; pass one.")
    if isinstance(notes, str):
        raise ConfigError("notes is a list of sentences, got one string; pass notes=[…].")
    found = () if table is None else tuple(map(str, table.notes))
    asked = ReportTask() if task is None else task
    return ReportData(
        model=model,
        train=None if x is None else _rows(model, table, x, y, asked),
        test=None if test is None else _rows(model, table, *test, asked),
        task=asked,
        table=table if table is not None and len(table.rows) else None,
        history=history if history is not None and len(history.steps) else None,
        notes=tuple(note for note in dict.fromkeys(map(str, notes)) if note not in found),
        **others,
    )


@torch.no_grad()
def _of_model(model: KAN | FramedKAN, x: Any) -> tuple[Tensor, Tensor]:
    work, inputs = private_copy(model, x)
    parts = [work(rows) for rows in inputs.split(CHUNK_ROWS)]
    return inputs, torch.cat(parts) if len(inputs) else inputs.new_zeros(0, model.outputs)


def _of_formulas(best: Sequence[ReportedFormula], names: tuple[str, ...], x: Any) -> tuple[Tensor, Tensor]:
    inputs = as_columns(x, len(names), "x", names, torch.zeros(0, dtype=torch.float64))
    check_finite(inputs, "x", names)
    columns = [torch.from_numpy(values_of(row, inputs.numpy())) for row in best]
    return inputs, torch.stack(columns, dim=1)


def values_of(row: ReportedFormula, x: Floats) -> Floats:
    """Values of a formula for the rows of x, `(N,)`; NaN where it is undefined or cannot be evaluated."""
    function = getattr(row, "numpy", None)
    return np.full(len(x), np.nan) if function is None else np.asarray(function()(x), dtype=np.float64)


def _rows(model: KAN | FramedKAN | None, table: ReportedTable | None, x: Any, y: Any, task: ReportTask) -> ReportRows:
    """Rows with the predictions of the model, or else of the best formulas."""
    if model is not None:
        outputs = tuple(names_of(model)[1])
        inputs, predicted = _of_model(model, x)
    else:
        best = best_of(table)
        outputs = tuple(row.target for row in best)
        inputs, predicted = _of_formulas(best, tuple(getattr(best[0], "names", ())), x)
    if task.probabilities is not None:
        codes = None if y is None else as_codes(y, task.classes)
        if codes is not None and len(codes) != len(inputs):
            raise ShapeError(f"x and y must have as many rows, got {len(inputs)} and {len(codes)}.")
        values = predicted.numpy()
        return ReportRows(inputs.numpy(), None, values, codes, task.probabilities(values))
    if y is None:
        return ReportRows(inputs.numpy(), None, predicted.numpy())
    measured: Tensor = as_columns(y, len(outputs), "y", outputs, inputs)
    if len(measured) != len(inputs):
        raise ShapeError(f"x and y must have as many rows, got {len(inputs)} and {len(measured)}.")
    check_finite(measured, "y", outputs)
    return ReportRows(inputs.numpy(), measured.numpy(), predicted.numpy())
