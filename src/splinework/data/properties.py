"""Proved properties of a formula on a box: monotone, convex, symmetric, bounded, …, in the language of axioms.

Derivatives are symbolic and enclosed by interval arithmetic on a partition of the box; symmetry, parity and absence of
interactions follow from the expression tree. The statements are sound (up to rounding) but not complete.
"""

import ast
import math
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Final

import numpy as np

from splinework.data.inputs import Input
from splinework.data.random_streams import Floats
from splinework.errors import FormulaError
from splinework.formula.derivatives import constant, derivative, function_name
from splinework.formula.enclosures import continuous, enclose
from splinework.formula.expression import Expression
from splinework.formula.functions import FUNCTIONS
from splinework.formula.reading import names_in, parse

_MAX_BOXES: Final = 4096
"""Maximum number of boxes of the partition."""
_MAX_PIECES_PER_SIDE: Final = 64
"""Maximum number of pieces of a side of the box."""
_MAX_INPUTS: Final = 12
"""Maximum number of inputs for which derivatives and pairs are examined."""
_MAX_DEPTH: Final = 150
"""Maximum depth of an examined expression tree, because of recursion."""
_RELATIVE_TOLERANCE: Final = 1e-12
"""Derivatives below this fraction of the largest count as 0."""
Ends = tuple[Floats, Floats]
"""Lower and upper ends of intervals, one for each piece of the box."""


@lru_cache(maxsize=256)
def statements(text: str, inputs: tuple[Input, ...]) -> tuple[str, ...]:
    """Axioms that a formula fulfils on the box of its inputs.

    Returns:
        Axioms as text: `monotone(x)`, `monotone(x, increasing=False)`, `convex(x)`, `concave(x)`, `even(x)`,
        `odd(x)`, `periodic(x, period=…)`, `symmetric(x, y)`, `antisymmetric(x, y)`, `no_interaction(x, y)`, `additive()` and
        `bounded(lower=…, upper=…)`.

    Example:
        >>> statements("a*exp(b)", (Input("a", 0, 1), Input("b", 0, 1)))[:3]
        ('monotone(a)', 'monotone(b)', 'convex(a)')
    """
    tree = parse(text)
    if _depth(tree) > _MAX_DEPTH:
        return ()
    active = [one for one in inputs if one.name in names_in(tree, [each.name for each in inputs])]
    ranges = _partition(active)
    found: list[str] = []
    if 0 < len(active) <= _MAX_INPUTS and continuous(
        text, ranges
    ):  # across a pole the sign of the slope proves nothing
        found += _slopes(text, active, ranges, 1)
        if not any(isinstance(one, ast.Call) and FUNCTIONS[function_name(one)].kinks for one in ast.walk(tree)):
            found += _slopes(text, active, ranges, 2)
    found += _parities(tree, active) + _periods(tree, active)
    if len(active) <= _MAX_INPUTS:
        found += _pairs(tree, active)
    low, high = enclose(text, ranges)
    lower, upper = _down(float(low.min())), -_down(-float(high.max()))
    if active and np.isfinite(low).all() and np.isfinite(high).all() and lower < upper:
        found.append(f"bounded(lower={lower!r}, upper={upper!r})")
    return tuple(found)


def _depth(tree: ast.AST) -> int:
    """Depth of a tree."""
    level, depth = [tree], 0
    while level:
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        depth += 1
    return depth


def _partition(inputs: Sequence[Input]) -> dict[str, Ends]:
    """A partition of the box: for each input the ends of its interval in every piece."""
    if not inputs:
        return {}
    pieces = max(min(int(_MAX_BOXES ** (1 / len(inputs)) + 1e-9), _MAX_PIECES_PER_SIDE), 1)
    edges = [np.linspace(one.low, one.high, pieces + 1) for one in inputs]
    whole = pieces == 1  # NumPy limits the number of dimensions
    index = np.zeros((len(inputs), 1), int) if whole else np.indices((pieces,) * len(inputs)).reshape(len(inputs), -1)
    return {one.name: (edge[i], edge[i + 1]) for one, edge, i in zip(inputs, edges, index, strict=True)}


