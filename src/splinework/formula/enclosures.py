"""Formulas over intervals: functions and their first two derivatives, and the range of a whole formula on boxes.

Values come from NumPy's float64 functions, which are taken to be right to 16 units of 2⁻⁵³ of the value (they are documented to
4 in the last place), and are moved outward by as much; what is known of a function's range is never left.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from splinework.formula.arrays import arrays
from splinework.formula.derivatives import derivative
from splinework.formula.expression import Expression
from splinework.formula.functions import FUNCTIONS
from splinework.formula.intervals import (
    Floats,
    Interval,
    U,
    add,
    everything,
    exactly,
    hull,
    intersect,
    multiply,
    negative,
    reciprocal,
    squared,
    subtract,
)
from splinework.formula.program import Program, compiled

_LOOSE: Final = 16 * U
_INF: Final = np.inf
_LARGEST: Final = float(np.finfo(np.float64).max)
Jet3 = tuple[Interval, Interval, Interval]
"""Values, first and second derivatives of a function over intervals."""


def outward(lo: Floats, hi: Floats, least: float = -_INF, most: float = _INF) -> Interval:
    """Values of a library function at both ends, moved outward, within the function's range; the whole range where undefined."""
    lo = np.where(lo == _INF, _LARGEST, lo)  # too large for a double: at least the largest one
    lo = np.where(np.isnan(lo), least, np.maximum(lo - np.abs(lo) * _LOOSE, least))
    hi = np.where(np.isnan(hi), most, np.minimum(hi + np.abs(hi) * _LOOSE, most))
    return Interval(lo, hi)


def _rising(f: Callable[[Floats], Floats], x: Interval, least: float = -_INF, most: float = _INF) -> Interval:
    with np.errstate(all="ignore"):
        return outward(f(x.lo), f(x.hi), least, most)


def _ones(x: Interval) -> Interval:
    return exactly(np.ones(x.shape))


def _exp(x: Interval) -> Jet3:
    value = _rising(np.exp, x, 0.0)
    return value, value, value


def _log(x: Interval) -> Jet3:
    positive = Interval(np.maximum(x.lo, 0.0), np.maximum(x.hi, 0.0))
    slope = reciprocal(positive)
    return _rising(np.log, positive), slope, negative(squared(slope))


def _sqrt(x: Interval) -> Jet3:
    value = _rising(np.sqrt, Interval(np.maximum(x.lo, 0.0), np.maximum(x.hi, 0.0)), 0.0)
    slope = multiply(exactly(0.5), reciprocal(value))
    return value, slope, negative(multiply(multiply(slope, slope), reciprocal(value)))


def _tanh(x: Interval) -> Jet3:
    value = _rising(np.tanh, x, -1.0, 1.0)
    slope = subtract(_ones(x), squared(value))
    slope = Interval(np.clip(slope.lo, 0.0, 1.0), np.clip(slope.hi, 0.0, 1.0))
    return value, slope, multiply(multiply(exactly(-2.0), value), slope)


def _logistic(x: Floats) -> Floats:
    value: Floats = np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))
    return value


def _sigmoid(x: Interval) -> Jet3:
    value = _rising(_logistic, x, 0.0, 1.0)
    rest = _rising(_logistic, negative(x), 0.0, 1.0)
    slope = multiply(value, rest)
    slope = Interval(np.clip(slope.lo, 0.0, 0.25), np.clip(slope.hi, 0.0, 0.25))
    return value, slope, multiply(slope, subtract(rest, value))


def _softplus(x: Interval) -> Jet3:
    value = _rising(lambda z: np.logaddexp(0.0, z), x, 0.0)
    first, second, _ = _sigmoid(x)
    return value, first, second


