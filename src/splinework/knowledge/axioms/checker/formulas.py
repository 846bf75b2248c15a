"""The checker's language: formulas, and what claims say about a model, read by Python's parser into steps.

In claims, `X[i]` is a variable, `F[j]` an output of the model at its inputs, `F[j](a, b)` at others, `D[j, i, k]` a derivative
of it. Of what users write, only arithmetic, comparisons and calls of known functions are admitted.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple


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
FUNCTIONS: Final = (
    "exp", "log", "sqrt", "tanh", "sigmoid", "softplus", "sin", "cos", "tan", "sinh", "cosh", "atan", "asin", "acos",
    "reciprocal", "cbrt", "asinh", "acosh", "atanh", "erf", "abs", "floor", "sign", "sinc", "gamma", "gammaln",
)  # fmt: skip
"""Functions of one argument."""
ORDERED: Final = ("jv", "yv", "iv", "kv", "polygamma")
"""Functions of an order, which is not used, and one argument."""
_ARITY: Final = {"min": 2, "max": 2, "where": 3, "logical_and": 2, "logical_or": 2, "logical_not": 1} | {
    **dict.fromkeys(FUNCTIONS, 1), **dict.fromkeys(ORDERED, 2)
}  # fmt: skip
CONSTANTS: Final = {"pi": 3.141592653589793, "e": 2.718281828459045}


def known_function(name: str) -> bool:
    """Whether a name is that of a function."""
    return _ALIASES.get(name, name) in _ARITY or _ALIASES.get(name, name) in _DEFINED


class FormulaStep(NamedTuple):
    """An operation on the values of earlier steps; or a column, a number, an output (`f`), a derivative (`d`) with its value."""

    name: str
    arguments: tuple[int, ...] = ()
    value: Any = 0.0


@dataclass(frozen=True)
class FormulaSteps:
    """A formula as steps, of which equal ones stand once and the last is its value."""

    steps: tuple[FormulaStep, ...]

    def run(self, columns: Sequence[Any], view: Any) -> Any:
        """The value in a view, which has the operations; functions that it lacks are evaluated by their definition."""
        values: list[Any] = []
        for step in self.steps:
            held = [values[a] for a in step.arguments]
            if step.name == "column":
                values.append(columns[step.value])
            elif step.name == "number":
                values.append(view.number(step.value))
            elif step.name == "f":
                values.append(view.f(held)[step.value])
            elif step.name == "d":
                values.append(view.partial(step.value[0], step.value[1:]))
            elif step.name in view.algebra:
                values.append(view.algebra[step.name](*held))
            elif step.name in _DEFINED:
                values.append(read(_DEFINED[step.name][1], ("u", "v")).run(held, view))
            else:
                raise Unreadable(f"the checker has no rule for {step.name}")
        return values[-1]

    def __call__(self, view: Any) -> Any:
        return self.run(view.x, view)

    @cached_property
    def along(self) -> set[tuple[int, ...]]:
        """The derivatives in it."""
        return {step.value[1:] for step in self.steps if step.name == "d"}

    @cached_property
    def nested(self) -> bool:
        """Whether the model is applied to what depends on the model."""
        on_model = list[bool]()
        for step in self.steps:
            on_model.append(step.name in ("f", "d") or any(on_model[a] for a in step.arguments))
        return any(s.name == "f" and any(on_model[a] for a in s.arguments) for s in self.steps)

    def without(self, part: "FormulaSteps") -> "FormulaSteps":
        """The same with zero in place of a part that is written as another program over the first columns."""
        known: dict[tuple[Any, ...], int] = {}

        def keys(steps: Sequence[FormulaStep]) -> list[int]:
            found: list[int] = []
            for step in steps:
                key = (step.name, tuple(found[a] for a in step.arguments), step.value)
                found.append(known.setdefault(key, len(known)))
            return found

        wanted = keys(part.steps)[part.steps[-1].arguments[0]]
        pairs = zip(self.steps, keys(self.steps), strict=True)
        return FormulaSteps(tuple(FormulaStep("number") if key == wanted else step for step, key in pairs))


@lru_cache(maxsize=4096)
def read(text: str, names: tuple[str, ...] = (), *, claim: bool = False) -> FormulaSteps:
    """The program of a text over columns.

    Raises:
        Unreadable: If it is more than arithmetic, comparisons and calls of known functions, and of the model in a claim.
    """
    try:
        return program_of(ast.parse(text.strip(), mode="eval").body, names, claim=claim)
    except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError) as error:
        raise Unreadable(f"the formula {text[:80]!r} cannot be read ({error})") from None


def program_of(tree: ast.expr, names: Sequence[str] = (), *, claim: bool = False) -> FormulaSteps:
    """The program of a syntax tree."""
    steps: dict[FormulaStep, int] = {}
    values: list[int] = []
    pending: list[tuple[Any, int]] = [(tree, -1)]
    while pending:
        node, count = pending.pop()
        if isinstance(node, FormulaStep):  # the operation, after its operands
            arguments = tuple(values[len(values) - count :])
            del values[len(values) - count :]
            values.append(steps.setdefault(node._replace(arguments=arguments), len(steps)))
            continue
        step, operands = _step(node, names, claim)
        pending.append((step, len(operands)))
        pending += [(each, -1) for each in reversed(operands)]
    return FormulaSteps((*steps, FormulaStep("pos", (values[0],))))


def _step(node: ast.expr, names: Sequence[str], claim: bool) -> tuple[FormulaStep, list[ast.expr]]:
    match node:
        case ast.BinOp(op=op) if type(op) in _SIGNS:
            return FormulaStep(_SIGNS[type(op)]), [node.left, node.right]
        case ast.UnaryOp(op=op) if type(op) in _SIGNS:
            return FormulaStep(_SIGNS[type(op)]), [node.operand]
        case ast.Compare(ops=[op]) if type(op) in _SIGNS:
            return FormulaStep(_SIGNS[type(op)]), [node.left, node.comparators[0]]
        case ast.Constant(value=value) if type(value) in (int, float):
            return FormulaStep("number", (), float(str(value))), []
        case ast.Name(id=name) if name in names:
            return FormulaStep("column", (), list(names).index(name)), []
        case ast.Name(id=name) if name in CONSTANTS:
            return FormulaStep("number", (), CONSTANTS[name]), []
        case ast.Subscript(value=ast.Name(id=name)) if claim and name in ("X", "F", "D"):
            place = ast.literal_eval(node.slice)
            along = place if isinstance(place, tuple) else (place,)
            return (FormulaStep("column", (), place) if name == "X" else FormulaStep("d", (), along)), []
        case ast.Call(func=ast.Subscript(slice=place)) if claim:
            return FormulaStep("f", (), ast.literal_eval(place)), node.args
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            name = _ALIASES.get(name, name)
            if len(args) == (_ARITY[name] if name in _ARITY else _DEFINED.get(name, (-1, ""))[0]):
                return FormulaStep(name), args[name in ORDERED :]
    raise Unreadable(f"the checker cannot read {ast.unparse(node)[:80]!r}")
