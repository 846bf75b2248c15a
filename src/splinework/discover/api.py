"""`discover`: formulas for one column of numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from typing_extensions import Unpack

from splinework.discover.indicators import with_indicators
from splinework.discover.inner_search import target_name
from splinework.discover.options import SearchKeywords, SearchOptions
from splinework.discover.regression import regress
from splinework.discover.search_space import SearchSpace, with_free_numbers, within_exponents
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.formula.parse import parse_formula
from splinework.formula.units.buckingham import balance
from splinework.formula.units.dimensions import PURE
from splinework.formula.units.parsing import parse_units
from splinework.interpret.symbolic.consistency import dimension_of
from splinework.interpret.symbolic.library import LIBRARY, LibraryFunction
from splinework.interpret.symbolic.own_functions import library_of, uses_only
from splinework.interpret.symbolic.table import FormulaTable
from splinework.train.options import options_of, with_options
from splinework.train.progress_line import stage_callback


@with_options(SearchKeywords, SearchOptions)
def discover(
    x: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    target: str | None = None,
    units: str | Mapping[str, str] | None = None,
    noise: float | None = None,
    weights: Any = None,
    shape: Sequence[Any] | None = None,
    library: Sequence[str | LibraryFunction] | None = None,
    start: str | None = None,
    max_exponent: float | None = None,
    options: SearchOptions | None = None,
    **keywords: Unpack[SearchKeywords],
) -> FormulaTable:
    """Finds formulas `y = f(x)` for one column of numbers, and fits a network beside them.

    Screening comes first: which factors, symmetries and sums the data show. Networks go on with what that leaves. All that is
    proposed is fitted to the data as a whole and ranked by description length; the answer says where no formula holds.

    Args:
        x: `(N, d)` array or frame. A column of words becomes columns of 0 and 1 for each of its levels but the first, and a
            note says which.
        y: `(N,)` numbers. For labels see `discover_classes`, for several columns `discover_multioutput`.
        names: Names of the columns of x; by default those of the frame, or `x1`, `x2`, ….
        target: Name of y; by default that of the series, or `y`.
        units: Units of the columns and the target, such as `"x=m,t=s,y=m/s"`, or a mapping; columns without one have none.
            Dimensionless groups are tried first (Buckingham 1914), and formulas whose units do not balance are marked.
        noise: Standard deviation of the errors of y in its own units; estimated by default.
        weights: `(N,)`, the weight of each squared error; all the same by default.
        shape: Shape of the only network to try, such as `[2, 1]`, instead of screening and of all others.
        library: The functions that formulas may have, beside arithmetic and powers: names such as `"sin"` (those of
            `splinework.symbolic.LIBRARY`), formulas over `z` such as `"z*exp(-z)"`, or what `splinework.symbolic.own_function`
            gives; all of ours by default. One that fails in the middle ends the search, with what was found and a note.
        start: A formula over the columns to begin from, such as `"2*x1 + sin(x2)"`. Its numbers are fitted, and terms and factors
            are added to it or exchanged.
        max_exponent: Largest size of an exponent, such as 3, for `x**3` and `1/x**3`; any by default.
        **keywords: Fields of `SearchOptions`.
        options: These as one object, which keywords override.

    Returns:
        The table of formulas, best first; its `model` is the fitted and pruned network, or the network of the first formula where
        that predicts held-out rows better, as a note says then. Its `history` is that of the fit that led to the trained network;
        the notes have its held-out error. None is trained, and there is no history, where a formula leaves nothing but noise.

    Raises:
        ShapeError: If x and y do not fit each other, or y has several columns.
        DataError: For labels, fewer than 8 rows, values that are not finite, a target that is one of the inputs, or units that
            cannot be balanced.
        ConfigError: For an unknown option, units without that of the target, a library without functions, or a largest exponent
            below 1.
        FormulaError: If the formula to start from cannot be read, or has other columns.

    Example:
        >>> import numpy as np, splinework as sw
        >>> x = np.random.default_rng(0).uniform(1, 2, (100, 2))
        >>> print(sw.discover(x, x[:, 0] / x[:, 1] ** 2, progress=False).best)
        y = x1/x2**2
    """
    chosen = options_of(discover, options, keywords, SearchOptions)
    notes: list[str] = []
    if names is None and hasattr(x, "columns"):
        if (coded := with_indicators(x)) is not None:
            x, names, notes = coded
        else:
            names = [str(c) for c in x.columns]
    target = target_name(target, y)
    values = np.asarray(y)
    if values.dtype.kind in "bOUS" and not _numbers(values):
        raise DataError(f"{target} holds labels, and discover explains numbers; use discover_classes(x, y).")
    if values.ndim == 2 and values.shape[1] > 1:
        raise ShapeError(
            f"discover explains one column, got y of shape {values.shape}; use discover_multioutput(x, y)."
        )
    _refuse_copy(x, values, names, target)
    with stage_callback(chosen.progress, chosen.on_stage) as say:
        search = partial(
            regress, target=target, shape=shape, noise=noise, weights=weights, options=replace(chosen, on_stage=say)
        )
        columns = np.shape(x)[1] if np.ndim(x) == 2 else 0  # other shapes are refused by the search
        labels = list(names) if names is not None else [f"x{i + 1}" for i in range(columns)]
        space = _space(library, start, max_exponent, labels)
        if units is None:
            table = search(x, values, names=names, space=space)
        else:
            table = _balanced(x, values, labels, target, units, partial(search, space=space))
    return replace(table, notes=(*table.notes, *notes)) if notes else table


def _space(
    library: Sequence[str | LibraryFunction] | None,
    start: str | None,
    max_exponent: float | None,
    names: Sequence[str],
) -> SearchSpace:
    """The search space of a library, a formula to start from and a largest exponent."""
    formula = None if start is None else with_free_numbers(parse_formula(start, names))
    limits: list[Callable[[Any], bool]] = []
    if max_exponent is not None:
        if isinstance(max_exponent, bool) or not isinstance(max_exponent, int | float) or not max_exponent >= 1:
            raise ConfigError(f"max_exponent is the largest size of an exponent, at least 1, got {max_exponent!r}.")
        limits.append(partial(within_exponents, max_exponent))
    functions = LIBRARY if library is None else library_of(library)
    if library is not None:
        limits.append(partial(uses_only, functions))
    return SearchSpace(
        library=tuple(functions),
        allows=(lambda expression: all(limit(expression) for limit in limits)) if limits else None,
        start=formula,
    )


def _numbers(values: Any) -> bool:
    """Whether an array of objects holds numbers."""
    try:
        values.astype(float)
    except (TypeError, ValueError):
        return False
    return bool(values.dtype.kind == "O")


def _balanced(
    x: Any,
    y: Any,
    labels: Sequence[str],
    target: str,
    units: str | Mapping[str, str],
    search: partial[FormulaTable],
) -> FormulaTable:
    """A search that begins with dimensionless groups; notes of its rows say whether their units balance."""
    given = parse_units(units, names=(*labels, target))
    if target not in given:
        raise ConfigError(
            f"units are given for columns but not for {target!r}, so nothing can be balanced; add {target}=…."
        )
    dimensions = {name: given.get(name, PURE) for name in labels}
    groups = balance(dimensions, given[target], name=target)
    table = search(x, y, names=labels, space=replace(search.keywords["space"], balance=groups))
    found = [dimension_of(row.expression, dimensions, target=given[target]) for row in table.rows]
    pairs = zip(table.rows, found, strict=True)
    return replace(table, rows=tuple(replace(row, notes=(*row.notes, *each.sentences())) for row, each in pairs))


def _refuse_copy(x: Any, y: Any, names: Sequence[str] | None, target: str) -> None:
    """Raises a DataError if the target is one of the columns: then nothing is left to find."""
    columns, values = np.asarray(x), y.reshape(-1)
    if columns.ndim != 2 or len(columns) != len(values):
        return
    same = [i for i, column in enumerate(columns.T) if len(column) > 1 and np.array_equal(column, values)]
    if same and np.ptp(values.astype(float)) > 0:
        label = names[same[0]] if names is not None else f"x{same[0] + 1}"
        raise DataError(f"{target} is {label} in every row, which explains nothing; leave that column out of x.")
