"""Axioms on the shape of a function along inputs: rising, convex, bounded, of a greatest slope, periodic, even, odd, tails."""

import math
from dataclasses import dataclass
from typing import ClassVar, final

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom, Name, name_of, names_of, number_of


@dataclass(frozen=True)
class _OfInput(Axiom):
    """An axiom along one input."""

    input: Name

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "input", name_of(self.input, self.word))

    @property
    def inputs(self) -> tuple[Name, ...]:
        return (self.input,)


@final
@dataclass(frozen=True)
class Monotone(_OfInput):
    """The output never falls as the input rises (never rises, where `increasing` is False): `∂f/∂x ≥ 0`."""

    increasing: bool = True

    word: ClassVar[str] = "monotone"


@final
@dataclass(frozen=True)
class Convex(_OfInput):
    """`f(½(a + b)) ≤ ½(f(a) + f(b))` along the input, the others fixed: `∂²f/∂x² ≥ 0`."""

    word: ClassVar[str] = "convex"


@final
@dataclass(frozen=True)
class Concave(_OfInput):
    """`f(½(a + b)) ≥ ½(f(a) + f(b))` along the input, the others fixed: `∂²f/∂x² ≤ 0`."""

    word: ClassVar[str] = "concave"


@final
@dataclass(frozen=True)
class Bounded(Axiom):
    """`lower ≤ f ≤ upper`; one of the two may be None."""

    lower: float | None = None
    upper: float | None = None

    word: ClassVar[str] = "bounded"

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("lower", "upper"):
            value = getattr(self, key)
            if value is not None:
                object.__setattr__(self, key, number_of(value, f"{key} of bounded"))
        if self.lower is None and self.upper is None:
            raise ConfigError("bounded takes lower=, upper= or both, got neither.")
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            raise ConfigError(f"bounded takes lower < upper, got {self.lower} and {self.upper}.")


@final
@dataclass(frozen=True)
class Positive(Axiom):
    """`f ≥ 0`."""

    word: ClassVar[str] = "positive"


@final
@dataclass(frozen=True)
class Lipschitz(Axiom):
    """`|∂f/∂x| ≤ constant` for each of the inputs, in raw units; for all inputs where none is named."""

    constant: float
    along: tuple[Name, ...] = ()

    word: ClassVar[str] = "lipschitz"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "constant", number_of(self.constant, "the constant of lipschitz"))
        if not self.constant > 0:
            raise ConfigError(f"the constant of lipschitz is positive, got {self.constant}.")
        if self.along not in ((), []):
            object.__setattr__(self, "along", names_of(self.along, self.word))

    @property
    def inputs(self) -> tuple[Name, ...]:
        return self.along


@final
@dataclass(frozen=True)
class Periodic(_OfInput):
    """`f(x + period) = f(x)`, everywhere."""

    period: float = 2 * math.pi

    word: ClassVar[str] = "periodic"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "period", number_of(self.period, "the period"))
        if not self.period > 0:
            raise ConfigError(f"the period is positive, got {self.period}.")


@final
@dataclass(frozen=True)
class Even(_OfInput):
    """`f(centre - d) = f(centre + d)` along the input."""

    centre: float = 0.0

    word: ClassVar[str] = "even"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "centre", number_of(self.centre, "the centre"))


@final
@dataclass(frozen=True)
class Odd(_OfInput):
    """`f(centre - d) = -f(centre + d)` along the input."""

    centre: float = 0.0

    word: ClassVar[str] = "odd"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "centre", number_of(self.centre, "the centre"))


@final
@dataclass(frozen=True)
class Asymptote(_OfInput):
    """How the function goes on beyond the grid of an input: `linear`, `constant`, or towards the number `value`.

    Attributes:
        side: `left`, `right` or `both`.
        kind: `linear` (second derivative 0), `constant` (first derivative 0) or `value` (tends to it, exponentially).
        value: What it tends to, for that kind.
    """

    side: str = "both"
    kind: str = "constant"
    value: float = 0.0

    word: ClassVar[str] = "asymptote"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side not in ("left", "right", "both") or self.kind not in ("linear", "constant", "value"):
            raise ConfigError(
                "asymptote takes side='left', 'right' or 'both' and kind='linear', 'constant' or 'value', got "
                f"{self.side!r} and {self.kind!r}."
            )
        object.__setattr__(self, "value", number_of(self.value, "the value of an asymptote"))
