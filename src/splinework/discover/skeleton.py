"""Skeletons of partial formulas: constants and unknown parts as symbols, given numbers exact; and starts of the constants."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from splinework.errors import FormulaError
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import Splines, compiled, symbol
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.partial import PartialFormula


@dataclass(frozen=True)
class UnknownPart:
    """A part of a formula that is to be found.

    Attributes:
        name: Its name in messages: `?`, or `?1`, `?2`, … if there are several.
        symbol: Its symbol in the skeleton.
        columns: Names of the columns on which it may depend.
    """

    name: str
    symbol: Any
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Skeleton:
    """A partial formula, ready to be solved.

    Attributes:
        expression: Expression in the columns, the constants and the symbols of the unknown parts.
        constants: Symbols of numbers to be found.
        holes: The unknown parts; each occurs once.
        names: Names of the columns.
    """

    expression: Any
    constants: tuple[Any, ...]
    holes: tuple[UnknownPart, ...]
    names: tuple[str, ...]

    @property
    def symbols(self) -> list[Any]:
        """All symbols: constants, unknown parts, columns."""
        return [*self.constants, *(hole.symbol for hole in self.holes), *map(symbol, self.names)]


def skeleton_of(form: PartialFormula, names: Sequence[str], *, forbidden: Collection[str] = ()) -> Skeleton:
    """The skeleton of a partial formula.

    Args:
        form: The partial formula.
        names: Names of the columns.
        forbidden: Columns that no unknown part may use.

    Raises:
        FormulaError: If the form names what is not a column, or an unknown part has no column left.
    """
    expression, holes = form.expression, []
    for number, hole in enumerate(form.holes):
        name = "?" if len(form.holes) == 1 else f"?{number + 1}"
        columns = tuple(column for column in hole.columns if column not in forbidden)
        if not columns:
            raise FormulaError(
                f"{name} in {form.expression} may depend on no column, as all of its own are forbidden; allow one."
            )
        holes.append(UnknownPart(name, sympy.Dummy(f"hole{number + 1}", real=True), columns))
        expression = expression.xreplace({hole.term: holes[-1].symbol})
    expression = expression.xreplace({f: sympy.Rational(repr(float(f))) for f in expression.atoms(sympy.Float)})
    present = expression.free_symbols
    constants = tuple(symbol(name) for name in form.constants if symbol(name) in present)
    read = Skeleton(expression, constants, tuple(holes), tuple(names))
    strange = sorted(str(s) for s in present - set(read.symbols))
    if strange:
        raise FormulaError(
            f"{strange[0]} in {form.expression} is neither a column nor a constant; the columns are {', '.join(names)}."
        )
    lost = [hole.name for hole in holes if hole.symbol not in present]
    if lost:
        raise FormulaError(f"{lost[0]} cancels from the formula {form.expression}, so that nothing depends on it.")
    return read


def evaluator(
    symbols: Sequence[Any], expressions: Sequence[Any], rows: int, splines: Splines | None = None
) -> Callable[[Sequence[Any]], Array]:
    """A function of one value or column per symbol that returns `(rows, expressions)`; NaN where undefined or complex."""
    function = compiled(symbols, list(expressions), splines)

    def evaluate(values: Sequence[Any]) -> Array:
        with np.errstate(all="ignore"):
            try:
                outcome = function(*values)
            except (TypeError, ZeroDivisionError, OverflowError, ValueError):
                return np.full((rows, len(expressions)), np.nan)  # numbers alone, outside the domain
            stacked = np.stack([np.broadcast_to(np.asarray(v), (rows,)) for v in outcome], -1)
        return np.where(np.isreal(stacked), stacked.real, np.nan).astype(float)

    return evaluate


def starts(skeleton: Skeleton, target: FitTarget, seed: int) -> Array:
    """Starting values of the constants of a skeleton, `(S, P)`, each near the scale of the operands beside it."""
    if not skeleton.constants:
        return np.zeros((1, 0))
    pools = [_pool(skeleton, constant, target) for constant in skeleton.constants]
    if len(pools) == 1:
        return pools[0][:, None]
    draw = np.random.default_rng(seed)
    return np.stack([draw.choice(pool, 300) for pool in pools], -1)


def _pool(skeleton: Skeleton, constant: Any, target: FitTarget) -> Array:
    """Both signs of numbers over some orders of magnitude; exponents, the usual ones."""
    parent = next(node for node in sympy.preorder_traversal(skeleton.expression) if constant in node.args)
    if parent.is_Pow and parent.args[1] == constant:
        return np.array([2.0, 1.0, 0.5, 1.5, 3.0, -1.0, -0.5, -2.0, -1.5, -3.0, 0.25, 4.0])
    unit, inner = 1.0, len(skeleton.constants) + len(skeleton.holes)
    columns = set(skeleton.symbols[inner:])
    others = [a for a in parent.args if a != constant and a.free_symbols and a.free_symbols <= columns]
    if (parent.is_Mul or parent.is_Add) and others:
        beside = parent.func(*others)
        size = np.abs(evaluator(list(skeleton.symbols), [beside], len(target.y))([*[1.0] * inner, *target.x.T])[:, 0])
        typical = (float(np.median(size[np.isfinite(size)])) if np.isfinite(size).any() else 0.0) or 1.0
        unit = typical if parent.is_Add else 1 / typical
    sizes = np.geomspace(0.02, 50, 20)  # relative to that scale: fine enough for a frequency
    pool = [unit * sizes, -unit * sizes]
    if parent.is_Add and parent == skeleton.expression:
        low, reach = target.y.min(), np.ptp(target.y)
        pool += [low - reach * np.array([0.01, 0.1, 0.5, 2.0]), low + reach * np.array([0.5, 1.01, 1.1, 1.5, 3.0])]
    if skeleton.constants and parent == skeleton.expression and parent.is_Mul:
        pool += [target.unit * sizes, -target.unit * sizes]
    return np.concatenate(pool)