def _slopes(text: str, inputs: Sequence[Input], ranges: Mapping[str, Ends], order: int) -> list[str]:
    """Inputs in which the first (or second) derivative has one sign."""
    found = []
    rising, falling = (("monotone(%s)", "monotone(%s, increasing=False)"), ("convex(%s)", "concave(%s)"))[order - 1]
    for one in inputs:
        try:
            slope = derivative(text, one.name)
            low, high = enclose(slope if order == 1 else derivative(slope, one.name), ranges)
        except FormulaError:
            continue  # a function without a derivative
        if order == 2 and not (low.any() or high.any()) and not np.isnan(low).any():
            found.append(f"convex({one.name})")  # linear, so also concave
            continue
        slack = _RELATIVE_TOLERANCE * float(max(np.abs(low).max(), np.abs(high).max()))
        slack = slack if math.isfinite(slack) else 0.0
        if (low >= -slack).all():
            found.append(rising % one.name)
        elif (high <= slack).all():
            found.append(falling % one.name)
    return found


def _parities(tree: ast.expr, inputs: Sequence[Input]) -> list[str]:
    plain = _canonical(tree, {})
    found = []
    for one in inputs:
        if one.low == -one.high:
            sign, key = _canonical(tree, {one.name: (-1, one.name)})
            if key == plain[1]:
                found.append(f"{'even' if sign == plain[0] else 'odd'}({one.name})")
    return found


def _periods(tree: ast.expr, inputs: Sequence[Input]) -> list[str]:
    found = []
    for one in inputs:
        rates = _rates(tree, one.name, [each.name for each in inputs])
        if rates:
            slowest = min(rates)
            period = 2 * math.pi / slowest
            whole = all(abs(rate / slowest - round(rate / slowest)) < 1e-12 * rate / slowest for rate in rates)
            if whole and one.high - one.low >= period:
                found.append(f"periodic({one.name}, period={period!r})")
    return found


def _rates(node: ast.expr, name: str, names: Collection[str]) -> list[float] | None:
    """Angular frequencies of a variable in the sines and cosines of a tree; None if it occurs elsewhere."""
    if isinstance(node, ast.Name):
        return None if node.id == name else []
    if isinstance(node, ast.Call) and function_name(node) in ("sin", "cos") and name in names_in(node, [name]):
        try:
            rate = derivative(ast.unparse(node.args[0]), name)
        except FormulaError:  # a function without a derivative
            return None
        if not names_in(parse(rate), names):
            value = abs(float(Expression(rate, [name])(np.zeros((1, 1)))[0]))
            return [value] if value > 0 else None
    inner = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    parts = [_rates(child, name, names) for child in inner if isinstance(child, ast.expr)]
    return None if any(part is None for part in parts) else [rate for part in parts if part for rate in part]


def _pairs(tree: ast.expr, inputs: Sequence[Input]) -> list[str]:
    plain = _canonical(tree, {})
    every = [one.name for one in inputs]
    terms = [names_in(term, every) for term in _terms(tree, every)]
    found = []
    for a, b in combinations(inputs, 2):
        if (a.low, a.high) == (b.low, b.high):
            sign, key = _canonical(tree, {a.name: (1, b.name), b.name: (1, a.name)})
            if key == plain[1]:
                found.append(f"{'symmetric' if sign == plain[0] else 'antisymmetric'}({a.name}, {b.name})")
        if not any({a.name, b.name} <= names for names in terms):
            found.append(f"no_interaction({a.name}, {b.name})")
    if len(inputs) > 1 and all(len(names) <= 1 for names in terms):
        found.append("additive()")
    return found


