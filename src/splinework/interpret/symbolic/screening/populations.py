"""Populations of formulas for a screening problem, and their trees as expressions.

Formulas are sums of terms `c T`, terms are products of factors, and a factor is a column, a function of a sum or a sum, to a
power: `(constant or None, [(coefficient, [(kind, column, power, sum or None), …]), …])`. `csrc/evolution.cpp` varies and fits
them (an archive of elites; Mouret & Clune 2015); functions that are not compiled are called back for, 64 rows at a time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.library import Array, LibraryFunction
from splinework.interpret.symbolic.screening.problem import ScreeningProblem
from splinework.kernels import native

COLUMN, SUM, ABS, RELU = 0, 1, 13, 14


def relu(u: Any) -> Any:
    """The larger of an expression and 0."""
    return sympy.Max(u, 0)


FUNCTIONS: dict[str, tuple[int, Any]] = {
    "exp": (4, sympy.exp),
    "log": (5, sympy.log),
    "sin": (6, sympy.sin),
    "cos": (7, sympy.cos),
    "tanh": (8, sympy.tanh),
    "atan": (9, sympy.atan),
    "asin": (10, sympy.asin),
    "sinh": (11, sympy.sinh),
    "cosh": (12, sympy.cosh),
    "abs": (ABS, sympy.Abs),
    "relu": (RELU, relu),
}
"""Functions of the populations: name, number in `csrc/formula_code.hpp`, sympy's function."""
FIRST_OWN = 15
"""Number of the first function that is called back for."""
POWERS = (2.0, 3.0, -1.0, -2.0, 0.5, -0.5, 1.5, 4.0)
CLEAN_ROWS, NOISY_ROWS = 256, 512
"""Rows that constants are fitted to, for data without noise and with it."""
EXACT = 1e-12
"""Root mean square error, as a share of the spread, below which a formula ends its population."""
WORK_PER_SECOND = 2.9e9
"""Steps of formulas times rows, and some more for each, that one core goes through in a second: the unit of `effort`."""
NODE_NATS = 2.0


def available() -> bool:
    """Whether there are compiled populations; without them the search ends with the screening and the networks."""
    return native.available()


@dataclass(frozen=True)
class Evolution:
    """A native population; the module holds no types of its own, which a notebook's end would find instances of."""

    handle: Any

    def seed(self, tree: Any) -> None:
        """Adds a tree."""
        native.module().evolution_seed(self.handle, tree)

    def run(self, work: float) -> None:
        """Goes on for that much work."""
        native.module().evolution_run(self.handle, work)

    def work(self) -> float:
        """The work so far."""
        return float(native.module().evolution_work(self.handle))

    def front(self) -> list[tuple[float, float, Any]]:
        """Size, sum of squares and tree of the formulas that no smaller one beats."""
        return list(native.module().evolution_front(self.handle))


@dataclass
class Population:
    """One population of a problem."""

    native: Evolution
    problem: ScreeningProblem
    scales: Array
    unit: float
    rows: int
    nodes: int
    own: Sequence[LibraryFunction] = ()

    def front(self) -> list[tuple[float, float, Any]]:
        """The formulas that no smaller one beats: about their description length, their mean squared error, and the tree."""
        found = []
        for size, rss, tree in self.native.front():
            length = self.rows / 2 * math.log(max(rss / self.rows, EXACT**2)) + NODE_NATS * size
            found.append((length, rss / self.rows, tree))
        return sorted(found, key=lambda each: each[0])

    def expression(self, tree: Any) -> Any:
        """The expression of a tree for the target of the data."""
        return self.problem.wrap(of_sum(tree, self.problem.expressions, self.scales, self.unit, self.own))


def population(
    problem: ScreeningProblem,
    functions: Sequence[str],
    seed: int,
    nodes: int,
    *,
    clean: bool = True,
    powers: Sequence[float] = POWERS,
    own: Sequence[LibraryFunction] = (),
) -> Population:
    """A population for a problem.

    Args:
        problem: A problem with columns.
        functions: Names of `FUNCTIONS`.
        seed: Its seed.
        nodes: Most nodes of a formula.
        clean: Whether the noise of the data is negligible.
        powers: Powers that parts may have beside 1.
        own: Further functions, which are called back for; one that fails ends a turn with its error.
    """
    n = min(len(problem.y), CLEAN_ROWS if clean else NOISY_ROWS)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(problem.y))[:n])
    scales = np.array([_power_of_two(column) for column in problem.columns.T])
    unit = problem.spread / math.sqrt(float(problem.weights.mean()))
    x = np.ascontiguousarray((problem.columns[chosen] / scales).T)
    y = np.ascontiguousarray(problem.y[chosen] / unit)
    root = np.ascontiguousarray(np.sqrt(problem.weights[chosen] / problem.weights.mean()))
    made = native.module().evolution(
        n,
        problem.size,
        x.ctypes.data,
        y.ctypes.data,
        root.ctypes.data,
        [*(FUNCTIONS[name][0] for name in functions), *range(FIRST_OWN, FIRST_OWN + len(own))],
        list(powers),
        nodes,
        seed + 1,
        n * EXACT**2,
        [partial(_on_bytes, each) for each in own],
    )
    return Population(Evolution(made), problem, scales, unit, n, nodes, own)


