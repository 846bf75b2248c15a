"""Conversion between programs and sympy expressions."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import sympy
from sympy.core.function import AppliedUndef

from splinework.errors import FormulaError
from splinework.formula.functions import CONSTANTS, FUNCTIONS
from splinework.formula.program import Algebra, Builder, Program

REWRITTEN: Final[dict[str, Callable[..., Any]]] = {
    **{name: lambda z, f=f: 1 / f(z) for name, f in (("sec", sympy.cos), ("csc", sympy.sin), ("cot", sympy.tan))},
    **{name: lambda z, f=f: 1 / f(z) for name, f in (("sech", sympy.cosh), ("csch", sympy.sinh), ("coth", sympy.tanh))},
    **{name: lambda z, f=f: f(1 / z) for name, f in (("asec", sympy.acos), ("acsc", sympy.asin), ("acot", sympy.atan))},
    **{name: lambda z, f=f: f(1 / z) for name, f in (("asech", sympy.acosh), ("acsch", sympy.asinh))},
    "acoth": lambda z: sympy.atanh(1 / z),
    "erfc": lambda z: 1 - sympy.erf(z),
    **{name: lambda z: z for name in ("conjugate", "re")},  # all formulas are real
    "factorial": lambda z: sympy.gamma(z + 1),
    "Heaviside": lambda z, at_zero: (
        (sympy.sign(z) + 1) / 2
        if at_zero == sympy.Rational(1, 2)
        else sympy.Piecewise((0, z < 0), (at_zero, sympy.Eq(z, 0)), (1, True))
    ),
    "sinc": lambda z: sympy.Piecewise((1, sympy.Eq(z, 0)), (sympy.sin(z) / z, True)),
}
"""Sympy functions that programs and printers rewrite in terms of others."""
_RELATIONS: Final = {
    "lt": sympy.StrictLessThan,
    "le": sympy.LessThan,
    "gt": sympy.StrictGreaterThan,
    "ge": sympy.GreaterThan,
    "eq": sympy.Equality,
    "ne": sympy.Unequality,
}
_LOGIC: Final = {"logical_and": sympy.And, "logical_or": sympy.Or, "logical_not": sympy.Not}


def symbol(name: str) -> Any:
    """The real symbol of a column."""
    return sympy.Symbol(name, real=True)


def _extreme(family: Any, best: Callable[..., Any]) -> Callable[..., Any]:
    """`Min` or `Max`: flattened, with numbers combined, but without sympy's pairwise comparison of all arguments."""

    def build(*arguments: Any) -> Any:
        flat = [part for a in arguments for part in (a.args if isinstance(a, family) else (a,))]
        numbers = [part for part in flat if part.is_Number]
        rest = list(dict.fromkeys(part for part in flat if not part.is_Number))
        kept = [*rest, best(numbers)] if numbers else rest
        return kept[0] if len(kept) == 1 else family(*kept, evaluate=False)

    return build


def _related(name: str) -> Callable[[Any, Any], Any]:
    def of(a: Any, b: Any) -> Any:
        plain = a.is_Number and b.is_Number
        return _RELATIONS[name](a, b, **({} if plain else {"evaluate": False}))

    return of


SYMPY: Final[Algebra] = {
    **{each.name: getattr(sympy, each.sympy) for each in FUNCTIONS.values() if each.sympy},
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "neg": lambda a: -a,
    "pos": lambda a: a,
    "min": _extreme(sympy.Min, min),
    "max": _extreme(sympy.Max, max),
    "sinc": lambda z: sympy.sinc(sympy.pi * z),
    "where": lambda condition, value, otherwise: sympy.Piecewise((value, condition), (otherwise, True)),
    **{name: _related(name) for name in _RELATIONS},
    **_LOGIC,
}
"""The operations of formulas on sympy expressions."""
_EXACT: Final = {CONSTANTS["pi"]: sympy.pi, CONSTANTS["e"]: sympy.E}


def exact_number(value: float) -> Any:
    """A number of a program: integers, π and e exactly, others as floats."""
    if value in _EXACT:
        return _EXACT[value]
    return sympy.Integer(value) if isinstance(value, int) else sympy.Float(value)


# ------------------------------------------------------------------------------------------- from sympy to programs

