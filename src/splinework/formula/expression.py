"""Formulas in named columns that one can evaluate in any algebra: tensors, intervals, fractions, symbols.

The text is read by the whitelist of `splinework.formula.expressions`, never by Python; what remains is a short program in postfix
order, of numbers, columns and named operations. An algebra says what the operations do.
"""

import ast
import functools
import keyword
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import torch
from torch import Tensor

from splinework.errors import FormulaError, ShapeError
from splinework.formula.expressions import MAX_DEPTH, finite, positions, read_tokens, shortened, syntax_tree, unknown

CONSTANTS: Final = {"pi": 3.141592653589793, "e": 2.718281828459045}
_SIGNS: Final = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.USub: "neg",
    ast.UAdd: "pos",
}
FUNCTIONS: Final = {
    "sin": 1,
    "cos": 1,
    "tan": 1,
    "asin": 1,
    "acos": 1,
    "atan": 1,
    "sinh": 1,
    "cosh": 1,
    "tanh": 1,
    "exp": 1,
    "log": 1,
    "sqrt": 1,
    "abs": 1,
    "floor": 1,
    "sigmoid": 1,
    "softplus": 1,
    "min": 2,
    "max": 2,
}
"""What a formula may call, and with how many arguments."""

Algebra = Mapping[str, Callable[..., Any]]
"""What each operation does: `add`, `sub`, `mul`, `div`, `pow`, `neg`, `pos`, and the names of `FUNCTIONS`."""


@final
@dataclass(frozen=True)
class Step:
    """One instruction: an operation on the last `arity` values, or (arity 0) a column or a number to push."""

    operation: str = ""
    arity: int = 0
    column: int | None = None
    number: float = 0.0


@final
@dataclass(frozen=True)
class Expression:
    """A formula in columns.

    Attributes:
        text: Arithmetic in Python syntax, `**` for powers.
        names: Names of the columns, in order.

    Raises:
        FormulaError: If the text cannot be read, or has words that are no columns, constants or functions.

    >>> radius = Expression("sqrt(x**2 + y**2)", ("x", "y"))
    >>> radius.of(torch.tensor([[3.0, 4.0]]))
    tensor([5.])
    """

    text: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        _ = self.program

    @cached_property
    def program(self) -> tuple[Step, ...]:
        """The instructions, in postfix order."""
        return _program(syntax_tree(read_tokens(self.text), self.text), positions(self.names), self.text)

    @property
    def columns(self) -> tuple[int, ...]:
        """The numbers of the columns that it depends on, in order."""
        return tuple(sorted({step.column for step in self.program if step.column is not None}))

    def run(self, columns: Sequence[Any], algebra: Algebra, number: Callable[[float], Any] = float) -> Any:
        """The value in an algebra.

        Args:
            columns: One value per name.
            algebra: What the operations do.
            number: What a number becomes.
        """
        stack: list[Any] = []
        for step in self.program:
            if step.arity:
                arguments = stack[len(stack) - step.arity :]
                del stack[len(stack) - step.arity :]
                stack.append(algebra[step.operation](*arguments))
            else:
                stack.append(number(step.number) if step.column is None else columns[step.column])
        return stack[0]

    def of(self, x: Tensor) -> Tensor:
        """The values `(…,)` at rows `(…, columns)`.

        Raises:
            ShapeError: If x has another number of columns.
        """
        if x.shape[-1] != len(self.names):
            raise ShapeError(
                f"the formula {shortened(self.text)} takes columns {list(self.names)}, got {x.shape[-1]} of them."
            )
        value = self.run(x.unbind(-1), TENSORS)
        if not isinstance(value, Tensor):
            return x.new_full(x.shape[:-1], float(value))
        return value


def identifiers(names: Sequence[str]) -> tuple[str, ...]:
    """What columns are called in formulas: their names, where these can be, else something alike that can.

    >>> identifiers(["mass", "flow rate (m/s)", "lambda"])
    ('mass', 'flow_rate_m_s', 'lambda_')
    """
    taken = {name for name in names if _usable(name)}
    found = []
    for name in names:
        if not _usable(name):
            plain = re.sub(r"\W+", "_", name).strip("_") or "x"
            plain = f"x{plain}" if plain[0].isdigit() else f"{plain}_" if keyword.iskeyword(plain) else plain
            name = plain
            while name in taken:
                name += "_"
            taken.add(name)
        found.append(name)
    return tuple(found)


