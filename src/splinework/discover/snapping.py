"""Constants of any model with a likelihood: found by damped Fisher scoring, then replaced by simple numbers.

What is fitted may be anything that gives its negative log-likelihood in nats, the gradient and Fisher's information in the
constants: rows of several targets, classes, trajectories of a differential equation, distances from a surface. Which simple
numbers there are is `symbolic.constants`' business.
"""

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.expression import compiled, symbol
from splinework.interpret.symbolic.levenberg_marquardt import Evaluation, damped_steps
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.rounding import ROUNDING_NATS, Rounding, is_worth, made_simple, roundings

Objective = Callable[[Array], tuple[float, Array, Array] | None]
"""From constants `(P,)` to nats, their gradient `(P,)` and Fisher's information `(P, P)`; None outside the domain."""

TERM_NATS = 2.0
"""Nats of structure that a vanishing term saves: at least its sign and its factor."""
MAX_PRECISION = 1e9
"""Relative precision beyond which digits of a constant cost nothing, as they are due to rounding."""


def derivative(expression: Any, by: Any) -> Any:
    """The derivative by sympy, without impulses where a sign jumps, as no row lies exactly there."""
    return sympy.diff(expression, by).replace(sympy.DiracDelta, lambda *arguments: sympy.Integer(0))


@dataclass(frozen=True)
class Optimum:
    """The best constants `(P,)`, nats there, and Fisher's information `(P, P)`."""

    constants: Array
    loss: float
    information: Array


def minimise(
    objective: Objective, start: Array, fixed: Sequence[int] = (), *, steps: int = 40, gain: float = 1e-9
) -> Optimum | None:
    """Fisher scoring damped as in Levenberg–Marquardt; None where the start is outside the domain.

    Args:
        objective: Function to minimise.
        start: Initial constants.
        fixed: Indices of constants that are held.
        steps: Largest number of accepted steps.
        gain: Decrease in nats below which it stops.
    """
    constants = np.array(start, dtype=float)
    free = [n for n in range(len(constants)) if n not in set(fixed)]

    def look(constants: Array) -> Evaluation | None:
        found = objective(constants)
        return found if found is not None and all(np.isfinite(part).all() for part in found) else None

    def solver(now: Evaluation) -> Callable[[float], Array]:
        gradient, information = now[1][free], now[2][np.ix_(free, free)]
        scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
        values, vectors = np.linalg.eigh(information / scale[:, None] / scale)
        along = vectors.T @ (gradient / scale)

        def step(damping: float) -> Array:
            move = np.zeros(len(constants))
            move[free] = -(vectors @ (along / (np.maximum(values, 0) + damping))) / scale
            return move

        return step

    with np.errstate(all="ignore"):
        now = look(constants)
        if now is None:
            return None
        places = damped_steps(constants, now, look, solver, damping=1e-4, growth=4.0, relief=10.0, trials=12)
        with contextlib.suppress(np.linalg.LinAlgError):  # constants so far off that their effects overflow
            for place, found in islice(places, steps if free else 0):
                saved, constants, now = now[0] - found[0], place, found
                if saved < gain:
                    break
    return Optimum(constants, now[0], now[2])


@dataclass(frozen=True)
class FreeConstants:
    """Expressions whose numbers are symbols.

    Attributes:
        expressions: The expressions, with the symbols.
        symbols: One symbol for each constant.
        start: Initial values of the constants, `(P,)`.
    """

    expressions: tuple[Any, ...]
    symbols: tuple[Any, ...]
    start: Array

    @classmethod
    def of(cls, expressions: Sequence[Any]) -> "FreeConstants":
        """Frees all factors and summands that are numbers, also simple ones (or 1); exponents only if they are floats.

        Simple numbers are to be recognised anew, by the likelihood. Equal floats of one expression stay equal.
        """
        freed: list[tuple[Any, float]] = []
        results = []
        for expression in expressions:
            loosened = _loosened(sympy.expand_mul(expression, deep=False), True, freed)
            same: dict[Any, Any] = {}
            for number in sorted(loosened.atoms(sympy.Float), key=float):
                same[number] = sympy.Dummy("c", real=True)
                freed.append((same[number], float(number)))
            results.append(loosened.xreplace(same))
        return cls(tuple(results), tuple(s for s, _ in freed), np.array([value for _, value in freed]))

    def put(self, constants: Array, snapped: dict[int, Any]) -> tuple[Any, ...]:
        """The expressions with numbers: exact ones where snapped."""
        values = {s: snapped.get(n, sympy.Float(constants[n])) for n, s in enumerate(self.symbols)}
        return tuple(expression.xreplace(values) for expression in self.expressions)

    def tied(self, groups: Sequence[Sequence[int]]) -> "FreeConstants":
        """The same with one constant for each group, which starts at the group's mean."""
        leader = {n: group[0] for group in groups for n in group}
        kept = [n for n in range(len(self.symbols)) if leader.get(n, n) == n]
        means = {group[0]: float(np.mean(self.start[list(group)])) for group in groups}
        swap = {self.symbols[n]: self.symbols[first] for n, first in leader.items() if n != first}
        return replace(
            self,
            expressions=tuple(e.xreplace(swap) for e in self.expressions),
            symbols=tuple(self.symbols[n] for n in kept),
            start=np.array([means.get(n, float(self.start[n])) for n in kept]),
        )


