"""The functions that an edge may be: one entry each, with value, slope, domain and starts. A new function is one row.

An edge is `c F(a x + b) + d`. Which of a and b are free depends on the function: a power absorbs the rate into c, an
exponential the shift, so those would be two numbers for one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
NONE, SHIFT, RATE, BOTH = "none", "shift", "rate", "both"


@dataclass(frozen=True)
class Function:
    """A function of the library.

    Attributes:
        name: Unique name.
        value: F, elementwise; NaN outside its domain.
        slope: F'.
        build: F of a sympy expression.
        free: Which of rate a and shift b are free: `none`, `shift`, `rate` or `both`.
        domain: `all`; `positive` (z > 0); `unit` (magnitude of z below `limit`).
        limit: Half width of the domain, for `unit`.
        cost: Nats that its choice costs in a description length.
        wave: Whether it repeats, so that its rate must be searched finely.
        paired: Whether every shift of it is a combination of itself and its slope, so that b follows from a.
        numpy: Whether its printed form needs only numpy.
    """

    name: str
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    build: Callable[[Any], Any]
    free: str = BOTH
    domain: str = "all"
    limit: float = 1.0
    cost: float = 2.8
    wave: bool = False
    paired: bool = False
    numpy: bool = True

    def degenerate(self, rate: float, reach: float) -> bool:
        """Whether, at this rate over inputs that span `reach`, it is a polynomial to the eye: another function's work."""
        return self.free in (RATE, BOTH) and abs(rate) * reach < (1.0 if self.wave else 0.3)

    def starts(self, low: float, high: float) -> Array:
        """Pairs (a, b) from which to search on inputs between `low` and `high`: shape `(K, 2)`."""
        reach = high - low
        middle = (low + high) / 2
        if self.free == NONE:
            return np.array([[1.0, 0.0]])
        if self.domain == "positive" and self.free == SHIFT:
            gaps = reach * np.concatenate([[1e-9], np.logspace(-3, 1.5, 24)])
            return np.concatenate([np.stack([s + 0 * gaps, gaps - min(s * low, s * high)], 1) for s in (1.0, -1.0)])
        if self.free == SHIFT:
            far = reach * np.array([2.5, 4.0, 8.0, 20.0, 60.0, 200.0])  # nearly straight, but not quite
            vertices = np.concatenate([np.linspace(low - 1.5 * reach, high + 1.5 * reach, 61), low - far, high + far])
            return np.stack([np.ones_like(vertices), -vertices], 1)
        if self.free == RATE:
            rates = np.logspace(-1, 1.5, 20) / reach
            rates = np.concatenate([rates, -rates])
            return np.stack([rates, -rates * middle], 1)
        if self.domain == "unit":
            ends = self.limit * np.array([-0.9995, -0.97, -0.85, -0.6, -0.3, 0.0, 0.3, 0.6, 0.85, 0.97, 0.9995])
            pairs = np.array([(p, q) for p in ends for q in ends if q - p > 0.05 * self.limit])
            rates = (pairs[:, 1] - pairs[:, 0]) / reach
            return np.stack([rates, pairs[:, 0] - rates * low], 1)
        if self.wave:
            rates = 2 * np.pi * np.arange(0.05, 12, 0.1) / reach
            if self.paired:
                return _around(rates, np.array([middle]))
            few, many = np.array([low, middle, high]), np.linspace(low - 0.5 * reach, high + 0.5 * reach, 33)
            return np.concatenate([_around(rates, few), _around(rates[:30], many)])
        if self.paired:
            return _around(np.logspace(-0.5, 1.6, 40) / reach, np.array([middle]))
        return _around(np.logspace(-0.5, 1.6, 16) / reach, np.linspace(low - 0.5 * reach, high + 0.5 * reach, 25))


def _around(rates: Array, centres: Array) -> Array:
    """Pairs (a, b) of `a (x - centre)` for every rate and centre."""
    a, centre = (grid.ravel() for grid in np.meshgrid(rates, centres, indexing="ij"))
    return np.stack([a, -a * centre], 1)


def _within(z: Array, bound: float) -> Array:
    """NaN where |z| reaches the bound: the far side of a pole is another branch, which no search should slip into."""
    return np.where(np.abs(z) < bound, z, np.nan)


def _power(z: Array, exponent: float) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray((np.where(z > 0, z, np.nan) if exponent < 0 else z) ** exponent)


def _power_slope(z: Array, exponent: float) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(exponent * z ** (exponent - 1))


def _sympy(name: str, z: Any) -> Any:
    import sympy

    return getattr(sympy, name)(z)


