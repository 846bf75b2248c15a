"""Protocols of the history of a fit and of a table of formulas."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class StepLike(Protocol):
    """One step of a fit, such as `splinework.train.callbacks.Step`."""

    @property
    def number(self) -> int: ...
    @property
    def stage(self) -> str: ...
    @property
    def rmse_train(self) -> float: ...
    @property
    def rmse_validation(self) -> float: ...
    @property
    def seconds(self) -> float: ...


class HistoryLike(Protocol):
    """A fit's history, such as `splinework.train.History`."""

    @property
    def steps(self) -> Sequence[StepLike]: ...
    @property
    def notes(self) -> Sequence[str]: ...


class FormulaLike(Protocol):
    """One row of a table of formulas."""

    @property
    def target(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def complexity(self) -> int: ...
    @property
    def rmse(self) -> float: ...


Row = TypeVar("Row", bound=FormulaLike, covariant=True)


class TableLike(Protocol[Row]):
    """A table of formulas, best first."""

    @property
    def rows(self) -> Sequence[Row]: ...


def best_of(table: TableLike[Row] | None) -> list[Row]:
    """The first, hence best, row of every target; empty without a table."""
    best: dict[str, Row] = {}
    for row in () if table is None else table.rows:
        best.setdefault(row.target, row)
    return list(best.values())
