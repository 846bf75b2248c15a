"""A search that is interrupted and goes on: the formulas found so far in a file, with a fingerprint of what is searched.

The file is JSON. Going on means to begin from these formulas, with other random numbers than before. A question that takes
several searches has them all in its file, each under its own fingerprint.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import sympy

from splinework.errors import ConfigError, FileError, FormulaError
from splinework.errors.stored_values import fields_of
from splinework.formula.parse import parse_formula
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import python

KIND = "splinework search"
MAX_BYTES = 2**24
"""Largest file that is read."""


@dataclass(frozen=True)
class SearchCheckpoint:
    """The state of a search that is stored.

    Attributes:
        kind: Always `KIND`.
        search: Fingerprint of the data and of the functions that formulas may have, or of a question that takes several searches.
        runs: Number of searches that have written it.
        formulas: The formulas over the columns, best first.
        parts: The searches of a question, by their fingerprints.
    """

    kind: str
    search: str
    runs: int = 0
    formulas: tuple[str, ...] = ()
    parts: dict[str, "SearchCheckpoint"] = field(default_factory=dict)

    def expressions(self, names: Sequence[str]) -> list[Any]:
        """The formulas with numbers that can be fitted where they had any."""
        found = []
        for text in self.formulas:
            try:
                found.append(parse_formula(text, names))
            except FormulaError as error:
                raise FileError(f"a formula of the checkpoint cannot be read: {error}") from error
        return found


def fingerprint(*values: Any) -> str:
    """A fingerprint of arrays of numbers, and of what JSON can hold."""
    digest = hashlib.sha256()
    for value in values:
        numbers = isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
        digest.update((np.ascontiguousarray(value, dtype="<f8").tobytes() if numbers else repr(value).encode()) + b"|")
    return digest.hexdigest()


def search_of(target: FitTarget, library: Sequence[str], noise: float | None) -> str:
    """The fingerprint of a search."""
    weights = np.zeros(0) if target.weights is None else target.weights
    return fingerprint(target.x, target.y, weights, list(target.names), sorted(library), noise)


def read_checkpoint(path: str | os.PathLike[str], search: str) -> SearchCheckpoint:
    """The checkpoint of a search, empty where there is no such file yet.

    Raises:
        FileError: If the file is of another kind or damaged.
        ConfigError: If it belongs to another search.
    """
    place = Path(path)
    if not place.parent.is_dir():
        raise FileError(f"there is no folder {place.parent} for the checkpoint; make it, or give another path.")
    if not place.exists():
        return SearchCheckpoint(KIND, search)
    try:
        if place.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        values = json.loads(place.read_text(encoding="utf-8"))
        found = SearchCheckpoint(**fields_of(SearchCheckpoint, values, "checkpoint"))
        if found.kind != KIND:
            raise ValueError(f"its kind is {found.kind!r}")
    except (OSError, ValueError, ConfigError, RecursionError) as error:
        raise FileError(
            f"{place} is not a checkpoint of a search for formulas ({error}); name another file."
        ) from error
    if found.search != search:
        raise ConfigError(
            f"{place} belongs to another search: the rows, the columns, the library or the noise differ. Name another file, or "
            "remove this one to begin anew."
        )
    return found


@dataclass(frozen=True)
class KeptSearch:
    """A search and its checkpoint, which may be that of a question of several searches.

    Attributes:
        path: The file.
        found: Formulas of earlier runs of the search.
        question: Fingerprint of the question that it is a part of, if it is.
    """

    path: Path
    found: SearchCheckpoint
    question: str | None = None

    @classmethod
    def read(cls, path: str | os.PathLike[str], search: str, question: str | None = None) -> "KeptSearch":
        """The search as its file has it, with the errors of `read_checkpoint`."""
        found = read_checkpoint(path, question or search)
        if question is not None:
            found = found.parts.get(search, SearchCheckpoint(KIND, search))
        return cls(Path(path), found, question)

    def write(self, formulas: Sequence[Any], names: Sequence[str]) -> None:
        """Replaces the file, atomically.

        Args:
            formulas: Expressions over the columns, best first.
            names: Names of the columns.

        Raises:
            FileError: If it cannot be written.
        """
        from splinework.nn.files import write_whole

        texts = tuple(dict.fromkeys(python(_plain(each), names) for each in formulas))
        made = SearchCheckpoint(KIND, self.found.search, self.found.runs + 1, texts)
        if self.question is not None:
            whole = read_checkpoint(self.path, self.question)
            made = replace(whole, runs=whole.runs + 1, parts={**whole.parts, made.search: made})
        write_whole(self.path, json.dumps(asdict(made), indent=1).encode())


def _plain(expression: Any) -> Any:
    """The expression with all digits of its numbers."""
    return expression.xreplace({each: sympy.Float(float(each), 17) for each in expression.atoms(sympy.Float)})
