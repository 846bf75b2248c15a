"""Sums of many intervals hold what rounding loses, and no more; parts, hulls and intersections are exact."""

from fractions import Fraction

import numpy as np
import pytest

from splinework.formula import intervals as iv
from splinework.formula.intervals import Interval

U = Fraction(1, 2**53)


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
