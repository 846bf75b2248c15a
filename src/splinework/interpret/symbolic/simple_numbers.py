"""Simple numbers near a fitted one, with the length of their code: integers, small fractions, multiples of pi and of roots."""

import math
from typing import Any, NamedTuple

import sympy

_UNITS: tuple[tuple[Any, float, float], ...] = tuple(
    (unit, float(unit), code)
    for unit, code in (
        (sympy.Integer(1), 0.0),
        (sympy.pi, 1.4),
        (1 / sympy.pi, 1.4),
        (sympy.sqrt(2), 1.7),
        (sympy.sqrt(3), 1.7),
        (sympy.sqrt(sympy.pi), 2.1),
        (1 / sympy.sqrt(2 * sympy.pi), 2.1),
        (sympy.E, 2.1),
        (sympy.pi**2, 2.1),
    )
)
"""Numbers whose small multiples are simple: exact value, float, and code length in nats."""
BOTTOMS, MAX_RATIO = (1, 2, 3, 4, 5, 6, 8, 10, 12), 1000
"""Denominators, and the largest multiple of a unit."""
MAX_UNCERTAIN, MAX_BESIDE = 0.05, 3
"""Relative error above which a number is no multiple of π or a root, and integers on each side of the nearest that are tried."""


class SimpleNumber(NamedTuple):
    """A fraction of one of the units: as a float, its parts, the number of the unit, and its code length in nats."""

    value: float
    top: int
    bottom: int
    unit: int
    code: float

    @property
    def exact(self) -> Any:
        """The number itself."""
        return sympy.Rational(self.top, self.bottom) * _UNITS[self.unit][0]


ZERO = SimpleNumber(0.0, 0, 1, 0, 0.7)


def simple_number(top: int, bottom: int) -> SimpleNumber:
    """A fraction."""
    common = math.gcd(top, bottom)
    top, bottom = top // common, bottom // common
    return SimpleNumber(top / bottom, top, bottom, 0, math.log((1 + abs(top)) * bottom) + math.log(2)) if top else ZERO


def simple_numbers(value: float, error: float) -> list[SimpleNumber]:
    """Simple numbers within five standard errors (or rounding).

    Zero is proposed for every small number, since collinear constants have large standard errors; the refit decides. So are
    integers and halves beside the nearest one of an uncertain number.
    """
    found = [ZERO] if abs(value) < max(5 * error, 1e-4) else []
    if not math.isfinite(value) or value == 0:
        return found
    near = max(5 * error, 1e-7 * abs(value))
    for number, (_, size, extra) in enumerate(_UNITS if error < MAX_UNCERTAIN * abs(value) else _UNITS[:1]):
        ratio = value / size
        if abs(ratio) > MAX_RATIO:
            continue
        for bottom in BOTTOMS:
            nearest = round(ratio * bottom)
            beside = int(min(near * bottom, MAX_BESIDE)) if number == 0 and bottom <= 2 else 0
            for top in range(nearest - beside, nearest + beside + 1):
                if top != 0 and math.gcd(top, bottom) == 1 and abs(top / bottom * size - value) < near:
                    code = math.log((1 + abs(top)) * bottom) + math.log(2) + extra
                    found.append(SimpleNumber(top / bottom * size, top, bottom, number, code))
    return found
