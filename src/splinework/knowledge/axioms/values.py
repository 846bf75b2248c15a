"""Axioms on values: points, boundaries, starts, integrals, and what outputs are to each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom, Name, Ranges, is_name, name_of, names_of, number_of, ranges_of
from splinework.nn.frame.regions import Region

Value = float | str
"""A number, or a formula in the inputs as text, such as `sin(pi*x)`."""


def _value_of(value: Any, word: str) -> Value:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, str):
        raise ConfigError(f"the value of {word} is a number or a formula in the inputs, got an empty text.")
    return number_of(value, f"the value of {word}")


@final
@dataclass(frozen=True)
class Through(Axiom):
    """The function passes through points.

    Attributes:
        points: One row of all inputs each, in raw units, in the order of the model's inputs.
        values: One number each, or one row of all outputs.
    """

    points: tuple[tuple[float, ...], ...]
    values: tuple[tuple[float, ...], ...] = ()

    word: ClassVar[str] = "through"

    def __post_init__(self) -> None:
        super().__post_init__()
        points, values = _rows(self.points, "points"), _rows(self.values, "values")
        if len(points) != len(values) or not points:
            raise ConfigError(
                f"through takes as many values as points, at least one; got {len(points)} points and {len(values)} values."
            )
        if len(set(map(len, points))) > 1 or len(set(map(len, values))) > 1:
            raise ConfigError("all points of through have as many inputs, and all values as many outputs.")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "values", values)


def _rows(given: Any, what: str) -> tuple[tuple[float, ...], ...]:
    given = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ConfigError(f"{what} of through are rows of numbers, got {given!r}.")
    rows = []
    for row in given:
        listed = row if isinstance(row, Sequence) and not isinstance(row, str) else (row,)
        rows.append(tuple(number_of(value, f"a number in the {what} of through") for value in listed))
    return tuple(rows)


@final
@dataclass(frozen=True)
class Boundary(Axiom):
    """The function has given values on a boundary.

    Attributes:
        face: Faces of a box, such as `{"x": (0, 1)}` (both faces in x), or a `Region` (a box, disc, union or difference)
            whose boundary is meant.
        value: A number, or a formula in the inputs that has the right values there.
    """

    face: Ranges | Region
    value: Value = 0.0

    word: ClassVar[str] = "boundary"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.face, Region):
            expected = "boundary takes faces such as {'x': (0, 1)} or a region such as Disc(('x', 'y'), (0, 0), 1)"
            object.__setattr__(self, "face", ranges_of(self.face, expected))
        object.__setattr__(self, "value", _value_of(self.value, self.word))

    @property
    def inputs(self) -> tuple[Name, ...]:
        return self.face.inputs if isinstance(self.face, Region) else tuple(name for name, _ in self.face)


@final
@dataclass(frozen=True)
class Initial(Axiom):
    """The function has given values where an input, the time, has its first value.

    Attributes:
        input: The time.
        at: Its first value.
        value: A number, or a formula in the other inputs.
        rate: The first derivative in time there, where that is given too.
    """

    input: Name
    at: float = 0.0
    value: Value = 0.0
    rate: Value | None = None

    word: ClassVar[str] = "initial"

    def __post_init__(self) -> None:
        super().__post_init__()
        name_of(self.input, self.word)
        object.__setattr__(self, "at", number_of(self.at, "the start of initial"))
        object.__setattr__(self, "value", _value_of(self.value, self.word))
        if self.rate is not None:
            object.__setattr__(self, "rate", _value_of(self.rate, f"{self.word} (rate)"))

    @property
    def inputs(self) -> tuple[Name, ...]:
        return (self.input,)


@final
@dataclass(frozen=True)
class Integral(Axiom):
    """`∫ w f dx = equals` over a box: an integral, or with a weight w a moment.

    Attributes:
        equals: The value.
        over: Ranges of all inputs; None takes the box of the grids.
        weight: w, a formula in the inputs.
    """

    equals: float
    over: Ranges | None = None
    weight: str = "1"

    word: ClassVar[str] = "integral"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "equals", number_of(self.equals, "the value of an integral"))
        if self.over is not None:
            ranges = ranges_of(self.over, "integral takes over={'x': (0, 1)}, a finite range for every input")
            object.__setattr__(self, "over", ranges)
        if not isinstance(self.weight, str) or not self.weight.strip():
            raise ConfigError(f"the weight of an integral is a formula in the inputs, got {self.weight!r}.")

    @property
    def inputs(self) -> tuple[Name, ...]:
        return () if self.over is None else tuple(name for name, _ in self.over)


@dataclass(frozen=True)
class _OfOutputs(Axiom):
    """An axiom on several outputs together; all of them where none is named."""

    outputs: tuple[Name, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.outputs not in ((), []):
            object.__setattr__(self, "outputs", names_of(self.outputs, self.word, least=2))
        if self.output is not None or not all(map(is_name, self.outputs)):
            raise ConfigError(f"{self.word} takes outputs=(…), got output={self.output!r}.")


@final
@dataclass(frozen=True)
class SumToOne(_OfOutputs):
    """The outputs add up to one; where they are also positive, they are shares."""

    word: ClassVar[str] = "sum_to_one"


@final
@dataclass(frozen=True)
class Ordered(_OfOutputs):
    """Each output is at least as large as the one before: quantiles, for example."""

    word: ClassVar[str] = "ordered"
