"""What an axiom is: a frozen recipe that says what a function does, on which inputs, and how strongly.

Each has a text, `monotone('age')`, that `splinework.knowledge.axioms.language` reads back; so a model file, a certificate, a
configuration and a command line hold the same words.
"""

import math
from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from splinework.errors import ConfigError
from splinework.knowledge.axioms.strength import Hard, Strength

Name = str | int
"""An input or an output, by its name or its number (from 0)."""
Ranges = tuple[tuple[Name, tuple[float, float]], ...]
Domain = str | Ranges
"""Where an axiom holds: `grid` (the box that the model's grids span), `all`, or ranges of some inputs inside the grid's box."""


@dataclass(frozen=True)
class Axiom(ABC):
    """What all axioms share.

    Attributes:
        strength: `Hard()`, `Soft(weight)` or `Verify()`.
        domain: `grid`, `all`, or ranges such as `{"age": (18, 65)}`.
        output: Which output it speaks of, by name or number; None speaks of all.
    """

    strength: Strength = field(default=Hard(), kw_only=True)
    domain: Domain = field(default="grid", kw_only=True)
    output: Name | None = field(default=None, kw_only=True)

    word: ClassVar[str]
    """What the language calls it."""

    def __post_init__(self) -> None:
        if not isinstance(self.strength, Strength):
            raise ConfigError(
                f"the strength of {self.word} is Hard(), Soft(weight) or Verify(), got {self.strength!r}."
            )
        object.__setattr__(self, "domain", _domain_of(self.domain, self.word))

    @property
    def inputs(self) -> tuple[Name, ...]:
        """The inputs that it names, in order; none where it speaks of all."""
        return ()

    def text(self) -> str:
        """As the language writes it; `parse_axiom` gives an equal axiom back."""
        parts: list[str] = []
        for each in fields(self):
            value = getattr(self, each.name)
            if each.kw_only and each.name in ("strength", "domain", "output"):
                continue
            if value != each.default:
                shown = repr(value)
                parts.append(shown if not parts and each is _first(self) else f"{each.name}={shown}")
        if self.domain != "grid":
            parts.append(f"domain={self.domain!r}")
        if self.output is not None:
            parts.append(f"output={self.output!r}")
        if self.strength != Hard():
            parts.append(f"strength={self.strength.text()!r}")
        return f"{self.word}({', '.join(parts)})"

    def __str__(self) -> str:
        return self.text()


def _first(axiom: Axiom) -> Any:
    own = [each for each in fields(axiom) if not each.kw_only]
    return own[0] if own else None


def _domain_of(domain: Any, word: str) -> Domain:
    """The domain with ranges as a tuple of pairs, checked."""
    if isinstance(domain, str) and domain in ("grid", "all"):
        return domain
    return ranges_of(domain, f"the domain of {word} is 'grid', 'all' or ranges such as {{'age': (18, 65)}}")


def ranges_of(given: Any, expected: str) -> Ranges:
    """Ranges of inputs as a tuple of `(input, (low, high))`.

    Args:
        given: A mapping, or such a tuple already.
        expected: What to say when it is neither, without a full stop.

    Raises:
        ConfigError: If it is no such thing, or a range is empty.
    """
    pairs = list(given.items()) if isinstance(given, Mapping) else given
    sound = isinstance(pairs, Sequence) and not isinstance(pairs, str) and len(pairs) > 0
    found = []
    for pair in pairs if sound else ():
        try:
            name, (low, high) = pair
            low, high = float(low), float(high)
        except (TypeError, ValueError):
            sound = False
            break
        sound = sound and is_name(name) and -math.inf <= low < high <= math.inf
        found.append((name, (low, high)))
    if not sound:
        raise ConfigError(f"{expected}; got {given!r}.")
    return tuple(found)


def is_name(value: Any) -> bool:
    """Whether it can name an input or an output."""
    return (isinstance(value, str) and bool(value)) or (
        isinstance(value, int) and not isinstance(value, bool) and value >= 0
    )


def name_of(value: Any, word: str) -> Name:
    """The name of one input, checked.

    Raises:
        ConfigError: If it is none.
    """
    if not is_name(value):
        raise ConfigError(f"{word} takes an input by its name or its number from 0, got {value!r}.")
    return value  # type: ignore[no-any-return]


def names_of(values: Any, word: str, *, least: int = 1) -> tuple[Name, ...]:
    """Names of several inputs, all different, checked.

    Raises:
        ConfigError: If they are too few, not names, or one comes twice.
    """
    listed = values if isinstance(values, Sequence) and not isinstance(values, str) else (values,)
    names = tuple(name_of(value, word) for value in listed)
    if len(names) < least or len(set(names)) < len(names):
        raise ConfigError(f"{word} takes at least {least} different names, got {values!r}.")
    return names


def number_of(value: Any, what: str) -> float:
    """A finite number, checked.

    Raises:
        ConfigError: If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{what} is a finite number, got {value!r}.")
    return float(value)


def place(name: Name, names: Sequence[str], word: str, kind: str = "input") -> int:
    """The number of an input or output.

    Raises:
        ConfigError: If there is none of that name or number.
    """
    if isinstance(name, int):
        if name < len(names):
            return name
    elif name in names:
        return list(names).index(name)
    raise ConfigError(
        f"{word} names the {kind} {name!r}, which does not exist; the {kind}s are {', '.join(map(repr, names))}."
    )