def _terms(node: ast.expr, names: Collection[str]) -> list[ast.expr]:
    """The terms of the outermost sum, ignoring constant factors."""
    if isinstance(node, ast.UnaryOp):
        return _terms(node.operand, names)
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, (ast.Add, ast.Sub)):
            return [*_terms(node.left, names), *_terms(node.right, names)]
        if isinstance(node.op, (ast.Mult, ast.Div)) and not names_in(node.right, names):
            return _terms(node.left, names)
        if isinstance(node.op, ast.Mult) and not names_in(node.left, names):
            return _terms(node.right, names)
    return [node]


def _canonical(node: ast.expr, moved: Mapping[str, tuple[int, str]]) -> tuple[int, str]:
    """A sign and a text that are invariant under reordering of terms and factors; `moved` replaces variables."""
    if isinstance(node, ast.Constant):
        value = float(node.value)  # type: ignore[arg-type]  # the lexer accepts numbers only
        return 1, repr(value)
    if isinstance(node, ast.Name):
        return moved.get(node.id, (1, node.id))
    if isinstance(node, ast.UnaryOp):
        sign, key = _canonical(node.operand, moved)
        return (-sign if isinstance(node.op, ast.USub) else sign), key
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, (ast.Add, ast.Sub)):
            return _canonical_sum(node, moved)
        if isinstance(node.op, (ast.Mult, ast.Div)):
            return _canonical_product(node, moved)
        return _canonical_power(node.left, node.right, moved)
    if isinstance(node, ast.Compare):
        sides = [_canonical(side, moved) for side in (node.left, *node.comparators)]
        return 1, f"({type(node.ops[0]).__name__} {' '.join(f'{sign:+}{key}' for sign, key in sides)})"
    assert isinstance(node, ast.Call)
    name, arguments = function_name(node), [_canonical(argument, moved) for argument in node.args]
    if FUNCTIONS[name].parity == "odd":
        return arguments[0][0], f"{name}({arguments[0][1]})"
    if FUNCTIONS[name].parity == "even":
        return 1, f"{name}({arguments[0][1]})"
    if name == "hypot":
        return 1, f"{name}({', '.join(sorted(key for _, key in arguments))})"
    texts = [f"{sign:+}{key}" for sign, key in arguments]
    return 1, f"{name}({', '.join(sorted(texts) if name in ('min', 'max') else texts)})"


def _canonical_sum(node: ast.BinOp, moved: Mapping[str, tuple[int, str]]) -> tuple[int, str]:
    terms: list[tuple[str, int]] = []

    def gather(part: ast.expr, sign: int) -> None:
        if isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Add, ast.Sub)):
            gather(part.left, sign)
            gather(part.right, sign if isinstance(part.op, ast.Add) else -sign)
        else:
            own, key = _canonical(part, moved)
            terms.append((key, own * sign))

    gather(node, 1)
    terms.sort()
    first = terms[0][1]
    return first, "(" + " ".join(f"{sign * first:+}{key}" for key, sign in terms) + ")"


def _canonical_product(node: ast.BinOp, moved: Mapping[str, tuple[int, str]]) -> tuple[int, str]:
    factors: list[str] = []
    sign = 1

    def gather(part: ast.expr, mark: str) -> None:
        nonlocal sign
        if isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Mult, ast.Div)):
            gather(part.left, mark)
            gather(part.right, mark if isinstance(part.op, ast.Mult) else {"*": "/", "/": "*"}[mark])
        else:
            own, key = _canonical(part, moved)
            sign *= own
            factors.append(mark + key)

    gather(node, "*")
    return sign, "(" + " ".join(sorted(factors)) + ")"


def _canonical_power(base: ast.expr, exponent: ast.expr, moved: Mapping[str, tuple[int, str]]) -> tuple[int, str]:
    sign, key = _canonical(base, moved)
    value = constant(exponent)
    if value is not None and value == int(value):
        return (sign if int(value) % 2 else 1), f"{key}**{int(value)}"
    own, power = _canonical(exponent, moved)
    return 1, f"({sign:+}{key})**({own:+}{power})"


def _down(value: float) -> float:
    """The value rounded down to 6 digits."""
    rounded = float(f"{value:.6g}")
    return rounded if rounded <= value else float(f"{value - abs(value) * 1e-5:.6g}")
