"""Values and slopes of those functions of the library that take more than a line: powers, and what is 0/0 somewhere."""

from collections.abc import Callable
from math import factorial

import numpy as np
from scipy import special

from splinework.interpret.symbolic.function import Array, quiet

NEAR_ZERO = 0.3
"""Where power series hold to the last digit with the eight terms that they have here."""
_TERMS = range(1, 9)
# Σ 4ⁿ B₂ₙ z²ⁿ⁻¹ / (2n)! is coth z - 1/z
_LANGEVIN = [4.0**n * float(special.bernoulli(2 * n)[-1]) / factorial(2 * n) for n in _TERMS]
_SINC_SLOPE = [(-1) ** n * 2 * n / factorial(2 * n + 1) for n in _TERMS]


def within(z: Array, bound: float) -> Array:
    """NaN where the magnitude of z reaches the bound: beyond a pole lies another branch, and no search should slip into it."""
    return np.where(np.abs(z) < bound, z, np.nan)


def above(z: Array) -> Array:
    """NaN where z is not positive."""
    return np.where(z > 0, z, np.nan)


def powers(exponent: float) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """z^exponent and its slope; undefined below 0 where the exponent is no whole number, and up to 0 where it is negative."""
    if exponent < 0:
        return quiet(lambda z: above(z) ** exponent), quiet(lambda z: exponent * above(z) ** (exponent - 1))
    return quiet(lambda z: z**exponent), quiet(lambda z: exponent * z ** (exponent - 1))


def sinc(z: Array) -> Array:
    """`sin z / z`."""
    return np.asarray(np.sinc(z / np.pi))


def sinc_slope(z: Array) -> Array:
    """Slope of `sin z / z`."""
    far = _away(z)
    return np.where(np.abs(z) < NEAR_ZERO, z * _series(_SINC_SLOPE, z), (np.cos(far) - sinc(far)) / far)


def bernoulli(z: Array) -> Array:
    """`z / (exp z - 1)`."""
    return np.where(z == 0, 1.0, z / _away(np.expm1(z)))


def bernoulli_slope(z: Array) -> Array:
    """`(1 - z - f) f / z` with f the value, by its series at 0; written for z > 0, since `f(-z) = f(z) + z`."""
    size = np.abs(z)
    series = -0.5 + size / 6 - size**3 / 180 + size**5 / 5040
    f = bernoulli(size)
    right = np.where(size < 0.05, series, (1 - size - f) * f / _away(size))
    return np.where(z < 0, -1 - right, right)


def langevin(z: Array) -> Array:
    """`coth z - 1/z`."""
    far = _away(z)
    return np.where(np.abs(z) < NEAR_ZERO, z * _series(_LANGEVIN, z), 1 / np.tanh(far) - 1 / far)


def langevin_slope(z: Array) -> Array:
    """`1/z² - 1/sinh² z`."""
    far = _away(z)
    near = _series([(2 * n - 1) * k for n, k in zip(_TERMS, _LANGEVIN, strict=True)], z)
    return np.where(np.abs(z) < NEAR_ZERO, near, far**-2.0 - np.sinh(far) ** -2.0)


def j1_slope(z: Array) -> Array:
    """`J₀(z) - J₁(z)/z`."""
    return np.asarray(special.j0(z) - np.where(z == 0, 0.5, special.j1(z) / _away(z)))


def _away(z: Array) -> Array:
    """1 in place of 0, where another branch holds."""
    return np.where(z == 0, 1.0, z)


def _series(coefficients: list[float], z: Array) -> Array:
    """`Σ coefficient z²ⁿ` from n = 0."""
    return np.asarray(np.polyval(coefficients[::-1], z * z))
