"""Encoding of the covariates: median imputation with missing-value indicators, and indicators of categories.

A numeric column is one input. If it had missing values in the fit, they are imputed by the median, and an indicator is added:
its edge holds the effect of a missing value. Every level of a category has an indicator, whose edge holds the effect of that
level. A level that the fit did not see is encoded as the mean of all levels, or as the rare levels where some were joined. A
constant column has no input.

Here a table is already a matrix: categories are codes, missing values NaN, and an unknown level is -1 (see `input_table.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from splinework.errors import ConfigError
from splinework.formula.functions import RESERVED_NAMES
from splinework.tabular.rows import Floats, WeightedRows
from splinework.tabular.tables.names import identifiers

Level = str | float

MIN_LEVEL_ROWS = 2
"""Distinct rows below which a level is rare; two or more rare levels are joined. Effects are shrunk by their number of rows, so
that more of a level need not be asked for; one row says nothing of others."""
MAX_LEVELS = 200
"""Maximum number of levels with an indicator of their own, the most frequent ones; the others are joined, as each takes a column
of the curves' equations, whose solution costs the cube of these."""
UNKNOWN_CODE = -1.0
"""The code of a level that the fit has not seen."""


class Column(ABC):
    """The encoding of one column.

    Attributes:
        name: The user's name of the column.
        levels: All levels in the fit of a categorical column; empty for numbers.
    """

    kind: ClassVar[str]
    name: str
    levels: tuple[Level, ...]

    @property
    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """Labels of its inputs, such as `cut=Ideal`."""

    @abstractmethod
    def encode(self, values: Floats) -> Floats:
        """Values or codes `(n,)` to inputs `(n, len(inputs))`, all finite."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values that `column_from_dict` reads back."""
        return {"kind": self.kind, **asdict(self)}  # type: ignore[call-overload]  # members are dataclasses


@final
@dataclass(frozen=True)
class NumericColumn(Column):
    """A numeric column.

    Attributes:
        name: The user's name of the column.
        fill: Imputed value of missing numbers, the weighted median.
        varies: Whether the numbers differ; a constant column is not an input.
        gaps: Whether some values, but not all, were missing in the fit.
    """

    kind = "numbers"
    levels = ()
    name: str
    fill: float
    varies: bool
    gaps: bool

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.name,) * self.varies + (f"{self.name} missing",) * self.gaps

    def encode(self, values: Floats) -> Floats:
        missing = np.isnan(values)
        columns = [np.where(missing, self.fill, values)] * self.varies + [missing.astype(np.float64)] * self.gaps
        return np.stack(columns, axis=1) if columns else np.empty((len(values), 0))


