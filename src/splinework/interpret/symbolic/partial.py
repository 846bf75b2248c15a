"""Partial formulas: what a user knows, with constants to be found and holes where a part is unknown."""

import ast
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from splinework.errors import FormulaError
from splinework.formula.expressions import positions, read_tokens, shortened
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.parse import SIGNS, Reader, expression_of


@dataclass(frozen=True)
class Hole:
    """An unknown part.

    Attributes:
        term: How it stands in the expression: an undefined function of its columns.
        columns: Names of the columns that it may read.
    """

    term: Any
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the undefined function."""
        return str(self.term.func.__name__)


@dataclass(frozen=True)
class PartialFormula:
    """A formula of which parts are to be found.

    Attributes:
        target: The name before `=`, where there is one.
        expression: A sympy expression over columns, constants and holes.
        constants: Names of the constants to be found, in order of appearance.
        holes: The unknown parts, in order of appearance.
    """

    target: str | None
    expression: Any
    constants: tuple[str, ...]
    holes: tuple[Hole, ...]


def parse_partial(text: str, names: Sequence[str], *, functions: Collection[str] = ()) -> PartialFormula:
    """Read a partial formula, such as `y = A*exp(?)*x2` or `A*?(x1, x3) + B`.

    Args:
        text: As `parse_formula` takes it. Names in capitals that are no columns are constants to be found; `?` is a part
            that may read every column, `?(x1, x2)` one that may read these.
        names: Names of the columns.
        functions: Names of functions of one argument that stay as they are.

    Raises:
        FormulaError: If the text is no such formula.

    Example:
        >>> formula = parse_partial("y = A*exp(?(x1))*x2", ["x1", "x2"])
        >>> formula.target, formula.constants, formula.holes[0].columns
        ('y', ('A',), ('x1',))
        >>> formula.expression
        A*x2*exp(hole_1(x1))
    """
    columns = {name: symbol(name) for name in positions(names)}
    tokens = read_tokens(text, rf"{SIGNS}|=|\?")
    target, tokens = _target(tokens, text, columns)
    marks = _Marks(columns, tokens, functions)
    reader = Reader(text, columns, functions, marks.leaf, marks.call)
    marks.reader = reader
    expression = expression_of(marks.tokens, text, reader)
    return PartialFormula(target, expression, tuple(marks.constants), tuple(marks.holes))


def _target(tokens: list[str], text: str, columns: Collection[str]) -> tuple[str | None, list[str]]:
    if "=" not in tokens:
        return None, tokens
    if len(tokens) < 2 or tokens[1] != "=" or not tokens[0].isidentifier() or "=" in tokens[2:]:
        raise FormulaError(
            f"a formula with '=' is written `name = expression`, got {shortened(text)}; take one name and one '='."
        )
    if tokens[0] in columns:
        raise FormulaError(f"{tokens[0]!r} stands before '=' and is a column as well; leave it out of the columns.")
    return tokens[0], tokens[2:]


class _Marks:
    """Constants and holes met while reading."""

    def __init__(self, columns: dict[str, Any], tokens: list[str], functions: Collection[str]) -> None:
        self.columns = columns
        self.constants: list[str] = []
        self.holes: list[Hole] = []
        self._hole = "hole_"
        while any(name.startswith(self._hole) for name in (*columns, *tokens, *functions)):
            self._hole += "_"
        numbers = iter(range(1, len(tokens) + 1))
        self.tokens = [f"{self._hole}{next(numbers)}" if token == "?" else token for token in tokens]

    reader: Reader

    def leaf(self, name: str) -> Any:
        """A hole without columns, or a constant."""
        if name.startswith(self._hole):
            return self._new(name, tuple(self.columns))
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            return None
        if name not in self.constants:
            self.constants.append(name)
        return symbol(name)

    def call(self, name: str, arguments: list[ast.expr]) -> Any:
        """A hole with its columns."""
        if not name.startswith(self._hole):
            return None
        read = [argument.id if isinstance(argument, ast.Name) else "" for argument in arguments]
        if not read or any(column not in self.columns for column in read) or len(set(read)) < len(read):
            raise self.reader.error(f"has `?(...)` over something else than columns; known: {', '.join(self.columns)}.")
        return self._new(name, tuple(read))

    def _new(self, name: str, columns: tuple[str, ...]) -> Any:
        if not columns:
            raise self.reader.error("has a `?` but there are no columns for it to read.")
        term = sympy.Function(name, real=True)(*(self.columns[column] for column in columns))
        self.holes.append(Hole(term, columns))
        return term
