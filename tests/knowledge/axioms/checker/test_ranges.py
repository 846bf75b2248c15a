"""The checker's arithmetic: results hold the exact ones in fractions, and are hardly wider."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from splinework.knowledge.axioms.checker.functions import CURVES, SeriesOperations, power
from splinework.knowledge.axioms.checker.ranges import Range, constant, exact, variables, whole_power
from splinework.knowledge.axioms.checker.series import variable
from tests.families import every


def drawn(seed: int, size: int = 400) -> tuple[Range, np.ndarray]:
    """Ranges of many sizes, zero and denormal numbers among their ends, and a number in each."""
    draw = np.random.default_rng(seed)
    ends = draw.choice([-1.0, 1.0, 0.0], (2, size)) * 10 ** draw.uniform(-3, 3, (2, size))
    ends[:, :20] *= 1e-160
    lo, hi = ends.min(0), ends.max(0)
    return Range(lo, hi), np.clip(lo + draw.uniform(size=size) * (hi - lo), lo, hi)


def holds(found: Range, values: list[Fraction]) -> None:
    for lo, hi, value in zip(found.lo.tolist(), found.hi.tolist(), values, strict=True):
        assert lo == -math.inf or Fraction(lo) <= value
        assert hi == math.inf or value <= Fraction(hi)


@pytest.mark.parametrize("name", ["__add__", "__sub__", "__mul__"])
def test_sums_and_products_hold_the_exact_ones_to_two_units(name):
    (a, x), (b, y) = drawn(0), drawn(1)
    of = getattr(Fraction, name)
    holds(getattr(a, name)(b), [of(Fraction(p), Fraction(q)) for p, q in zip(x, y, strict=True)])
    found = getattr(exact(x), name)(exact(y))
    holds(found, [of(Fraction(p), Fraction(q)) for p, q in zip(x, y, strict=True)])
    assert (found.hi - found.lo <= 5 * 2.0**-52 * np.abs(found.hi) + 2e-290).all()


def test_squares_inverses_and_powers_hold_the_exact_ones():
    a, x = drawn(2)
    holds(a.square(), [Fraction(p) ** 2 for p in x])
    assert (a.square().lo >= 0).all()
    away = (a.lo > 0) | (a.hi < 0)
    holds(a[away].inverse(), [1 / Fraction(p) for p in x[away]])
    for n in range(6):
        holds(whole_power(a, n), [Fraction(p) ** n for p in x])
        holds(whole_power(a[away], -n), [Fraction(p) ** -n for p in x[away]])


ENDS = (-math.inf, -3.0, -1.0, -0.3, -1e-200, 0.0, 1e-200, 0.3, 1.0, 3.0, math.inf)
"""Ends of ranges whose products overflow, underflow, vanish and are exact."""


def times(x: float, y: float) -> Fraction | float:
    if x == 0 or y == 0:
        return Fraction(0)
    if math.isinf(x) or math.isinf(y):
        return math.copysign(math.inf, x) * math.copysign(1, y)
    return Fraction(x) * Fraction(y)


@pytest.mark.parametrize("alone", [True, False])
def test_products_of_all_signs_and_sizes_hold_the_exact_ones_and_keep_their_signs(alone):
    """What is small or zero beside others in an array is treated as it is by itself."""
    ranges = [(lo, hi) for lo in ENDS for hi in ENDS if lo <= hi and not (math.isinf(lo) and lo == hi)]
    pairs = [(a, b) for a in ranges for b in ranges]
    both = [[np.array([pair[side][end] for pair in pairs]) for end in (0, 1)] for side in (0, 1)]
    if alone:
        pairs, both = pairs[::7], [[end[::7] for end in side] for side in both]
        each = [
            Range(*(e[k : k + 1] for e in both[0])) * Range(*(e[k : k + 1] for e in both[1])) for k in range(len(pairs))
        ]
        found = Range(np.concatenate([r.lo for r in each]), np.concatenate([r.hi for r in each]))
    else:
        found = Range(*both[0]) * Range(*both[1])
    for lo, hi, (a, b) in zip(found.lo.tolist(), found.hi.tolist(), pairs, strict=True):
        corners = [times(x, y) for x in a for y in b]
        least, most = min(corners), max(corners)
        assert lo <= least, (a, b)
        assert most <= hi, (a, b)
        assert lo >= 0 or least < 0, (a, b)
        assert hi <= 0 or most > 0, (a, b)
        assert lo == least or lo >= least - abs(least) * Fraction(2) ** -50 - Fraction(2e-290), (a, b)
        assert hi == most or hi <= most + abs(most) * Fraction(2) ** -50 + Fraction(2e-290), (a, b)


def test_signs_are_kept_and_zero_times_anything_is_zero():
    zero, any_ = exact(np.zeros(3)), Range(np.array([-1.0, -np.inf, 2.0]), np.array([3.0, np.inf, 5.0]))
    assert ((zero * any_).lo == 0).all()
    assert ((zero * any_).hi == 0).all()
    tiny = exact([1e-200])
    assert (tiny * tiny).lo[0] == 0 < (tiny * tiny).hi[0] <= 1e-289
    for product in (tiny * -tiny, -tiny * tiny):
        assert product.hi[0] == 0 > product.lo[0] >= -1e-289
    up = Range(np.zeros(4), np.array([0.0, 1.0, 1e-320, np.inf]))
    assert ((up + up).lo == 0).all()
    assert ((up * up).lo == 0).all()
    met = Range(np.array([-2.0, 0.0, 0.0]), np.array([0.0, 0.0, 2.0])).inverse()
    assert met.hi.tolist() == [pytest.approx(-0.5), np.inf, np.inf]
    assert met.lo.tolist() == [-np.inf, -np.inf, pytest.approx(0.5)]


STEPS = ("abs", "floor", "sign")


@every(
    ("name", "low", "high", "wanted"),
    [
        ("abs", -2, 3, [(0, 3), (-1, 1), (0, np.inf)]),
        ("abs", -3, -2, [(2, 3), (-1, -1), (0, 0)]),
        ("abs", 0, 2, [(0, 2), (1, 1), (0, np.inf)]),
        ("abs", -2, 0, [(0, 2), (-1, -1), (0, np.inf)]),
        ("abs", 0, 0, [(0, 0), (-1, 1), (0, np.inf)]),
        ("floor", 0.2, 0.9, [(0, 0), (0, 0), (0, 0)]),
        ("floor", 0.2, 1, [(0, 1), (0, np.inf), (-np.inf, np.inf)]),
        ("sign", 1, 2, [(1, 1), (0, 0), (0, 0)]),
        ("sign", -2, -0.5, [(-1, -1), (0, 0), (0, 0)]),
        ("sign", 0.5, 2, [(1, 1), (0, 0), (0, 0)]),
        ("sign", -2, 0, [(-1, 0), (0, np.inf), (-np.inf, np.inf)]),
        ("sign", 0, 2, [(0, 1), (0, np.inf), (-np.inf, np.inf)]),
    ],
)
def test_kinks_and_jumps_count_on_closed_ranges(name, low, high, wanted):
    found = CURVES[name](Range(np.array([float(low)]), np.array([float(high)])))
    assert [(part.lo.item(), part.hi.item()) for part in found[:3]] == wanted


@every(
    ("name", "inside", "outside"),
    [
        ("sqrt", (0, 1), (-1e-9, 1)),
        ("log", (1e-9, 1), (0, 1)),
        ("asin", (-1, 1), (-1, 1.1)),
        ("acos", (-1, 1), (-1.1, 1)),
        ("atanh", (-0.9, 0.9), (0, 1)),
        ("acosh", (1, 2), (0.9, 2)),
        ("reciprocal", (1e-9, 1), (0, 1)),
        ("tan", (-0.5, 0.5), (1.5, 1.6)),
        ("gamma", (0.1, 2), (0, 2)),
    ],
)
def test_a_function_says_where_it_has_a_value(name, inside, outside):
    ends = [np.array([float(inside[k]), float(outside[k])]) for k in (0, 1)]
    assert CURVES[name](Range(*ends)).sound.tolist() == [True, False]


@pytest.mark.parametrize(
    ("exponent", "sound"), [(0.5, [True, True, False]), (-0.5, [True, False, False]), (2.0, [True] * 3)]
)
def test_a_power_says_where_it_has_a_value(exponent, sound):
    x = variables(np.array([[0.5], [0.0], [-0.5]]), np.array([[1.0], [1.0], [1.0]]), 2, ((0, 0),))
    assert power(x.part(0), constant(x, exponent)).sound.tolist() == sound
    moving = variables(np.full((3, 1), exponent), np.full((3, 1), exponent), 2, ((0, 0),)).part(0)
    slope = power(x.part(0), moving).d  # of an exponent that is a variable, too: x^p log x
    assert slope.hi[0].item() > exponent * 0.5 ** (exponent - 1) + 0.5**exponent * np.log(0.5) - 1e-12
    assert not power(x.part(0), moving).sound[1:].any()


@pytest.mark.parametrize("name", ["exp", "sin", "cos", "tanh", "sigmoid", "erfc", "log", "sqrt"])
def test_taylor_series_hold_all_derivatives(name):
    """Of `g(x²/2 + 1/2)`, on short ranges, against differences in 60 digits."""
    x = np.array([0.3, 1.1, 2.0])
    held = Range(x - 1e-6, x + 1e-6)
    u = variable(held, 5)
    series = getattr(SeriesOperations(x.shape, 5), name)((u * u + 1) / 2)
    function = {"sigmoid": lambda t: 1 / (1 + mpmath.exp(-t))}.get(name) or getattr(mpmath, name)
    with mpmath.workdps(60):
        for order in range(6):
            found = series.derivative(order)
            for k, point in enumerate(x):
                true = mpmath.diff(lambda t: function((t * t + 1) / 2), mpmath.mpf(point), order)
                assert found.lo[k] <= true <= found.hi[k]
                assert found.hi[k] - found.lo[k] < 5e-3 * (1 + abs(float(true)))
