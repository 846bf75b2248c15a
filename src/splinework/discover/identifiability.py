"""Constants that a hole takes up: `A*exp(?)` needs no A while the hole is unknown, since a summand of the hole does its work.

A hole is an unknown function, and so is it plus a number or times a number. Going up from the hole, that freedom to add and to
multiply becomes one to multiply (through exp), to add (through log), to raise to a power, or is lost. A constant that meets the
freedom it needs is set to what changes nothing, and gets its number back from the expression that is found.
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
_NEUTRAL: Final = {ADD: 0, MULTIPLY: 1, RAISE: 1}
_THROUGH: Final = {
    sympy.exp: ((ADD, MULTIPLY), (MULTIPLY, RAISE)),
    sympy.log: ((MULTIPLY, ADD), (RAISE, MULTIPLY)),
    sympy.Abs: ((MULTIPLY, MULTIPLY),),
}
"""What a freedom inside becomes outside."""


@dataclass(frozen=True)
class Absorbed:
    """A constant, or an expression of constants alone, that stands beside the way to a hole.

    Attributes:
        operand: The expression.
        child: What it is added to, multiplied with or raised to it; the hole is in there.
        kind: Which of these.
        origin: Whether a summand or a factor of the hole does its work.
        spare: Whether another constant has that summand or factor already; it stays at what changes nothing.
    """

    operand: Any
    child: Any
    kind: str
    origin: str
    spare: bool = False

    @property
    def neutral(self) -> Any:
        """The number that changes nothing."""
        return sympy.Integer(_NEUTRAL[self.kind])


def absorbed(expression: Any, hole: Any, constants: Sequence[Any]) -> tuple[Absorbed, ...]:
    """The constants that a hole takes up, from the hole outwards."""
    single = {c for c in constants if sum(1 for node in sympy.preorder_traversal(expression) if node == c) == 1}
    freedom = {ADD: ADD, MULTIPLY: MULTIPLY}  # what can be done at the node -> what must be done to the hole for it
    found: list[Absorbed] = []
    nodes = path(expression, hole)
    for node, child in zip(nodes[-2::-1], nodes[:0:-1], strict=True):
        kind = {sympy.Add: ADD, sympy.Mul: MULTIPLY, sympy.Pow: RAISE}.get(node.func, "")
        others = [argument for argument in node.args if argument is not child]
        meets = kind in freedom and (kind != RAISE or node.args[0] is child)
        taken = [o for o in others if meets and o.free_symbols and o.free_symbols <= single]
        for operand in taken:
            origin = freedom[kind]
            spare = any(a.origin == origin for a in found)
            found.append(Absorbed(operand, child, kind, origin, spare))
        freedom = _carried(freedom, node, child, [o for o in others if o not in taken])
    return tuple(found)


def _carried(freedom: Mapping[str, str], node: Any, child: Any, known: Sequence[Any]) -> dict[str, str]:
    """What freedom is left one node further out, `known` being what stands beside and stays."""
    numbers = all(not operand.free_symbols for operand in known)
    moved = _THROUGH.get(node.func)
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


def neutral(expression: Any, constants: Sequence[Absorbed], signs: Sequence[int]) -> Any:
    """The expression with the constants set to what changes nothing, factors to 1 or -1 as `signs` say."""
    swap = {a.operand: a.neutral * (s if a.kind == MULTIPLY else 1) for a, s in zip(constants, signs, strict=True)}
    return expression.xreplace(swap)


def separated(found: Any, constants: Sequence[Absorbed]) -> Any:
    """The found expression without the summand or factor for which the form has a constant."""
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


def returned(
    found: Any,
    hole: Any,
    constants: Sequence[Absorbed],
    signs: Sequence[int],
    values: Mapping[Any, Any],
    rows: int,
    splines: Splines,
) -> tuple[Any, dict[Any, float]]:
    """What is to be put in the hole, and the numbers of the constants that make the formula the same.

    Args:
        found: The expression found for the hole, while the constants were neutral.
        hole: Its symbol.
        constants: From the hole outwards.
        signs: As for `neutral`.
        values: Columns and numbers for all other symbols.
        rows: Number of rows.
        splines: That the expression contains.

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
    """The constant between two columns, of which the first is the second plus, times or to the power of it."""
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
