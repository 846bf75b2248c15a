"""Formulas with expressions substituted for their holes: all numbers fitted to the data together, then simplified."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy

from splinework.discover.skeleton import Skeleton
from splinework.discover.smooth import SmoothFit
from splinework.discover.snapping import FreeConstants
from splinework.formula.languages.python import python
from splinework.interpret.symbolic.constants import FitTarget, Template, confidence_intervals, snap
from splinework.interpret.symbolic.expression import Splines
from splinework.interpret.symbolic.pool import Proposal, usable
from splinework.interpret.symbolic.ranking import formula_row
from splinework.interpret.symbolic.simplification import simplified
from splinework.interpret.symbolic.table import FormulaRow

EXACT_TOLERANCE = 1e-8
"""Error, relative to the spread of y, below which a formula is considered exact and the search ends."""


@dataclass(frozen=True)
class FilledFormula:
    """A form with its holes filled.

    Attributes:
        expression: Expression in the columns and the constants of the form.
        constants: Initial values of the constants.
        parts: Expression for each hole, by its name.
        splines: Splines in the parts.
    """

    expression: Any
    constants: Mapping[Any, float]
    parts: Mapping[str, Any] = field(default_factory=dict)
    splines: Splines = field(default_factory=dict)


@dataclass(frozen=True)
class FittedFormula:
    """A row of the result, with the constants of the form and the parts before numbers were simplified."""

    row: FormulaRow
    constants: Mapping[Any, float]
    parts: Mapping[str, Any]

    def exact(self, target: FitTarget) -> bool:
        """Whether nothing is left to explain."""
        return self.row.rmse < EXACT_TOLERANCE * float(target.y.std())


def fit_filled(filling: FilledFormula, target: FitTarget, name: str, notes: Sequence[str] = ()) -> list[FittedFormula]:
    """The fitted formulas of a filled form: none if undefined on the data, two if freeing more numbers is worthwhile."""
    if not usable(filling.expression):
        return []
    proposal = Proposal.of(filling.expression, filling.splines, target)  # splines are columns, while numbers are fitted
    if not np.isfinite(proposal.target.x).all():
        return []
    values = _together(replace(filling, expression=proposal.bare), proposal.target)
    if values is None:
        return []
    swap = {constant: sympy.Float(value) for constant, value in values.items()}
    found = []
    for variant in _variants(proposal.bare.xreplace(swap)):
        outcome = snap(Template(variant, proposal.target))
        if outcome is None:
            continue
        short = simplified(outcome[0], proposal.target.names, proposal.target.x)
        made = formula_row(
            proposal.whole(short), target, name, outcome[1] + proposal.price, proposal.splines, notes=tuple(notes)
        )
        if made is not None:
            made = replace(made, constants=confidence_intervals(short, proposal.target))
            found.append(_described(made, filling, values))
            if found[-1].exact(target):
                break
    return found


def _together(filling: FilledFormula, target: FitTarget) -> dict[Any, float] | None:
    """Constants and floats of the parts by least squares on the data; None where the formula is undefined there."""
    floats = sorted(filling.expression.atoms(sympy.Float), key=float)
    stand_ins = {f: sympy.Dummy("c", real=True) for f in floats}
    expression = filling.expression.xreplace(stand_ins)
    if expression.has(sympy.nan, sympy.oo, -sympy.oo, sympy.zoo):
        return None
    start = np.array([*filling.constants.values(), *map(float, floats)])
    unknown = (*filling.constants, *stand_ins.values())
    fit = SmoothFit(Skeleton(expression, unknown, (), target.names), target, []).fitted(start)
    if fit is None:
        return None
    return dict(zip([*filling.constants, *floats], fit.constants.tolist(), strict=True))


def _variants(expression: Any) -> list[Any]:
    """The expression, and a variant in which simple numbers are free again; the shorter description wins."""
    loose = FreeConstants.of([expression])
    if not len(expression.atoms(sympy.Float)) < len(loose.symbols) <= 12:
        return [expression]
    starts = {
        s: sympy.Float(v * (1 + n * 1e-9)) for n, (s, v) in enumerate(zip(loose.symbols, loose.start, strict=True))
    }
    return [expression, loose.expressions[0].xreplace(starts)]


def _described(made: FormulaRow, filling: FilledFormula, values: Mapping[Any, float]) -> FittedFormula:
    """The formula with a note on the values of its constants and unknown parts."""
    constants = {constant: values[constant] for constant in filling.constants}
    numbers = {key: sympy.Float(value) for key, value in values.items() if key not in constants}
    parts = {hole: part.xreplace(numbers) for hole, part in filling.parts.items()}
    texts = [
        f"{constant} = {value:.6g}" for constant, value in constants.items() if not isinstance(constant, sympy.Dummy)
    ]
    texts += [f"{hole} = {python(_rounded(part))}" for hole, part in parts.items()]
    notes = (", ".join(texts), *made.notes) if texts else made.notes
    return FittedFormula(replace(made, notes=notes), constants, parts)


def _rounded(expression: Any) -> Any:
    """The expression with six digits, without remainders of rounding."""
    floats = {f: float(f) for f in expression.atoms(sympy.Float)}
    negligible = 1e-12 * max((abs(float(n)) for n in expression.atoms(sympy.Number)), default=0.0)
    short = {f: float(f"{value:.6g}") if abs(value) > negligible else 0.0 for f, value in floats.items()}
    return expression.xreplace(
        {f: sympy.Integer(int(v)) if v.is_integer() else sympy.Float(v) for f, v in short.items()}
    )
