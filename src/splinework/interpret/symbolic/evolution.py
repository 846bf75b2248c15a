"""Evolution of formulas: a population that is varied, fitted and selected for as long as there is time.

Formulas are sums of terms `c T`, terms are products of factors, and a factor is a column, a function of a sum or a sum, to a
power. The populations live in `csrc/evolution.cpp`: each keeps the best formulas of every size (an archive of elites; Mouret &
Clune 2015, arXiv 1504.04909), varies one, fits its constants by Levenberg–Marquardt on some of the rows, and begins anew where it
stalls. Several go on beside each other, each with a seed of its own, so that the answer does not depend on the number of threads.
Functions that are not compiled are called back for, 64 rows at a time.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import LIBRARY, Array, LibraryFunction
from splinework.interpret.symbolic.screening.problem import ScreeningProblem
from splinework.kernels import native

COLUMN, SUM = 0, 1
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
}
"""Functions of the populations: name, number in `csrc/formula_code.hpp`, sympy's function."""
FIRST_OWN = 14
"""Number of the first function that is called back for."""
POWERS = (2.0, 3.0, -1.0, -2.0, 0.5, -0.5, 1.5, 4.0)
POPULATION_NODES = (20, 36, 26, 36)
"""Most nodes of the formulas of each population."""
CLEAN_ROWS, NOISY_ROWS = 256, 512
"""Rows that constants are fitted to, for data without noise and with it."""
EXACT = 1e-12
"""Root mean square error, as a share of the spread, below which a formula ends its population."""
NEARLY_EXACT = 1e-9
"""The same below which a formula for data without noise is offered at once."""
WORK_PER_SECOND = 1.8e9
"""Steps of formulas times rows that one core goes through in a second: the unit of `effort`."""
TURN = 0.15
"""Units of work of a population's turn, after which what it found is looked at."""
SHORTER, MIN_NODES = 0.75, 12
"""Ratio of the most nodes of a population to those of the one whose place it takes, and the least number."""
NODE_NATS = 2.0
MAX_OFFERS = 4
"""Formulas of a population that are offered in the end; of all populations twice as many."""
MIN_GAIN = 3.0
"""Nats by which a description must be shorter than all before to be offered at once."""
LATENESS = 0.1
"""Share of the time beyond it that the last offers may take."""


def available() -> bool:
    """Whether there are compiled populations; without them the search ends with the screening and the networks."""
    return native.available()


def called_back(library: Sequence[LibraryFunction]) -> tuple[LibraryFunction, ...]:
    """The functions of the user's in a library: populations know those of ours."""
    return tuple(function for function in library if function not in LIBRARY and function.shape is None)


@dataclass
class _Population:
    """One population of a problem."""

    native: Any
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
        return self.problem.wrap(_of_sum(tree, self.problem.expressions, self.scales, self.unit, self.own))