class ExpressionsWithGradients:
    """The first `count` of expressions and their slopes in all constants, at rows x `(N, d)`."""

    def __init__(self, constants: FreeConstants, count: int, x: Array, names: Sequence[str]) -> None:
        expressions = constants.expressions[:count]
        slopes = [derivative(e, s) for e in expressions for s in constants.symbols]
        self._function = compiled([*constants.symbols, *map(symbol, names)], [*expressions, *slopes])
        self._columns, self._shape = list(x.T), (len(x), count, len(constants.symbols))

    def __call__(self, constants: Array) -> tuple[Array, Array] | None:
        """Values `(N, count)` and slopes `(N, count, P)`; None outside the domain."""
        rows, count, _ = self._shape
        try:
            with np.errstate(all="ignore"):
                outcome = self._function(*constants.tolist(), *self._columns)
                values = np.stack([np.broadcast_to(np.asarray(v, dtype=float), (rows,)) for v in outcome], -1)
        except (NameError, TypeError, ValueError, ZeroDivisionError, OverflowError):
            return None  # outside the formula's domain, or a derivative that numpy has no function for
        return values[:, :count], values[:, count:].reshape(self._shape)


def _loosened(expression: Any, outermost: bool, freed: list[tuple[Any, float]]) -> Any:
    """Numbers as symbols: every term of a sum gets a factor, but for one term of an inner sum, whose scale is outside."""
    if expression.is_Number or expression.is_NumberSymbol or not expression.free_symbols:
        return expression if expression.is_Float else _free(float(expression), freed)
    if expression.is_Add:
        terms = sorted(expression.args, key=lambda e: (not e.free_symbols, sympy.default_sort_key(e)))
        plain = next((e for e in terms if e.free_symbols and e.as_coeff_Mul()[0] == 1), None)
        return sympy.Add(*[_term(e, outermost or e is not plain, freed) for e in terms])
    return _term(expression, outermost, freed)


def _term(expression: Any, scaled: bool, freed: list[tuple[Any, float]]) -> Any:
    """`number · rest`: the number as a symbol, also a 1 where `scaled`."""
    if not expression.free_symbols:
        return _loosened(expression, False, freed)
    numbers = [e for e in sympy.Mul.make_args(expression) if not e.free_symbols]
    rest = [_inside(e, freed) for e in sympy.Mul.make_args(expression) if e.free_symbols]
    number = sympy.Mul(*numbers)
    if number == 1 and not scaled:
        return sympy.Mul(*rest)
    return sympy.Mul(number if number.is_Float else _free(float(number), freed), *rest)


def _inside(expression: Any, freed: list[tuple[Any, float]]) -> Any:
    if expression.is_Symbol or not expression.args:
        return expression
    if expression.is_Pow:
        base, exponent = expression.args
        exponent = exponent if not exponent.free_symbols else _loosened(exponent, False, freed)
        return _loosened(base, False, freed) ** exponent if base.free_symbols else base**exponent
    if not isinstance(expression, sympy.Function) or isinstance(expression, sympy.core.function.AppliedUndef):
        return expression if not expression.is_Add else _loosened(expression, False, freed)
    # A factor on the argument is a constant of its own, but where it can be pulled out.
    rated = not isinstance(expression, sympy.log | sympy.Abs | sympy.sign)
    return expression.func(*[_loosened(e, rated, freed) if e.free_symbols else e for e in expression.args])


