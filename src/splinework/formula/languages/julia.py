"""Julia: a file with one function `f` of numbers, which returns NaN outside its domain instead of throwing."""

from collections.abc import Mapping
from typing import Any, ClassVar

import sympy

from splinework.formula.functions import templates
from splinework.formula.languages import reserved
from splinework.formula.languages.names import Naming, renaming_notes
from splinework.formula.languages.printer import ATOM, POWER, Printer, Shown

_SPECIAL = ("erf", "erfc", "gamma", "logabsgamma", "digamma", "polygamma", "besselj", "bessely", "besseli", "besselk")
_NEVER_THROWING = frozenset(
    {"exp", "sinh", "cosh", "tanh", "atan", "asinh", "sign", "floor", "Abs", "ceiling", "erf", "erfc", "atan2"}
    | {"loggamma", "besselj", "besseli", "Min", "Max", "Piecewise", "Heaviside", "sinc"}
)
"""Functions that never throw."""
_THROWING_AT_INFINITY = frozenset({"sin", "cos", "tan"})
"""Functions that throw only at infinity."""

NAMING = Naming(reserved.JULIA, ascii=False)

_INTERPOLATE = """function interpolate(z, place, value)
    z <= place[1] && return value[1]
    z >= place[end] && return value[end]
    isnan(z) && return z
    i = searchsortedlast(place, z)
    return value[i] + (value[i + 1] - value[i]) / (place[i + 1] - place[i]) * (z - place[i])
end"""


class JuliaPrinter(Printer):
    """Julia with Base and SpecialFunctions."""

    language = "julia"
    functions: ClassVar[Mapping[str, str]] = templates("julia")

    def integer(self, value: int) -> str:
        return self.number(float(value))

    def power(self, base: Any, exponent: Any) -> Shown:
        if exponent.is_Integer:
            return f"{self.within(base, ATOM)}^{int(exponent)}", POWER
        return f"{self.within(base, ATOM)}^{self.within(exponent, ATOM)}", POWER

    def bessel(self, kind: str, order: int, z: str) -> str:
        self.used.add(f"bessel{kind}")
        return f"bessel{kind}({order}, {z})"

    def call(self, name: str, *arguments: str) -> str:
        if name in (*_SPECIAL, "loggamma"):
            self.used.add("logabsgamma" if name == "loggamma" else name)
        return super().call(name, *arguments)

    def show(self, expression: Any) -> Shown:
        if _throws(expression):
            self.used.add("throws")
        return super().show(expression)

    def choose(self, condition: str, value: str, otherwise: str) -> Shown:
        return f"({condition} ? {value} : {otherwise})", ATOM

    def logic(self, name: str, parts: list[str]) -> str:
        sign = {"And": " && ", "Or": " || "}
        return f"!({parts[0]})" if name == "Not" else f"({sign[name].join(f'({part})' for part in parts)})"

    def nothing(self) -> str:
        return "NaN"

    def spline(self, name: str, z: str) -> str:
        if name not in self.splines:
            raise self.missing(name)
        self.used.add(name)
        return f"{name}({z})"


def julia_text(expression: Any, names: Mapping[str, str], splines: Mapping[str, Any]) -> str:
    """A file to `include`; `f.(x1, x2)` evaluates columns."""
    printer = JuliaPrinter(names, splines)
    body = printer.text(expression)
    special = [name for name in _SPECIAL if name in printer.used]
    tables = [_table(name, *spline.table()) for name, spline in splines.items() if name in printer.used]
    arguments = ", ".join(names.values())
    lines = [f"# {sentence}" for sentence in renaming_notes(names)]
    lines += [f"using SpecialFunctions: {', '.join(special)}", ""] if special else []
    lines += [_INTERPOLATE, "", *tables, ""] if tables else []
    lines += [f"function f({arguments})"]
    lines += [f"    {name} = float({name})" for name in names.values()]
    lines += _guarded(body) if "throws" in printer.used else [f"    return {body}"]
    return "\n".join([*lines, "end", ""])


def _throws(expression: Any) -> bool:
    """Whether Julia may throw an error instead of returning NaN."""
    if expression.is_Pow:
        return not (expression.exp.is_integer or expression.base.is_nonnegative)
    if not expression.is_Function or expression.func.is_Piecewise:
        return False
    name = expression.func.__name__
    if name in _THROWING_AT_INFINITY:
        return not expression.args[0].is_polynomial(*expression.free_symbols)
    return name not in _NEVER_THROWING and not isinstance(expression, sympy.core.function.AppliedUndef)


def _guarded(body: str) -> list[str]:
    return [
        "    try",
        f"        return {body}",
        "    catch error",
        "        error isa DomainError || rethrow()",
        "        return NaN",
        "    end",
    ]


def _table(name: str, places: Any, values: Any) -> str:
    columns = (f"[{', '.join(repr(float(v)) for v in column)}]" for column in (places, values))
    return f"const {name}_table = ({', '.join(columns)})\n{name}(z) = interpolate(z, {name}_table...)"
