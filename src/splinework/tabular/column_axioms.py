"""What a user knows about columns, as axioms on the inputs of a network.

A user names columns: by name, by number from 0, or as formulas call them. A network has other inputs: levels of categories, 0 or
1 for a gap, and none for a column that never changes. Only columns of numbers can be spoken of.
"""

from __future__ import annotations

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
"""What scikit-learn checks of the parameters; the rest is looked at here."""
CHANGELESS: Final = "the column is the same in every row of the fit, so the answer does not depend on it"
GIVEN: Final = "probabilities are so by themselves"


@final
@dataclass(frozen=True)
class ColumnAxiom:
    """Something that a user knows.

    Attributes:
        said: In the user's words.
        axioms: The same of the inputs of the network; none where it holds by itself.
        why: Why it holds by itself.
    """

    said: Axiom
    axioms: tuple[Axiom, ...]
    why: str = ""


def column_axioms(monotone: Any, axioms: Any, columns: Columns, *, classes: int = 0) -> tuple[ColumnAxiom, ...]:
    """What is known, in terms of the inputs that the columns have become.

    Args:
        monotone: 1 (rising), -1 (falling) or 0 for columns: a mapping, or one number per column; or None.
        axioms: Recipes of `splinework.knowledge.axioms` or their texts.
        columns: As the fit has learned them.
        classes: How many there are; 0 where numbers are predicted. Of two classes, axioms are of the log odds of the second one,
            and the numbers in `bounded`, `through` and `asymptote` are its probabilities.

    Raises:
        ConfigError: If a column does not exist, or is a category, or an axiom cannot be one of such an answer.
        FormulaError: If a text cannot be read.
    """
    given = (*_monotone(monotone, columns), *axioms_of(axioms))
    return tuple(_known(axiom, columns, classes) for axiom in dict.fromkeys(given))


def _monotone(wish: Any, columns: Columns) -> list[Axiom]:
    """`monotone` as axioms."""
    names = [column.name for column in columns.columns]
    if wish is None:
        return []
    if isinstance(wish, Mapping):
        pairs = list(wish.items())
    else:
        signs = np.asarray(wish)
        if signs.shape != (len(names),):
            raise ConfigError(
                f"monotone takes a dict such as {{{names[0]!r}: 1}}, or one of -1, 0 and 1 for each of the {len(names)} columns; "
                f"got {wish!r}."
            )
        pairs = list(enumerate(signs.tolist()))
    found: list[Axiom] = []
    for name, sign in pairs:
        if isinstance(sign, bool) or sign not in (-1, 0, 1):
            raise ConfigError(f"monotone takes 1 (rising), -1 (falling) or 0 for a column, got {sign!r} for {name!r}.")
        key = names[name] if isinstance(name, int) and 0 <= name < len(names) else name
        place = _column(key, columns, "monotone")
        if sign:
            found.append(axiom_of("monotone", {"input": names[place], "increasing": sign > 0}))
    return found


def _known(said: Axiom, columns: Columns, classes: int) -> ColumnAxiom:
    """One axiom, translated."""
    places = {name: _column(name, columns, said.word) for name in _names_in(said)}
    for name, place in places.items():
        if isinstance(columns.columns[place], CategoricalColumn):
            raise ConfigError(
                f"{said.text()} speaks of the column {name!r}, which is a category; axioms are about columns of numbers. Leave "
                "it out, or turn the column into numbers."
            )
    still = [name for name, place in places.items() if not _inputs(columns, place)]
    if still and said.trivial_if_irrelevant and set(said.inputs) <= set(still):
        return ColumnAxiom(said, (), CHANGELESS)
    if still:
        raise ConfigError(
            f"{said.text()} speaks of the column {still[0]!r}, which is the same in every row of the fit and so no input; leave "
            "out the axiom or the column."
        )
    meant = _of_classes(said, classes) if classes else (said,)
    return ColumnAxiom(
        said, tuple(each for axiom in meant for each in _placed(axiom, columns, places)), "" if meant else GIVEN
    )


def _column(name: Name, columns: Columns, word: str) -> int:
    """The number of a column by its name, its name in formulas or its number.

    Raises:
        ConfigError: If there is none; with those that are near.
    """
    names = [column.name for column in columns.columns]
    if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
        if 0 <= name < len(names):
            return int(name)
        raise ConfigError(f"{word} names the column {name}, but there are {len(names)}, from 0 to {len(names) - 1}.")
    if name in names:
        return names.index(name)
    words, _ = columns.words()
    called = {word: owner for word, owner, label in zip(words, columns.owners, columns.labels, strict=True)
              if label == names[owner]}  # fmt: skip
    if name in called:
        return called[name]
    raise ConfigError(f"{word} names the column {name!r}, which does not exist; {nearest(name, names)}")


def _inputs(columns: Columns, place: int) -> list[str]:
    """The words of the inputs of a column; of numbers with gaps the second one says that one is missing."""
    if not columns.columns[place].inputs:
        return []
    words, _ = columns.words()
    return [word for word, owner in zip(words, columns.owners, strict=True) if owner == place]


def _names_in(axiom: Axiom) -> list[Name]:
    """All columns that an axiom names, also in its domain; those in formulas are not looked for."""
    found: list[Name] = list(axiom.inputs)
    if not isinstance(axiom.domain, str):
        found += [name for name, _ in axiom.domain]
    return list(dict.fromkeys(found))


def _placed(said: Axiom, columns: Columns, places: Mapping[Name, int]) -> tuple[Axiom, ...]:
    """The axiom in the words of the inputs; several where a column has an input for its gaps, which follows it."""
    words = {name: _inputs(columns, place) for name, place in places.items()}
    plain = all(isinstance(column, NumericColumn) and not column.gaps for column in columns.columns)
    if said.of_all_inputs and not (plain and all(column.inputs for column in columns.columns)):
        raise ConfigError(
            f"{said.word} speaks of all columns, which then must be numbers that vary and have no gaps; leave out other "
            "columns, or the axiom."
        )
    changes: dict[str, Any] = {}
    if said.output is not None:
        changes["output"] = _target(said.output, columns)
    if getattr(said, "outputs", ()):
        changes["outputs"] = tuple(_target(name, columns) for name in getattr(said, "outputs", ()))
    encoded = replace(said.encoded(columns.encode if plain else None, len(columns.columns)), **changes)
    return encoded.on_columns(words)


def _target(name: Name, columns: Columns) -> str:
    """What the network calls an output."""
    words = columns.words()[1]
    if isinstance(name, int) and name < len(words):
        return words[name]
    for known in (columns.targets, words):
        if name in known:
            return words[list(known).index(str(name))]
    raise ConfigError(f"an axiom names the output {name!r}, which does not exist; {nearest(name, columns.targets)}")


# -------------------------------------------------------------------------------------------------------- classes


def _of_classes(said: Axiom, classes: int) -> tuple[Axiom, ...]:
    """The axioms of log odds or scores that say the same of probabilities; none where these are so by themselves.

    Raises:
        ConfigError: If there are none that say it.
    """
    if said.output is not None:
        raise ConfigError(
            f"{said.text()} names an output; of classes, axioms speak of the last of two, or of all. Leave out output=."
        )
    found = said.on_scores(classes)
    if found is None and classes > 2:
        raise ConfigError(
            f"{said.text()} cannot be an axiom of {classes} classes, whose probabilities depend on all scores together; for two "
            "classes it can. Fit one class against all others, or leave it out."
        )
    if found is None:
        raise ConfigError(
            f"{said.text()} cannot be an axiom of classes: it speaks of numbers, and a probability is another function. Leave it "
            "out."
        )
    return found
