"""Symbolic differentiation of formula texts by the rules of `functions.py`, with trivial simplification."""

import ast
import copy
from functools import lru_cache

from splinework.errors import FormulaError
from splinework.formula.functions import NAMES
from splinework.formula.program import derivative_text
from splinework.formula.reading import parse, shortened


def derivative(text: str, variable: str) -> str:
    """The derivative of a formula by one of its variables.

    Args:
        text: The formula.
        variable: Name of the variable; the derivative is `0` if it does not occur.

    Returns:
        The text of the derivative.

    Raises:
        FormulaError: If the formula cannot be parsed, or contains a function without a derivative.

    Example:
        >>> derivative("sin(a*x) + x**2", "x")
        'cos(a * x) * a + 2 * x'
    """
    tree = parse(text)
    try:
        return ast.unparse(ast.fix_missing_locations(_derive(tree, variable)))
    except RecursionError:
        raise FormulaError(f"the formula {shortened(text)} is nested too deeply to be differentiated.") from None


def function_name(call: ast.Call) -> str:
    """The canonical name of the called function.

    Raises:
        FormulaError: If it is not a function of the language.
    """
    if not isinstance(call.func, ast.Name) or call.func.id not in NAMES:
        raise FormulaError(f"a formula calls {shortened(ast.unparse(call.func))}, which is not a function.")
    return NAMES[call.func.id].name


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
    function = NAMES[function_name(node)]
    if function.name == "where":
        condition, *branches = node.args
        inner = [_derive(branch, variable) for branch in branches]
        return _number(0) if all(_is(one, 0) for one in inner) else ast.Call(node.func, [condition, *inner], [])
    if function.name == "power":
        return _power(node.args[0], node.args[1], variable)
    arguments = node.args[1:] if function.order else node.args
    inner = [_derive(argument, variable) for argument in arguments]
    if all(_is(one, 0) for one in inner):
        return _number(0)
    if not function.derivative:
        raise FormulaError(f"{function.name} has no rule for its derivative.")
    order = int(constant(node.args[0]) or 0) if function.order else 0
    known = {**dict(zip(("u", "v"), arguments, strict=False)), "w": node}
    terms = [
        _product(_insert(_rule(rule, order), known), slope)
        for rule, slope in zip(function.derivative, inner, strict=True)
        if not _is(slope, 0)
    ]
    total = terms[0]
    for term in terms[1:]:
        total = _sum(total, term)
    return total


@lru_cache(maxsize=1024)
def _rule(rule: str, order: int) -> ast.expr:
    return parse(derivative_text(rule, order))


class _Insert(ast.NodeTransformer):
    def __init__(self, known: dict[str, ast.expr]) -> None:
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.known.get(node.id, node)


def _insert(rule: ast.expr, known: dict[str, ast.expr]) -> ast.expr:
    found: ast.expr = _Insert(known).visit(copy.deepcopy(rule))
    return found


def _number(value: float) -> ast.expr:
    return ast.Constant(value)


def _is(node: ast.expr, value: float) -> bool:
    return isinstance(node, ast.Constant) and node.value == value


def _lowered(exponent: ast.expr) -> ast.expr:
    """The exponent minus 1, evaluated if it is a number."""
    value = constant(exponent)
    if value is not None and value == int(value):
        return _number(int(value) - 1) if value >= 1 else ast.UnaryOp(ast.USub(), _number(1 - int(value)))
    return ast.BinOp(exponent, ast.Sub(), _number(1))


def constant(node: ast.expr) -> float | None:
    """The value of a signed number or of a quotient of two; None for other nodes.

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
