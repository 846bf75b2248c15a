"""Claims by formulas: what follows from the formulas around a network and from equal numbers in it, in SymPy's normal forms.

The network is an unknown function of its features, the same for features that it cannot tell apart. Equal functions need not have
equal forms; but what has equal forms is equal wherever both have a value.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any, Final

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from splinework.knowledge.axioms.checker.claims import BoxClaim, View
from splinework.knowledge.axioms.checker.formulas import FUNCTIONS, ORDERED, Unreadable
from splinework.knowledge.axioms.checker.functions import CURVES
from splinework.knowledge.axioms.checker.models import Reading
from splinework.knowledge.axioms.checker.ranges import Range, exact, sum_of, whole_power
from splinework.splines.bases import ACTIVATIONS

_MOST_TERMS: Final = 600
_MOST_POWER, _MOST_POWER_OF_NUMBERS = 8, 64
_EPS: Final = sympy.Dummy("infinitesimal", positive=True)


class TooLarge(Exception):
    """A form is too large, or has no normal form here."""


def _normal(e: Any) -> Any:
    """The normal form: a sum of products, powers of sums without common factors, and no square of a cosine."""
    for _ in range(4):
        before, e = e, sympy.expand(e.replace(_split, _drawn_out))
        e = sympy.expand(
            e.replace(lambda t: t.is_Pow and isinstance(t.base, sympy.cos) and t.exp.is_integer and t.exp >= 2, _sines)
        )
        if len(sympy.Add.make_args(e)) > _MOST_TERMS:
            raise TooLarge
        if e == before:
            break
    return e


def _split(t: Any) -> bool:
    return bool(t.is_Pow and t.base.is_Add and not (t.exp.is_integer and t.exp > 0))


def _drawn_out(t: Any) -> Any:
    base = sympy.expand(t.base)
    sign = -1 if t.exp.is_integer and base.could_extract_minus_sign() else 1
    return sign**t.exp * sympy.expand_power_base(sympy.factor_terms(sign * base) ** t.exp)


def _sines(t: Any) -> Any:
    return (1 - sympy.sin(t.base.args[0]) ** 2) * t.base ** (t.exp - 2)


def _symbol(name: str, low: float, high: float) -> sympy.Symbol:
    signs: dict[str, Any] = {"positive": True} if low > 0 else {"negative": True} if high < 0 else {}
    return sympy.Symbol(name, real=True, **signs)


def _unknown(name: str, *arguments: Any) -> Any:
    return sympy.Function(name, real=True)(*map(_normal, arguments))


def _multiplied(a: Any, b: Any) -> Any:
    a, b = _normal(a), _normal(b)
    if len(sympy.Add.make_args(a)) * len(sympy.Add.make_args(b)) > 4 * _MOST_TERMS:
        raise TooLarge
    return _normal(a * b)


def _power(a: Any, b: Any) -> Any:
    most = _MOST_POWER if a.is_Add else _MOST_POWER_OF_NUMBERS if a.is_Rational else np.inf
    if (a.is_zero and not b.is_positive) or (b.is_Rational and abs(b) > most):
        raise TooLarge
    return reduce(_multiplied, [a] * int(b)) if a.is_Add and b.is_Integer and b > 0 else a**b


def _sorted(name: str) -> Callable[[Any, Any], Any]:
    def of(a: Any, b: Any) -> Any:
        a, b = sorted((_normal(a), _normal(b)), key=sympy.default_sort_key)
        return a if a == b else _unknown(name, a, b)

    return of


def _where(condition: Any, a: Any, b: Any) -> Any:
    a, b = _normal(a), _normal(b)
    return a if a == b else _unknown("where", condition, a, b)


_KNOWN: Final = {
    name: getattr(sympy, name)
    for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "atan", "asinh", "atanh", "erf",
                 "floor", "sign")
} | {"abs": sympy.Abs}  # fmt: skip
_ALGEBRA: Final[Mapping[str, Callable[..., Any]]] = {
    **{name: (lambda a, name=name: _unknown(name, a)) for name in (*FUNCTIONS, *ORDERED)},
    **{name: (lambda a, f=f: f(_normal(a))) for name, f in _KNOWN.items()},
    **{
        name: (lambda *a, name=name: _unknown(name, *a))
        for name in ("lt", "le", "gt", "ge", "eq", "ne", "logical_and", "logical_or", "logical_not")
    },
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "neg": lambda a: -a,
    "pos": lambda a: a,
    "mul": _multiplied,
    "div": lambda a, b: _multiplied(a, _power(_normal(b), sympy.Integer(-1))),
    "pow": lambda a, b: _power(_normal(a), _normal(b)),
    "reciprocal": lambda a: _power(_normal(a), sympy.Integer(-1)),
    "min": _sorted("min"),
    "max": _sorted("max"),
    "where": _where,
}


def _alike(r: Reading) -> list[int]:
    """The first input with the same edges to the last bit, for every input."""
    n, (scales, shift, factor) = r.layers[0], r.scalings[0]
    rows, found = (n.knots, n.c, n.weight, n.base_weight, shift, factor), list[int]()
    for i in range(len(n.weight)):
        same = (j for j in found if scales[i] == scales[j] and all(np.array_equal(row[i], row[j]) for row in rows))
        found.append(next(same, i))
    return found


def _middle(knots: Any) -> Fraction | None:
    t = [Fraction(float(value)) for value in knots]
    sums = {a + b for a, b in zip(t, reversed(t), strict=True)}
    return sums.pop() / 2 if len(sums) == 1 else None


def _centre(r: Reading, i: int) -> Any:
    """The raw value about which all edges of an input are even, or None."""
    n, (scales, shift, factor) = r.layers[0], r.scalings[0]
    middle = _middle(n.knots[i])
    even = n.degree >= 0 and np.array_equal(n.c[i], n.c[i][::-1]) and not n.base_weight[i].any()
    if middle is None or not even or scales[i] != "linear":
        return None
    return sympy.Rational(middle * Fraction(float(factor[i])) + Fraction(float(shift[i])))


def _odd(r: Reading) -> bool:
    """Whether the network is an odd function of all its inputs."""
    if any("log" in scales or shift.any() for scales, shift, _ in r.scalings):
        return False
    for n, groups in zip(r.layers, r.groups, strict=True):
        plain = (n.base == "none" or ACTIVATIONS[n.base].odd) and not n.bias.any()
        centred = n.degree >= 0 and all(_middle(knots) == 0 for knots in n.knots)
        if any(len(group) > 1 for group in groups) or not (plain and centred and np.array_equal(n.c, -n.c[:, ::-1])):
            return False
    return True


class FormView(View):
    """A claim's variables in normal forms."""

    algebra = _ALGEBRA

    def __init__(self, claim: BoxClaim, reading: Reading) -> None:
        self.claim, self.reading = claim, reading
        self.alike, self.odd = _alike(reading), _odd(reading)
        self.centres = [_centre(reading, i) for i in range(len(self.alike))]
        ends = enumerate(zip(claim.lo.tolist(), claim.hi.tolist(), strict=True))
        self.x = [self.number(low) if low == high else _symbol(f"x{i}", low, high) for i, (low, high) in ends]

    def number(self, value: float) -> Any:
        if not np.isfinite(value):
            raise TooLarge
        return sympy.Rational(float(value))

    def f(self, arguments: Sequence[Any]) -> list[Any]:
        r, zero = self.reading, self.claim.vanishing
        features = [_normal(e) for e in ([each.run(arguments, self) for each in r.before] or arguments)]
        for i, centre in enumerate(self.centres):
            if centre is not None:
                features[i] = min(features[i], _normal(2 * centre - features[i]), key=sympy.default_sort_key)
        for first in set(self.alike):
            members = [i for i, owner in enumerate(self.alike) if owner == first]
            held = sorted((features[i] for i in members), key=sympy.default_sort_key)
            for i, feature in zip(members, held, strict=True):
                features[i] = feature
        sign, keys = 1, [sympy.default_sort_key(e) for e in features]
        if self.odd and [sympy.default_sort_key(_normal(-e)) for e in features] < keys:
            features, sign = [_normal(-e) for e in features], -1
        z = [sign * _unknown(f"network{j}", *features) for j in range(len(r.scalings[1][1]))]
        after = [each if zero is None else each.without(zero) for each in r.after]
        return [each.run([*arguments, *z], self) for each in after] or z

    def partial(self, output: int, along: tuple[int, ...]) -> Any:
        x = list(self.x[: len(self.reading.inputs)])
        if not along:
            return self.f(x)[output]
        if len(along) > 1:
            raise TooLarge
        x[along[0]] = x[along[0]] + _EPS
        moved = _normal(self.f(x)[output])
        hidden = {atom: sympy.Dummy("bounded") for atom in moved.atoms(AppliedUndef) if atom.has(_EPS)}
        try:
            powers = sympy.Poly(moved.xreplace(hidden), _EPS)
        except sympy.PolynomialError:
            raise TooLarge from None
        if any(powers.nth(k).has(*hidden.values()) for k in (0, 1) if hidden):
            raise TooLarge
        return powers.nth(1)


