"""Reads a model file and a table into a network, its inputs in raw units, and its targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from splinework.cli.categories import as_frame
from splinework.cli.fitted import ModelFile, column_of, inputs_of, refuse_lacking
from splinework.cli.job import FitSettings, split
from splinework.cli.levels import repeats, words_of
from splinework.errors import ConfigError, DataError, nearest
from splinework.formula.figures import plural
from splinework.tabular.tables import FileTable, numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from splinework.cli.hardware.options import ArtefactArguments
    from splinework.cli.sample import Floats
    from splinework.nn.network import KAN

_MAX_SHOWN: Final = 8


@dataclass(frozen=True, eq=False)
class ArtefactRows:
    """The network and the rows that an artefact is built from.

    Attributes:
        model: The network.
        x: Training rows in the network's raw units.
        y: Targets in raw units `(n, outputs)`, or class indices `(n,)`.
        test: Held-out rows and their targets.
        task: `regression` or `classification`.
        classes: Names of the classes; None for a regression.
        notes: Decisions, one sentence each.
    """

    model: KAN
    x: Floats
    y: NDArray[Any]
    test: tuple[Floats, NDArray[Any]]
    task: Literal["regression", "classification"]
    classes: tuple[str, ...] | None
    notes: tuple[str, ...]

    def whole_shape(self, asked: Any) -> Any:
        """A shape with the network's numbers of inputs and outputs in place of None."""
        if isinstance(asked, tuple) and asked[0] is None:
            return (self.model.inputs, *asked[1:-1], self.model.outputs)
        return asked


def material(fitted: ModelFile, table: FileTable, order: ArtefactArguments) -> ArtefactRows:
    """Reads the rows and splits them as `fit` does.

    Raises:
        DataError: If a column is missing, or there are too few rows.
        ConfigError: If the target is ambiguous, or the model has a frame.
    """
    if fitted.frame is not None:
        raise ConfigError(
            f"{fitted.path} holds a framed network, as some axioms require, but hardware is built from plain "
            "networks; fit without the axioms that need a frame, such as bounds."
        )
    notes = list(table.notes)
    if fitted.estimator is not None:
        x, y, classes = _of_estimator(fitted, table, order)
    else:
        x, y, classes = _of_network(fitted, table, order, notes)
    whole = np.isfinite(x).all(axis=1) & (np.isfinite(y).all(axis=1) if y.ndim == 2 else y >= 0)
    gone = int((~whole).sum())
    if gone:
        notes.append(f"{plural(gone, 'row')} with empty or non-finite cells left out")
    if len(x) and not whole.any():
        raise DataError(f"every row of {table.name} has an empty or non-finite cell; fill them in.")
    x, y = x[whole], y[whole]
    train, test, remarks = split(len(x), FitSettings(1.0, order.seed, order.test_fraction))
    notes += remarks
    notes.append(
        f"{plural(len(test), 'row')} of {len(x)} held out for all figures; `fit` holds out the same rows of the same table and "
        "seed"
    )
    if fitted.estimator is not None:
        notes += _about_columns(fitted)
    task: Literal["regression", "classification"] = "regression" if classes is None else "classification"
    return ArtefactRows(fitted.network, x[train], y[train], (x[test], y[test]), task, classes, tuple(notes))


def _of_estimator(
    fitted: ModelFile, table: FileTable, order: ArtefactArguments
) -> tuple[Floats, NDArray[Any], tuple[str, ...] | None]:
    """Rows as the estimator encodes them: indicators for categories, learned values for missing cells."""
    from splinework.tabular.input_table import read_input

    estimator = fitted.estimator
    own = estimator.columns_.columns
    columns = {column.name: bool(column.levels) for column in own}
    refuse_lacking(table, list(columns))
    levels = {i: column.levels for i, column in enumerate(own) if column.levels}
    frame = as_frame(table, columns)
    x = np.zeros((0, fitted.model.inputs))
    if len(frame):
        x = np.asarray(estimator.columns_.encode(read_input(estimator, frame, levels).values))
    target = order.target if order.target is not None else fitted.target
    _refuse_no_column(table, target, fitted)
    if not hasattr(estimator, "classes_"):
        if order.task == "classification":
            raise ConfigError(f"{fitted.path} predicts numbers, not classes; leave --task out.")
        return x, column_of(table, target)[:, None], None
    if order.task == "regression":
        raise ConfigError(f"{fitted.path} predicts classes, not numbers; leave --task out.")
    names = tuple(str(name) for name in estimator.classes_)
    return x, _numbered(table, target, names), names


