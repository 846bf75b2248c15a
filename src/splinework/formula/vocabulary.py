"""What a formula's text may call, as sympy expressions: numpy's names as our own text uses them, and the rarer functions.

Every function that `splinework.formula.expressions` evaluates is here too, with the same meaning.
"""

from collections.abc import Callable
from typing import Any, Final

import sympy

Build = Callable[..., Any]

_PLAIN = ("sin", "cos", "tan", "sinh", "cosh", "tanh")
_INVERSE = ("sin", "cos", "tan", "sinh", "cosh", "tanh")
_SPECIAL = ("erf", "erfc", "gamma", "digamma")


def _bessel(kind: str) -> Build:
    family: Build = getattr(sympy, f"bessel{kind}")
    return family


def _ordered(kind: str, order: int) -> Build:
    return lambda z: _bessel(kind)(sympy.Integer(order), z)


def _where(condition: Any, value: Any, otherwise: Any) -> Any:
    return sympy.Piecewise((value, condition), (otherwise, True))


def _extreme(family: Any, best: Callable[..., Any]) -> Build:
    """`Min` or `Max`: nested ones flattened, numbers compared, the rest left alone (sympy compares all with all)."""

    def build(*arguments: Any) -> Any:
        flat = [part for a in arguments for part in (a.args if isinstance(a, family) else (a,))]
        numbers = [part for part in flat if part.is_Number]
        rest = list(dict.fromkeys(part for part in flat if not part.is_Number))
        kept = [*rest, best(numbers)] if numbers else rest
        return kept[0] if len(kept) == 1 else family(*kept, evaluate=False)

    return build


UNARY: Final[dict[str, Build]] = {
    **{name: getattr(sympy, name) for name in (*_PLAIN, *_SPECIAL, "exp", "log", "sqrt", "sign", "floor")},
    **{f"{arc}{name}": getattr(sympy, f"a{name}") for name in _INVERSE for arc in ("arc", "a")},
    **{f"{kind}{order}": _ordered(kind, order) for kind in "jyik" for order in (0, 1)},
    "psi": sympy.digamma,
    "gammaln": sympy.loggamma,
    "exp2": lambda z: sympy.Integer(2) ** z,
    "expm1": lambda z: sympy.exp(z) - 1,
    "log2": lambda z: sympy.log(z) / sympy.log(2),
    "log10": lambda z: sympy.log(z) / sympy.log(10),
    "log1p": lambda z: sympy.log(1 + z),
    "cbrt": lambda z: sympy.sign(z) * sympy.Abs(z) ** sympy.Rational(1, 3),
    "square": lambda z: z**2,
    "reciprocal": lambda z: 1 / z,
    "negative": lambda z: -z,
    "abs": sympy.Abs,
    "absolute": sympy.Abs,
    "sinc": lambda z: sympy.sinc(sympy.pi * z),
    "ceil": sympy.ceiling,
}
"""Functions of one argument."""
BINARY: Final[dict[str, Build]] = {
    "minimum": _extreme(sympy.Min, min),
    "maximum": _extreme(sympy.Max, max),
    "hypot": lambda x, y: sympy.sqrt(x**2 + y**2),
    "arctan2": sympy.atan2,
    "power": sympy.Pow,
    "heaviside": sympy.Heaviside,
}
"""Functions of two arguments."""
ORDERED: Final[dict[str, Build]] = {f"{kind}v": _bessel(kind) for kind in "jyik"}
"""Bessel functions of an order, a whole number, and an argument."""
LOGIC: Final[dict[str, tuple[Build, int]]] = {
    "logical_and": (sympy.And, 2),
    "logical_or": (sympy.Or, 2),
    "logical_not": (sympy.Not, 1),
}
"""Functions of truth values."""
COMPARISONS: Final[dict[str, Build]] = {
    "Lt": sympy.StrictLessThan,
    "LtE": sympy.LessThan,
    "Gt": sympy.StrictGreaterThan,
    "GtE": sympy.GreaterThan,
    "Eq": sympy.Equality,
    "NotEq": sympy.Unequality,
}
"""Names of Python's signs between two numbers, as `ast` calls them."""
CHOICE: Final[Build] = _where
"""`where(condition, value, otherwise)`."""
FUNCTIONS: Final[dict[str, tuple[Build, int]]] = {
    **{name: (build, 1) for name, build in UNARY.items()},
    **{name: (build, 2) for name, build in {**BINARY, **ORDERED}.items()},
}
"""Name -> (function of sympy expressions, number of arguments): all that takes and gives numbers."""
EXACT: Final = frozenset(
    {"sin", "cos", "tan", "exp", "log", "sqrt", "abs", "absolute", "square", "reciprocal", "negative"}
)
"""Functions that small exact numbers go into as they are, so that `sqrt(2)` and `exp(1)` stay exact."""
