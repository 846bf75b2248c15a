"""A model file as the commands see it: the network, and what its header says about columns, ranges and formulas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from splinework.cli.levels import read_from, with_indicators
from splinework.errors import DataError, FormulaError, nearest
from splinework.formula.figures import plural
from splinework.tabular.tables import FileTable
from splinework.tabular.tables import column_of as column_of  # which the other commands take from here

if TYPE_CHECKING:
    from splinework.cli.sample import Floats
    from splinework.interpret.symbolic.table import FormulaTable
    from splinework.nn.frame import FramedKAN
    from splinework.nn.network import KAN

_N_ROWS: Final = 2000


class ModelFile:
    """A model file: its network and metadata; a network saved by `splinework.save` has its own names only.

    Raises:
        FileError: If it is not a model.
    """

    def __init__(self, path: str) -> None:
        from splinework.nn.checkpoint import load, read_header
        from splinework.nn.frame import network_of
        from splinework.nn.frame.framed import names_of

        header = read_header(path)
        self.path, self.version = path, str(header.get("version"))
        self.model: KAN | FramedKAN = load(path)
        notes = header.get("notes")
        self._notes: dict[str, Any] = notes if isinstance(notes, dict) else {}
        self.columns = {key: name for key, name in self._held("columns", dict).items() if isinstance(name, str)}
        self.network = network_of(self.model)
        inputs, outputs = (tuple(names) for names in names_of(self.model))
        self.input_names, self.output_names = inputs, outputs
        self.features = [self.columns.get(name, name) for name in inputs]
        self.targets = [self.columns.get(name, name) for name in outputs]
        self.levels = {name: meaning for name, meaning in self._held("levels", dict).items() if _is_meaning(meaning)}
        self.means = {name: float(mean) for name, mean in self._held("means", dict).items() if _is_number(mean)}
        self.ranges = {
            name: (float(r[0]), float(r[1])) for name, r in self._held("ranges", dict).items() if _is_range(r)
        }

    @property
    def target(self) -> str:
        """The column that it was fitted to; of several, the first."""
        named = self.targets[0]
        for one in getattr(self.estimator, "classes_", ()):  # the outputs are logits of classes
            if named.startswith("logit of ") and named.endswith(f"={one}"):
                return named.removeprefix("logit of ").removesuffix(f"={one}")
        return named

    @cached_property
    def estimator(self) -> Any:
        """The estimator in the file, for categories, classes and missing cells; None if it holds a network only.

        Raises:
            FileError: If its parts do not fit together.
        """
        if "estimator" not in self._notes:
            return None
        from splinework.tabular import load

        return load(self.path)

    @property
    def remarks(self) -> list[str]:
        """Notes on the decisions of the fit."""
        return [str(note) for note in self._held("notes", list)]

    @property
    def formulas(self) -> list[dict[str, Any]]:
        """The formulas in the file, best first."""
        rows = self._held("formulas", list)
        return [row for row in rows if isinstance(row, dict) and isinstance(row.get("formula"), str)]

    @property
    def frame(self) -> Any:
        """The formulas before and after the network; None if there are none."""
        return None if self.model is self.network else self.model.frame

    @property
    def axioms(self) -> list[dict[str, Any]]:
        """The statuses of the axioms of the fit; for a network saved by `splinework.save`, its hard axioms."""
        rows = [row for row in self._held("axioms", list) if isinstance(row, dict)]
        if rows or "axioms" in self._notes:
            return [{key: str(value) for key, value in row.items()} for row in rows]
        hard = self.network.config.axioms
        return [{"axiom": text, "strength": "hard", "status": "built in", "note": ""} for text in hard]

    @property
    def scales(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Scales of inputs and outputs, `linear` or `log`; in a frame all are linear."""
        config = self.network.config
        if self.frame is not None:
            return ("linear",) * len(self.input_names), ("linear",) * len(self.output_names)
        return config.input_scales, config.output_scales

    def limits(self) -> list[tuple[float, float]]:
        """Range of every input in the fit; for a network saved by `splinework.save`, the range of its grid.

        Raises:
            DataError: If nothing tells, as may be where a frame was made by hand.
        """
        if self.frame is not None and (self.frame.ranges or self.frame.features):
            ends = self.frame.ranges or [self.ranges.get(name) for name in self.features]
            if None in ends:
                raise DataError(
                    f"{self.path} does not say in which ranges its inputs lie, and its network has other inputs; give rows of "
                    "data, or make the model with splinework.fit."
                )
        else:
            layer, scaling = self.network.kan_layers[0], self.network.input_scaling
            low, high = (end.detach().double().reshape(1, -1) for end in layer.basis.domain(layer.grid))
            ends = list(zip(scaling.inverse(low)[0].tolist(), scaling.inverse(high)[0].tolist(), strict=True))
        return [self.ranges.get(name, grid) for name, grid in zip(self.features, ends, strict=True)]

    def used(self) -> list[str]:
        """The inputs that the network depends on, by their names in formulas."""
        from splinework.report.facts import used_inputs

        return used_inputs(self.model)

    def inside(self, x: Floats) -> Any:
        """The network without its frame, and its inputs for rows x `(n, inputs)`."""
        from splinework.tabular.inner_network import inner_network

        return inner_network(self.model, x, self.input_names)

    def drawn(self, rows: int = _N_ROWS) -> Floats:
        """Rows drawn evenly from the ranges of the inputs, `(rows, inputs)`; evenly in the logarithm where that is the scale."""
        share = np.random.default_rng(0).uniform(size=(rows, len(self.features)))
        share[:2] = [[0.0], [1.0]]  # the ends too
        columns = []
        for (low, high), scale, part in zip(self.limits(), self.scales[0], share.T, strict=True):
            if scale == "log" and low > 0:
                columns.append(np.exp(np.log(low) + part * (np.log(high) - np.log(low))))
            else:
                columns.append(low + part * (high - low))
        return np.column_stack(columns)

    def _held(self, name: str, kind: type[Any]) -> Any:
        """A part of the header; empty if it is malformed."""
        value = self._notes.get(name)
        return value if isinstance(value, kind) else kind()


