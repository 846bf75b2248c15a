"""`complete_formula`: a formula of which parts are unknown, filled in from data.

An unknown part is solved for row by row, which makes its values a target like any other; the search for formulas does the
rest. What it finds is put in, all numbers are fitted again on the data, and the shortest description wins.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from typing_extensions import Unpack

from splinework.discover.completion import Completion
from splinework.discover.constraints import Barred, barred
from splinework.discover.inner_search import InnerSearch, inner_search, table_of, target_name
from splinework.discover.options import InnerSearchKeywords, SearchOptions
from splinework.discover.plans import choose_scale
from splinework.discover.regression import INTERRUPTED
from splinework.discover.skeleton import outline
from splinework.errors import DataError, ShapeError
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.partial import PartialFormula, parse_partial
from splinework.interpret.symbolic.ranking import ranked
from splinework.interpret.symbolic.table import FormulaTable
from splinework.train.options import options_of, with_options

ROWS = 8
"""Most rows of an answer."""
_FEWEST = 8
"""Rows that a formula needs to be more than a guess."""


@with_options(InnerSearchKeywords, SearchOptions)
def complete_formula(
    form: str | PartialFormula,
    x: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    target: str | None = None,
    forbid: Sequence[str] = (),
    noise: float | None = None,
    weights: Any = None,
    options: SearchOptions | None = None,
    **keywords: Unpack[InnerSearchKeywords],
) -> FormulaTable:
    """Fills the unknown parts of a formula and finds its free constants.

    Args:
        form: The formula, such as `y = A*exp(?)*x2`: names in capitals are constants, `?` is an unknown part, `?(x1)` one that
            depends on x1 alone.
        x: `(N, d)` array or frame.
        y: `(N,)`.
        names: Names of the columns of x; by default those of the frame, or `x1`, `x2`, ….
        target: Name of y where the form has none; by default that of the series, or `y`.
        forbid: Functions and columns that the unknown parts may not contain.
        noise: Standard deviation of the errors of y in its own units; estimated by default.
        weights: `(N,)`, the weight of each squared error; all the same by default.
        **keywords: Fields of `SearchOptions`.
        options: These as one object, which keywords override.

    Returns:
        Formulas of the given form, best first. The notes of a row give the values of its constants and unknown parts.

    Raises:
        FormulaError: If the form cannot be read, an unknown part cannot be solved for, or two cannot be told apart.
        DataError: If the form is undefined on nearly all rows, or the data are not finite or too few.
        ShapeError: If x and y do not fit each other.
        ConfigError: For an unknown option.

    Example:
        >>> import numpy as np, splinework as sw
        >>> x = np.random.default_rng(0).uniform(1, 2, (50, 1))
        >>> print(sw.complete_formula("y = A*exp(-B*x1)", x, 2 * np.exp(-3 * x[:, 0]), progress=False).best)
        y = 2*exp(-3*x1)
    """
    chosen = options_of(complete_formula, options, keywords, SearchOptions)
    target = target_name(target, y)
    columns, labels = table_of(x, names, "complete_formula")
    data = target_of(columns, y, labels, "complete_formula", weights)
    read = parse_partial(form, labels) if isinstance(form, str) else form
    without = barred(forbid, labels)
    with inner_search(chosen) as inner:
        work = completion(read, data, read.target or target, without, inner, noise)
    if not work.found:
        raise DataError(f"{read.expression} cannot be completed from these data: {work.reason}.")
    return FormulaTable(tuple(ranked([answer.row for answer in work.found], ROWS)), tuple(dict.fromkeys(work.notes)))


def completion(
    form: PartialFormula, data: FitTarget, target: str, without: Barred, inner: InnerSearch, noise: float | None = None
) -> Completion:
    """The work on one form, done as far as time allows; Ctrl-C ends it with what it has found."""
    inner = replace(inner, search=without.restricted(inner.search))
    work = Completion(outline(form, data.names, forbidden=without.columns), data, target, without, inner, noise)
    interrupted = False
    try:
        work.run()
    except KeyboardInterrupt:
        interrupted = True
        if not work.found:
            raise
    if inner.halted or interrupted:
        work.notes.append(INTERRUPTED)
    return work


def target_of(columns: Array, y: Any, names: tuple[str, ...], what: str, weights: Any = None) -> FitTarget:
    """Checks y against the columns, and takes it on the scale that suits it; rows that count nothing are left out.

    Raises:
        ShapeError: If there are not as many values as rows.
        DataError: For values that are not finite, all the same, or too few.
    """
    values = np.asarray(y, dtype=float).reshape(-1)
    if len(values) != len(columns):
        raise ShapeError(f"{what} takes as many y as rows of x, got {len(values)} and {len(columns)}.")
    if len(values) < _FEWEST:
        raise DataError(f"a formula needs at least {_FEWEST} rows to be more than a guess, got {len(values)}.")
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise DataError(f"{what} got {bad} values of y that are not finite numbers; drop or fill those rows first.")
    if np.ptp(values) == 0:
        raise DataError(f"y is {values[0]:g} in every row; there is nothing to explain.")
    if weights is None:
        return FitTarget(columns, values, names, choose_scale(values))
    counts = np.asarray(weights, dtype=float).reshape(-1)
    if len(counts) != len(values) or not (np.isfinite(counts).all() and (counts >= 0).all() and counts.any()):
        raise DataError(
            f"{what} takes a weight of 0 or more for each of {len(values)} rows, not all 0; check the weights."
        )
    kept = counts > 0
    return FitTarget(columns[kept], values[kept], names, choose_scale(values[kept]), counts[kept])