def _on_bytes(function: LibraryFunction, slope: bool, numbers: bytes) -> bytes:
    """The values, or slopes, of a function as bytes."""
    found = (function.slope if slope else function.value)(np.frombuffer(numbers))
    return np.asarray(found, dtype=float).tobytes()


def _power_of_two(column: Array) -> float:
    """A power of two near the size of a column, or 1 where that is about 1 anyway."""
    size = float(np.sqrt(np.mean(column**2)))
    return 1.0 if not 0 < size < math.inf or 0.1 < size < 20 else 2.0 ** round(math.log2(size))


def of_sum(
    tree: Any, columns: Sequence[Any], scales: Array, unit: float = 1.0, own: Sequence[LibraryFunction] = ()
) -> Any:
    """The expression of a tree whose columns were divided by scales, times a unit."""
    constant, terms = tree
    parts = [] if constant is None or constant == 0 else [sympy.Float(constant * unit)]
    for coefficient, factors in terms:
        size, product = coefficient * unit, sympy.Integer(1)
        for kind, column, power, inside in factors:
            exponent = _exponent(power)
            if kind == COLUMN:
                size /= float(scales[column]) ** power
                product *= columns[column] ** exponent
            elif kind == SUM:
                product *= of_sum(inside, columns, scales, own=own) ** exponent
            else:
                if kind in (ABS, RELU):  # one constant less: |a x + b| = |a| |x + b/a|
                    lead = abs(inside[1][0][0]) or 1.0
                    inside, size = scaled(inside, 1 / lead), size * lead**power
                build = own[kind - FIRST_OWN].build if kind >= FIRST_OWN else _BY_NUMBER[kind]
                product *= build(of_sum(inside, columns, scales, own=own)) ** exponent
        parts.append(sympy.Float(size) * product)
    return sympy.Add(*parts)


_BY_NUMBER: dict[int, Any] = dict(FUNCTIONS.values())
_NUMBER_OF: dict[Any, int] = {**{function: number for number, function in FUNCTIONS.values()}, sympy.Max: RELU}


def _exponent(power: float) -> Any:
    fraction = Fraction(power).limit_denominator(60)
    return (
        sympy.Rational(fraction.numerator, fraction.denominator)
        if abs(fraction - power) < 1e-12
        else sympy.Float(power)
    )


def to_sum(expression: Any, columns: dict[Any, tuple[int, float]]) -> Any:
    """The tree of an expression; None where it has a function that trees have not."""
    constant: float | None = None
    terms = []
    expression = expression.replace(
        lambda e: e.func == sympy.Min or (e.func == sympy.Max and 0 not in e.args), _from_zero
    )
    for term in sympy.Add.make_args(expression):
        if term.is_number:
            constant = (constant or 0.0) + float(term)
            continue
        coefficient, factors = 1.0, []
        for factor in sympy.Mul.make_args(term):
            if factor.is_number:
                coefficient *= float(factor)
                continue
            made = _to_factor(factor, columns)
            if made is None:
                return None
            coefficient *= made[0]
            factors.append(made[1])
        terms.append((coefficient, factors))
    return (constant, terms)


def _from_zero(extreme: Any) -> Any:
    """The smaller or larger of several expressions by the larger of an expression and 0."""
    first, rest = extreme.args[0], extreme.func(*extreme.args[1:])
    return first + relu(rest - first) if extreme.func == sympy.Max else first - relu(first - rest)


def _to_factor(factor: Any, columns: dict[Any, tuple[int, float]]) -> tuple[float, Any] | None:
    """The number that a factor of a tree stands beside, and the factor."""
    base, power = (factor.base, factor.exp) if factor.is_Pow else (factor, sympy.Integer(1))
    if not power.is_number or not power.is_real:
        return None
    if base in columns:
        column, scale = columns[base]
        return scale ** float(power), (COLUMN, column, float(power), None)
    function = SUM if base.is_Add else _NUMBER_OF.get(base.func)
    if function is None:
        return None
    inside = to_sum(base if base.is_Add else base.args[-1], columns)
    if inside is None or not inside[1]:
        return None
    size = 1.0
    if function == SUM:  # the coefficient of its first term is fixed
        first = abs(inside[1][0][0])
        inside, size = scaled(inside, 1 / first), first ** float(power)
    return size, (function, 0, float(power), inside)


def scaled(tree: Any, factor: float) -> Any:
    """The tree of a factor times a sum."""
    constant, terms = tree
    return (None if constant is None else constant * factor, [(c * factor, list(factors)) for c, factors in terms])
