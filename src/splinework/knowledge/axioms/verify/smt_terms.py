"""Terms of SMT-LIB over the reals, exact rationals in them, and their derivatives by the chain rule."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any, Final

from splinework.errors import ConfigError
from splinework.knowledge.axioms.verify.jets import Pair


@dataclass(frozen=True)
class Term:
    """A term of sort Real; a constant has its value, so that sums and products with 0 and 1 disappear."""

    text: str
    value: Fraction | None = None

    def __add__(self, other: "Term") -> "Term":
        if self.value is not None and other.value is not None:
            return constant(self.value + other.value)
        return other if self.value == 0 else self if other.value == 0 else Term(f"(+ {self.text} {other.text})")

    def __mul__(self, other: "Term") -> "Term":
        if self.value is not None and other.value is not None:
            return constant(self.value * other.value)
        if self.value == 0 or other.value == 0:
            return ZERO
        return other if self.value == 1 else self if other.value == 1 else Term(f"(* {self.text} {other.text})")

    def __neg__(self) -> "Term":
        return Term(f"(- {self.text})") if self.value is None else constant(-self.value)


def constant(value: float | Fraction) -> Term:
    """A number, exactly: every float is a fraction."""
    exact = Fraction(value)
    size = f"{abs(exact.numerator)}.0"
    size = size if exact.denominator == 1 else f"(/ {size} {exact.denominator}.0)"
    return Term(size if exact >= 0 else f"(- {size})", exact)


ZERO: Final = constant(0)
ONE: Final = constant(1)


def horner(coefficients: Iterable[Fraction], x: Term) -> Term:
    """A polynomial, from its coefficients in rising order."""
    found = ZERO
    for value in reversed(list(coefficients)):
        found = found * x + constant(value)
    return found


@dataclass(frozen=True)
class SmtJet:
    """A term with its first and second derivatives in the variables; what is not listed is zero.

    Attributes:
        d: First derivatives by variable.
        h: Second derivatives by pair of variables, the smaller first.
        kinked: Whether it has kinks, so that `d` and `h` are not to be used.
    """

    v: Term
    d: Mapping[int, Term] = field(default_factory=dict)
    h: Mapping[Pair, Term] = field(default_factory=dict)
    kinked: bool = False

    def partial(self, along: tuple[int, ...]) -> "SmtJet":
        """A derivative of order 0 to 2, without derivatives of its own."""
        if along and self.kinked:
            raise ConfigError(
                "a derivative of min, max or abs of the network is not written for solvers; leave it out."
            )
        if not along:
            return SmtJet(self.v)
        if len(along) == 1:
            return SmtJet(self.d.get(along[0], ZERO))
        return SmtJet(self.h.get((min(along), max(along)), ZERO))


def chained(inner: SmtJet, value: Term, slope: Term, bend: Term) -> SmtJet:
    """A function of one variable, of which value and derivatives are given, of a jet."""
    d = {i: slope * own for i, own in inner.d.items()}
    h = {pair: slope * own for pair, own in inner.h.items()}
    for i in inner.d:
        for j in inner.d:
            if i <= j:
                h[i, j] = h.get((i, j), ZERO) + bend * inner.d[i] * inner.d[j]
    return SmtJet(value, d, h, inner.kinked)


def _merged(a: Mapping[Any, Term], b: Mapping[Any, Term]) -> dict[Any, Term]:
    return {key: a.get(key, ZERO) + b.get(key, ZERO) for key in (*a, *(key for key in b if key not in a))}


def added(a: SmtJet, b: SmtJet) -> SmtJet:
    """`a + b`."""
    return SmtJet(a.v + b.v, _merged(a.d, b.d), _merged(a.h, b.h), a.kinked or b.kinked)


def times(a: SmtJet, b: SmtJet) -> SmtJet:
    """`a b`."""
    d = _merged({i: own * b.v for i, own in a.d.items()}, {i: own * a.v for i, own in b.d.items()})
    h = _merged({p: own * b.v for p, own in a.h.items()}, {p: own * a.v for p, own in b.h.items()})
    for i, one in a.d.items():
        for j, other in b.d.items():
            pair = (min(i, j), max(i, j))
            h[pair] = h.get(pair, ZERO) + (one * other if i != j else constant(2) * one * other)
    return SmtJet(a.v * b.v, d, h, a.kinked or b.kinked)


def negated(a: SmtJet) -> SmtJet:
    """`-a`."""
    return times(SmtJet(constant(-1)), a)


def powered(a: SmtJet, exponent: SmtJet) -> SmtJet:
    """`a^n` for a constant integer n; others are refused."""
    n = exponent.v.value
    if n is None or n.denominator != 1 or abs(n) > _MAX_POWER:
        raise ConfigError(
            f"a power with the exponent {exponent.v.text} is not written for solvers; only integers to {_MAX_POWER}."
        )
    found = SmtJet(ONE)
    for _ in range(abs(int(n))):
        found = times(found, a)
    return found if n >= 0 else inverse(found)


def inverse(a: SmtJet) -> SmtJet:
    """`1/a`. Solvers give a division by zero any value, so a claim proved with it holds where a is not 0."""
    one = Term(f"(/ 1.0 {a.v.text})") if a.v.value in (None, 0) else constant(1 / a.v.value)
    square = one * one
    return chained(a, one, -square, constant(2) * square * one)


def _chosen(relation: str, a: SmtJet, b: SmtJet) -> SmtJet:
    return SmtJet(Term(f"(ite ({relation} {a.v.text} {b.v.text}) {a.v.text} {b.v.text})"), kinked=True)


def _absolute(a: SmtJet) -> SmtJet:
    return SmtJet(Term(f"(ite (>= {a.v.text} 0.0) {a.v.text} (- {a.v.text}))"), kinked=True)


_MAX_POWER: Final = 16
SMT_ALGEBRA: Final[Mapping[str, Callable[..., Any]]] = {
    "add": added,
    "sub": lambda a, b: added(a, negated(b)),
    "mul": times,
    "div": lambda a, b: times(a, inverse(b)),
    "neg": negated,
    "pos": lambda a: a,
    "pow": powered,
    "abs": _absolute,
    "min": partial(_chosen, "<="),
    "max": partial(_chosen, ">="),
}
"""The operations of formulas that SMT-LIB's theory of the reals has."""