def _wave(x: Interval, quarter: float) -> Interval:
    """Sine of `x + quarter π/2`: the ends, and the extremes that lie between."""
    wave: Callable[[Floats], Floats] = np.cos if quarter % 2 else np.sin
    sign = 1.0 if quarter < 2 else -1.0
    with np.errstate(all="ignore"):
        a, b = sign * wave(x.lo), sign * wave(x.hi)
        # In turns; a crest is at a whole number. A crest that is nearly reached counts, whatever is rounded.
        doubt = 1e-12 + 4 * U * np.maximum(np.abs(x.lo), np.abs(x.hi))
        low, high = (x.lo - doubt) / (2 * np.pi) + quarter / 4, (x.hi + doubt) / (2 * np.pi) + quarter / 4
        crest = np.floor(high - 0.25) >= np.ceil(low - 0.25)
        trough = np.floor(high - 0.75) >= np.ceil(low - 0.75)
        value = outward(np.minimum(a, b), np.maximum(a, b), -1.0, 1.0)
    lo, hi = np.where(trough, -1.0, value.lo), np.where(crest, 1.0, value.hi)
    wild = ~(np.isfinite(x.lo) & np.isfinite(x.hi)) | (np.maximum(np.abs(x.lo), np.abs(x.hi)) > 1e9)
    return Interval(np.where(wild, -1.0, lo), np.where(wild, 1.0, hi))


def _sin(x: Interval) -> Jet3:
    return _wave(x, 0.0), _wave(x, 1.0), _wave(x, 2.0)


def _cos(x: Interval) -> Jet3:
    return _wave(x, 1.0), _wave(x, 2.0), _wave(x, 3.0)


def _tan(x: Interval) -> Jet3:
    """`tan`: the whole line where a pole may lie in the interval."""
    cosine = _wave(x, 1.0)
    pole = (cosine.lo <= 0) & (cosine.hi >= 0)
    value = _rising(np.tan, x)
    value = Interval(np.where(pole, -_INF, value.lo), np.where(pole, _INF, value.hi))
    slope = add(_ones(x), squared(value))
    return value, slope, multiply(multiply(exactly(2.0), value), slope)


def _sinh(x: Interval) -> Jet3:
    value, slope = _rising(np.sinh, x), _cosh_value(x)
    return value, slope, value


def _cosh_value(x: Interval) -> Interval:
    size = _abs_value(x)
    return _rising(np.cosh, size, 1.0)


def _cosh(x: Interval) -> Jet3:
    value = _cosh_value(x)
    return value, _rising(np.sinh, x), value


def _atan(x: Interval) -> Jet3:
    slope = reciprocal(add(_ones(x), squared(x)))
    return (
        _rising(np.arctan, x, -1.5707963267948968, 1.5707963267948968),
        slope,
        multiply(multiply(exactly(-2.0), x), squared(slope)),
    )


def _asin(x: Interval) -> Jet3:
    inside = Interval(np.clip(x.lo, -1.0, 1.0), np.clip(x.hi, -1.0, 1.0))
    rest = subtract(_ones(x), squared(inside))
    _, half, _ = _sqrt(rest)
    slope = multiply(exactly(2.0), half)  # 1/√(1 - x²)
    return (
        _rising(np.arcsin, inside, -1.5707963267948968, 1.5707963267948968),
        slope,
        multiply(inside, multiply(slope, squared(slope))),
    )


def _acos(x: Interval) -> Jet3:
    value, slope, bend = _asin(x)
    return (
        subtract(Interval(np.full(x.shape, 1.5707963267948963), np.full(x.shape, 1.5707963267948968)), value),
        (negative(slope)),
        negative(bend),
    )


def _abs_value(x: Interval) -> Interval:
    most = np.maximum(np.abs(x.lo), np.abs(x.hi))
    least = np.where((x.lo <= 0) & (x.hi >= 0), 0.0, np.minimum(np.abs(x.lo), np.abs(x.hi)))
    return Interval(least, most)


def _abs(x: Interval) -> Jet3:
    corner = (x.lo < 0) & (x.hi > 0)
    slope = Interval(np.where(x.lo >= 0, 1.0, -1.0), np.where(x.hi <= 0, -1.0, 1.0))
    zero = np.zeros(x.shape)
    return _abs_value(x), slope, Interval(zero, np.where(corner, _INF, 0.0))


