"""Normal forms of formulas in exact rational arithmetic: sums of products of powers of atoms.

An atom is a variable, an output of the network at normal forms, or a function of normal forms. Equal functions need not have
equal forms; but what has equal forms is equal wherever both have a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from splinework.knowledge.axioms.checker.functions import CURVES

Monomial = tuple[tuple[str, Fraction], ...]
_ODD: Final = frozenset({"sin", "tan", "sinh", "tanh", "asin", "atan", "asinh", "atanh", "erf", "cbrt", "sign"})
_EVEN: Final = frozenset({"cos", "cosh", "abs", "sinc"})
_MOST_TERMS: Final = 600
_MOST_POWER: Final = 8


class TooLarge(Exception):
    """A form is too large, or has no normal form here."""


class Form:
    """A sum of monomials with rational coefficients."""

    def __init__(self, terms: Mapping[Monomial, Fraction]) -> None:
        self.terms = {m: c for m, c in terms.items() if c}
        if len(self.terms) > _MOST_TERMS:
            raise TooLarge
        self.key = " + ".join(f"{c}*{_shown(m)}" for m, c in sorted(self.terms.items()))

    def __add__(self, other: Form) -> Form:
        found = dict(self.terms)
        for m, c in other.terms.items():
            found[m] = found.get(m, Fraction(0)) + c
        return Form(found)

    def times(self, factor: Fraction) -> Form:
        """Times a number."""
        return Form({m: c * factor for m, c in self.terms.items()})

    @property
    def constant(self) -> Fraction | None:
        """The number that it is, or None."""
        if not self.terms:
            return Fraction(0)
        return self.terms[()] if set(self.terms) == {()} else None

    @property
    def falls(self) -> bool:
        """Whether its first coefficient is negative: of a form and its opposite, exactly one does, unless both are zero."""
        return bool(self.terms) and min(self.terms.items())[1] < 0


def _shown(m: Monomial) -> str:
    return "*".join(f"[{atom}]^{power}" for atom, power in m)


def number(value: Any) -> Form:
    """A number, exactly."""
    try:
        return Form({(): Fraction(value)})
    except (ValueError, OverflowError):
        raise TooLarge from None


class Atoms:
    """The atoms that occur, and the operations of formulas on forms.

    Args:
        positive: Whether an atom, by its name and key, is positive wherever claims are made.
    """

    def __init__(self, positive: Callable[[str], bool]) -> None:
        self.held: dict[str, tuple[str, tuple[Any, ...]]] = {}
        self.given = positive
        self.algebra: dict[str, Callable[..., Any]] = {
            "add": lambda a, b: a + b,
            "sub": lambda a, b: a + b.times(Fraction(-1)),
            "mul": self.multiplied,
            "div": lambda a, b: self.multiplied(a, self.power(b, Fraction(-1))),
            "pow": self._pow,
            "neg": lambda a: a.times(Fraction(-1)),
            "pos": lambda a: a,
            "sqrt": lambda a: self.power(a, Fraction(1, 2)),
            "reciprocal": lambda a: self.power(a, Fraction(-1)),
            "exp": self._exp,
            "floor": self._floor,
            "min": lambda a, b: self._extreme("min", a, b),
            "max": lambda a, b: self._extreme("max", a, b),
            "where": lambda c, a, b: a if a.key == b.key else self.atom("where", number(0), a, b, name=c),
            **{
                sign: (lambda a, b, sign=sign: f"{sign}({a.key}; {b.key})")
                for sign in ("lt", "le", "gt", "ge", "eq", "ne")
            },
            **{f"logical_{sign}": (lambda *c, sign=sign: f"{sign}({'; '.join(c)})") for sign in ("and", "or", "not")},
        }
        for name in CURVES:
            self.algebra.setdefault(name, lambda a, name=name: self._function(name, a))

    def atom(self, kind: str, *arguments: Any, name: str = "") -> Form:
        """An atom as a form."""
        key = f"{kind}{name}({', '.join(a.key if isinstance(a, Form) else str(a) for a in arguments)})"
        self.held[key] = (kind, arguments)
        return Form({((key, Fraction(1)),): Fraction(1)})

    def positive(self, atom: str) -> bool:
        """Whether an atom is certainly positive."""
        return self.held[atom][0] == "exp" or self.given(atom)

    def multiplied(self, a: Form, b: Form) -> Form:
        """`a b`."""
        if len(a.terms) * len(b.terms) > _MOST_TERMS * 4:
            raise TooLarge
        found: dict[Monomial, Fraction] = {}
        for m, c in a.terms.items():
            for n, e in b.terms.items():
                powers: dict[str, Fraction] = dict(m)
                for atom, power in n:
                    powers[atom] = powers.get(atom, Fraction(0)) + power
                key = tuple(sorted((atom, power) for atom, power in powers.items() if power))
                found[key] = found.get(key, Fraction(0)) + c * e
        return self._without_cosines(Form(found))

    def _without_cosines(self, form: Form) -> Form:
        """`cos²` as `1 - sin²`."""
        for m, c in form.terms.items():
            for atom, power in m:
                if self.held[atom][0] == "cos" and power >= 2:
                    rest = Form({tuple((x, p - 2 if x == atom else p) for x, p in m if x != atom or p != 2): c})
                    sine = self._function("sin", self.held[atom][1][0])
                    other = Form({n: e for n, e in form.terms.items() if n != m})
                    return self._without_cosines(
                        other + rest + self.multiplied(rest, self.multiplied(sine, sine)).times(Fraction(-1))
                    )
        return form

    def _pow(self, a: Form, b: Form) -> Form:
        if b.constant is None:
            return self.atom("pow", a, b)
        return self.power(a, b.constant)

    def power(self, a: Form, p: Fraction) -> Form:
        """`a^p`."""
        if p.denominator == 1 and 0 <= p <= _MOST_POWER:
            found = number(1)
            for _ in range(int(p)):
                found = self.multiplied(found, a)
            return found
        if not a.terms:
            raise TooLarge
        # What is common to all terms and positive is drawn out; of a single term everything, if the power is whole.
        single = len(a.terms) == 1 and p.denominator == 1
        shared: dict[str, Fraction] = dict(next(iter(a.terms)))
        for m in a.terms:
            powers = dict(m)
            shared = {x: min(q, powers[x]) for x, q in shared.items() if x in powers}
        out = {x: q for x, q in shared.items() if single or self.positive(x)}
        size = min(a.terms.items())[1]
        size = size if p.denominator == 1 else abs(size)
        inner = Form({
            tuple((x, q - out.get(x, Fraction(0))) for x, q in m if q != out.get(x, Fraction(0))): c / size
            for m, c in a.terms.items()
        })  # fmt: skip
        if p.denominator == 1:
            factor = number(size**p)
        else:
            factor = number(1) if size == 1 else self.atom("pow", number(size), p)
        factor = self.multiplied(factor, Form({tuple(sorted((x, q * p) for x, q in out.items())): Fraction(1)}))
        if inner.constant == 1:
            return factor
        key = next(iter(self.atom("base", inner).terms))[0][0]
        return self.multiplied(factor, Form({((key, p),): Fraction(1)}))

    def _exp(self, a: Form) -> Form:
        found = number(1)
        for m, c in a.terms.items():
            key = next(iter(self.atom("exp", Form({m: Fraction(1)})).terms))[0][0]
            found = self.multiplied(found, Form({((key, c),): Fraction(1)}))
        return found

    def _floor(self, a: Form) -> Form:
        whole = a.terms.get((), Fraction(0)).__floor__()
        rest = a + number(-whole)
        return number(whole) if rest.constant is not None else self.atom("floor", rest) + number(whole)

    def _extreme(self, kind: str, a: Form, b: Form) -> Form:
        if a.key == b.key:
            return a
        return self.atom(kind, *sorted((a, b), key=lambda form: form.key))

    def _function(self, kind: str, a: Form) -> Form:
        if kind == "abs" and a.constant is not None:
            return number(abs(a.constant))
        if kind in _ODD and not a.terms:
            return number(0)
        flipped = a.falls and kind in (*_ODD, *_EVEN)
        found = self.atom(kind, a.times(Fraction(-1)) if flipped else a)
        return found.times(Fraction(-1)) if flipped and kind in _ODD else found


def linear_part(form: Form, atoms: Atoms, small: str) -> Form:
    """The coefficient of an infinitesimal.

    Raises:
        TooLarge: If another atom depends on it.
    """
    found: dict[Monomial, Fraction] = {}
    for m, c in form.terms.items():
        power = dict(m).get(small, Fraction(0))
        if power >= 2:
            continue
        if power not in (0, 1) or any(small in x for x, _ in m if x != small):
            raise TooLarge
        if power == 1:
            key = tuple((x, q) for x, q in m if x != small)
            found[key] = found.get(key, Fraction(0)) + c
    return Form(found)


def ordered(forms: Sequence[Form]) -> list[Form]:
    """Forms by their keys."""
    return sorted(forms, key=lambda form: form.key)
