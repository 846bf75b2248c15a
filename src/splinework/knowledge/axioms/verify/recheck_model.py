"""A whole model in the checker's arithmetic: scalings, layers, products, formulas."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from splinework.formula.functions import COMPARISONS
from splinework.knowledge.axioms.verify.claim import Along, Environment
from splinework.knowledge.axioms.verify.numbers import Model, array, layer_numbers, network_of
from splinework.knowledge.axioms.verify.recheck import (
    Floats,
    Range,
    RangeJet,
    add,
    exact,
    negative,
    through,
    times,
    whole_power,
)
from splinework.knowledge.axioms.verify.recheck_functions import FUNCTIONS, exponential, logarithm, reciprocal, within
from splinework.knowledge.axioms.verify.recheck_layer import CheckedLayer, run_layer
from splinework.nn.frame import FramedKAN

Truth = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""Where a condition surely holds, and where it surely does not."""


def _power(f: RangeJet, g: RangeJet) -> RangeJet:
    fixed = g.v.a.flat[0] if g.v.a.size and (g.v.a == g.v.a.flat[0]).all() and (g.v.a == g.v.b).all() else None
    if fixed is None:
        inside = times(g, through(f, *logarithm(f.v)))
        return through(inside, *exponential(inside.v))
    x, p = f.v, float(fixed)
    if p.is_integer() and abs(p) <= 64:
        n = int(p)
        second = exact(float(n * (n - 1))) * whole_power(x, n - 2) if n * (n - 1) else exact(np.zeros_like(x.a))
        first = exact(float(n)) * whole_power(x, n - 1) if n else exact(np.zeros_like(x.a))
        return through(f, whole_power(x, n), first, second)
    value, inverse, _ = logarithm(x)
    value = exponential(exact(p) * value)[0]
    first = exact(p) * value * inverse
    return through(f, value, first, (exact(p) + exact(-1.0)) * first * inverse)


def _extreme(largest: bool) -> Callable[[RangeJet, RangeJet], RangeJet]:
    def of(f: RangeJet, g: RangeJet) -> RangeJet:
        apart = through_named("abs", add(f, negative(g)))
        both = add(add(f, g), apart if largest else negative(apart))
        half = times_number(both, 0.5)
        choose = np.maximum if largest else np.minimum
        return RangeJet(half.order, Range(choose(f.v.a, g.v.a), choose(f.v.b, g.v.b)), half.d, half.h)

    return of


def times_number(f: RangeJet, value: float | Range) -> RangeJet:
    """`f` times a number."""
    by = value if isinstance(value, Range) else exact(value)
    return RangeJet(f.order, f.v * by, None if f.d is None else f.d * by, None if f.h is None else f.h * by)


def through_named(name: str, f: RangeJet) -> RangeJet:
    """A function of formulas of f."""
    return through(f, *FUNCTIONS[name](f.v))


def _compare(name: str) -> Callable[[RangeJet, RangeJet], Truth]:
    def of(f: RangeJet, g: RangeJet) -> Truth:
        low, high = f.v.a - g.v.b, f.v.b - g.v.a  # a difference of doubles has the sign of the exact one
        if name in ("eq", "ne"):
            same, apart = (low == 0) & (high == 0), (low > 0) | (high < 0)
            return (same, apart) if name == "eq" else (apart, same)
        at_most = {"lt": (high < 0, low >= 0), "le": (high <= 0, low > 0)}
        return at_most[name] if name in at_most else at_most["le" if name == "gt" else "lt"][::-1]

    return of


def _choose(condition: Truth, f: RangeJet, g: RangeJet) -> RangeJet:
    """One of two by a condition; where it is open, either value and any slope."""
    always, never = condition
    open_ = ~(always | never)

    def part(x: Range | None, y: Range | None, more: int, jump: bool) -> Range | None:
        if x is None or y is None:
            return None
        a, n, o = (mask.reshape(mask.shape + (1,) * more) for mask in (always, never, open_))
        low, high = (
            np.where(a, p, np.where(n, q, r))
            for p, q, r in ((x.a, y.a, np.minimum(x.a, y.a)), (x.b, y.b, np.maximum(x.b, y.b)))
        )
        return Range(np.where(o, -np.inf, low), np.where(o, np.inf, high)) if jump else Range(low, high)

    value = part(f.v, g.v, 0, False)
    assert value is not None
    return RangeJet(min(f.order, g.order), value, part(f.d, g.d, 1, True), part(f.h, g.h, 2, True))


ALGEBRA: Final[Mapping[str, Callable[..., Any]]] = {
    "add": add,
    "sub": lambda f, g: add(f, negative(g)),
    "mul": times,
    "div": lambda f, g: times(f, through(g, *reciprocal(g.v))),
    "pow": _power,
    "neg": negative,
    "pos": lambda f: f,
    "min": _extreme(False),
    "max": _extreme(True),
    **{name: (lambda f, n=name: through_named(n, f)) for name in FUNCTIONS},
    "where": _choose,
    **{name: _compare(name) for name in COMPARISONS},
    "logical_and": lambda p, q: (p[0] & q[0], p[1] | q[1]),
    "logical_or": lambda p, q: (p[0] | q[0], p[1] & q[1]),
    "logical_not": lambda p: (p[1], p[0]),
    "jv": lambda n, f: through(f, *(within(f.v, 1.0),) * 3),
    **{name: (lambda n, f: through(f, *(within(f.v, np.inf),) * 3)) for name in ("yv", "iv", "kv", "polygamma")},
}