def least(claim: BoxClaim, reading: Reading) -> float:
    """A lower bound of a claim's function by its normal form; minus infinity if there is none."""
    try:
        with np.errstate(all="ignore"):
            form = _normal(claim.function(FormView(claim, reading)))
            if form.atoms(sympy.Abs) and _numerator_vanishes(form):
                return 0.0
            return float(_range(form, claim).lo)
    except (TooLarge, Unreadable, ArithmeticError, RecursionError, TypeError, ValueError):
        return -np.inf


def _numerator_vanishes(form: Any) -> bool:
    """Whether what a claim says to be zero is a fraction with the numerator zero."""
    inner = (
        form.args[-1].args[0] if form.is_Mul and form.args[0] == -1 and isinstance(form.args[-1], sympy.Abs) else None
    )
    return inner is not None and sympy.expand(sympy.fraction(sympy.together(inner))[0]) == 0


def _range(e: Any, claim: BoxClaim) -> Range:
    """The range of a normal form over the box of a claim."""
    everything = Range(np.array(-np.inf), np.array(np.inf))
    if e.is_Rational:
        value = float(e)
        return (
            exact(value)
            if sympy.Rational(value) == e
            else Range(*(np.nextafter(value, end) for end in (-np.inf, np.inf)))
        )
    if e.is_Symbol:
        i = int(e.name[1:])
        return Range(claim.lo[i], claim.hi[i])
    if e.is_Add:
        return sum_of([_range(part, claim) for part in e.args])
    if e.is_Mul:
        total = exact(1.0)
        for part in e.args:
            total = total * _range(part, claim)
        return total
    if isinstance(e, sympy.exp):
        return CURVES["exp"](_range(e.args[0], claim)).value
    if e.is_Pow and e.exp.is_Rational:
        base = _range(e.base, claim)
        if e.exp.is_Integer and 0 < e.exp <= 64:
            return whole_power(base, int(e.exp))
        if e.exp == -1 and (base.lo > 0 or base.hi < 0):
            return base.inverse()
        even = e.exp.q % 2 == 0 or e.exp.p % 2 == 0
        return Range(np.array(0.0 if even or base.lo >= 0 else -np.inf), np.array(np.inf))
    name = type(e).__name__.lower()
    if name in ("min", "max"):
        a, b = (_range(part, claim) for part in e.args)
        choose = np.minimum if name == "min" else np.maximum
        return Range(choose(a.lo, b.lo), choose(a.hi, b.hi))
    return CURVES[name](_range(e.args[0], claim)).value if name in CURVES else everything