def _floor(x: Interval) -> Jet3:
    """Steps: where one may lie inside, the function jumps up, and nothing more is known of its slope."""
    with np.errstate(invalid="ignore"):
        value = Interval(np.floor(x.lo), np.floor(x.hi))
        jump = ~(value.lo == value.hi)
    zero = np.zeros(x.shape)
    most = np.where(jump, _INF, 0.0)
    return value, Interval(zero, most), Interval(-most, most)


def _reciprocal(x: Interval) -> Jet3:
    value = reciprocal(x)
    square = squared(value)
    return value, negative(square), multiply(multiply(exactly(2.0), square), value)


def whole_power(x: Interval, n: int) -> Interval:
    """`xⁿ` for a whole number n."""
    if n < 0:
        return reciprocal(whole_power(x, -n))
    if n == 0:
        return _ones(x)
    if n == 1:
        return x
    half = whole_power(x, n // 2)
    square = squared(half)
    return multiply(square, x) if n % 2 else square


def power(exponent: float) -> Callable[[Interval], Jet3]:
    """`x^p` for a fixed p; for one that is no whole number, of what is positive in x."""

    def of(x: Interval) -> Jet3:
        if exponent.is_integer() and abs(exponent) <= 64:
            p = int(exponent)
            first = multiply(exactly(float(p)), whole_power(x, p - 1)) if p else exactly(np.zeros(x.shape))
            second = (
                multiply(exactly(float(p * (p - 1))), whole_power(x, p - 2)) if p * (p - 1) else exactly(0.0 * x.lo)
            )
            return whole_power(x, p), first, second
        positive = Interval(np.maximum(x.lo, 0.0), np.maximum(x.hi, 0.0))
        q = exponent
        return (
            _real_power(positive, q),
            multiply(exactly(q), _real_power(positive, q - 1)),
            multiply(multiply(exactly(q), subtract(exactly(q), exactly(1.0))), _real_power(positive, q - 2)),
        )

    return of


def _real_power(x: Interval, p: float) -> Interval:
    with np.errstate(all="ignore"):
        a, b = x.lo**p, x.hi**p
        # The exponent p - 1 was rounded: by one part in 2⁵³ of p, which changes the value by p u |log x|.
        loose = 64 * U * (1 + np.abs(p) * np.maximum(_log_size(x.lo), _log_size(x.hi)))
        lo, hi = np.minimum(a, b), np.maximum(a, b)
        return Interval(np.maximum(lo * (1 - loose), 0.0), np.where(hi == 0, 0.0, hi * (1 + loose)))


def _log_size(x: Floats) -> Floats:
    return np.where(x > 0, np.minimum(np.abs(np.log(np.maximum(x, 5e-324))), 800.0), 0.0)


def _sign(x: Interval) -> Jet3:
    """A jump where zero may lie inside."""
    value = Interval(np.sign(x.lo), np.sign(x.hi))
    most = np.where((x.lo > 0) | (x.hi < 0), 0.0, _INF)
    return value, Interval(np.zeros(x.shape), most), Interval(-most, most)


def _sinc(x: Interval) -> Jet3:
    """`sin(πx)/(πx) = ∫₀¹ cos(πxt) dt`: slopes are at most `∫ πt = π/2` and `∫ (πt)² = π²/3` in size."""
    angle = multiply(Interval(np.full(x.shape, np.pi), np.full(x.shape, np.nextafter(np.pi, 4.0))), x)
    value = multiply(_wave(angle, 0.0), reciprocal(angle))
    full = FUNCTIONS["sinc"].range
    value = intersect(value, Interval(np.full(x.shape, full[0]), np.full(x.shape, full[1])))
    return value, _between(x, np.pi / 2 * (1 + 4 * U)), _between(x, np.pi**2 / 3 * (1 + 4 * U))


def _between(x: Interval, size: float) -> Interval:
    return Interval(np.full(x.shape, -size), np.full(x.shape, size))


def _by_derivative(name: str) -> Callable[[Interval], Jet3]:
    """A rising function by its values at both ends, its slopes by the formulas of its derivatives."""
    function = FUNCTIONS[name]

    def of(x: Interval) -> Jet3:
        inside = Interval(*(np.clip(end, *function.domain) for end in x))
        value = _rising(arrays()[name], inside, *function.range)
        first, second = (slope.run((inside, value), VALUES, exactly) for slope in _slopes(name))
        return value, _like(first, x), _like(second, x)

    return of


def _unknown(x: Interval) -> Jet3:
    """Nothing is known."""
    return (everything(*x.shape),) * 3


def _like(found: Interval, x: Interval) -> Interval:
    return Interval(*(np.broadcast_to(end, x.shape) for end in found))


@cache
def _slopes(name: str) -> tuple[Program, Program]:
    """The first two derivatives of a function over its argument and its value."""
    (rule,) = FUNCTIONS[name].derivative
    second = f"({derivative(rule, 'u')}) + ({derivative(rule, 'w')})*({rule})"
    return compiled(rule, ("u", "w")), compiled(second, ("u", "w"))


ELEMENTARY: Final[dict[str, Callable[[Interval], Jet3]]] = {
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
    "reciprocal": _reciprocal,
    "sign": _sign,
    "sinc": _sinc,
    **{name: _by_derivative(name) for name in ("asinh", "acosh", "atanh", "cbrt", "erf")},
    "gamma": _unknown,
    "gammaln": _unknown,
}
"""Functions of one argument; where an argument leaves their domain, what is left of it counts."""


def of_order(name: str) -> Callable[[int, Interval], Jet3]:
    """A function with an order: Bessel's of the first kind and their slopes are at most 1 in size (DLMF 10.14.1).

    Of the others nothing is known here.
    """

    def of(order: int, x: Interval) -> Jet3:
        bound = _between(x, 1.0) if name == "jv" else everything(*x.shape)
        return bound, bound, bound

    return of


# ------------------------------------------------------------------------------------------------ whole formulas


class Truth(NamedTuple):
    """Where a condition surely holds, and where it surely does not."""

    always: NDArray[np.bool_]
    never: NDArray[np.bool_]


def compared(name: str, a: Interval, b: Interval) -> Truth:
    """A comparison of intervals."""
    if name in ("gt", "ge"):
        return compared({"gt": "lt", "ge": "le"}[name], b, a)
    if name == "lt":
        return Truth(a.hi < b.lo, a.lo >= b.hi)
    if name == "le":
        return Truth(a.hi <= b.lo, a.lo > b.hi)
    same, apart = (a.lo == b.hi) & (a.hi == b.lo), (a.hi < b.lo) | (a.lo > b.hi)
    return Truth(same, apart) if name == "eq" else Truth(apart, same)


LOGIC: Final[Mapping[str, Callable[..., Truth]]] = {
    "logical_and": lambda a, b: Truth(a.always & b.always, a.never | b.never),
    "logical_or": lambda a, b: Truth(a.always | b.always, a.never & b.never),
    "logical_not": lambda a: Truth(a.never, a.always),
}
"""Conditions of conditions."""


def chosen(condition: Truth, a: Interval, b: Interval, either: Interval | None = None) -> Interval:
    """One of two intervals by a condition; where that is open, both, or what is given for it."""
    both = hull(a, b) if either is None else either
    lo, hi = (
        np.where(condition.always, first, np.where(condition.never, second, either))
        for first, second, either in zip(a, b, both, strict=True)
    )
    return Interval(lo, hi)


def _product(a: Interval, b: Interval) -> Interval:
    return squared(a) if a is b else multiply(a, b)


def _powered(a: Interval, b: Interval) -> Interval:
    if b.lo.size == 1 and b.lo.item() == b.hi.item():
        return power(b.lo.item())(a)[0]
    return ELEMENTARY["exp"](multiply(b, ELEMENTARY["log"](a)[0]))[0]


def _value(name: str) -> Callable[[Interval], Interval]:
    return lambda x: ELEMENTARY[name](x)[0]


VALUES: Final[dict[str, Callable[..., Any]]] = {
    "add": add,
    "sub": subtract,
    "mul": _product,
    "div": lambda a, b: multiply(a, reciprocal(b)),
    "pow": _powered,
    "neg": negative,
    "pos": lambda a: a,
    "min": lambda a, b: Interval(np.minimum(a.lo, b.lo), np.minimum(a.hi, b.hi)),
    "max": lambda a, b: Interval(np.maximum(a.lo, b.lo), np.maximum(a.hi, b.hi)),
    "where": chosen,
    **{name: (lambda a, b, name=name: compared(name, a, b)) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    **LOGIC,
    **{name: _value(name) for name in ELEMENTARY},
    **{each.name: (lambda n, x, name=each.name: of_order(name)(n, x)[0]) for each in FUNCTIONS.values() if each.order},
}
"""What operations of formulas do to intervals."""


def enclose(text: str, ranges: Mapping[str, tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """An enclosure of a formula's values on each box.

    Args:
        text: The formula.
        ranges: Variable → lower and upper ends of its interval in each box, shape (boxes,).

    Returns:
        Lower and upper ends, shape (boxes,); -inf and inf where nothing is known, or where it may be undefined.

    Raises:
        FormulaError: If the formula cannot be read, or a variable has no range.

    Example:
        >>> low, high = enclose("x**2 - 1", {"x": (np.array([-1.0]), np.array([2.0]))})
        >>> float(low[0]), float(high[0])
        (-1.0, 3.0)
    """
    return _Walk(text, ranges).whole


def continuous(text: str, ranges: Mapping[str, tuple[Floats, Floats]]) -> bool:
    """Whether a formula is proved to be defined and continuous on all of the boxes: nothing inside of it is unbounded or jumps.

    >>> ends = np.array([-1.0]), np.array([1.0])
    >>> continuous("1/(x + 2)", {"x": ends}), continuous("arctan(1/x)", {"x": ends})
    (True, False)
    """
    return _Walk(text, ranges).continuous


@final
class _Walk:
    """A formula worked out on boxes; takes note of what may be undefined or jump there."""

    def __init__(self, text: str, ranges: Mapping[str, tuple[Floats, Floats]]) -> None:
        self.continuous = True
        formula = Expression(text, tuple(ranges))
        columns = [Interval(np.asarray(lo, dtype=float), np.asarray(hi, dtype=float)) for lo, hi in ranges.values()]
        shape = columns[0].shape if columns else (1,)
        algebra = {name: self._noted(name, operation) for name, operation in VALUES.items()}
        with np.errstate(all="ignore"):
            found = formula.run(columns, algebra, exactly)
        low, high = (np.array(np.broadcast_to(end, shape), dtype=np.float64) for end in found)
        self.whole: tuple[Floats, Floats] = low, high

    def _noted(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        function = FUNCTIONS.get(name)

        def of(*arguments: Any) -> Any:
            found = operation(*arguments)
            if isinstance(found, Truth):
                return found
            taken = [a for a in arguments if isinstance(a, Interval)]
            beyond = ~self._defined(name, taken)
            found = Interval(np.where(beyond, -_INF, found.lo), np.where(beyond, _INF, found.hi))
            self.continuous &= bool(np.isfinite(found.lo).all() and np.isfinite(found.hi).all())
            if name == "div":  # 0/0 is undefined, where 0 times unbounded is not
                self.continuous &= bool(((taken[1].lo > 0) | (taken[1].hi < 0)).all())
            if function is not None and function.jumps:
                fixed = found.lo == found.hi
                still = name == "where" and bool((arguments[0].always | arguments[0].never).all())
                self.continuous &= still or bool(fixed.all())
            return found

        return of

    @staticmethod
    def _defined(name: str, taken: list[Interval]) -> Any:
        """On which boxes the operation surely has a value."""
        if name == "pow":
            base, exponent = taken
            whole = (exponent.lo == exponent.hi) & (exponent.lo == np.floor(exponent.lo))
            return whole | (base.lo >= 0)
        if name not in FUNCTIONS or not taken:
            return np.True_
        low, high = FUNCTIONS[name].domain
        return (taken[0].lo >= low) & (taken[0].hi <= high)


__all__ = [
    "ELEMENTARY",
    "LOGIC",
    "VALUES",
    "Jet3",
    "Truth",
    "chosen",
    "compared",
    "continuous",
    "enclose",
    "of_order",
    "power",
]