class CheckedModel:
    """A model, called with functions of the variables.

    Raises:
        ConfigError: If it has a basis other than B-splines.
    """

    def __init__(self, model: Model) -> None:
        network = network_of(model)
        self.frame = model.frame if isinstance(model, FramedKAN) else None
        self.layers = [CheckedLayer(layer_numbers(layer)) for layer in network.kan_layers]
        self.nodes = network.config.nodes[1:]
        self.scalings = [
            (s.scales, array(s.shift), array(s.scale)) for s in (network.input_scaling, network.output_scaling)
        ]

    def __call__(self, x: Sequence[RangeJet], number: Callable[[float], RangeJet]) -> list[RangeJet]:
        u = list(x)
        if self.frame is not None and self.frame.before:
            u = [e.run(u, ALGEBRA, number) for e in self.frame.before]
        scales, shift, scale = self.scalings[0]
        u = [self._in(f, s, a, b, number) for f, s, a, b in zip(u, scales, shift, scale, strict=True)]
        for layer, nodes in zip(self.layers, self.nodes, strict=True):
            sums = run_layer(layer, [self._squashed(layer, i, f, number) for i, f in enumerate(u)])
            u = []
            for group in nodes.groups:
                node = sums[group[0]]
                for j in group[1:]:
                    node = times(node, sums[j])
                u.append(node)
        scales, shift, scale = self.scalings[1]
        u = [
            add(times_number(f, float(b)), number(float(a))) if (a, b) != (0, 1) else f
            for f, a, b in zip(u, shift, scale, strict=True)
        ]
        u = [through_named("exp", f) if s == "log" else f for f, s in zip(u, scales, strict=True)]
        if self.frame is not None and self.frame.after:
            u = [e.run([*x, *u], ALGEBRA, number) for e in self.frame.after]
        return u

    @staticmethod
    def _in(f: RangeJet, scale: str, shift: float, size: float, number: Callable[[float], RangeJet]) -> RangeJet:
        f = through_named("log", f) if scale == "log" else f
        if shift == 0 and size == 1:
            return f
        return times_number(add(f, number(-float(shift))), exact(float(size)).inverse())

    @staticmethod
    def _squashed(layer: CheckedLayer, i: int, f: RangeJet, number: Callable[[float], RangeJet]) -> RangeJet:
        if not layer.n.squashed:
            return f
        low, high = (exact(float(end[i])) for end in layer.n.domain)
        middle, half = (low + high) * exact(0.5), (high + -low) * exact(0.5)
        shape = number(0.0)
        centre = RangeJet(shape.order, Range(shape.v.a + middle.a, shape.v.b + middle.b), shape.d, shape.h)
        bent = through_named("tanh", times_number(add(f, negative(centre)), half.inverse()))
        return add(times_number(bent, half), centre)


@dataclass
class CheckEnvironment(Environment):
    """A claim in the checker's arithmetic, over boxes `(B, n)`."""

    model: CheckedModel
    lo: Floats
    hi: Floats
    inputs: int
    order: int
    algebra: Mapping[str, Callable[..., Any]] = field(default_factory=lambda: ALGEBRA)

    def __post_init__(self) -> None:
        self._here: list[RangeJet] | None = None
        units = np.eye(self.lo.shape[1])
        self.x = [self._function(Range(self.lo[:, i], self.hi[:, i]), unit) for i, unit in enumerate(units)]

    def _function(self, value: Range, slope: Floats) -> RangeJet:
        """A function with the same slope on every box."""
        batch, n = self.lo.shape
        d = exact(np.tile(slope, (batch, 1))) if self.order >= 1 else None
        return RangeJet(self.order, value, d, exact(np.zeros((batch, n, n))) if self.order >= 2 else None)

    def number(self, value: float) -> RangeJet:
        batch, n = self.lo.shape
        return self._function(exact(np.full(batch, value)), np.zeros(n))

    def f(self, arguments: Sequence[RangeJet]) -> list[RangeJet]:
        return self.model(arguments, self.number)

    def partial(self, output: int, along: Along) -> RangeJet:
        if self._here is None:
            self._here = self.f(self.x[: self.inputs])
        found = self._here[output]
        if not along:
            return found
        if len(along) == 1:
            assert found.d is not None
            row = None if found.h is None else found.h.part(slice(None), along[0])
            return RangeJet(found.order - 1, found.d.part(slice(None), along[0]), row)
        assert found.h is not None
        return RangeJet(0, found.h.part(slice(None), along[0], along[1]))
