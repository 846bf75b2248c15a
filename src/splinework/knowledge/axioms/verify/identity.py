"""Proofs by formula: a claim is evaluated in normal forms, and bounded from below in exact rational arithmetic.

This proves properties that hold by construction: an ansatz on its boundary, a symmetry by features or by equal edges, bounds by
the output formula. The network itself is an unknown function; only exact equalities of its coefficients are used.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import inf
from typing import Any

import numpy as np

from splinework.knowledge.axioms.verify.claim import Along, Claim, Environment
from splinework.knowledge.axioms.verify.normal import (
    Atom,
    FormTooLarge,
    NormalForm,
    algebra,
    atom,
    coefficient,
    minus,
    number,
    plus,
    reduced,
)
from splinework.knowledge.axioms.verify.numbers import LayerNumbers, Model, array, layer_numbers, network_of
from splinework.nn.frame import Expression, FramedKAN
from splinework.nn.scaling import Scaling
from splinework.splines.bases import ACTIVATIONS

Bound = Fraction | float
"""A rational number or an infinity."""


@dataclass
class Symmetries:
    """The symmetries of a network that follow from equalities of its coefficients."""

    model: Model

    @cached_property
    def _first(self) -> tuple[LayerNumbers, Scaling]:
        network = network_of(self.model)
        return layer_numbers(network.kan_layers[0]), network.input_scaling

    @cached_property
    def twins(self) -> list[int]:
        """The first input with the same edges, scale and grid, for every input."""
        numbers, scaling = self._first
        shift, scale = array(scaling.shift), array(scaling.scale)

        def same(a: int, b: int) -> bool:
            rows = [numbers.knots, numbers.c, numbers.weight]
            rows += [] if numbers.base_weight is None else [numbers.base_weight]
            exact = all(np.array_equal(row[a], row[b]) for row in rows)
            return bool(
                exact and shift[a] == shift[b] and scale[a] == scale[b] and scaling.scales[a] == scaling.scales[b]
            )

        found: list[int] = []
        for i in range(len(shift)):
            found.append(next((j for j in found if same(i, j)), i))
        return found

    @cached_property
    def centres(self) -> list[Fraction | None]:
        """The value about which all edges of an input are even, or None, for every input."""
        numbers, scaling = self._first
        found: list[Fraction | None] = []
        for i in range(numbers.c.shape[0]):
            middle = _middle(numbers, i)
            mirrored = np.array_equal(numbers.c[i], numbers.c[i][::-1])
            plain = numbers.basis.degree is not None and scaling.scales[i] == "linear"
            no_base = numbers.base_weight is None or not numbers.base_weight[i].any()
            if middle is None or not (mirrored and plain and no_base):
                found.append(None)
            else:
                found.append(middle * Fraction(float(scaling.scale[i])) + Fraction(float(scaling.shift[i])))
        return found

    @cached_property
    def odd(self) -> bool:
        """Whether the network is odd: all edges are odd, and there are no constants."""
        network = network_of(self.model)
        if any(
            bool((s.shift != 0).any()) or "log" in s.scales for s in (network.input_scaling, network.output_scaling)
        ):
            return False
        for layer, nodes in zip(network.kan_layers, network.config.nodes[1:], strict=True):
            n = layer_numbers(layer)
            mirrored = np.array_equal(n.c, -n.c[:, ::-1]) and n.basis.degree is not None and not n.bias.any()
            no_base = n.base_weight is None or not n.base_weight.any() or ACTIVATIONS[n.base].odd
            centred = all(_middle(n, i) == 0 for i in range(len(n.knots)))
            if nodes.products or not (mirrored and no_base and centred):
                return False
        return True


def _middle(numbers: LayerNumbers, i: int) -> Fraction | None:
    """The exact value about which the knots of an input are symmetric, or None."""
    t = [Fraction(float(value)) for value in numbers.knots[i]]
    sums = {a + b for a, b in zip(t, t[::-1], strict=True)}
    return sums.pop() / 2 if len(sums) == 1 else None


@dataclass
class FormEnvironment(Environment):
    """An environment of normal forms.

    Attributes:
        symmetries: The symmetries of the model.
        vanishing: A formula whose zero set is the domain of the claim.
    """

    claim: Claim
    symmetries: Symmetries
    vanishing: Expression | None = None
    algebra: Mapping[str, Callable[..., Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.algebra = algebra(self.positive)
        self.x = [
            number(float(low)) if low == high else atom("x", i)
            for i, (low, high) in enumerate(zip(self.claim.lo, self.claim.hi, strict=True))
        ]

    def positive(self, each: Atom) -> bool:
        """Whether an atom is positive on the whole box."""
        return each[0] == "exp" or (each[0] == "x" and bool(self.claim.lo[each[1]] > 0))

    def number(self, value: float) -> NormalForm:
        if not np.isfinite(value):
            raise FormTooLarge
        return number(value)

    def f(self, arguments: Sequence[NormalForm]) -> list[NormalForm]:
        model = self.symmetries.model
        frame = model.frame if isinstance(model, FramedKAN) else None
        features = list(arguments)
        if frame is not None and frame.before:
            features = [e.run(features, self.algebra, self.number) for e in frame.before]
        z = self._network(features)
        if frame is None or not frame.after:
            return z
        columns = [*arguments, *z]
        return [self._answer(e, columns) for e in frame.after]

    def _network(self, features: list[NormalForm]) -> list[NormalForm]:
        """The network's outputs as atoms that are equal for arguments related by its symmetries."""
        for i, centre in enumerate(self.symmetries.centres):
            if centre is not None:
                mirrored = plus(number(2 * centre), minus(features[i]))
                features[i] = min(features[i], mirrored, key=lambda form: form.key)
        groups: dict[int, list[int]] = {}
        for i, owner in enumerate(self.symmetries.twins):
            groups.setdefault(owner, []).append(i)
        for members in groups.values():
            ordered = sorted((features[i] for i in members), key=lambda form: form.key)
            for i, form in zip(members, ordered, strict=True):
                features[i] = form
        sign = 1
        if self.symmetries.odd:
            other = [minus(form) for form in features]
            if [form.key for form in other] < [form.key for form in features]:
                features, sign = other, -1
        outputs = network_of(self.symmetries.model).outputs
        found = [atom("network", j, *features) for j in range(outputs)]
        return found if sign > 0 else [minus(form) for form in found]

    def _answer(self, answer: Expression, columns: Sequence[NormalForm]) -> NormalForm:
        program = answer.program
        if self.vanishing is not None:
            program = program.replaced(self.vanishing.program, 0.0)
        found: NormalForm = program.run(columns, self.algebra, self.number)
        return found

    def partial(self, output: int, along: Along) -> NormalForm:
        x = list(self.x[: self.claim.inputs])
        if len(along) > 1:
            raise FormTooLarge  # not supported
        if along:
            x[along[0]] = plus(x[along[0]], atom("small"))
            return coefficient(self.f(x)[output], ("small",))
        return self.f(x)[output]


