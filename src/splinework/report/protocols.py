"""What the report needs to know of a table of formulas; that of a fit's history is in `splinework.report.plot.protocols`."""

from collections.abc import Sequence
from typing import Any, Protocol

from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN
from splinework.report.plot.protocols import FormulaLike, HistoryLike, TableLike


class ReportedResult(Protocol):
    """What `sw.fit` returns. Shown too where it has them: `certificate` and `violations` of axioms."""

    @property
    def model(self) -> KAN | FramedKAN: ...
    @property
    def history(self) -> HistoryLike: ...


class ReportedFormula(FormulaLike, Protocol):
    """One row of a table of formulas.

    Shown too where a row has them: `rmse_test`, `held_out` (error on rows held out), `r2`, `probability`, `bits`, `constants`
    (each with `value`, `low`, `high`), `valid` (column → range), `splines` (name → `SplineLike`), `names`
    (of all columns), `inputs`, `numpy()`.
    """

    @property
    def notes(self) -> Sequence[str]: ...

    def sympy(self) -> Any: ...


class ReportedTable(TableLike[ReportedFormula], Protocol):
    """A table of formulas, best first, such as `symbolify` returns. `refusal` and `noise` are shown too where it has them."""

    @property
    def notes(self) -> Sequence[str]: ...
