"""Formulas as source code: a formula is evaluated to an expression graph, whose nodes are written in a language.

Equal nodes are shared and constants are folded.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from splinework.splines.bases.functions import Operand
from splinework.splines.bases.series import SeriesFunctions, derivative

_RANK: Final = {"+": 1, "-": 1, "*": 2, "/": 2}


@final
class ExpressionNode(Operand):
    """A number, a name, an operation `+ - * /`, or a call.

    Attributes:
        kind: `number`, `name`, one of the signs, or `call`.
        value: The number, the name, or the function of a call: its name, or the arguments of `Recorder.named`.
        parts: Operands or argument.
    """

    def __init__(self, recorder: "Recorder", kind: str, value: Any, parts: tuple["ExpressionNode", ...]) -> None:
        self.recorder, self.kind, self.value, self.parts = recorder, kind, value, parts

    def operate(self, sign: str, left: Any, right: Any) -> "ExpressionNode":
        return self.recorder.operation(sign, self.recorder.lifted(left), self.recorder.lifted(right))


class Recorder:
    """Elementary functions that return nodes of an expression graph."""

    def __init__(self) -> None:
        self.known: dict[tuple[Any, ...], ExpressionNode] = {}
        self.pi = self.number(math.pi)

    def number(self, value: float) -> ExpressionNode:
        """A constant."""
        return self.node("number", float(value))

    def name(self, text: str) -> ExpressionNode:
        """A variable."""
        return self.node("name", text)

    def node(self, kind: str, value: Any, *parts: ExpressionNode) -> ExpressionNode:
        """The node with this content, created if it does not exist."""
        return self.known.setdefault((kind, value, *map(id, parts)), ExpressionNode(self, kind, value, parts))

    def lifted(self, value: Any) -> ExpressionNode:
        """The value as a node; a plain number becomes a constant."""
        return value if isinstance(value, ExpressionNode) else self.number(value)

    def operation(self, sign: str, a: ExpressionNode, b: ExpressionNode) -> ExpressionNode:
        """`a sign b`, simplified for zeros and ones."""
        if a.kind == b.kind == "number" and not (sign == "/" and b.value == 0):
            return self.number(_OPERATIONS[sign](a.value, b.value))
        if (sign == "*" and b.kind == "number") or (sign == "+" and a.kind == "number"):
            a, b = b, a  # 2 x, but x + 2
        first, second = (node.value if node.kind == "number" else None for node in (a, b))
        if (first == 0 and sign in "*/") or (second, sign) in ((0, "+"), (0, "-"), (1, "/")):
            return a
        if (first, sign) == (1, "*"):
            return b
        if sign in "+-" and second is not None and second < 0:
            sign, b = "-" if sign == "+" else "+", self.number(-second)
        return self.node(sign, None, a, b)

    def named(self, sympy: str, letter: str, n: int, x: Any) -> ExpressionNode:
        """A named polynomial of SymPy, in formulas for readers."""
        return self.node("call", (sympy, letter, n), self.lifted(x))

    def sigmoid(self, x: Any) -> ExpressionNode:
        """`1 / (1 + exp(-x))`."""
        return self.lifted(1 / (1 + self.exp(-x)))

    def __getattr__(self, name: str) -> Callable[[Any], ExpressionNode]:
        if name not in _FUNCTIONS:
            raise AttributeError(name)

        def called(x: Any) -> ExpressionNode:
            argument = self.lifted(x)
            if argument.kind == "number" and name == "sqrt":
                return self.number(math.sqrt(argument.value))
            return self.node("call", name, argument)

        return called


_FUNCTIONS: Final = ("exp", "log", "sqrt", "sin", "cos", "tanh", "erfc")
_OPERATIONS: Final[dict[str, Callable[[float, float], float]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def values_and_slopes(
    formula: Callable[[Any, Any], Sequence[Any]],
) -> tuple[list[ExpressionNode], list[ExpressionNode]]:
    """The functions of a formula of `x` and their derivatives."""
    recorder = Recorder()
    series = SeriesFunctions(recorder)
    found = formula(series.variable(recorder.name("x"), 1), series)
    orders = [[derivative(part, order) for part in found] for order in (0, 1)]
    values, slopes = ([recorder.lifted(0 if node is None else node) for node in order] for order in orders)
    return values, slopes


def called(nodes: Iterable[ExpressionNode]) -> set[Any]:
    """The functions called in some nodes."""
    found: set[Any] = set()
    for node in nodes:
        found |= {node.value} if node.kind == "call" else set()
        found |= called(node.parts)
    return found


@dataclass(frozen=True)
class NodeSyntax:
    """Syntax of nodes in a language.

    Attributes:
        number: Formats a non-negative constant.
        call: Template of a call of a function, with `{}` for its argument.
        square: Template of the square of `{}`; empty to write a product.
    """

    number: Callable[[float], str]
    call: Callable[[Any], str]
    square: str = ""

    def text(self, node: ExpressionNode, names: dict[ExpressionNode, str] | None = None, rank: int = 0) -> str:
        """A node as an operand of a rank; named nodes by their names."""
        if names is not None and node in names:
            return names[node]
        if node.kind == "number":
            text = self.number(node.value)
            return f"({text})" if node.value < 0 and rank else text
        if node.kind == "name":
            return str(node.value)
        if node.kind == "call":
            return self.call(node.value).format(self.text(node.parts[0], names))
        own = _RANK[node.kind]
        left, right = node.parts
        if node.kind == "-" and left.kind == "number" and left.value == 0:
            text, own = f"-{self.text(right, names, 2)}", 1
        elif node.kind == "*" and left is right and self.square:
            text = self.square.format(self.text(left, names, 3))
        else:
            text = f"{self.text(left, names, own)} {node.kind} {self.text(right, names, own + 1)}"
        return f"({text})" if own < rank else text


class Statements:
    """Nodes as a sequence of statements, in which shared nodes become named variables."""

    def __init__(self, language: NodeSyntax, declare: str, end: str) -> None:
        self.language, self.declare, self.end = language, declare, end
        self.names: dict[ExpressionNode, str] = {}
        self.uses: dict[ExpressionNode, int] = {}

    def count(self, nodes: Iterable[ExpressionNode]) -> None:
        """Counts the uses of nodes; called before anything is written."""
        for node in nodes:
            self.uses[node] = self.uses.get(node, 0) + 1
            if self.uses[node] == 1:
                self.count(node.parts)

    def bring(self, node: ExpressionNode, rank: int = 0) -> tuple[list[str], str]:
        """Statements that have to come first, and the node as an operand of a rank."""
        lines: list[str] = []
        self._prepare(node, lines)
        return lines, self.language.text(node, self.names, rank)

    def _prepare(self, node: ExpressionNode, lines: list[str]) -> None:
        if node in self.names or node.kind in ("number", "name"):
            return
        for part in node.parts:
            self._prepare(part, lines)
        if self.uses.get(node, 0) > 1:
            text = self.language.text(node, self.names)
            self.names[node] = f"v{len(self.names) + 1}"
            lines.append(f"{self.declare}{self.names[node]} = {text}{self.end}")
