"""The interval arithmetics of prover and checker: results hold the exact ones in fractions, hardly wider, and keep signs."""

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from splinework.formula import elementary, intervals
from splinework.formula.enclosures import ELEMENTARY
from splinework.formula.intervals import Interval
from splinework.knowledge.axioms.checker import ranges
from splinework.knowledge.axioms.checker.functions import CURVES
from splinework.knowledge.axioms.checker.ranges import Range

U = Fraction(1, 2**53)
ENDS = [-math.inf, -7.3, -1e-3, -1e-200, 0.0, 1e-200, 0.3, 1.0, 1e3, math.inf]
"""Ends of intervals whose sums, products and squares overflow, underflow, vanish and are exact."""
FIXED = [(a, b) for a, b in itertools.combinations_with_replacement(ENDS, 2) if not (a == b and math.isinf(a))]
Ends = tuple[Fraction | float, Fraction | float]


@dataclass(frozen=True)
class Arithmetic:
    """What the arithmetics have in common, and how far an end of theirs may lie outside the exact one."""

    of: Callable[[Any, Any], Any]
    add: Callable[[Any, Any], Any]
    subtract: Callable[[Any, Any], Any]
    multiply: Callable[[Any, Any], Any]
    square: Callable[[Any], Any]
    inverse: Callable[[Any], Any]
    power: Callable[[Any, int], Any]
    relative: Fraction
    absolute: float

    def check(self, found: Any, wanted: Iterable[Ends], closely: bool = True) -> None:
        for lo, hi, (least, most) in zip(found.lo.tolist(), found.hi.tolist(), wanted, strict=True):
            assert lo <= least, (lo, least)
            assert most <= hi, (most, hi)
            assert lo >= 0 or least < 0, (lo, least)
            assert hi <= 0 or most > 0, (most, hi)
            for got, exact in ((lo, least), (hi, most)):
                if closely and got != exact and not math.isinf(exact):
                    assert abs(Fraction(got) - exact) <= self.relative * abs(exact) + Fraction(self.absolute)


PROVER = Arithmetic(
    *(Interval, intervals.add, intervals.subtract, intervals.multiply, intervals.squared, intervals.reciprocal),
    *(elementary.whole_power, 4 * U, 1e-323),
)
CHECKER = Arithmetic(
    *(Range, operator.add, operator.sub, operator.mul, Range.square, Range.inverse),
    *(ranges.whole_power, 8 * U, 2e-290),
)
both = pytest.mark.parametrize("arithmetic", [PROVER, CHECKER], ids=["prover", "checker"])