@final
@dataclass(frozen=True)
class CategoricalColumn(Column):
    """A categorical column.

    Attributes:
        name: The user's name of the column.
        levels: All levels in the fit; a code is an index into them.
        own: Codes of the levels with an indicator of their own.
        silent: Codes of the reference levels, whose indicators are all 0.
        rare: Codes of the levels that are joined in one indicator.
        gaps: Whether missing values have an indicator.
        unknown: The inputs of a level that the fit has not seen, `(len(inputs),)`.
    """

    kind = "levels"
    name: str
    levels: tuple[Level, ...]
    own: tuple[int, ...]
    silent: tuple[int, ...]
    rare: tuple[int, ...]
    gaps: bool
    unknown: tuple[float, ...]

    def __post_init__(self) -> None:
        codes = {*self.own, *self.silent, *self.rare}
        if not codes <= set(range(len(self.levels))) or len(self.unknown) not in (0, len(self.inputs)):
            raise ConfigError(
                f"column {self.name!r} has {len(self.levels)} levels and {len(self.inputs)} inputs, which its codes and "
                f"the inputs of an unknown level ({len(self.unknown)}) must fit."
            )

    @property
    def inputs(self) -> tuple[str, ...]:
        names = [f"{self.name}={_text(self.levels[code])}" for code in self.own]
        return (*names, *(f"{self.name}=(other)",) * bool(self.rare), *(f"{self.name} missing",) * self.gaps)

    def encode(self, values: Floats) -> Floats:
        inputs, known = self._indicators(values)
        inputs[~known] = self.unknown
        return inputs

    def is_known(self, values: Floats) -> NDArray[np.bool_]:
        """Whether each code `(n,)` is that of a level of the fit, or a missing value where the fit had some, `(n,)`."""
        return self._indicators(values)[1]

    def _indicators(self, values: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """The indicators `(n, k)`, and whether each row has a level of the fit, `(n,)`."""
        missing = np.isnan(values)
        inputs = [values == code for code in self.own]
        inputs += [np.isin(values, self.rare)] * bool(self.rare) + [missing] * self.gaps
        known = np.isin(values, [*self.own, *self.silent, *self.rare]) | (missing & self.gaps)
        shape = (len(values), len(inputs))
        return np.stack(inputs, axis=1).astype(np.float64) if inputs else np.empty(shape), known


@final
@dataclass(frozen=True)
class ScreenedColumn(Column):
    """A column that was screened out: it belongs to the table, but is not an input of the network.

    Attributes:
        name: The user's name of the column.
        levels: All levels in the fit, where it is categorical.
    """

    kind = "screened out"
    name: str
    levels: tuple[Level, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        return ()

    def encode(self, values: Floats) -> Floats:
        return np.empty((len(values), 0))


def column_from_dict(values: dict[str, Any]) -> Column:
    """The column from what its `to_dict` wrote.

    Raises:
        ConfigError: If the values describe no column.
    """
    from splinework.errors.stored_values import fields_of, shown

    stored = values.get("kind")
    for kind in (NumericColumn, CategoricalColumn, ScreenedColumn):
        if stored == kind.kind:
            given = {key: value for key, value in values.items() if key != "kind"}
            return kind(**fields_of(kind, given, f"a column of {stored}"))
    raise ConfigError(f"a column is stored as numbers, as levels or as screened out, got {shown(stored)}.")


@final
@dataclass(frozen=True)
class Columns:
    """The encoding of a table's covariates, and the names of the network's inputs.

    Attributes:
        columns: The columns in the user's order.
        targets: The user's names of the targets.
    """

    columns: tuple[Column, ...]
    targets: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the network's inputs, at least one."""
        found = tuple(label for column in self.columns for label in column.inputs)
        return found or (self.columns[0].name,)

    @property
    def owners(self) -> tuple[int, ...]:
        """Index of the column of every input."""
        found = tuple(i for i, column in enumerate(self.columns) for _ in column.inputs)
        return found or (0,)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Groups of inputs that are indicators of one category."""
        owners = np.asarray(self.owners)
        categories = [i for i, column in enumerate(self.columns) if isinstance(column, CategoricalColumn)]
        groups = [tuple(np.flatnonzero(owners == i).tolist()) for i in categories]
        return tuple(group for group in groups if len(group) > 1)

    @property
    def target(self) -> str:
        """Name of what is predicted, the first of several; of classes that of the labels."""
        return self.targets[0].removeprefix("logit of ").partition("=")[0]

    def formula_names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of inputs and targets in formulas: distinct identifiers; a usable name stays as it is."""
        labels = list(dict.fromkeys(self.labels))
        if len(labels) < len(self.labels):  # such as a column "a=b" beside the level b of a column "a"
            labels = [f"{label} {i}" for i, label in enumerate(self.labels)]
        targets = [name if name not in labels else f"{name} (predicted)" for name in self.targets]
        found = tuple(identifiers([*labels, *targets], reserved=RESERVED_NAMES))
        return found[: len(labels)], found[len(labels) :]

    def encode(self, values: Floats) -> Floats:
        """Encodes a table `(n, columns)` as inputs `(n, inputs)`, all finite."""
        parts = [column.encode(values[:, i]) for i, column in enumerate(self.columns)]
        encoded = np.concatenate(parts, axis=1)
        return encoded if encoded.shape[1] else np.zeros((len(values), 1))

    def keeping(self, inputs: Sequence[int]) -> tuple[Columns, tuple[int, ...]]:
        """The encoding in which columns without any of these inputs are screened out, and the inputs that it still has."""
        kept = {self.owners[i] for i in inputs}
        columns = tuple(
            column if i in kept or not column.inputs else ScreenedColumn(column.name, column.levels)
            for i, column in enumerate(self.columns)
        )
        return replace(self, columns=columns), tuple(i for i, owner in enumerate(self.owners) if owner in kept)

    @property
    def screened_out(self) -> tuple[str, ...]:
        """Names of the columns that were screened out."""
        return tuple(column.name for column in self.columns if isinstance(column, ScreenedColumn))

    def to_dict(self) -> dict[str, Any]:
        """JSON values that `columns_from_dict` reads back."""
        return {"columns": [column.to_dict() for column in self.columns], "targets": list(self.targets)}


def columns_from_dict(values: Any) -> Columns:
    """The columns from what `Columns.to_dict` wrote.

    Raises:
        ConfigError: If the values describe no columns.
    """
    from splinework.errors.stored_values import typed

    def column(hint: Any, value: Any, where: str) -> Column:
        return column_from_dict(typed(dict[str, Any], value, where))

    found: Columns = typed(Columns, values, "the columns of an estimator", {Column: column})
    if not found.columns or not found.targets:
        raise ConfigError("an estimator has at least one column and one target, got none.")
    return found


def learn_columns(
    rows: WeightedRows, names: Sequence[str], levels: dict[int, tuple[Level, ...]], targets: Sequence[str]
) -> Columns:
    """Learns the encoding of a table's columns.

    Args:
        rows: Canonical rows, so that the encoding depends on neither order nor repetition.
        names: Names of the columns.
        levels: Levels of the categorical columns, by column index.
        targets: Names of the targets.
    """
    columns = [
        _category(name, rows.x[:, i], rows.weights, levels[i])
        if i in levels
        else _numeric(name, rows.x[:, i], rows.weights)
        for i, name in enumerate(names)
    ]
    return Columns(tuple(columns), tuple(targets))


def _numeric(name: str, values: Floats, weights: Floats) -> NumericColumn:
    missing = np.isnan(values)
    there = values[~missing]
    if not len(there):
        return NumericColumn(name, 0.0, varies=False, gaps=False)
    order = np.lexsort((weights[~missing], there))
    reached = np.cumsum(weights[~missing][order])
    fill = there[order][np.searchsorted(reached, 0.5 * reached[-1])]
    return NumericColumn(name, float(fill), varies=bool(there.min() < there.max()), gaps=bool(missing.any()))


def _category(name: str, values: Floats, weights: Floats, levels: tuple[Level, ...]) -> CategoricalColumn:
    missing = np.isnan(values)
    codes = values[~missing].astype(np.intp)
    counts = np.bincount(codes, minlength=len(levels))
    seen = np.flatnonzero(counts)
    frequent = set(sorted(seen, key=lambda code: (-counts[code], code))[:MAX_LEVELS])
    own = [int(code) for code in seen if code in frequent and counts[code] >= MIN_LEVEL_ROWS]
    rare = [int(code) for code in seen if code not in own]
    gaps = bool(missing.any()) and bool(len(codes))
    silent: list[int] = []
    if len(seen) <= MAX_LEVELS and (
        len(rare) < 2 or not own
    ):  # one rare level stays itself; so do all, if all are rare
        own, rare = [int(code) for code in seen], []
    if not own:
        silent, rare = rare, []
    elif len(own) + bool(rare) + gaps <= 2:
        silent = [own.pop(0)]
    column = CategoricalColumn(name, levels, tuple(own), tuple(silent), tuple(rare), gaps, ())
    inputs, _ = column._indicators(values)
    unknown = (0.0,) * len(own) + (1.0,) + (0.0,) * gaps if rare else tuple((weights @ inputs / weights.sum()).tolist())
    return replace(column, unknown=unknown)


def _text(level: Level) -> str:
    return level if isinstance(level, str) else f"{level:g}"
