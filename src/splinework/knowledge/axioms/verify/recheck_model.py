"""A whole model in the checker's arithmetic: scalings, layers, products, formulas."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from splinework.formula.arrays import arrays
from splinework.formula.functions import COMPARISONS
from splinework.knowledge.axioms.verify.claim import Along, Asker
from splinework.knowledge.axioms.verify.numbers import Model, array, layer_numbers, network_of
from splinework.knowledge.axioms.verify.recheck import (
    Floats,
    Function,
    Range,
    add,
    exact,
    negative,
    through,
    times,
    whole_power,
)
from splinework.knowledge.axioms.verify.recheck_functions import RangeFunctions
from splinework.knowledge.axioms.verify.recheck_layer import Layer, run_layer
from splinework.nn.frame import FramedKAN

_LIBRARY: Final = 1e-14
_LARGEST: Final = float(np.finfo(np.float64).max)
Three = tuple[Range, Range, Range]
Truth = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""Where a condition surely holds, and where it surely does not."""


def _ends(f: Callable[[Floats], Floats], x: Range, least: float = -np.inf, most: float = np.inf) -> Range:
    """A rising function of both ends, widened by what a library may be wrong."""
    with np.errstate(all="ignore"):
        low, high = f(x.a), f(x.b)
    # A value that is too large for a double is at least the largest double.
    low = np.clip(np.where(np.isnan(low), least, low), -_LARGEST, _LARGEST)
    low = np.where(x.a == -np.inf, np.maximum(least, -np.inf), low)
    high = np.where(np.isnan(high), most, high)
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = low - np.abs(low) * _LIBRARY, high + np.abs(high) * _LIBRARY
    return Range(np.maximum(np.where(np.isnan(low), -np.inf, low), least), np.minimum(high, most))


def _one(x: Range) -> Range:
    return exact(np.ones_like(x.a))


def _exp(x: Range) -> Three:
    value = _ends(np.exp, x, 0.0)
    return value, value, value


def _log(x: Range) -> Three:
    held = Range(np.maximum(x.a, 0.0), np.maximum(x.b, 0.0))
    return _ends(np.log, held), held.inverse(), -held.inverse().square()


def _sqrt(x: Range) -> Three:
    value = _ends(np.sqrt, Range(np.maximum(x.a, 0.0), np.maximum(x.b, 0.0)), 0.0)
    slope = exact(0.5) * value.inverse()
    return value, slope, -(slope * slope.square() * exact(2.0))


def _tanh(x: Range) -> Three:
    value = _ends(np.tanh, x, -1.0, 1.0)
    slope = _one(x) + -value.square()
    return value, slope, exact(-2.0) * value * slope


def _logistic(x: Floats) -> Floats:
    value: Floats = 0.5 * (1 + np.tanh(x / 2))
    return value


def _sigmoid(x: Range) -> Three:
    raw = _ends(_logistic, x, 0.0, 1.0)
    value = Range(np.maximum(raw.a - 1e-16, 0.0), np.minimum(raw.b + 1e-16, 1.0))
    slope = value * (_one(x) + -value)
    return value, slope, slope * (_one(x) + exact(-2.0) * value)


def _softplus(x: Range) -> Three:
    first, second, _ = _sigmoid(x)
    return _ends(lambda z: np.logaddexp(0.0, z), x, 0.0), first, second


def _sine(x: Range, turn: int) -> Range:
    """Sine a number of quarter turns on: the middle, its slope, and a curvature of at most one."""
    functions = (np.sin, np.cos, lambda z: -np.sin(z), lambda z: -np.cos(z))
    with np.errstate(all="ignore"):
        middle, half = x.a / 2 + x.b / 2, (x.b - x.a) / 2 * (1 + 1e-15)
        value, slope = functions[turn % 4](middle), functions[(turn + 1) % 4](middle)
        off = np.minimum(np.abs(slope) * half + half**2 / 2, 2.0) + 1e-14 + 1e-15 * np.abs(middle)
    low, high = np.maximum(value - off, -1.0), np.minimum(value + off, 1.0)
    return Range(np.where(np.isnan(low), -1.0, low), np.where(np.isnan(high), 1.0, high))


