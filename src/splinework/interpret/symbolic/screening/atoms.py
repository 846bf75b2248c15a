"""The terms of sums and products of one column: library functions of polynomials, `F(Σ c_p x^p)`, on grids of rates, and powers.

The method that uses them is our own; no paper describes it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import sympy

from splinework.interpret.symbolic.library import BY_NAME, Array, LibraryFunction
from splinework.interpret.symbolic.screening.problem import rational

SLOW_RATES, N_RATES = (1 / 3, 2 / 3), 48
"""Rates of a wave below and from a quarter of a wave within the rows on."""
BUMPS = ("gaussian", "lorentzian", "tanh", "arctan")
"""Functions whose atoms have a centre besides a rate."""
BANK = frozenset({"sin", "exp", "log(1+x^2)", *BUMPS})
"""Functions of the bank."""


@dataclass(frozen=True)
class Atom:
    """A library function of a polynomial: powers of x, and their coefficients at the start; the column is scaled to [-1, 1]."""

    name: str
    powers: tuple[int, ...]
    start: tuple[float, ...]

    @property
    def function(self) -> LibraryFunction:
        """The entry of the library."""
        return BY_NAME[self.name]

    @property
    def cost(self) -> float:
        """Code length of the choice of the function in nats."""
        return self.function.cost

    def values(self, coefficients: Sequence[float], x: Array) -> tuple[Array, Array]:
        """The values at x, and their derivatives by the coefficients, `(coefficients, N)`."""
        u: Array = sum((c * x**p for c, p in zip(coefficients, self.powers, strict=True)), np.zeros_like(x))
        return self.function.value(u), self.function.slope(u) * np.stack([x**p for p in self.powers])

    def expression(self, coefficients: Sequence[float], x: Any, size: float) -> Any:
        """The atom of an expression x of the column, which was divided by `size`."""
        inner = (sympy.Float(c / size**p) * x**p for c, p in zip(coefficients, self.powers, strict=True))
        return self.function.build(sympy.Add(*inner))


@dataclass(frozen=True)
class Monomial:
    """A power of the column, or this times its logarithm; there is nothing to fit in it."""

    exponent: Fraction
    logarithm: bool = False
    start: ClassVar[tuple[float, ...]] = ()
    cost: ClassVar[float] = 1.4

    @property
    def name(self) -> str:
        """The power as text."""
        return f"x^{self.exponent}" + " log(x)" * self.logarithm

    def values(self, coefficients: Sequence[float], x: Array) -> tuple[Array, Array]:
        """The values at x; there is nothing to take derivatives by."""
        value = x ** (int(self.exponent) if self.exponent.denominator == 1 else float(self.exponent))
        return value * np.log(x) if self.logarithm else value, np.empty((0, len(x)))

    def expression(self, coefficients: Sequence[float], x: Any, size: float) -> Any:
        """The power of an expression x of the column; its scale belongs to the coefficient of the term."""
        value = sympy.Float(size ** -float(self.exponent)) * x ** rational(self.exponent)
        return value * (sympy.log(x) - sympy.Float(math.log(size))) if self.logarithm else value


def kind_of(atom: Atom | Monomial) -> tuple[object, ...]:
    """The function of an atom, its powers, whether it is even about 0, and its rate to the nearest power of e."""
    if isinstance(atom, Monomial):
        return (atom.name,)
    rate = sum(abs(c) for c, p in zip(atom.start, atom.powers, strict=True) if p)
    return atom.name, atom.powers, atom.start[-1] == 0, round(math.log(rate + 1e-9))


def bank(x: Array) -> tuple[Atom, ...]:
    """All atoms, for a column within [-1, 1]."""
    span = float(x.max() - x.min())
    rates = (math.pi / (2 * span)) * np.concatenate([SLOW_RATES, np.arange(1, N_RATES + 1)])
    coarse = rates[2::2]
    found: list[Atom] = []
    for phase in (0.0, math.pi / 2):
        found += [Atom("sin", (1, 0), (a, phase)) for a in rates.tolist()]
        found += [
            Atom("sin", (2, 1, 0), (a, b * 0.5 * float(rates[5]), phase))
            for a in coarse.tolist()
            for b in (-2, -1, 0, 1, 2)
        ]
        found += [Atom("sin", (3, 1, 0), (a, 0.0, phase)) for a in coarse.tolist()]
    for a in np.geomspace(0.15, 24.0, 24).tolist():
        found += [Atom("exp", (power,), (sign * a,)) for power in (1, 2) for sign in (-1, 1)]
        found += [Atom("log(1+x^2)", (1,), (a,))]
    for a in np.geomspace(0.5, 16.0, 10).tolist():
        for centre in np.linspace(float(x.min()), float(x.max()), 13)[1:-1].tolist():
            found += [Atom(name, (1, 0), (a, -a * centre)) for name in BUMPS]
    return tuple(found)
