"""Enclosures where a margin is easily lost: boxes that touch, ends of domains, jumps, and what is undefined."""

import numpy as np
import pytest

from splinework.formula.enclosures import chosen, compared, continuous, enclose
from splinework.formula.intervals import Interval, intersect, multiply, reciprocal

LOW, HIGH = np.array([0.0, 1.0, 1.0, 2.0, 0.0, 1.0]), np.array([1.0, 1.0, 2.0, 3.0, 3.0, 1.5])
"""Boxes that lie before, at, behind and around the point 1, some of them touching it."""
SIGNS = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}


def box(low, high):
    return {"x": (np.array([float(low)]), np.array([float(high)]))}


@pytest.mark.parametrize("name", SIGNS)
def test_a_comparison_is_decided_exactly_where_all_points_agree(name):
    one = Interval(np.ones(6), np.ones(6))
    share = np.linspace(0, 1, 5)[:, None]
    points = np.concatenate([LOW + share * (HIGH - LOW), np.clip(1.0, LOW, HIGH)[None]])
    for a, b, seen in (
        (Interval(LOW, HIGH), one, SIGNS[name](points, 1.0)),
        (one, Interval(LOW, HIGH), SIGNS[name](1.0, points)),
    ):
        found = compared(name, a, b)
        assert found.always.tolist() == seen.all(0).tolist()
        assert found.never.tolist() == (~seen).all(0).tolist()


def test_what_is_chosen_is_one_of_two_and_their_hull_where_it_is_open():
    condition = compared(
        "lt", Interval(np.array([0.0, 2.0, 0.0]), np.array([0.5, 3.0, 2.0])), Interval(*[np.ones(3)] * 2)
    )
    found = chosen(condition, Interval(*[np.full(3, -5.0)] * 2), Interval(*[np.full(3, 7.0)] * 2))
    assert (found.lo.tolist(), found.hi.tolist()) == ([-5, 7, -5], [-5, 7, 7])


@pytest.mark.parametrize(
    ("text", "low", "high", "defined"),
    [
        ("sqrt(x)", 0, 4, True),
        ("sqrt(x)", -1e-9, 4, False),
        ("asin(x)", -1, 1, True),
        ("asin(x)", 0, 1 + 1e-9, False),
        ("acosh(x)", 1, 2, True),
        ("acosh(x)", 1 - 1e-9, 2, False),
        ("x**0.5", 0, 4, True),
        ("x**0.5", -1e-9, 4, False),
        ("x**3", -2, 4, True),
        ("x**-2", 1, 2, True),
        ("(x - 3)**(x + 0.5)", 3.5, 4, True),
        ("(x - 3)**(x + 0.5)", 2, 4, False),
        ("(x - 3)**(0*x + 2)", 2, 4, True),
        ("1/x", 1e-9, 1, True),
        ("1/x", 0, 1, False),
        ("1/x", -1, 0, False),
        ("1/x", -2, -1e-9, True),
        ("0/x", 1e-9, 1, True),
        ("0/x", 0, 1, False),
        ("0/x", -1, 0, False),
        ("0/x", -1, -1e-9, True),
        ("log(x)", 0, 1, False),
        ("sign(x)", 1, 2, True),
        ("sign(x)", 0, 2, False),
        ("floor(x)", 0.2, 0.9, True),
        ("floor(x)", 0.2, 1.1, False),
        ("where(x < 1, 2, 3)", 0, 0.5, True),
        ("where(x < 1, 2, 3)", 0, 1, False),
        ("where(x < 1, x, x**2)", 0, 0.5, True),
    ],
)
def test_a_formula_is_continuous_where_no_part_is_undefined_unbounded_or_jumps(text, low, high, defined):
    assert continuous(text, box(low, high)) == defined