def _sin(x: Range) -> Three:
    return _sine(x, 0), _sine(x, 1), _sine(x, 2)


def _cos(x: Range) -> Three:
    return _sine(x, 1), _sine(x, 2), _sine(x, 3)


def _tan(x: Range) -> Three:
    value = _sine(x, 0) * _sine(x, 1).inverse()
    slope = _one(x) + value.square()
    return value, slope, exact(2.0) * value * slope


def _sinh(x: Range) -> Three:
    up, down = _ends(np.exp, x, 0.0), _ends(np.exp, -x, 0.0)
    odd, even = (up + -down) * exact(0.5), (up + down) * exact(0.5)
    return odd, even, odd


def _cosh(x: Range) -> Three:
    odd, even, _ = _sinh(x)
    return even, odd, even


def _atan(x: Range) -> Three:
    slope = (_one(x) + x.square()).inverse()
    return _ends(np.arctan, x), slope, exact(-2.0) * x * slope.square()


def _asin(x: Range) -> Three:
    held = Range(np.clip(x.a, -1.0, 1.0), np.clip(x.b, -1.0, 1.0))
    _, half, _ = _sqrt(_one(x) + -held.square())
    slope = exact(2.0) * half
    return _ends(np.arcsin, held), slope, held * slope * slope.square()


def _acos(x: Range) -> Three:
    value, slope, bend = _asin(x)
    right = Range(np.full_like(x.a, 1.5707963267948963), np.full_like(x.a, 1.5707963267948968))
    return right + -value, -slope, -bend


def _abs(x: Range) -> Three:
    across = (x.a < 0) & (x.b > 0)
    most = np.maximum(np.abs(x.a), np.abs(x.b))
    value = Range(np.where(across, 0.0, np.minimum(np.abs(x.a), np.abs(x.b))), most)
    slope = Range(np.where(x.a >= 0, 1.0, -1.0), np.where(x.b <= 0, -1.0, 1.0))
    return value, slope, Range(np.zeros_like(x.a), np.where(across, np.inf, 0.0))


def _floor(x: Range) -> Three:
    low, high = np.floor(x.a), np.floor(x.b)
    jump = np.where(low == high, 0.0, np.inf)
    return Range(low, high), Range(np.zeros_like(x.a), jump), Range(-jump, jump)


def _inverse(x: Range) -> Three:
    value = x.inverse()
    return value, -value.square(), exact(2.0) * value * value.square()


def _asinh(x: Range) -> Three:
    slope = _sqrt(_one(x) + x.square())[0].inverse()
    return _ends(np.arcsinh, x), slope, -(x * slope * slope.square())


def _acosh(x: Range) -> Three:
    held = Range(np.maximum(x.a, 1.0), np.maximum(x.b, 1.0))
    slope = _sqrt(held.square() + exact(-1.0))[0].inverse()
    return _ends(np.arccosh, held, 0.0), slope, -(held * slope * slope.square())


def _atanh(x: Range) -> Three:
    held = Range(np.clip(x.a, -1.0, 1.0), np.clip(x.b, -1.0, 1.0))
    slope = (_one(x) + -held.square()).inverse()
    return _ends(np.arctanh, held), slope, exact(2.0) * held * slope.square()


def _erf(x: Range) -> Three:
    factor = Range(np.full_like(x.a, 1.1283791670955125), np.full_like(x.a, 1.1283791670955128))  # 2/√π
    slope = factor * _exp(-x.square())[0]
    return _ends(arrays()["erf"], x, -1.0, 1.0), slope, exact(-2.0) * x * slope


def _sign(x: Range) -> Three:
    jump = np.where((x.a > 0) | (x.b < 0), 0.0, np.inf)
    return Range(np.sign(x.a), np.sign(x.b)), Range(np.zeros_like(x.a), jump), Range(-jump, jump)


