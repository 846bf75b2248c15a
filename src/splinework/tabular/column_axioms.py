"""Axioms about the columns of a table, translated to the inputs of a network.

A user refers to columns by name, by index, or by their name in formulas. The inputs of the network differ: indicators of levels
and of missing values, and none for a constant column. Axioms can refer to numeric columns only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np

from splinework.errors import ConfigError, nearest
from splinework.knowledge.axioms import Axiom
from splinework.knowledge.axioms.axiom import Name
from splinework.knowledge.axioms.language import axiom_of, axioms_of
from splinework.tabular.columns import CategoricalColumn, Columns, NumericColumn

AXIOM_PARAMETERS: Final[dict[str, list[Any]]] = {
    "monotone": [Mapping, "array-like", None],
    "axioms": [Axiom, str, list, tuple, None],
}
"""Constraints of the parameters that scikit-learn validates; all else is validated here."""
CONSTANT_COLUMN_NOTE: Final = "the column is constant in the fit, so the prediction does not depend on it"
PROBABILITY_NOTE: Final = "true of all probabilities"


@final
@dataclass(frozen=True)
class ColumnAxiom:
    """An axiom about columns and its translation.

    Attributes:
        stated: The axiom as the user stated it.
        axioms: The same for the inputs of the network; empty where it is trivially true.
        why: Why it is trivially true.
    """

    stated: Axiom
    axioms: tuple[Axiom, ...]
    why: str = ""


def column_axioms(monotone: Any, axioms: Any, columns: Columns, *, classes: int = 0) -> tuple[ColumnAxiom, ...]:
    """Translates the user's axioms to the inputs of the network.

    Args:
        monotone: 1 (increasing), -1 (decreasing) or 0 by column: a mapping, or one number per column; or None.
        axioms: Axioms of `splinework.knowledge.axioms` or their texts.
        columns: Encoding of the columns.
        classes: Number of classes; 0 for a regression. For two classes, axioms constrain the log odds of the second one, and
            numbers in `bounded`, `through` and `asymptote` are its probabilities.

    Raises:
        ConfigError: If a column does not exist or is categorical, or an axiom does not apply to classes.
        FormulaError: If a text cannot be parsed.
    """
    given = (*_monotone(monotone, columns), *axioms_of(axioms))
    return tuple(_known(axiom, columns, classes) for axiom in dict.fromkeys(given))


def _monotone(given: Any, columns: Columns) -> list[Axiom]:
    """`monotone` as axioms."""
    names = [column.name for column in columns.columns]
    if given is None:
        return []
    if isinstance(given, Mapping):
        pairs = list(given.items())
    else:
        signs = np.asarray(given)
        if signs.shape != (len(names),):
            raise ConfigError(
                f"monotone takes a dict such as {{{names[0]!r}: 1}}, or one of -1, 0 and 1 for each of the {len(names)} columns; "
                f"got {given!r}."
            )
        pairs = list(enumerate(signs.tolist()))
    found: list[Axiom] = []
    for name, sign in pairs:
        if isinstance(sign, bool) or sign not in (-1, 0, 1):
            raise ConfigError(
                f"monotone takes 1 (increasing), -1 (decreasing) or 0 for a column, got {sign!r} for {name!r}."
            )
        key = names[name] if isinstance(name, int) and 0 <= name < len(names) else name
        place = _column(key, columns, "monotone")
        if sign:
            found.append(axiom_of("monotone", {"input": names[place], "increasing": sign > 0}))
    return found


def _known(stated: Axiom, columns: Columns, classes: int) -> ColumnAxiom:
    """Translates one axiom."""
    places = {name: _column(name, columns, stated.word) for name in _names_in(stated)}
    for name, place in places.items():
        if isinstance(columns.columns[place], CategoricalColumn):
            raise ConfigError(
                f"{stated.text()} refers to the column {name!r}, which is a category; axioms need numeric columns. Drop the "
                "axiom, or convert the column to numbers."
            )
    still = [name for name, place in places.items() if not _inputs(columns, place)]
    if still and stated.trivial_if_irrelevant and set(stated.inputs) <= set(still):
        return ColumnAxiom(stated, (), CONSTANT_COLUMN_NOTE)
    if still:
        raise ConfigError(
            f"{stated.text()} refers to the column {still[0]!r}, which is constant in the fit and hence no input; drop the "
            "axiom or the column."
        )
    meant = _of_classes(stated, classes) if classes else (stated,)
    return ColumnAxiom(
        stated,
        tuple(each for axiom in meant for each in _placed(axiom, columns, places)),
        "" if meant else PROBABILITY_NOTE,
    )


def _column(name: Name, columns: Columns, word: str) -> int:
    """The index of a column, from its name, its name in formulas or its index.

    Raises:
        ConfigError: If there is no such column; the message suggests similar names.
    """
    names = [column.name for column in columns.columns]
    if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
        if 0 <= name < len(names):
            return int(name)
        raise ConfigError(f"{word} refers to column {name}, but there are {len(names)}, from 0 to {len(names) - 1}.")
    if name in names:
        return names.index(name)
    words, _ = columns.formula_names()
    called = {word: owner for word, owner, label in zip(words, columns.owners, columns.labels, strict=True)
              if label == names[owner]}  # fmt: skip
    if name in called:
        return called[name]
    raise ConfigError(f"{word} refers to the column {name!r}, which does not exist; {nearest(name, names)}")


def _inputs(columns: Columns, place: int) -> list[str]:
    """Names in formulas of a column's inputs; the second one, if any, is the missing-value indicator."""
    if not columns.columns[place].inputs:
        return []
    words, _ = columns.formula_names()
    return [word for word, owner in zip(words, columns.owners, strict=True) if owner == place]


