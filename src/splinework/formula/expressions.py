"""Formulas as text, turned into functions of an array: a whitelist, never `eval`.

The text is Python arithmetic over named variables: numbers, `pi`, `+ - * / **`, parentheses, and calls of
the functions in `FUNCTIONS`. A lexer admits the characters, `ast.parse` gives the grammar, and the tree
becomes a flat program of numpy operations. Nothing of the text is ever executed, and its work is bounded:
everything is float64 (`9**9**9**9` is `inf`, at once), and the length and the nesting have limits.

Not here: making formulas (`splinework.interpret.symbolic`), simplifying them, or differentiating them.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinework.errors import FormulaError, ShapeError, nearest
from splinework.formula.bessel import bessel_j0

Floats = NDArray[np.float64]

MAX_LENGTH: Final = 20_000
"""Longest formula accepted, in characters."""
MAX_DEPTH: Final = 500
"""Deepest nesting accepted; a sum of n terms nests n deep, as Python reads it from the left."""


_UNARY: Final[dict[str, Callable[..., Any]]] = {
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: getattr(np, name) for name in ("arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh")},
    **{name.replace("arc", "a"): getattr(np, name) for name in ("arcsin", "arccos", "arctan")},
    **{name.replace("arc", "a"): getattr(np, name) for name in ("arcsinh", "arccosh", "arctanh")},
    **{name: getattr(np, name) for name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p")},
    **{name: getattr(np, name) for name in ("sqrt", "cbrt", "square", "reciprocal", "negative")},
    **{name: getattr(np, name) for name in ("abs", "absolute", "sign", "sinc", "floor", "ceil")},
    "j0": bessel_j0,
}
_BINARY: Final[dict[str, Callable[..., Any]]] = {
    name: getattr(np, name) for name in ("minimum", "maximum", "hypot", "arctan2", "power")
}
FUNCTIONS: Final[dict[str, tuple[Callable[..., Any], int]]] = {
    **{name: (function, 1) for name, function in _UNARY.items()},
    **{name: (function, 2) for name, function in _BINARY.items()},
}
"""Name -> (numpy function, number of arguments): all that a formula may call."""
CONSTANTS: Final[dict[str, float]] = {"pi": float(np.pi)}
"""Names that need not be declared; a variable of the same name wins."""

_OPERATORS: Final[dict[type[ast.AST], Callable[..., Any]]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.USub: np.negative,
    ast.UAdd: np.positive,
}
_TOKEN: Final = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign>\*\*|[-+*/(),])"
)


@final
@dataclass(frozen=True)
class Formula:
    """A compiled formula: call it with an array of shape (n, variables) to get (n,) float64 values.

    Where the formula is undefined the value is `nan` or `inf`, without a warning.
    """

    text: str
    variables: tuple[str, ...]
    _program: tuple[_Step, ...] = field(repr=False, compare=False)

    def __call__(self, x: ArrayLike) -> Floats:
        """Evaluate the formula on each row of x, shape (n, variables), columns ordered as `variables`."""
        columns = np.asarray(x, dtype=np.float64)
        if columns.ndim != 2 or columns.shape[1] != len(self.variables):
            raise ShapeError(
                f"the formula takes x of shape (n, {len(self.variables)}), columns {list(self.variables)}, "
                f"got {columns.shape}; select and order the columns first."
            )
        stack: list[Any] = []
        with np.errstate(all="ignore"):
            for step in self._program:
                if step.function is not None:
                    arguments = stack[len(stack) - step.arity :]
                    del stack[len(stack) - step.arity :]
                    stack.append(step.function(*arguments))
                else:
                    stack.append(step.value if step.column is None else columns[:, step.column])
        return np.array(np.broadcast_to(stack[0], columns.shape[:1]), dtype=np.float64)


@final
@dataclass(frozen=True)
class _Step:
    """One instruction: call a function of `arity` values, or push a column, or push a value."""

    function: Callable[..., Any] | None = None
    arity: int = 0
    column: int | None = None
    value: float | np.float64 = 0.0


def compile_formula(text: str, variables: Sequence[str]) -> Formula:
    """Compile the text of a formula to a numpy function, reading only whitelisted arithmetic.

    Args:
        text: Arithmetic in Python syntax over the variables, at most `MAX_LENGTH` characters and
            `MAX_DEPTH` levels.
        variables: Names of the columns of x, in order; distinct Python identifiers. They hide constants of
            the same name.

    Returns:
        A callable that takes x of shape (n, len(variables)) and returns float64 values of shape (n,).

    Raises:
        FormulaError: The text is not such a formula, or a variable's name cannot be used.

    Example:
        >>> area = compile_formula("pi * r**2", ["r"])
        >>> float(area([[2.0]])[0]) == 4 * np.pi
        True
    """
    columns = positions(variables)
    tree = syntax_tree(read_tokens(text), text)
    return Formula(text, tuple(columns), tuple(_program(tree, columns, text)))


def positions(variables: Sequence[str]) -> dict[str, int]:
    """Names -> positions, spelt as Python spells identifiers (NFKC)."""
    if isinstance(variables, str):
        raise FormulaError(f"variables is a sequence of names, got the str {variables!r}; write [{variables!r}].")
    columns: dict[str, int] = {}
    for position, variable in enumerate(variables):
        name = unicodedata.normalize("NFKC", variable) if isinstance(variable, str) else ""
        if not name.isidentifier() or keyword.iskeyword(name):
            raise FormulaError(f"variable {position} is {variable!r}, not a usable name; use letters, digits and _.")
        if name in columns:
            raise FormulaError(
                f"variable {name!r} is listed twice, at {columns[name]} and {position}; names must differ."
            )
        columns[name] = position
    return columns


def syntax_tree(tokens: Sequence[str], text: str) -> ast.expr:
    """Let Python's own parser find the structure of tokens that `read_tokens` admitted; `text` is for the errors."""
    if not tokens:
        raise FormulaError("the formula is empty; write for example '2*x + 1'.")
    try:
        return ast.parse(" ".join(tokens), mode="eval").body
    except (SyntaxError, ValueError, OverflowError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise FormulaError(f"cannot read the formula {shortened(text)}: {reason}.") from None
    except (MemoryError, RecursionError):
        raise FormulaError(f"the formula {shortened(text)} is nested too deeply; at most {MAX_DEPTH} levels.") from None


def read_tokens(text: str, more: str = "(?!)") -> list[str]:
    """Split the text into numbers, names and signs; anything else is an error here, before Python sees it.

    Args:
        text: A formula, at most `MAX_LENGTH` characters.
        more: Pattern of further signs.

    Raises:
        FormulaError: If it is no str, too long, or has other characters.
    """
    if not isinstance(text, str):
        raise FormulaError(f"a formula is a str, got {type(text).__name__}; pass its text.")
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"the formula has {len(text)} characters, at most {MAX_LENGTH} are read; split it.")
    pattern = re.compile(f"(?P<more>{more})|{_TOKEN.pattern}")
    tokens: list[str] = []
    position, previous = 0, "space"
    while position < len(text):
        match = pattern.match(text, position)
        if match is None:
            hint = (
                "write ** for powers" if text[position] == "^" else "only numbers, names and + - * / ** ( ) , are read"
            )
            raise FormulaError(f"unexpected {text[position]!r} at {position} in the formula {shortened(text)}; {hint}.")
        kind = str(match.lastgroup)
        if kind == "name" and previous == "number":
            came = shortened(match.group())
            raise FormulaError(f"{came} follows a number at {position} in {shortened(text)}; write * between.")
        if kind != "space":
            tokens.append(match.group())
        position, previous = match.end(), kind
    return tokens