def _usable(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name


def _either(tensor: Callable[[Tensor], Tensor]) -> Callable[[Any], Any]:
    """A function of tensors that takes plain numbers, too: a formula may have parts without columns."""

    def of(value: Any) -> Any:
        return tensor(value) if isinstance(value, Tensor) else float(tensor(torch.tensor(value, dtype=torch.float64)))

    return of


def _least(a: Any, b: Any) -> Any:
    return _pair(torch.minimum, a, b)


def _most(a: Any, b: Any) -> Any:
    return _pair(torch.maximum, a, b)


def _pair(choose: Callable[[Tensor, Tensor], Tensor], a: Any, b: Any) -> Any:
    like = a if isinstance(a, Tensor) else b
    if not isinstance(like, Tensor):
        return float(choose(torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)))
    return choose(*(value if isinstance(value, Tensor) else torch.full_like(like, value) for value in (a, b)))


def _power(a: Any, b: Any) -> Any:
    whole = isinstance(b, float) and b.is_integer() and abs(b) <= 64
    return a ** int(b) if whole else a**b


def _divided(a: Any, b: Any) -> Any:
    # Plain numbers too follow the rules of tensors: infinity, and no error.
    return a / b if isinstance(b, Tensor) else a * _reciprocal(b)


def _reciprocal(b: float) -> float:
    return float(1 / torch.tensor(b, dtype=torch.float64))


TENSORS: Final[Algebra] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _divided,
    "pow": _power,
    "neg": lambda a: -a,
    "pos": lambda a: a,
    "min": _least,
    "max": _most,
    # torch goes over to a straight line at 20, with a step of 2e-9 down; at 50 there is none left in double precision.
    "softplus": _either(functools.partial(torch.nn.functional.softplus, threshold=50.0)),
    **{
        name: _either(getattr(torch, name))
        for name, arity in FUNCTIONS.items()
        if arity == 1 and name not in ("softplus",)
    },
}
"""Operations of torch, differentiable."""


def _program(tree: ast.expr, columns: dict[str, int], text: str) -> tuple[Step, ...]:
    """The tree in postfix order, with an explicit stack, so that no text can exhaust Python's own."""
    steps: list[Step] = []
    pending: list[tuple[ast.expr, int]] = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise FormulaError(f"the formula {shortened(text)} is nested more than {MAX_DEPTH} levels deep; split it.")
        step, operands = _step(node, columns, text)
        steps.append(step)
        pending.extend((operand, depth + 1) for operand in operands)
    return tuple(reversed(steps))


def _step(node: ast.expr, columns: dict[str, int], text: str) -> tuple[Step, list[ast.expr]]:
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        return Step(_SIGNS[type(node.op)], 2), [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and type(node.op) in _SIGNS:
        return Step(_SIGNS[type(node.op)], 1), [node.operand]
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return Step(number=float(finite(node.value, text))), []
    if isinstance(node, ast.Name):
        if node.id in columns:
            return Step(column=columns[node.id]), []
        if node.id in CONSTANTS:
            return Step(number=CONSTANTS[node.id]), []
        raise FormulaError(unknown("name", node.id, [*columns, *CONSTANTS], text))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        name = node.func.id
        if name not in FUNCTIONS:
            raise FormulaError(unknown("function", name, list(FUNCTIONS), text))
        if node.keywords or len(node.args) != FUNCTIONS[name] or any(isinstance(a, ast.Starred) for a in node.args):
            came = len(node.args) + len(node.keywords)
            raise FormulaError(f"{name} takes {FUNCTIONS[name]} argument(s), got {came}, in {shortened(text)}.")
        return Step(name, FUNCTIONS[name]), node.args
    came_as = type(node).__name__
    raise FormulaError(f"the formula {shortened(text)} uses {came_as}; only arithmetic and function calls are read.")
