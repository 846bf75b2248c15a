"""The formulas of a frame as text of other languages: what each of them calls the operations of `splinework.nn.frame.Expression`.

The softplus is the straight line beyond 50, as in `frame/expression.py`: nothing of it is left there in double precision.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from splinework.export.dialect import Dialect
from splinework.nn.frame import Expression, Frame

LINE: Final = 50
"""Beyond this the softplus is a straight line."""
_PLAIN: Final = ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "floor")
_SIGNS: Final[dict[str, Callable[..., str]]] = {
    "add": lambda a, b: f"({a} + {b})",
    "sub": lambda a, b: f"({a} - {b})",
    "mul": lambda a, b: f"({a} * {b})",
    "div": lambda a, b: f"({a} / {b})",
    "neg": lambda a: f"(-{a})",
    "pos": lambda a: a,
}


def clike_formulas(formulas: Sequence[Expression], columns: Sequence[str], d: Dialect) -> list[str]:
    """Formulas of texts as texts of C or JavaScript."""
    algebra: dict[str, Callable[..., str]] = {
        **_SIGNS,
        **{name: _called(d.call(name)) for name in _PLAIN},
        "pow": _called(d.call("pow")),
        "abs": _called(d.call(d.absolute)),
        **{name: _called(d.name(name)) for name in _HELPERS},
    }
    return [str(formula.run(columns, algebra, lambda value: _bracketed(d.number(value)))) for formula in formulas]


def clike_helpers(frame: Frame, d: Dialect) -> list[str]:
    """The functions that a frame's formulas call and the language lacks."""
    used = {step.operation for formula in (*frame.before, *frame.after) for step in formula.program}
    one, two = [("number", "x")], [("number", "a"), ("number", "b")]
    exp, log = d.call("exp"), d.call("log1p")
    bodies = {
        "sigmoid": (one, f"return 1 / (1 + {exp}(-x));"),
        "softplus": (one, f"return x > {LINE} ? x : {log}({exp}(x));"),
        "min": (two, "return a != a || a < b ? a : b;"),  # NaN stays, as in torch
        "max": (two, "return a != a || a > b ? a : b;"),
    }
    return [d.function(name, "number", *_of(bodies[name])) for name in _HELPERS if name in used]


_HELPERS: Final = ("sigmoid", "softplus", "min", "max")


def _of(body: tuple[list[tuple[str, str]], str]) -> tuple[list[tuple[str, str]], list[str]]:
    return body[0], [body[1]]


NUMPY: Final[Mapping[str, Callable[..., str]]] = {
    **_SIGNS,
    **{name: (lambda a, f=name: f"np.{f}({a})") for name in _PLAIN if not name.startswith("a")},
    **{name: (lambda a, f=name: f"np.arc{f[1:]}({a})") for name in ("asin", "acos", "atan")},
    "pow": lambda a, b: f"({a} ** {b})",
    "abs": lambda a: f"np.abs({a})",
    "min": lambda a, b: f"np.minimum({a}, {b})",
    "max": lambda a, b: f"np.maximum({a}, {b})",
    "sigmoid": lambda a: f"(1 / (1 + np.exp(-{a})))",
    "softplus": lambda a: f"_softplus({a})",
}
"""Operations in the NumPy file; `NUMPY_SOFTPLUS` is the source of the one that it calls."""
NUMPY_SOFTPLUS: Final = f"""def _softplus(x):
    return np.where(x > {LINE}, x, np.log1p(np.exp(np.minimum(x, {LINE}))))"""
NUMPY_COLUMNS: Final = """def _columns(x, *values):
    return np.column_stack([np.broadcast_to(value, len(x)) for value in values])"""

SYMPY: Final[Mapping[str, Callable[..., str]]] = {
    **_SIGNS,
    **{name: (lambda a, f=name: f"{f}({a})") for name in _PLAIN},
    "pow": lambda a, b: f"({a} ** {b})",
    "abs": lambda a: f"Abs({a})",
    "min": lambda a, b: f"Min({a}, {b})",
    "max": lambda a, b: f"Max({a}, {b})",
    "sigmoid": lambda a: f"(1/(1 + exp(-{a})))",
    "softplus": lambda a: f"log(1 + exp({a}))",
}
"""Operations in the file for sympy."""


def python_formulas(
    formulas: Sequence[Expression], columns: Sequence[str], algebra: Mapping[str, Callable[..., str]]
) -> list[str]:
    """Formulas of texts as texts of Python. Whole numbers are written as such: they are exact as exponents."""
    return [str(formula.run(columns, algebra, _number)) for formula in formulas]


def _number(value: float) -> str:
    return _bracketed(str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value))


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _called(function: str) -> Callable[..., str]:
    return lambda *arguments: f"{function}({', '.join(_bare(a) for a in arguments)})"


def _bare(text: Any) -> str:
    """A text without the brackets around all of it."""
    depth = 0
    for place, letter in enumerate(str(text)):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and place < len(text) - 1:
            return str(text)
    return str(text)[1:-1] if str(text).startswith("(") else str(text)
