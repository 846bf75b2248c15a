"""Strengths of axioms: by construction, by a penalty, or verified after training."""

import math
from dataclasses import dataclass
from typing import ClassVar, final

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record


@dataclass(frozen=True)
class Strength:
    """The base class of `Hard`, `Soft` and `Verify`.

    Example:
        >>> from splinework.knowledge.axioms import parse_axiom
        >>> parse_axiom("positive(strength=soft)").strength
        Soft(weight='auto')
    """

    word: ClassVar[str]

    def text(self) -> str:
        """Its text in the axiom language."""
        return self.word


@explained_record
@final
@dataclass(frozen=True)
class Hard(Strength):
    """The model fulfils the axiom by construction, for all values of its parameters.

    Example:
        >>> Hard().text()
        'hard'
    """

    word: ClassVar[str] = "hard"


@explained_record
@final
@dataclass(frozen=True)
class Soft(Strength):
    """A penalty: `weight` times the mean square of the violation, in standard deviations of the output.

    Attributes:
        weight: A positive number, or `auto`: the smallest power of ten with a small violation and a held-out error that has
            hardly increased.

    Raises:
        ConfigError: If the weight is neither.

    Example:
        >>> Soft(0.1).text()
        'soft(0.1)'
    """

    weight: float | str = "auto"

    word: ClassVar[str] = "soft"

    def __post_init__(self) -> None:
        number = isinstance(self.weight, (int, float)) and not isinstance(self.weight, bool)
        if not (self.weight == "auto" or (number and 0 < float(self.weight) < math.inf)):
            raise ConfigError(f"the weight of a soft axiom is a positive number or 'auto', got {self.weight!r}.")

    def text(self) -> str:
        return "soft" if self.weight == "auto" else f"soft({self.weight!r})"


@explained_record
@final
@dataclass(frozen=True)
class Verify(Strength):
    """The axiom is ignored in training and verified afterwards: a proof or a counterexample.

    Example:
        >>> Verify().text()
        'verify'
    """

    word: ClassVar[str] = "verify"
