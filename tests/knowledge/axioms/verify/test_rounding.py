"""Both interval arithmetics at the last bit: results hold the exact ones in fractions, and are no wider than they say."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from splinework.formula import intervals as iv
from splinework.formula.intervals import Interval
from splinework.knowledge.axioms.verify.recheck import (
    Range,
    RangeJet,
    add,
    exact,
    negative,
    outer,
    through,
    times,
    whole_power,
)

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


# ------------------------------------------------------------------------------------------- the checker's arithmetic


@pytest.mark.parametrize(
    ("operation", "oracle"),
    [pytest.param(lambda a, b: a + b, sums, id="add"), pytest.param(lambda a, b: a * b, products, id="multiply")],
)
def test_the_checker_widens_two_by_four_units(operation, oracle):
    a, b = pairs()
    found = operation(Range(*a), Range(*b))
    for got, off in distances(found.a, found.b, oracle(a, b)):
        assert off == 0 if got == 0 else 2.5 <= off <= 7


@pytest.mark.parametrize(("operation", "oracle"), [(Range.square, squares), (Range.inverse, inverses)])
def test_the_checker_widens_one_by_four_units(operation, oracle):
    a = [box for box in BOXES if operation is Range.square or (not box[0] < box[1] == 0 and not box[0] == box[1] == 0)]
    ends = tuple(np.array(end) for end in zip(*a, strict=True))
    found = operation(Range(*ends))
    for got, off in distances(found.a, found.b, oracle(ends)):
        assert off == 0 if got == 0 else 2.5 <= off <= 7


def test_the_checker_gives_up_where_zero_is_met_from_below_and_keeps_what_underflows():
    meets = Range(np.array([-2.0, 0.0]), np.array([0.0, 0.0])).inverse()
    assert meets.a.tolist() == [-np.inf, -np.inf]
    assert meets.b.tolist() == [np.inf, np.inf]
    tiny = exact([1e-200])
    assert (tiny * tiny).a[0] == 0 < (tiny * tiny).b[0] <= 1e-299
    assert (tiny * -tiny).b[0] == 0 > (tiny * -tiny).a[0] >= -1e-299


def jet(values, slopes, bends):
    return RangeJet(2, exact(values), exact(slopes), exact(bends))


def sample(seed):
    """Two jets of three variables over four points: in ranges, and as numbers."""
    draw = np.random.default_rng(seed)
    numbers = [(draw.normal(size=4), draw.normal(size=(4, 3)), draw.normal(size=(4, 3, 3))) for _ in range(2)]
    numbers = [(v, d, h + h.swapaxes(1, 2)) for v, d, h in numbers]
    return [jet(*each) for each in numbers], numbers


def assert_is(found, v, d, h):
    for held, want in zip((found.v, found.d, found.h), (v, d, h), strict=True):
        slack = 1e-14 * (1 + np.abs(want).max())  # of the oracle, which rounds too
        assert (held.a <= want + slack).all()
        assert (want - slack <= held.b).all()
        assert (held.b - held.a <= 1e-13 * (1 + np.abs(want))).all()
        assert (held.b > held.a)[want != 0].all()


def test_sums_products_and_chains_of_jets_are_those_of_calculus():
    (f, g), ((v, d, h), (w, e, k)) = sample(0)
    assert_is(add(f, g), v + w, d + e, h + k)
    assert [end.tolist() for end in (negative(f).v.a, negative(f).d.a, negative(f).h.a)] == [
        (-v).tolist(),
        (-d).tolist(),
        (-h).tolist(),
    ]
    cross = d[:, :, None] * e[:, None, :]
    rest = h * w[:, None, None] + k * v[:, None, None]
    assert_is(times(f, g), v * w, d * w[:, None] + e * v[:, None], rest + cross + cross.swapaxes(1, 2))
    own = d[:, :, None] * d[:, None, :]
    assert_is(times(f, f), v**2, 2 * v[:, None] * d, 2 * own + 2 * v[:, None, None] * h)
    first, second = np.cos(v), -np.sin(v)
    chain = through(f, exact(np.sin(v)), exact(first), exact(second))
    assert_is(
        RangeJet(2, chain.v + exact(0.0), chain.d, chain.h),
        np.sin(v),
        first[:, None] * d,
        own * second[:, None, None] + h * first[:, None, None],
    )


@pytest.mark.parametrize("order", [0, 1])
def test_jets_of_a_lower_order_have_no_more_and_mixed_ones_the_lesser(order):
    (f, g), _ = sample(1)
    low = RangeJet(order, f.v, f.d if order else None)
    for found in (
        add(low, g),
        add(g, low),
        times(low, g),
        times(g, low),
        negative(low),
        through(low, f.v, f.v, f.v),
        times(low, low),
    ):
        assert found.order == order
        assert (found.d is None) == (order < 1)
        assert found.h is None


def test_the_outer_product_of_a_gradient_with_itself_has_squares_on_the_diagonal():
    d = Range(np.array([[-1.0, 2.0]]), np.array([[3.0, 2.5]]))
    found = outer(d, d)
    assert found.a[0, 0, 0] == 0
    assert found.b[0, 0, 0] == pytest.approx(9)
    assert found.a[0, 0, 1] == pytest.approx(-2.5)
    assert found.b[0, 1, 0] == pytest.approx(7.5)
    other = Range(d.a.copy(), d.b.copy())
    assert outer(d, other).a[0, 0, 0] == pytest.approx(-3)


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 3, 4, 7])
def test_whole_powers_are_those_of_fractions(n):
    lows, highs = np.array([0.3, -1.7, 1.1]), np.array([0.3, -1.7, 2.3])
    found = whole_power(Range(lows, highs), n)
    for k in range(3):
        ends = [Fraction(float(x)) ** n for x in (lows[k], highs[k])]
        assert Fraction(float(found.a[k])) <= min(ends)
        assert max(ends) <= Fraction(float(found.b[k]))
        assert float(found.a[k]) == pytest.approx(float(min(ends)), rel=1e-13)
        assert float(found.b[k]) == pytest.approx(float(max(ends)), rel=1e-13)
    across = whole_power(exact([0.0]), n) if n > 0 else None
    assert across is None or (across.a[0], across.b[0]) == (0, 0)