def _sympy_power(top: int, bottom: int, z: Any) -> Any:
    import sympy

    return z ** sympy.Rational(top, bottom)


def _monomial(name: str, top: int, bottom: int = 1, cost: float = 2.1) -> Function:
    domain = "all" if bottom == 1 and top > 0 else "positive"
    exponent = top / bottom
    return Function(
        name,
        partial(_power, exponent=exponent),
        partial(_power_slope, exponent=exponent),
        partial(_sympy_power, top, bottom),
        SHIFT,
        domain,
        cost=cost,
    )


def _quiet(f: Callable[[Array], Any]) -> Callable[[Array], Array]:
    def wrapped(z: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(f(z))

    return wrapped


def _named(
    name: str, value: Callable[[Array], Any], slope: Callable[[Array], Any], sympy: str = "", **rest: Any
) -> Function:
    return Function(name, _quiet(value), _quiet(slope), rest.pop("build", partial(_sympy, sympy or name)), **rest)


IDENTITY = Function("x", lambda z: z, np.ones_like, lambda z: z, NONE, cost=1.4)

LIBRARY: tuple[Function, ...] = (
    IDENTITY,
    _monomial("x^2", 2),
    _monomial("x^3", 3, cost=2.8),
    _monomial("x^4", 4, cost=3.5),
    _monomial("x^5", 5, cost=4.2),
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
    _named("exp", np.exp, np.exp, free=RATE, cost=2.1),
    _named("log", np.log, lambda z: 1 / z, free=SHIFT, domain="positive", cost=2.1),
    _named("sin", np.sin, np.cos, wave=True, paired=True),
    _named(
        "tan",
        lambda z: np.tan(_within(z, np.pi / 2)),
        lambda z: 1 + np.tan(_within(z, np.pi / 2)) ** 2,
        build=lambda z: _sympy("tan", z),
        domain="unit",
        limit=np.pi / 2,
        cost=4.2,
    ),
    _named("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    _named("arctan", np.arctan, lambda z: 1 / (1 + z**2), sympy="atan", cost=3.5),
    _named("arcsin", np.arcsin, lambda z: (1 - z**2) ** -0.5, sympy="asin", domain="unit", cost=3.5),
    _named("arctanh", np.arctanh, lambda z: 1 / (1 - z**2), sympy="atanh", domain="unit", cost=4.2),
    _named("sinh", np.sinh, np.cosh, paired=True, cost=4.2),
    _named("cosh", np.cosh, np.sinh, paired=True, cost=4.2),
    _named(
        "sech",
        lambda z: 1 / np.cosh(z),
        lambda z: -np.tanh(z) / np.cosh(z),
        build=lambda z: 1 / _sympy("cosh", z),
        cost=4.9,
    ),
    _named(
        "gaussian",
        lambda z: np.exp(-(z**2)),
        lambda z: -2 * z * np.exp(-(z**2)),
        build=lambda z: _sympy("exp", -(z**2)),
    ),
    _named(
        "lorentzian",
        lambda z: 1 / (1 + z**2),
        lambda z: -2 * z / (1 + z**2) ** 2,
        build=lambda z: 1 / (1 + z**2),
        cost=3.5,
    ),
    _named(
        "sqrt(1+x^2)",
        lambda z: np.sqrt(1 + z**2),
        lambda z: z / np.sqrt(1 + z**2),
        build=lambda z: _sympy("sqrt", 1 + z**2),
        cost=3.5,
    ),
    _named("abs", np.abs, np.sign, sympy="Abs", free=SHIFT),
    _named(
        "softplus",
        lambda z: np.logaddexp(0, z),
        special.expit,
        build=lambda z: _sympy("log", 1 + _sympy("exp", z)),
        cost=4.9,
    ),
    _named(
        "sinc",
        lambda z: np.sinc(z / np.pi),
        lambda z: np.where(np.abs(z) < 1e-4, -z / 3, (np.cos(z) - np.sinc(z / np.pi)) / np.where(z == 0, 1, z)),
        build=lambda z: _sympy("sin", z) / z,
        wave=True,
        cost=4.9,
    ),
    _named("erf", special.erf, lambda z: 2 / np.sqrt(np.pi) * np.exp(-(z**2)), cost=4.9, numpy=False),
    _named("j0", special.j0, lambda z: -special.j1(z), build=lambda z: _bessel(z), wave=True, cost=4.9, numpy=False),
)


def _bessel(z: Any) -> Any:
    import sympy

    return sympy.besselj(0, z)


BY_NAME: dict[str, Function] = {function.name: function for function in LIBRARY}
