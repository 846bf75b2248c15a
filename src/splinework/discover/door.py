"""`discover`: the one door. It reads what is asked and hands it to the search that answers it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from splinework.discover.classes import classes as of_classes
from splinework.discover.demanding import demanding
from splinework.discover.dynamics import dynamics
from splinework.discover.implicit import implicit as relation
from splinework.discover.partial import complete
from splinework.discover.regression import regress
from splinework.discover.several import several
from splinework.errors import ConfigError, DataError
from splinework.formula.units.buckingham import balance
from splinework.formula.units.dimensions import PURE, Dimension
from splinework.formula.units.parsing import parse_units
from splinework.interpret.symbolic.consistency import dimension_of
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable
from splinework.progress import telling
from splinework.train.callbacks import Callback


def discover(  # noqa: PLR0913  # the one door: every kind of question has its name here
    x: Any,
    y: Any = None,
    *,
    names: Sequence[str] | None = None,
    target: str | None = None,
    budget: float = 60.0,
    seed: int = 0,
    progress: bool = True,
    units: str | Mapping[str, str] | None = None,
    noise: float | None = None,
    form: str | None = None,
    require: Sequence[str] = (),
    forbid: Sequence[str] = (),
    classes: bool | None = None,
    ode: str | None = None,
    implicit: bool = False,
    shape: Sequence[Any] | None = None,
    weights: Any = None,
    on_stage: Callable[[str], None] | None = None,
    callbacks: Sequence[Callback] = (),
) -> FormulaTable:
    """From rows of data to formulas, and a network beside them, without a setting to choose.

    Screening comes first: which factors, symmetries and sums the data give away. Networks go on with what that leaves. All
    that is proposed is fitted to the data as a whole and ranked by description length; the answer says where no formula holds.

    Args:
        x: `(N, d)` array or frame.
        y: `(N,)` numbers, or labels; `(N, K)` for several targets at once.
        names: Names of the columns of x; a frame brings its own.
        target: Name of y; that of a series, or `y`.
        budget: About how many seconds to take.
        seed: Seed of everything random; the same seed gives the same result where time does not run out.
        progress: Shows on a terminal what is being done.
        units: Of the columns and the target, such as `"x=m,t=s,y=m/s"`, or a mapping; columns without one have none.
            Dimensionless groups are tried first (Buckingham 1914), and formulas whose units do not balance are marked.
        noise: Standard deviation of the errors of y where it is known; else it is estimated.
        form: A formula to complete, such as `"y = A*exp(?)*x2"`: capitals are constants, `?` is what is unknown.
        require: Terms that must occur, such as `"exp(x1)"`.
        forbid: Functions and columns that must not.
        classes: Whether y are labels, so that formulas give their odds; None decides by what y holds.
        ode: The column of x that is time: differential equations of the other columns, and of y where there is one.
        implicit: Relations `f(x) = 0` among all columns.
        shape: Try only a network of this shape.
        weights: `(N,)`, what each squared error counts.
        on_stage: Told in words what is being done; then `progress` shows nothing.
        callbacks: Functions of a `Step` of the fits.

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
    kinds = {"form": form is not None, "ode": ode is not None, "implicit": implicit, "classes": bool(classes)}
    _only_one(**kinds)
    given = {
        "units": units is not None,
        "shape": shape is not None,
        "require": bool(require),
        "forbid": bool(forbid),
        "noise": noise is not None,
        "weights": weights is not None,
    }
    _goes_together(next((kind for kind, asked in kinds.items() if asked), None), given)
    with telling(progress, on_stage) as say:
        common: dict[str, Any] = {"budget": budget, "seed": seed, "on_stage": say}
        if implicit:
            columns, labels = _joined(x, y, names, target)
            return relation(columns, names=labels, **common)
        if ode is not None:
            return _equations(x, y, names, target, ode, common)
        if y is None:
            raise DataError("there is no y to explain; give one, or ask for a relation among columns by implicit=True.")
        values = np.asarray(y)
        if classes or (classes is None and values.dtype.kind in "bOUS" and not _numbers(values)):
            _goes_together("classes", given)
            return of_classes(x, values, names=names, target=target, **common)
        if values.ndim == 2 and values.shape[1] > 1:
            _goes_together("several targets", given)
            own = [str(c) for c in y.columns] if hasattr(y, "columns") else None
            return several(x, values, names=names, targets=own, **common)
        search = partial(regress, callbacks=callbacks)
        common |= {"noise": noise, "weights": weights}
        if form is not None:
            return complete(form, x, values, names=names, target=target, forbid=forbid, search=search, **common)
        if require or forbid:
            common |= {"require": require, "forbid": forbid}
            return demanding(x, values, names=names, target=target, search=search, **common)
        return _regression(x, values, names, target, units, {**common, "shape": shape}, search)


def _only_one(**asked: bool) -> None:
    given = [name for name, wanted in asked.items() if wanted]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} ask for formulas of different kinds; give one of them.")


_TAKES = {"form": ("forbid", "noise", "weights"), "require or forbid": ("require", "forbid", "noise", "weights")}
"""What can be said beside these questions; beside others nothing of it, beside a plain one everything."""


def _goes_together(kind: str | None, given: Mapping[str, bool]) -> None:
    """Raises for an option that would do nothing, rather than to let it."""
    if kind is None and (given["require"] or given["forbid"]):
        kind = "require or forbid"
    if kind is None:
        return
    idle = [name for name, there in given.items() if there and name not in _TAKES.get(kind, ())]
    if idle:
        raise ConfigError(f"{' and '.join(idle)} cannot be used together with {kind}; leave it out.")


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


def _regression(
    x: Any,
    y: Any,
    names: Sequence[str] | None,
    target: str,
    units: str | Mapping[str, str] | None,
    options: dict[str, Any],
    search: Callable[..., FormulaTable],
) -> FormulaTable:
    _told_apart(x, y, names, target)
    if units is None:
        return search(x, y, names=names, target=target, **options)
    labels = list(names) if names is not None else [f"x{i + 1}" for i in range(np.asarray(x).shape[1])]
    given = parse_units(units, names=(*labels, target))
    if target not in given:
        raise ConfigError(
            f"units are given for columns but not for {target!r}, so nothing can be balanced; add {target}=…."
        )
    dimensions = {name: given.get(name, PURE) for name in labels}
    groups = balance(dimensions, given[target], name=target)
    table = search(x, y, names=labels, target=target, balance=groups, **options)
    return replace(table, rows=tuple(_checked(row, dimensions, given[target]) for row in table.rows))


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


def _checked(row: FormulaRow, dimensions: dict[str, Dimension], target: Dimension) -> FormulaRow:
    """The row with what its units say."""
    verdict = dimension_of(row.expression, dimensions, target=target)
    return replace(row, notes=(*row.notes, *verdict.sentences()))


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
