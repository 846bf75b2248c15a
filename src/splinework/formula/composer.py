"""Formulas of frames as sympy expressions, and sympy expressions as formulas of frames and proofs.

The numbers of a frame are part of an axiom and must not be fitted, so those that are no simple fractions become symbols of
constant columns.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, final

import sympy
from sympy.core.function import AppliedUndef

from splinework.errors import FormulaError
from splinework.formula.expression import Expression
from splinework.formula.languages.python import NumpyPrinter
from splinework.formula.sympy_bridge import SYMPY, symbol

MAX_DENOMINATOR: Final = 1000
"""Largest denominator of a number that stays in the expression."""


@final
class Composer:
    """Converts formulas to sympy expressions, with symbols for long numbers.

    Attributes:
        numbers: Symbol → the number that it represents.
    """

    def __init__(self) -> None:
        self.numbers: dict[Any, float] = {}
        self._ranges: dict[Any, tuple[Any, float, float]] = {}

    def expression(self, formula: Expression, columns: Sequence[Any]) -> Any:
        """The expression of a formula, with expressions for its columns.

        Clamps against rounding, such as the bound of a sigmoid, are omitted, since they are trivial in exact arithmetic.
        """
        found = formula.run(columns, self._algebra(), self.number)
        return self._shown(found)

    def number(self, value: float) -> Any:
        """A number: a rational where it is a simple fraction, else a symbol."""
        exact = Fraction(repr(float(value)))
        if exact.denominator <= MAX_DENOMINATOR:
            return sympy.Rational(exact.numerator, exact.denominator)
        stand_in = symbol(f"number({value!r})")
        self.numbers[stand_in] = float(value)
        return stand_in

    def _shown(self, found: Any) -> Any:
        """The expression with the symbols of bounded terms, such as sigmoids, expanded."""
        while self._ranges and found.free_symbols & set(self._ranges):
            found = found.xreplace({stand_in: whole for stand_in, (whole, _, _) in self._ranges.items()})
        return found

    def _between(self, whole: Any, low: float, high: float) -> Any:
        """A symbol for a term of known range."""
        stand_in = sympy.Dummy(real=True)
        self._ranges[stand_in] = (whole, low, high)
        return stand_in

    def _algebra(self) -> dict[str, Callable[..., Any]]:
        return {
            **SYMPY,
            "sigmoid": lambda a: self._between(1 / (1 + sympy.exp(-a)), 0.0, 1.0),
            "softplus": lambda a: self._between(sympy.log(1 + sympy.exp(a)), 0.0, float("inf")),
            "max": lambda a, b: self._extreme(a, b, 1),
            "min": lambda a, b: self._extreme(a, b, -1),
        }

    def _extreme(self, a: Any, b: Any, sign: int) -> Any:
        """`max` (sign 1) or `min` (-1), reduced to one argument where the ranges decide."""
        ends = self._ends(sign * (a - b))
        if ends is not None and ends[0] >= -1e-12 * max(1.0, abs(ends[0]), abs(self._size(b))):
            return a
        if ends is not None and ends[1] <= 0:
            return b
        family = sympy.Max if sign > 0 else sympy.Min
        return family(a, b, evaluate=False)

    def _size(self, value: Any) -> float:
        plain = value.xreplace(self.numbers)
        return float(plain) if plain.is_number else 0.0

    def _ends(self, expression: Any) -> tuple[float, float] | None:
        """Range of an expression that is affine in one bounded symbol; None otherwise."""
        expression = sympy.expand(expression.xreplace(self.numbers))
        free = expression.free_symbols
        if not free:
            return float(expression), float(expression)
        if len(free) > 1 or not free <= set(self._ranges):
            return None
        (stand_in,) = free
        slope = expression.diff(stand_in)
        if not slope.is_number:
            return None
        _, low, high = self._ranges[stand_in]
        level, factor = float(expression.xreplace({stand_in: sympy.Integer(0)})), float(slope)
        ends = sorted([level + factor * low, level + factor * high])
        return ends[0], ends[1]


def formula_text(expression: Any, names: Mapping[str, str]) -> str | None:
    """The text of a sympy expression as a formula, with all digits; None if it cannot be expressed, such as a spline.

    Args:
        expression: Expression over symbols.
        names: Name of a symbol → its name in the formula.

    >>> formula_text(sympy.exp(-symbol("x")) / 3, {"x": "a"})
    'exp(-a)/3'
    """
    try:
        text = NumpyPrinter(names).text(expression)
    except FormulaError:
        return None
    return None if expression.has(AppliedUndef) else text
