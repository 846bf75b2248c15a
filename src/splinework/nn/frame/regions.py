"""Regions with a smooth function that is positive inside, zero on the boundary and about the distance to it near there.

Boxes and discs have polynomials; unions, intersections and differences come by R-functions (Rvachev 1982; Sukumar and
Srivastava 2022, doi 10.1016/j.cma.2021.114333): `a ∨ b = a + b + √(a² + b²)`, `a ∧ b = a + b - √(a² + b²)`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from splinework.errors import ConfigError


@dataclass(frozen=True)
class Region(ABC):
    """A part of the space of some inputs."""

    @property
    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """The inputs that it restricts, by name, in order of appearance."""

    @abstractmethod
    def formula(self) -> str:
        """The function as a text in the inputs."""

    def signed(self) -> str:
        """Such a text that is negative everywhere outside, too, as parts of other regions need it."""
        return self.formula()

    @abstractmethod
    def box(self) -> dict[str, tuple[float, float]]:
        """A box that holds it, perhaps with infinite ends."""


@final
@dataclass(frozen=True)
class Box(Region):
    """Ranges of some inputs, such as `Box({"x": (0, 1), "y": (0, math.inf)})`; an infinite end has no face.

    Raises:
        ConfigError: If there is no range, or one is empty.
    """

    ranges: tuple[tuple[str, tuple[float, float]], ...]

    def __post_init__(self) -> None:
        given: Any = self.ranges.items() if isinstance(self.ranges, Mapping) else self.ranges
        try:
            found = tuple((str(name), (float(low), float(high))) for name, (low, high) in given)
        except (TypeError, ValueError):
            found = ()
        if not found or not all(low < high for _, (low, high) in found):
            raise ConfigError(f"a box is ranges such as {{'x': (0, 1)}}, got {self.ranges!r}.")
        object.__setattr__(self, "ranges", found)

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.ranges)

    def formula(self) -> str:
        return "*".join(self._sides())

    def signed(self) -> str:
        first, *others = self._sides()
        for side in others:  # a product of two negative sides would be positive
            first = _both(f"({first})", side)
        return first

    def _sides(self) -> list[str]:
        parts = []
        for name, (low, high) in self.ranges:
            below, above = f"({name}-({low!r}))", f"(({high!r})-{name})"
            if math.isfinite(low) and math.isfinite(high):
                parts.append(f"({below}*{above}/{high - low!r})")
            elif math.isfinite(low):
                parts.append(below)
            elif math.isfinite(high):
                parts.append(above)
        if not parts:
            raise ConfigError("a box without a finite end has no boundary; give one.")
        return parts

    def box(self) -> dict[str, tuple[float, float]]:
        return dict(self.ranges)


@final
@dataclass(frozen=True)
class Disc(Region):
    """All points nearer to a centre than a radius: an interval, a disc, a ball, by the number of inputs.

    Raises:
        ConfigError: If sizes do not fit or the radius is not positive.
    """

    among: tuple[str, ...]
    centre: tuple[float, ...]
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "among", tuple(map(str, self.among)))
        object.__setattr__(self, "centre", tuple(map(float, self.centre)))
        if len(self.among) != len(self.centre) or not self.among or not 0 < self.radius < math.inf:
            raise ConfigError(
                "a disc takes inputs, as many numbers for its centre, and a positive radius, such as "
                f"Disc(('x', 'y'), (0, 0), 1); got {self.among}, {self.centre} and {self.radius}."
            )

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.among

    def formula(self) -> str:
        squares = "+".join(f"({name}-({c!r}))**2" for name, c in zip(self.among, self.centre, strict=True))
        return f"(({float(self.radius) ** 2!r}-({squares}))/{2 * float(self.radius)!r})"

    def box(self) -> dict[str, tuple[float, float]]:
        return {name: (c - self.radius, c + self.radius) for name, c in zip(self.among, self.centre, strict=True)}


@dataclass(frozen=True)
class _Combination(Region):
    """A region made of two."""

    first: Region
    second: Region

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.first.inputs, *self.second.inputs)))

    def _ends(self) -> Iterator[tuple[str, tuple[float, ...], tuple[float, ...]]]:
        """Of every input the two low and the two high ends."""
        boxes = (self.first.box(), self.second.box())
        for name in self.inputs:
            lows, highs = zip(*(box.get(name, (-math.inf, math.inf)) for box in boxes), strict=True)
            yield name, lows, highs


@final
@dataclass(frozen=True)
class Union(_Combination):
    """What lies in one of two regions."""

    def formula(self) -> str:
        a, b = f"({self.first.signed()})", f"({self.second.signed()})"
        return f"({a}+{b}+sqrt({a}**2+{b}**2))"

    def box(self) -> dict[str, tuple[float, float]]:
        return {name: (min(lows), max(highs)) for name, lows, highs in self._ends()}


@final
@dataclass(frozen=True)
class Intersection(_Combination):
    """What lies in both regions."""

    def formula(self) -> str:
        return _both(f"({self.first.signed()})", f"({self.second.signed()})")

    def box(self) -> dict[str, tuple[float, float]]:
        return {name: (max(lows), min(highs)) for name, lows, highs in self._ends()}


@final
@dataclass(frozen=True)
class Difference(_Combination):
    """What lies in the first region and not in the second."""

    def formula(self) -> str:
        return _both(f"({self.first.signed()})", f"(-({self.second.signed()}))")

    def box(self) -> dict[str, tuple[float, float]]:
        return self.first.box()


def _both(a: str, b: str) -> str:
    """`a ∧ b`."""
    return f"({a}+{b}-sqrt({a}**2+{b}**2))"