def _program(tree: ast.expr, columns: dict[str, int], text: str) -> list[_Step]:
    """Flatten the tree to postfix order with an explicit stack, so that no text can exhaust Python's own."""
    steps: list[_Step] = []
    pending: list[tuple[ast.expr, int]] = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise FormulaError(f"the formula {shortened(text)} is nested more than {MAX_DEPTH} levels deep; split it.")
        step, operands = _step(node, columns, text)
        steps.append(step)
        pending.extend((operand, depth + 1) for operand in operands)
    steps.reverse()  # from root, right, left to left, right, root
    return steps


def _step(node: ast.expr, columns: dict[str, int], text: str) -> tuple[_Step, list[ast.expr]]:
    """The instruction of one node and the nodes that it works on."""
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _Step(_OPERATORS[type(node.op)], 2), [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        return _Step(_OPERATORS[type(node.op)], 1), [node.operand]
    if isinstance(node, ast.Call):
        return _call(node, columns, text)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return _Step(value=finite(node.value, text)), []
    if isinstance(node, ast.Name):
        if node.id in columns:
            return _Step(column=columns[node.id]), []
        if node.id in CONSTANTS:
            return _Step(value=np.float64(CONSTANTS[node.id])), []
        raise FormulaError(unknown("name", node.id, [*columns, *CONSTANTS], text))
    came = type(node).__name__
    raise FormulaError(f"the formula {shortened(text)} uses {came}; only arithmetic and function calls are read.")


def _call(node: ast.Call, columns: dict[str, int], text: str) -> tuple[_Step, list[ast.expr]]:
    if not isinstance(node.func, ast.Name):
        raise FormulaError(f"the formula {shortened(text)} calls something that is not a name; write * to multiply.")
    if node.func.id not in FUNCTIONS:
        if node.func.id in columns:
            raise FormulaError(f"{shortened(node.func.id)} in {shortened(text)} is a variable; write * to multiply.")
        raise FormulaError(unknown("function", node.func.id, list(FUNCTIONS), text))
    function, arity = FUNCTIONS[node.func.id]
    if node.keywords or len(node.args) != arity or any(isinstance(argument, ast.Starred) for argument in node.args):
        came = len(node.args) + len(node.keywords)
        raise FormulaError(f"{node.func.id} takes {arity} argument(s), got {came}, in the formula {shortened(text)}.")
    return _Step(function, arity), node.args


def finite(value: Any, text: str) -> np.float64:
    """A number of a formula in float64; `FormulaError` where it is beyond."""
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not np.isfinite(number):
        raise FormulaError(f"a number in the formula {shortened(text)} is beyond float64 (about 1.8e308); rescale it.")
    return np.float64(number)


def unknown(kind: str, name: str, known: list[str], text: str) -> str:
    """The sentence on a name that a formula may not use, with those near it."""
    return f"unknown {kind} {shortened(name)} in the formula {shortened(text)}; {nearest(name, sorted(known))}"


def shortened(text: str) -> str:
    """A text in quotes for a message, its start where it is long."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
