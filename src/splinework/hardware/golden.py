"""The golden model as a file, `golden.json`: exact integers as JSON, protected by a digest."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from splinework.errors import ConfigError, FileError, SplineworkError
from splinework.errors.stored_values import typed
from splinework.hardware.formats import Integers, Wire
from splinework.hardware.integer import IntegerLayer, IntegerModel, Task
from splinework.nn.files import write_whole

FORMAT: Final = "splinework-integer/1"
_MAX_FILE_BYTES = 1 << 28
_MAX_CODES: Final = 1 << 20
"""Codes of an input without tables, for which a file holds no numbers."""


class ChangedError(FileError):
    """A golden model does not match its digest."""


def write_golden(model: IntegerModel, path: str | os.PathLike[str]) -> None:
    """Writes a quantised network atomically."""
    write_whole(Path(path), golden_text(model).encode())


def golden_text(model: IntegerModel) -> str:
    """The text of the file, with one line per table so that line-based diffs show changes."""
    content = to_dict(model)
    layers = content.pop("layers")
    head = json.dumps({"digest": digest(model), **content}, indent=1)[:-2]
    lines = []
    for layer in layers:
        tables = ",\n    ".join(json.dumps(table) for table in layer.pop("tables"))
        rest = json.dumps(layer)[1:-1]
        lines.append(f'  {{{rest}, "tables": [\n    {tables}]}}')
    return f'{head},\n "layers": [\n' + ",\n".join(lines) + "]\n}\n"


def read_golden(path: str | os.PathLike[str]) -> IntegerModel:
    """The quantised network that `write_golden` wrote.

    Raises:
        FileError: If the file is missing, damaged or of another version.
        ChangedError: If its content does not match its digest.
    """
    file = Path(path)
    content = read_document(file, FORMAT, "a golden model")
    if content.pop("digest", None) != digest_of(content):
        raise ChangedError(f"{file} was changed after it was written: its digest does not match; rebuild the artefact.")
    try:
        return from_dict(content)
    except (SplineworkError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise FileError(f"{file} is not a complete golden model ({error}); rebuild the artefact.") from error


def read_document(file: Path, form: str, what: str) -> dict[str, Any]:
    """Reads a JSON object of the given format from a file of an artefact; `what` names it, with an article, in messages.

    Raises:
        FileError: If the file is missing, too large, damaged or of another version.
    """
    try:
        if file.stat().st_size > _MAX_FILE_BYTES:
            raise ValueError(f"it has more than {_MAX_FILE_BYTES >> 20} MiB")
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FileError(f"{file} cannot be read as {what} ({error}); rebuild the artefact.") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != form:
        raise FileError(
            f"{file} has the format {found!r}, expected {form!r}: it is not {what}, or was written by another version of "
            "splinework; rebuild the artefact with this version."
        )
    return dict(content)


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON object atomically."""
    write_whole(file, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def digest(model: IntegerModel) -> str:
    """SHA-256 over all numbers and names, 64 hexadecimal digits."""
    return digest_of(to_dict(model))


def digest_of(content: dict[str, Any]) -> str:
    """SHA-256 over JSON values, independent of the order of keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def to_dict(model: IntegerModel) -> dict[str, Any]:
    """The network as JSON values."""
    return {
        "format": FORMAT,
        "name": model.name,
        "task": model.task,
        "classes": list(model.classes),
        **({"axioms": list(model.axioms)} if model.axioms else {}),
        "inputs": [asdict(wire) for wire in model.inputs],
        "layers": [
            {
                "guard": layer.guard,
                "bias": layer.bias.tolist(),
                "mask": layer.mask.astype(int).tolist(),
                "outputs": [asdict(wire) for wire in layer.outputs],
                "tables": [
                    {str(j): table[:, j].tolist() for j in np.flatnonzero(alive)}
                    for table, alive in zip(layer.tables, layer.mask, strict=True)
                ],
            }
            for layer in model.layers
        ],
    }


def from_dict(content: dict[str, Any]) -> IntegerModel:
    """The network from JSON values.

    Raises:
        ConfigError: If they are inconsistent.
    """
    stored: _StoredModel = typed(_StoredModel, content, "a golden model")
    layers: list[IntegerLayer] = []
    for entry in stored.layers:
        layers.append(_layer(entry, layers[-1].outputs if layers else stored.inputs))
    return IntegerModel(stored.name, stored.inputs, tuple(layers), stored.task, stored.classes, stored.axioms)


@dataclass(frozen=True)
class _StoredLayer:
    """The schema of a layer; a table is a column of numbers by the index of its output, one table an input."""

    guard: int
    bias: tuple[int, ...]
    mask: tuple[tuple[Literal[0, 1], ...], ...]
    outputs: tuple[Wire, ...]
    tables: tuple[dict[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class _StoredModel:
    """The schema of the file, without its digest."""

    format: str
    name: str
    task: Task
    classes: tuple[str, ...]
    inputs: tuple[Wire, ...]
    layers: tuple[_StoredLayer, ...]
    axioms: tuple[str, ...] = ()


def _layer(stored: _StoredLayer, wires: tuple[Wire, ...]) -> IntegerLayer:
    outputs = stored.outputs
    mask = _integers(stored.mask).reshape(len(wires), len(outputs)) != 0
    tables = []
    for wire, alive, columns in zip(wires, mask, stored.tables, strict=True):
        if sorted(columns, key=int) != [str(j) for j in np.flatnonzero(alive)]:
            raise ConfigError(f"the tables of {wire.name!r} are not those of the mask.")
        count = wire.format.count
        if any(len(values) != count for values in columns.values()) or (not columns and count > _MAX_CODES):
            raise ConfigError(f"the tables of {wire.name!r} should have {count} numbers, one for each code.")
        table = np.zeros((count, len(outputs)), dtype=np.int64)
        for j, values in columns.items():
            table[:, int(j)] = _integers(values)
        tables.append(table)
    return IntegerLayer(tuple(tables), mask, _integers(stored.bias), stored.guard, outputs)


def _integers(values: Any) -> Integers:
    array = np.array(values)
    if array.dtype != np.int64 and array.size:
        raise ConfigError(f"tables hold 64-bit integers, got {array.dtype}.")
    return array.astype(np.int64)
