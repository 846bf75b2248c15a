"""Protocols of fit results and tables of formulas; that of a fit's history is in `splinework.report.plot.protocols`."""

from collections.abc import Sequence
from typing import Any, Protocol

from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN
from splinework.report.plot.protocols import FormulaLike, HistoryLike, TableLike


class ReportedResult(Protocol):
    """Protocol of a fit result, with optional `certificate` and `violations` of axioms."""

    @property
    def model(self) -> KAN | FramedKAN: ...
    @property
    def history(self) -> HistoryLike: ...


class ReportedFormula(FormulaLike, Protocol):
    """Protocol of one row of a table of formulas.

    Optional attributes: `rmse_test`, `held_out` (error on rows held out), `r2`, `probability`, `bits`, `constants`
    (each with `value`, `low`, `high`), `valid` (column → range), `splines` (name → `SplineLike`), `names`
    (of all columns), `inputs`, `numpy()`.
    """

    @property
    def notes(self) -> Sequence[str]: ...

    def sympy(self) -> Any: ...


class ReportedTable(TableLike[ReportedFormula], Protocol):
    """Protocol of a table of formulas, best first, with optional `refusal` and `noise`."""

    @property
    def notes(self) -> Sequence[str]: ...