def least(claim: Claim, model: Model, vanishing: Expression | None = None) -> Bound:
    """A lower bound of a claim's function by its formula; minus infinity if there is none."""
    env = FormEnvironment(claim, Symmetries(model), vanishing)
    try:
        form = reduced(claim.define(env))
        return _Ranges(claim).of(form)[0]
    except (FormTooLarge, ZeroDivisionError, OverflowError, RecursionError):
        return -inf


@dataclass
class _Ranges:
    """Ranges of normal forms in rational arithmetic."""

    claim: Claim

    def of(self, form: NormalForm) -> tuple[Bound, Bound]:
        """Lower and upper bound."""
        low: Bound = Fraction(0)
        high: Bound = Fraction(0)
        for monomial, value in form.terms:
            part: tuple[Bound, Bound] = (Fraction(1), Fraction(1))
            for each, exponent in monomial:
                part = _product(part, _power(self.atom(each), exponent))
            part = _product(part, (value, value))
            low, high = low + part[0], high + part[1]
        return low, high

    def atom(self, each: Atom) -> tuple[Bound, Bound]:
        """The range of an atom, as far as it follows from its kind."""
        kind = each[0]
        if kind == "x":
            low, high = float(self.claim.lo[each[1]]), float(self.claim.hi[each[1]])
            return _exact(low), _exact(high)
        if kind in ("max", "min"):
            (a, b), (c, d) = self.of(each[1]), self.of(each[2])
            return (max(a, c), max(b, d)) if kind == "max" else (min(a, c), min(b, d))
        if kind == "abs":
            low, high = self.of(each[1])  # type: ignore[assignment]
            inside = low <= 0 <= high
            return (Fraction(0) if inside else min(abs(low), abs(high))), max(abs(low), abs(high))
        if kind == "power":
            return _power(self.of(each[1]), each[2])
        if kind in ("exp", "softplus"):
            return Fraction(0), inf
        if kind == "sigmoid":
            return Fraction(0), Fraction(1)
        if kind in ("sin", "cos", "tanh"):
            return Fraction(-1), Fraction(1)
        return (Fraction(1), inf) if kind == "cosh" else (-inf, inf)


def _exact(value: float) -> Bound:
    return Fraction(value) if abs(value) < inf else value


def _times(a: Bound, b: Bound) -> Bound:
    return Fraction(0) if a == 0 or b == 0 else a * b


def _product(a: tuple[Bound, Bound], b: tuple[Bound, Bound]) -> tuple[Bound, Bound]:
    every = [_times(x, y) for x in a for y in b]
    return min(every), max(every)


def _power(a: tuple[Bound, Bound], exponent: Fraction) -> tuple[Bound, Bound]:
    """The range of a power: exact for integer exponents, otherwise only its sign."""
    low, high = a
    if exponent == 1:
        return a
    if exponent.denominator == 1 and exponent > 0:
        n = int(exponent)
        ends: list[Bound] = [low**n, high**n]
        if n % 2 == 0:
            return (Fraction(0) if low <= 0 <= high else min(ends)), max(ends)
        return ends[0], ends[1]
    if exponent == -1 and (low > 0 or high < 0):
        return _inverse(high), _inverse(low)
    even_root = exponent.denominator % 2 == 0
    even = exponent.numerator % 2 == 0
    return (Fraction(0), inf) if low >= 0 or even or even_root else (-inf, inf)


def _inverse(a: Bound) -> Bound:
    return 1 / a if isinstance(a, Fraction) else Fraction(0)
