"""`discover` reads what is asked and hands it to the search that answers it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np
from typing_extensions import Unpack

from splinework.discover.classes import classes as of_classes
from splinework.discover.constrained import demanding
from splinework.discover.multioutput import several
from splinework.discover.ode import dynamics
from splinework.discover.options import DiscoverKeywords, FormulaConstraints
from splinework.discover.partial import complete
from splinework.discover.regression import regress
from splinework.discover.relation import implicit as relation
from splinework.errors import ConfigError, DataError
from splinework.formula.units.buckingham import balance
from splinework.formula.units.dimensions import PURE
from splinework.formula.units.parsing import parse_units
from splinework.interpret.symbolic.consistency import dimension_of
from splinework.interpret.symbolic.table import FormulaTable
from splinework.progress import telling
from splinework.train.options import TrainingOptions, options_of, with_options


@with_options(DiscoverKeywords, FormulaConstraints)
def discover(
    x: Any,
    y: Any = None,
    *,
    names: Sequence[str] | None = None,
    target: str | None = None,
    on_stage: Callable[[str], None] | None = None,
    options: TrainingOptions | None = None,
    **keywords: Unpack[DiscoverKeywords],
) -> FormulaTable:
    """From rows of data to formulas, and a network beside them, without a setting to choose.

    Screening comes first: which factors, symmetries and sums the data give away. Networks go on with what that leaves. All
    that is proposed is fitted to the data as a whole and ranked by description length; the answer says where no formula holds.

    Args:
        x: `(N, d)` array or frame.
        y: `(N,)` numbers, or labels; `(N, K)` for several targets at once.
        names: Names of the columns of x; a frame brings its own.
        target: Name of y; that of a series, or `y`.
        budget: About how many seconds to take; 60 by default.
        on_stage: Told in words what is being done; then `progress` shows nothing.
        seed: Seed of everything random; the same seed gives the same result where time does not run out.
        progress: Shows on a terminal what is being done.
        callbacks: Functions of a `Step` of the fits.
        weights: `(N,)`, what each squared error counts.
        **keywords: Fields of `FormulaConstraints`, and of `TrainingOptions`.
        options: The latter as one object; what is named beside it counts instead.

    Returns:
        The table; its `model` is the fitted and pruned network where there is one, its `history` that of the fit that led to it.

    Raises:
        ShapeError: If x and y do not fit each other.
        DataError: For fewer than 8 rows, values that are not finite, a target that is one of the inputs, or units that cannot
            be balanced.
        FormulaError: If a form or a term cannot be read.
        ConfigError: If options contradict each other.

    Example:
        >>> import numpy as np, splinework as sw
        >>> x = np.random.default_rng(0).uniform(1, 2, (100, 2))
        >>> print(sw.discover(x, x[:, 0] / x[:, 1] ** 2, progress=False).best)
        y = x1/x2**2
    """
    if names is None and hasattr(x, "columns"):
        names = [str(c) for c in x.columns]
    if target is None:
        target = str(name) if isinstance(name := getattr(y, "name", None), str) else "y"
    chosen = options_of(discover, options, keywords)
    given: dict[str, Any] = {**keywords}
    asked = FormulaConstraints(
        **{each.name: given[each.name] for each in fields(FormulaConstraints) if each.name in given}
    )
    asked.check(chosen.weights)
    with telling(chosen.progress, on_stage) as say:
        common: dict[str, Any] = {
            "budget": 60.0 if chosen.budget is None else chosen.budget,
            "seed": chosen.seed,
            "on_stage": say,
        }
        if asked.implicit:
            columns, labels = _joined(x, y, names, target)
            return relation(columns, names=labels, **common)
        if asked.ode is not None:
            return _equations(x, y, names, target, asked.ode, common)
        if y is None:
            raise DataError("there is no y to explain; give one, or ask for a relation among columns by implicit=True.")
        values = np.asarray(y)
        if asked.classes or (asked.classes is None and values.dtype.kind in "bOUS" and not _numbers(values)):
            asked.check(chosen.weights, "classes")
            return of_classes(x, values, names=names, target=target, **common)
        if values.ndim == 2 and values.shape[1] > 1:
            asked.check(chosen.weights, "several targets")
            own = [str(c) for c in y.columns] if hasattr(y, "columns") else None
            return several(x, values, names=names, targets=own, **common)
        search = partial(regress, callbacks=chosen.callbacks)
        common |= {"names": names, "target": target, "noise": asked.noise, "weights": chosen.weights}
        if asked.form is not None:
            return complete(asked.form, x, values, forbid=asked.forbid, search=search, **common)
        if asked.require or asked.forbid:
            return demanding(x, values, require=asked.require, forbid=asked.forbid, search=search, **common)
        _told_apart(x, values, names, target)
        search = partial(search, shape=asked.shape, **common)
        return search(x, values) if asked.units is None else _balanced(x, values, names, target, asked.units, search)


def _numbers(values: Any) -> bool:
    """Whether an array of objects holds numbers."""
    try:
        values.astype(float)
    except (TypeError, ValueError):
        return False
    return bool(values.dtype.kind == "O")


def _joined(x: Any, y: Any, names: Sequence[str] | None, target: str) -> tuple[Any, list[str]]:
    """All columns together, with their names."""
    columns = np.asarray(x, dtype=float)
    labels = list(names) if names is not None else [f"x{i + 1}" for i in range(columns.shape[1])]
    if y is None:
        return columns, labels
    return np.column_stack([columns, np.asarray(y, dtype=float)]), [*labels, target]


def _balanced(
    x: Any,
    y: Any,
    names: Sequence[str] | None,
    target: str,
    units: str | Mapping[str, str],
    search: Callable[..., FormulaTable],
) -> FormulaTable:
    """A search that begins with dimensionless groups; its rows are told whether their units balance."""
    labels = list(names) if names is not None else [f"x{i + 1}" for i in range(np.asarray(x).shape[1])]
    given = parse_units(units, names=(*labels, target))
    if target not in given:
        raise ConfigError(
            f"units are given for columns but not for {target!r}, so nothing can be balanced; add {target}=…."
        )
    dimensions = {name: given.get(name, PURE) for name in labels}
    groups = balance(dimensions, given[target], name=target)
    table = search(x, y, names=labels, balance=groups)
    found = [dimension_of(row.expression, dimensions, target=given[target]) for row in table.rows]
    pairs = zip(table.rows, found, strict=True)
    return replace(table, rows=tuple(replace(row, notes=(*row.notes, *each.sentences())) for row, each in pairs))


def _told_apart(x: Any, y: Any, names: Sequence[str] | None, target: str) -> None:
    """Raises if the target is one of the columns: then nothing is left to find."""
    columns = np.asarray(x)
    if columns.ndim != 2 or len(columns) != len(np.asarray(y)):
        return
    values = np.asarray(y).reshape(-1)
    same = [i for i, column in enumerate(columns.T) if len(column) > 1 and np.array_equal(column, values)]
    if same and np.ptp(values.astype(float)) > 0:
        label = names[same[0]] if names is not None else f"x{same[0] + 1}"
        raise DataError(f"{target} is {label} in every row, which explains nothing; leave that column out of x.")


def _equations(
    x: Any, y: Any, names: Sequence[str] | None, target: str, clock: str, common: dict[str, Any]
) -> FormulaTable:
    """Differential equations over the column `clock`; those of the target first."""
    columns, labels = _joined(x, y, names, target)
    if clock not in labels:
        raise ConfigError(f"there is no column {clock!r} of time; the columns are {', '.join(labels)}.")
    at = labels.index(clock)
    states = [name for name in labels if name != clock]
    table = dynamics(columns[:, at], np.delete(columns, at, axis=1), names=states, clock=clock, **common)
    own = tuple(row for row in table.rows if row.target.startswith(f"d{target}/"))
    return replace(table, rows=(*own, *(row for row in table.rows if row not in own))) if own else table
