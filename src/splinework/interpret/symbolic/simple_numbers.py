"""Simple numbers near a fitted one, with the length of their code: integers, small fractions, multiples of pi and of roots."""

import math
from fractions import Fraction
from typing import Any

import sympy

_SIMPLE_UNITS: tuple[tuple[Any, float, float], ...] = tuple(
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


def simple_numbers(value: float, error: float) -> list[tuple[Any, float]]:
    """Simple numbers within five standard errors (or rounding), with their code lengths in nats.

    Zero is proposed for every small number, since collinear constants have large standard errors; the refit decides.
    """
    found: list[tuple[Any, float]] = []
    if abs(value) < max(5 * error, 1e-4):
        found.append((sympy.Integer(0), 0.7))
    if not math.isfinite(value) or value == 0:
        return found
    for unit, size, extra in _SIMPLE_UNITS:
        ratio = value / size
        if abs(ratio) > 1000:
            continue
        seen = set()
        for bottom in (1, 2, 3, 4, 5, 6, 8, 10, 12):
            top = round(ratio * bottom)
            close = abs(top / bottom * size - value) < max(5 * error, 1e-7 * abs(value))
            simple = Fraction(top, bottom)
            if top != 0 and close and simple not in seen:
                seen.add(simple)
                code = math.log((1 + abs(simple.numerator)) * simple.denominator) + math.log(2) + extra
                found.append((sympy.Rational(simple.numerator, simple.denominator) * unit, code))
    return found