@dataclass
class FormulaEvolution:
    """Populations for a target, and for what screening made of it.

    Attributes:
        problems: The problems, that of the data first; populations are shared out among them.
        functions: Names of the functions that formulas may have, of `FUNCTIONS`.
        seed: Seed of everything random.
        clean: Whether the noise of the data is negligible.
        threads: Populations that run at a time.
        powers: Powers that parts of formulas may have beside 1.
        own: Further functions, which are called back for.
    """

    problems: Sequence[ScreeningProblem]
    functions: Sequence[str] = tuple(FUNCTIONS)
    seed: int = 0
    clean: bool = True
    threads: int = 1
    powers: Sequence[float] = POWERS
    own: Sequence[LibraryFunction] = ()

    def __post_init__(self) -> None:
        self.ended: list[_Population] = []
        self.renewed = 0
        self.shortest, self.bar = math.inf, NEARLY_EXACT if self.clean else math.inf
        usable = [p for p in self.problems if p.size and p.spread > 0]
        self.populations = [
            self._population(usable[n % len(usable)], self.seed * 1000 + n, nodes)
            for n, nodes in enumerate(POPULATION_NODES)
            if usable
        ]

    def _begin_anew(self, place: int) -> None:
        """Puts a population of shorter formulas in the place of one that has ended: its formula only approximates the law."""
        old = self.populations[place]
        self.ended = [*self.ended, old][-MAX_OFFERS:]
        self.renewed += 1
        nodes = max(int(SHORTER * old.nodes), MIN_NODES)
        seed = self.seed * 1000 + len(self.populations) + self.renewed
        self.populations[place] = self._population(old.problem, seed, nodes)

    def _population(self, problem: ScreeningProblem, seed: int, nodes: int) -> _Population:
        return population(problem, self.functions, seed, nodes, clean=self.clean, powers=self.powers, own=self.own)

    def begin_from(self, expression: Any) -> None:
        """A formula over the columns that populations of the data may begin from."""
        first = self.problems[0]
        for each in self.populations:
            if each.problem is first:
                tree = _to_sum(
                    expression,
                    {e: (i, float(s)) for i, (e, s) in enumerate(zip(first.expressions, each.scales, strict=True))},
                )
                if tree is not None:
                    each.native.seed(_scaled(tree, 1 / each.unit))

    def run(
        self,
        offer: Callable[[Any], object],
        done: Callable[[], bool],
        *,
        deadline: float = math.inf,
        effort: float = math.inf,
    ) -> float:
        """Goes on until what is offered is good enough, or time or work are used up; returns the work in units.

        Args:
            offer: Function called with an expression over the columns of the data.
            done: Function that says whether an offered expression is good enough to stop.
            deadline: Time of `clock`.
            effort: Work in units of about a second on one core.
        """
        spent: float = 0.0
        began = clock.now()
        with ThreadPoolExecutor(max(min(self.threads, len(self.populations)), 1)) as pool:
            while (running := self.populations) and spent < effort and clock.now() < deadline:
                share = min(TURN, (effort - spent) / len(running))
                before = [each.native.work() for each in running]
                turns = [pool.submit(each.native.run, share * WORK_PER_SECOND) for each in running]
                ends = [turn.result() for turn in turns]
                work: float = (
                    sum(each.native.work() - b for each, b in zip(running, before, strict=True)) / WORK_PER_SECOND
                )
                clock.spend(work)
                spent += work
                for place, (each, ended) in enumerate(zip(running, ends, strict=True)):
                    length, error, tree = each.front()[0]
                    if ended or (length < self.shortest - MIN_GAIN and error < self.bar**2):
                        self.shortest = min(length, self.shortest)
                        offer(each.expression(tree))
                        if done():
                            return spent
                    if ended:
                        self._begin_anew(place)
        populations = [*self.populations, *self.ended]
        everything = [(*found, each) for each in populations for found in each.front()[:MAX_OFFERS]]
        for _, _, tree, each in sorted(everything, key=lambda found: found[0])[: 2 * MAX_OFFERS]:
            if clock.now() > deadline + LATENESS * abs(deadline - began):
                break
            offer(each.expression(tree))
        return spent


def population(
    problem: ScreeningProblem,
    functions: Sequence[str],
    seed: int,
    nodes: int,
    *,
    clean: bool = True,
    powers: Sequence[float] = POWERS,
    own: Sequence[LibraryFunction] = (),
) -> _Population:
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
    return _Population(made, problem, scales, unit, n, nodes, own)


def _on_bytes(function: LibraryFunction, slope: bool, numbers: bytes) -> bytes:
    """The values, or slopes, of a function as bytes."""
    found = (function.slope if slope else function.value)(np.frombuffer(numbers))
    return np.asarray(found, dtype=float).tobytes()


def _power_of_two(column: Array) -> float:
    """A power of two near the size of a column, or 1 where that is about 1 anyway."""
    size = float(np.sqrt(np.mean(column**2)))
    return 1.0 if not 0 < size < math.inf or 0.1 < size < 20 else 2.0 ** round(math.log2(size))


def _of_sum(
    tree: Any, columns: Sequence[Any], scales: Array, unit: float = 1.0, own: Sequence[LibraryFunction] = ()
) -> Any:
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
                product *= _of_sum(inside, columns, scales, own=own) ** exponent
            else:
                build = own[kind - FIRST_OWN].build if kind >= FIRST_OWN else _BY_NUMBER[kind]
                product *= build(_of_sum(inside, columns, scales, own=own)) ** exponent
        parts.append(sympy.Float(size) * product)
    return sympy.Add(*parts)


_BY_NUMBER: dict[int, Any] = dict(FUNCTIONS.values())
_NUMBER_OF: dict[Any, int] = {function: number for number, function in FUNCTIONS.values()}


def _exponent(power: float) -> Any:
    fraction = Fraction(power).limit_denominator(60)
    return (
        sympy.Rational(fraction.numerator, fraction.denominator)
        if abs(fraction - power) < 1e-12
        else sympy.Float(power)
    )


def _to_sum(expression: Any, columns: dict[Any, tuple[int, float]]) -> Any:
    """The tree of an expression; None where it has a function that trees have not."""
    constant: float | None = None
    terms = []
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
    inside = _to_sum(base if base.is_Add else base.args[0], columns)
    if inside is None or not inside[1]:
        return None
    size = 1.0
    if function == SUM:  # the coefficient of its first term is fixed
        first = abs(inside[1][0][0])
        inside, size = _scaled(inside, 1 / first), first ** float(power)
    return size, (function, 0, float(power), inside)


def _scaled(tree: Any, factor: float) -> Any:
    constant, terms = tree
    return (None if constant is None else constant * factor, [(c * factor, list(factors)) for c, factors in terms])