def _is_number(value: Any) -> bool:
    """Whether a value of a header, which may be malformed, is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and bool(np.isfinite(value))


def _is_meaning(value: Any) -> bool:
    """Whether a value of a header says what a column of 0 and 1 is made of."""
    return isinstance(value, list) and len(value) > 2 and all(isinstance(part, str) for part in value)


def _is_range(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]


@dataclass(frozen=True)
class RowCounts:
    """Counts of unusual rows and cells of a table; those of its parts are added.

    Attributes:
        filled: Column → number of its cells that were filled with the mean of the fit.
        empty: Column → number of its other empty cells.
        incomplete: Number of rows with empty cells.
        beyond: Number of rows outside the ranges of the fit.
    """

    filled: Counter[str] = field(default_factory=Counter)
    empty: Counter[str] = field(default_factory=Counter)
    incomplete: int = 0
    beyond: int = 0

    def __add__(self, other: RowCounts) -> RowCounts:
        return RowCounts(
            self.filled + other.filled,
            self.empty + other.empty,
            self.incomplete + other.incomplete,
            self.beyond + other.beyond,
        )

    def remarks(self, fitted: ModelFile) -> list[str]:
        """The same in sentences."""
        found = [
            f"{plural(count, 'cell')} of {name!r} filled with the mean {fitted.means[name]:g} of the fit"
            for name, count in self.filled.items()
        ]
        if self.incomplete:
            cells = ", ".join(f"{name}: {count}" for name, count in self.empty.items())
            found.append(
                f"{plural(self.incomplete, 'row')} got no prediction for cells that are empty or not finite ({cells})"
            )
        if self.beyond:
            found.append(f"outside the range of the rows fitted, so extrapolated: {plural(self.beyond, 'row')}")
        return found


def inputs_of(table: FileTable, fitted: ModelFile) -> tuple[Floats, RowCounts]:
    """The inputs of the model `(n, inputs)`, NaN if missing and not imputed by a mean, and what was noticed on them.

    Raises:
        DataError: If a column is not there, or is not a column of numbers.
    """
    made = {name: meaning for name, meaning in fitted.levels.items() if name not in table.columns}
    refuse_lacking(table, read_from(fitted.features, made))
    table = with_indicators(table, fitted.levels)
    columns, filled, empty = [], Counter[str](), Counter[str]()
    for name in fitted.features:
        values = column_of(table, name)
        count = int(np.isnan(values).sum())
        if count and name in fitted.means:
            values = np.where(np.isnan(values), fitted.means[name], values)
            filled[name] += count
        elif count:
            empty[name] += count
        columns.append(values)
    x = np.column_stack(columns)
    return x, RowCounts(filled, empty, int(np.isnan(x).any(axis=1).sum()), _beyond(x, fitted))


def refuse_lacking(table: FileTable, names: Sequence[str]) -> None:
    """Raises if the table lacks columns that a model takes."""
    held = table.columns
    lacking = [name for name in names if name not in held]
    if lacking:
        found = {name: nearest(name, held).rstrip(".") for name in lacking[:5]}
        hints = "; ".join(f"{name!r}: {hint}" for name, hint in found.items())
        raise DataError(
            f"{table.name} lacks {len(lacking)} of the {len(names)} columns that the model takes. {hints}"
            f"{'' if hints.endswith('?') else '.'} Rename columns, or add them."
        )


def _beyond(x: Floats, fitted: ModelFile) -> int:
    """Number of rows outside the ranges of the fit."""
    outside = np.zeros(len(x), dtype=bool)
    for name, values in zip(fitted.features, x.T, strict=True):
        low, high = fitted.ranges.get(name, (-np.inf, np.inf))
        outside |= (values < low) | (values > high)
    return int(outside.sum())


def kept_table(fitted: ModelFile) -> FormulaTable | None:
    """The formulas of a model file, read by the whitelist; those that cannot be read are left out, None if there are none.

    What a file does not keep of them is NaN, or None.
    """
    from splinework.formula.parse import parse_formula
    from splinework.interpret.symbolic.table import FormulaRow, FormulaTable

    names, nan = fitted.input_names, float("nan")
    rows = []
    for row in fitted.formulas:
        try:
            expression = parse_formula(row["formula"], names)
        except FormulaError:  # with a spline of its own, or of a newer version
            continue
        error, test = (row[name] if _is_number(row.get(name)) else None for name in ("rmse_train", "rmse_test"))
        rmse, target = nan if error is None else error, str(row.get("target", "y"))
        rows.append(FormulaRow(target, expression, names, rmse, nan, nan, held_out=test, probability=nan))
    return FormulaTable(tuple(rows)) if rows else None
