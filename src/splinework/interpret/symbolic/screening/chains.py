"""Functions of functions of one column, `F(a G(b x^p + g) + e)`: all pairs of functions on grids of their numbers.

The method is our own; no paper describes it. The numbers of the best are refined as those of `composites.py` are.
"""

import itertools
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import BY_NAME, Array, LibraryFunction
from splinework.interpret.symbolic.screening.problem import rational

N_ROWS, N_CHAINS, N_ALIKE = 120, 400, 2
"""Rows on which chains are compared, chains that are refined, and of these of the same functions, powers and factors."""
OUTER = (
    *("exp", "log", "sqrt", "1/x", "x^2", "x^3", "sin", "tanh", "arctan", "cosh", "sinh", "arcsin", "gaussian"),
    *("log(1+x^2)", "sqrt(1+x^2)", "lorentzian"),
)
INNER = (
    *("sin", "exp", "log", "sqrt", "1/x", "tanh", "arctan", "cosh", "sinh", "gaussian", "log(1+x^2)", "lorentzian"),
    "sqrt(1+x^2)",
)
"""Functions outside and inside."""
POWERS = (Fraction(1), Fraction(2), Fraction(3), Fraction(1, 2), Fraction(3, 2), Fraction(-1))
"""Powers of the column inside; halves and the reciprocal for a positive one."""
RATES = (1.0, 0.25, 0.5, 0.75, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0)
"""Magnitudes of b to start from, for a column within [-1, 1]; besides these the one that makes a factor of the raw column one."""
SCALES = (1.0, 0.3, 0.6, 1.7, 3.0, 6.0)
"""Magnitudes of a to start from."""
MARGINS = (0.02, 0.3, 1.0)
"""Distances of a branch point from the nearest value, in spans of the values."""
MIN_SPREAD = 1e-9
"""Squared spread of a chain, relative to its squares, below which it is a constant, nearly to rounding."""


@dataclass(frozen=True)
class Chain:
    """`F(a G(b x^p + g) + e)` with the numbers (a, e, b, g) at the start; the column is scaled to [-1, 1]."""

    outer: str
    inner: str
    power: Fraction
    start: tuple[float, ...]

    @property
    def name(self) -> str:
        """The functions and the power as text."""
        return f"{self.outer}({self.inner}(x^{self.power}))"

    @property
    def cost(self) -> float:
        """Code length of the choice of the functions in nats."""
        return BY_NAME[self.outer].cost + BY_NAME[self.inner].cost + (0.0 if self.power == 1 else 1.4)

    def values(self, numbers: Sequence[float], x: Array) -> tuple[Array, Array]:
        """The values at x, and their derivatives by the numbers, `(4, N)`."""
        f, g = BY_NAME[self.outer], BY_NAME[self.inner]
        a, e, b, shift = numbers
        column = x ** (int(self.power) if self.power.denominator == 1 else float(self.power))
        v = b * column + shift
        inside = g.value(v)
        w = a * inside + e
        outside = f.slope(w)
        through = outside * a * g.slope(v)
        return f.value(w), np.stack([outside * inside, outside, through * column, through])

    def expression(self, numbers: Sequence[float], x: Any, size: float) -> Any:
        """The chain of an expression x of the column, which was divided by `size`."""
        a, e, b, shift = map(sympy.Float, numbers)
        v = b / size ** float(self.power) * x ** rational(self.power) + (shift if shift else 0)
        return BY_NAME[self.outer].build(a * BY_NAME[self.inner].build(v) + (e if e else 0))


