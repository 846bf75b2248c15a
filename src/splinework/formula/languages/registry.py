"""The entry point for writing formulas in other languages. A new language is one entry of `LANGUAGES`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from splinework.errors import FormulaError
from splinework.formula.languages import c, excel, julia, latex, python, pytorch_text
from splinework.formula.languages.names import Naming, named


@dataclass(frozen=True)
class Language:
    """A target language.

    Attributes:
        write: Writes an expression, given names by column and splines by name.
        naming: Rules for names.
        suffix: Usual file extension.
        about: Description of the text.
    """

    write: Callable[[Any, Mapping[str, str], Mapping[str, Any]], str]
    naming: Naming
    suffix: str
    about: str


LANGUAGES: Final[dict[str, Language]] = {
    "sympy": Language(python.sympy_text, python.SYMPY, ".py", "expression over sympy's names"),
    "numpy": Language(python.numpy_text, python.NUMPY, ".py", "expression over numpy's names and scipy.special's"),
    "torch": Language(pytorch_text.torch_text, pytorch_text.NAMING, ".py", "function f of tensors"),
    "c": Language(c.c_text, c.NAMING, ".c", "C99 file with double f(double, ...)"),
    "latex": Language(latex.latex_text, latex.NAMING, ".tex", "mathematics without dollar signs"),
    "julia": Language(julia.julia_text, julia.NAMING, ".jl", "file with function f"),
    "excel": Language(excel.excel_text, excel.NAMING, ".txt", "formula of one cell"),
}
"""Name → language."""


def write(
    expression: Any,
    names: Sequence[str] | Mapping[str, str],
    language: str,
    splines: Mapping[str, Any] | None = None,
) -> str:
    r"""Writes a formula in another language, where it evaluates to the same numbers.

    Columns keep their names where these are valid; see `safe_names`. Remaining splines become tables with linear
    interpolation: arrays in C, Julia and torch, `interp` in NumPy, the named ranges `NAME_x` and `NAME_y` in Excel; in
    sympy and LaTeX they are named functions.

    Args:
        expression: A sympy expression over real symbols named like the columns.
        names: Names of all columns in order, or a mapping to names in the language, such as `{"x1": "$A2"}` for Excel.
        language: One of `LANGUAGES`.
        splines: Splines in the expression by name, each with a method `table()`.

    Returns:
        The text.

    Raises:
        FormulaError: If the language is unknown or cannot express the formula.

    Example:
        >>> import sympy
        >>> x, speed = sympy.symbols("x speed", real=True)
        >>> write(-x**2 + sympy.sqrt(speed), ["x", "speed"], "excel")
        '=SQRT(speed) - x^2'
        >>> print(write(x / 2, ["x"], "c"), end="")
        #include <math.h>
        <BLANKLINE>
        double f(double x)
        {
            return x/2.0;
        }
    """
    chosen = _language(language)
    columns = named(names, chosen.naming, language)
    both = sorted({*columns, *columns.values()} & {*(splines or {})})
    if both:
        raise FormulaError(f"a column and a spline are both called {both[0]!r}; rename one of them.")
    return chosen.write(expression, columns, splines or {})


def safe_names(names: Sequence[str] | Mapping[str, str], language: str) -> dict[str, str]:
    """Column → name that `write` uses in the language: invalid and reserved names are changed.

    Example:
        >>> safe_names(["A1", "lambda", "x"], "excel")
        {'A1': 'A1_', 'lambda': 'lambda', 'x': 'x'}
    """
    chosen = _language(language)
    columns = named(names, chosen.naming, language)
    return latex.latex_names(columns) if language == "latex" else columns


def _language(name: str) -> Language:
    if name not in LANGUAGES:
        raise FormulaError(f"unknown language {name!r}; known: {', '.join(LANGUAGES)}.")
    return LANGUAGES[name]
