"""The syntax of relations: `f(x,y) == f(y,x)`, `d f/d x >= 0 when y > 0`, `u_t + u*u_x = 0.01*u_xx`.

A lexer checks the characters, `d2 f/d x2` becomes a call, and Python's parser parses each side. Names are resolved in
`name_resolution.py`.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from splinework.errors import FormulaError
from splinework.formula.functions import NAMES
from splinework.formula.reading import read_tokens, shortened, syntax_tree

DERIVATIVE: Final = "derivative"
"""The call that `d2 f/d x d y` becomes: `derivative(f, 2, x, y)`."""
MAX_LEVELS: Final = 120
"""The maximum nesting depth of a side; a sum of n terms has depth n."""
SIGNS: Final = ("==", ">=", "<=", "=", "<", ">")
_SIGN: Final = "|".join(SIGNS)
_ORDER: Final = re.compile(r"d([0-9]*)")


@final
@dataclass(frozen=True)
class Comparison:
    """A chain of sides and signs, `a <= b <= c`; a single side is required to vanish."""

    sides: tuple[ast.expr, ...]
    signs: tuple[str, ...]

    @property
    def equation(self) -> bool:
        """Whether it is an equation."""
        return not self.signs or self.signs[0] in ("=", "==")


@final
@dataclass(frozen=True)
class Relation:
    """A parsed relation with its conditions.

    Attributes:
        claim: The comparison that holds.
        conditions: The conditions under which it holds; empty if it holds everywhere.
    """

    text: str
    claim: Comparison
    conditions: tuple[Comparison, ...] = ()

    @property
    def trees(self) -> tuple[ast.expr, ...]:
        """The trees of all sides."""
        return tuple(side for part in (self.claim, *self.conditions) for side in part.sides)

    @property
    def differential(self) -> bool:
        """Whether it is an equation with a derivative such as `u_x`, without conditions or calls of the model."""
        calls = {name for tree in self.trees for name in called(tree)}
        names = {name for tree in self.trees for name in named(tree)}
        derived = any("_" in name.strip("_") for name in names)
        return derived and self.claim.equation and not self.conditions and calls <= set(NAMES)


def read_relation(text: str) -> Relation:
    """Parses a relation.

    Args:
        text: Sides separated by `==`, `=`, `>=`, `<=`, `>` and `<`, optionally followed by `when` and conditions joined by `and`.
            Derivatives are written `d f/d x`, `d2 f/d x2`, `d2 f/d x d y`. `>` and `<` are equivalent to `>=` and `<=`, as
            neither samples nor bounds can distinguish them.

    Raises:
        FormulaError: If it cannot be parsed.
    """
    tokens = _derivatives(read_tokens(text, _SIGN), text)
    if tokens.count("when") > 1:
        raise FormulaError(f"{shortened(text)} contains 'when' twice; join conditions by 'and'.")
    at = tokens.index("when") if "when" in tokens else len(tokens)
    claim = _comparison(tokens[:at], text)
    if claim.equation and len(claim.sides) > 2:
        raise FormulaError(f"{shortened(text)} has two equals signs; write two axioms.")
    conditions = tuple(_comparison(part, text) for part in _split(tokens[at + 1 :], "and")) if at < len(tokens) else ()
    for condition in conditions:
        if condition.equation:
            raise FormulaError(
                f"a condition in {shortened(text)} is an equation, which holds only on a set of measure zero; use <, >, <= or >=."
            )
    return Relation(text, claim, conditions)


def called(tree: ast.expr) -> list[str]:
    """The names called in a tree."""
    return [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]


def named(tree: ast.expr) -> list[str]:
    """The names used as values in a tree, in order, with repetitions."""
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions]


def _comparison(tokens: Sequence[str], text: str) -> Comparison:
    signs = [token for token, depth in _levels(tokens) if token in SIGNS and (depth == 0 or token == "=")]
    kinds = {sign[0] for sign in signs}
    if len(kinds) > 1:
        raise FormulaError(f"{shortened(text)} mixes {', '.join(sorted(set(signs)))} in one row; write several axioms.")
    sides = []
    for part in _split(tokens, *SIGNS):
        if not part:
            raise FormulaError(f"{shortened(text)} has nothing on one side of a sign, or after 'when' or 'and'.")
        side = syntax_tree(part, text)
        _check(side, text)
        sides.append(side)
    return Comparison(tuple(sides), tuple(signs))


def _check(tree: ast.expr, text: str) -> None:
    """Allows only arithmetic, names and calls; uses its own stack, so that no text can exhaust Python's."""
    pending = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_LEVELS:
            raise FormulaError(f"{shortened(text)} is nested more than {MAX_LEVELS} levels deep; split it.")
        if not isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Call, ast.Compare, ast.Name, ast.Constant)):
            raise FormulaError(
                f"{type(node).__name__} is not allowed in {shortened(text)}; write arithmetic and calls such as f(y, x)."
            )
        pending += [(child, depth + 1) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


def _split(tokens: Sequence[str], *at: str) -> Iterator[list[str]]:
    part: list[str] = []
    for token, depth in _levels(tokens):
        if token in at and (
            depth == 0 or token == "="
        ):  # a sign within a call is a condition, as in where(x < 2, x, 2)
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _levels(tokens: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each token with its depth of parentheses."""
    depth = 0
    for token in tokens:
        depth += (token == "(") - (token == ")")
        yield token, depth


def _derivatives(tokens: Sequence[str], text: str) -> list[str]:
    """The tokens with `d2 f / d x d y` replaced by a call; adjacent names have no other meaning."""
    result: list[str] = []
    at = 0
    while at < len(tokens):
        order = _ORDER.fullmatch(tokens[at])
        if order is None or at + 1 >= len(tokens) or not tokens[at + 1].isidentifier():
            result.append(tokens[at])
            at += 1
            continue
        of, after = tokens[at + 1], at + 2
        along = []
        if tokens[after : after + 1] == ["/"]:
            after += 1
            while tokens[after : after + 1] == ["d"] and after + 1 < len(tokens) and tokens[after + 1].isidentifier():
                along.append(tokens[after + 1])
                after += 2
        if not along or of in ("when", "and"):
            raise FormulaError(
                f"{' '.join(tokens[at : at + 4])} in {shortened(text)} is not a derivative; write d f/d x, d2 f/d x2 or "
                "d2 f/d x d y."
            )
        degree = order.group(1) or "1"
        result += [DERIVATIVE, "(", of, ",", str(int(degree)), *(t for name in along for t in (",", name)), ")"]
        at = after
    return result
