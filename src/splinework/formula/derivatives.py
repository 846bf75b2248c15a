"""Derivatives of formula texts, as formula texts: the tree is differentiated by rules, and simplified only by 0 and 1."""

from __future__ import annotations

import ast
import copy
from functools import cache
from typing import Final

from splinework.errors import FormulaError
from splinework.formula.expressions import CONSTANTS, read_tokens, shortened, syntax_tree

RULES: Final[dict[str, str]] = {
    "sin": "cos(u)",
    "cos": "-sin(u)",
    "tan": "1 + tan(u)**2",
    "sinh": "cosh(u)",
    "cosh": "sinh(u)",
    "tanh": "1 - tanh(u)**2",
    "arcsin": "1/sqrt(1 - u**2)",
    "arccos": "-1/sqrt(1 - u**2)",
    "arctan": "1/(1 + u**2)",
    "arcsinh": "1/sqrt(u**2 + 1)",
    "arccosh": "1/sqrt(u**2 - 1)",
    "arctanh": "1/(1 - u**2)",
    "exp": "exp(u)",
    "exp2": "exp2(u)*log(2)",
    "expm1": "exp(u)",
    "log": "1/u",
    "log2": "1/(u*log(2))",
    "log10": "1/(u*log(10))",
    "log1p": "1/(1 + u)",
    "sqrt": "1/(2*sqrt(u))",
    "cbrt": "1/(3*cbrt(u)**2)",
    "square": "2*u",
    "reciprocal": "-1/u**2",
    "negative": "-1",
    "abs": "sign(u)",
    "sign": "0",
    "floor": "0",
    "ceil": "0",
}
"""Function of one argument → its derivative at u; `abs`, `sign`, `floor`, `ceil` where they have one."""
ALIASES: Final[dict[str, str]] = {
    **{name.replace("arc", "a"): name for name in RULES if name.startswith("arc")},
    "absolute": "abs",
}
"""Other names of the same functions."""


def derivative(text: str, variable: str) -> str:
    """The derivative of a formula by one of its variables.

    Args:
        text: The formula.
        variable: A name in it; of one that does not occur the derivative is `0`.

    Raises:
        FormulaError: If the formula cannot be read, or holds a function without a rule (minimum, sinc, …).

    Example:
        >>> derivative("sin(a*x) + x**2", "x")
        'cos(a * x) * a + 2 * x'
    """
    tree = parse(text)
    try:
        return ast.unparse(ast.fix_missing_locations(_derive(tree, variable)))
    except RecursionError:
        raise FormulaError(f"the formula {shortened(text)} is nested too deeply to be differentiated.") from None


def parse(text: str) -> ast.expr:
    """The tree of a formula text, as `compile_formula` reads it."""
    return syntax_tree(read_tokens(text), text)


def names_in(node: ast.AST) -> frozenset[str]:
    """The variables of a tree: all its names but those of functions and constants."""
    called = {id(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
    found = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and id(one) not in called}
    return frozenset(found - set(CONSTANTS))


def function_name(call: ast.Call) -> str:
    """The plain name of what is called."""
    if not isinstance(call.func, ast.Name):
        raise FormulaError("a formula calls something that is not a name.")
    return ALIASES.get(call.func.id, call.func.id)


def _derive(node: ast.expr, variable: str) -> ast.expr:
    if isinstance(node, ast.Name):
        return _number(1 if node.id == variable else 0)
    if isinstance(node, ast.Constant):
        return _number(0)
    if isinstance(node, ast.UnaryOp):
        inner = _derive(node.operand, variable)
        return _minus(inner) if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp):
        return _binary(node, variable)
    if isinstance(node, ast.Call):
        return _call(node, variable)
    raise FormulaError(f"cannot differentiate {type(node).__name__}; only arithmetic and function calls are read.")


def _binary(node: ast.BinOp, variable: str) -> ast.expr:
    u, v = node.left, node.right
    if isinstance(node.op, ast.Pow):
        return _power(u, v, variable)
    du, dv = _derive(u, variable), _derive(v, variable)
    if isinstance(node.op, ast.Add):
        return _sum(du, dv)
    if isinstance(node.op, ast.Sub):
        return _difference(du, dv)
    if isinstance(node.op, ast.Mult):
        return _sum(_product(du, v), _product(u, dv))
    first = _quotient(du, v)
    return _difference(first, _quotient(_product(u, dv), ast.BinOp(v, ast.Pow(), _number(2))))


