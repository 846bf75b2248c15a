"""The library of edge functions, one row per function.

Equivalent functions would share the posterior probability, so each family has one entry: the cosine is a sine, the
logistic function and `1/(exp(x) + 1)` a tanh, the arc cosine an arc sine, `coth` is `1/(exp(x) - 1)`, a Möbius function a
reciprocal, `x²/(1 + x²)` a Lorentzian, a squared sine a sine.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from scipy import special

from splinework.interpret.symbolic.library_function import (
    BOTH,
    NONE,
    RATE,
    SHIFT,
    Array,
    LibraryFunction,
    bernoulli,
    bernoulli_slope,
    if_positive,
    if_within,
    j1_slope,
    langevin,
    langevin_slope,
    powers,
    sinc,
    sinc_slope,
    without_warnings,
)

__all__ = ["BOTH", "BY_NAME", "IDENTITY", "LIBRARY", "NONE", "RATE", "SHIFT", "Array", "LibraryFunction", "power"]


@lru_cache
def _read(text: str) -> tuple[Any, Any]:
    """A formula in z as a sympy expression, and z."""
    from splinework.formula.parse import parse_formula
    from splinework.formula.sympy_bridge import symbol

    return parse_formula(text, ["z"]), symbol("z")


def _written(text: str, z: Any) -> Any:
    """The formula with z replaced by an expression."""
    expression, place = _read(text)
    return expression.xreplace({place: z})


def _sympy_power(number: str, exponent: tuple[Any, ...], z: Any) -> Any:
    import sympy

    return z ** getattr(sympy, number)(*exponent)


def _sympy_bessel(order: int, z: Any) -> Any:
    import sympy

    return sympy.besselj(order, z)


def _monomial(name: str, top: int, bottom: int = 1, cost: float = 2.1) -> LibraryFunction:
    return LibraryFunction(
        name,
        *powers(top if bottom == 1 else top / bottom),
        partial(_sympy_power, "Rational", (top, bottom)),
        SHIFT,
        "all" if bottom == 1 and top > 0 else "positive",
        cost=cost,
        degree=top / bottom,
    )


@lru_cache(maxsize=4096)
def power(exponent: float, *, shift: bool = True) -> LibraryFunction:
    """A power with a free exponent: `c (x + b)^p + d`, or without a shift `c x^p + d`.

    Args:
        exponent: Initial exponent p.
        shift: Whether the shift b is free.
    """
    return LibraryFunction(
        "power" if shift else "x^p",
        *powers(exponent),
        partial(_sympy_power, "Float", (exponent,)),
        SHIFT if shift else NONE,
        "positive",
        cost=4.2 if shift else 2.8,
        degree=exponent,
        shape=exponent,
        shaped=partial(power, shift=shift),
        by_shape=without_warnings(lambda z: np.log(z) * z**exponent),
    )


def _entry(
    name: str, cost: float, text: str, value: Callable[[Array], Any], slope: Callable[[Array], Any], **rest: Any
) -> LibraryFunction:
    return LibraryFunction(
        name, without_warnings(value), without_warnings(slope), partial(_written, text), cost=cost, **rest
    )


_positive = partial(_entry, domain="positive")
_unit = partial(_entry, domain="unit")
_bessel = partial(LibraryFunction, cost=4.9, wave=True, numpy=False)

IDENTITY = LibraryFunction("x", lambda z: z, np.ones_like, lambda z: z, NONE, cost=1.4)

_FUNCTIONS = (
    # Polynomials and powers.
    IDENTITY,
    _monomial("x^2", 2),
    _monomial("x^3", 3, cost=2.8),
    _monomial("x^4", 4, cost=3.5),
    _monomial("x^5", 5, cost=4.2),
    _entry("x^3+x", 3.5, "z**3+z", lambda z: z**3 + z, lambda z: 3 * z**2 + 1),
    _entry("x^3-x", 3.5, "z**3-z", lambda z: z**3 - z, lambda z: 3 * z**2 - 1),
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
    # Exponentials.
    _entry("exp", 2.1, "exp(z)", np.exp, np.exp, free=RATE),
    _positive("log", 2.1, "log(z)", np.log, lambda z: 1 / z, free=SHIFT, degree=0.0),
    _positive(
        "x*log",
        4.2,
        "z*log(z)",
        lambda z: z * np.log(if_positive(z)),
        lambda z: np.log(if_positive(z)) + 1,
    ),
    _entry("x*exp", 4.2, "z*exp(z)", lambda z: z * np.exp(z), lambda z: (1 + z) * np.exp(z), mirrored=False),
    _positive(
        *("1/(exp-1)", 4.2, "1/(exp(z)-1)"),
        lambda z: 1 / np.expm1(if_positive(z)),
        lambda z: -0.25 / np.sinh(if_positive(z) / 2) ** 2,
    ),
    _entry("x/(exp-1)", 4.9, "z/(exp(z)-1)", bernoulli, bernoulli_slope, mirrored=False),
    _entry("softplus", 4.9, "log(1+exp(z))", lambda z: np.logaddexp(0, z), special.expit, mirrored=False),
    _entry("sinh", 4.2, "sinh(z)", np.sinh, np.cosh),
    _entry("cosh", 4.2, "cosh(z)", np.cosh, np.sinh),
    _entry("tanh", 2.8, "tanh(z)", np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    _entry("sech", 4.9, "1/cosh(z)", lambda z: 1 / np.cosh(z), lambda z: -np.tanh(z) / np.cosh(z)),
    _entry("langevin", 4.9, "1/tanh(z)-1/z", langevin, langevin_slope),
    _entry("gaussian", 2.8, "exp(-z**2)", lambda z: np.exp(-(z**2)), lambda z: -2 * z * np.exp(-(z**2))),
    _entry(
        *("x*gaussian", 4.2, "z*exp(-z**2)"),
        lambda z: z * np.exp(-(z**2)),
        lambda z: (1 - 2 * z**2) * np.exp(-(z**2)),
    ),
    # Trigonometric functions and their inverses.
    _entry("sin", 2.8, "sin(z)", np.sin, np.cos, wave=True, spectral=True),
    _unit(
        *("tan", 4.2, "tan(z)"),
        lambda z: np.tan(if_within(z, np.pi / 2)),
        lambda z: 1 + np.tan(if_within(z, np.pi / 2)) ** 2,
        limit=np.pi / 2,
    ),
    _entry("arctan", 3.5, "atan(z)", np.arctan, lambda z: 1 / (1 + z**2)),
    _unit("arcsin", 3.5, "asin(z)", np.arcsin, lambda z: (1 - z**2) ** -0.5),
    _unit("arctanh", 4.2, "atanh(z)", np.arctanh, lambda z: 1 / (1 - z**2)),
    _entry("arcsinh", 4.2, "asinh(z)", np.arcsinh, lambda z: (1 + z**2) ** -0.5),
    _entry("sinc", 4.9, "sin(z)/z", sinc, sinc_slope, wave=True),
    _entry("sinc^2", 4.9, "(sin(z)/z)**2", lambda z: sinc(z) ** 2, lambda z: 2 * sinc(z) * sinc_slope(z), wave=True),
    # Algebraic functions.
    _entry("lorentzian", 3.5, "1/(1+z**2)", lambda z: 1 / (1 + z**2), lambda z: -2 * z / (1 + z**2) ** 2),
    _entry("x/(1+x^2)", 3.5, "z/(1+z**2)", lambda z: z / (1 + z**2), lambda z: (1 - z**2) / (1 + z**2) ** 2),
    _unit(
        *("1/(1-x^2)", 3.5, "1/(1-z**2)"),
        lambda z: 1 / (1 - if_within(z, 1) ** 2),
        lambda z: 2 * z / (1 - if_within(z, 1) ** 2) ** 2,
    ),
    _entry("sqrt(1+x^2)", 3.5, "sqrt(1+z**2)", lambda z: np.sqrt(1 + z**2), lambda z: z / np.sqrt(1 + z**2)),
    _entry(
        *("1/sqrt(1+x^2)", 4.2, "1/sqrt(1+z**2)"),
        lambda z: (1 + z**2) ** -0.5,
        lambda z: -z * (1 + z**2) ** -1.5,
    ),
    _entry(
        *("x/sqrt(1+x^2)", 4.2, "z/sqrt(1+z**2)"),
        lambda z: z * (1 + z**2) ** -0.5,
        lambda z: (1 + z**2) ** -1.5,
    ),
    _unit(
        *("sqrt(1-x^2)", 3.5, "sqrt(1-z**2)"),
        lambda z: np.sqrt(1 - z**2),
        lambda z: -z / np.sqrt(1 - if_within(z, 1) ** 2),
    ),
    _unit(
        *("1/sqrt(1-x^2)", 3.5, "1/sqrt(1-z**2)"),
        lambda z: (1 - if_within(z, 1) ** 2) ** -0.5,
        lambda z: z * (1 - if_within(z, 1) ** 2) ** -1.5,
    ),
    _entry("log(1+x^2)", 4.2, "log(1+z**2)", lambda z: np.log1p(z**2), lambda z: 2 * z / (1 + z**2)),
    # Piecewise functions.
    _entry("abs", 2.8, "abs(z)", np.abs, np.sign, free=SHIFT),
    _entry(
        *("relu", 3.5, "max(z, 0)"),
        lambda z: np.maximum(z, 0),
        lambda z: np.where(np.isnan(z), z, 1.0 * (z > 0)),
        free=SHIFT,
        mirrored=False,
    ),
    _entry("sign", 3.5, "sign(z)", np.sign, lambda z: 0 * np.sign(z), free=SHIFT, degree=0.0, jumps=True),
    # Special functions.
    _entry("erf", 4.9, "erf(z)", special.erf, lambda z: 2 / np.sqrt(np.pi) * np.exp(-(z**2)), numpy=False),
    _bessel("j0", without_warnings(special.j0), without_warnings(lambda z: -special.j1(z)), partial(_sympy_bessel, 0)),
    _bessel("j1", without_warnings(special.j1), without_warnings(j1_slope), partial(_sympy_bessel, 1)),
    _positive(
        *("gamma", 4.9, "gamma(z)"),
        lambda z: special.gamma(if_positive(z)),
        lambda z: special.gamma(if_positive(z)) * special.digamma(if_positive(z)),
        numpy=False,
    ),
    _positive(
        *("loggamma", 4.9, "gammaln(z)"),
        lambda z: special.gammaln(if_positive(z)),
        lambda z: special.digamma(if_positive(z)),
        numpy=False,
    ),
)


class _Library(tuple[LibraryFunction, ...]):
    """Functions with a short representation, so that the help of what takes them as a default can be read."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<library of {len(self)} functions>"


LIBRARY: tuple[LibraryFunction, ...] = _Library(_FUNCTIONS)
BY_NAME: dict[str, LibraryFunction] = {function.name: function for function in LIBRARY}
