"""The question of a report: the columns of the user, each of which may be several inputs of the network, and the classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinework.report.plot.protocols import Floats

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class InputColumn:
    """A column of the user's table as inputs of the model.

    Attributes:
        places: Indices of the model's inputs that encode it; none for a column that the model does not use.
        levels: Label and inputs of every level; empty for numbers.
        missing: Inputs of a missing number; None where there were no missing ones.
    """

    name: str
    places: tuple[int, ...]
    levels: tuple[tuple[str, tuple[float, ...]], ...] = ()
    missing: tuple[float, ...] | None = None

    def shown(self, row: Floats) -> str:
        """The cell of a row of inputs `(inputs,)`, as text."""
        own = row[list(self.places)]
        if self.levels:
            gaps = [float(np.abs(own - np.array(values)).sum()) for _, values in self.levels]
            return self.levels[int(np.argmin(gaps))][0]
        if self.missing is not None and np.array_equal(own, np.array(self.missing)):
            return "missing"
        return f"{own[0]:.5g}".replace("-", "−") if len(own) else "–"


@dataclass(frozen=True)
class ReportTask:
    """The columns and classes of an estimator.

    Attributes:
        columns: The user's columns.
        classes: Labels of the classes; empty for a regression.
        probabilities: From outputs `(n, q)` of the model to probabilities `(n, classes)`; None for a regression.
        lapses: Probability of each class as a label that does not depend on the inputs; empty if labels are right.
        target: Name of the column that is predicted.
        labels: Names of the model's inputs for readers; empty for the model's own.
        output_labels: Names of its outputs for readers; empty for the model's own.
    """

    columns: tuple[InputColumn, ...] = ()
    classes: tuple[str, ...] = ()
    probabilities: Callable[[Floats], Floats] | None = None
    lapses: tuple[float, ...] = ()
    target: str = "y"
    labels: tuple[str, ...] = ()
    output_labels: tuple[str, ...] = ()


def plain_columns(names: Sequence[str]) -> tuple[InputColumn, ...]:
    """Columns that are one input each."""
    return tuple(InputColumn(name, (place,)) for place, name in enumerate(names))


def as_codes(y: Any, classes: Sequence[str]) -> Integers:
    """Labels as indices of classes, −1 for a label that is none of them."""
    known = {name: code for code, name in enumerate(classes)}
    return np.array([known.get(str(label), -1) for label in np.asarray(y).tolist()], dtype=np.int64)
