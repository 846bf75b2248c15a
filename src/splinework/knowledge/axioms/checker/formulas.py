"""The checker's own reader of formulas, and their values as bundles.

A text is read by Python's parser into steps, in which equal parts stand once; only arithmetic, comparisons and calls of known
functions are admitted.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from splinework.knowledge.axioms.checker.functions import CURVES, applied, power
from splinework.knowledge.axioms.checker.ranges import Bundle, Mask, Range, exact


class Unreadable(Exception):
    """A text or a model that the checker cannot read; nothing that depends on it is confirmed."""


_SIGNS: Final = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow", ast.USub: "neg", ast.UAdd: "pos",
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip
_ALIASES: Final = {
    "ln": "log", "absolute": "abs", "logistic": "sigmoid", "expit": "sigmoid", "pow": "power", "ceiling": "ceil",
    "minimum": "min", "maximum": "max", "arctan2": "atan2", "loggamma": "gammaln", "lgamma": "gammaln", "psi": "digamma",
    "besselj": "jv", "bessely": "yv", "besseli": "iv", "besselk": "kv",
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
}  # fmt: skip
_DEFINED: Final[Mapping[str, tuple[int, str]]] = {
    "exp2": (1, "2**u"), "expm1": (1, "exp(u) - 1"), "log2": (1, "log(u)/log(2)"), "log10": (1, "log(u)/log(10)"),
    "log1p": (1, "log(1 + u)"), "square": (1, "u**2"), "negative": (1, "-u"), "power": (2, "u**v"), "ceil": (1, "-floor(-u)"),
    "hypot": (2, "sqrt(u**2 + v**2)"), "heaviside": (2, "where(u < 0, 0, where(u > 0, 1, v))"), "erfc": (1, "1 - erf(u)"),
    "atan2": (2,
        "where(v > 0, atan(u/v), where(v < 0, atan(u/v) + "
        "where(u > 0, pi, where(u < 0, -pi, pi*min(1, max(-1, 1/u)))), sign(u)*pi/2))"),  # both sides of the cut
    "digamma": (1, "polygamma(0, u)"), **{f"{kind}{n}": (1, f"{kind}v({n}, u)") for kind in "jyik" for n in (0, 1)},
}  # fmt: skip
"""Functions by others, in `u` and `v`."""
_ORDERED: Final = frozenset({"jv", "yv", "iv", "kv", "polygamma"})
_ARITY: Final = {"min": 2, "max": 2, "where": 3, "logical_and": 2, "logical_or": 2, "logical_not": 1} | {
    name: 2 if name in _ORDERED else 1 for name in CURVES
}


def known_function(name: str) -> bool:
    """Whether a name is that of a function."""
    return _ALIASES.get(name, name) in _ARITY or _ALIASES.get(name, name) in _DEFINED


CONSTANTS: Final = {"pi": 3.141592653589793, "e": 2.718281828459045}


class FormulaStep(NamedTuple):
    """An operation on the values of earlier steps, a column, or a number."""

    name: str
    arguments: tuple[int, ...] = ()
    value: float = 0.0


@dataclass(frozen=True)
class FormulaSteps:
    """A formula as steps, the last of which is its value."""

    steps: tuple[FormulaStep, ...]

    def run(
        self, columns: Sequence[Any], algebra: Mapping[str, Callable[..., Any]], number: Callable[[float], Any]
    ) -> Any:
        """The value in an algebra; functions that it lacks are evaluated by their definition."""
        values: list[Any] = []
        for step in self.steps:
            if step.name == "column":
                values.append(columns[int(step.value)])
            elif step.name == "number":
                values.append(number(step.value))
            elif step.name in algebra:
                values.append(algebra[step.name](*(values[a] for a in step.arguments)))
            elif step.name in _DEFINED:
                inside = read(_DEFINED[step.name][1], ("u", "v"))
                values.append(inside.run([values[a] for a in step.arguments], algebra, number))
            else:
                raise Unreadable(f"the checker has no rule for {step.name}")
        return values[-1]


@lru_cache(maxsize=4096)
def read(text: str, names: tuple[str, ...]) -> FormulaSteps:
    """The program of a text over columns.

    Raises:
        Unreadable: If it is more than arithmetic, comparisons and calls of known functions.
    """
    try:
        return program_of(ast.parse(text.strip(), mode="eval").body, names)
    except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError) as error:
        raise Unreadable(f"the formula {text[:80]!r} cannot be read ({error})") from None


def program_of(tree: ast.expr, names: Sequence[str]) -> FormulaSteps:
    """The program of a syntax tree."""
    steps: dict[FormulaStep, int] = {}
    values: list[int] = []
    pending: list[tuple[Any, int]] = [(tree, -1)]
    while pending:
        node, count = pending.pop()
        if isinstance(node, str):  # the operation, after its operands
            arguments = tuple(values[len(values) - count :])
            del values[len(values) - count :]
            values.append(steps.setdefault(FormulaStep(node, arguments), len(steps)))
            continue
        name, operands = _operation(node, names)
        if isinstance(name, FormulaStep):
            values.append(steps.setdefault(name, len(steps)))
        else:
            pending.append((name, len(operands)))
            pending += [(each, -1) for each in reversed(operands)]
    last = values[0]
    return FormulaSteps((*steps, FormulaStep("pos", (last,))))


def _operation(node: ast.expr, names: Sequence[str]) -> tuple[str | FormulaStep, list[ast.expr]]:
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        return _SIGNS[type(node.op)], [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and type(node.op) in _SIGNS:
        return _SIGNS[type(node.op)], [node.operand]
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _SIGNS:
        return _SIGNS[type(node.ops[0])], [node.left, node.comparators[0]]
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return FormulaStep("number", (), float(str(node.value))), []
    if isinstance(node, ast.Name) and node.id in names:
        return FormulaStep("column", (), float(list(names).index(node.id))), []
    if isinstance(node, ast.Name) and node.id in CONSTANTS:
        return FormulaStep("number", (), CONSTANTS[node.id]), []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        name = _ALIASES.get(node.func.id, node.func.id)
        arity = _ARITY[name] if name in _ARITY else _DEFINED.get(name, (-1, ""))[0]
        if arity == len(node.args):
            return name, node.args[name in _ORDERED :]
    raise Unreadable(f"the checker cannot read {ast.unparse(node)[:80]!r}")


def without(program: FormulaSteps, part: FormulaSteps) -> FormulaSteps:
    """A program with zero in place of a part that is written as another program over its first columns."""
    known: dict[tuple[Any, ...], int] = {}

    def keys(steps: Sequence[FormulaStep]) -> list[int]:
        found: list[int] = []
        for step in steps:
            key = (step.name, tuple(found[a] for a in step.arguments), step.value)
            found.append(known.setdefault(key, len(known)))
        return found

    wanted = keys(part.steps)[part.steps[-1].arguments[0]]
    pairs = zip(program.steps, keys(program.steps), strict=True)
    return FormulaSteps(tuple(FormulaStep("number") if key == wanted else step for step, key in pairs))


# --------------------------------------------------------------------------------------------------------- bundles

Truth = tuple[Mask, Mask]
"""Where a condition certainly holds, and where it certainly does not, `(B,)` each."""


def _compared(name: str) -> Callable[[Bundle, Bundle], Truth]:
    def of(f: Bundle, g: Bundle) -> Truth:
        lo, hi = (f.v.lo - g.v.hi)[:, 0], (f.v.hi - g.v.lo)[:, 0]  # a difference of doubles has the exact sign
        if name in ("eq", "ne"):
            same, apart = (lo == 0) & (hi == 0), (lo > 0) | (hi < 0)
            return (same, apart) if name == "eq" else (apart, same)
        less = {"lt": (hi < 0, lo >= 0), "le": (hi <= 0, lo > 0)}
        return less[name] if name in less else less["le" if name == "gt" else "lt"][::-1]

    return of


def _chosen(condition: Truth, f: Bundle, g: Bundle) -> Bundle:
    """One of two; where the condition is open, either value and any slope."""
    always, never = condition
    f, g = f.mixed(), g.mixed()

    def part(x: Range | None, y: Range | None, more: int) -> Range | None:
        if x is None or y is None:
            return None
        a, n = (mask.reshape((-1,) + (1,) * more) for mask in (always, never))
        both = x.hull(y) if more == 1 else Range(np.full_like(x.lo, -np.inf), np.full_like(x.hi, np.inf))
        return Range(np.where(a, x.lo, np.where(n, y.lo, both.lo)), np.where(a, x.hi, np.where(n, y.hi, both.hi)))

    value = part(f.v, g.v, 1)
    assert value is not None
    sound = (f.sound | never) & (g.sound | always)
    return Bundle(f.pairs, value, part(f.d, g.d, 2), part(f.h, g.h, 2), sound)


def _extreme(largest: bool) -> Callable[[Bundle, Bundle], Bundle]:
    choose = np.maximum if largest else np.minimum

    def of(f: Bundle, g: Bundle) -> Bundle:
        apart = applied("abs", f + -g)
        half = (f + g + (apart if largest else -apart)).scaled(exact(0.5))
        return replace(half, v=Range(choose(f.v.lo, g.v.lo), choose(f.v.hi, g.v.hi)))

    return of


BUNDLES: Final[Mapping[str, Callable[..., Any]]] = {
    "add": lambda f, g: f + g,
    "sub": lambda f, g: f + -g,
    "mul": lambda f, g: f * g,
    "div": lambda f, g: f * applied("reciprocal", g),
    "pow": power,
    "neg": lambda f: -f,
    "pos": lambda f: f,
    "min": _extreme(False),
    "max": _extreme(True),
    "where": _chosen,
    "logical_and": lambda p, q: (p[0] & q[0], p[1] | q[1]),
    "logical_or": lambda p, q: (p[0] | q[0], p[1] & q[1]),
    "logical_not": lambda p: (p[1], p[0]),
    **{name: _compared(name) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    **{name: (lambda f, name=name: applied(name, f)) for name in CURVES},
}
"""The operations of formulas on bundles."""