def _free(value: float, freed: list[tuple[Any, float]]) -> Any:
    symbol = sympy.Dummy("c", real=True)
    freed.append((symbol, value))
    return symbol


@dataclass(frozen=True)
class SnappedConstants:
    """Expressions with their numbers, nats of the errors, nats of the numbers, and the number of free constants."""

    expressions: tuple[Any, ...]
    loss: float
    numbers: float
    free: int
    optimum: Optimum


def snap(constants: FreeConstants, objective: Objective, count: int, *, rounds: int = 40) -> SnappedConstants | None:
    """Fits the constants and replaces them by simple ones, greedily, while that shortens the description.

    Args:
        constants: Expressions with free constants.
        objective: Function of the constants.
        count: Number of rows; a free constant costs at least half its logarithm.
        rounds: Largest number of attempts.

    Returns:
        The result, or None if the constants cannot be fitted.
    """
    best = minimise(objective, constants.start)
    if best is None:
        return None
    state = made_simple(
        _SnapState(best, {}),
        lambda s: roundings(s.best.constants[s.free], covariance(s.best, s.free), s.free, count),
        lambda s, chosen: _snapped(s, chosen, objective, count),
        rounds,
    )
    best = state.best
    numbers = price(best, state.free, count) + sum(number.code for number in state.snapped.values())
    exact = {i: number.exact for i, number in state.snapped.items()}
    return SnappedConstants(constants.put(best.constants, exact), best.loss, numbers, len(state.free), best)


@dataclass(frozen=True)
class _SnapState:
    """An optimum and what is snapped in it."""

    best: Optimum
    snapped: Rounding

    @property
    def free(self) -> list[int]:
        return [n for n in range(len(self.best.constants)) if n not in self.snapped]


def _snapped(state: _SnapState, chosen: Rounding, objective: Objective, count: int) -> _SnapState | None:
    """The state with more constants snapped and the others fitted again, if that is shorter."""
    rest = [i for i in state.free if i not in chosen]
    start = _compensated(state.best, {i: number.value for i, number in chosen.items()}, rest)
    best = minimise(objective, start, [*state.snapped, *chosen], gain=1e-3)
    if best is None:
        return None
    saved = TERM_NATS * sum(not number.top for number in chosen.values())
    loss, numbers = best.loss - state.best.loss - saved, (digits(state.best, state.free), digits(best, rest))
    if not is_worth(chosen, loss, numbers, count):
        return None
    return _SnapState(best, {**state.snapped, **chosen})


def _compensated(best: Optimum, values: dict[int, float], rest: list[int]) -> Array:
    """The constants after some of them are moved to values and the others follow, to first order."""
    place = best.constants.copy()
    moved = list(values)
    change = np.array([values[i] for i in moved]) - place[moved]
    place[moved] = list(values.values())
    if rest:
        block = best.information[np.ix_(rest, rest)]
        scale = np.sqrt(np.maximum(np.diag(block), 1e-300))
        pull = best.information[np.ix_(rest, moved)] @ change / scale
        place[rest] -= np.linalg.pinv(block / scale[:, None] / scale, rcond=1e-11, hermitian=True) @ pull / scale
    return place


def covariance(best: Optimum, free: Sequence[int]) -> Array:
    """Covariance of the free constants `(P, P)`, on the subspace that the data determine."""
    block = best.information[np.ix_(free, free)]
    scale = np.sqrt(np.maximum(np.diag(block), 1e-300))
    inverse = np.linalg.pinv(block / scale[:, None] / scale, rcond=1e-12, hermitian=True)
    return np.asarray(inverse / scale[:, None] / scale)


def digits(best: Optimum, free: Sequence[int]) -> Array:
    """Nats of the digits of the free constants, by their joint precision relative to their size."""
    free = list(free)
    sizes = np.abs(best.constants[free])
    with np.errstate(all="ignore"):
        relative = best.information[np.ix_(free, free)] * sizes[:, None] * sizes
    if not np.isfinite(relative).all():
        return np.full(len(free), math.inf)
    precision = np.linalg.eigvalsh(relative)
    return np.asarray(0.5 * np.log(np.clip(precision, 1.0, MAX_PRECISION**2)) + ROUNDING_NATS)


def price(best: Optimum, free: Sequence[int], count: int) -> float:
    """Nats of the free constants: those of their digits, and at least half the logarithm of the number of rows for each."""
    return float(np.maximum(digits(best, free), 0.5 * math.log(count)).sum()) if len(free) else 0.0
