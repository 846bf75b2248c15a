"""How strongly an axiom holds: by construction, by a penalty, or only looked at afterwards."""

import math
from dataclasses import dataclass
from typing import ClassVar, final

from splinework.errors import ConfigError


@dataclass(frozen=True)
class Strength:
    """One of `Hard`, `Soft` and `Verify`."""

    word: ClassVar[str]

    def text(self) -> str:
        """As the language of axioms writes it."""
        return self.word


@final
@dataclass(frozen=True)
class Hard(Strength):
    """True by construction: every model that training, editing or loading gives fulfils the axiom."""

    word: ClassVar[str] = "hard"


@final
@dataclass(frozen=True)
class Soft(Strength):
    """A penalty: `weight` times the mean square of the violation, in units of the output's spread.

    Attributes:
        weight: A positive number, or `auto`: the first on a ladder of tens at which the violation is small and the held-out
            error has hardly risen.

    Raises:
        ConfigError: If the weight is neither.
    """

    weight: float | str = "auto"

    word: ClassVar[str] = "soft"

    def __post_init__(self) -> None:
        number = isinstance(self.weight, (int, float)) and not isinstance(self.weight, bool)
        if not (self.weight == "auto" or (number and 0 < float(self.weight) < math.inf)):
            raise ConfigError(f"the weight of a soft axiom is a positive number or 'auto', got {self.weight!r}.")

    def text(self) -> str:
        return "soft" if self.weight == "auto" else f"soft({self.weight!r})"


@final
@dataclass(frozen=True)
class Verify(Strength):
    """Not used in training; looked at afterwards, with a certificate or a counter-example."""

    word: ClassVar[str] = "verify"