def _names_in(axiom: Axiom) -> list[Name]:
    """The columns that an axiom names, also in its domain, but not those in its formulas."""
    found: list[Name] = list(axiom.inputs)
    if not isinstance(axiom.domain, str):
        found += [name for name, _ in axiom.domain]
    return list(dict.fromkeys(found))


def _placed(stated: Axiom, columns: Columns, places: Mapping[Name, int]) -> tuple[Axiom, ...]:
    """The axiom in names of inputs; several axioms where a column has a missing-value indicator."""
    words = {name: _inputs(columns, place) for name, place in places.items()}
    plain = all(isinstance(column, NumericColumn) and not column.gaps for column in columns.columns)
    if stated.of_all_inputs and not (plain and all(column.inputs for column in columns.columns)):
        raise ConfigError(
            f"{stated.word} refers to all columns, which then must be numeric, not constant and without missing values; drop "
            "other columns, or the axiom."
        )
    changes: dict[str, Any] = {}
    if stated.output is not None:
        changes["output"] = _target(stated.output, columns)
    if getattr(stated, "outputs", ()):
        changes["outputs"] = tuple(_target(name, columns) for name in getattr(stated, "outputs", ()))
    encoded = replace(stated.encoded(columns.encode if plain else None, len(columns.columns)), **changes)
    return encoded.on_columns(words)


def _target(name: Name, columns: Columns) -> str:
    """The network's name of an output."""
    words = columns.formula_names()[1]
    if isinstance(name, int) and name < len(words):
        return words[name]
    for known in (columns.targets, words):
        if name in known:
            return words[list(known).index(str(name))]
    raise ConfigError(f"an axiom names the output {name!r}, which does not exist; {nearest(name, columns.targets)}")


# -------------------------------------------------------------------------------------------------------- classes


def _of_classes(stated: Axiom, classes: int) -> tuple[Axiom, ...]:
    """Equivalent axioms of the log odds or scores; none where the axiom is true of all probabilities.

    Raises:
        ConfigError: If there are none.
    """
    if stated.output is not None:
        raise ConfigError(
            f"{stated.text()} names an output, but axioms of a classifier refer to the second of two classes, or to all classes; "
            "leave out output=."
        )
    found = stated.on_scores(classes)
    if found is None and classes > 2:
        raise ConfigError(
            f"{stated.text()} is possible for two classes, but not for {classes} classes, since those depend on all scores; "
            "fit one class against the rest, or leave it out."
        )
    if found is None:
        raise ConfigError(
            f"{stated.text()} cannot be an axiom of a classifier: it is about the target's numbers, not about probabilities; "
            "leave it out."
        )
    return found
