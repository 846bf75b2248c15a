"""Validation of the fields of axioms: names of inputs, numbers, formulas, texts by input.

Each field of an axiom declares its check as metadata, which the functions here create.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Name, Value, is_name, name_of

Check = Mapping[str, Callable[[Any, str], Any]]
"""Metadata of a field: a function from a value and the word of the axiom to the normalised value."""


def several(*, least: int = 1, empty: bool = False) -> Check:
    """A check for several names, or with `empty` none."""
    return {"check": lambda names, word: () if empty and names in ((), []) else names_of(names, word, least=least)}


def number(what: str, *, positive: bool = False, optional: bool = False) -> Check:
    """A check for a finite number, or with `optional` None."""

    def check(value: Any, word: str) -> float | None:
        if optional and value is None:
            return None
        found = number_of(value, what)
        if positive and not found > 0:
            raise ConfigError(f"{what} is positive, got {found}.")
        return found

    return {"check": check}


def text(expected: str) -> Check:
    """A check for a non-empty text."""

    def check(value: Any, word: str) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{expected}, got {value!r}.")
        return value

    return {"check": check}


def by_input(expected: str) -> Check:
    """A check for a mapping from inputs to texts."""
    return {"check": lambda given, word: texts_of(given, expected)}


FORMULA: Final[Check] = {"check": lambda value, word: value_of(value, word)}
"""A number or a formula."""


def names_of(values: Any, word: str, *, least: int = 1) -> tuple[Name, ...]:
    """The names of several distinct inputs; raises ConfigError for anything else."""
    listed = values if isinstance(values, Sequence) and not isinstance(values, str) else (values,)
    names = tuple(name_of(value, word) for value in listed)
    if len(names) < least or len(set(names)) < len(names):
        raise ConfigError(f"{word} takes at least {least} different names, got {values!r}.")
    return names


def number_of(value: Any, what: str) -> float:
    """A finite number as a float; raises ConfigError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{what} is a finite number, got {value!r}.")
    return float(value)


def value_of(value: Any, word: str) -> Value:
    """A number or a formula; raises ConfigError for anything else."""
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, str):
        raise ConfigError(f"the value of {word} is a number or a formula in the inputs, got an empty text.")
    return number_of(value, f"the value of {word}")


def texts_of(given: Any, expected: str) -> tuple[tuple[Name, str], ...]:
    """Texts by input as a tuple of pairs; raises ConfigError for anything else."""
    pairs = tuple(given.items()) if isinstance(given, Mapping) else given
    try:
        found = tuple((name, text) for name, text in pairs)
    except (TypeError, ValueError):
        found = ()
    if not found or not all(is_name(name) and isinstance(text, str) for name, text in found):
        raise ConfigError(f"{expected}; got {given!r}.")
    return found


def log_odds(probability: float, text: str) -> float:
    """The log odds of a probability in an axiom of a classifier; raises ConfigError if it is not in (0, 1)."""
    if not 0 < probability < 1:
        raise ConfigError(
            f"{text} has the number {probability:g}, but in an axiom of classes numbers are probabilities between 0 and 1."
        )
    return math.log(probability) - math.log1p(-probability)
