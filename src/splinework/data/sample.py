"""What a recipe gives: rows with names, units and the truth behind them, and the data card that says where they come from."""

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
    """What is known of the function behind the rows.

    Attributes:
        formula: Its text; None where it has none. Of several targets, theirs separated by semicolons.
        active: Inputs that the target depends on.
        noise_floor: Root mean square error that the truth itself would have on these rows, in the unit of the target; the first
            target's where there are several. No model that is any good on new rows has less.
        axioms: Sentences that hold of the function without noise, such as `monotone(a)`.
        reference_error: Largest error of the target itself, where it is computed by an approximation; 0 is rounding.
    """

    formula: str | None
    active: tuple[str, ...]
    noise_floor: float
    axioms: tuple[str, ...] = ()
    reference_error: float = 0.0


@final
@dataclass(frozen=True)
class Card:
    """A data card: what a set is, how it is made again, and what to know before use.

    Attributes:
        facts: JSON values.
    """

    facts: Mapping[str, Any]

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(self.facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """As a page."""
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
    """What is known of a set before a row is drawn.

    Attributes:
        name: Of the set.
        about: What it is, a sentence without its full stop.
        names: Of the inputs, d of them.
        targets: Of the targets, k of them.
        units: Of columns, where there are units.
        formula: As in `GroundTruth`.
        active: As in `GroundTruth`.
        reference_error: As in `GroundTruth`.
        source: Where it comes from.
        classes: Words for the values 0, 1, … of the target, where it is a class.
        notes: What the card must say besides.
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
        names: Of the inputs.
        targets: Of the targets.
        units: Of columns, where there are units.
        truth: What is known of the function behind them.
        facts: The values of the data card.
        classes: Words for the values of the target, where it is a class.
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
        """A table, inputs first and targets last; classes as words."""
        return table(self.names, self.targets, self.classes, self.x, self.y.reshape(len(self.x), -1))


def table(names: Sequence[str], targets: Sequence[str], classes: Sequence[str], x: Floats, y: Floats) -> pd.DataFrame:
    """Inputs (n, d) and targets (n, k) as a table."""
    import pandas as pd

    columns: dict[str, Any] = dict(zip(names, x.T, strict=True))
    for target, values in zip(targets, y.T, strict=True):
        columns[target] = [classes[int(value)] for value in values] if classes else values
    return pd.DataFrame(columns)


class CardStatistics:
    """What a card needs to know of all rows, gathered block by block; the outcome does not depend on how they are cut.

    The digest is the SHA-256 of the names of the columns, each with a line end, followed by the values row after row, inputs then
    targets, as little-endian float64.
    """

    def __init__(self, outline: Schema, axioms: tuple[str, ...]) -> None:
        self._hash = hashlib.sha256("".join(f"{name}\n" for name in (*outline.names, *outline.targets)).encode())
        self._low = np.full(len(outline.names) + len(outline.targets), np.inf)
        self._high = -self._low
        self._outline, self._axioms = outline, axioms
        self._squares: list[float] = []
        self._known = 0
        self.rows = 0
        self.scale: ColumnStatistics | None = None

    def add(self, x: Floats, y: Floats, truth: Floats) -> None:
        """Rows as they were recorded, and what the truth says there, (n, k); blocks must be the same whoever counts."""
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
        """The truth, with the noise floor of these rows."""
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
        except PackageNotFoundError:  # run from its sources
            found[package] = "unknown"
    return found
