"""Lexing and parsing of formula texts with a whitelist, never by `eval`, and names of columns.

A lexer restricts the characters and `ast.parse` applies the grammar; the text is never executed, and its length and nesting are
limited. The syntax tree is interpreted in `program.py`.
"""

import ast
import keyword
import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Final

from splinework.errors import FormulaError, nearest
from splinework.formula.functions import CONSTANTS

MAX_LENGTH: Final = 20_000
"""Maximum length of a formula in characters."""
MAX_DEPTH: Final = 500
"""Maximum nesting; a sum of n terms is n levels deep, since it is left-associative."""
_TOKEN: Final = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|[-+*/(),<>])"
)


def positions(variables: Sequence[str]) -> dict[str, int]:
    """Name → index, with names in the normal form of Python identifiers (NFKC).

    Raises:
        FormulaError: If a name is invalid or listed twice.
    """
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


def identifiers(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns in formulas: unchanged where valid, otherwise similar identifiers.

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


def parse(text: str) -> ast.expr:
    """The syntax tree of a formula's text.

    Raises:
        FormulaError: If it is not a str, too long, or cannot be parsed.
    """
    return syntax_tree(read_tokens(text), text)


def names_in(node: ast.AST, columns: Collection[str] = ()) -> frozenset[str]:
    """The variables of a syntax tree: all names but those of functions, and of constants that no column hides."""
    called = {id(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
    found = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and id(one) not in called}
    return frozenset(found - (set(CONSTANTS) - set(columns)))


def syntax_tree(tokens: Sequence[str], text: str) -> ast.expr:
    """Parses the tokens of `read_tokens` with Python's parser; `text` is for error messages."""
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
    """Splits the text into numbers, names and operators; anything else is an error.

    Args:
        text: A formula of at most `MAX_LENGTH` characters.
        more: Pattern of further operators.

    Raises:
        FormulaError: If it is not a str, too long, or has other characters.
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
                "write ** for powers"
                if text[position] == "^"
                else "only numbers, names and + - * / ** ( ) , are allowed"
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


def unknown(kind: str, name: str, known: Sequence[str], text: str) -> str:
    """The error message for an unknown name, with similar names."""
    return f"unknown {kind} {shortened(name)} in the formula {shortened(text)}; {nearest(name, known)}"


def shortened(text: str) -> str:
    """A text in quotes for a message, truncated if it is long."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
