"""Excel: the formula of one cell, with English function names and commas (LibreOffice accepts the same).

Columns are named ranges, or as the caller maps them (`{"x1": "$A2"}`). Excel differs from mathematical convention: a unary minus
binds tighter than a power (`-2^2` is 4), powers are left-associative, `LOG` is to base ten, odd roots of negative numbers
exist, and numbers have 15 digits.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from splinework.errors import FormulaError
from splinework.formula.functions import templates
from splinework.formula.languages.names import Naming
from splinework.formula.languages.printer import ATOM, POWER, Printer, Shown

MAX_LENGTH = 8192
"""Maximum number of characters in a cell's formula."""
MAX_NESTING = 64
"""Maximum nesting of calls."""

NAMING = Naming(
    reserved=frozenset({"TRUE", "FALSE", "R", "C", "NULL"}),
    looks_like=r"(?i:[a-z]{1,3}\d+|r\d*c\d*|r\d+|c\d+)",
    ascii=False,
    fold=True,
    given=r"[^\x00-\x1f\"(){},;=<>+*/^&]+",
)
"""No addresses such as `A1`, `R1C1`, `LOG10` or `R`; names are case-insensitive."""


class ExcelPrinter(Printer):
    """Formulas with Excel's functions."""

    language = "excel"
    comparisons: ClassVar[Mapping[str, str]] = {"==": "=", "!=": "<>"}
    functions: ClassVar[Mapping[str, str]] = templates("excel")

    def number(self, value: float) -> str:
        if 0 < value < 2.3e-308 or value > 9.99e307:
            raise FormulaError(f"Excel has no number {value!r} (2.3e-308 to 9.99e307); rescale the formula.")
        return repr(value).upper().removesuffix(".0")

    def pi(self) -> Shown:
        return "PI()", ATOM

    def negative(self, text: str) -> str:
        """`-2*x^2` is right, but in `-x^2` the minus would belong to the base."""
        return f"-{text}" if re.match(r"[\d.]+(E[+-]?\d+)?([*/]|$)", text) else f"-1*{text}"

    def power(self, base: Any, exponent: Any) -> Shown:
        if exponent.is_Rational and not exponent.is_Integer and not base.is_nonnegative:
            # the square root makes negative bases an error; Excel would take the odd root
            return f"SQRT({self.show(base)[0]})^{self.within(2 * exponent, ATOM)}", POWER
        return f"{self.within(base, ATOM)}^{self.within(exponent, ATOM)}", POWER

    def bessel(self, kind: str, order: int, z: str) -> str:
        return f"BESSEL{kind.upper()}({z},{order})"

    def extreme(self, name: str, arguments: list[Any]) -> str:
        return f"{name.upper()}({','.join(self.show(a)[0] for a in arguments)})"

    def choose(self, condition: str, value: str, otherwise: str) -> Shown:
        return f"IF({condition},{value},{otherwise})", ATOM

    def logic(self, name: str, parts: list[str]) -> str:
        return f"{name.upper()}({','.join(parts)})"

    def nothing(self) -> str:
        return "NA()"

    def spline(self, name: str, z: str) -> str:
        """Linear interpolation in the named ranges `NAME_x` (increasing) and `NAME_y`."""
        if name not in self.splines:
            raise self.missing(name)
        x, y = f"{name}_x", f"{name}_y"
        place = f"MEDIAN({z},MIN({x}),MAX({x}))"  # clamped to the table
        row = f"MIN(MATCH({place},{x},1),ROWS({x})-1)"
        at = {(column, step): f"INDEX({column},{row}{step})" for column in (x, y) for step in ("", "+1")}
        slope = f"({at[y, '+1']}-{at[y, '']})/({at[x, '+1']}-{at[x, '']})"
        return f"({at[y, '']}+{slope}*({place}-{at[x, '']}))"


def excel_text(expression: Any, names: Mapping[str, str], splines: Mapping[str, Any]) -> str:
    """The formula of one cell; a remaining spline has its table in the named ranges `NAME_x` and `NAME_y`.

    Raises:
        FormulaError: If Excel lacks a function, or the formula is too long or too deep for a cell.
    """
    text = "=" + ExcelPrinter(names, splines).text(expression)
    if len(text) > MAX_LENGTH:
        raise FormulaError(
            f"the formula has {len(text)} characters in Excel, a cell takes {MAX_LENGTH}; split it over cells."
        )
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING:
        raise FormulaError(
            f"the formula nests {deepest} levels in Excel, a cell takes {MAX_NESTING}; split it over cells."
        )
    return text
