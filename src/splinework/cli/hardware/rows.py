"""From a model's file and a table to a network, its inputs in raw units, and what it should say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from splinework.cli.categories import as_frame, repeats, words_of
from splinework.cli.fitted import Fitted, column_of, inputs_of, refuse_lacking
from splinework.cli.job import Settings, split
from splinework.errors import ConfigError, DataError, nearest
from splinework.formula.figures import plural
from splinework.tabular.tables import FileTable, numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from splinework.cli.hardware.options import ArtefactArguments
    from splinework.cli.sample import Floats
    from splinework.nn.network import KAN

_SHOWN: Final = 8


@dataclass(frozen=True, eq=False)
class ArtefactRows:
    """What an artefact is made from.

    Attributes:
        model: The network.
        x: Rows to work with, in the network's raw units.
        y: Targets in raw units `(n, outputs)`, or numbers of classes `(n,)`.
        test: The same of the rows held back.
        task: What y is.
        classes: Names of the classes; None for a regression.
        notes: Decisions, in sentences.
    """

    model: KAN
    x: Floats
    y: NDArray[Any]
    test: tuple[Floats, NDArray[Any]]
    task: Literal["regression", "classification"]
    classes: tuple[str, ...] | None
    notes: tuple[str, ...]

    def whole_shape(self, asked: Any) -> Any:
        """A shape with the network's own numbers of inputs and outputs at the ends that were left open."""
        if isinstance(asked, tuple) and asked[0] is None:
            return (self.model.inputs, *asked[1:-1], self.model.outputs)
        return asked


def material(fitted: Fitted, table: FileTable, order: ArtefactArguments) -> ArtefactRows:
    """Reads the rows and splits them as `fit` does.

    Raises:
        DataError: If a column is not there, or there are too few rows.
        ConfigError: If it is not clear what is predicted, or the network stands in a frame.
    """
    if fitted.frame is not None:
        raise ConfigError(
            f"{fitted.path} holds a network in a frame of formulas (axioms ask for it), and hardware is built from plain "
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
        notes.append(f"{plural(gone, 'row')} left out for cells that are empty or not finite")
    if len(x) and not whole.any():
        raise DataError(f"every row of {table.name} has a cell that is empty or not finite; fill some in.")
    x, y = x[whole], y[whole]
    train, test, said = split(len(x), Settings(1.0, order.seed, order.test_fraction))
    notes += said
    notes.append(
        f"{plural(len(test), 'row')} of {len(x)} held back, and all figures are of these; `fit` holds back the same of the same "
        "table and seed"
    )
    if fitted.estimator is not None:
        notes += _about_columns(fitted)
    task: Literal["regression", "classification"] = "regression" if classes is None else "classification"
    return ArtefactRows(fitted.network, x[train], y[train], (x[test], y[test]), task, classes, tuple(notes))


def _of_estimator(
    fitted: Fitted, table: FileTable, order: ArtefactArguments
) -> tuple[Floats, NDArray[Any], tuple[str, ...] | None]:
    """Rows as the estimator encodes them: categories as indicators, gaps as it has learned them."""
    from splinework.tabular.input_table import read_input

    estimator = fitted.estimator
    own = estimator.columns_.columns
    columns = {column.name: hasattr(column, "levels") for column in own}
    refuse_lacking(table, list(columns))
    levels = {i: column.levels for i, column in enumerate(own) if hasattr(column, "levels")}
    frame = as_frame(table, columns)
    x = np.zeros((0, fitted.model.inputs))
    if len(frame):
        x = np.asarray(estimator.columns_.encode(read_input(estimator, frame, levels).values))
    target = order.target if order.target is not None else fitted.target
    _refuse_no_column(table, target, fitted)
    if not hasattr(estimator, "classes_"):
        if order.task == "classification":
            raise ConfigError(f"{fitted.path} predicts numbers, no classes; leave --task out.")
        return x, column_of(table, target)[:, None], None
    if order.task == "regression":
        raise ConfigError(f"{fitted.path} predicts classes, no numbers; leave --task out.")
    names = tuple(str(name) for name in estimator.classes_)
    return x, _numbered(table, target, names), names


def _of_network(
    fitted: Fitted, table: FileTable, order: ArtefactArguments, notes: list[str]
) -> tuple[Floats, NDArray[Any], tuple[str, ...] | None]:
    """Rows as a network takes them, of a file that knows nothing but names."""
    x, remarks = inputs_of(table, fitted)
    notes += [remark for remark in remarks if "got no prediction" not in remark]
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
                f"{fitted.path} has {outputs} outputs, {', '.join(fitted.targets[:_SHOWN])}; --target names one column, which "
                "can only be that of their classes: --task classification."
            )
        return x, column_of(table, target)[:, None], None
    names = _classes(table, target, fitted)
    return x, _numbered(table, target, names), names


def _classes(table: FileTable, target: str, fitted: Fitted) -> tuple[str, ...]:
    """The classes in the order of the outputs where these are called so, else as numbers or words are sorted."""
    present = {word for word in words_of(table, target) if word is not None}
    count = max(2, fitted.model.outputs)
    if set(fitted.targets) == present:
        return tuple(fitted.targets)
    if len(present) != count:
        shown = ", ".join(sorted(present)[:_SHOWN]) + (", …" if len(present) > _SHOWN else "")
        raise ConfigError(
            f"{fitted.path} has {plural(fitted.model.outputs, 'output')}, which decide between {count} classes, but {target!r} "
            f"has {len(present)} different cells ({shown}); name another --target."
        )
    try:
        return tuple(sorted(present, key=float))
    except ValueError:
        return tuple(sorted(present))


def _numbered(table: FileTable, target: str, names: Sequence[str]) -> NDArray[np.int64]:
    """The number of each cell's class; -1 where it is empty.

    Raises:
        DataError: If there is a class that the network does not know.
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
                f"{target!r} is {word!r} in row {row + 1} of {table.name}, which is none of the classes of the model: "
                f"{', '.join(names[:_SHOWN])}; correct it, or leave the row out."
            )
        found.append(own)
    return np.array(found, dtype=np.int64)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _refuse_no_column(table: FileTable, target: str, fitted: Fitted) -> None:
    if target not in table.columns:
        raise DataError(
            f"{table.name} has no column {target!r}, which {fitted.path} predicts; {nearest(target, table.columns)} Name the "
            "column of the measured values with --target."
        )


def _about_columns(fitted: Fitted) -> list[str]:
    columns = fitted.estimator.columns_
    made = [column.name for column in columns.columns if len(column.inputs) != 1 or column.inputs[0] != column.name]
    if not made:
        return []
    return [
        f"the artefact takes {plural(len(columns.labels), 'number')}: {', '.join(columns.labels[:20])}"
        f"{', …' if len(columns.labels) > 20 else ''}; what is made of categories and gaps ({', '.join(made[:_SHOWN])}) is 0 or 1"
    ]
