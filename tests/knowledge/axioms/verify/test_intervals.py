"""Interval arithmetic holds what exact arithmetic gives, and keeps signs."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from splinework.formula import intervals as iv
from splinework.formula.elementary import power, whole_power
from splinework.formula.enclosures import ELEMENTARY
from splinework.formula.intervals import Interval
from splinework.knowledge.axioms.checker.functions import CURVES
from splinework.knowledge.axioms.checker.ranges import Range
from tests.families import every


def some(seed: int, size: int = 300) -> tuple[Interval, np.ndarray]:
    """Intervals of many sizes, zero among their ends, and a number in each."""
    draw = np.random.default_rng(seed)
    a, b = draw.choice([-1.0, 1.0, 0.0], (2, size)) * 10 ** draw.uniform(-3, 3, (2, size))
    lo, hi = np.minimum(a, b), np.maximum(a, b)
    return Interval(lo, hi), np.clip(lo + draw.uniform(size=size) * (hi - lo), lo, hi)


def holds(interval: Interval, values: list[Fraction]) -> bool:
    ends = zip(interval.lo.tolist(), interval.hi.tolist(), values, strict=True)
    return all(Fraction(lo) <= value <= Fraction(hi) for lo, hi, value in ends)


@pytest.mark.parametrize(
    ("operation", "exact"),
    [
        pytest.param(iv.add, lambda a, b: a + b, id="add"),
        pytest.param(iv.subtract, lambda a, b: a - b, id="subtract"),
        pytest.param(iv.multiply, lambda a, b: a * b, id="multiply"),
    ],
)
def test_an_operation_holds_the_exact_result(operation, exact):
    (a, x), (b, y) = some(0), some(1)
    for left, right in ((a, b), (iv.exactly(x), iv.exactly(y))):
        assert holds(operation(left, right), [exact(Fraction(p), Fraction(q)) for p, q in zip(x, y, strict=True)])


def test_squares_and_reciprocals_hold_the_exact_result():
    a, x = some(2)
    assert holds(iv.squared(a), [Fraction(p) ** 2 for p in x])
    away = (x != 0) & ((a.lo > 0) | (a.hi < 0))
    assert holds(iv.reciprocal(a).take(away), [1 / Fraction(p) for p in x[away]])


def test_a_sum_holds_the_exact_sum_and_keeps_signs():
    a, x = some(3)
    grid = Interval(a.lo.reshape(30, 10), a.hi.reshape(30, 10))
    assert holds(iv.total(grid, 1), [sum(map(Fraction, row), Fraction(0)) for row in x.reshape(30, 10)])
    positive = Interval(np.abs(grid.lo) * 0, np.abs(grid.hi))
    assert (iv.total(positive, 1).lo == 0).all()


def test_zero_times_anything_is_zero_and_signs_stay():
    zero, any_number = iv.zeros(3), Interval(np.array([-1.0, -np.inf, 2.0]), np.array([3.0, np.inf, 5.0]))
    assert (iv.multiply(zero, any_number).lo == 0).all()
    assert (iv.multiply(zero, any_number).hi == 0).all()
    tiny = Interval(np.array([1e-200]), np.array([1e-200]))
    assert iv.multiply(tiny, tiny).lo[0] == 0
    assert iv.multiply(tiny, tiny).hi[0] > 0
    assert iv.multiply(tiny, iv.negative(tiny)).hi[0] == 0
    assert iv.multiply(tiny, iv.negative(tiny)).lo[0] < 0


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


@every("exponent", [-3, -2, -1, 0, 1, 2, 3, 5])
def test_whole_powers_hold_the_exact_result(exponent):
    a, x = some(5)
    away = (a.lo > 0) | (a.hi < 0) if exponent < 0 else np.ones(len(x), dtype=bool)
    found = whole_power(a.take(away), exponent)
    assert holds(found, [Fraction(p) ** exponent for p in x[away]])


@pytest.mark.parametrize("exponent", [0.5, 1.5, -0.5, 2.7])
def test_other_powers_hold_the_exact_result_and_slopes(exponent):
    lo, hi = np.array([0.2, 1.0, 3.0]), np.array([0.9, 1.0, 7.0])
    value, slope, bend = power(exponent)(Interval(lo, hi))
    for share in (0.0, 0.4, 1.0):
        x = lo + share * (hi - lo)
        for held, exact in (
            (value, x**exponent),
            (slope, exponent * x ** (exponent - 1)),
            (bend, exponent * (exponent - 1) * x ** (exponent - 2)),
        ):
            assert (held.lo <= exact).all()
            assert (exact <= held.hi).all()
