"""Dimensional consistency of a formula, and the units that its free constants must have.

The dimension of every node of a formula is a known dimension times powers of those of the constants: an affine function of
unknown exponent vectors. Sums, functions and the target give linear equations for these, which are solved exactly and
sequentially, so that the inconsistent node is known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, final

import sympy
from sympy.core.function import AppliedUndef

from splinework.formula.languages.python import python
from splinework.formula.units.dimensions import PURE, Dimension

_MAX_DENOMINATOR: Final = 10**6
"""Largest denominator of a rationalised float exponent."""
_DIMENSION_PRESERVING: Final = (sympy.Abs, sympy.Max, sympy.Min)
"""Functions whose value has the common dimension of their arguments."""


@final
@dataclass(frozen=True)
class UnitConsistency:
    """The result of `dimension_of`.

    Attributes:
        dimension: Dimension of the formula; None where its units conflict.
        constants: Required dimension of every float of the formula and of every symbol without a given unit; undetermined ones
            are dimensionless. A float that occurs with two units is listed twice.
        conflict: Reason why no units of the constants make the formula consistent; empty if some do.
    """

    dimension: Dimension | None
    constants: tuple[tuple[Any, Dimension], ...] = ()
    conflict: str = ""

    def sentences(self) -> tuple[str, ...]:
        """Messages: the conflict, or the constants that have a unit."""
        if self.conflict:
            return (f"its units disagree: {self.conflict}",)
        return tuple(f"{_short(constant)} has {unit}" for constant, unit in self.constants if not unit.pure)


def dimension_of(
    expression: Any, dimensions: Mapping[str, Dimension], *, target: Dimension | None = None
) -> UnitConsistency:
    """The dimension of a sympy expression over named columns, and the dimensions of its constants.

    Floats are fitted constants and may have any unit; exact numbers (integers, fractions, π) are dimensionless. The terms of a
    sum have one dimension, and the arguments of exp, sin, … none. Logarithms of dimensional quantities are allowed where their
    sum is that of a ratio, or where a free constant beside them absorbs the unit. A remaining spline may have any units.

    Args:
        expression: The formula.
        dimensions: Dimensions of the columns; any other symbol is an unknown constant.
        target: Required dimension of the formula; None for any.

    Example:
        >>> from splinework.interpret.symbolic.expression import symbol
        >>> from splinework.formula.units.parsing import parse_units
        >>> fall = sympy.Float(4.905) * symbol("t") ** 2
        >>> found = dimension_of(fall, parse_units("t=s"), target=parse_units("y=m")["y"])
        >>> found.sentences()
        ('4.905 has m/s^2',)
    """
    walk = _DimensionEquations(dimensions)
    try:
        whole = walk.node(expression)
        if target is not None:
            walk.equal(whole, _AffineDimension(target), f"the formula has {{}}, and its target {_unit(target)}")
    except _UnitConflict as conflict:
        return UnitConsistency(None, conflict=str(conflict))
    constants = [
        (constant, walk.value(_AffineDimension(PURE, {n: Fraction(1)}))) for n, constant in enumerate(walk.unknowns)
    ]
    return UnitConsistency(walk.value(whole), tuple(dict.fromkeys(constants)))


class _UnitConflict(Exception):
    """No units of the constants satisfy a node."""


@dataclass(frozen=True)
class _AffineDimension:
    """A known dimension times powers of those of the unknowns."""

    known: Dimension
    powers: Mapping[int, Fraction] = field(default_factory=dict)

    def times(self, other: "_AffineDimension", power: Fraction = Fraction(1)) -> "_AffineDimension":
        """The product with a power of another one."""
        powers = dict(self.powers)
        for unknown, exponent in other.powers.items():
            powers[unknown] = powers.get(unknown, Fraction(0)) + power * exponent
        return _AffineDimension(self.known * other.known**power, {n: p for n, p in powers.items() if p})


class _DimensionEquations:
    """The linear equations for the unknown exponents, each solved for one unknown."""

    def __init__(self, dimensions: Mapping[str, Dimension]) -> None:
        self.dimensions = dimensions
        self.unknowns: list[Any] = []
        self.solved: dict[int, _AffineDimension] = {}
        self.named: dict[Any, int] = {}

    def node(self, expression: Any) -> _AffineDimension:
        """The dimension of an expression; adds the equations that it implies."""
        if isinstance(expression, sympy.Float):
            return self._unknown(expression)  # one unknown per occurrence: equal values may have different units
        if expression.is_Symbol:
            known = self.dimensions.get(expression.name)
            return self._shared(expression, expression) if known is None else _AffineDimension(known)
        if expression.is_number and not expression.atoms(sympy.Float):
            return _AffineDimension(PURE)
        if expression.is_Add:
            return self._sum(expression)
        if expression.is_Mul:
            result = _AffineDimension(PURE)
            for factor in expression.args:
                result = result.times(self.node(factor))
            return result
        if expression.is_Pow:
            return self._power(expression)
        return self._function(expression)

    def equal(self, left: _AffineDimension, right: _AffineDimension, sentence: str) -> None:
        """Adds an equation; `sentence` is the message if it fails, with `{}` for the dimension on the left."""
        gap = self._reduced(left.times(right, Fraction(-1)))
        if not gap.powers:
            if not gap.known.pure:
                raise _UnitConflict(sentence.format(_unit(self.value(left))))
            return
        unknown = max(gap.powers)
        lead = gap.powers[unknown]
        rest = _AffineDimension(gap.known, {n: p for n, p in gap.powers.items() if n != unknown})
        self.solved[unknown] = _AffineDimension(PURE).times(rest, -1 / lead)

    def value(self, affine: _AffineDimension) -> Dimension:
        """The dimension if all undetermined unknowns are dimensionless."""
        return self._reduced(affine).known

    def _reduced(self, affine: _AffineDimension) -> _AffineDimension:
        """Substitutes the unknowns that the equations determine."""
        while any(n in self.solved for n in affine.powers):
            result = _AffineDimension(affine.known)
            for n, power in affine.powers.items():
                result = result.times(self.solved.get(n, _AffineDimension(PURE, {n: Fraction(1)})), power)
            affine = result
        return affine

    def _unknown(self, constant: Any) -> _AffineDimension:
        self.unknowns.append(constant)
        return _AffineDimension(PURE, {len(self.unknowns) - 1: Fraction(1)})

    def _shared(self, key: Any, constant: Any) -> _AffineDimension:
        """The unknown of a symbol or of an undefined function, shared by all its occurrences."""
        if key not in self.named:
            self._unknown(constant)
            self.named[key] = len(self.unknowns) - 1
        return _AffineDimension(PURE, {self.named[key]: Fraction(1)})

    def _power(self, expression: Any) -> _AffineDimension:
        base, exponent = expression.args
        if exponent.is_number:
            return _AffineDimension(PURE).times(self.node(base), _rational(exponent))
        self._pure(exponent, f"the exponent {_short(exponent)}")
        if base != sympy.E:
            self._pure(base, f"the base {_short(base)} of a power whose exponent varies")
        return _AffineDimension(PURE)

    def _sum(self, expression: Any) -> _AffineDimension:
        logarithms, others = _logarithms(expression.args)
        free = any(term.is_Float for term in others)
        parts = [(term, self.node(term)) for term in others]
        for rest, terms in logarithms.items():
            inside = _AffineDimension(PURE)
            for coefficient, argument, term in terms:
                inside = inside.times(self.node(argument), coefficient)
                parts.append((term, self._outside(term)))
            if not (free and rest == 1):  # else the free constant absorbs the logarithm of that unit
                names = ", ".join(_short(argument) for _, argument, _ in terms)
                self.equal(
                    inside, _AffineDimension(PURE), f"the logarithms of {names} make one of {{}}, not of a pure number"
                )
        first, dimension = parts[0]
        for term, other in parts[1:]:
            message = f"{_short(first)} has {_unit(self.value(dimension))}, {_short(term)} has {{}}, and they are added"
            self.equal(other, dimension, message)
        return dimension

    def _outside(self, term: Any) -> _AffineDimension:
        """The dimension of the factors of a logarithm."""
        result = _AffineDimension(PURE)
        for factor in sympy.Mul.make_args(term):
            if not isinstance(factor, sympy.log):
                result = result.times(self.node(factor))
        return result

    def _function(self, expression: Any) -> _AffineDimension:
        name = expression.func.__name__
        if isinstance(expression, AppliedUndef):
            for argument in expression.args:
                self.node(argument)
            return self._shared(expression.func, sympy.Symbol(name))
        parts = [self.node(argument) for argument in expression.args]
        if isinstance(expression, (*_DIMENSION_PRESERVING, sympy.atan2)):
            for part, argument in zip(parts[1:], expression.args[1:], strict=True):
                message = f"{name} compares {_short(expression.args[0])} with {_short(argument)}, which has {{}}"
                self.equal(part, parts[0], message)
            return parts[0] if isinstance(expression, _DIMENSION_PRESERVING) else _AffineDimension(PURE)
        if not isinstance(expression, sympy.sign | sympy.Heaviside):
            for part, argument in zip(parts, expression.args, strict=True):
                self.equal(part, _AffineDimension(PURE), f"{name} takes a pure number, {_short(argument)} has {{}}")
        return _AffineDimension(PURE)

    def _pure(self, expression: Any, what: str) -> None:
        self.equal(self.node(expression), _AffineDimension(PURE), f"{what} has {{}}, where a pure number must stand")


def _logarithms(terms: Iterable[Any]) -> tuple[dict[Any, list[tuple[Fraction, Any, Any]]], list[Any]]:
    """The terms `k · rest · log(argument)` of a sum, grouped by rest, and the other terms."""
    found: dict[Any, list[tuple[Fraction, Any, Any]]] = {}
    others = []
    for term in terms:
        factors = sympy.Mul.make_args(term)
        logs = [factor for factor in factors if isinstance(factor, sympy.log)]
        if len(logs) != 1:
            others.append(term)
            continue
        coefficient = sympy.Mul(*(f for f in factors if f.is_number))
        rest = sympy.Mul(*(f for f in factors if not f.is_number and f is not logs[0]))
        found.setdefault(rest, []).append((_rational(coefficient), logs[0].args[0], term))
    return found, others


def _rational(number: Any) -> Fraction:
    if isinstance(number, sympy.Rational):
        return Fraction(int(number.p), int(number.q))
    return Fraction(float(number)).limit_denominator(_MAX_DENOMINATOR)


def _unit(dimension: Dimension) -> str:
    return "no unit" if dimension.pure else str(dimension)


def _short(expression: Any) -> str:
    """The expression in Python syntax, with four digits and at most 40 characters."""
    rounded = expression.xreplace({f: sympy.Float(f"{float(f):.4g}") for f in expression.atoms(sympy.Float)})
    text = python(rounded)
    return text if len(text) <= 40 else text[:37] + "..."
