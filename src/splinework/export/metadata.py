"""Metadata of an artefact: names of columns, origin and size, in texts that are safe in any language."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from splinework.errors import ConfigError
from splinework.formula.languages.names import renaming_notes
from splinework.nn.checkpoint import own_version
from splinework.nn.frame import FramedKAN
from splinework.nn.frame.framed import names_of
from splinework.nn.network import KAN

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True)
class ModelMetadata:
    """Descriptive data of a model.

    Attributes:
        name: Name of the artefact, the prefix of its functions in languages that need one.
        inputs: Names of the input columns, in order.
        outputs: Names of the output columns.
        shape: Shape of the network as text.
        ranges: Ranges of the inputs in the rows of the fit, by position, as far as known.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shape: str
    ranges: dict[int, tuple[float, float]] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """A description in lines of plain ASCII, in which no name can end a comment or a string."""
        lines = [
            f"A Kolmogorov-Arnold network of shape {self.shape}, written by splinework {own_version()}.",
            "Inputs and outputs are in the units of the data that it was fitted to.",
            *column_lines("x", self.inputs),
            *column_lines("y", self.outputs),
        ]
        lines += [f"x[{i}] was between {low:.6g} and {high:.6g} there." for i, (low, high) in self.ranges.items()]
        return lines


def metadata_of(model: KAN | FramedKAN, name: str, notes: Mapping[str, Any] | None) -> ModelMetadata:
    """Metadata from a model and the notes of its file."""
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise ConfigError(
            f"name must be a letter followed by at most 62 letters, digits and _, as a prefix of functions; got {name!r}."
        )
    notes = notes if isinstance(notes, Mapping) else {}
    own_inputs, own_outputs = names_of(model)
    config = model.network.config if isinstance(model, FramedKAN) else model.config
    columns, ranges = _table(notes, "columns"), _table(notes, "ranges")
    inputs = _renamed(own_inputs, columns)
    found = {}
    for i, (own, column) in enumerate(zip(own_inputs, inputs, strict=True)):
        pair = ranges.get(column, ranges.get(own))
        if isinstance(pair, Sequence) and len(pair) == 2 and all(isinstance(end, int | float) for end in pair):
            found[i] = (float(pair[0]), float(pair[1]))
    shape = f"{config.shape} in a frame of formulas" if isinstance(model, FramedKAN) else str(config.shape)
    return ModelMetadata(name, inputs, _renamed(own_outputs, columns), shape, found)


def column_lines(letter: str, names: Sequence[str]) -> list[str]:
    """`x[0] is column "mass"`, one line per column; ASCII, without quotes or backslashes in the names."""
    return [line for i, name in enumerate(names) for line in renaming_notes({name: f"{letter}[{i}]"})]


def _table(notes: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = notes.get(key)
    return value if isinstance(value, Mapping) else {}


def _renamed(names: Sequence[str], columns: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(columns.get(name, name)) for name in names)
