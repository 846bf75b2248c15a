"""Whether a formula is right in its units, and which units its free constants must carry for it.

The dimension of every node of a formula is a known one times powers of those of the constants: an affine function of unknown
vectors. Sums, functions and the target make linear equations of these, which are solved exactly, one after the other, so that
the node at which they fail is known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, final

import sympy
from sympy.core.function import AppliedUndef

from splinework.formula.languages.python import python
from splinework.formula.units.dimensions import PURE, Dimension

_FINEST: Final = 10**6
"""Largest denominator of an exponent that is a float."""
_SAME: Final = (sympy.Abs, sympy.Max, sympy.Min)
"""Functions whose outcome has the dimension of their arguments, which is one and the same."""


@final
@dataclass(frozen=True)
class UnitConsistency:
    """What `dimension_of` finds.

    Attributes:
        dimension: That of the formula; None where its units conflict.
        constants: What every float of the formula, and every symbol whose unit was not known, must carry; what nothing
            determines is taken as a pure number. A float that occurs with two units is listed twice.
        conflict: The sentence why no units of the constants make the formula right; empty if some do.
    """

    dimension: Dimension | None
    constants: tuple[tuple[Any, Dimension], ...] = ()
    conflict: str = ""

    def sentences(self) -> tuple[str, ...]:
        """For people: the conflict, or the constants that carry a unit."""
        if self.conflict:
            return (f"its units disagree: {self.conflict}",)
        return tuple(f"{_short(constant)} has {unit}" for constant, unit in self.constants if not unit.pure)


def dimension_of(
    expression: Any, dimensions: Mapping[str, Dimension], *, target: Dimension | None = None
) -> UnitConsistency:
    """The dimension of a sympy expression over named columns, and those of its constants.

    Floats are measured and may carry any unit; exact numbers (integers, fractions, π) are pure. Terms of a sum have one
    dimension, and arguments of exp, sin, … none. Logarithms may be of quantities where their sum is that of a ratio, or where a
    free constant beside them takes the unit up. A remaining spline takes and gives any unit.

    Args:
        expression: The formula.
        dimensions: Of the columns; a symbol that is not among them is an unknown, as a float is.
        target: Dimension that the whole must have; None if any.

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
        """With another, to a power."""
        powers = dict(self.powers)
        for unknown, exponent in other.powers.items():
            powers[unknown] = powers.get(unknown, Fraction(0)) + power * exponent
        return _AffineDimension(self.known * other.known**power, {n: p for n, p in powers.items() if p})


class _DimensionEquations:
    """Goes through a formula once, and keeps the equations solved for one unknown each."""

    def __init__(self, dimensions: Mapping[str, Dimension]) -> None:
        self.dimensions = dimensions
        self.unknowns: list[Any] = []
        self.solved: dict[int, _AffineDimension] = {}
        self.named: dict[Any, int] = {}

    def node(self, expression: Any) -> _AffineDimension:
        """Its dimension, after the equations that it makes."""
        if isinstance(expression, sympy.Float):
            return self._unknown(expression)  # every one its own: equal by chance is not equal in unit
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
        """Adds an equation; the sentence tells why it fails, `{}` being the dimension on the left."""
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
        """With the unknowns that nothing determines as pure numbers."""
        return self._reduced(affine).known

    def _reduced(self, affine: _AffineDimension) -> _AffineDimension:
        """Without the unknowns that equations give; each is given by earlier ones, or by ones found later."""
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
        """The one unknown of a symbol, or of a function."""
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
            if not (free and rest == 1):  # else the free constant is minus the logarithm of that unit
                names = ", ".join(_short(argument) for _, argument, _ in terms)
                self.equal(
                    inside, _AffineDimension(PURE), f"the logarithms of {names} make one of {{}}, not of a pure number"
                )
        first, dimension = parts[0]
        for term, other in parts[1:]:
            told = f"{_short(first)} has {_unit(self.value(dimension))}, {_short(term)} has {{}}, and they are added"
            self.equal(other, dimension, told)
        return dimension

    def _outside(self, term: Any) -> _AffineDimension:
        """What stands before a logarithm, whose argument has been seen to."""
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
        if isinstance(expression, (*_SAME, sympy.atan2)):
            for part, argument in zip(parts[1:], expression.args[1:], strict=True):
                told = f"{name} compares {_short(expression.args[0])} with {_short(argument)}, which has {{}}"
                self.equal(part, parts[0], told)
            return parts[0] if isinstance(expression, _SAME) else _AffineDimension(PURE)
        if not isinstance(expression, sympy.sign | sympy.Heaviside):
            for part, argument in zip(parts, expression.args, strict=True):
                self.equal(part, _AffineDimension(PURE), f"{name} takes a pure number, {_short(argument)} has {{}}")
        return _AffineDimension(PURE)

    def _pure(self, expression: Any, what: str) -> None:
        self.equal(self.node(expression), _AffineDimension(PURE), f"{what} has {{}}, where a pure number must stand")


def _logarithms(terms: Iterable[Any]) -> tuple[dict[Any, list[tuple[Fraction, Any, Any]]], list[Any]]:
    """The terms `k · rest · log(argument)` of a sum by their rest, and the other terms."""
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
    return Fraction(float(number)).limit_denominator(_FINEST)


def _unit(dimension: Dimension) -> str:
    return "no unit" if dimension.pure else str(dimension)


def _short(expression: Any) -> str:
    """In Python syntax, numbers to four digits, at most 40 characters."""
    rounded = expression.xreplace({f: sympy.Float(f"{float(f):.4g}") for f in expression.atoms(sympy.Float)})
    text = python(rounded)
    return text if len(text) <= 40 else text[:37] + "..."
