"""C: a self-contained C99 file with one function `double f(double, ...)`."""

from collections.abc import Mapping
from typing import Any, ClassVar

from splinework.formula.functions import templates
from splinework.formula.languages import reserved
from splinework.formula.languages.c_helpers import CALLS, SOURCES
from splinework.formula.languages.names import Naming, renaming_notes
from splinework.formula.languages.printer import ATOM, PRODUCT, Printer, Shown

_LOGIC = {"And": " && ", "Or": " || "}
NAMING = Naming(reserved.C | SOURCES.keys(), looks_like=r"_.*|.*__.*|M_\w+", given=r"[A-Za-z]\w*")
"""Reserved: keywords of C and C++, the mathematical library, our helpers, and names that begin with `_`."""


class CPrinter(Printer):
    """C with math.h; all numbers are doubles, which avoids integer division."""

    language = "c"
    functions: ClassVar[Mapping[str, str]] = templates("c")

    def integer(self, value: int) -> str:
        return self.number(float(value))

    def pi(self) -> Shown:
        return "3.14159265358979323846", ATOM

    def power(self, base: Any, exponent: Any) -> Shown:
        if exponent == 2 and base.is_Symbol:
            return f"{self.show(base)[0]}*{self.show(base)[0]}", PRODUCT
        return f"pow({self.show(base)[0]}, {self.show(exponent)[0]})", ATOM

    def bessel(self, kind: str, order: int, z: str) -> str:
        if kind in "jy":  # POSIX
            self.used.add("posix")
            return f"{kind}{order}({z})" if order < 2 else f"{kind}n({order}, {z})"
        self.used.add(f"bessel_{kind}")
        return f"bessel_{kind}({order}, {z})"

    def call(self, name: str, *arguments: str) -> str:
        if name in CALLS:
            self.used.add(CALLS[name])
        return super().call(name, *arguments)

    def choose(self, condition: str, value: str, otherwise: str) -> Shown:
        return f"({condition} ? {value} : {otherwise})", ATOM

    def logic(self, name: str, parts: list[str]) -> str:
        return f"!({parts[0]})" if name == "Not" else f"({_LOGIC[name].join(f'({part})' for part in parts)})"

    def nothing(self) -> str:
        return "NAN"

    def spline(self, name: str, z: str) -> str:
        if name not in self.splines:
            raise self.missing(name)
        self.used |= {"interpolate", name}
        return f"{name}({z})"


def c_text(expression: Any, names: Mapping[str, str], splines: Mapping[str, Any]) -> str:
    """A file to compile with `cc -std=c99 ... -lm`."""
    printer = CPrinter(names, splines)
    body = printer.text(expression)
    notes = [f"/* {sentence} */" for sentence in renaming_notes(names)]
    posix = (
        ["#define _XOPEN_SOURCE 600 /* Bessel functions j0, j1, jn, y0, y1, yn */"] if "posix" in printer.used else []
    )
    helpers = [source for name, source in SOURCES.items() if name in printer.used]
    tables = [_table(name, *spline.table()) for name, spline in splines.items() if name in printer.used]
    arguments = ", ".join(f"double {name}" for name in names.values()) or "void"
    head = "\n".join([*notes, *posix, "#include <math.h>"])
    return "\n\n".join([head, *helpers, *tables, f"double f({arguments})\n{{\n    return {body};\n}}"]) + "\n"


def _table(name: str, places: Any, values: Any) -> str:
    columns = (", ".join(repr(float(v)) for v in column) for column in (places, values))
    arrays = "\n".join(
        f"    static const double {what}[] = {{{column}}};"
        for what, column in zip(("place", "value"), columns, strict=True)
    )
    return f"static double {name}(double z)\n{{\n{arrays}\n    return interpolate(z, place, value, {len(places)});\n}}"
