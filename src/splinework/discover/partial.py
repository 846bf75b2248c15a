"""`complete_formula`: the unknown parts and constants of a formula, from data.

The formula is solved for an unknown part row by row, which makes its values a target of a usual search. What that finds is
inserted, all numbers are fitted again to the data, and the shortest description wins.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from typing_extensions import Unpack

from splinework.discover.completion import Completion
from splinework.discover.constraints import ForbiddenNames, forbidden_names
from splinework.discover.inner_search import InnerSearch, as_table, inner_search, target_name
from splinework.discover.options import InnerSearchKeywords, SearchOptions
from splinework.discover.plans import check_rows, choose_scale, weights_of
from splinework.discover.regression import INTERRUPTED_NOTE
from splinework.discover.skeleton import skeleton_of
from splinework.errors import DataError
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.partial import PartialFormula, parse_partial
from splinework.interpret.symbolic.ranking import ranked
from splinework.interpret.symbolic.table import FormulaTable
from splinework.nn.arrays import numbers_of
from splinework.train.options import options_of, with_options

MAX_FORMULAS = 8
"""Largest number of formulas in the result."""


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
        FormulaError: If the form cannot be read, an unknown part cannot be solved for, or two cannot be distinguished.
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
    columns, labels = as_table(x, names, "complete_formula")
    data = as_target(columns, y, labels, "complete_formula", weights, noise)
    read = parse_partial(form, labels) if isinstance(form, str) else form
    forbidden = forbidden_names(forbid, labels)
    with inner_search(chosen, "complete_formula", columns, y, labels, str(form), list(forbid), noise) as inner:
        work = completion(read, data, read.target or target, forbidden, inner, noise)
    if not work.found:
        raise DataError(f"{read.expression} cannot be completed from these data: {work.reason}.")
    return FormulaTable(
        tuple(ranked([answer.row for answer in work.found], MAX_FORMULAS)), tuple(dict.fromkeys(work.notes))
    )


def completion(
    form: PartialFormula,
    data: FitTarget,
    target: str,
    forbidden: ForbiddenNames,
    inner: InnerSearch,
    noise: float | None = None,
) -> Completion:
    """Completes one form until the deadline; Ctrl-C ends it with what it has found."""
    inner = replace(inner, search=forbidden.restricted(inner.search))
    work = Completion(skeleton_of(form, data.names, forbidden=forbidden.columns), data, target, forbidden, inner, noise)
    interrupted = False
    try:
        work.run()
    except KeyboardInterrupt:
        interrupted = True
        if not work.found:
            raise
    if inner.halted or interrupted:
        work.notes.append(INTERRUPTED_NOTE)
    return work


def as_target(
    columns: Array, y: Any, names: tuple[str, ...], what: str, weights: Any = None, noise: float | None = None
) -> FitTarget:
    """The target on its scale, once checked against the columns, without rows of weight 0.

    Raises:
        ShapeError: If there are not as many values as rows.
        DataError: For values that are not finite, all the same, or too few, or weights that are none.
        ConfigError: If the noise is negative.
    """
    values = numbers_of(y, f"y of {what}").reshape(-1)
    check_rows(columns, values, what, noise)
    if np.ptp(values) == 0:
        raise DataError(f"y is {values[0]:g} in every row; there is nothing to explain.")
    counts = weights_of(weights, len(values), what)
    if counts is None:
        return FitTarget(columns, values, names, choose_scale(values))
    kept = counts > 0
    return FitTarget(columns[kept], values[kept], names, choose_scale(values[kept]), counts[kept])
