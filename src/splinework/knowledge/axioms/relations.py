"""Relations as text: `f(x,y) == f(y,x)`, `d f/d x >= 0 when y > 0`, `u_t + u*u_x = 0.01*u_xx`; their form, names apart.

A lexer admits the characters, `d2 f/d x2` becomes a call, and Python's own parser finds the structure of each side. What the
names mean is `statements.py`'s to say.
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
"""Deepest nesting of a side; a sum of n terms nests n deep."""
SIGNS: Final = ("==", ">=", "<=", "=", "<", ">")
_SIGN: Final = "|".join(SIGNS)
_ORDER: Final = re.compile(r"d([0-9]*)")


@final
@dataclass(frozen=True)
class Comparison:
    """Sides in a row with signs between them: `a <= b <= c`; one side alone is meant to vanish."""

    sides: tuple[ast.expr, ...]
    signs: tuple[str, ...]

    @property
    def equation(self) -> bool:
        """Whether it says that something equals something."""
        return not self.signs or self.signs[0] in ("=", "==")


@final
@dataclass(frozen=True)
class Relation:
    """What a text says, and when.

    Attributes:
        text: The text.
        claim: What holds.
        conditions: Where it holds; everywhere when there are none.
    """

    text: str
    claim: Comparison
    conditions: tuple[Comparison, ...] = ()

    @property
    def trees(self) -> tuple[ast.expr, ...]:
        """All sides of all comparisons."""
        return tuple(side for part in (self.claim, *self.conditions) for side in part.sides)

    @property
    def differential(self) -> bool:
        """Whether it is a bare differential equation: no condition, no inequality, no call but of functions, some `u_x`."""
        calls = {name for tree in self.trees for name in called(tree)}
        names = {name for tree in self.trees for name in named(tree)}
        derived = any("_" in name.strip("_") for name in names)
        return derived and self.claim.equation and not self.conditions and calls <= set(NAMES)


def read_relation(text: str) -> Relation:
    """The structure of a relation.

    Args:
        text: One or more sides between `==`, `=`, `>=`, `<=`, `>` and `<`, and perhaps `when` with conditions joined by `and`.
            A derivative may be written `d f/d x`, `d2 f/d x2`, `d2 f/d x d y`. `>` and `<` mean the same as `>=` and `<=`, as
            no sampling and no bound tells them apart.

    Raises:
        FormulaError: If it cannot be read.
    """
    tokens = _derivatives(read_tokens(text, _SIGN), text)
    if tokens.count("when") > 1:
        raise FormulaError(f"{shortened(text)} says 'when' twice; join conditions by 'and'.")
    at = tokens.index("when") if "when" in tokens else len(tokens)
    claim = _comparison(tokens[:at], text)
    if claim.equation and len(claim.sides) > 2:
        raise FormulaError(f"{shortened(text)} has two equals signs; write two axioms.")
    conditions = tuple(_comparison(part, text) for part in _split(tokens[at + 1 :], "and")) if at < len(tokens) else ()
    for condition in conditions:
        if condition.equation:
            raise FormulaError(
                f"the condition in {shortened(text)} compares by <, >, <= or >=; an equation holds nowhere but on a line."
            )
    return Relation(text, claim, conditions)


def called(tree: ast.expr) -> list[str]:
    """The names that a tree calls."""
    return [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]


def named(tree: ast.expr) -> list[str]:
    """The names that stand in a tree for a value, in order, each as often as it occurs."""
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
    """Arithmetic, names and calls only; with a stack of its own, so that no text can exhaust Python's."""
    pending = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_LEVELS:
            raise FormulaError(f"{shortened(text)} is nested more than {MAX_LEVELS} levels deep; split it.")
        if not isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Call, ast.Compare, ast.Name, ast.Constant)):
            raise FormulaError(
                f"{type(node).__name__} is not read in {shortened(text)}; sides are arithmetic, and calls such as f(y, x)."
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
    """Each token, and within how many parentheses it stands."""
    depth = 0
    for token in tokens:
        depth += (token == "(") - (token == ")")
        yield token, depth


def _derivatives(tokens: Sequence[str], text: str) -> list[str]:
    """The tokens with `d2 f / d x d y` written as a call. Two names side by side mean nothing else."""
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
                f"{' '.join(tokens[at : at + 4])} in {shortened(text)} is no derivative; write d f/d x, d2 f/d x2 or "
                "d2 f/d x d y."
            )
        degree = order.group(1) or "1"
        result += [DERIVATIVE, "(", of, ",", str(int(degree)), *(t for name in along for t in (",", name)), ")"]
        at = after
    return result
