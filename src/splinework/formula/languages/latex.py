"""LaTeX: formulas without dollar signs, with all digits."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Any, Final

import sympy
from sympy.core.alphabets import greeks
from sympy.printing.latex import LatexPrinter

from splinework.formula.languages.names import Naming

_ESCAPES: Final = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash ",
    "~": r"\textasciitilde ",
    "^": r"\textasciicircum ",
}
_LETTERS: Final = {
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
}
_ACCENTS: Final = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".", "\u0308": '"',
    "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c", "\u0328": "k",
}  # fmt: skip
"""Combining signs and the commands of LaTeX that put them on a letter."""


def _ascii(sign: str) -> str:
    """A printable sign as LaTeX in ASCII, as every engine reads it; a question mark where LaTeX has no command for it."""
    if sign.isascii() or sign in _LETTERS:
        return _ESCAPES.get(sign) or _LETTERS.get(sign, sign)
    letter, *accents = tuple(unicodedata.normalize("NFKD", sign))
    if letter.isascii() and letter.isalnum() and len(accents) <= 1 and all(accent in _ACCENTS for accent in accents):
        return rf"\{_ACCENTS[accents[0]]}{{{letter}}}" if accents else letter
    return "?"


class _LatexNaming(Naming):
    """Names that are no identifiers stand upright as they are, with the signs escaped that mean something in LaTeX."""

    def _new(self, column: str, used: Collection[str]) -> str:
        plain = "".join(_ascii(sign) for sign in column if sign.isprintable()).strip() or "x"
        candidate, turn = rf"\text{{{plain}}}", 2
        while candidate in used:
            candidate, turn = rf"\text{{{plain} {turn}}}", turn + 1
        return candidate


NAMING = _LatexNaming(given=r"[^$%#&\x00-\x1f]+")


class _LatexPrinter(LatexPrinter):  # type: ignore[misc]  # sympy is untyped
    """Sympy's printer with all digits."""

    def _print_Float(self, expr: Any) -> str:
        mantissa, _, exponent = repr(float(expr)).partition("e")
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa

    def _print_Pow(self, expr: Any) -> str:
        if expr.base.is_Float and not expr.exp.is_Rational:
            return rf"\left({self._print(expr.base)}\right)^{{{self._print(expr.exp)}}}"
        return str(super()._print_Pow(expr))


def latex_names(names: Mapping[str, str]) -> dict[str, str]:
    """Column → symbol: a Latin or Greek letter, with digits as an index; other names upright."""
    chosen: dict[str, str] = {}
    for column, name in names.items():
        symbol = _symbol(name) if column == name else name
        chosen[column] = symbol if symbol not in chosen.values() else _upright(name)
    return chosen


def _symbol(name: str) -> str:
    match = re.fullmatch(r"([A-Za-z]+?)_?(\d*)", name)
    if match is None or not (len(match[1]) == 1 or match[1].lower() in greeks):
        return _upright(name)
    letter = match[1] if len(match[1]) == 1 else str(sympy.latex(sympy.Symbol(match[1])))
    return f"{letter}_{{{match[2]}}}" if match[2] else letter


def _upright(name: str) -> str:
    return r"\mathrm{" + name.replace("_", r"\_") + "}"


def latex_text(expression: Any, names: Mapping[str, str], splines: Mapping[str, Any]) -> str:
    """The formula; a remaining spline is a named function."""
    symbols = {s: latex_names(names)[s.name] for s in expression.free_symbols if s.name in names}
    settings = {"symbol_names": symbols, "ln_notation": True, "inv_trig_style": "full"}
    return str(_LatexPrinter(settings).doprint(expression))
