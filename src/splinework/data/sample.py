"""Results of recipes: rows with names, units and ground truth, and the data card that documents them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np

from splinework.data.noise import ColumnStatistics
from splinework.data.random_streams import Floats

if TYPE_CHECKING:
    import pandas as pd

_PACKAGES: Final = ("splinework", "numpy", "scipy")


@final
@dataclass(frozen=True)
class GroundTruth:
    """The function behind the rows, as far as known.

    Attributes:
        formula: Its text, or None; formulas of several targets are separated by semicolons.
        active: Inputs that the target depends on.
        noise_floor: Root mean square error of the true function on these rows, in the unit of the (first) target; a model with
            a smaller error is overfitted.
        axioms: Axioms that hold for the function without noise, such as `monotone(a)`.
        reference_error: Maximum error of a target that is computed approximately; 0 for rounding only.

    Example:
        >>> from splinework.data import data_set
        >>> data_set("product").draw(4).truth.active
        ('x1', 'x2')
    """

    formula: str | None
    active: tuple[str, ...]
    noise_floor: float
    axioms: tuple[str, ...] = ()
    reference_error: float = 0.0


@final
@dataclass(frozen=True)
class Card:
    """A data card: description of a set, how to reproduce it, and what to know before using it.

    Attributes:
        facts: JSON values.

    Example:
        >>> from splinework.data import data_set
        >>> data_set("product").draw(4).card().to_markdown().splitlines()[0]
        '# product'
    """

    facts: Mapping[str, Any]

    def to_json(self) -> str:
        """The card as JSON text."""
        return json.dumps(self.facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """The card as a Markdown page."""
        facts = self.facts
        lines = [f"# {facts['name']}", "", facts["about"] + ".", ""]
        formula = facts["truth"]["formula"]
        if formula:
            lines += [f"`{facts['targets'][0]} = {formula}`" if len(facts["targets"]) == 1 else f"`{formula}`", ""]
        lines += ["| column | role | unit | from | to |", "|---|---|---|---|---|"]
        for column in facts["columns"]:
            ends = (column["low"], column["high"])
            low, high = ("" if end is None else f"{end:.6g}" for end in ends)
            lines.append(f"| {column['name']} | {column['role']} | {column['unit']} | {low} | {high} |")
        truth = facts["truth"]
        lines += [
            "",
            f"- rows: {facts['rows']}",
            f"- noise floor (RMSE of the truth on these rows): {truth['noise_floor']:.6g}",
            f"- inputs that matter: {', '.join(truth['active']) or 'none'}",
        ]
        if truth["reference_error"]:
            lines.append(f"- error of the target itself, at most: {truth['reference_error']:.1g}")
        if truth["axioms"]:
            lines.append(f"- known to hold: {', '.join(f'`{one}`' for one in truth['axioms'])}")
        lines += [f"- note: {note}" for note in facts["notes"]]
        lines += [
            f"- source: {facts['source']}",
            f"- licence: {facts['licence']}",
            f"- seed: {facts['seed']}",
            f"- SHA-256 of the values: `{facts['sha256']}`",
            f"- made with: {', '.join(f'{name} {number}' for name, number in facts['versions'].items())}",
            "",
            "The recipe:",
            "",
            "```json",
            json.dumps(facts["recipe"], indent=2, ensure_ascii=False, allow_nan=False),
            "```",
        ]
        return "\n".join(lines) + "\n"


@final
@dataclass(frozen=True)
class Schema:
    """Description of a set before rows are drawn.

    Attributes:
        name: Name of the set.
        about: Description, a sentence without its full stop.
        names: Names of the d inputs.
        targets: Names of the k targets.
        units: Units of columns.
        formula: See `GroundTruth`.
        active: See `GroundTruth`.
        reference_error: See `GroundTruth`.
        source: Source of the set.
        classes: Labels of the values 0, 1, … of a categorical target.
        notes: Further notes for the data card.
    """

    name: str
    about: str
    names: tuple[str, ...]
    targets: tuple[str, ...]
    units: Mapping[str, str] = field(default_factory=dict)
    formula: str | None = None
    active: tuple[str, ...] = ()
    reference_error: float = 0.0
    source: str = "computed from the formula"
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@final
@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of a recipe.

    Attributes:
        x: Inputs, shape (n, d), float64.
        y: Targets, shape (n,), or (n, k) where there are several.
        names: Names of the inputs.
        targets: Names of the targets.
        units: Units of columns.
        truth: The function behind the rows.
        facts: Values of the data card.
        classes: Labels of the values of a categorical target.

    Example:
        >>> from splinework.data import data_set
        >>> data_set("product").draw(4).frame().columns.tolist()
        ['x1', 'x2', 'y']
    """

    x: Floats
    y: Floats
    names: tuple[str, ...]
    targets: tuple[str, ...]
    units: Mapping[str, str]
    truth: GroundTruth
    facts: Mapping[str, Any] = field(repr=False)
    classes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the values, see `CardStatistics`."""
        return str(self.facts["sha256"])

    def card(self) -> Card:
        """The data card."""
        return Card(self.facts)

    def frame(self) -> pd.DataFrame:
        """A table, inputs first and targets last; classes as labels."""
        return table(self.names, self.targets, self.classes, self.x, self.y.reshape(len(self.x), -1))


def table(names: Sequence[str], targets: Sequence[str], classes: Sequence[str], x: Floats, y: Floats) -> pd.DataFrame:
    """Inputs (n, d) and targets (n, k) as a table."""
    import pandas as pd

    columns: dict[str, Any] = dict(zip(names, x.T, strict=True))
    for target, values in zip(targets, y.T, strict=True):
        columns[target] = [classes[int(value)] for value in values] if classes else values
    return pd.DataFrame(columns)


class CardStatistics:
    """Statistics of all rows for the data card, accumulated block by block, independent of the partition into blocks.

    The digest is the SHA-256 of the names of the columns, each with a line end, followed by the values row after row, inputs then
    targets, as little-endian float64.
    """

    def __init__(self, schema: Schema, axioms: tuple[str, ...]) -> None:
        self._hash = hashlib.sha256("".join(f"{name}\n" for name in (*schema.names, *schema.targets)).encode())
        self._low = np.full(len(schema.names) + len(schema.targets), np.inf)
        self._high = -self._low
        self._outline, self._axioms = schema, axioms
        self._squares: list[float] = []
        self._known = 0
        self.rows = 0
        self.scale: ColumnStatistics | None = None

    def add(self, x: Floats, y: Floats, truth: Floats) -> None:
        """Adds a block of recorded rows and the true targets (n, k); the sequence of blocks must be deterministic."""
        whole = np.ascontiguousarray(np.concatenate([x, y], axis=1), dtype="<f8")
        self._hash.update(whole.tobytes())
        with np.errstate(all="ignore"):
            self._low = np.fmin(self._low, np.fmin.reduce(whole, axis=0))
            self._high = np.fmax(self._high, np.fmax.reduce(whole, axis=0))
        apart = y[:, 0] - truth[:, 0]
        known = np.isfinite(apart)
        self._squares.append(float(np.square(apart[known]).sum()))
        self._known += int(known.sum())
        self.rows += len(x)

    def truth(self) -> GroundTruth:
        """The ground truth, with the noise floor of these rows."""
        floor = math.sqrt(math.fsum(self._squares) / self._known) if self._known else 0.0
        one = self._outline
        return GroundTruth(one.formula, one.active, floor, self._axioms, one.reference_error)

    def facts(self, recipe: Mapping[str, Any], seed: int, notes: Sequence[str]) -> dict[str, Any]:
        """The values of the data card."""
        one, truth = self._outline, self.truth()
        columns = [
            {
                "name": name,
                "role": "input" if name in one.names else "target",
                "unit": one.units.get(name, ""),
                "low": float(low) if math.isfinite(low) else None,
                "high": float(high) if math.isfinite(high) else None,
            }
            for name, low, high in zip((*one.names, *one.targets), self._low, self._high, strict=True)
        ]
        return {
            "name": one.name,
            "about": one.about,
            "targets": list(one.targets),
            "columns": columns,
            "classes": list(one.classes),
            "rows": self.rows,
            "truth": {key: list(value) if isinstance(value, tuple) else value for key, value in vars(truth).items()},
            "notes": [*one.notes, *notes],
            "source": one.source,
            "licence": "computed here; the rows may be used as CC0 1.0",
            "seed": seed,
            "sha256": self._hash.hexdigest(),
            "versions": dict(_versions()),
            "recipe": dict(recipe),
        }


@cache
def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # not installed
            found[package] = "unknown"
    return found