_BY_CLASS: Final = {each.sympy: each for each in FUNCTIONS.values() if each.sympy}
_OPERATIONS: Final = {
    "Add": "add",
    "Mul": "mul",
    **{family.__name__: name for name, family in _RELATIONS.items()},
    **{family.__name__: name for name, family in _LOGIC.items()},
}


def program_of_expression(expression: Any, symbols: Sequence[Any], functions: Collection[str] = ()) -> Program:
    """The program of a sympy expression.

    Args:
        expression: A real expression of numbers, symbols, arithmetic, the functions of `functions.py`, comparisons and cases.
        symbols: Symbols in the order of the program's columns.
        functions: Names of undefined functions, which the algebra must define.

    Raises:
        FormulaError: If the expression has another part, or a number that is not real.
    """
    walk = _ProgramWriter(symbols, functions)
    return walk.builder.program(walk.place(expression))


def real_value(expression: Any) -> float:
    """A number in float64.

    Raises:
        FormulaError: If it is not real, or beyond float64.
    """
    try:
        if expression.is_Number:
            value = complex(float(expression))
        else:
            value = complex(expression.evalf(17))
    except (TypeError, OverflowError):
        value = complex("nan")
    if value.imag != 0 or not abs(value.real) < float("inf"):
        raise FormulaError(
            f"the formula contains {expression}, which is not a real number in float64; check its domain."
        )
    return value.real


class _ProgramWriter:
    """Converts an expression to steps, equal parts once."""

    def __init__(self, symbols: Sequence[Any], functions: Collection[str]) -> None:
        self.builder = Builder()
        self._columns = {each: place for place, each in enumerate(symbols)}
        self._functions = functions
        self._places: dict[Any, int] = {}

    def place(self, part: Any) -> int:
        if part not in self._places:
            self._places[part] = self._new(part)
        return self._places[part]

    def _new(self, part: Any) -> int:
        if part in self._columns:
            return self.builder.column(self._columns[part])
        if part.is_Symbol:
            raise FormulaError(
                f"the formula reads {part.name!r}; the columns are {', '.join(map(str, self._columns))}."
            )
        if getattr(part, "is_number", False):
            return self.builder.number(real_value(part))
        if part.is_Pow:
            return self._power(part)
        if isinstance(part, sympy.logic.boolalg.BooleanAtom):
            return self.builder.number(float(bool(part)))
        name = part.func.__name__
        if part.is_Piecewise:
            return self._pieces(part)
        if isinstance(part, AppliedUndef):
            if name not in self._functions:
                raise FormulaError(f"the formula has an undefined function {name}; pass its definition.")
            return self.builder.add(name, *map(self.place, part.args))
        if name in _OPERATIONS or name in ("Min", "Max"):
            operation = _OPERATIONS.get(name) or _BY_CLASS[name].name
            found, *rest = map(self.place, part.args)
            if not rest:
                return self.builder.add(operation, found)
            for each in rest:
                found = self.builder.add(operation, found, each)
            return found
        if name in _BY_CLASS and _BY_CLASS[name].order and part.args[0].is_Integer:
            return self.builder.add(_BY_CLASS[name].name, self.place(part.args[1]), order=int(part.args[0]))
        if name in _BY_CLASS and not _BY_CLASS[name].order:
            return self.builder.add(_BY_CLASS[name].name, *map(self.place, part.args))
        if name in REWRITTEN:
            return self.place(REWRITTEN[name](*part.args))
        raise FormulaError(f"{part} cannot be part of a real formula.")

    def _power(self, part: Any) -> int:
        base = self.place(part.base)
        if abs(part.exp) == sympy.Rational(1, 2):
            root = self.builder.add("sqrt", base)
            return root if part.exp > 0 else self.builder.add("div", self.builder.number(1.0), root)
        return self.builder.add("pow", base, self.place(part.exp))

    def _pieces(self, part: Any) -> int:
        pieces = list(part.args)
        otherwise = (
            self.place(pieces.pop().expr) if pieces[-1].cond == True else self.builder.number(float("nan"))  # noqa: E712
        )
        for piece in reversed(pieces):
            otherwise = self.builder.add("where", self.place(piece.cond), self.place(piece.expr), otherwise)
        return otherwise
