"""What a user knows about columns, as axioms on the inputs of a network.

A user names columns: by name, by number from 0, or as formulas call them. A network has other inputs: levels of categories, 0 or
1 for a gap, and none for a column that never changes. Only columns of numbers can be spoken of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np

from splinework.errors import ConfigError, nearest
from splinework.knowledge.axioms import (
    Additive,
    Asymptote,
    Axiom,
    Bounded,
    Concave,
    Convex,
    Even,
    Integral,
    Invariant,
    Law,
    Lipschitz,
    Monotone,
    NoInteraction,
    Odd,
    Periodic,
    Positive,
    SumToOne,
    Symmetric,
    Through,
    Units,
)
from splinework.knowledge.axioms.axiom import Name
from splinework.knowledge.axioms.implications import renamed
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.axioms.structure import Antisymmetric
from splinework.tabular.columns import Category, Columns, Numeric

KNOWLEDGE: Final[dict[str, list[Any]]] = {
    "monotone": [Mapping, "array-like", None],
    "axioms": [Axiom, str, list, tuple, None],
}
"""What scikit-learn checks of the parameters; the rest is looked at here."""
IDLE: Final = (Monotone, Convex, Concave, Even, Periodic, Lipschitz)
"""What holds by itself along a column that is no input, since it never changed."""
OF_ALL: Final = (Integral, Law, Units)
"""What speaks of all inputs in their order, and so needs every column to be one input and no more."""
OF_ODDS: Final = (
    *(Monotone, Convex, Concave, Lipschitz, Periodic, Even, Odd, Symmetric, Antisymmetric, Invariant),
    *(Additive, NoInteraction),
)
"""What is said of the log odds of the second of two classes as it is."""
OF_EVERY_CLASS: Final = (Periodic, Even, Symmetric, Invariant, Additive, NoInteraction)
"""What the scores of several classes hand on to their probabilities, or is usually said of scores."""
CHANGELESS: Final = "the column is the same in every row of the fit, so the answer does not depend on it"
GIVEN: Final = "probabilities are so by themselves"


@final
@dataclass(frozen=True)
class Known:
    """Something that a user knows.

    Attributes:
        said: In the user's words.
        axioms: The same of the inputs of the network; none where it holds by itself.
        why: Why it holds by itself.
    """

    said: Axiom
    axioms: tuple[Axiom, ...]
    why: str = ""


def known_of(monotone: Any, axioms: Any, columns: Columns, *, classes: int = 0) -> tuple[Known, ...]:
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
            found.append(Monotone(names[place], increasing=sign > 0))
    return found


def _known(said: Axiom, columns: Columns, classes: int) -> Known:
    """One axiom, translated."""
    places = {name: _column(name, columns, said.word) for name in _names_in(said)}
    for name, place in places.items():
        if isinstance(columns.columns[place], Category):
            raise ConfigError(
                f"{said.text()} speaks of the column {name!r}, which is a category; axioms are about columns of numbers. Leave "
                "it out, or turn the column into numbers."
            )
    still = [name for name, place in places.items() if not _inputs(columns, place)]
    if still and isinstance(said, IDLE) and set(said.inputs) <= set(still):
        return Known(said, (), CHANGELESS)
    if still:
        raise ConfigError(
            f"{said.text()} speaks of the column {still[0]!r}, which is the same in every row of the fit and so no input; leave "
            "out the axiom or the column."
        )
    inside = _placed(said, columns, places)
    if classes:
        return _of_classes(said, inside, classes)
    return Known(said, inside)


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
    inside = renamed(said, lambda name: words[name][0])
    if said.output is not None:
        inside = replace(inside, output=_target(said.output, columns))
    outputs: Sequence[Name] = getattr(said, "outputs", ())
    if outputs:
        changes: dict[str, Any] = {"outputs": tuple(_target(name, columns) for name in outputs)}
        inside = replace(inside, **changes)
    plain = all(isinstance(column, Numeric) and not column.gaps for column in columns.columns)
    if isinstance(said, Through):
        if not plain or any(len(point) != len(columns.columns) for point in said.points):
            raise ConfigError(
                f"the points of through are rows of all {len(columns.columns)} columns, which must be numbers without gaps; "
                "leave out other columns, or the axiom."
            )
        points = columns.encode(np.asarray(said.points, dtype=np.float64))
        return (replace(said, points=points.tolist(), output=inside.output),)
    if isinstance(said, OF_ALL) and not (plain and all(column.inputs for column in columns.columns)):
        raise ConfigError(
            f"{said.word} speaks of all columns, which then must be numbers that vary and have no gaps; leave out other "
            "columns, or the axiom."
        )
    if isinstance(said, NoInteraction):
        pairs = [(a, b) for a in words[said.first] for b in words[said.second]]
        return tuple(replace(inside, first=a, second=b) for a, b in pairs)  # type: ignore[call-arg]
    if isinstance(said, Additive) and said.groups:
        groups = tuple(tuple(word for name in group for word in words[name]) for group in said.groups)
        return (replace(said, groups=groups, domain=inside.domain, output=inside.output),)
    return (inside,)


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


def _of_classes(said: Axiom, inside: tuple[Axiom, ...], classes: int) -> Known:
    """The axiom of log odds or scores that says the same of probabilities.

    Raises:
        ConfigError: If there is none.
    """
    if said.output is not None:
        raise ConfigError(
            f"{said.text()} names an output; of classes, axioms speak of the last of two, or of all. Leave out output=."
        )
    if isinstance(said, (Positive, SumToOne)) or (isinstance(said, Bounded) and _is_given(said)):
        return Known(said, (), GIVEN)
    if classes > 2:
        if isinstance(said, OF_EVERY_CLASS):
            return Known(said, inside)
        raise ConfigError(
            f"{said.text()} cannot be an axiom of {classes} classes, whose probabilities depend on all scores together; for two "
            "classes it can. Fit one class against all others, or leave it out."
        )
    if isinstance(said, OF_ODDS):
        return Known(said, inside)
    (axiom,) = inside
    if isinstance(axiom, Bounded):
        lower = None if axiom.lower is None or axiom.lower <= 0 else _odds(axiom.lower, said)
        upper = None if axiom.upper is None or axiom.upper >= 1 else _odds(axiom.upper, said)
        return Known(said, (replace(axiom, lower=lower, upper=upper),))
    if isinstance(axiom, Through):
        return Known(said, (replace(axiom, values=tuple(tuple(_odds(v, said) for v in row) for row in axiom.values)),))
    if isinstance(axiom, Asymptote) and axiom.kind != "linear":
        value = _odds(axiom.value, said) if axiom.kind == "value" else axiom.value
        return Known(said, (replace(axiom, value=value),))
    raise ConfigError(
        f"{said.text()} cannot be an axiom of classes: it speaks of numbers, and a probability is another function. Leave it out."
    )


def _is_given(axiom: Bounded) -> bool:
    return (axiom.lower is None or axiom.lower <= 0) and (axiom.upper is None or axiom.upper >= 1)


def _odds(probability: float, said: Axiom) -> float:
    """The log odds of a probability."""
    if not 0 < probability < 1:
        raise ConfigError(
            f"{said.text()} has the number {probability:g}, but in an axiom of classes numbers are probabilities between 0 and 1."
        )
    return math.log(probability) - math.log1p(-probability)
