"""Formulas of bases and base functions in the checker's ranges, and the bounds of derivatives that follow.

A bound is not believed because a member states it: it is held against derivatives in 60 digits, by central differences, at
points of the domain.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, final

import numpy as np
from scipy.special import erfc

from splinework.errors import SplineworkError
from splinework.knowledge.axioms.verify.exact import EXACT, derivatives
from splinework.knowledge.axioms.verify.recheck import Floats, Range, exact, wider
from splinework.splines.bases import ACTIVATIONS, Basis
from splinework.splines.bases.bounds import base_bound, basis_bounds
from splinework.splines.bases.functions import Operand

_LIBRARY: Final = 1e-14
_PLACES: Final = (-0.97, -0.29, 0.53, 1.0)
"""Where bounds are tried: shares of the domain, or of what a base function does near zero, from -1 to 1."""
_NEAR: Final = 4.0


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
    """Elementary functions of ranges.

    Args:
        table: Those of the checker, by name; the first of what each gives is the value.
    """

    pi = Ranged(wider(np.asarray(np.pi), np.asarray(np.pi)))

    def __init__(self, table: Mapping[str, Callable[[Range], tuple[Range, ...]]]) -> None:
        self.table = table

    def number(self, value: float) -> Ranged:
        return Ranged(exact(value))

    def interval(self, low: Floats, high: Floats) -> Ranged:
        return Ranged(Range(low, high))

    def magnitude(self, x: Any) -> Floats:
        held = _lifted(x)
        return np.maximum(np.abs(held.a), np.abs(held.b))

    def erfc(self, x: Any) -> Ranged:
        held = _lifted(x)
        return Ranged(Range(erfc(held.b) * (1 - _LIBRARY), erfc(held.a) * (1 + _LIBRARY)))

    def __getattr__(self, name: str) -> Callable[[Any], Ranged]:
        if name not in self.table:
            raise AttributeError(name)
        return lambda x: Ranged(self.table[name](_lifted(x))[0])


@lru_cache(maxsize=512)
def row_bounds(basis: Basis, low: float, high: float, order: int, functions: RangeFunctions) -> Floats:
    """Bounds of the order-th derivatives of the functions of a basis on a domain, `(M,)`.

    Raises:
        SplineworkError: If a derivative is larger.
    """
    bounds: Floats = basis_bounds(basis, order, np.array([low]), np.array([high]), functions)[0] * 1.001
    ends = EXACT.number(low), EXACT.number(high)
    for share in _PLACES:
        at = (ends[0] + ends[1]) / 2 + (ends[1] - ends[0]) / 2 * EXACT.number(share)
        _try(derivatives(lambda x: basis.formula(x, *ends, EXACT), at, order), bounds, order, str(basis))
    return bounds


@lru_cache(maxsize=512)
def curve_bound(base: str, order: int, functions: RangeFunctions) -> float:
    """A bound of the order-th derivative of a base function on the line.

    Raises:
        SplineworkError: If the derivative is larger somewhere.
    """
    function = ACTIVATIONS[base]
    bound = base_bound(function, order, functions)
    for share in _PLACES:
        at = EXACT.number(_NEAR * share)
        _try(derivatives(lambda x: [function.formula(x, EXACT)], at, order), [bound], order, base)
    return bound


def _try(values: list[Any], bounds: Any, order: int, name: str) -> None:
    for value, bound in zip(values, bounds, strict=True):
        if abs(value) > bound * (1 + 1e-9) + 1e-12:
            raise SplineworkError(
                f"a derivative of order {order} of {name} is {float(value)}, beyond its bound {bound}."
            )
