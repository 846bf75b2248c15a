"""What the report needs to know of a table of formulas; that of a fit's history is in `splinework.plot.protocols`."""

from collections.abc import Sequence
from typing import Any, Protocol

from splinework.plot.protocols import FormulaLike


class ReportedFormula(FormulaLike, Protocol):
    """One row of a table of formulas. `rmse_test` and `r2`, if it has them, are shown too."""

    @property
    def notes(self) -> Sequence[str]: ...

    def sympy(self) -> Any: ...


class ReportedTable(Protocol):
    """A table of formulas, best first, such as `symbolify` returns."""

    @property
    def rows(self) -> Sequence[ReportedFormula]: ...
    @property
    def notes(self) -> Sequence[str]: ...


def best_of(table: ReportedTable) -> list[ReportedFormula]:
    """The first, so the best, row of every target."""
    best: dict[str, ReportedFormula] = {}
    for row in table.rows:
        best.setdefault(row.target, row)
    return list(best.values())
