"""Formulas of one variable in which numbers with a decimal point are constants: their programs, and their texts.

In `exp(-0.5*u**2)` the 0.5 may be trained, and the 2 is exact.
"""

import ast
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from splinework.errors import FormulaError
from splinework.formula.program import Program, program_of
from splinework.formula.reading import parse

VARIABLE: Final = "u"
"""The argument of a formula of an edge."""


@lru_cache(maxsize=512)
def edge_program(text: str) -> tuple[Program, tuple[float, ...]]:
    """The program of F over u and its own constants, and their values in the text.

    A number with a decimal point is a constant that may be trained; an integer is exact.

    Raises:
        FormulaError: If the text is no formula of u.

    >>> edge_program("exp(-0.5*u**2)")[1]
    (0.5,)
    """
    tree = parse(text)
    decimals = _Decimals()
    tree = decimals.visit(tree)
    names = {VARIABLE: 0, **{_own_name(k): k + 1 for k in range(len(decimals.values))}}
    program = program_of(tree, names, text)
    if 0 not in program.columns:
        raise FormulaError(f"the function {text!r} does not depend on {VARIABLE}; write a formula over {VARIABLE}.")
    return program, tuple(decimals.values)


def _own_name(place: int) -> str:
    return f"own_{place}"


class _Decimals(ast.NodeTransformer):
    """Gives every number with a decimal point a name."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, float):
            return node
        self.values.append(node.value)
        return ast.Name(_own_name(len(self.values) - 1))


def edge_text(text: str, numbers: Sequence[float], argument: str = VARIABLE) -> str:
    """The text of `c F(a u + b) + d`.

    Args:
        text: F over u.
        numbers: a, b, c, d, and the constants of F.
        argument: Text in place of u.

    >>> edge_text("exp(-0.5*u**2)", [2, 1, 3, 0, 0.25], "x")
    '3*exp(-0.25*(2*x + 1)**2)'
    """
    a, b, c, d, *own = numbers
    inner = ast.parse(_linear(a, argument, b), mode="eval").body
    shown = ast.unparse(_Written(inner, own).visit(parse(text)))
    whole = ast.unparse(ast.parse(_linear(c, f"({shown})", d), mode="eval"))
    return re.sub(r" (\*\*|[*/]) ", r"\1", whole)


def _linear(slope: float, argument: str, constant: float) -> str:
    """The text of `slope * argument + constant`."""
    scaled = argument if slope == 1 else f"-{argument}" if slope == -1 else f"{slope!r}*{argument}"
    if slope == 0:
        return repr(constant)
    return scaled if constant == 0 else f"{scaled} {'-' if constant < 0 else '+'} {abs(constant)!r}"


class _Written(ast.NodeTransformer):
    """Puts an argument in place of u, and numbers in place of the decimals of a formula."""

    def __init__(self, argument: ast.expr, own: Sequence[float]) -> None:
        self.argument, self.own = argument, iter(own)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.argument if node.id == VARIABLE else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        inner = self.visit(node.operand)
        twice = isinstance(node.op, ast.USub) and isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.USub)
        return inner.operand if twice else ast.UnaryOp(node.op, inner)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, float):
            return node
        value = next(self.own)
        return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))
