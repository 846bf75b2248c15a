"""`demanding`: a search for formulas in which given terms stand, and forbidden functions and columns do not."""

import inspect
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import sympy
from typing_extensions import Unpack

from splinework.discover.constraints import Barred, barred, contains, required
from splinework.discover.inner_search import Inner, SearchKeywords, table_of
from splinework.discover.partial import ROWS, completion, target_of
from splinework.discover.regression import INTERRUPTED
from splinework.discover.substitution import EXACT
from splinework.errors import DataError
from splinework.interpret.symbolic.constants import Target
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.partial import Hole, PartialFormula
from splinework.interpret.symbolic.ranking import ranked
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable


def demanding(
    x: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    target: str = "y",
    require: Sequence[str] = (),
    forbid: Sequence[str] = (),
    weights: Any = None,
    noise: float | None = None,
    **keywords: Unpack[SearchKeywords],
) -> FormulaTable:
    """Formulas that keep to what is required and forbidden.

    A plain search may find the terms by itself. Otherwise they are put in, as `A*term + ?` and as `A*term*?`, and the shortest
    description wins; each row has been checked for the terms.

    Args:
        x: `(N, d)` array or frame.
        y: `(N,)`.
        names: Names of the columns of x; a frame brings its own.
        target: Name of y.
        require: Terms that must stand in every formula, such as `exp(x1)` or `x2/x3`; a factor before them is free.
        forbid: Functions and columns that must not.
        weights: `(N,)`, what each squared error counts; all the same by default.
        noise: Standard deviation of the errors of y, where it is known.
        **keywords: What every search takes, see `SearchKeywords`.

    Raises:
        FormulaError: If a term cannot be read or uses what is forbidden, or a forbidden name is unknown.
        DataError: If no formula that keeps to all this can be given; the message says why.
        ShapeError: If x and y do not fit each other.
    """
    columns, labels = table_of(x, names, "demanding")
    data = target_of(columns, y, labels, "demanding", weights)
    without = barred(forbid, labels)
    terms = required(require, labels, without)
    inner = Inner.within(**keywords)
    if noise is not None and "noise" in inspect.signature(inner.search).parameters:
        inner = replace(inner, search=partial(inner.search, noise=noise))
    plain = _plain(data, target, without, inner, 0.4 if terms else 1.0)
    rows = [row for row in plain.rows if without.allows(row.expression) and _all_in(row, terms)]
    notes = list(plain.notes)
    try:
        if terms and not _exact(rows, data):
            more, told = _forced(data, target, terms, without, inner, noise)
            rows += more
            notes += told
    except KeyboardInterrupt:
        if not rows:
            raise
        notes.append(INTERRUPTED)
    if not rows:
        raise DataError(_hopeless(terms, without))
    return replace(plain, rows=tuple(ranked(rows, ROWS)), notes=tuple(dict.fromkeys(notes)))


def _plain(data: Target, target: str, without: Barred, inner: Inner, share: float) -> FormulaTable:
    """A search over the columns that are left; its rows take all columns."""
    kept = [n for n, name in enumerate(data.names) if name not in without.columns]
    inner = replace(inner, search=without.restricted(inner.search))
    table = inner(
        data.x[:, kept], data.y, [data.names[n] for n in kept], target, share, weights=data.weights, network=True
    )
    return replace(table, rows=tuple(replace(row, names=data.names) for row in table.rows))


def _forced(
    data: Target, target: str, terms: Sequence[Any], without: Barred, inner: Inner, noise: float | None
) -> tuple[list[FormulaRow], list[str]]:
    """Rows of the forms that have the terms in them, and what was said on the way."""
    rows: list[FormulaRow] = []
    notes: list[str] = []
    forms = _forms(target, terms, data.names)
    for number, form in enumerate(forms):
        slot = replace(inner, deadline=time.monotonic() + inner.left / (len(forms) - number))
        work = completion(form, data, target, without, slot, noise)
        good = [a.row for a in work.found if without.allows(a.row.expression) and _all_in(a.row, terms)]
        rows += good
        notes += work.notes if good else []
        if _exact(good, data):
            break
    return rows, notes


def _forms(target: str, terms: Sequence[Any], names: Sequence[str]) -> list[PartialFormula]:
    """Terms and a constant, terms and something, terms times something."""
    label = "C_"
    while any(name.startswith(label) for name in names):
        label += "_"
    constants = tuple(f"{label}{n}" for n in range(len(terms) + 1))
    term = sympy.Function("hole_", real=True)(*map(symbol, names))
    hole = Hole(term, tuple(names))
    weighted = sympy.Add(*(symbol(c) * t for c, t in zip(constants, terms, strict=False)))
    return [
        PartialFormula(target, weighted + symbol(constants[-1]), constants, ()),
        PartialFormula(target, weighted + term, constants[:-1], (hole,)),
        PartialFormula(target, sympy.Mul(symbol(constants[0]), *terms, term), constants[:1], (hole,)),
    ]


def _all_in(row: FormulaRow, terms: Sequence[Any]) -> bool:
    return all(contains(row.expression, term) for term in terms)


def _exact(rows: Sequence[FormulaRow], data: Target) -> bool:
    return any(row.rmse < EXACT * float(data.y.std()) for row in rows)


def _hopeless(terms: Sequence[Any], without: Barred) -> str:
    if not terms:
        return f"every formula that was found uses {', '.join((*without.columns, *without.functions))}; forbid less."
    told = ", ".join(map(str, terms))
    return f"no formula of these data can hold {told}: the factor before it comes out as 0, or it is undefined; require less."
