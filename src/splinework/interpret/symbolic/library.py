"""The functions that an edge may be: one entry each. A new function is one row.

Two names for one curve would split the vote, so each family of equivalents has one entry: the cosine is a sine, the
logistic function and `1/(exp(x) + 1)` a tanh, the arc cosine an arc sine, `coth` is `1/(exp(x) - 1)`, a Möbius function a
reciprocal, `x²/(1 + x²)` a Lorentzian, a squared sine a sine.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import special

from splinework.interpret.symbolic.curves import (
    above,
    bernoulli,
    bernoulli_slope,
    j1_slope,
    langevin,
    langevin_slope,
    powers,
    sinc,
    sinc_slope,
    within,
)
from splinework.interpret.symbolic.function import BOTH, NONE, RATE, SHIFT, Array, Function, quiet

__all__ = ["BOTH", "BY_NAME", "IDENTITY", "LIBRARY", "NONE", "RATE", "SHIFT", "Array", "Function", "power"]

_TWO_OVER_ROOT_PI = 2 / np.sqrt(np.pi)


def _sympy(name: str, z: Any) -> Any:
    import sympy

    return getattr(sympy, name)(z)


def _sympy_power(top: int, bottom: int, z: Any) -> Any:
    import sympy

    return z ** sympy.Rational(top, bottom)


def _sympy_float_power(exponent: float, z: Any) -> Any:
    import sympy

    return z ** sympy.Float(exponent)


def _sympy_bessel(order: int, z: Any) -> Any:
    import sympy

    return sympy.besselj(order, z)


def _monomial(name: str, top: int, bottom: int = 1, cost: float = 2.1) -> Function:
    return Function(
        name,
        *powers(top if bottom == 1 else top / bottom),
        partial(_sympy_power, top, bottom),
        SHIFT,
        "all" if bottom == 1 and top > 0 else "positive",
        cost=cost,
        degree=top / bottom,
    )


def power(exponent: float, *, shift: bool = True) -> Function:
    """A power whose exponent is free: `c (x + b)^p + d`, or without the b, `c x^p + d`.

    Args:
        exponent: p.
        shift: Whether there is a b.
    """
    return Function(
        "power" if shift else "x^p",
        *powers(exponent),
        partial(_sympy_float_power, exponent),
        SHIFT if shift else NONE,
        "positive",
        cost=4.2 if shift else 2.8,
        degree=exponent,
        shape=exponent,
        shaped=partial(power, shift=shift),
        by_shape=quiet(lambda z: np.log(z) * z**exponent),
    )


def _named(
    name: str, value: Callable[[Array], Any], slope: Callable[[Array], Any], sympy: str = "", **rest: Any
) -> Function:
    return Function(name, quiet(value), quiet(slope), rest.pop("build", partial(_sympy, sympy or name)), **rest)


IDENTITY = Function("x", lambda z: z, np.ones_like, lambda z: z, NONE, cost=1.4)

_POLYNOMIALS_AND_POWERS = (
    IDENTITY,
    _monomial("x^2", 2),
    _monomial("x^3", 3, cost=2.8),
    _monomial("x^4", 4, cost=3.5),
    _monomial("x^5", 5, cost=4.2),
    _named("x^3+x", lambda z: z**3 + z, lambda z: 3 * z**2 + 1, build=lambda z: z**3 + z, cost=3.5),
    _named("x^3-x", lambda z: z**3 - z, lambda z: 3 * z**2 - 1, build=lambda z: z**3 - z, cost=3.5),
    _monomial("1/x", -1),
    _monomial("1/x^2", -2, cost=2.8),
    _monomial("1/x^3", -3, cost=3.5),
    _monomial("1/x^4", -4, cost=4.2),
    _monomial("sqrt", 1, 2),
    _monomial("1/sqrt", -1, 2, cost=2.8),
    _monomial("x^1.5", 3, 2, cost=2.8),
    _monomial("x^2.5", 5, 2, cost=3.5),
    _monomial("1/x^1.5", -3, 2, cost=3.5),
    _monomial("cbrt", 1, 3, cost=3.5),
    _monomial("x^(2/3)", 2, 3, cost=3.5),
    power(0.7, shift=False),
    power(0.7),
)

_EXPONENTIALS = (
    _named("exp", np.exp, np.exp, free=RATE, cost=2.1),
    _named("log", np.log, lambda z: 1 / z, free=SHIFT, domain="positive", degree=0.0, cost=2.1),
    _named(
        "x*log",
        lambda z: z * np.log(above(z)),
        lambda z: np.log(above(z)) + 1,
        build=lambda z: z * _sympy("log", z),
        domain="positive",
        cost=4.2,
    ),
    _named(
        "x*exp",
        lambda z: z * np.exp(z),
        lambda z: (1 + z) * np.exp(z),
        build=lambda z: z * _sympy("exp", z),
        mirrored=False,
        cost=4.2,
    ),
    _named(
        "1/(exp-1)",
        lambda z: 1 / np.expm1(above(z)),
        lambda z: -0.25 / np.sinh(above(z) / 2) ** 2,
        build=lambda z: 1 / (_sympy("exp", z) - 1),
        domain="positive",
        cost=4.2,
    ),
    _named(
        "x/(exp-1)",
        bernoulli,
        bernoulli_slope,
        build=lambda z: z / (_sympy("exp", z) - 1),
        mirrored=False,
        cost=4.9,
    ),
    _named(
        "softplus",
        lambda z: np.logaddexp(0, z),
        special.expit,
        build=lambda z: _sympy("log", 1 + _sympy("exp", z)),
        mirrored=False,
        cost=4.9,
    ),
    _named("sinh", np.sinh, np.cosh, cost=4.2),
    _named("cosh", np.cosh, np.sinh, cost=4.2),
    _named("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    _named(
        "sech",
        lambda z: 1 / np.cosh(z),
        lambda z: -np.tanh(z) / np.cosh(z),
        build=lambda z: 1 / _sympy("cosh", z),
        cost=4.9,
    ),
    _named("langevin", langevin, langevin_slope, build=lambda z: 1 / _sympy("tanh", z) - 1 / z, cost=4.9),
    _named(
        "gaussian",
        lambda z: np.exp(-(z**2)),
        lambda z: -2 * z * np.exp(-(z**2)),
        build=lambda z: _sympy("exp", -(z**2)),
    ),
    _named(
        "x*gaussian",
        lambda z: z * np.exp(-(z**2)),
        lambda z: (1 - 2 * z**2) * np.exp(-(z**2)),
        build=lambda z: z * _sympy("exp", -(z**2)),
        cost=4.2,
    ),
)

_TRIGONOMETRIC = (
    _named("sin", np.sin, np.cos, wave=True, spectral=True),
    _named(
        "tan",
        lambda z: np.tan(within(z, np.pi / 2)),
        lambda z: 1 + np.tan(within(z, np.pi / 2)) ** 2,
        domain="unit",
        limit=np.pi / 2,
        cost=4.2,
    ),
    _named("arctan", np.arctan, lambda z: 1 / (1 + z**2), sympy="atan", cost=3.5),
    _named("arcsin", np.arcsin, lambda z: (1 - z**2) ** -0.5, sympy="asin", domain="unit", cost=3.5),
    _named("arctanh", np.arctanh, lambda z: 1 / (1 - z**2), sympy="atanh", domain="unit", cost=4.2),
    _named("arcsinh", np.arcsinh, lambda z: (1 + z**2) ** -0.5, sympy="asinh", cost=4.2),
    _named("sinc", sinc, sinc_slope, build=lambda z: _sympy("sin", z) / z, wave=True, cost=4.9),
    _named(
        "sinc^2",
        lambda z: sinc(z) ** 2,
        lambda z: 2 * sinc(z) * sinc_slope(z),
        build=lambda z: (_sympy("sin", z) / z) ** 2,
        wave=True,
        cost=4.9,
    ),
)

_ALGEBRAIC = (
    _named(
        "lorentzian",
        lambda z: 1 / (1 + z**2),
        lambda z: -2 * z / (1 + z**2) ** 2,
        build=lambda z: 1 / (1 + z**2),
        cost=3.5,
    ),
    _named(
        "x/(1+x^2)",
        lambda z: z / (1 + z**2),
        lambda z: (1 - z**2) / (1 + z**2) ** 2,
        build=lambda z: z / (1 + z**2),
        cost=3.5,
    ),
    _named(
        "1/(1-x^2)",
        lambda z: 1 / (1 - within(z, 1) ** 2),
        lambda z: 2 * z / (1 - within(z, 1) ** 2) ** 2,
        build=lambda z: 1 / (1 - z**2),
        domain="unit",
        cost=3.5,
    ),
    _named(
        "sqrt(1+x^2)",
        lambda z: np.sqrt(1 + z**2),
        lambda z: z / np.sqrt(1 + z**2),
        build=lambda z: _sympy("sqrt", 1 + z**2),
        cost=3.5,
    ),
    _named(
        "1/sqrt(1+x^2)",
        lambda z: (1 + z**2) ** -0.5,
        lambda z: -z * (1 + z**2) ** -1.5,
        build=lambda z: 1 / _sympy("sqrt", 1 + z**2),
        cost=4.2,
    ),
    _named(
        "x/sqrt(1+x^2)",
        lambda z: z * (1 + z**2) ** -0.5,
        lambda z: (1 + z**2) ** -1.5,
        build=lambda z: z / _sympy("sqrt", 1 + z**2),
        cost=4.2,
    ),
    _named(
        "sqrt(1-x^2)",
        lambda z: np.sqrt(1 - z**2),
        lambda z: -z / np.sqrt(1 - within(z, 1) ** 2),
        build=lambda z: _sympy("sqrt", 1 - z**2),
        domain="unit",
        cost=3.5,
    ),
    _named(
        "1/sqrt(1-x^2)",
        lambda z: (1 - within(z, 1) ** 2) ** -0.5,
        lambda z: z * (1 - within(z, 1) ** 2) ** -1.5,
        build=lambda z: 1 / _sympy("sqrt", 1 - z**2),
        domain="unit",
        cost=3.5,
    ),
    _named(
        "log(1+x^2)",
        lambda z: np.log1p(z**2),
        lambda z: 2 * z / (1 + z**2),
        build=lambda z: _sympy("log", 1 + z**2),
        cost=4.2,
    ),
)

_PIECEWISE = (
    _named("abs", np.abs, np.sign, sympy="Abs", free=SHIFT),
    _named(
        "relu",
        lambda z: np.maximum(z, 0),
        lambda z: np.where(np.isnan(z), z, 1.0 * (z > 0)),
        build=lambda z: (z + _sympy("Abs", z)) / 2,
        free=SHIFT,
        mirrored=False,
        cost=3.5,
    ),
    _named("sign", np.sign, lambda z: 0 * np.sign(z), free=SHIFT, degree=0.0, jumps=True, cost=3.5),
)

_SPECIAL = (
    _named("erf", special.erf, lambda z: _TWO_OVER_ROOT_PI * np.exp(-(z**2)), cost=4.9, numpy=False),
    _named(
        "j0", special.j0, lambda z: -special.j1(z), build=partial(_sympy_bessel, 0), wave=True, cost=4.9, numpy=False
    ),
    _named("j1", special.j1, j1_slope, build=partial(_sympy_bessel, 1), wave=True, cost=4.9, numpy=False),
    _named(
        "gamma",
        lambda z: special.gamma(above(z)),
        lambda z: special.gamma(above(z)) * special.digamma(above(z)),
        domain="positive",
        cost=4.9,
        numpy=False,
    ),
    _named(
        "loggamma",
        lambda z: special.gammaln(above(z)),
        lambda z: special.digamma(above(z)),
        domain="positive",
        cost=4.9,
        numpy=False,
    ),
)

LIBRARY: tuple[Function, ...] = (
    *_POLYNOMIALS_AND_POWERS,
    *_EXPONENTIALS,
    *_TRIGONOMETRIC,
    *_ALGEBRAIC,
    *_PIECEWISE,
    *_SPECIAL,
)

BY_NAME: dict[str, Function] = {function.name: function for function in LIBRARY}
