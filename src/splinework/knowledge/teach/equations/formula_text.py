"""Formulas as text, put together and restricted: what the pieces of an ansatz are made of."""

import ast
import math
from collections.abc import Mapping, Sequence

from splinework.errors import FormulaError
from splinework.formula import reading
from splinework.formula.functions import CONSTANTS
from splinework.formula.tensors import TENSORS
from splinework.nn.frame import Expression

ZERO = "0"


def number(value: float) -> str:
    """The number as a text that reads back as the same number, in parentheses where it has a sign."""
    whole = int(value) if float(value).is_integer() and abs(value) < 1e9 else value
    return f"({whole!r})" if value < 0 else repr(whole)


def total(*terms: str) -> str:
    """The sum, without terms that are nothing."""
    kept = [term for term in terms if term != ZERO]
    return ZERO if not kept else kept[0] if len(kept) == 1 else "(" + " + ".join(kept) + ")"


def minus(first: str, second: str) -> str:
    """The difference."""
    if second == ZERO:
        return first
    taken = second if _is_closed(second) else f"({second})"
    return f"(-{taken})" if first == ZERO else f"({first} - {taken})"


def beyond(name: str, value: float) -> str:
    """`name - value`, in parentheses."""
    return name if value == 0 else f"({name} {'-' if value > 0 else '+'} {number(abs(value))})"


def before(name: str, value: float) -> str:
    """`value - name`, in parentheses."""
    return f"({number(value)} - {name})" if value else f"(-{name})"


def times(*factors: str) -> str:
    """The product, nothing where a factor is nothing."""
    if ZERO in factors:
        return ZERO
    kept = [factor for factor in factors if factor != "1"]
    return "1" if not kept else "*".join(f if _is_closed(f) else f"({f})" for f in kept)


def restricted(text: str, values: Mapping[str, float]) -> str:
    """The formula with numbers in place of some names; parts without other names are worked out.

    Raises:
        FormulaError: If the text cannot be read, or a part has no finite value there.
    """
    if text == ZERO:
        return ZERO
    tree = _Restriction(values).visit(reading.parse(text))
    found = ast.unparse(tree)
    return ZERO if found in ("0", "0.0") else found


def names_in(text: str) -> frozenset[str]:
    """The names that a formula has, functions and constants aside."""
    return reading.names_in(reading.parse(text))


class _Restriction(ast.NodeTransformer):
    """Puts numbers in, and works out what has no names left."""

    def __init__(self, values: Mapping[str, float]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return _constant(self.values[node.id]) if node.id in self.values else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.args = [self.visit(argument) for argument in node.args]
        return _folded(node, node.args)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        node.operand = self.visit(node.operand)
        return node if isinstance(node.operand, ast.Constant) else _folded(node, [node.operand])

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        node.left, node.right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Mult) and (_is_zero(node.left) or _is_zero(node.right)):
            return _constant(0.0)
        return _folded(node, [node.left, node.right])


def _folded(node: ast.expr, parts: Sequence[ast.expr]) -> ast.expr:
    """The node as a number where its parts are numbers; constants such as pi stay as they are written on their own."""
    if not all(_is_number(part) for part in parts):
        return node
    text = ast.unparse(node)
    value = float(Expression(text, ()).run((), TENSORS))
    if not math.isfinite(value):
        raise FormulaError(
            f"a value of the ansatz, {text}, is not finite; give a formula that is finite on the boundary."
        )
    return _constant(value)


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in CONSTANTS)


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def _constant(value: float) -> ast.expr:
    # A sign is an operation of its own: (-1)**2 is unparsed with its parentheses.
    plain = ast.Constant(int(abs(value)) if float(value).is_integer() and abs(value) < 1e9 else abs(float(value)))
    return ast.UnaryOp(ast.USub(), plain) if value < 0 else plain


def _is_closed(text: str) -> bool:
    """Whether a text can be a factor as it stands."""
    if text.replace("_", "").replace(".", "").isalnum():
        return True
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and place < len(text) - 1 and not text[: place + 1].isidentifier():
            return False
    return text.endswith(")")