def chains(
    x: Array,
    size: float,
    y: Array,
    root: Array,
    degree: int,
    factors: Collection[tuple[Any, Array]],
    names: Collection[str],
    deadline: float,
) -> list[tuple[Any, ...]]:
    """The products of a factor and a chain that explain most of y beside a polynomial, the best first.

    Args:
        x: The column within [-1, 1], `(N,)`.
        size: Divisor of the raw column.
        y: Target `(N,)`.
        root: Square roots of the weights `(N,)`.
        degree: Degree of the polynomial.
        factors: Powers of the column beside the chain, and their values `(N,)`.
        names: Names of the functions that may be used.
        deadline: Time of `clock` after which no further functions are compared.

    Returns:
        Tuples of a factor, if there is one, and a `Chain`.
    """
    some = np.unique(np.linspace(0, len(x) - 1, N_ROWS).round().astype(int))
    x, y, root = x[some], y[some], root[some]
    flat = np.linalg.qr(np.vander(x, degree + 1) * root[:, None])[0]
    aim = y * root - flat @ (flat.T @ (y * root))
    beside = [None, *(factor for factor, _ in factors)]
    weights = np.stack([root, *(root * values[some] for _, values in factors)], axis=1)
    along, squares = weights * aim[:, None], weights**2
    levels = [weights * each[:, None] for each in flat.T]
    found: dict[tuple[Any, ...], list[tuple[float, tuple[Any, ...]]]] = {}
    with np.errstate(all="ignore"):
        for inner, power, b, shift, inside in _insides(x, size, names):
            if clock.now() > deadline:
                break
            for outer, scales in _outsides(inside, names):
                if inner == outer == "1/x" or (inner, outer) in (("exp", "log"), ("log", "exp")):
                    continue
                values = BY_NAME[outer].value(scales[:, :1] * inside + scales[:, 1:])
                finite = np.isfinite(values).all(1)
                whole = values**2 @ squares
                lengths = whole - sum((values @ level) ** 2 for level in levels)  # without the part of a polynomial
                share = np.where(lengths > MIN_SPREAD * whole, (values @ along) ** 2 / lengths, 0.0)
                for shifted in (False, True):  # a shift of zero leads to other valleys than the best one
                    rows = np.flatnonzero(finite & ((scales[:, 1] != 0) == shifted))
                    if not len(rows):
                        continue
                    chosen = share[rows]
                    for k, factor, gain in zip(rows[chosen.argmax(0)].tolist(), beside, chosen.max(0), strict=True):
                        chain = Chain(outer, inner, power, (*scales[k].tolist(), b, shift))
                        term = (chain,) if factor is None else (factor, chain)
                        alike = found.setdefault((outer, inner, power, factor, shifted), [])
                        alike.append((-float(gain), term))
                        alike.sort(key=lambda each: each[0])
                        del alike[N_ALIKE:]
    best = sorted(itertools.chain.from_iterable(found.values()), key=lambda each: each[0])
    return [term for _, term in best[:N_CHAINS]]


def _insides(x: Array, size: float, names: Collection[str]) -> Iterator[tuple[str, Fraction, float, float, Array]]:
    """Inner functions that are defined on all rows: name, power, rate, shift and values."""
    positive = bool(x.min() > 0)
    for power in POWERS:
        if not positive and (power.denominator > 1 or power < 0):
            continue
        column = x ** (int(power) if power.denominator == 1 else float(power))
        for name in (each for each in INNER if each in names):
            function = BY_NAME[name]
            own = (size ** float(power), *RATES)
            rates = own[:1] if function.domain == "positive" or name == "1/x" else own
            for b in rates:
                for shift in _shifts(function, b * column):
                    values = function.value(b * column + shift)
                    if np.isfinite(values).all() and np.ptp(values) > MIN_SPREAD * np.abs(values).max():
                        yield name, power, b, shift, values


def _shifts(function: LibraryFunction, v: Array) -> list[float]:
    """Shifts to start from: none, a quarter of a wave, or so that v lies within the domain."""
    if function.name == "sin":
        return [0.0, math.pi / 2]
    if function.domain == "positive" or function.name == "1/x":
        low = float(v.min())
        return [*([0.0] if low > 0 else []), *(m * float(np.ptp(v)) - low for m in MARGINS)]
    return [0.0]


def _outsides(inside: Array, names: Collection[str]) -> Iterator[tuple[str, Array]]:
    """Outer functions, and pairs of scales and shifts `(K, 2)` of the inner one's values."""
    for name in (each for each in OUTER if each in names):
        function = BY_NAME[name]
        pairs: list[tuple[float, float]] = []
        if function.domain == "positive" or name == "1/x":
            pairs = [(sign, shift) for sign in (1.0, -1.0) for shift in _shifts(function, sign * inside)]
        elif function.domain == "unit":
            pairs = [(scale / float(np.abs(inside).max()), 0.0) for scale in (0.5, 0.9, 0.99)] + [(1.0, 0.0)]
        else:
            shifts = (0.0, math.pi / 2) if name == "sin" else (0.0, 1.0, -1.0)
            pairs = [(sign * a, e) for a in SCALES for sign in (1.0, -1.0) for e in shifts]
        yield name, np.array(pairs)
