"""Interval arithmetic over formula texts: the range of a formula on boxes, enclosed, not sampled.

Ends are computed in float64 without outward rounding: an enclosure holds up to a few units of the last place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from splinework.errors import FormulaError
from splinework.formula.derivatives import constant, function_name, parse
from splinework.formula.expressions import CONSTANTS, FUNCTIONS, shortened

Floats = NDArray[np.float64]
Interval = tuple[Floats, Floats]
"""Lower and upper ends, one for each box."""

_RISING: Final = frozenset({
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "arctan", "arcsin", "sinh", "tanh",
    "arcsinh", "arccosh", "arctanh", "floor", "ceil", "sign",
})  # fmt: skip
_EVEN: Final = frozenset({"abs", "square", "cosh"})
"""Falling left of 0 and rising right of it."""
JUMPS: Final = frozenset({"sign", "floor", "ceil", "arctan2"})
"""Functions that are not continuous."""
_BOUNDED: Final = {"sinc": (-0.2172336282112217, 1.0), "j0": (-0.4027593957025530, 1.0), "arctan2": (-np.pi, np.pi)}


def enclose(text: str, ranges: Mapping[str, Interval]) -> Interval:
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
    return _walk(text, ranges).whole


def continuous(text: str, ranges: Mapping[str, Interval]) -> bool:
    """Whether a formula is proved to be defined and continuous on all of the boxes: nothing inside of it is unbounded or jumps.

    >>> ends = np.array([-1.0]), np.array([1.0])
    >>> continuous("1/(x + 2)", {"x": ends}), continuous("arctan(1/x)", {"x": ends})
    (True, False)
    """
    return _walk(text, ranges).continuous


def _walk(text: str, ranges: Mapping[str, Interval]) -> _Walk:
    with np.errstate(all="ignore"):
        try:
            return _Walk(parse(text), ranges)
        except RecursionError:
            raise FormulaError(f"the formula {shortened(text)} is nested too deeply to be enclosed.") from None


def _known(interval: Interval) -> Interval:
    """What could not be computed may be anything."""
    low, high = interval
    unknown = np.isnan(low) | np.isnan(high)
    return np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)


class _Walk:
    """A tree that is enclosed node by node."""

    def __init__(self, tree: ast.expr, ranges: Mapping[str, Interval]) -> None:
        self.ranges = ranges
        self.count = len(next(iter(ranges.values()))[0]) if ranges else 1
        self.continuous = True
        self.whole = self.node(tree)

    def node(self, node: ast.expr) -> Interval:
        """The enclosure of one node; takes note of what may be undefined or jump there."""
        low, high = found = _known(self._of(node))
        self.continuous &= bool(np.isfinite(low).all() and np.isfinite(high).all())
        return found

    def _of(self, node: ast.expr) -> Interval:
        if isinstance(node, ast.Constant):
            return _point(float(node.value), self.count)  # type: ignore[arg-type]  # the lexer admits numbers only
        if isinstance(node, ast.Name):
            if node.id in self.ranges:
                return self.ranges[node.id]
            if node.id in CONSTANTS:
                return _point(CONSTANTS[node.id], self.count)
            raise FormulaError(f"{node.id!r} has no range.")
        if isinstance(node, ast.UnaryOp):
            low, high = self.node(node.operand)
            return (-high, -low) if isinstance(node.op, ast.USub) else (low, high)
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.Call):
            name, arguments = function_name(node), [self.node(argument) for argument in node.args]
            self.continuous &= name not in JUMPS or bool((arguments[0][0] == arguments[0][1]).all())
            return _function(name, arguments)
        raise FormulaError(f"cannot enclose {type(node).__name__}; only arithmetic and function calls are read.")

    def _binary(self, node: ast.BinOp) -> Interval:
        u = self.node(node.left)
        if isinstance(node.op, ast.Pow):
            exponent = constant(node.right)
            if exponent is not None:
                return _powered(u, exponent)
            return _exponential(u, self.node(node.right))
        if isinstance(node.op, ast.Mult) and ast.dump(node.left) == ast.dump(node.right):
            return _even(np.square, u)
        v = self.node(node.right)
        if isinstance(node.op, ast.Add):
            return u[0] + v[0], u[1] + v[1]
        if isinstance(node.op, ast.Sub):
            return u[0] - v[1], u[1] - v[0]
        if isinstance(node.op, ast.Mult):
            return _times(u, v)
        self.continuous &= bool(((v[0] > 0) | (v[1] < 0)).all())  # 0/0 is undefined, where 0 times unbounded is not
        return _times(u, _inverse(v))


def _point(value: float, count: int) -> Interval:
    ends = np.full(count, value)
    return ends, ends


def _times(u: Interval, v: Interval) -> Interval:
    # 0 times unbounded is 0: the ends are limits of finite numbers
    products = [np.where((a == 0) | (b == 0), 0.0, a * b) for a in u for b in v]
    return np.minimum.reduce(products), np.maximum.reduce(products)


def _inverse(v: Interval) -> Interval:
    low, high = v
    inside = (low < 0) & (high > 0) | (low == 0) & (high == 0)
    lower = np.where(inside, -np.inf, np.where(high == 0, -np.inf, 1 / high))
    upper = np.where(inside, np.inf, np.where(low == 0, np.inf, 1 / low))
    return lower, upper


def _powered(u: Interval, exponent: float) -> Interval:
    if exponent == 0:
        return np.ones_like(u[0]), np.ones_like(u[0])
    if exponent < 0:
        return _inverse(_powered(u, -exponent))
    if exponent % 2 == 0:
        return _even(lambda x: np.asarray(x**exponent), u)
    low, high = u  # odd, or a root: rising; what is undefined becomes NaN, then unknown
    return low**exponent, high**exponent


def _exponential(u: Interval, v: Interval) -> Interval:
    low, high = _times((np.log(u[0]), np.log(u[1])), v)
    return np.exp(low), np.exp(high)


def _even(function: Callable[[Floats], Floats], u: Interval) -> Interval:
    left, right = function(u[0]), function(u[1])
    least = np.where((u[0] <= 0) & (u[1] >= 0), function(np.zeros_like(u[0])), np.minimum(left, right))
    return least, np.maximum(left, right)


def _wave(u: Interval, function: Callable[[Floats], Floats], shift: float) -> Interval:
    """Sine or cosine, cos(x - shift): 1 where the interval holds a multiple of 2π, -1 where it holds an odd multiple of π."""
    ends = function(u[0]), function(u[1])
    low, high = u[0] - shift, u[1] - shift
    top = np.ceil(low / (2 * np.pi)) <= np.floor(high / (2 * np.pi))
    bottom = np.ceil((low - np.pi) / (2 * np.pi)) <= np.floor((high - np.pi) / (2 * np.pi))
    known = np.isfinite(low) & np.isfinite(high)
    lower = np.where(bottom | ~known, -1.0, np.minimum(*ends))
    return lower, np.where(top | ~known, 1.0, np.maximum(*ends))


def _function(name: str, arguments: list[Interval]) -> Interval:
    u = arguments[0]
    if name in _RISING:
        function = FUNCTIONS[name][0]
        return function(u[0]), function(u[1])
    if name in _EVEN:
        return _even(FUNCTIONS[name][0], u)
    if name in ("sin", "cos"):
        return _wave(u, FUNCTIONS[name][0], np.pi / 2 if name == "sin" else 0.0)
    if name == "tan":
        cell = np.floor(u[0] / np.pi + 0.5)
        whole = cell != np.floor(u[1] / np.pi + 0.5)
        return np.where(whole, np.nan, np.tan(u[0])), np.where(whole, np.nan, np.tan(u[1]))
    if name == "arccos":
        return np.arccos(u[1]), np.arccos(u[0])
    if name == "reciprocal":
        return _inverse(u)
    if name == "negative":
        return -u[1], -u[0]
    if name in ("minimum", "maximum"):
        function = FUNCTIONS[name][0]
        return function(u[0], arguments[1][0]), function(u[1], arguments[1][1])
    if name == "hypot":
        squares = [_even(np.square, one) for one in arguments]
        return np.sqrt(squares[0][0] + squares[1][0]), np.sqrt(squares[0][1] + squares[1][1])
    if name == "power":
        return _exponential(u, arguments[1])
    low, high = _BOUNDED[name]
    return np.full_like(u[0], low), np.full_like(u[0], high)
