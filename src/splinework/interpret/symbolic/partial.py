"""Partial formulas, with constants to be fitted and holes for unknown parts."""

import ast
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sympy

from splinework.errors import FormulaError
from splinework.formula.parse import expression_of
from splinework.formula.program import program_of
from splinework.formula.reading import positions, read_tokens, shortened, syntax_tree
from splinework.formula.sympy_bridge import symbol

_HOLE: Final = "ʔ"
"""Prefix of the names of holes during parsing: a letter that no column name is likely to begin with."""
_CONSTANT: Final = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True)
class Hole:
    """An unknown part of a formula.

    Attributes:
        term: The undefined function of its columns in the expression.
        columns: Names of the columns that it may depend on.
    """

    term: Any
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the undefined function."""
        return str(self.term.func.__name__)


@dataclass(frozen=True)
class PartialFormula:
    """A formula with unknown parts.

    Attributes:
        target: The name before `=`, if there is one.
        expression: The sympy expression over columns, constants and holes.
        constants: Names of the constants to be fitted, in order of appearance.
        holes: The unknown parts, in order of appearance.
    """

    target: str | None
    expression: Any
    constants: tuple[str, ...]
    holes: tuple[Hole, ...]


def parse_partial(text: str, names: Sequence[str], *, functions: Collection[str] = ()) -> PartialFormula:
    """Parses a partial formula, such as `y = A*exp(?)*x2` or `A*?(x1, x3) + B`.

    Args:
        text: A formula as in `parse_formula`. Capitalised names that are not columns are constants to be fitted; `?` is a part
            that may depend on all columns, `?(x1, x2)` one of these.
        names: Names of the columns.
        functions: Names of further functions of one argument.

    Raises:
        FormulaError: If the text is no such formula.

    Example:
        >>> formula = parse_partial("y = A*exp(?(x1))*x2", ["x1", "x2"])
        >>> formula.target, formula.constants, formula.holes[0].columns
        ('y', ('A',), ('x1',))
        >>> formula.expression
        A*x2*exp(hole_1(x1))
    """
    columns = positions(names)
    target, tokens = _target(read_tokens(text, r"=(?!=)|\?"), text, columns)
    tokens = _named_holes(tokens, [*columns, *functions])
    tree = syntax_tree(tokens, text)
    unknowns = _Unknowns(text, tuple(columns), tree)
    every = [*columns, *unknowns.constants, *unknowns.bare]
    program = program_of(tree, positions(every), text, (*functions, *unknowns.called))
    known = [symbol(name) if name not in unknowns.bare else unknowns.bare[name].term for name in every]
    calls = {name: lambda *_, term=hole.term: term for name, hole in unknowns.called.items()}
    expression = expression_of(program, text, known, {**{f: sympy.Function(f) for f in functions}, **calls})
    return PartialFormula(target, expression, unknowns.constants, unknowns.holes)


def _target(tokens: list[str], text: str, columns: Collection[str]) -> tuple[str | None, list[str]]:
    if "=" not in tokens:
        return None, tokens
    if len(tokens) < 2 or tokens[1] != "=" or not tokens[0].isidentifier() or "=" in tokens[2:]:
        raise FormulaError(
            f"a formula with '=' has the form `name = expression`, got {shortened(text)}; use one name and one '='."
        )
    if tokens[0] in columns:
        raise FormulaError(f"{tokens[0]!r} before '=' is also a column; leave it out of the columns.")
    return tokens[0], tokens[2:]


def _named_holes(tokens: Sequence[str], taken: Sequence[str]) -> list[str]:
    """The tokens with every `?` replaced by a name, `hole_1` and so on."""
    stem = "hole_"
    while any(name.startswith(stem) for name in (*taken, *tokens)):
        stem += "_"
    numbers = iter(range(1, len(tokens) + 1))
    return [_HOLE + f"{stem}{next(numbers)}" if token == "?" else token for token in tokens]


class _Unknowns:
    """The constants and holes of a formula, in order of appearance.

    Attributes:
        constants: Names of the constants.
        bare: Holes of all columns, by name.
        called: Holes with given columns, by name.
        holes: All holes.
    """

    def __init__(self, text: str, columns: tuple[str, ...], tree: ast.expr) -> None:
        self.text, self.columns = text, columns
        calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        words = sorted((n for n in ast.walk(tree) if isinstance(n, ast.Name)), key=lambda n: (n.lineno, n.col_offset))
        self.bare: dict[str, Hole] = {}
        self.called: dict[str, Hole] = {}
        constants: dict[str, None] = {}
        holes: list[Hole] = []
        for word in words:
            if word.id.startswith(_HOLE):
                call = calls.get(id(word))
                hole = self._hole(word.id, columns if call is None else self._read(call))
                (self.bare if call is None else self.called)[word.id] = hole
                holes.append(hole)
            elif id(word) not in calls and word.id not in columns and _CONSTANT.fullmatch(word.id):
                constants[word.id] = None
        self.constants, self.holes = tuple(constants), tuple(holes)

    def _read(self, call: ast.Call) -> tuple[str, ...]:
        """The columns between the parentheses of a hole."""
        read = [argument.id if isinstance(argument, ast.Name) else "" for argument in call.args]
        if not read or any(column not in self.columns for column in read) or len(set(read)) < len(read):
            raise self._error(
                f"has `?(...)` with arguments that are no distinct columns; known: {', '.join(self.columns)}."
            )
        return tuple(read)

    def _hole(self, name: str, columns: tuple[str, ...]) -> Hole:
        if not columns:
            raise self._error("has a `?`, but no columns remain for it to depend on.")
        return Hole(sympy.Function(name.removeprefix(_HOLE), real=True)(*map(symbol, columns)), columns)

    def _error(self, what: str) -> FormulaError:
        return FormulaError(f"the formula {shortened(self.text)} {what}")
