"""Rigorous enclosures of a formula's range on boxes, by interval arithmetic."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from splinework.formula.arrays import array_operations
from splinework.formula.derivatives import derivative
from splinework.formula.elementary import CLOSED, Jet3, of_order, power, rising
from splinework.formula.expression import Expression
from splinework.formula.functions import FUNCTIONS
from splinework.formula.intervals import (
    Floats,
    Interval,
    add,
    exactly,
    hull,
    multiply,
    negative,
    reciprocal,
    squared,
    subtract,
)
from splinework.formula.program import Program, compiled


def _by_derivative(name: str) -> Callable[[Interval], Jet3]:
    """The interval extension of an increasing function, with derivatives from their formulas."""
    function = FUNCTIONS[name]

    def of(x: Interval) -> Jet3:
        inside = Interval(*(np.clip(end, *function.domain) for end in x))
        value = rising(array_operations()[name], inside, *function.range)
        first, second = (slope.run((inside, value), VALUES, exactly) for slope in _slopes(name))
        return value, _like(first, x), _like(second, x)

    return of


def _like(found: Interval, x: Interval) -> Interval:
    return Interval(*(np.broadcast_to(end, x.shape) for end in found))


@cache
def _slopes(name: str) -> tuple[Program, Program]:
    """The first two derivatives of a function, in its argument and value."""
    (rule,) = FUNCTIONS[name].derivative
    second = f"({derivative(rule, 'u')}) + ({derivative(rule, 'w')})*({rule})"
    return compiled(rule, ("u", "w")), compiled(second, ("u", "w"))


ELEMENTARY: Final[Mapping[str, Callable[[Interval], Jet3]]] = {
    **CLOSED,
    **{name: _by_derivative(name) for name in ("asinh", "acosh", "atanh", "cbrt", "erf")},
}
"""Functions of one argument, which is intersected with the domain."""


class IntervalCondition(NamedTuple):
    """A condition on boxes: masks of the boxes where it always holds, and where it never does."""

    always: NDArray[np.bool_]
    never: NDArray[np.bool_]


def compared(name: str, a: Interval, b: Interval) -> IntervalCondition:
    """A comparison of intervals."""
    if name in ("gt", "ge"):
        return compared({"gt": "lt", "ge": "le"}[name], b, a)
    if name == "lt":
        return IntervalCondition(a.hi < b.lo, a.lo >= b.hi)
    if name == "le":
        return IntervalCondition(a.hi <= b.lo, a.lo > b.hi)
    same, apart = (a.lo == b.hi) & (a.hi == b.lo), (a.hi < b.lo) | (a.lo > b.hi)
    return IntervalCondition(same, apart) if name == "eq" else IntervalCondition(apart, same)


LOGIC: Final[Mapping[str, Callable[..., IntervalCondition]]] = {
    "logical_and": lambda a, b: IntervalCondition(a.always & b.always, a.never | b.never),
    "logical_or": lambda a, b: IntervalCondition(a.always | b.always, a.never & b.never),
    "logical_not": lambda a: IntervalCondition(a.never, a.always),
}
"""Conditions of conditions."""


def chosen(condition: IntervalCondition, a: Interval, b: Interval, either: Interval | None = None) -> Interval:
    """One of two intervals by a condition; where that is undecided, their hull or `either`."""
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
"""The operations of formulas on intervals."""


def _defined(name: str, taken: list[Interval]) -> Any:
    """Mask of the boxes on which the operation is certainly defined."""
    if name == "pow":
        base, exponent = taken
        whole = (exponent.lo == exponent.hi) & (exponent.lo == np.floor(exponent.lo))
        return whole | (base.lo >= 0)
    if name not in FUNCTIONS or not taken:
        return np.True_
    low, high = FUNCTIONS[name].domain
    return (taken[0].lo >= low) & (taken[0].hi <= high)


def _unbounded_where_undefined(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
    def of(*arguments: Any) -> Any:
        found = operation(*arguments)
        if isinstance(found, IntervalCondition):
            return found
        beyond = ~_defined(name, [a for a in arguments if isinstance(a, Interval)])
        return Interval(np.where(beyond, -np.inf, found.lo), np.where(beyond, np.inf, found.hi))

    return of


DEFINED_VALUES: Final[dict[str, Callable[..., Any]]] = {
    name: _unbounded_where_undefined(name, operation) for name, operation in VALUES.items()
}
"""The operations of formulas on intervals, unbounded on boxes where they may be undefined."""


def enclose(text: str, ranges: Mapping[str, tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """An enclosure of a formula's values on each box.

    Args:
        text: The formula.
        ranges: Variable → lower and upper ends of its interval in each box, shape (boxes,).

    Returns:
        Lower and upper ends, shape (boxes,); -inf and inf where unbounded or possibly undefined.

    Raises:
        FormulaError: If the formula cannot be parsed, or a variable has no range.

    Example:
        >>> low, high = enclose("x**2 - 1", {"x": (np.array([-1.0]), np.array([2.0]))})
        >>> float(low[0]), float(high[0])
        (-1.0, 3.0)
    """
    return _BoxEvaluation(text, ranges).whole


def continuous(text: str, ranges: Mapping[str, tuple[Floats, Floats]]) -> bool:
    """Whether a formula is provably defined and continuous on all boxes: no part is unbounded or jumps.

    >>> ends = np.array([-1.0]), np.array([1.0])
    >>> continuous("1/(x + 2)", {"x": ends}), continuous("arctan(1/x)", {"x": ends})
    (True, False)
    """
    return _BoxEvaluation(text, ranges).continuous


@final
class _BoxEvaluation:
    """The evaluation of a formula on boxes, with a record of possible singularities and jumps."""

    def __init__(self, text: str, ranges: Mapping[str, tuple[Floats, Floats]]) -> None:
        self.continuous = True
        formula = Expression(text, tuple(ranges))
        columns = [Interval(np.asarray(lo, dtype=float), np.asarray(hi, dtype=float)) for lo, hi in ranges.values()]
        shape = columns[0].shape if columns else (1,)
        algebra = {name: self._noted(name, operation) for name, operation in DEFINED_VALUES.items()}
        with np.errstate(all="ignore"):
            found = formula.run(columns, algebra, exactly)
        low, high = (np.array(np.broadcast_to(end, shape), dtype=np.float64) for end in found)
        self.whole: tuple[Floats, Floats] = low, high

    def _noted(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        function = FUNCTIONS.get(name)

        def of(*arguments: Any) -> Any:
            found = operation(*arguments)
            if isinstance(found, IntervalCondition):
                return found
            taken = [a for a in arguments if isinstance(a, Interval)]
            self.continuous &= bool(np.isfinite(found.lo).all() and np.isfinite(found.hi).all())
            if name == "div":  # 0/0 is undefined, where 0 times unbounded is not
                self.continuous &= bool(((taken[1].lo > 0) | (taken[1].hi < 0)).all())
            if function is not None and function.jumps:
                fixed = found.lo == found.hi
                still = name == "where" and bool((arguments[0].always | arguments[0].never).all())
                self.continuous &= still or bool(fixed.all())
            return found

        return of