@pytest.mark.parametrize(
    ("text", "low", "high", "wanted"),
    [
        ("min(x, 1)", 0, 3, (0, 1)),
        ("max(x, 1)", 0, 3, (1, 3)),
        ("x*x", -1, 2, (0, 4)),
        ("x - x", 0, 1, (-1, 1)),
        ("+x", 0, 1, (0, 1)),
        ("-x", 0, 1, (-1, 0)),
        ("x**2", -1, 2, (0, 4)),
        ("sqrt(x)", -1, 4, (-np.inf, np.inf)),
        ("x**0.5", -0.5, 4, (-np.inf, np.inf)),
        ("cbrt(x)", -8, 27, (-2, 3)),
        ("jv(1, x)", 0, 1, (-1, 1)),
        ("where(x < 5, x, 9)", 0, 1, (0, 1)),
        ("where(x > 5, x, 9)", 0, 1, (9, 9)),
        ("where(x < 0.5, x, 9)", 0, 1, (0, 9)),
        ("where(logical_and(x < 2, x > -1), 1, 0)", 0, 1, (1, 1)),
        ("where(logical_and(x < 2, x > 3), 1, 0)", 0, 1, (0, 0)),
        ("where(logical_or(x < 0.5, x > 3), 1, 0)", 0, 1, (0, 1)),
        ("where(logical_or(x < 2, x > 3), 1, 0)", 0, 1, (1, 1)),
        ("where(logical_or(x < -2, x > 3), 1, 0)", 0, 1, (0, 0)),
        ("where(logical_not(x < 2), 1, 0)", 0, 1, (0, 0)),
        ("where(logical_not(x > 2), 1, 0)", 0, 1, (1, 1)),
        ("(x + 1)**x", 1, 2, (2, 9)),
        ("7", 0, 1, (7, 7)),
    ],
)
def test_a_range_is_that_of_the_formula_to_rounding(text, low, high, wanted):
    lower, upper = enclose(text, box(low, high))
    assert (lower.shape, upper.shape) == ((1,), (1,))
    np.testing.assert_allclose((lower[0], upper[0]), wanted, rtol=1e-13, atol=0)
    assert lower[0] <= wanted[0]
    assert wanted[1] <= upper[0]


@pytest.mark.parametrize(
    ("text", "defined"), [("exp(x)", [True, False]), ("-exp(x)", [True, False]), ("7", [True, True])]
)
def test_a_formula_is_continuous_on_many_boxes_where_it_is_on_each(text, defined):
    low, high = np.zeros(2), np.array([1.0, 1000.0])
    assert [continuous(text, box(0, end)) for end in high] == defined
    assert continuous(text, {"x": (low, high)}) == all(defined)
    assert all(end.shape == (2,) for end in enclose(text, {"x": (low, high)}))


@pytest.mark.parametrize("end", [1e-3, 0.5, 1.0, 2.0])
def test_the_reciprocal_of_an_interval_that_ends_at_a_zero_of_either_sign_is_a_half_line(end):
    for zero in (0.0, -0.0):
        right = reciprocal(Interval(np.array([zero]), np.array([end])))
        left = reciprocal(Interval(np.array([-end]), np.array([zero])))
        assert (left.lo, right.hi) == (-np.inf, np.inf)
        assert 0 < right.lo <= 1 / end <= -left.hi + 1e-12


def test_the_intersection_of_intervals_that_touch_is_their_point():
    found = intersect(Interval(*np.array([[0.0], [1.0]])), Interval(*np.array([[1.0], [2.0]])))
    assert (found.lo, found.hi) == (1.0, 1.0)


def test_a_formula_without_variables_has_one_range():
    lower, upper = enclose("2 + 1", {})
    assert (lower.shape, upper.shape, lower[0], upper[0]) == ((1,), (1,), 3.0, 3.0)


ENDS = [(-2.0, -0.1), (-0.1, 0.0), (0.0, 0.0), (0.0, 0.1), (0.1, 2.0), (-0.1, 0.1)]


@pytest.mark.parametrize("size", [1.0, 1e-170])
def test_a_product_has_the_sign_of_its_factors_to_the_last_bit(size):
    a, b = (size * np.array(each).T for each in zip(*[(one, other) for one in ENDS for other in ENDS], strict=True))
    found = multiply(Interval(*a), Interval(*b))
    signs = np.stack([np.sign(x) * np.sign(y) for x in a for y in b])
    assert ((found.lo >= 0) == (signs >= 0).all(0)).all()
    assert ((found.hi <= 0) == (signs <= 0).all(0)).all()
