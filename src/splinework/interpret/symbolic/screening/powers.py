"""Powers of columns with rational exponents."""

from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.library import Array

TINY = 1e-30
"""A column that spans less is not used, nor one that spans more than its reciprocal."""


def power(column: Array, exponent: Fraction, *, nonzero: bool = True) -> Array | None:
    """The column to a power; None where that is not real, finite, of a usable span and, if asked, nowhere 0."""
    if exponent.denominator != 1 and column.min() <= 0:
        return None
    with np.errstate(all="ignore"):
        value = column ** (int(exponent) if exponent.denominator == 1 else float(exponent))
        usable = np.isfinite(value).all() and TINY < np.ptp(value) < 1 / TINY
    return value if usable and not (nonzero and (value == 0).any()) else None


def rational(exponent: Fraction) -> Any:
    """The exponent as sympy has it."""
    return sympy.Rational(exponent.numerator, exponent.denominator)
