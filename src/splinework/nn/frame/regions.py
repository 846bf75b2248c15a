"""Regions with a smooth implicit function: positive inside, zero on the boundary, and a first-order distance near it.

Boxes and discs have polynomials; unions, intersections and differences use R-functions (Rvachev 1982; Sukumar and
Srivastava 2022, doi 10.1016/j.cma.2021.114333): `a ∨ b = a + b + √(a² + b²)`, `a ∧ b = a + b - √(a² + b²)`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record


@dataclass(frozen=True)
class Region(ABC):
    """A region in the space of some inputs.

    >>> issubclass(Box, Region)
    True
    """

    @property
    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that it restricts, in order of appearance."""

    @abstractmethod
    def formula(self) -> str:
        """The implicit function as a formula in the inputs."""

    def signed(self) -> str:
        """A formula that is also negative everywhere outside, as needed in combinations."""
        return self.formula()

    @abstractmethod
    def box(self) -> dict[str, tuple[float, float]]:
        """A bounding box, possibly with infinite ends."""


@explained_record
@final
@dataclass(frozen=True)
class Box(Region):
    """A box: ranges of some inputs; an infinite end has no face.

    Args:
        ranges: Low and high end by name of the input.

    Raises:
        ConfigError: If there is no range, or one is empty.

    >>> Box({"x": (0, 1), "y": (0, math.inf)}).formula()
    '((x-(0.0))*((1.0)-x)/1.0)*(y-(0.0))'
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
        for side in others:  # the product of two negative sides is positive
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


@explained_record
@final
@dataclass(frozen=True)
class Disc(Region):
    """All points within a radius of a centre: an interval, a disc or a ball, by the number of inputs.

    Args:
        among: Names of the inputs.
        centre: Coordinates of the centre.
        radius: The radius, positive.

    Raises:
        ConfigError: If sizes do not match or the radius is not positive.

    >>> Disc(("x", "y"), (0, 0), 1).box()
    {'x': (-1.0, 1.0), 'y': (-1.0, 1.0)}
    """

    among: tuple[str, ...]
    centre: tuple[float, ...]
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "among", tuple(self.among))
        object.__setattr__(self, "centre", tuple(map(float, self.centre)))
        if len(self.among) != len(self.centre) or not self.among or not 0 < self.radius < math.inf:
            raise ConfigError(
                "a disc takes names of inputs, one coordinate of the centre for each, and a positive radius, such as "
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
    """A combination of two regions."""

    first: Region
    second: Region

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.first.inputs, *self.second.inputs)))

    def _ends(self) -> Iterator[tuple[str, tuple[float, ...], tuple[float, ...]]]:
        """Name, low ends and high ends of both bounding boxes for every input."""
        boxes = (self.first.box(), self.second.box())
        for name in self.inputs:
            lows, highs = zip(*(box.get(name, (-math.inf, math.inf)) for box in boxes), strict=True)
            yield name, lows, highs


@explained_record
@final
@dataclass(frozen=True)
class Union(_Combination):
    """The union of two regions.

    Args:
        first: A region.
        second: Another region.

    >>> Union(Box({"x": (0, 2)}), Box({"x": (1, 4)})).box()
    {'x': (0.0, 4.0)}
    """

    def formula(self) -> str:
        a, b = f"({self.first.signed()})", f"({self.second.signed()})"
        return f"({a}+{b}+sqrt({a}**2+{b}**2))"

    def box(self) -> dict[str, tuple[float, float]]:
        return {name: (min(lows), max(highs)) for name, lows, highs in self._ends()}


@explained_record
@final
@dataclass(frozen=True)
class Intersection(_Combination):
    """The intersection of two regions.

    Args:
        first: A region.
        second: Another region.

    >>> Intersection(Box({"x": (0, 2)}), Box({"x": (1, 4)})).box()
    {'x': (1.0, 2.0)}
    """

    def formula(self) -> str:
        return _both(f"({self.first.signed()})", f"({self.second.signed()})")

    def box(self) -> dict[str, tuple[float, float]]:
        return {name: (max(lows), min(highs)) for name, lows, highs in self._ends()}


@explained_record
@final
@dataclass(frozen=True)
class Difference(_Combination):
    """The difference of two regions: all points of the first outside the second.

    Args:
        first: A region.
        second: The region to remove.

    >>> Difference(Box({"x": (-1, 1), "y": (-1, 1)}), Disc(("x", "y"), (0, 0), 0.5)).inputs
    ('x', 'y')
    """

    def formula(self) -> str:
        return _both(f"({self.first.signed()})", f"(-({self.second.signed()}))")

    def box(self) -> dict[str, tuple[float, float]]:
        return self.first.box()


def _both(a: str, b: str) -> str:
    """`a ∧ b`."""
    return f"({a}+{b}-sqrt({a}**2+{b}**2))"
