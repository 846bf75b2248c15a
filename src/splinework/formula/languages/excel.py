"""Excel: the text of one cell, English function names and commas (LibreOffice reads the same).

Columns are named ranges, or what the caller says they are (`{"x1": "$A2"}`). What differs from mathematics there: a minus
before a number binds tighter than a power (`-2^2` is 4), powers group from the left, `LOG` is to base ten, an odd root of a
negative number is one, numbers have 15 digits.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from splinework.errors import FormulaError
from splinework.formula.functions import templates
from splinework.formula.languages.names import Naming
from splinework.formula.languages.printer import ATOM, POWER, Printer, Shown

LONGEST = 8192
"""Characters that a cell's formula may have."""
DEEPEST = 64
"""Levels to which calls may be nested."""

NAMING = Naming(
    reserved=frozenset({"TRUE", "FALSE", "R", "C", "NULL"}),
    looks_like=r"(?i:[a-z]{1,3}\d+|r\d*c\d*|r\d+|c\d+)",
    ascii=False,
    fold=True,
    given=r"[^\x00-\x1f\"(){},;=<>+*/^&]+",
)
"""Not an address such as `A1`, `R1C1`, `LOG10` (a column of its own) or `R`; `a` and `A` are one name."""


class ExcelPrinter(Printer):
    """Excel's functions."""

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
        """`-2*x^2` is right, `-x^2` is not: there the minus is the base's."""
        return f"-{text}" if re.match(r"[\d.]+(E[+-]?\d+)?([*/]|$)", text) else f"-1*{text}"

    def power(self, base: Any, exponent: Any) -> Shown:
        if exponent.is_Rational and not exponent.is_Integer and not base.is_nonnegative:
            # the square root refuses a negative base, of which Excel would take the odd root
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
        """Linear between the rows of two columns, the named ranges `NAME_x` (rising) and `NAME_y`."""
        if name not in self.splines:
            raise self.missing(name)
        x, y = f"{name}_x", f"{name}_y"
        place = f"MEDIAN({z},MIN({x}),MAX({x}))"  # beyond the table its ends
        row = f"MIN(MATCH({place},{x},1),ROWS({x})-1)"
        at = {(column, step): f"INDEX({column},{row}{step})" for column in (x, y) for step in ("", "+1")}
        slope = f"({at[y, '+1']}-{at[y, '']})/({at[x, '+1']}-{at[x, '']})"
        return f"({at[y, '']}+{slope}*({place}-{at[x, '']}))"


def excel_text(expression: Any, names: Mapping[str, str], splines: Mapping[str, Any]) -> str:
    """One cell's formula; a spline that is left reads its table from the named ranges `NAME_x` and `NAME_y`.

    Raises:
        FormulaError: If Excel lacks a function, or the formula is too long or too deep for a cell.
    """
    text = "=" + ExcelPrinter(names, splines).text(expression)
    if len(text) > LONGEST:
        raise FormulaError(
            f"the formula has {len(text)} characters in Excel, a cell takes {LONGEST}; split it over cells."
        )
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise FormulaError(f"the formula nests {deepest} levels in Excel, a cell takes {DEEPEST}; split it over cells.")
    return text
