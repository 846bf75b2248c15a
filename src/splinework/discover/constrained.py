"""`discover_constrained`: formulas that contain required terms, and no forbidden functions and columns."""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import sympy
from typing_extensions import Unpack

from splinework.discover.constraints import ForbiddenNames, contains, forbidden_names, required_terms
from splinework.discover.inner_search import InnerSearch, as_table, inner_search, target_name
from splinework.discover.options import InnerSearchKeywords, SearchOptions
from splinework.discover.partial import MAX_FORMULAS, as_target, completion
from splinework.discover.regression import INTERRUPTED_NOTE
from splinework.discover.substitution import EXACT_TOLERANCE
from splinework.errors import DataError
from splinework.interpret.symbolic.clock import now
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.partial import Hole, PartialFormula
from splinework.interpret.symbolic.ranking import ranked
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable
from splinework.train.options import options_of, with_options


@with_options(InnerSearchKeywords, SearchOptions)
def discover_constrained(
    x: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    target: str | None = None,
    require: Sequence[str] = (),
    forbid: Sequence[str] = (),
    noise: float | None = None,
    weights: Any = None,
    options: SearchOptions | None = None,
    **keywords: Unpack[InnerSearchKeywords],
) -> FormulaTable:
    """Finds formulas that contain required terms, and no forbidden functions and columns.

    A plain search may find the terms by itself. Otherwise they are put in, as `A*term + ?` and as `A*term*?`, and the shortest
    description wins; each row has been checked for the terms.

    Args:
        x: `(N, d)` array or frame.
        y: `(N,)`.
        names: Names of the columns of x; by default those of the frame, or `x1`, `x2`, ….
        target: Name of y; by default that of the series, or `y`.
        require: Terms that every formula must contain, such as `exp(x1)` or `x2/x3`, times any number.
        forbid: Functions and columns that none may contain.
        noise: Standard deviation of the errors of y in its own units; estimated by default.
        weights: `(N,)`, the weight of each squared error; all the same by default.
        **keywords: Fields of `SearchOptions`.
        options: These as one object, which keywords override.

    Returns:
        The table of formulas, best first, with the network of the plain search.

    Raises:
        FormulaError: If a term cannot be read or uses what is forbidden, or a forbidden name is unknown.
        DataError: If no formula that keeps to all this can be given; the message says why.
        ShapeError: If x and y do not fit each other.
        ConfigError: For an unknown option.

    Example:
        >>> import numpy as np, splinework as sw
        >>> x = np.random.default_rng(0).uniform(1, 2, (100, 2))
        >>> y = x[:, 0] * x[:, 1] ** 2
        >>> print(sw.discover_constrained(x, y, forbid=["exp", "log"], progress=False).best)
        y = x1*x2**2
    """
    chosen = options_of(discover_constrained, options, keywords, SearchOptions)
    target = target_name(target, y)
    columns, labels = as_table(x, names, "discover_constrained")
    data = as_target(columns, y, labels, "discover_constrained", weights, noise)
    forbidden = forbidden_names(forbid, labels)
    terms = required_terms(require, labels, forbidden)
    with inner_search(chosen, "discover_constrained", columns, y, labels, list(require), list(forbid), noise) as inner:
        if noise is not None and "noise" in inspect.signature(inner.search).parameters:
            inner = replace(inner, search=partial(inner.search, noise=noise))
        plain = _plain(data, target, forbidden, inner, 0.4 if terms else 1.0)
        rows = [row for row in plain.rows if forbidden.allows(row.expression) and _all_in(row, terms)]
        notes = list(plain.notes)
        try:
            if terms and not _exact(rows, data):
                more, remarks = _forced(data, target, terms, forbidden, inner, noise)
                rows += more
                notes += remarks
        except KeyboardInterrupt:
            if not rows:
                raise
            notes.append(INTERRUPTED_NOTE)
    if not rows:
        raise DataError(_impossible_message(terms, forbidden))
    return replace(plain, rows=tuple(ranked(rows, MAX_FORMULAS)), notes=tuple(dict.fromkeys(notes)))


def _plain(data: FitTarget, target: str, forbidden: ForbiddenNames, inner: InnerSearch, share: float) -> FormulaTable:
    """A search over the columns that are allowed; its formulas take all columns."""
    kept = [n for n, name in enumerate(data.names) if name not in forbidden.columns]
    inner = replace(inner, search=forbidden.restricted(inner.search))
    table = inner(
        data.x[:, kept], data.y, [data.names[n] for n in kept], target, share, weights=data.weights, network=True
    )
    return replace(table, rows=tuple(replace(row, names=data.names) for row in table.rows))


def _forced(
    data: FitTarget,
    target: str,
    terms: Sequence[Any],
    forbidden: ForbiddenNames,
    inner: InnerSearch,
    noise: float | None,
) -> tuple[list[FormulaRow], list[str]]:
    """Formulas of the forms that contain the terms, and the notes of the searches."""
    rows: list[FormulaRow] = []
    notes: list[str] = []
    forms = _forms(target, terms, data.names)
    for number, form in enumerate(forms):
        slot = replace(inner, deadline=now() + inner.left / (len(forms) - number))
        work = completion(form, data, target, forbidden, slot, noise)
        good = [a.row for a in work.found if forbidden.allows(a.row.expression) and _all_in(a.row, terms)]
        rows += good
        notes += work.notes if good else []
        if _exact(good, data):
            break
    return rows, notes


def _forms(target: str, terms: Sequence[Any], names: Sequence[str]) -> list[PartialFormula]:
    """Terms and a constant, terms and an unknown part, terms times an unknown part."""
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


def _exact(rows: Sequence[FormulaRow], data: FitTarget) -> bool:
    return any(row.rmse < EXACT_TOLERANCE * float(data.y.std()) for row in rows)


def _impossible_message(terms: Sequence[Any], forbidden: ForbiddenNames) -> str:
    if not terms:
        return (
            f"every formula that was found uses {', '.join((*forbidden.columns, *forbidden.functions))}; forbid less."
        )
    shown = ", ".join(map(str, terms))
    return f"no formula of these data can contain {shown}: the factor before it comes out as 0, or it is undefined; require less."
