"""The page about a fitted estimator: its columns and classes as the report reads them, on the rows of the fit or on others."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from splinework.nn.files import write_whole
from splinework.report.axiom_sections import certified
from splinework.report.facts import gather
from splinework.report.reporting import page_of
from splinework.report.task import InputColumn, ReportTask
from splinework.tabular.columns import Column, Columns, NumericColumn
from splinework.tabular.fitted import check_fitted

if TYPE_CHECKING:
    from splinework.tabular.explanation import ExplanationMixin


def write_report(
    estimator: ExplanationMixin,
    path: str | os.PathLike[str],
    *,
    train: tuple[Any, Any] | None = None,
    test: tuple[Any, Any] | None = None,
    equations: bool = False,
    title: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    tell: Callable[[float], None] = lambda share: None,
) -> Path:
    """Writes the page of an estimator.

    Args:
        estimator: The fitted estimator.
        path: The file.
        train: Table and target of training rows; None for the rows that the estimator kept.
        test: Table and target of held-out rows, the target None where it is unknown.
        equations: Whether to show formulas, which starts the search if there has been none.
        title: Heading.
        metrics: Figures to show instead of computed ones.
        notes: Sentences to show before those of the estimator.
        tell: Callback with the completed share of the work.
    """
    check_fitted(estimator)
    shown: dict[str, Any] = {}
    if train is not None:
        shown |= dict(zip(("x", "y"), _encoded(estimator, *train), strict=True))
    else:
        shown |= _own_rows(estimator)
    facts = gather(
        estimator.model_,
        estimator.formulas_ if equations else None,
        x=shown["x"],
        y=shown["y"],
        test=None if test is None else _encoded(estimator, *test),
        history=None,
        notes=[*notes, *estimator._notes()],
        task=task_of(estimator),
        title=title,
        metrics=metrics or {},
        certificate=getattr(estimator, "certificate_", None) or certified(estimator.model_),
        violations={},
        result=estimator,
    )
    write_whole(Path(path), page_of(facts, tell).encode())
    return Path(path)


def _encoded(estimator: ExplanationMixin, X: Any, y: Any) -> tuple[Any, Any]:
    """Inputs of the network, and targets `(n, q)` or labels; None for unknown ones."""
    x = estimator._inputs(X, "report")[0]
    if y is None:
        return x, None
    values = np.asarray(y)
    if estimator._classes is not None:
        return x, values
    return x, estimator._on_outputs(values.reshape(len(values), -1).astype(np.float64))


def _own_rows(estimator: ExplanationMixin) -> dict[str, Any]:
    """The rows of the fit; without targets where these are not what the network gives."""
    if estimator._sample is None:
        return {"x": None, "y": None}
    rows, _ = estimator._shown()
    if estimator._classes is not None:
        labels = estimator._classes.values[rows.y.astype(np.intp).ravel()]
        return {"x": rows.x, "y": labels}
    return {"x": rows.x, "y": estimator._on_outputs(rows.y)}


def task_of(estimator: ExplanationMixin) -> ReportTask:
    """The columns and classes of an estimator."""
    classes, columns = estimator._classes, estimator.columns_
    target = columns.target
    inputs = input_columns(columns)
    if classes is None:
        return ReportTask(
            inputs, target=" and ".join(columns.targets), labels=columns.labels, output_labels=columns.targets
        )
    names = tuple(str(label) for label in classes.values)
    outputs = (f"log odds of {names[-1]}",) if len(names) <= 2 else tuple(f"logit of {name}" for name in names)
    how: dict[str, Any] = {"classes": names, "probabilities": classes.probabilities, "lapses": tuple(classes.lapses)}
    return ReportTask(inputs, target=target, labels=columns.labels, output_labels=outputs, **how)


def input_columns(columns: Columns) -> tuple[InputColumn, ...]:
    """The columns of a table with the inputs of the network that encode them."""
    found, start = [], 0
    for column in columns.columns:
        count = len(column.inputs)
        found.append(_input_column(column, tuple(range(start, start + count))))
        start += count
    return tuple(found) if start else (InputColumn(columns.columns[0].name, (0,)),)


def _input_column(column: Column, places: tuple[int, ...]) -> InputColumn:
    def inputs(value: float) -> tuple[float, ...]:
        return tuple(column.encode(np.array([value]))[0].tolist())

    if not places:
        return InputColumn(column.name, places)
    if isinstance(column, NumericColumn):
        if column.varies:
            return InputColumn(column.name, places, missing=inputs(np.nan) if column.gaps else None)
        return InputColumn(column.name, places, (("present", inputs(column.fill)), ("missing", inputs(np.nan))))
    levels = [(_label(level), inputs(float(code))) for code, level in enumerate(column.levels)]
    gaps = getattr(column, "gaps", False)
    return InputColumn(column.name, places, (*levels, *([("missing", inputs(np.nan))] if gaps else [])))


def _label(level: str | float) -> str:
    return level if isinstance(level, str) else f"{level:g}"