def _power(u: ast.expr, v: ast.expr, variable: str) -> ast.expr:
    du, dv = _derive(u, variable), _derive(v, variable)
    if _is(dv, 0) and _is(du, 0):
        return _number(0)
    if _is(dv, 0):
        less = _lowered(v)
        power = u if _is(less, 1) else _number(1) if _is(less, 0) else ast.BinOp(u, ast.Pow(), less)
        return _product(_product(v, power), du)
    # u^v = exp(v log u)
    log = ast.Call(ast.Name("log", ast.Load()), [u], [])
    inner = _sum(_product(dv, log), _quotient(_product(v, du), u))
    return _product(ast.BinOp(u, ast.Pow(), v), inner)


def _call(node: ast.Call, variable: str) -> ast.expr:
    name = function_name(node)
    inner = [_derive(argument, variable) for argument in node.args]
    if all(_is(one, 0) for one in inner):
        return _number(0)
    if name == "power":
        return _power(node.args[0], node.args[1], variable)
    if name in ("hypot", "arctan2"):
        (u, v), (du, dv) = node.args, inner
        if name == "hypot":
            return _quotient(_sum(_product(u, du), _product(v, dv)), node)
        square = _sum(ast.BinOp(u, ast.Pow(), _number(2)), ast.BinOp(v, ast.Pow(), _number(2)))
        return _quotient(_difference(_product(v, du), _product(u, dv)), square)
    if name not in RULES:
        raise FormulaError(f"{name} has no rule for its derivative.")
    return _product(_insert(_rule(name), node.args[0]), inner[0])


@cache
def _rule(name: str) -> ast.expr:
    return parse(RULES[name])


class _Insert(ast.NodeTransformer):
    def __init__(self, argument: ast.expr) -> None:
        self.argument = argument

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.argument if node.id == "u" else node


def _insert(rule: ast.expr, argument: ast.expr) -> ast.expr:
    found: ast.expr = _Insert(argument).visit(copy.deepcopy(rule))
    return found


def _number(value: float) -> ast.expr:
    return ast.Constant(value)


def _is(node: ast.expr, value: float) -> bool:
    return isinstance(node, ast.Constant) and node.value == value


def _lowered(exponent: ast.expr) -> ast.expr:
    """The exponent less 1, as a number where it is one."""
    value = constant(exponent)
    if value is not None and value == int(value):
        return _number(int(value) - 1) if value >= 1 else ast.UnaryOp(ast.USub(), _number(1 - int(value)))
    return ast.BinOp(exponent, ast.Sub(), _number(1))


def constant(node: ast.expr) -> float | None:
    """The value of a number with or without a sign, or of a quotient of two; None of anything else.

    >>> constant(parse("-3/2")), constant(parse("x"))
    (-1.5, None)
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.UnaryOp):
        inner = constant(node.operand)
        return None if inner is None else -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        top, bottom = constant(node.left), constant(node.right)
        return top / bottom if top is not None and bottom else None
    return None


def _minus(node: ast.expr) -> ast.expr:
    return node if _is(node, 0) else ast.UnaryOp(ast.USub(), node)


def _sum(u: ast.expr, v: ast.expr) -> ast.expr:
    return v if _is(u, 0) else u if _is(v, 0) else ast.BinOp(u, ast.Add(), v)


def _difference(u: ast.expr, v: ast.expr) -> ast.expr:
    return _minus(v) if _is(u, 0) else u if _is(v, 0) else ast.BinOp(u, ast.Sub(), v)


def _product(u: ast.expr, v: ast.expr) -> ast.expr:
    if _is(u, 0) or _is(v, 0):
        return _number(0)
    return v if _is(u, 1) else u if _is(v, 1) else ast.BinOp(u, ast.Mult(), v)


def _quotient(u: ast.expr, v: ast.expr) -> ast.expr:
    return _number(0) if _is(u, 0) else u if _is(v, 1) else ast.BinOp(u, ast.Div(), v)
