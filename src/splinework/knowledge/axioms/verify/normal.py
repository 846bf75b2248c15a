"""Formulas in a normal form, exactly: sums of rational multiples of products of powers of atoms.

An atom is a variable, an output of the network at given arguments, or a function of a normal form. Two formulas with the same
form are the same function wherever both are defined; the converse need not hold. Only these rules are used: exponentials of sums
are products, `sin² = 1 - cos²`, parities, `floor(a + n) = floor(a) + n`, and `D · 1/D = 1`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from splinework.formula.functions import COMPARISONS, FUNCTIONS

Atom = tuple[Any, ...]
Monomial = tuple[tuple[Atom, Fraction], ...]
_MAX_TERMS: Final = 400
_UNIT: Final[Monomial] = ()


class FormTooLarge(Exception):
    """A normal form has too many terms, or an operation is not supported."""


@dataclass(frozen=True)
class NormalForm:
    """`Σ coefficient · monomial`, sorted; no coefficient is zero."""

    terms: tuple[tuple[Monomial, Fraction], ...]

    @property
    def number(self) -> Fraction | None:
        """The value of a constant."""
        if not self.terms:
            return Fraction(0)
        return self.terms[0][1] if len(self.terms) == 1 and self.terms[0][0] == _UNIT else None

    @property
    def key(self) -> str:
        """A sort key, equal for equal forms."""
        return repr(self.terms)


def form_of(terms: Mapping[Monomial, Fraction]) -> NormalForm:
    """A form from its terms; raises FormTooLarge if there are too many."""
    kept = [(monomial, value) for monomial, value in terms.items() if value]
    if len(kept) > _MAX_TERMS:
        raise FormTooLarge
    return NormalForm(tuple(sorted(kept, key=repr)))


def number(value: float | Fraction) -> NormalForm:
    """A constant, exactly."""
    return form_of({_UNIT: Fraction(value)})


def atom(*parts: Any) -> NormalForm:
    """An atom alone."""
    return form_of({((parts, Fraction(1)),): Fraction(1)})


def plus(a: NormalForm, b: NormalForm) -> NormalForm:
    """`a + b`."""
    terms = dict(a.terms)
    for monomial, value in b.terms:
        terms[monomial] = terms.get(monomial, Fraction(0)) + value
    return form_of(terms)


def minus(a: NormalForm) -> NormalForm:
    """`-a`."""
    return NormalForm(tuple((monomial, -value) for monomial, value in a.terms))


def times(a: NormalForm, b: NormalForm) -> NormalForm:
    """`a b`."""
    if len(a.terms) * len(b.terms) > 4 * _MAX_TERMS:
        raise FormTooLarge
    terms: dict[Monomial, Fraction] = {}
    for one, x in a.terms:
        for other, y in b.terms:
            powers = dict(one)
            for each, power in other:
                powers[each] = powers.get(each, Fraction(0)) + power
            monomial = tuple(sorted(((k, p) for k, p in powers.items() if p), key=repr))
            terms[monomial] = terms.get(monomial, Fraction(0)) + x * y
    return _without_squares_of_sines(form_of(terms))


def _without_squares_of_sines(a: NormalForm) -> NormalForm:
    for monomial, value in a.terms:
        for each, power in monomial:
            if each[0] == "sin" and power >= 2 and power.denominator == 1:
                rest = tuple((k, p) for k, p in monomial if k != each)
                left = power - 2
                rest = tuple(sorted((*rest, (each, left)), key=repr)) if left else rest
                others = NormalForm(tuple(t for t in a.terms if t[0] != monomial))
                cosine = atom("cos", *each[1:])
                square = plus(number(1), minus(times(cosine, cosine)))
                return plus(others, times(form_of({rest: value}), square))
    return a


def power(a: NormalForm, exponent: Fraction, positive: Callable[[Atom], bool]) -> NormalForm:
    """`a^p`: integer powers expanded, others with positive factors extracted; raises ZeroDivisionError for `1/0`."""
    if exponent.denominator == 1 and 0 <= exponent <= 16:
        result = number(1)
        for _ in range(int(exponent)):
            result = times(result, a)
        return result
    if exponent < 0 and not a.terms:
        raise ZeroDivisionError
    if len(a.terms) == 1 and exponent.denominator == 1:
        monomial, value = a.terms[0]
        if value:
            return form_of({tuple((k, p * exponent) for k, p in monomial): value ** int(exponent)})
    common, rest = drawn_out(a, positive)
    outside = form_of({tuple((k, p * exponent) for k, p in common): Fraction(1)})
    constant = rest.number
    if constant == 1:
        return outside
    return times(outside, atom("power", rest, exponent))


def drawn_out(a: NormalForm, positive: Callable[[Atom], bool]) -> tuple[Monomial, NormalForm]:
    """The positive atoms common to all terms, with their smallest powers, and the remaining factor."""
    if not a.terms:
        return _UNIT, a
    atoms = {k for monomial, _ in a.terms for k, _ in monomial if positive(k)}
    least = {k: min(dict(monomial).get(k, Fraction(0)) for monomial, _ in a.terms) for k in atoms}
    common = tuple(sorted(((k, p) for k, p in least.items() if p), key=repr))
    inverse = form_of({tuple((k, -p) for k, p in common): Fraction(1)})
    return common, times(a, inverse)


def reduced(a: NormalForm) -> NormalForm:
    """The form simplified by `D · 1/D = 1`, if the terms with `1/D` add up to a multiple of D."""
    reciprocals = {k for monomial, _ in a.terms for k, p in monomial if k[0] == "power" and k[2] == -1 and p == 1}
    for each in sorted(reciprocals, key=repr):
        holds = {m: v for m, v in a.terms if dict(m).get(each) == 1}
        inner = {tuple((k, p) for k, p in m if k != each): v for m, v in holds.items()}
        divisor = dict(each[1].terms)
        if set(inner) == set(divisor):
            ratios = {inner[m] / divisor[m] for m in inner}
            if len(ratios) == 1:
                rest = form_of({m: v for m, v in a.terms if m not in holds})
                a = plus(rest, number(ratios.pop()))
    return a


def exponential(a: NormalForm) -> NormalForm:
    """`e^a` as a product over the terms of a."""
    result = number(1)
    for monomial, value in a.terms:
        if monomial == _UNIT:
            result = times(result, atom("exp", number(value)))
        else:
            unit = form_of({monomial: Fraction(1)})
            result = times(result, form_of({((("exp", unit), value),): Fraction(1)}))
    return result


def upright(a: NormalForm) -> tuple[NormalForm, int]:
    """The form or its negative, whichever comes first, and the sign."""
    other = minus(a)
    return (a, 1) if a.key <= other.key else (other, -1)


def _absolute(a: NormalForm) -> NormalForm:
    a = reduced(a)
    if not a.terms:
        return a
    fixed = a.number
    return number(abs(fixed)) if fixed is not None else atom("abs", upright(a)[0])


def _chosen(name: str) -> Callable[[NormalForm, NormalForm], NormalForm]:
    def of(a: NormalForm, b: NormalForm) -> NormalForm:
        difference = plus(a, minus(b)).number
        if difference is not None:
            return a if (difference >= 0) == (name == "max") else b
        return atom(name, *sorted((a, b), key=lambda form: form.key))

    return of


def _floored(a: NormalForm) -> NormalForm:
    whole = next((v for m, v in a.terms if m == _UNIT), Fraction(0))
    step = whole.numerator // whole.denominator
    rest = plus(a, number(-step))
    return number(step) if rest.number is not None else plus(number(step), atom("floor", rest))


def _odd(name: str) -> Callable[[NormalForm], NormalForm]:
    def of(a: NormalForm) -> NormalForm:
        if not a.terms:
            return a
        inner, sign = upright(a)
        return times(number(sign), atom(name, inner))

    return of


def _even(name: str) -> Callable[[NormalForm], NormalForm]:
    return lambda a: atom(name, upright(a)[0]) if a.terms else number(1)


def _plain(name: str) -> Callable[[NormalForm], NormalForm]:
    return lambda a: atom(name, a)


def algebra(positive: Callable[[Atom], bool]) -> dict[str, Callable[..., NormalForm]]:
    """The operations of formulas on forms, given a predicate for positive atoms."""

    def divide(a: NormalForm, b: NormalForm) -> NormalForm:
        return times(a, power(b, Fraction(-1), positive))

    def raised(a: NormalForm, b: NormalForm) -> NormalForm:
        fixed = b.number
        if fixed is not None and fixed.denominator <= 64:
            return power(a, fixed, positive)
        return atom("pow", a, b)

    return {
        **_ATOMS,
        "add": plus,
        "sub": lambda a, b: plus(a, minus(b)),
        "mul": times,
        "div": divide,
        "pow": raised,
        "neg": minus,
        "pos": lambda a: a,
        "abs": _absolute,
        "min": _chosen("min"),
        "max": _chosen("max"),
        "floor": _floored,
        "exp": exponential,
        "sqrt": lambda a: power(a, Fraction(1, 2), positive),
        **{name: _joined(name) for name in (*COMPARISONS, "where", "logical_and", "logical_or", "logical_not")},
    }


def _joined(name: str) -> Callable[..., NormalForm]:
    return lambda *parts: atom(name, *parts)


def _atoms() -> dict[str, Callable[..., NormalForm]]:
    """Functions that are atoms of their arguments; others are evaluated by their definitions."""
    found: dict[str, Callable[..., NormalForm]] = {}
    for each in FUNCTIONS.values():
        primitive = each.name in ("sigmoid", "softplus") or not each.definition
        if each.order:
            found[each.name] = lambda n, a, name=each.name: atom(name, n, a)
        elif each.arity == 1 and primitive and not each.truth:
            found[each.name] = {"odd": _odd, "even": _even, "": _plain}[each.parity](each.name)
    return found


_ATOMS: Final = _atoms()


def coefficient(a: NormalForm, small: Atom) -> NormalForm:
    """The derivative by an infinitesimal atom at zero; raises FormTooLarge if the atom occurs inside another one."""
    found: dict[Monomial, Fraction] = {}
    for monomial, value in a.terms:
        power = dict(monomial).get(small, Fraction(0))
        rest = tuple((k, p) for k, p in monomial if k != small)
        if power not in (0, 1) and power > 1:
            continue  # of higher order
        if power not in (0, 1) or any(repr(small) in repr(k) for k, _ in rest):
            raise FormTooLarge
        if power == 1:
            found[rest] = found.get(rest, Fraction(0)) + value
    return form_of(found)
