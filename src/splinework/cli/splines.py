"""The splines that formulas still contain: one name each over a whole table of formulas, and their values in a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from splinework.cli.sample import Floats
    from splinework.interpret.symbolic import FormulaRow, FormulaTable

SPLINE_FIELDS: Final = ("spline", "place", "value")
NAME_PATTERN: Final = re.compile(r"spline_\d+")
"""What formulas call splines; no column is called so."""


def named_apart(table: FormulaTable) -> FormulaTable:
    """The same table with `spline_1`, `spline_2`, … for its splines, so that a name means one spline in all rows.

    The search counts the splines of each formula from 1. Those with the same values share a name.
    """
    known: list[tuple[Floats, Floats]] = []
    rows = []
    for row in table.rows:
        names = {name: _name(spline, known) for name, spline in row.splines.items()}
        rows.append(_renamed(row, names) if names else row)
    return replace(table, rows=tuple(rows)) if known else table


def splines_of(rows: Sequence[FormulaRow]) -> dict[str, Any]:
    """All splines in these rows by their names, in the order of their numbers."""
    found = {name: spline for row in rows for name, spline in row.splines.items()}
    return dict(sorted(found.items(), key=lambda item: int(item[0].rpartition("_")[2])))


def values_of(splines: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Nodes and values of splines for linear interpolation, one record each."""
    return [
        dict(zip(SPLINE_FIELDS, (name, repr(float(place)), repr(float(value))), strict=True))
        for name, spline in splines.items()
        for place, value in zip(*spline.table(), strict=True)
    ]


def _name(spline: Any, known: list[tuple[Floats, Floats]]) -> str:
    """The name of a spline; adds it to the known ones."""
    import numpy as np

    table = spline.table()
    for number, other in enumerate(known, start=1):
        if all(np.array_equal(a, b) for a, b in zip(table, other, strict=True)):
            return f"spline_{number}"
    known.append(table)
    return f"spline_{len(known)}"


def _renamed(row: FormulaRow, names: Mapping[str, str]) -> FormulaRow:
    """The row with other names for its splines, in its expression and in its notes."""
    import sympy
    from sympy.core.function import AppliedUndef

    def is_spline(part: Any) -> bool:
        return isinstance(part, AppliedUndef) and part.func.__name__ in names

    def renamed(part: Any) -> Any:
        return sympy.Function(names[part.func.__name__])(*part.args)

    word = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
    return replace(
        row,
        expression=row.expression.replace(is_spline, renamed),
        splines={names[name]: spline for name, spline in row.splines.items()},
        notes=tuple(word.sub(lambda match: names[match[1]], note) for note in row.notes),
    )
