"""What the pictures need to know of a fit's history and of a table of formulas: any object with these will do."""

from collections.abc import Sequence
from typing import Protocol


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


class TableLike(Protocol):
    """A table of formulas, best first."""

    @property
    def rows(self) -> Sequence[FormulaLike]: ...


def best_rows(table: TableLike) -> list[FormulaLike]:
    """The first, so the best, row of every target."""
    best: dict[str, FormulaLike] = {}
    for row in table.rows:
        best.setdefault(row.target, row)
    return list(best.values())
