"""Functions in the checker's arithmetic, the formulas of bases and base functions in it, and the resulting bounds.

Bounds are not taken on trust: each is tested against derivatives in 60 digits, by central differences, at points of the domain.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, final

import numpy as np
from scipy.special import erfc

from splinework.errors import SplineworkError
from splinework.formula.arrays import array_operations
from splinework.knowledge.axioms.verify.exact import EXACT, derivatives
from splinework.knowledge.axioms.verify.recheck import Floats, Range, exact, widened
from splinework.splines.bases import ACTIVATIONS, Basis
from splinework.splines.bases.bounds import base_bound, basis_bounds
from splinework.splines.bases.functions import Operand

_LIBRARY_ERROR: Final = 1e-14
_MAX_FLOAT: Final = float(np.finfo(np.float64).max)
ValueAndSlopes = tuple[Range, Range, Range]
"""Value, slope and second derivative."""
_TEST_POINTS: Final = (-0.97, -0.29, 0.53, 1.0)
"""Test points of bounds, relative to the domain or to `_TEST_RADIUS`, from -1 to 1."""
_TEST_RADIUS: Final = 4.0


def _ends(f: Callable[[Floats], Floats], x: Range, least: float = -np.inf, most: float = np.inf) -> Range:
    """An increasing function of both ends, widened by the error of the library."""
    with np.errstate(all="ignore"):
        low, high = f(x.a), f(x.b)
    # An overflowing value is at least the largest double.
    low = np.clip(np.where(np.isnan(low), least, low), -_MAX_FLOAT, _MAX_FLOAT)
    low = np.where(x.a == -np.inf, np.maximum(least, -np.inf), low)
    high = np.where(np.isnan(high), most, high)
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = low - np.abs(low) * _LIBRARY_ERROR, high + np.abs(high) * _LIBRARY_ERROR
    return Range(np.maximum(np.where(np.isnan(low), -np.inf, low), least), np.minimum(high, most))


def _one(x: Range) -> Range:
    return exact(np.ones_like(x.a))


def exponential(x: Range) -> ValueAndSlopes:
    """`e^x`."""
    value = _ends(np.exp, x, 0.0)
    return value, value, value


def logarithm(x: Range) -> ValueAndSlopes:
    """`log x` on the positive part of x."""
    held = Range(np.maximum(x.a, 0.0), np.maximum(x.b, 0.0))
    return _ends(np.log, held), held.inverse(), -held.inverse().square()


def _sqrt(x: Range) -> ValueAndSlopes:
    value = _ends(np.sqrt, Range(np.maximum(x.a, 0.0), np.maximum(x.b, 0.0)), 0.0)
    slope = exact(0.5) * value.inverse()
    return value, slope, -(slope * slope.square() * exact(2.0))


def _tanh(x: Range) -> ValueAndSlopes:
    value = _ends(np.tanh, x, -1.0, 1.0)
    slope = _one(x) + -value.square()
    return value, slope, exact(-2.0) * value * slope


def _logistic(x: Floats) -> Floats:
    value: Floats = 0.5 * (1 + np.tanh(x / 2))
    return value


def _sigmoid(x: Range) -> ValueAndSlopes:
    raw = _ends(_logistic, x, 0.0, 1.0)
    value = Range(np.maximum(raw.a - 1e-16, 0.0), np.minimum(raw.b + 1e-16, 1.0))
    slope = value * (_one(x) + -value)
    return value, slope, slope * (_one(x) + exact(-2.0) * value)


def _softplus(x: Range) -> ValueAndSlopes:
    first, second, _ = _sigmoid(x)
    return _ends(lambda z: np.logaddexp(0.0, z), x, 0.0), first, second


def _sine(x: Range, turn: int) -> Range:
    """Sine shifted by quarter turns: from value and slope at the middle, and a curvature of at most one."""
    functions = (np.sin, np.cos, lambda z: -np.sin(z), lambda z: -np.cos(z))
    with np.errstate(all="ignore"):
        middle, half = x.a / 2 + x.b / 2, (x.b - x.a) / 2 * (1 + 1e-15)
        value, slope = functions[turn % 4](middle), functions[(turn + 1) % 4](middle)
        off = np.minimum(np.abs(slope) * half + half**2 / 2, 2.0) + 1e-14 + 1e-15 * np.abs(middle)
    low, high = np.maximum(value - off, -1.0), np.minimum(value + off, 1.0)
    return Range(np.where(np.isnan(low), -1.0, low), np.where(np.isnan(high), 1.0, high))


def _tan(x: Range) -> ValueAndSlopes:
    value = _sine(x, 0) * _sine(x, 1).inverse()
    slope = _one(x) + value.square()
    return value, slope, exact(2.0) * value * slope


def _hyperbolic(x: Range) -> tuple[Range, Range]:
    """Sine and cosine."""
    up, down = _ends(np.exp, x, 0.0), _ends(np.exp, -x, 0.0)
    return (up + -down) * exact(0.5), (up + down) * exact(0.5)


def _atan(x: Range) -> ValueAndSlopes:
    slope = (_one(x) + x.square()).inverse()
    return _ends(np.arctan, x), slope, exact(-2.0) * x * slope.square()


def _asin(x: Range) -> ValueAndSlopes:
    held = Range(np.clip(x.a, -1.0, 1.0), np.clip(x.b, -1.0, 1.0))
    _, half, _ = _sqrt(_one(x) + -held.square())
    slope = exact(2.0) * half
    return _ends(np.arcsin, held), slope, held * slope * slope.square()


def _acos(x: Range) -> ValueAndSlopes:
    value, slope, bend = _asin(x)
    right = Range(np.full_like(x.a, 1.5707963267948963), np.full_like(x.a, 1.5707963267948968))
    return right + -value, -slope, -bend


def _abs(x: Range) -> ValueAndSlopes:
    across = (x.a < 0) & (x.b > 0)
    most = np.maximum(np.abs(x.a), np.abs(x.b))
    value = Range(np.where(across, 0.0, np.minimum(np.abs(x.a), np.abs(x.b))), most)
    slope = Range(np.where(x.a >= 0, 1.0, -1.0), np.where(x.b <= 0, -1.0, 1.0))
    return value, slope, Range(np.zeros_like(x.a), np.where(across, np.inf, 0.0))


def _floor(x: Range) -> ValueAndSlopes:
    low, high = np.floor(x.a), np.floor(x.b)
    jump = np.where(low == high, 0.0, np.inf)
    return Range(low, high), Range(np.zeros_like(x.a), jump), Range(-jump, jump)


def reciprocal(x: Range) -> ValueAndSlopes:
    """`1/x`."""
    value = x.inverse()
    return value, -value.square(), exact(2.0) * value * value.square()


def _asinh(x: Range) -> ValueAndSlopes:
    slope = _sqrt(_one(x) + x.square())[0].inverse()
    return _ends(np.arcsinh, x), slope, -(x * slope * slope.square())


def _acosh(x: Range) -> ValueAndSlopes:
    held = Range(np.maximum(x.a, 1.0), np.maximum(x.b, 1.0))
    slope = _sqrt(held.square() + exact(-1.0))[0].inverse()
    return _ends(np.arccosh, held, 0.0), slope, -(held * slope * slope.square())


def _atanh(x: Range) -> ValueAndSlopes:
    held = Range(np.clip(x.a, -1.0, 1.0), np.clip(x.b, -1.0, 1.0))
    slope = (_one(x) + -held.square()).inverse()
    return _ends(np.arctanh, held), slope, exact(2.0) * held * slope.square()


def _erf(x: Range) -> ValueAndSlopes:
    factor = Range(np.full_like(x.a, 1.1283791670955125), np.full_like(x.a, 1.1283791670955128))  # 2/√π
    slope = factor * exponential(-x.square())[0]
    return _ends(array_operations()["erf"], x, -1.0, 1.0), slope, exact(-2.0) * x * slope


def _sign(x: Range) -> ValueAndSlopes:
    jump = np.where((x.a > 0) | (x.b < 0), 0.0, np.inf)
    return Range(np.sign(x.a), np.sign(x.b)), Range(np.zeros_like(x.a), jump), Range(-jump, jump)


def within(x: Range, size: float) -> Range:
    """The range of all numbers of at most this magnitude."""
    return Range(np.full_like(x.a, -size), np.full_like(x.a, size))


def _sinc(x: Range) -> ValueAndSlopes:
    """`∫₀¹ cos(πxt) dt`, so that slopes are at most π/2 and π²/3 in size."""
    angle = Range(np.full_like(x.a, 3.141592653589793), np.full_like(x.a, 3.1415926535897936)) * x
    value = _sine(angle, 0) * angle.inverse()
    return Range(np.maximum(value.a, -0.2173), np.minimum(value.b, 1.0)), within(x, 1.5708), within(x, 3.29)


FUNCTIONS: Final[dict[str, Callable[[Range], ValueAndSlopes]]] = {
    "exp": exponential,
    "log": logarithm,
    "sqrt": _sqrt,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "sin": lambda x: (_sine(x, 0), _sine(x, 1), _sine(x, 2)),
    "cos": lambda x: (_sine(x, 1), _sine(x, 2), _sine(x, 3)),
    "tan": _tan,
    "sinh": lambda x: (*_hyperbolic(x), _hyperbolic(x)[0]),
    "cosh": lambda x: (*_hyperbolic(x)[::-1], _hyperbolic(x)[1]),
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
    **dict.fromkeys(("gamma", "gammaln"), lambda x: (within(x, np.inf),) * 3),
}
"""Functions of one argument with their first two derivatives; arguments are restricted to their domain."""


# ------------------------------------------------------------------------------------ formulas of bases and base functions


@final
class Ranged(Operand):
    """Ranges with operators."""

    def __init__(self, held: Range) -> None:
        self.held = held

    def operate(self, sign: str, left: Any, right: Any) -> "Ranged":
        a, b = _lifted(left), _lifted(right)
        if sign == "*" and left is right:
            return Ranged(a.square())
        if sign in "+-":
            return Ranged(a + (b if sign == "+" else -b))
        return Ranged(a * (b if sign == "*" else b.inverse()))


def _lifted(value: Any) -> Range:
    return value.held if isinstance(value, Ranged) else exact(value)


class RangeFunctions:
    """Elementary functions of ranges."""

    pi = Ranged(widened(np.asarray(np.pi), np.asarray(np.pi)))

    def number(self, value: float) -> Ranged:
        return Ranged(exact(value))

    def interval(self, low: Floats, high: Floats) -> Ranged:
        return Ranged(Range(low, high))

    def magnitude(self, x: Any) -> Floats:
        held = _lifted(x)
        return np.maximum(np.abs(held.a), np.abs(held.b))

    def erfc(self, x: Any) -> Ranged:
        held = _lifted(x)
        return Ranged(Range(erfc(held.b) * (1 - _LIBRARY_ERROR), erfc(held.a) * (1 + _LIBRARY_ERROR)))

    def __getattr__(self, name: str) -> Callable[[Any], Ranged]:
        if name not in FUNCTIONS:
            raise AttributeError(name)
        return lambda x: Ranged(FUNCTIONS[name](_lifted(x))[0])


RANGES: Final = RangeFunctions()


@lru_cache(maxsize=512)
def row_bounds(basis: Basis, low: float, high: float, order: int) -> Floats:
    """Bounds of the order-th derivatives of the functions of a basis on a domain, `(M,)`.

    Raises:
        SplineworkError: If a derivative is larger.
    """
    bounds: Floats = basis_bounds(basis, order, np.array([low]), np.array([high]), RANGES)[0] * 1.001
    ends = EXACT.number(low), EXACT.number(high)
    for share in _TEST_POINTS:
        at = (ends[0] + ends[1]) / 2 + (ends[1] - ends[0]) / 2 * EXACT.number(share)
        _check_bounds(derivatives(lambda x: basis.formula(x, *ends, EXACT), at, order), bounds, order, str(basis))
    return bounds


@lru_cache(maxsize=512)
def curve_bound(base: str, order: int) -> float:
    """A bound of the order-th derivative of a base function on the line.

    Raises:
        SplineworkError: If the derivative is larger somewhere.
    """
    function = ACTIVATIONS[base]
    bound = base_bound(function, order, RANGES)
    for share in _TEST_POINTS:
        at = EXACT.number(_TEST_RADIUS * share)
        _check_bounds(derivatives(lambda x: [function.formula(x, EXACT)], at, order), [bound], order, base)
    return bound


def _check_bounds(values: list[Any], bounds: Any, order: int, name: str) -> None:
    for value, bound in zip(values, bounds, strict=True):
        if abs(value) > bound * (1 + 1e-9) + 1e-12:
            raise SplineworkError(
                f"a derivative of order {order} of {name} is {float(value)}, beyond its bound {bound}."
            )
