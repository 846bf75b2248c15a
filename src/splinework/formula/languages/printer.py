"""Infix text of an expression: the base class of the languages, which override numbers, powers and functions.

Not here: files around the text, tables of splines, names of columns (`names.py`).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import sympy

from splinework.errors import FormulaError
from splinework.formula.sympy_bridge import REWRITTEN

SUM, PRODUCT, POWER, ATOM = range(4)
"""Precedence levels, from the lowest; a negative number has that of a sum."""

Shown = tuple[str, int]

_COMPARISONS = {
    "StrictLessThan": "<",
    "LessThan": "<=",
    "StrictGreaterThan": ">",
    "GreaterThan": ">=",
    "Equality": "==",
    "Unequality": "!=",
}


class Printer:
    """Base class of the languages.

    Attributes:
        language: Name of the language, for errors.
        functions: Class name of a sympy function → template of a call, with `{0}`, `{1}` for the arguments.
        comparisons: Python's comparison operator → that of the language, where it differs.
        used: Names of the helpers that the text calls and the file must define; filled while printing.
    """

    language: ClassVar[str]
    functions: ClassVar[Mapping[str, str]] = {}
    comparisons: ClassVar[Mapping[str, str]] = {}

    def __init__(self, names: Mapping[str, str] | None = None, splines: Mapping[str, Any] | None = None) -> None:
        self.names = names
        self.splines = splines or {}
        self.used: set[str] = set()

    def text(self, expression: Any) -> str:
        """The whole expression.

        Raises:
            FormulaError: If the language cannot express a part of it.
        """
        try:
            return self.show(expression)[0]
        except RecursionError:
            raise FormulaError(
                f"the formula is nested too deeply to be written as {self.language}; split it."
            ) from None

    # ------------------------------------------------------------------------------------ language-dependent parts

    def number(self, value: float) -> str:
        """A non-negative number with all digits."""
        return repr(value)

    def integer(self, value: int) -> str:
        """A non-negative integer."""
        return str(value) if value < 2**53 else self.number(float(value))

    def pi(self) -> Shown:
        return "pi", ATOM

    def negative(self, text: str) -> str:
        """The negative of `text`, a product."""
        return f"-{text}"

    def power(self, base: Any, exponent: Any) -> Shown:
        """A power that is neither a square root nor a reciprocal."""
        return f"{self.within(base, ATOM)}**{self.within(exponent, ATOM)}", POWER

    def fraction(self, top: int, bottom: int) -> Shown:
        """A positive fraction."""
        return f"{self.integer(top)}/{self.integer(bottom)}", PRODUCT

    def bessel(self, kind: str, order: int, z: str) -> str:
        """Bessel function of kind `j`, `y`, `i` or `k` and of an integer order from 0 on."""
        raise self.missing(f"bessel{kind}")

    def extreme(self, name: str, arguments: list[Any]) -> str:
        """`Min` or `Max`, as nested calls of two arguments."""
        text = self.show(arguments[0])[0]
        for argument in arguments[1:]:
            text = self.call(name, text, self.show(argument)[0])
        return text

    def choose(self, condition: str, value: str, otherwise: str) -> Shown:
        """A conditional expression."""
        return f"where({condition}, {value}, {otherwise})", ATOM

    def logic(self, name: str, parts: list[str]) -> str:
        """`And`, `Or` or `Not`."""
        raise self.missing(name)

    def nothing(self) -> str:
        """NaN."""
        return "nan"

    def spline(self, name: str, z: str) -> str:
        """A remaining spline, applied to `z`."""
        return f"{name}({z})"

    # ------------------------------------------------------------------------------------ traversal

    def missing(self, name: str) -> FormulaError:
        """The error for a function that the language does not have."""
        return FormulaError(f"{self.language} has no {name}; take another language, or a formula without it.")

    def call(self, name: str, *arguments: str) -> str:
        """A call of the function that sympy calls `name`."""
        if name not in self.functions:
            raise self.missing(name)
        return self.functions[name].format(*arguments)

    def within(self, expression: Any, level: int) -> str:
        """Text with at least the precedence `level`, in parentheses if needed."""
        text, own = self.show(expression)
        return text if own >= level else f"({text})"

    def show(self, expression: Any) -> Shown:
        """Text and precedence."""
        if expression.is_Symbol:  # before truth values: a symbol may be one
            return self._symbol(expression.name), ATOM
        if expression.is_Number:
            return self._number(expression)
        if expression is sympy.pi:
            return self.pi()
        if expression is sympy.E:
            return self.call("exp", self.integer(1)), ATOM
        if expression.is_NumberSymbol:
            return self.number(float(expression)), ATOM
        if expression.is_Add:
            return self._sum(expression), SUM
        if expression.is_Mul:
            return self._product(expression)
        if expression.is_Pow:
            return self._power(expression)
        if isinstance(expression, sympy.logic.boolalg.Boolean):
            return self._boolean(expression), SUM
        if expression.is_Piecewise:
            return self._pieces(expression)
        if expression.is_Function:
            return self._function(expression)
        raise FormulaError(f"{expression} is not a part of a real formula that can be written as {self.language}.")

    def _symbol(self, name: str) -> str:
        if self.names is None:
            return name
        if name not in self.names:
            known = ", ".join(self.names) or "none"
            raise FormulaError(f"the formula reads {name!r}, which is not among the columns: {known}; name it too.")
        return self.names[name]

    def _number(self, number: Any) -> Shown:
        if number.is_finite is not True:
            raise FormulaError(f"the formula contains {number}, which is not a real number; check its domain.")
        try:
            value = float(number)
        except OverflowError:
            value = float("inf")
        if abs(value) == float("inf"):
            raise FormulaError("a number of the formula is beyond float64 (about 1.8e308); rescale it.")
        if number < 0:
            return self.negative(self._number(-number)[0]), SUM
        if number.is_Integer:
            return self.integer(int(number)), ATOM
        if number.is_Rational and max(number.p, number.q) < 2**53:
            return self.fraction(int(number.p), int(number.q))
        return self.number(value), ATOM

    def _sum(self, expression: Any) -> str:
        text = ""
        for term in expression.as_ordered_terms():
            if _is_negative(term):
                part = self.within(-term, PRODUCT)
                text += f" - {part}" if text else self.negative(part)
            else:
                part = self.within(term, PRODUCT)
                text += f" + {part}" if text else part
        return text

    def _product(self, expression: Any) -> Shown:
        if _is_negative(expression):
            return self.negative(self.within(-expression, PRODUCT)), SUM
        over: list[str] = []
        under: list[str] = []
        for factor in expression.as_ordered_factors():
            if factor.is_Rational and not factor.is_Integer and max(factor.p, factor.q) < 2**53:
                over += [] if factor.p == 1 else [self.integer(int(factor.p))]
                under.append(self.integer(int(factor.q)))
            elif factor.is_Pow and _is_negative(factor.exp):
                under.append(self.within(sympy.Pow(factor.base, -factor.exp), POWER))
            elif factor != 1:
                over.append(self.within(factor, POWER))
        top = "*".join(over) or self.integer(1)
        if not under:
            return top, PRODUCT if len(over) > 1 else POWER
        return f"{top}/{under[0]}" if len(under) == 1 else f"{top}/({'*'.join(under)})", PRODUCT

    def _power(self, expression: Any) -> Shown:
        base, exponent = expression.base, expression.exp
        if base.is_number and base.is_negative and exponent.is_number and exponent.is_integer is False:
            raise FormulaError(f"the formula contains {expression}, which is not a real number; check its domain.")
        if exponent.is_number and exponent.is_negative:
            return f"{self.integer(1)}/{self.within(sympy.Pow(base, -exponent), POWER)}", PRODUCT
        if exponent == sympy.Rational(1, 2):
            return self.call("sqrt", self.show(base)[0]), ATOM
        return self.power(base, exponent)

    def _pieces(self, expression: Any) -> Shown:
        pieces = list(expression.args)
        shown = (self.nothing(), ATOM)
        if pieces[-1].cond == True:  # noqa: E712  # sympy's own truth
            shown = self.show(pieces.pop().expr)
        for piece in reversed(pieces):
            shown = self.choose(self.show(piece.cond)[0], self.show(piece.expr)[0], shown[0])
        return shown

    def _boolean(self, expression: Any) -> str:
        name = type(expression).__name__
        if name in _COMPARISONS:
            sign = _COMPARISONS[name]
            left, right = (self.within(side, SUM) for side in expression.args)
            return f"{left} {self.comparisons.get(sign, sign)} {right}"
        if name not in ("And", "Or", "Not"):
            raise self.missing(name)
        return self.logic(name, [self.show(part)[0] for part in expression.args])

    def _function(self, expression: Any) -> Shown:
        name = expression.func.__name__
        if name.startswith("bessel"):
            return self._bessel(name.removeprefix("bessel"), *expression.args)
        if name in ("Min", "Max"):
            return self.extreme(name, sorted(expression.args, key=sympy.default_sort_key)), ATOM
        if name == "polygamma" and expression.args[0] == 0:
            name, arguments = "digamma", expression.args[1:]
        else:
            arguments = expression.args
        if isinstance(expression, sympy.core.function.AppliedUndef):
            return self.spline(name, self.show(arguments[0])[0]), ATOM
        if name not in self.functions and name in REWRITTEN:
            return self.show(REWRITTEN[name](*arguments))
        return self.call(name, *(self.show(a)[0] for a in arguments)), ATOM

    def _bessel(self, kind: str, order: Any, z: Any) -> Shown:
        if kind not in "jyik" or not order.is_Integer:
            raise FormulaError(
                f"bessel{kind} of order {order} cannot be written as {self.language}; a whole order can."
            )
        n = int(order)
        text = self.bessel(kind, abs(n), self.show(z)[0])
        return (self.negative(text), SUM) if n < 0 and n % 2 and kind in "jy" else (text, ATOM)


def _is_negative(term: Any) -> bool:
    """Whether the term is printed with a minus sign."""
    return bool(term.is_number and term.is_Number and term < 0) or bool(term.as_coeff_Mul()[0] < 0)
