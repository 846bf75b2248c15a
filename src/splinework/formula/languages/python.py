"""Python text with functions of NumPy (and scipy.special), or of sympy."""

import keyword
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from splinework.formula.functions import NAMES, templates
from splinework.formula.languages.names import Naming
from splinework.formula.languages.printer import ATOM, POWER, Printer, Shown

NUMPY = Naming(frozenset({*keyword.kwlist, *NAMES, "interp", "nan", "pi"}), ascii=False)
SYMPY = Naming(
    frozenset(
        {
            *keyword.kwlist,
            *[
                "sin",
                "cos",
                "tan",
                "sinh",
                "cosh",
                "tanh",
                "asin",
                "acos",
                "atan",
                "asinh",
                "acosh",
                "atanh",
                "atan2",
                "exp",
                "log",
                "sqrt",
                "sign",
                "floor",
                "ceiling",
                "sinc",
            ],
            *[
                "erf",
                "erfc",
                "gamma",
                "digamma",
                "loggamma",
                "polygamma",
                "besselj",
                "bessely",
                "besseli",
                "besselk",
                "Abs",
                "Heaviside",
                "pi",
                "nan",
            ],
            *["Function", "Max", "Min", "Piecewise", "Rational", "And", "Or", "Not", "Eq", "Ne"],
        }
    ),
    ascii=False,
)


class NumpyPrinter(Printer):
    """Python syntax with NumPy's functions."""

    language = "numpy"
    functions: ClassVar[Mapping[str, str]] = templates("numpy")

    def number(self, value: float) -> str:
        return f"{int(value)}.0" if value.is_integer() and value < 1e6 else repr(value)

    def bessel(self, kind: str, order: int, z: str) -> str:
        return f"{kind}{order}({z})" if order < 2 else f"{kind}v({order}, {z})"

    def logic(self, name: str, parts: list[str]) -> str:
        text = parts[0] if name != "Not" else f"logical_not({parts[0]})"
        for part in parts[1:]:
            text = f"logical_{name.lower()}({text}, {part})"
        return text

    def spline(self, name: str, z: str) -> str:
        if name not in self.splines:
            return super().spline(name, z)
        columns = (f"[{', '.join(f'{v:.10g}' for v in column)}]" for column in self.splines[name].table())
        return f"interp({z}, {', '.join(columns)})"

    def _function(self, expression: Any) -> Shown:
        if expression.func.__name__ == "sinc":  # numpy's is sin(πz)/(πz)
            return f"sinc({self.within(expression.args[0], POWER)}/{self.pi()[0]})", ATOM
        return super()._function(expression)


class _WithoutPi(NumpyPrinter):
    """Python syntax where a column is named `pi`."""

    def pi(self) -> Shown:
        return repr(float(np.pi)), ATOM


class SympyPrinter(NumpyPrinter):
    """Python syntax with sympy's functions; fractions are exact, splines are named functions."""

    language = "sympy"
    functions: ClassVar[Mapping[str, str]] = {**templates("sympy"), "sinc": "sinc({0})"}

    def fraction(self, top: int, bottom: int) -> Shown:
        return f"Rational({top}, {bottom})", ATOM

    def bessel(self, kind: str, order: int, z: str) -> str:
        return f"bessel{kind}({order}, {z})"

    def choose(self, condition: str, value: str, otherwise: str) -> Shown:
        return f"Piecewise(({value}, {condition}), ({otherwise}, True))", ATOM

    def logic(self, name: str, parts: list[str]) -> str:
        return f"{name}({', '.join(parts)})"

    def _boolean(self, expression: Any) -> str:
        name = {"Equality": "Eq", "Unequality": "Ne"}.get(type(expression).__name__)
        if name is None:
            return super()._boolean(expression)
        return f"{name}({', '.join(self.show(side)[0] for side in expression.args)})"

    def spline(self, name: str, z: str) -> str:
        return f"Function('{name}')({z})"

    def _function(self, expression: Any) -> Shown:
        return Printer._function(self, expression)


def python(expression: Any, names: Sequence[str] = ()) -> str:
    """The expression in Python syntax with all digits, such as `2.0*exp(sin(pi*x1))`; `names` are those of all columns."""
    return tabulated(expression, names, {})


def tabulated(expression: Any, names: Sequence[str], splines: Mapping[str, Any]) -> str:
    """Like `python`, with every spline as numpy's `interp` over a table of its values with ten digits."""
    taken = {*names, *(s.name for s in expression.free_symbols)}
    return (_WithoutPi if "pi" in taken else NumpyPrinter)(None, splines).text(expression)


def numpy_text(expression: Any, names: Mapping[str, str], splines: Mapping[str, Any]) -> str:
    """An expression with NumPy's functions, splines as `interp`."""
    return NumpyPrinter(names, splines).text(expression)


def sympy_text(expression: Any, names: Mapping[str, str], splines: Mapping[str, Any]) -> str:
    """An expression with sympy's functions and symbols named like the columns; splines are named functions."""
    return SympyPrinter(names).text(expression)
