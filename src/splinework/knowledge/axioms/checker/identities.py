"""Claims by formulas: what follows from the formulas around a network and from equal numbers in it, in normal forms."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from splinework.knowledge.axioms.checker.claims import BoxClaim, View
from splinework.knowledge.axioms.checker.forms import Atoms, Form, TooLarge, linear_part, number, ordered
from splinework.knowledge.axioms.checker.formulas import Unreadable, without
from splinework.knowledge.axioms.checker.functions import CURVES
from splinework.knowledge.axioms.checker.models import Reading
from splinework.knowledge.axioms.checker.ranges import Range, exact, whole_power
from splinework.splines.bases import ACTIVATIONS


class NetworkSymmetries:
    """The symmetries of a network that follow from numbers that are equal to the last bit."""

    def __init__(self, reading: Reading) -> None:
        self.n, (self.scales, self.shift, self.factor) = reading.layers[0], reading.scalings[0]
        self.reading = reading

    @cached_property
    def alike(self) -> list[int]:
        """The first input with the same edges, for every input."""
        n, found = self.n, list[int]()
        for i in range(len(n.weight)):

            def same(j: int, i: int = i) -> bool:
                rows = (n.knots, n.c, n.weight, n.base_weight, self.shift, self.factor)
                return self.scales[i] == self.scales[j] and all(np.array_equal(r[i], r[j]) for r in rows)

            found.append(next((j for j in found if same(j)), i))
        return found

    def centre(self, i: int) -> Fraction | None:
        """The raw value about which all edges of an input are even, or None."""
        n, middle = self.n, self._middle(self.reading.layers[0], i)
        even = n.degree >= 0 and np.array_equal(n.c[i], n.c[i][::-1]) and not n.base_weight[i].any()
        if middle is None or not even or self.scales[i] != "linear":
            return None
        return middle * Fraction(float(self.factor[i])) + Fraction(float(self.shift[i]))

    @staticmethod
    def _middle(n: Any, i: int) -> Fraction | None:
        t = [Fraction(float(value)) for value in n.knots[i]]
        sums = {a + b for a, b in zip(t, reversed(t), strict=True)}
        return sums.pop() / 2 if len(sums) == 1 else None

    @cached_property
    def odd(self) -> bool:
        """Whether the network is an odd function of all its inputs."""
        for scales, shift, _ in self.reading.scalings:
            if "log" in scales or shift.any():
                return False
        for n, groups in zip(self.reading.layers, self.reading.groups, strict=True):
            plain = (n.base == "none" or ACTIVATIONS[n.base].odd) and not n.bias.any()
            mirrored = n.degree >= 0 and np.array_equal(n.c, -n.c[:, ::-1])
            if not (plain and mirrored and all(len(group) == 1 for group in groups)):
                return False
            if any(self._middle(n, i) != 0 for i in range(len(n.weight))):
                return False
        return True


class FormView(View):
    """A claim's variables as normal forms."""

    def __init__(self, claim: BoxClaim, reading: Reading) -> None:
        self.claim, self.reading, self.symmetries = claim, reading, NetworkSymmetries(reading)
        self.atoms = Atoms(lambda atom: atom in self._positive)
        self.algebra = self.atoms.algebra
        self._positive: set[str] = set()
        self.x = []
        for i, (low, high) in enumerate(zip(claim.lo.tolist(), claim.hi.tolist(), strict=True)):
            self.x.append(number(low) if low == high else self.atoms.atom("x", i))
            if low > 0:
                self._positive.add(f"x({i})")

    def number(self, value: float) -> Form:
        return number(value)

    def f(self, arguments: Sequence[Form]) -> list[Form]:
        r = self.reading
        features = [each.run(arguments, self.algebra, number) for each in r.before] if r.before else list(arguments)
        z = self._network(features)
        zero = self.claim.vanishing
        after = [without(each, zero) for each in r.after] if zero is not None else r.after
        return [each.run([*arguments, *z], self.algebra, number) for each in after] if after else z

    def _network(self, features: list[Form]) -> list[Form]:
        """The outputs as atoms, equal where the network cannot tell its inputs apart."""
        alike = self.symmetries.alike
        for i, form in enumerate(features):
            centre = self.symmetries.centre(i)
            if centre is not None:
                features[i] = ordered([form, number(2 * centre) + form.times(Fraction(-1))])[0]
        for first in set(alike):
            members = [i for i, owner in enumerate(alike) if owner == first]
            for i, form in zip(members, ordered([features[i] for i in members]), strict=True):
                features[i] = form
        sign = Fraction(1)
        if self.symmetries.odd:
            other = [form.times(Fraction(-1)) for form in features]
            if [form.key for form in other] < [form.key for form in features]:
                features, sign = other, Fraction(-1)
        count = len(self.reading.scalings[1][1])
        return [self.atoms.atom("network", j, *features).times(sign) for j in range(count)]

    def partial(self, output: int, along: tuple[int, ...]) -> Form:
        x = list(self.x[: len(self.reading.inputs)])
        if not along:
            return self.f(x)[output]
        if len(along) > 1:
            raise TooLarge
        x[along[0]] = x[along[0]] + self.atoms.atom("small")
        return linear_part(self.f(x)[output], self.atoms, "small()")


def least(claim: BoxClaim, reading: Reading) -> float:
    """A lower bound of a claim's function by its normal form; minus infinity if there is none."""
    view = FormView(claim, reading)
    try:
        with np.errstate(all="ignore"):
            return float(_Bounds(claim, view.atoms).of(claim.function(view)).lo)
    except (TooLarge, Unreadable, ZeroDivisionError, OverflowError, RecursionError, ValueError):
        return -np.inf


class _Bounds:
    """Ranges of normal forms."""

    def __init__(self, claim: BoxClaim, atoms: Atoms) -> None:
        self.claim, self.atoms = claim, atoms

    def of(self, form: Form) -> Range:
        total = exact(0.0)
        for m, c in form.terms.items():
            size = Range(np.nextafter(float(c), -np.inf), np.nextafter(float(c), np.inf))
            part = exact(float(c)) if Fraction(float(c)) == c else size
            for atom, power in m:
                part = part * self._power(self._atom(atom), power)
            total = total + part
        return total

    def _atom(self, atom: str) -> Range:
        kind, arguments = self.atoms.held[atom]
        if kind == "x":
            return Range(self.claim.lo[arguments[0]], self.claim.hi[arguments[0]])
        if kind == "base":
            return self.of(arguments[0])
        if kind in ("min", "max"):
            a, b = (self.of(each) for each in arguments)
            choose = np.minimum if kind == "min" else np.maximum
            return Range(choose(a.lo, b.lo), choose(a.hi, b.hi))
        everything = Range(np.array(-np.inf), np.array(np.inf))
        return CURVES[kind](self.of(arguments[0])).value if kind in CURVES else everything

    @staticmethod
    def _power(a: Range, p: Fraction) -> Range:
        if p.denominator == 1 and 0 < p <= 64:
            return whole_power(a, int(p))
        if p == -1 and (a.lo > 0 or a.hi < 0):
            return a.inverse()
        even = p.denominator % 2 == 0 or p.numerator % 2 == 0
        return Range(np.array(0.0 if even or a.lo >= 0 else -np.inf), np.array(np.inf))
