"""torch: the source of a Python function `f` of tensors; Bessel functions, Γ and tables are in `tensor_functions.py`."""

import keyword
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from splinework.formula.functions import templates
from splinework.formula.languages.names import Naming, renaming_notes
from splinework.formula.languages.printer import ATOM, SUM, Printer, Shown
from splinework.formula.sympy_bridge import real_value

_IMPORTED = ("bessel", "gamma", "interpolate", "sign")
_NUMBER = re.compile(r"-?[\d.]+(e[+-]?\d+)?|float\('nan'\)")
NAMING = Naming(frozenset({*keyword.kwlist, *_IMPORTED, "torch", "f", "float"}), ascii=False)


class TorchPrinter(Printer):
    """torch's functions; constant parts are evaluated, since torch's functions take only tensors."""

    language = "torch"
    functions: ClassVar[Mapping[str, str]] = templates("torch")
    like = "x"

    def show(self, expression: Any) -> Shown:
        if not expression.free_symbols and expression.is_number and not (expression.is_Integer or expression.is_Float):
            value = real_value(expression)
            return repr(value), ATOM if value >= 0 else SUM
        return super().show(expression)

    def call(self, name: str, *arguments: str) -> str:
        return super().call(name, *(self._tensor(argument) for argument in arguments))

    def bessel(self, kind: str, order: int, z: str) -> str:
        self.used.add("bessel")
        return f"bessel('{kind}', {order}, {z})"

    def choose(self, condition: str, value: str, otherwise: str) -> Shown:
        return f"torch.where({condition}, {self._tensor(value)}, {self._tensor(otherwise)})", ATOM

    def logic(self, name: str, parts: list[str]) -> str:
        sign = {"And": " & ", "Or": " | "}
        return f"~({parts[0]})" if name == "Not" else sign[name].join(f"({part})" for part in parts)

    def nothing(self) -> str:
        return "float('nan')"

    def spline(self, name: str, z: str) -> str:
        if name not in self.splines:
            raise self.missing(name)
        self.used.add("interpolate")
        table = ", ".join(
            f"{self.like}.new_tensor([{', '.join(repr(float(v)) for v in column)}])"
            for column in self.splines[name].table()
        )
        return f"interpolate({z}, {table})"

    def _function(self, expression: Any) -> Shown:
        self.used |= {expression.func.__name__} & {"gamma", "sign"}
        return super()._function(expression)

    def _tensor(self, text: str) -> str:
        return f"torch.full_like({self.like}, {text})" if _NUMBER.fullmatch(text) else text


def torch_text(expression: Any, names: Mapping[str, str], splines: Mapping[str, Any]) -> str:
    """A file with one function of broadcastable tensors, one for each column."""
    printer = TorchPrinter(names, splines)
    present = [names[s.name] for s in expression.free_symbols if s.name in names]
    printer.like = min(present, default=next(iter(names.values()), "x"))
    body = printer.text(expression)
    body = body if present or not names else f"torch.full_like({printer.like}, {body})"
    imports = sorted(printer.used)
    lines = [f"# {sentence}" for sentence in renaming_notes(names)] + ["import torch"]
    if imports:
        lines += [f"from splinework.formula.tensor_functions import {', '.join(imports)}"]
    return "\n".join([*lines, "", "", f"def f({', '.join(names.values())}):", f"    return {body}", ""])
