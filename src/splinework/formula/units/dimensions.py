"""Physical dimensions: products of base units with rational exponents, and their arithmetic.

Texts are parsed in `parsing.py`, dimensions of formulas determined in `splinework.interpret.symbolic.consistency`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, final

from splinework.errors import ConfigError

BASE_UNITS: Final = ("kg", "m", "s", "A", "K", "mol", "cd")
"""The SI base units in printing order; others are user-defined, in square brackets."""


@final
@dataclass(frozen=True)
class Dimension:
    """A product of powers of base units, such as `kg*m/s^2`.

    `*` and `/` add and subtract exponents, `**` multiplies them by a rational.

    Attributes:
        exponents: Pairs of base unit and nonzero exponent in the order of `BASE_UNITS`, user-defined units last.

    Example:
        >>> speed = Dimension.of({"m": 1, "s": -1})
        >>> str(speed**2 / Dimension.of({"m": 1}))
        'm/s^2'
    """

    exponents: tuple[tuple[str, Fraction], ...] = ()

    @staticmethod
    def of(exponents: Mapping[str, Any]) -> "Dimension":
        """The dimension with these exponents, integers or fractions, by base unit."""
        kept = {unit: Fraction(power) for unit, power in exponents.items() if power != 0}
        return Dimension(tuple(sorted(kept.items(), key=lambda pair: _place(pair[0]))))

    def __getitem__(self, unit: str) -> Fraction:
        """Exponent of a base unit."""
        return dict(self.exponents).get(unit, Fraction(0))

    def __mul__(self, other: "Dimension") -> "Dimension":
        return Dimension.of({unit: self[unit] + other[unit] for unit in base_units([self, other])})

    def __truediv__(self, other: "Dimension") -> "Dimension":
        return self * other**-1

    def __pow__(self, power: int | Fraction) -> "Dimension":
        return Dimension.of({unit: exponent * Fraction(power) for unit, exponent in self.exponents})

    @property
    def pure(self) -> bool:
        """Whether it is dimensionless."""
        return not self.exponents

    def __str__(self) -> str:
        """The text that `parse_dimension` reads back; `1` for a pure number."""
        above = [_factor(unit, power) for unit, power in self.exponents if power > 0]
        below = [_factor(unit, -power) for unit, power in self.exponents if power < 0]
        top = "*".join(above) or "1"
        if not below:
            return top
        return f"{top}/{below[0]}" if len(below) == 1 else f"{top}/({'*'.join(below)})"


PURE: Final = Dimension()
"""The dimension of a pure number."""


def base_units(dimensions: Iterable[Dimension]) -> tuple[str, ...]:
    """The base units that occur, in the order in which they are printed."""
    present = {unit for dimension in dimensions for unit, _ in dimension.exponents}
    return tuple(sorted(present, key=_place))


def product(dimensions: Mapping[str, Dimension], powers: Mapping[str, Any]) -> Dimension:
    """Dimension of a product of powers of named quantities.

    Raises:
        ConfigError: If a name has no dimension.
    """
    result = PURE
    for name, power in powers.items():
        if name not in dimensions:
            raise ConfigError(f"{name!r} has no unit; units are known for {', '.join(dimensions) or 'nothing'}.")
        result *= dimensions[name] ** Fraction(power)
    return result


def _place(unit: str) -> tuple[int, str]:
    return (BASE_UNITS.index(unit), "") if unit in BASE_UNITS else (len(BASE_UNITS), unit)


def _factor(unit: str, power: Fraction) -> str:
    name = unit if unit in BASE_UNITS else f"[{unit}]"
    if power == 1:
        return name
    return f"{name}^{power}" if power.denominator == 1 else f"{name}^({power})"
