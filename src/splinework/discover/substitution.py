"""A formula whose holes are filled: all its numbers fitted on the data together, made simple, and weighed against others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy

from splinework.discover.skeleton import Outline
from splinework.discover.smooth import SmoothFit
from splinework.discover.snapping import Constants
from splinework.formula.languages.python import python
from splinework.interpret.symbolic.constants import FitTarget, Template, confidence_intervals, snap
from splinework.interpret.symbolic.expression import Splines
from splinework.interpret.symbolic.pool import Proposal, usable
from splinework.interpret.symbolic.ranking import formula_row
from splinework.interpret.symbolic.simplification import simplified
from splinework.interpret.symbolic.table import FormulaRow

EXACT = 1e-8
"""A formula with a smaller error, relative to the spread of y, is taken as exact: nothing else is tried."""


@dataclass(frozen=True)
class Filling:
    """A form with its holes filled.

    Attributes:
        expression: Over the columns and the form's constants.
        constants: First values of these.
        parts: What each hole holds, by its name.
        splines: That the parts contain.
    """

    expression: Any
    constants: Mapping[Any, float]
    parts: Mapping[str, Any] = field(default_factory=dict)
    splines: Splines = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """A row of the answer, with the constants of the form and the parts as they were before numbers were made simple."""

    row: FormulaRow
    constants: Mapping[Any, float]
    parts: Mapping[str, Any]

    def exact(self, target: FitTarget) -> bool:
        """Whether nothing is left to explain."""
        return self.row.rmse < EXACT * float(target.y.std())


def fitted(filling: Filling, target: FitTarget, name: str, notes: Sequence[str] = ()) -> list[Fitted]:
    """The formulas that a filling gives: none where it is undefined on the data, two where setting more numbers free pays."""
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


def _together(filling: Filling, target: FitTarget) -> dict[Any, float] | None:
    """Constants and floats of the parts by least squares on the data; None where the formula is undefined there."""
    floats = sorted(filling.expression.atoms(sympy.Float), key=float)
    stand_ins = {f: sympy.Dummy("c", real=True) for f in floats}
    expression = filling.expression.xreplace(stand_ins)
    if expression.has(sympy.nan, sympy.oo, -sympy.oo, sympy.zoo):
        return None
    start = np.array([*filling.constants.values(), *map(float, floats)])
    unknown = (*filling.constants, *stand_ins.values())
    fit = SmoothFit(Outline(expression, unknown, (), target.names), target, []).fitted(start)
    if fit is None:
        return None
    return dict(zip([*filling.constants, *floats], fit.constants.tolist(), strict=True))


def _variants(expression: Any) -> list[Any]:
    """The expression, and with all numbers that a search took for simple set free; the shorter description will tell."""
    loose = Constants.of([expression])
    if not len(expression.atoms(sympy.Float)) < len(loose.symbols) <= 12:
        return [expression]
    starts = {
        s: sympy.Float(v * (1 + n * 1e-9)) for n, (s, v) in enumerate(zip(loose.symbols, loose.start, strict=True))
    }
    return [expression, loose.expressions[0].xreplace(starts)]


def _described(made: FormulaRow, filling: Filling, values: Mapping[Any, float]) -> Fitted:
    """With the sentence that tells what the constants and the unknown parts have become."""
    constants = {constant: values[constant] for constant in filling.constants}
    numbers = {key: sympy.Float(value) for key, value in values.items() if key not in constants}
    parts = {hole: part.xreplace(numbers) for hole, part in filling.parts.items()}
    texts = [
        f"{constant} = {value:.6g}" for constant, value in constants.items() if not isinstance(constant, sympy.Dummy)
    ]
    texts += [f"{hole} = {python(_rounded(part))}" for hole, part in parts.items()]
    notes = (", ".join(texts), *made.notes) if texts else made.notes
    return Fitted(replace(made, notes=notes), constants, parts)


def _rounded(expression: Any) -> Any:
    """For people: six digits, and nothing that rounding left."""
    floats = {f: float(f) for f in expression.atoms(sympy.Float)}
    negligible = 1e-12 * max((abs(float(n)) for n in expression.atoms(sympy.Number)), default=0.0)
    short = {f: float(f"{value:.6g}") if abs(value) > negligible else 0.0 for f, value in floats.items()}
    return expression.xreplace(
        {f: sympy.Integer(int(v)) if v.is_integer() else sympy.Float(v) for f, v in short.items()}
    )
