"""The formulas of a frame in other languages, by the templates of `splinework.formula.functions`.

The softplus is linear beyond 50, as in `formula/tensors.py`, exact in double precision. A function that a language lacks is
written by its definition.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from splinework.errors import FormulaError
from splinework.export.dialect import Dialect
from splinework.formula.functions import COMPARISONS, FUNCTIONS
from splinework.nn.frame import Expression

SOFTPLUS_THRESHOLD: Final = 50
"""Value beyond which the softplus is linear."""
Text = Callable[..., str]

_SIGNS: Final[Mapping[str, Text]] = {
    "add": lambda a, b: f"({a} + {b})",
    "sub": lambda a, b: f"({a} - {b})",
    "mul": lambda a, b: f"({a} * {b})",
    "div": lambda a, b: f"({a} / {b})",
    "neg": lambda a: f"(-{a})",
    "pos": lambda a: a,
    **{name: (lambda a, b, sign=sign: f"({a} {sign} {b})") for name, sign in COMPARISONS.items()},
}
_HELPERS: Final = ("sigmoid", "softplus", "min", "max", "sign")
"""Functions that are defined in artefacts in C and JavaScript."""
_NOT_IN_LIBRARY: Final = ("digamma",)
"""Functions missing from the mathematical library of C."""


def _templates(language: str) -> dict[str, Text]:
    """Function → text of a call, for the functions of the language."""
    found = {}
    for each in FUNCTIONS.values():
        if language in each.texts and not each.order:
            template = each.texts[language]
            found[each.name] = lambda *arguments, template=template: template.format(*map(_bare, arguments))
    return found


def clike_formulas(formulas: Sequence[Expression], columns: Sequence[str], d: Dialect) -> list[str]:
    """Formulas in C or JavaScript.

    Raises:
        FormulaError: If the language lacks a function.
    """
    algebra = {**_SIGNS, **_called_by(d)}
    return _written(formulas, columns, algebra, lambda value: bracketed(d.number(value)), d.language)


def _called_by(d: Dialect) -> dict[str, Text]:
    """Calls of the mathematical library, by the names for the artefact's precision, and of the artefact's functions."""
    library = {
        name: _template(template, d)
        for name, template in ((each.name, each.texts.get(d.language, "")) for each in FUNCTIONS.values())
        if template and name not in _NOT_IN_LIBRARY
    }
    return {
        **library,
        "pow": _called(d.call("pow")),
        **{name: _called(d.name(name)) for name in _HELPERS},
        "where": lambda condition, a, b: f"({condition} ? {a} : {b})",
        "logical_and": lambda a, b: f"({a} && {b})",
        "logical_or": lambda a, b: f"({a} || {b})",
        "logical_not": lambda a: f"(!{a})",
    }


def _template(template: str, d: Dialect) -> Text:
    name = template.partition("(")[0]
    return _called(d.call(name)) if name else lambda *arguments: template.format(*map(_bare, arguments))


def clike_helpers(formulas: Sequence[Expression], d: Dialect) -> list[str]:
    """Definitions of the functions that formulas call and the language lacks."""
    used: set[str] = set()

    def noting(name: str) -> Text:
        def of(*_: str) -> str:
            used.add(name)
            return "0"

        return of

    notes = {name: noting(name) for name in _HELPERS}
    for formula in formulas:
        algebra = {**_SIGNS, **_called_by(d), **notes}
        _written([formula], ["0"] * len(formula.names), algebra, lambda value: "0", d.language)
    one, two = [("number", "x")], [("number", "a"), ("number", "b")]
    exp, log = d.call("exp"), d.call("log1p")
    bodies = {
        "sigmoid": (one, f"return 1 / (1 + {exp}(-x));"),
        "softplus": (one, f"return x > {SOFTPLUS_THRESHOLD} ? x : {log}({exp}(x));"),
        "min": (two, "return a != a || a < b ? a : b;"),  # NaN propagates, as in torch
        "max": (two, "return a != a || a > b ? a : b;"),
        "sign": (one, "return x > 0 ? 1 : x < 0 ? -1 : x;"),  # zero and NaN are returned unchanged
    }
    return [d.function(name, "number", bodies[name][0], [bodies[name][1]]) for name in _HELPERS if name in used]


def _called(function: str) -> Text:
    return lambda *arguments: f"{function}({', '.join(_bare(a) for a in arguments)})"


NUMPY_HELPERS: Final[Mapping[str, str]] = {
    "softplus": f"""def _softplus(x):
    return np.where(x > {SOFTPLUS_THRESHOLD}, x, np.log1p(np.exp(np.minimum(x, {SOFTPLUS_THRESHOLD}))))""",
    **{name: f"_{name} = np.vectorize(math.{name}, otypes=[float])" for name in ("erf", "erfc")},
}
"""Functions missing from NumPy, with their source in the file, named with a leading `_`; two need `math`."""
NUMPY: Final[Mapping[str, Text]] = {
    **_SIGNS,
    **{
        each.name: _called(each.array.replace("numpy:", "np."))
        for each in FUNCTIONS.values()
        if each.array.startswith("numpy:")
    },
    "pow": lambda a, b: f"({a} ** {b})",
    "sigmoid": lambda a: f"(1 / (1 + np.exp(-{a})))",
    **{name: _called(f"_{name}") for name in NUMPY_HELPERS},
}
"""Operations in the NumPy file."""
NUMPY_COLUMNS: Final = """def _columns(x, *values):
    return np.column_stack([np.broadcast_to(value, len(x)) for value in values])"""

SYMPY: Final[Mapping[str, Text]] = {
    **_SIGNS,
    **_templates("sympy"),
    "pow": lambda a, b: f"({a} ** {b})",
    "where": lambda condition, a, b: f"Piecewise(({a}, {condition}), ({b}, True))",
    "logical_and": lambda a, b: f"And({a}, {b})",
    "logical_or": lambda a, b: f"Or({a}, {b})",
    "logical_not": lambda a: f"Not({a})",
    "eq": lambda a, b: f"Eq({a}, {b})",
    "ne": lambda a, b: f"Ne({a}, {b})",
}
"""Operations in the file for sympy."""


def python_formulas(
    formulas: Sequence[Expression], columns: Sequence[str], algebra: Mapping[str, Text], language: str
) -> list[str]:
    """Formulas in Python. Whole numbers are written as integers, which are exact as exponents.

    Raises:
        FormulaError: If the language lacks a function.
    """
    return _written(formulas, columns, algebra, _number, language)


def _written(
    formulas: Sequence[Expression],
    columns: Sequence[str],
    algebra: Mapping[str, Text],
    number: Callable[[float], str],
    language: str,
) -> list[str]:
    try:
        return [str(formula.run(columns, algebra, number)) for formula in formulas]
    except FormulaError as error:
        raise FormulaError(f"a formula of the model cannot be written in {language}: {error}") from None


def _number(value: float) -> str:
    return bracketed(str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value))


def bracketed(text: str) -> str:
    """A number as an operand, in brackets if it has a sign."""
    return f"({text})" if text.startswith("-") else text


def _bare(text: Any) -> str:
    """A text without enclosing brackets."""
    depth = 0
    for place, letter in enumerate(str(text)):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and place < len(text) - 1:
            return str(text)
    return str(text)[1:-1] if str(text).startswith("(") else str(text)