def drawn(seed: int, size: int = 400) -> list[tuple[float, float]]:
    """Intervals of many sizes, zero and denormal numbers among their ends; the last tenth are points."""
    draw = np.random.default_rng(seed)
    ends = draw.choice([-1.0, 1.0, 0.0], (2, size)) * 10 ** draw.uniform(-3, 3, (2, size))
    ends[:, :20] *= 1e-160
    ends[1, -size // 10 :] = ends[0, -size // 10 :]
    return list(zip(ends.min(0).tolist(), ends.max(0).tolist(), strict=True))


def arrays(boxes: Iterable[tuple[float, float]]) -> list[np.ndarray]:
    return [np.array(end) for end in zip(*boxes, strict=True)]


def total(x: float, y: float) -> Fraction | float:
    return x + y if math.isinf(x) or math.isinf(y) else Fraction(x) + Fraction(y)


def times(x: float, y: float) -> Fraction | float:
    """Exact, with 0 times infinity 0, as the infinite end is never met."""
    if 0 in (x, y):
        return Fraction(0)
    return x * y if math.isinf(x) or math.isinf(y) else Fraction(x) * Fraction(y)


def products(a: tuple[float, float], b: tuple[float, float]) -> Ends:
    corners = [times(x, y) for x in a for y in b]
    return min(corners), max(corners)


ORACLES: dict[str, Callable[..., Ends]] = {
    "add": lambda a, b: (total(a[0], b[0]), total(a[1], b[1])),
    "subtract": lambda a, b: (total(a[0], -b[1]), total(a[1], -b[0])),
    "multiply": products,
}


@both
@pytest.mark.parametrize("operation", ORACLES)
def test_an_operation_holds_the_exact_result_and_its_sign(arithmetic, operation):
    """What is small or zero beside others in an array is treated as it is by itself."""
    pairs = [*itertools.product(FIXED, FIXED), *zip(drawn(0), drawn(1), strict=True)]
    left, right = (arrays(side) for side in zip(*pairs, strict=True))
    of = getattr(arithmetic, operation)
    wanted = [ORACLES[operation](a, b) for a, b in pairs]
    arithmetic.check(of(arithmetic.of(*left), arithmetic.of(*right)), wanted)
    for k in range(0, len(pairs), 7):
        alone = [arithmetic.of(*(end[k : k + 1] for end in side)) for side in (left, right)]
        arithmetic.check(of(*alone), wanted[k : k + 1])


def powers(box: tuple[float, float], n: int) -> Ends:
    ends = [functools.reduce(times, [end] * n, Fraction(1)) for end in box]
    return (Fraction(0) if n and n % 2 == 0 and box[0] <= 0 <= box[1] else min(ends)), max(ends)


def inverses(box: tuple[float, float]) -> Ends:
    at_zero = (math.inf, -math.inf)  # of the lower end, of the upper one
    ends = [
        beyond if end == 0 else Fraction(0) if math.isinf(end) else 1 / Fraction(end)
        for end, beyond in zip(box, at_zero, strict=True)
    ]
    return ends[1], ends[0]


@both
def test_squares_inverses_and_powers_hold_the_exact_ones(arithmetic):
    boxes = [*FIXED, *drawn(2)]
    definite = [box for box in boxes if box != (0, 0) and not box[0] < 0 < box[1]]
    with np.errstate(all="ignore"):
        arithmetic.check(arithmetic.square(arithmetic.of(*arrays(boxes))), [powers(box, 2) for box in boxes])
        arithmetic.check(arithmetic.inverse(arithmetic.of(*arrays(definite))), map(inverses, definite))
        for n in range(6):
            arithmetic.check(
                arithmetic.power(arithmetic.of(*arrays(boxes)), n), [powers(box, n) for box in boxes], False
            )
            away = [box for box in definite if 0 not in box and all(1e-3 <= abs(end) <= 1e3 for end in box)]
            wanted = [tuple(1 / end for end in reversed(powers(box, n))) for box in away]
            arithmetic.check(arithmetic.power(arithmetic.of(*arrays(away)), -n), wanted, False)


DOMAINS = {
    "acosh": (1.1, 6.0),
    "atanh": (-0.9, 0.9),
    "gamma": (0.1, 6.0),
    "gammaln": (0.1, 6.0),
    "log": (0.1, 5),
    "sqrt": (0.1, 5),
    "asin": (-0.9, 0.9),
    "acos": (-0.9, 0.9),
    "tan": (-1.3, 1.3),
    "reciprocal": (0.2, 4),
}
EXACT = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "abs": abs,
    "gammaln": mpmath.loggamma,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "sinc": lambda x: mpmath.sincpi(x),
    "reciprocal": lambda x: 1 / x,
}


@pytest.mark.parametrize("name", sorted(ELEMENTARY))
@pytest.mark.parametrize("arithmetic", ["prover", "checker"])
def test_a_function_and_its_derivatives_hold_the_exact_values(name, arithmetic):
    if arithmetic == "checker" and name not in CURVES:
        pytest.skip("the checker writes it otherwise")
    function = EXACT.get(name) or getattr(mpmath, name)
    low, high = DOMAINS.get(name, (-6.0, 6.0))
    draw = np.random.default_rng(0)
    a, b = draw.uniform(low, high, (2, 40))
    lo, hi = np.minimum(a, b), np.maximum(a, b)
    lo[:10] = hi[:10]  # points
    ranges = ELEMENTARY[name](Interval(lo, hi)) if arithmetic == "prover" else CURVES[name](Range(lo, hi))[:3]
    with mpmath.workdps(40):
        for order, (least, most) in enumerate((r.lo, r.hi) for r in ranges):
            for number, x in enumerate(lo + draw.uniform(size=40) * (hi - lo)):
                if name in ("floor", "abs", "sign", "cbrt", "sinc") and order and abs(x - round(x)) < 1e-6:
                    continue
                x = min(max(x, lo[number]), hi[number])
                exact = (
                    mpmath.diff(function, mpmath.mpf(x), order, h=mpmath.mpf("1e-12"))
                    if order
                    else function(mpmath.mpf(x))
                )
                doubt = 1e-9 * order  # of the difference quotient
                assert least[number] - doubt <= exact <= most[number] + doubt, (order, x)


@pytest.mark.parametrize("exponent", [0.5, 1.5, -0.5, 2.7])
def test_other_powers_hold_the_exact_result_and_slopes(exponent):
    lo, hi = np.array([0.2, 1.0, 3.0]), np.array([0.9, 1.0, 7.0])
    value, slope, bend = elementary.power(exponent)(Interval(lo, hi))
    for share in (0.0, 0.4, 1.0):
        x = lo + share * (hi - lo)
        for held, exact in (
            (value, x**exponent),
            (slope, exponent * x ** (exponent - 1)),
            (bend, exponent * (exponent - 1) * x ** (exponent - 2)),
        ):
            assert (held.lo <= exact).all()
            assert (exact <= held.hi).all()