def _within(x: Range, size: float) -> Range:
    return Range(np.full_like(x.a, -size), np.full_like(x.a, size))


def _sinc(x: Range) -> Three:
    """`∫₀¹ cos(πxt) dt`, so that slopes are at most π/2 and π²/3 in size."""
    angle = Range(np.full_like(x.a, 3.141592653589793), np.full_like(x.a, 3.1415926535897936)) * x
    value = _sine(angle, 0) * angle.inverse()
    return Range(np.maximum(value.a, -0.2173), np.minimum(value.b, 1.0)), _within(x, 1.5708), _within(x, 3.29)


def _unknown(x: Range) -> Three:
    return (_within(x, np.inf),) * 3


def _bessel_j(x: Range) -> Three:
    return (_within(x, 1.0),) * 3  # DLMF 10.14.1; slopes are halves of differences of two


FUNCTIONS: Final[dict[str, Callable[[Range], Three]]] = {
    "exp": _exp,
    "log": _log,
    "sqrt": _sqrt,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "sin": _sin,
    "cos": _cos,
    "tan": _tan,
    "sinh": _sinh,
    "cosh": _cosh,
    "atan": _atan,
    "asin": _asin,
    "acos": _acos,
    "abs": _abs,
    "floor": _floor,
    "asinh": _asinh,
    "acosh": _acosh,
    "atanh": _atanh,
    "erf": _erf,
    "sign": _sign,
    "sinc": _sinc,
    "gamma": _unknown,
    "gammaln": _unknown,
}
RANGES: Final = RangeFunctions(FUNCTIONS)
"""For the formulas of bases and base functions."""


def _power(f: Function, g: Function) -> Function:
    fixed = g.v.a.flat[0] if g.v.a.size and (g.v.a == g.v.a.flat[0]).all() and (g.v.a == g.v.b).all() else None
    if fixed is None:
        return through(times(g, through(f, *_log(f.v))), *_exp((times(g, through(f, *_log(f.v)))).v))
    x, p = f.v, float(fixed)
    if p.is_integer() and abs(p) <= 64:
        n = int(p)
        second = exact(float(n * (n - 1))) * whole_power(x, n - 2) if n * (n - 1) else exact(np.zeros_like(x.a))
        first = exact(float(n)) * whole_power(x, n - 1) if n else exact(np.zeros_like(x.a))
        return through(f, whole_power(x, n), first, second)
    logarithm, inverse, _ = _log(x)
    value = _exp(exact(p) * logarithm)[0]
    first = exact(p) * value * inverse
    return through(f, value, first, (exact(p) + exact(-1.0)) * first * inverse)


def _extreme(largest: bool) -> Callable[[Function, Function], Function]:
    def of(f: Function, g: Function) -> Function:
        apart = through_named("abs", add(f, negative(g)))
        both = add(add(f, g), apart if largest else negative(apart))
        half = times_number(both, 0.5)
        choose = np.maximum if largest else np.minimum
        return Function(half.order, Range(choose(f.v.a, g.v.a), choose(f.v.b, g.v.b)), half.d, half.h)

    return of


def times_number(f: Function, value: float | Range) -> Function:
    """`f` times a number."""
    by = value if isinstance(value, Range) else exact(value)
    return Function(f.order, f.v * by, None if f.d is None else f.d * by, None if f.h is None else f.h * by)


def through_named(name: str, f: Function) -> Function:
    """A function of formulas of f."""
    return through(f, *FUNCTIONS[name](f.v))


def _compare(name: str) -> Callable[[Function, Function], Truth]:
    def of(f: Function, g: Function) -> Truth:
        low, high = f.v.a - g.v.b, f.v.b - g.v.a  # a difference of doubles has the sign of the exact one
        if name in ("eq", "ne"):
            same, apart = (low == 0) & (high == 0), (low > 0) | (high < 0)
            return (same, apart) if name == "eq" else (apart, same)
        at_most = {"lt": (high < 0, low >= 0), "le": (high <= 0, low > 0)}
        return at_most[name] if name in at_most else at_most["le" if name == "gt" else "lt"][::-1]

    return of


