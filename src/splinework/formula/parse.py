"""Parsing of formula texts into sympy expressions, without evaluating the text.

The cost is bounded: nesting is limited, and numbers are exact only while they are small, else float64, so that `9**9**9**9` is an
immediate error. Partial formulas, with constants to be fitted and holes, are parsed by `splinework.interpret.symbolic.partial`.
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
"""Maximum nesting; a sum or a product of many terms is one level."""
MAX_EXTREMES: Final = 12
"""Maximum number of arguments of a `minimum` or `maximum`, nested ones included."""

_MAX_EXACT: Final = 10**6
_MAX_EXPONENT: Final = 200
_EXACT: Final = frozenset({"sin", "cos", "tan", "exp", "log", "sqrt", "abs", "square", "reciprocal", "negative"})
"""Functions of small exact numbers that stay exact, such as `sqrt(2)` and `exp(1)`."""
_CHAINS: Final = ({"add", "sub"}, {"mul", "div"})
_SYMPY_ERRORS: Final = (
    *(RecursionError, MemoryError, ArithmeticError, LookupError),
    *(TypeError, ValueError, AttributeError, NotImplementedError),
)
"""Exceptions that sympy may raise on expressions beyond its abilities."""


def parse_formula(text: str, names: Sequence[str], *, functions: Sequence[str] = ()) -> Any:
    """Parses a formula in Python syntax over columns, such as `2.0*exp(sin(pi*x1)) + x2**2`.

    Args:
        text: A formula, see `splinework.formula.Expression`.
        names: Names of the columns, distinct Python identifiers; they hide `pi` and `e` where one is called so.
        functions: Names of undefined functions of one argument, such as remaining splines.

    Returns:
        A sympy expression over the real symbols of the columns.

    Raises:
        FormulaError: If the text is no such formula; no other error occurs for any text.

    Example:
        >>> parse_formula("x/3 + sqrt(2)*arcsin(x)", ["x"])
        x/3 + sqrt(2)*asin(x)
    """
    program = compiled(text, names, functions)
    return expression_of(program, text, [symbol(name) for name in names], {f: sympy.Function(f) for f in functions})


def expression_of(
    program: Program, text: str, columns: Sequence[Any], functions: Mapping[str, Callable[..., Any]]
) -> Any:
    """The sympy expression of a program, given expressions for its columns; every error is a `FormulaError`."""
    error = partial(_error, text)
    if _nesting(program) > MAX_NESTING:
        raise error(f"is nested more than {MAX_NESTING} levels deep; split it.")
    try:
        return program.run(columns, {**_Guarded(error), **functions}, exact_number)
    except _SYMPY_ERRORS as problem:
        if isinstance(problem, FormulaError):
            raise
        raise error("is too complex; split it or use simpler functions.") from problem


def _error(text: str, what: str) -> FormulaError:
    return FormulaError(f"the formula {shortened(text)} {what}")


def _nesting(program: Program) -> int:
    """Nesting levels of a program; a chain of sums, or of products, is one."""
    levels: list[int] = []
    for step in program.steps:
        chain = next((group for group in _CHAINS if step.operation in group), ())
        levels.append(max((levels[a] + (program.steps[a].operation not in chain) for a in step.arguments), default=1))
    return levels[-1]


class _Guarded(Mapping[str, Callable[..., Any]]):
    """The operations on sympy expressions, with checks that all numbers are real and bounded."""

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
            raise self.error("has a `where` in a condition; split it into cases.")
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
        if exponent.is_Integer and abs(exponent) > _MAX_EXPONENT:
            exponent = sympy.Float(int(exponent))
        small = _is_small(base) and exponent.is_Rational and abs(exponent.p) <= 16 and exponent.q <= 12
        if small or not (base.is_number and exponent.is_number):
            return self._sound(sympy.Pow(base, exponent))
        return self._worked_out("pow", base, exponent)

    def _worked_out(self, name: str, *arguments: Any) -> Any:
        """A function of constants, evaluated in float64."""
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
        """The expression, after a check of the numbers at its top level."""
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
    """Whether the number is a small fraction or multiple of π, which sympy evaluates exactly."""
    ratio = number.as_coeff_Mul()[0] if number.has(sympy.pi) else number
    rest = number / ratio if ratio != 0 else 1
    return bool(ratio.is_Rational and rest in (1, sympy.pi) and max(abs(ratio.p), ratio.q) <= _MAX_EXACT)
