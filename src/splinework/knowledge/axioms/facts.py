"""Facts: the vocabulary in which axioms are compared, such as the sign of a slope, a parity, a period, or a value on a face.

An axiom states facts (`Axiom.facts`). Conflict rules, hard forms and tests against data use facts rather than kinds of axioms, so
a new kind works with all others through the facts it states.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from splinework.knowledge.axioms.axiom import Axiom, Domain, Name, Ranges, Value
from splinework.nn.frame.regions import Region

if TYPE_CHECKING:
    from splinework.knowledge.axioms.conflict import ConflictContext

Floats = NDArray[np.float64]
Pairs = NDArray[np.bool_]
Range = tuple[float, float]
TOLERANCE: Final = 1e-9
"""Relative tolerance for rounding in numbers that users write."""


@dataclass(frozen=True)
class Fact:
    """A property that an axiom states.

    Attributes:
        within: Where it holds, if that is not the domain of the axiom.
    """

    axiom: Axiom
    within: Domain | None = field(default=None, kw_only=True)

    @property
    def domain(self) -> Domain:
        """The domain on which it holds."""
        return self.axiom.domain if self.within is None else self.within

    @property
    def everywhere(self) -> bool:
        """Whether it holds on the whole grid and not only for ranges of some inputs."""
        return isinstance(self.domain, str)

    @property
    def word(self) -> str:
        """The name of the axiom in the language."""
        return self.axiom.word

    def along(self, i: int, context: "ConflictContext") -> bool:
        """Whether it constrains the function along an input, the others fixed."""
        return False

    def rows(self, at: Floats) -> tuple[Floats, Floats]:
        """The inequalities `rows @ values <= right` for the values at positions `at` on a line, in units of the values."""
        return np.zeros((0, len(at))), np.zeros(0)

    def images(self, x: Floats, context: "ConflictContext") -> Iterator[tuple[Pairs, float]]:
        """Masks `(N, N)` of the points `(N, I)` that a symmetry maps to each other, and the sign by which their values differ."""
        yield from ()


@final
@dataclass(frozen=True)
class SlopeSign(Fact):
    """The sign of the first derivative along an input: never negative (`sign` 1) or never positive (-1)."""

    input: Name
    sign: int

    @property
    def forbidden(self) -> str:
        """The forbidden direction, as a verb."""
        return "falls" if self.sign > 0 else "rises"

    def along(self, i: int, context: "ConflictContext") -> bool:
        return context.input(self.input) == i

    def rows(self, at: Floats) -> tuple[Floats, Floats]:
        return -self.sign * _steps(at), np.zeros(len(at) - 1)


@final
@dataclass(frozen=True)
class CurvatureSign(Fact):
    """The sign of the second derivative along an input: convex (`sign` 1) or concave (-1)."""

    input: Name
    sign: int

    def along(self, i: int, context: "ConflictContext") -> bool:
        return context.input(self.input) == i

    def rows(self, at: Floats) -> tuple[Floats, Floats]:
        eye, gaps = np.eye(len(at)), np.diff(at)
        share = (gaps[1:] / (gaps[:-1] + gaps[1:]))[:, None]
        bends = share * eye[:-2] + (1 - share) * eye[2:] - eye[1:-1]
        return -self.sign * bends, np.zeros(len(bends))


@final
@dataclass(frozen=True)
class SlopeBound(Fact):
    """The largest magnitude of the slope along some inputs; along all if none is named."""

    inputs: tuple[Name, ...]
    most: float

    def numbers(self, context: "ConflictContext") -> list[int]:
        """The indices of the inputs."""
        return [context.input(name) for name in self.inputs] or list(range(len(context.input_names)))

    def along(self, i: int, context: "ConflictContext") -> bool:
        return i in self.numbers(context)

    def rows(self, at: Floats) -> tuple[Floats, Floats]:
        steps = _steps(at)
        return np.concatenate([steps, -steps]), np.tile(self.most * np.diff(at), 2)


@final
@dataclass(frozen=True)
class Parity(Fact):
    """`f(centre - d) = sign f(centre + d)` along an input."""

    input: Name
    centre: float
    sign: int

    def related(self, one: float, other: float) -> bool:
        """Whether it relates values at two places."""
        return abs(one + other - 2 * self.centre) <= TOLERANCE * (1 + abs(self.centre))

    def images(self, x: Floats, context: "ConflictContext") -> Iterator[tuple[Pairs, float]]:
        image, i = x.copy(), context.input(self.input)
        image[:, i] = 2 * self.centre - x[:, i]
        yield same_points(image, x), float(self.sign)


@final
@dataclass(frozen=True)
class Periodicity(Fact):
    """`f(x + period) = f(x)` along an input."""

    input: Name
    period: float
    sign: int = 1

    def related(self, one: float, other: float) -> bool:
        """Whether it relates values at two places."""
        turns = (other - one) / self.period
        return turns > 0.5 and abs(turns - round(turns)) < TOLERANCE

    def images(self, x: Floats, context: "ConflictContext") -> Iterator[tuple[Pairs, float]]:
        i = context.input(self.input)
        turns = (x[:, None, i] - x[None, :, i]) / self.period
        rest = np.delete(x, i, axis=1)
        yield (np.abs(turns - np.round(turns)) < TOLERANCE) & same_points(rest, rest), 1.0


@final
@dataclass(frozen=True)
class ExchangeSymmetry(Fact):
    """The value is multiplied by `sign` when two of the inputs are exchanged."""

    among: tuple[Name, ...]
    sign: int

    def images(self, x: Floats, context: "ConflictContext") -> Iterator[tuple[Pairs, float]]:
        for a, b in itertools.combinations([context.input(name) for name in self.among], 2):
            image = x.copy()
            image[:, [a, b]] = x[:, [b, a]]
            yield same_points(image, x), float(self.sign)


@final
@dataclass(frozen=True)
class GroupInvariance(Fact):
    """The value is invariant under a group (`sign`, `scale`, `translation`, `rotation`) acting on vectors of inputs."""

    group: str
    vectors: tuple[tuple[Name, ...], ...]

    @property
    def inputs(self) -> tuple[Name, ...]:
        """All inputs that the group acts on."""
        return tuple(itertools.chain.from_iterable(self.vectors))


@final
@dataclass(frozen=True)
class Separability(Fact):
    """No interaction between inputs of different groups.

    Attributes:
        groups: The groups.
        rest: Whether every input outside the groups is a group by itself.
    """

    groups: tuple[tuple[Name, ...], ...]
    rest: bool

    def among(self, names: Sequence[Name]) -> list[Name]:
        """The inputs among `names` that it constrains."""
        named = set(itertools.chain.from_iterable(self.groups))
        return [name for name in names if self.rest or name in named]

    def apart(self, names: Sequence[Name]) -> tuple[Name, Name] | None:
        """The first two inputs among `names` that may not interact."""
        owner = {name: number for number, group in enumerate(self.groups) for name in group}
        pairs = itertools.combinations(self.among(names), 2)
        return next(((a, b) for a, b in pairs if owner.get(a, a) != owner.get(b, b)), None)


@final
@dataclass(frozen=True)
class ValueBounds(Fact):
    """All values lie between two bounds, which may be infinite."""

    low: float
    high: float

    @property
    def range_text(self) -> str:
        """The bounds in words."""
        return range_text(self.low, self.high)

    def along(self, i: int, context: "ConflictContext") -> bool:
        return True


@final
@dataclass(frozen=True)
class TailBehaviour(Fact):
    """The behaviour beyond the grid of an input: `linear`, `constant`, or tending to a `value`, on one `side` or `both`."""

    input: Name
    side: str
    kind: str
    value: float


@final
@dataclass(frozen=True)
class FaceValue(Fact):
    """The value (a number or a formula) where one input has a given value, optionally with the first derivative in that input.

    Attributes:
        start: Whether it is an initial condition, the input being the time.
    """

    input: Name
    at: float
    value: Value
    rate: Value | None = None
    start: bool = False


@final
@dataclass(frozen=True)
class RegionBoundaryValue(Fact):
    """The value on the boundary of a region."""

    region: Region
    value: Value


@final
@dataclass(frozen=True)
class IntegralValue(Fact):
    """`∫ weight f dx = equals` over ranges of all inputs, or over the box of the grids."""

    equals: float
    over: Ranges | None
    weight: str

    @property
    def plain(self) -> bool:
        """Whether the weight is 1."""
        return self.weight.strip() in ("1", "1.0")


@final
@dataclass(frozen=True)
class PointValues(Fact):
    """Values at points: rows of all inputs, and rows of values."""

    points: tuple[tuple[float, ...], ...]
    values: tuple[tuple[float, ...], ...]


@final
@dataclass(frozen=True)
class OutputRelation(Fact):
    """The outputs increase in this order, or (with `shares`) add up to one; all outputs if none is named."""

    outputs: tuple[Name, ...]
    shares: bool


@final
@dataclass(frozen=True)
class UnitHomogeneity(Fact):
    """The units of the inputs and of the output."""

    of_inputs: tuple[tuple[Name, str], ...]
    of_output: str


@final
@dataclass(frozen=True)
class DifferentialEquation(Fact):
    """A differential equation with its unknown coefficients and their starting values."""

    text: str
    unknowns: tuple[tuple[str, float], ...]


Kind = TypeVar("Kind", bound=Fact)


def facts_of(axioms: Sequence[Axiom], kind: type[Kind]) -> list[Kind]:
    """The facts of one kind stated by axioms, in order."""
    return [fact for axiom in axioms for fact in axiom.facts() if isinstance(fact, kind)]


def range_text(low: float, high: float) -> str:
    """Bounds in words."""
    if math.isinf(high):
        return f"at {low:g} or above"
    return f"at {high:g} or below" if math.isinf(low) else f"between {low:g} and {high:g}"


def same_points(x: Floats, other: Floats) -> Pairs:
    """A mask of the pairs of rows that are the same point, `(N, M)`."""
    same = np.ones((len(x), len(other)), dtype=bool)
    for a, b in zip(x.T, other.T, strict=True):
        same &= np.abs(a[:, None] - b) <= TOLERANCE * (1 + np.abs(b))
    return same


def _steps(at: Floats) -> Floats:
    eye = np.eye(len(at))
    return eye[1:] - eye[:-1]
