"""Formulas of bases and base functions in the prover's interval arithmetic."""

from typing import Any, Final, final

import numpy as np
from scipy.special import erfc

from splinework.formula import intervals
from splinework.formula.elementary import outward
from splinework.formula.enclosures import ELEMENTARY, VALUES
from splinework.formula.intervals import Floats, Interval
from splinework.splines.bases.functions import Operand

_OPERATIONS: Final = {"+": "add", "-": "sub", "*": "mul", "/": "div"}


@final
class Enclosed(Operand):
    """Intervals with operators."""

    def __init__(self, held: Interval) -> None:
        self.held = held

    def operate(self, sign: str, left: Any, right: Any) -> "Enclosed":
        a, b = _lifted(left), _lifted(right)
        if sign == "*" and left is right:
            return Enclosed(intervals.squared(a))
        return Enclosed(VALUES[_OPERATIONS[sign]](a, b))


def _lifted(value: Any) -> Interval:
    return value.held if isinstance(value, Enclosed) else intervals.exactly(value)


class EnclosingFunctions:
    """Elementary functions of intervals."""

    pi = Enclosed(Interval(np.asarray(np.pi), np.nextafter(np.asarray(np.pi), 4.0)))

    def number(self, value: float) -> Enclosed:
        return Enclosed(intervals.exactly(value))

    def interval(self, low: Floats, high: Floats) -> Enclosed:
        return Enclosed(Interval(low, high))

    def magnitude(self, x: Any) -> Floats:
        return _lifted(x).magnitude

    def erfc(self, x: Any) -> Enclosed:
        held = _lifted(x)
        loose = 1 + 64 * intervals.U
        return Enclosed(outward(erfc(held.hi) / loose, erfc(held.lo) * loose, 0.0, 2.0))

    def __getattr__(self, name: str) -> Any:
        if name not in ELEMENTARY:
            raise AttributeError(name)
        return lambda x: Enclosed(ELEMENTARY[name](_lifted(x))[0])
