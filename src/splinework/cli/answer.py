"""Results of `discover`: for people the formulas with their probabilities, constants and ranges; for programs one object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from splinework.cli.json_output import finite
from splinework.cli.splines import splines_of
from splinework.cli.terminal import console, show_formulas, show_notes
from splinework.formula.figures import plural

if TYPE_CHECKING:
    from splinework.cli.job import FitOutcome
    from splinework.interpret.symbolic import FormulaRow

_MAX_CONSTANTS: Final = 12  # constants below the table


def show_answer(outcome: FitOutcome) -> None:
    """Prints the refusal if there is one, the table, constants and ranges of the first formula of each target, and notes."""
    out = console()
    best = list({row.target: row for row in reversed(outcome.table.rows)}.values())[::-1]
    if outcome.table.refusal:
        out.print(f"\n{outcome.table.refusal}", style="bold")
    show_formulas(outcome.prepared.target, outcome.equations)
    for row in best:
        for line in (*_constants(row, f" for {row.target}" if len(best) > 1 else ""), *_validity(row)):
            out.print(line)
    if left := splines_of(best):
        names = ", ".join(left)
        verb = "is not a function" if len(left) == 1 else "are not functions"
        out.print(f"{names} {verb} of the library: drawn in report.html, values in splines.csv")
    outcome.show_model()
    show_notes(outcome.notes)


def results(outcome: FitOutcome, files: Mapping[str, str], *, interrupted: bool) -> dict[str, Any]:
    """The results as JSON values."""
    formulas = [
        record | {"intervals": _intervals(row), "valid": _valid(row)}
        for record, row in zip(outcome.equations, outcome.table.rows, strict=True)
    ]
    return {
        "metrics": outcome.metrics,
        "formulas": formulas,
        "refusal": outcome.table.refusal,
        "noise": finite(outcome.table.noise),
        "notes": outcome.notes,
        "interrupted": interrupted,
        "files": dict(files),
    }


def _constants(row: FormulaRow, of: str) -> list[str]:
    """The fitted numbers of a formula with their intervals, in lines."""
    if not row.constants:
        return []
    lines = [f"{plural(len(row.constants), 'fitted number')} of the first formula{of}, with 95 % intervals:"]
    lines += [f"  {c.value:.6g}  ({c.low:.6g} to {c.high:.6g})" for c in row.constants[:_MAX_CONSTANTS]]
    more = len(row.constants) - _MAX_CONSTANTS
    return [*lines, f"  and {more} more in report.html"] if more > 0 else lines


def _validity(row: FormulaRow) -> list[str]:
    """The ranges of the columns that a formula was fitted to, in a line."""
    ranges = [f"{name} from {low:.4g} to {high:.4g}" for name, (low, high) in row.valid.items()]
    return [f"seen for {', '.join(ranges)}; beyond, it is a guess"] if ranges else []


def _intervals(row: FormulaRow) -> list[dict[str, float | None]]:
    return [{"value": finite(c.value), "low": finite(c.low), "high": finite(c.high)} for c in row.constants]


def _valid(row: FormulaRow) -> dict[str, list[float | None]]:
    return {name: [finite(low), finite(high)] for name, (low, high) in row.valid.items()}
