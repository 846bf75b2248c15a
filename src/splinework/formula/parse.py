"""Formulas as text, turned into sympy expressions by the one reader of formulas, never by an evaluation of the text.

Work is bounded: nesting is limited, and a number is worked out exactly only while it is small, else in float64, so that
`9**9**9**9` is an error at once. Partial formulas, with constants to be found and holes, are read by `partial.py` of
`splinework.interpret.symbolic`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import sympy

from splinework.errors import FormulaError
from splinework.formula.arrays import array_operations
from splinework.formula.functions import FUNCTIONS
from splinework.formula.program import Program, compiled, definition
from splinework.formula.reading import shortened
from splinework.formula.sympy_bridge import SYMPY, exact_number, symbol

MAX_NESTING: Final = 60
"""Deepest nesting accepted; a sum or a product of many terms is one level."""
MAX_EXTREMES: Final = 12
"""Most values that one `minimum` or `maximum` may compare, nested ones together."""

_SMALL: Final = 10**6
_EXPONENT: Final = 200
_EXACT: Final = frozenset({"sin", "cos", "tan", "exp", "log", "sqrt", "abs", "square", "reciprocal", "negative"})
"""Functions that small exact numbers go into as they are, so that `sqrt(2)` and `exp(1)` stay exact."""
_CHAINS: Final = ({"add", "sub"}, {"mul", "div"})
_BEYOND: Final = (
    *(RecursionError, MemoryError, ArithmeticError, LookupError),
    *(TypeError, ValueError, AttributeError, NotImplementedError),
)
"""What sympy may raise on expressions that it cannot work out."""


def parse_formula(text: str, names: Sequence[str], *, functions: Sequence[str] = ()) -> Any:
    """Read a formula in Python syntax over columns, such as `2.0*exp(sin(pi*x1)) + x2**2`.

    Args:
        text: A formula, see `splinework.formula.Expression`.
        names: Names of the columns, distinct Python identifiers; they hide `pi` and `e` where one is called so.
        functions: Names of functions of one argument that stay as they are, such as splines that are left.

    Returns:
        A sympy expression over the real symbols of the columns.

    Raises:
        FormulaError: If the text is no such formula; whatever the text, nothing else happens.

    Example:
        >>> parse_formula("x/3 + sqrt(2)*arcsin(x)", ["x"])
        x/3 + sqrt(2)*asin(x)
    """
    program = compiled(text, names, functions)
    return expression_of(program, text, [symbol(name) for name in names], {f: sympy.Function(f) for f in functions})


def expression_of(
    program: Program, text: str, columns: Sequence[Any], functions: Mapping[str, Callable[..., Any]]
) -> Any:
    """The expression of a program over sympy's expressions for its columns; errors of all kinds are `FormulaError`."""
    error = partial(_error, text)
    if _nesting(program) > MAX_NESTING:
        raise error(f"is nested more than {MAX_NESTING} levels deep; split it.")
    try:
        return program.run(columns, {**_Guarded(error), **functions}, exact_number)
    except _BEYOND as problem:
        if isinstance(problem, FormulaError):
            raise
        raise error("is beyond what can be read; split it or write it in simpler functions.") from problem


def _error(text: str, what: str) -> FormulaError:
    return FormulaError(f"the formula {shortened(text)} {what}")


def _nesting(program: Program) -> int:
    """Levels of a program; a chain of sums, or of products, is one."""
    levels: list[int] = []
    for step in program.steps:
        chain = next((group for group in _CHAINS if step.operation in group), ())
        levels.append(max((levels[a] + (program.steps[a].operation not in chain) for a in step.arguments), default=1))
    return levels[-1]


class _Guarded(Mapping[str, Callable[..., Any]]):
    """The operations on sympy expressions, by which no number grows unseen and all stay real."""

    def __init__(self, error: Callable[[str], FormulaError]) -> None:
        self.error = error

    def __iter__(self) -> Iterator[str]:
        return iter({**SYMPY, **FUNCTIONS})

    def __len__(self) -> int:
        return len({**SYMPY, **FUNCTIONS})

    def __getitem__(self, name: str) -> Callable[..., Any]:
        if name in ("pow", "power"):
            return self._power
        if name == "div":
            return lambda a, b: self._sound(sympy.Mul(a, self._power(b, sympy.Integer(-1))))
        if name in FUNCTIONS and name not in ("where", "min", "max") and not FUNCTIONS[name].truth:
            return partial(self._function, name)
        build = SYMPY[name]
        return lambda *arguments: (
            self._sound(build(*arguments)) if name not in _CONDITIONS else self._condition(name, *arguments)
        )

    def _condition(self, name: str, *arguments: Any) -> Any:
        if any(a.has(sympy.Piecewise) for a in arguments):
            raise self.error("has a `where` in a condition; write its cases one by one.")
        return SYMPY[name](*arguments)

    def _function(self, name: str, *arguments: Any) -> Any:
        values = [a for a in arguments if not isinstance(a, int)]
        exact = name in _EXACT and all(_is_small(a) for a in values)
        if exact or not all(a.is_number for a in values):
            if name not in SYMPY:
                return self._sound(definition(name).run(arguments, SYMPY, exact_number))
            return self._sound(SYMPY[name](*arguments))
        return self._worked_out(name, *arguments)

    def _power(self, base: Any, exponent: Any) -> Any:
        if exponent.is_Integer and abs(exponent) > _EXPONENT:
            exponent = sympy.Float(int(exponent))
        small = _is_small(base) and exponent.is_Rational and abs(exponent.p) <= 16 and exponent.q <= 12
        if small or not (base.is_number and exponent.is_number):
            return self._sound(sympy.Pow(base, exponent))
        return self._worked_out("pow", base, exponent)

    def _worked_out(self, name: str, *arguments: Any) -> Any:
        """A function of mere numbers in float64."""
        with np.errstate(all="ignore"):
            value = array_operations()[name](
                *(a if isinstance(a, int) else np.float64(self._float(a)) for a in arguments)
            )
        if not np.isfinite(value):
            raise self.error("works out a number that is not real, or beyond float64; check it.")
        return sympy.Float(float(value))

    def _float(self, number: Any) -> float:
        try:
            return float(number)
        except (TypeError, OverflowError):
            raise self.error("works out a number that is not real, or beyond float64; check it.") from None

    def _sound(self, expression: Any) -> Any:
        """The expression, if the numbers at its top are finite: none may grow unseen on the way up."""
        if isinstance(expression, (sympy.Min, sympy.Max)) and len(expression.args) > MAX_EXTREMES:
            raise self.error(f"compares more than {MAX_EXTREMES} values in one minimum or maximum; split it.")
        parts = (expression, *expression.args)
        numbers = [n for part in parts for n in (part, part.as_coeff_Mul()[0] if part.is_Mul else part) if n.is_Number]
        beyond = any(n.is_finite is not True or abs(n) > 1e308 for n in numbers)
        if (
            beyond
            or expression.has(sympy.I, sympy.zoo, sympy.nan)
            or (expression.is_number and expression.is_real is False)
        ):
            raise self.error("works out a number that is not real, or beyond float64; check it.")
        return expression


_CONDITIONS: Final = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "logical_and", "logical_or", "logical_not"})


def _is_small(number: Any) -> bool:
    """Whether sympy works it out exactly at once: a small fraction, or one of π."""
    ratio = number.as_coeff_Mul()[0] if number.has(sympy.pi) else number
    rest = number / ratio if ratio != 0 else 1
    return bool(ratio.is_Rational and rest in (1, sympy.pi) and max(abs(ratio.p), ratio.q) <= _SMALL)
