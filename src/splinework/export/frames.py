"""The formulas of a frame as text of other languages, by the templates of `splinework.formula.functions`.

The softplus is the straight line beyond 50, as in `formula/tensors.py`: nothing of it is left there in double precision. What a
language lacks is written by its definition.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from splinework.errors import FormulaError
from splinework.export.dialect import Dialect
from splinework.formula.functions import COMPARISONS, FUNCTIONS
from splinework.nn.frame import Expression, Frame

MAX_LINE_LENGTH: Final = 50
"""Beyond this the softplus is a straight line."""
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
"""Functions that artefacts in C and JavaScript bring along."""
_NOT_IN_LIBRARY: Final = ("digamma",)
"""Functions that the mathematical library of C lacks."""


def _templates(language: str) -> dict[str, Text]:
    """Function → text of a call, of those that the language has."""
    found = {}
    for each in FUNCTIONS.values():
        if language in each.texts and not each.order:
            template = each.texts[language]
            found[each.name] = lambda *arguments, template=template: template.format(*map(_bare, arguments))
    return found


def clike_formulas(formulas: Sequence[Expression], columns: Sequence[str], d: Dialect) -> list[str]:
    """Formulas of texts as texts of C or JavaScript.

    Raises:
        FormulaError: If one has a function that the language lacks.
    """
    algebra = {**_SIGNS, **_called_by(d)}
    return _written(formulas, columns, algebra, lambda value: bracketed(d.number(value)), d.language)


def _called_by(d: Dialect) -> dict[str, Text]:
    """The functions of the mathematical library by the names that the artefact's precision gives them, and its own."""
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


def clike_helpers(frame: Frame, d: Dialect) -> list[str]:
    """The functions that a frame's formulas call and the language lacks."""
    used: set[str] = set()

    def noting(name: str) -> Text:
        def of(*_: str) -> str:
            used.add(name)
            return "0"

        return of

    notes = {name: noting(name) for name in _HELPERS}
    for formula in (*frame.before, *frame.after):
        formula.run(["0"] * len(formula.names), {**_SIGNS, **_called_by(d), **notes}, lambda value: "0")
    one, two = [("number", "x")], [("number", "a"), ("number", "b")]
    exp, log = d.call("exp"), d.call("log1p")
    bodies = {
        "sigmoid": (one, f"return 1 / (1 + {exp}(-x));"),
        "softplus": (one, f"return x > {MAX_LINE_LENGTH} ? x : {log}({exp}(x));"),
        "min": (two, "return a != a || a < b ? a : b;"),  # NaN stays, as in torch
        "max": (two, "return a != a || a > b ? a : b;"),
        "sign": (one, "return x > 0 ? 1 : x < 0 ? -1 : x;"),  # zero and NaN stay
    }
    return [d.function(name, "number", bodies[name][0], [bodies[name][1]]) for name in _HELPERS if name in used]


def _called(function: str) -> Text:
    return lambda *arguments: f"{function}({', '.join(_bare(a) for a in arguments)})"


NUMPY_HELPERS: Final[Mapping[str, str]] = {
    "softplus": f"""def _softplus(x):
    return np.where(x > {MAX_LINE_LENGTH}, x, np.log1p(np.exp(np.minimum(x, {MAX_LINE_LENGTH}))))""",
    **{name: f"_{name} = np.vectorize(math.{name}, otypes=[float])" for name in ("erf", "erfc")},
}
"""Functions that NumPy lacks, and their sources in the file, where each has a `_` before its name; two need `math`."""
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
    """Formulas of texts as texts of Python. Whole numbers are written as such: they are exact as exponents.

    Raises:
        FormulaError: If one has a function that the language lacks.
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
        raise FormulaError(f"a formula of the frame cannot be written in {language}: {error}") from None


def _number(value: float) -> str:
    return bracketed(str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value))


def bracketed(text: str) -> str:
    """A number as an operand: in brackets where it has a sign."""
    return f"({text})" if text.startswith("-") else text


def _bare(text: Any) -> str:
    """A text without the brackets around all of it."""
    depth = 0
    for place, letter in enumerate(str(text)):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and place < len(text) - 1:
            return str(text)
    return str(text)[1:-1] if str(text).startswith("(") else str(text)