def _of_network(
    fitted: ModelFile, table: FileTable, order: ArtefactArguments, notes: list[str]
) -> tuple[Floats, NDArray[Any], tuple[str, ...] | None]:
    """Rows as a network takes them, for a file that holds only names of columns."""
    x, counts = inputs_of(table, fitted)
    notes += [remark for remark in counts.remarks(fitted) if "got no prediction" not in remark]
    if order.target is None and order.task != "classification" and set(fitted.targets) <= set(table.columns):
        words = [repeats(numbers(table, name)) for name in fitted.targets]
        if not any(words):
            return x, np.column_stack([column_of(table, name) for name in fitted.targets]), None
    target = order.target if order.target is not None else fitted.targets[0]
    _refuse_no_column(table, target, fitted)
    outputs = fitted.model.outputs
    if order.task == "regression" or (order.task == "auto" and outputs == 1 and not repeats(numbers(table, target))):
        if outputs != 1:
            raise ConfigError(
                f"{fitted.path} has {outputs} outputs, {', '.join(fitted.targets[:_MAX_SHOWN])}; a single --target can "
                "only be the column of their classes: use --task classification."
            )
        return x, column_of(table, target)[:, None], None
    names = _classes(table, target, fitted)
    return x, _numbered(table, target, names), names


def _classes(table: FileTable, target: str, fitted: ModelFile) -> tuple[str, ...]:
    """The classes in the order of the outputs if these have the same names, else sorted as numbers or text."""
    present = {word for word in words_of(table, target) if word is not None}
    count = max(2, fitted.model.outputs)
    if set(fitted.targets) == present:
        return tuple(fitted.targets)
    if len(present) != count:
        shown = ", ".join(sorted(present)[:_MAX_SHOWN]) + (", …" if len(present) > _MAX_SHOWN else "")
        raise ConfigError(
            f"{fitted.path} has {plural(fitted.model.outputs, 'output')}, which distinguish {count} classes, but {target!r} "
            f"has {len(present)} different cells ({shown}); name another --target."
        )
    try:
        return tuple(sorted(present, key=float))
    except ValueError:
        return tuple(sorted(present))


def _numbered(table: FileTable, target: str, names: Sequence[str]) -> NDArray[np.int64]:
    """The class index of each cell; -1 if it is empty.

    Raises:
        DataError: If a class is unknown to the network.
    """
    places: dict[Any, int] = {}
    for place, name in enumerate(names):
        places[name] = place
        if (number := _number(name)) is not None:
            places.setdefault(number, place)
    found = []
    for row, word in enumerate(words_of(table, target)):
        if word is None:
            found.append(-1)
            continue
        own = places.get(word, places.get(_number(word)))
        if own is None:
            raise DataError(
                f"{target!r} is {word!r} in row {row + 1} of {table.name}, which is not a class of the model: "
                f"{', '.join(names[:_MAX_SHOWN])}; correct it, or leave the row out."
            )
        found.append(own)
    return np.array(found, dtype=np.int64)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _refuse_no_column(table: FileTable, target: str, fitted: ModelFile) -> None:
    if target not in table.columns:
        raise DataError(
            f"{table.name} has no column {target!r}, which {fitted.path} predicts; {nearest(target, table.columns)} Name the "
            "column of the measured values with --target."
        )


def _about_columns(fitted: ModelFile) -> list[str]:
    columns = fitted.estimator.columns_
    made = [column.name for column in columns.columns if len(column.inputs) != 1 or column.inputs[0] != column.name]
    if not made:
        return []
    return [
        f"the artefact takes {plural(len(columns.labels), 'number')}: {', '.join(columns.labels[:20])}"
        f"{', …' if len(columns.labels) > 20 else ''}; indicators of categories and missing values "
        f"({', '.join(made[:_MAX_SHOWN])}) are 0 or 1"
    ]
