"""The prover's interval arithmetic at the last bit: results hold the exact ones in fractions, and are no wider than they say."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from splinework.formula import intervals as iv
from splinework.formula.intervals import Interval

U = Fraction(1, 2**53)
ENDS = [-math.inf, -7.3, -1.1, -1e-3, 0.0, 1e-5, 0.3, 1.7, 1e3, math.inf]
BOXES = [(a, b) for a, b in itertools.combinations_with_replacement(ENDS, 2) if not (a == b and math.isinf(a))]


def pairs():
    """All pairs of intervals with those ends, as two intervals of arrays."""
    first, second = zip(*itertools.product(BOXES, BOXES), strict=True)
    return tuple(tuple(np.array(end) for end in zip(*side, strict=True)) for side in (first, second))


def product(x: float, y: float):
    """Exact, with 0 times infinity 0, as the infinite end is never met."""
    if 0 in (x, y):
        return Fraction(0)
    return x * y if math.isinf(x) or math.isinf(y) else Fraction(x) * Fraction(y)


def total(x: float, y: float):
    return x + y if math.isinf(x) or math.isinf(y) else Fraction(x) + Fraction(y)


def sums(a, b):
    return [(total(p, r), total(q, s)) for p, q, r, s in zip(*a, *b, strict=True)]


def products(a, b):
    found = []
    for p, q, r, s in zip(*a, *b, strict=True):
        ends = [product(x, y) for x in (p, q) for y in (r, s)]
        found.append((min(ends), max(ends)))
    return found


def squares(a):
    found = []
    for p, q in zip(*a, strict=True):
        ends = [product(p, p), product(q, q)]
        found.append((Fraction(0) if p <= 0 <= q else min(ends), max(ends)))
    return found


def inverses(a):
    found = []
    for p, q in zip(*a, strict=True):
        if p < 0 < q or p == q == 0:
            found.append((-math.inf, math.inf))
        else:
            low = -math.inf if q == 0 else Fraction(0) if math.isinf(q) else 1 / Fraction(q)
            high = math.inf if p == 0 else Fraction(0) if math.isinf(p) else 1 / Fraction(p)
            found.append((low, high))
    return found


def distances(low, high, wanted):
    """How far the ends lie outside the exact ones, in units of 2⁻⁵³ of these; 0 where both are infinite."""
    for got, want, sign in [
        t for lo, hi, (p, q) in zip(low, high, wanted, strict=True) for t in ((lo, p, -1), (hi, q, 1))
    ]:
        if math.isinf(want) or math.isinf(got):
            assert got == want
        elif want == 0:
            yield got, Fraction(sign * Fraction(float(got))) * 10**300
        else:
            yield got, sign * (Fraction(float(got)) - want) / abs(want) / U


@pytest.mark.parametrize(
    ("operation", "oracle", "least", "most"),
    [
        pytest.param(iv.add, sums, 0, 2, id="add"),
        pytest.param(iv.subtract, lambda a, b: sums(a, (-b[1], -b[0])), 0, 2, id="subtract"),
        pytest.param(iv.multiply, products, 0, 4, id="multiply"),
    ],
)
def test_the_prover_moves_the_ends_of_two_outward_by_one_place(operation, oracle, least, most):
    a, b = pairs()
    found = operation(Interval(*a), Interval(*b))
    off = [d for _, d in distances(found.lo, found.hi, oracle(a, b))]
    assert min(off) >= least
    assert max(off) <= most


@pytest.mark.parametrize(("operation", "oracle"), [(iv.squared, squares), (iv.reciprocal, inverses)])
def test_the_prover_moves_the_ends_of_one_outward_by_one_place(operation, oracle):
    a = tuple(np.array(end) for end in zip(*BOXES, strict=True))
    with np.errstate(all="ignore"):
        found = operation(Interval(*a))
    wanted = oracle(a)
    low_high = [(lo, hi, want) for lo, hi, want in zip(found.lo, found.hi, wanted, strict=True)]
    for lo, hi, (p, q) in low_high:
        assert (p == -math.inf and lo == p) or lo <= p
        assert (q == math.inf and hi == q) or hi >= q
        assert p < 0 or lo >= 0  # signs stay
        assert q > 0 or hi <= 0
        for got, want in ((lo, p), (hi, q)):
            if not math.isinf(want) and want != 0:
                assert abs(Fraction(float(got)) - want) <= 4 * U * abs(want)
            if want == 0:
                assert abs(got) <= 5e-324


def test_gamma_is_rounded_up():
    for count in (*range(1, 60), 100, 10**6):
        bound = count * U / (1 - count * U)
        assert bound < Fraction(iv.gamma(count)) <= bound * (1 + 12 * U)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_sum_holds_what_rounding_loses_at_every_step(sign):
    count = 4000  # of two columns, rows are added one after the other: a half place is lost each time
    rows = np.full((count, 2), sign * 2.0**-53)
    rows[0] = sign
    plain = rows.sum(0)
    assert plain.tolist() == [sign, sign]
    found = iv.total(iv.exactly(rows), 0)
    true = Fraction(sign) * (1 + Fraction(count - 1, 2**53))
    assert all(
        Fraction(lo) <= true <= Fraction(hi) for lo, hi in zip(found.lo.tolist(), found.hi.tolist(), strict=True)
    )
    np.testing.assert_allclose(found.hi - plain, iv.gamma(2 * count + 8), rtol=1e-3)
    np.testing.assert_allclose(plain - found.lo, iv.gamma(2 * count + 8), rtol=1e-3)


def test_the_bound_of_a_sum_is_of_twice_as_many_roundings_and_eight():
    for count in (1, 2, 3, 8):
        rows = np.full((count, 1), 1.0)
        found = iv.total(iv.exactly(rows), 0)
        allowed = iv.gamma(2 * count + 8) * count
        assert found.hi[0] - count == pytest.approx(allowed, rel=0.2, abs=0)
        assert count - found.lo[0] == pytest.approx(allowed, rel=0.2, abs=0)


def test_a_sum_of_numbers_of_one_sign_has_that_sign():
    tiny = iv.exactly(np.array([[0.0, 0.0], [1e-320, 1e-320]]))
    assert iv.total(tiny, 1).lo.tolist()[0] == 0
    assert iv.total(tiny, 1).hi.tolist()[1] > 0
    assert iv.total(iv.negative(tiny), 1).hi.tolist()[0] == 0
    mixed = iv.total(Interval(np.array([[-1.0, 0.0]]), np.array([[0.0, 2.0]])), 1)
    assert mixed.lo[0] < -1
    assert mixed.hi[0] > 2


def test_parts_hulls_and_intersections_are_exact():
    a, b = (
        Interval(np.array([0.0, 1.0, -3.0]), np.array([2.0, 2.0, -1.0])),
        Interval(np.array([1.0, 2.5, -2.0]), np.array([3.0, 3.0, 5.0])),
    )
    assert [end.tolist() for end in iv.hull(a, b)] == [[0, 1, -3], [3, 3, 5]]
    assert [end.tolist() for end in iv.intersect(a, b)] == [
        [1, 1, -2],
        [2, 2, -1],
    ]  # the second pair is apart: the first stays
    touching = iv.intersect(iv.exactly([1.0]), Interval(np.array([0.0]), np.array([1.0])))
    assert [end.tolist() for end in touching] == [[1.0], [1.0]]
    assert [end.tolist() for end in iv.negative(a)] == [[-2, -2, 1], [0, -1, 3]]
    assert a.magnitude.tolist() == [2, 2, 3]
    assert (a.width > [2, 1, 2]).all()
    assert (a.width < np.array([2, 1, 2]) * (1 + 1e-15)).all()
    assert [end.tolist() for end in a.take(slice(1, 2))] == [[1], [2]]
    assert a.shape == (3,)
    assert [end.tolist() for end in iv.zeros(2)] == [[0, 0], [0, 0]]
    assert [end.tolist() for end in iv.everything(1)] == [[-np.inf], [np.inf]]
    both = iv.stack([a, Interval(np.array(0.0), np.array(9.0))], 1)
    assert both.lo.tolist() == [[0, 0], [1, 0], [-3, 0]]
    assert both.hi.tolist() == [[2, 9], [2, 9], [-1, 9]]