def _choose(condition: Truth, f: Function, g: Function) -> Function:
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
    return Function(min(f.order, g.order), value, part(f.d, g.d, 1, True), part(f.h, g.h, 2, True))


ALGEBRA: Final[Mapping[str, Callable[..., Any]]] = {
    "add": add,
    "sub": lambda f, g: add(f, negative(g)),
    "mul": times,
    "div": lambda f, g: times(f, through(g, *_inverse(g.v))),
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
    "jv": lambda n, f: through(f, *_bessel_j(f.v)),
    **{name: (lambda n, f: through(f, *_unknown(f.v))) for name in ("yv", "iv", "kv", "polygamma")},
}


class CheckedModel:
    """A model, called with functions of the variables.

    Raises:
        ConfigError: If it has a basis other than B-splines.
    """

    def __init__(self, model: Model) -> None:
        network = network_of(model)
        self.frame = model.frame if isinstance(model, FramedKAN) else None
        self.layers = [Layer(layer_numbers(layer), RANGES) for layer in network.kan_layers]
        self.nodes = network.config.nodes[1:]
        self.scalings = [
            (s.scales, array(s.shift), array(s.scale)) for s in (network.input_scaling, network.output_scaling)
        ]

    def __call__(self, x: Sequence[Function], number: Callable[[float], Function]) -> list[Function]:
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
    def _in(f: Function, scale: str, shift: float, size: float, number: Callable[[float], Function]) -> Function:
        f = through_named("log", f) if scale == "log" else f
        if shift == 0 and size == 1:
            return f
        return times_number(add(f, number(-float(shift))), exact(float(size)).inverse())

    @staticmethod
    def _squashed(layer: Layer, i: int, f: Function, number: Callable[[float], Function]) -> Function:
        if not layer.n.squashed:
            return f
        low, high = (exact(float(end[i])) for end in layer.n.domain)
        middle, half = (low + high) * exact(0.5), (high + -low) * exact(0.5)
        shape = number(0.0)
        centre = Function(shape.order, Range(shape.v.a + middle.a, shape.v.b + middle.b), shape.d, shape.h)
        bent = through_named("tanh", times_number(add(f, negative(centre)), half.inverse()))
        return add(times_number(bent, half), centre)


@dataclass
class CheckAsker(Asker):
    """A claim in the checker's arithmetic, over boxes `(B, n)`."""

    model: CheckedModel
    lo: Floats
    hi: Floats
    inputs: int
    order: int
    algebra: Mapping[str, Callable[..., Any]] = field(default_factory=lambda: ALGEBRA)

    def __post_init__(self) -> None:
        batch, n = self.lo.shape
        self._here: list[Function] | None = None
        self.x = []
        for i in range(n):
            unit = np.zeros((batch, n))
            unit[:, i] = 1.0
            d = exact(unit) if self.order >= 1 else None
            h = exact(np.zeros((batch, n, n))) if self.order >= 2 else None
            self.x.append(Function(self.order, Range(self.lo[:, i], self.hi[:, i]), d, h))

    def number(self, value: float) -> Function:
        batch, n = self.lo.shape
        d = exact(np.zeros((batch, n))) if self.order >= 1 else None
        h = exact(np.zeros((batch, n, n))) if self.order >= 2 else None
        return Function(self.order, exact(np.full(batch, value)), d, h)

    def f(self, arguments: Sequence[Function]) -> list[Function]:
        return self.model(arguments, self.number)

    def partial(self, output: int, along: Along) -> Function:
        if self._here is None:
            self._here = self.f(self.x[: self.inputs])
        found = self._here[output]
        if not along:
            return found
        if len(along) == 1:
            assert found.d is not None
            row = None if found.h is None else found.h.part(slice(None), along[0])
            return Function(found.order - 1, found.d.part(slice(None), along[0]), row)
        assert found.h is not None
        return Function(0, found.h.part(slice(None), along[0], along[1]))
