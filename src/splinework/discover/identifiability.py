"""Constants that are not identifiable beside a hole: `A*exp(?)` needs no A, as a summand of the unknown part has the same effect.

An unknown function plus a number, or times a number, is an unknown function as well. On the way up from the hole, this freedom
to add and to multiply becomes one to multiply (through exp), to add (through log) or to raise to a power, or it is lost. A
constant that the freedom covers is absorbed: it is set to its neutral value, and recovered from the expression that is found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import sympy

from splinework.discover.inversion import path
from splinework.discover.skeleton import evaluator
from splinework.interpret.symbolic.expression import Splines
from splinework.interpret.symbolic.library import Array

ADD, MULTIPLY, RAISE = "add", "multiply", "raise"
_NEUTRAL_NUMBERS: Final = {ADD: 0, MULTIPLY: 1, RAISE: 1}
_FREEDOM_OUTSIDE: Final = {
    sympy.exp: ((ADD, MULTIPLY), (MULTIPLY, RAISE)),
    sympy.log: ((MULTIPLY, ADD), (RAISE, MULTIPLY)),
    sympy.Abs: ((MULTIPLY, MULTIPLY),),
}
"""Function → pairs of a freedom of its argument and the freedom of its value that follows."""


@dataclass(frozen=True)
class AbsorbedConstant:
    """A constant, or an expression of constants alone, that a hole absorbs.

    Attributes:
        operand: The expression.
        child: The operand beside it, which contains the hole.
        kind: Operation that joins the two: addition, multiplication or power.
        origin: Whether a summand or a factor of the hole has the same effect.
        spare: Whether another constant has absorbed that summand or factor already; it stays at its neutral value.
    """

    operand: Any
    child: Any
    kind: str
    origin: str
    spare: bool = False

    @property
    def neutral(self) -> Any:
        """The number without effect."""
        return sympy.Integer(_NEUTRAL_NUMBERS[self.kind])


def absorbed_constants(expression: Any, hole: Any, constants: Sequence[Any]) -> tuple[AbsorbedConstant, ...]:
    """The constants that a hole absorbs, from the hole outwards."""
    single = {c for c in constants if sum(1 for node in sympy.preorder_traversal(expression) if node == c) == 1}
    freedom = {ADD: ADD, MULTIPLY: MULTIPLY}  # operation at the node -> operation on the hole with the same effect
    found: list[AbsorbedConstant] = []
    nodes = path(expression, hole)
    for node, child in zip(nodes[-2::-1], nodes[:0:-1], strict=True):
        kind = {sympy.Add: ADD, sympy.Mul: MULTIPLY, sympy.Pow: RAISE}.get(node.func, "")
        others = [argument for argument in node.args if argument is not child]
        meets = kind in freedom and (kind != RAISE or node.args[0] is child)
        taken = [o for o in others if meets and o.free_symbols and o.free_symbols <= single]
        for operand in taken:
            origin = freedom[kind]
            spare = any(a.origin == origin for a in found)
            found.append(AbsorbedConstant(operand, child, kind, origin, spare))
        freedom = _carried(freedom, node, child, [o for o in others if o not in taken])
    return tuple(found)


def _carried(freedom: Mapping[str, str], node: Any, child: Any, known: Sequence[Any]) -> dict[str, str]:
    """The freedom one node further out, where `known` are the operands that are not absorbed."""
    numbers = all(not operand.free_symbols for operand in known)
    moved = _FREEDOM_OUTSIDE.get(node.func)
    if moved is not None:
        return {outside: freedom[inside] for inside, outside in moved if inside in freedom}
    kept: tuple[str, ...] = ()
    if node.is_Add:
        kept = (ADD, MULTIPLY) if not known or (numbers and ADD in freedom) else (ADD,)
    elif node.is_Mul:
        kept = (
            (MULTIPLY, ADD, RAISE) if numbers and MULTIPLY in freedom else (MULTIPLY, ADD) if numbers else (MULTIPLY,)
        )
    elif node.is_Pow and node.args[0] is child and numbers:
        kept = (MULTIPLY, RAISE)
    return {kind: freedom[kind] for kind in kept if kind in freedom}


def with_neutral_constants(expression: Any, constants: Sequence[AbsorbedConstant], signs: Sequence[int]) -> Any:
    """The expression with the constants at their neutral values, factors at 1 or -1 according to `signs`."""
    swap = {a.operand: a.neutral * (s if a.kind == MULTIPLY else 1) for a, s in zip(constants, signs, strict=True)}
    return expression.xreplace(swap)


def separated(found: Any, constants: Sequence[AbsorbedConstant]) -> Any:
    """The found expression without the summand or factor that a constant of the form represents."""
    origins = {a.origin for a in constants if not a.spare}
    if not found.free_symbols:
        return found
    found = sympy.expand_mul(found, deep=False)  # a search may have pulled a number out of a sum
    summand, rest = found.as_independent(*found.free_symbols, as_Add=True)
    factor, core = rest.as_independent(*rest.free_symbols, as_Add=False)
    if ADD in origins and MULTIPLY in origins:
        return core
    if MULTIPLY in origins:
        return core + summand / factor if rest.is_Mul or summand == 0 else found
    return rest if ADD in origins else found


def restored(
    found: Any,
    hole: Any,
    constants: Sequence[AbsorbedConstant],
    signs: Sequence[int],
    values: Mapping[Any, Any],
    rows: int,
    splines: Splines,
) -> tuple[Any, dict[Any, float]]:
    """The expression for the hole and the values of the constants for which the formula is the same.

    Args:
        found: The expression found for the hole, with the constants at their neutral values.
        hole: Symbol of the hole.
        constants: Absorbed constants, from the hole outwards.
        signs: Signs of the constants, as for `with_neutral_constants`.
        values: Columns and numbers for all other symbols.
        rows: Number of rows.
        splines: Splines in the expression.

    Returns:
        The rest of `found`, and the value of every operand.
    """
    rest = separated(found, constants)
    before: dict[Any, Any] = {}
    after: dict[Any, float] = {}
    for constant, sign in zip(constants, signs, strict=True):
        number = constant.neutral * (sign if constant.kind == MULTIPLY else 1)
        old = constant.child.xreplace({**before, hole: found})
        new = constant.child.xreplace({**{o: sympy.Float(v) for o, v in after.items()}, hole: rest})
        columns = evaluator(list(values), [old, new], rows, splines)(list(values.values()))
        after[constant.operand] = float(number) if constant.spare else _number(constant.kind, columns, float(number))
        before[constant.operand] = number
    return rest, after


def _number(kind: str, columns: Array, number: float) -> float:
    """The constant c for which one column is the other plus c, times c, or to the power c."""
    with np.errstate(all="ignore"):
        old, new = columns.T
        if kind == ADD:
            gaps = old - new
        elif kind == MULTIPLY:
            gaps = number * old / new
        else:
            gaps = np.log(old) / np.log(new)
    gaps = gaps[np.isfinite(gaps)]
    return float(np.median(gaps)) if len(gaps) else number
