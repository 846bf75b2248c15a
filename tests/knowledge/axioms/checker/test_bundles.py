"""Functions of several variables with their derivatives: exact and tight at points, by hand over boxes."""

import itertools
import operator
from fractions import Fraction
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest

from splinework.knowledge.axioms.checker.formulas import Unreadable, known_function, read
from splinework.knowledge.axioms.checker.functions import BUNDLES, CURVES, Bundles, applied, wave
from splinework.knowledge.axioms.checker.points import EXACT
from splinework.knowledge.axioms.checker.ranges import Bundle, Range, constant, down, exact, up, variables
from tests.families import every

NAMES = ("x", "y", "z")
PAIRS = tuple((a, b) for a in range(3) for b in range(a, 3))
FORMULAS = [
    "x*y*z - 2*x**2*y + z", "(x*y)**3/(1 + z**2)", "exp(x*y)*z", "log(2 + x)*y - z/x", "sqrt(1 + x**2 + y)*z",
    "tanh(x - 2*y)*sigmoid(z)", "softplus(x*z) + sin(x + y*z)*cos(z)", "x**y*z", "z**(-2)*x + y**0.5", "atan(x*y) + asin(0.3*z)",
    "acos(0.2*x)*y + sinh(z)*cosh(x*y)", "tan(0.3*x)*y*z", "asinh(x*y)+acosh(1.5+z)+atanh(0.3*x)", "erf(x*z)*y", "erfc(y)*x*z",
    "cbrt(1+x)*y + z*abs(x)", "max(x*y, z) + min(x, y*z)", "where(x < y, x*y, z**2) + where(x >= y, z*x, y)",
    "(x + y)*(x + y) - (x*y)*(x*y)",
    "-(-x*y) + +z*0.5", "log10(3 + x)*hypot(y, z)", "expm1(x)*log1p(y)*exp2(z)", "pi*x*y - e*z", "sinc(x)*y*z", "x - floor(z)*y",
]  # fmt: skip
MP = {
    **{name: getattr(mpmath, name) for name in (
        "exp", "log", "sqrt", "tanh", "sin", "cos", "tan", "atan", "asin", "acos", "sinh", "cosh", "asinh", "acosh", "atanh",
        "erf", "erfc", "cbrt", "log10", "hypot", "expm1", "log1p", "floor",
    )},
    "sigmoid": lambda u: 1 / (1 + mpmath.exp(-u)), "softplus": lambda u: mpmath.log(1 + mpmath.exp(u)), "abs": abs,
    "max": max, "min": min, "where": lambda c, a, b: a if c else b,
    "exp2": lambda u: mpmath.mpf(2) ** u, "sinc": mpmath.sincpi,
    "pi": mpmath.mpf(float(np.pi)), "e": mpmath.mpf(float(np.e)),
}  # fmt: skip


def bundle(text: str, lo, hi) -> Bundle:
    whole = variables(np.atleast_2d(lo), np.atleast_2d(hi), 2, PAIRS)
    return read(text, NAMES).run(whole.parts(), Bundles(whole))


@every("text", FORMULAS)
def test_at_a_point_a_formula_has_its_exact_value_and_derivatives(text):
    point = np.array([0.71, 1.3, 0.85])
    found = bundle(text, point, point)
    assert found.sound.all()
    with mpmath.workdps(40):
        code = compile(text, "formula", "eval")

        def f(*u):
            return eval(code, dict(MP), dict(zip(NAMES, u, strict=True)))

        orders = [(found.v[:, 0], (0, 0, 0))]
        orders += [(found.d[:, i, 0], tuple(int(i == k) for k in range(3))) for i in range(3)]
        orders += [(found.h[:, p, 0], tuple((a == k) + (b == k) for k in range(3))) for p, (a, b) in enumerate(PAIRS)]
        for held, order in orders:
            at = tuple(map(mpmath.mpf, point))
            true = mpmath.diff(f, at, order, h=mpmath.mpf("1e-12")) if any(order) else f(*at)
            if "sinc" in text and any(order):  # bounded, not evaluated
                assert held.lo[0] - 1e-30 <= true <= held.hi[0] + 1e-30
                continue
            doubt = 1e-10 * sum(order) * (1 + abs(float(true)))  # of the difference quotient
            assert held.lo[0] - doubt <= true <= held.hi[0] + doubt, order
            assert held.hi[0] - held.lo[0] <= 3e-11 * (1 + abs(float(true))), order


@every(("text", "v", "d", "h"), [
        ("x*y", (-2, 6), [(-1, 3), (1, 2), (0, 0)], {(0, 1): (1, 1)}),
        ("y*y", (0, 9), [(0, 0), (-2, 6), (0, 0)], {(1, 1): (2, 2)}),
        ("y**3", (-1, 27), [(0, 0), (0, 27), (0, 0)], {(1, 1): (-6, 18)}),
        ("1/x", (0.5, 1), [(-1, -0.25), (0, 0), (0, 0)], {(0, 0): (0.25, 2)}),
        ("abs(y)", (0, 3), [(0, 0), (-1, 1), (0, 0)], {(1, 1): (0, np.inf)}),
        ("max(y, 1)", (1, 3), [(0, 0), (0, 1), (0, 0)], {(1, 1): (0, np.inf)}),
        ("min(y, 1)", (-1, 1), [(0, 0), (0, 1), (0, 0)], {(1, 1): (-np.inf, 0)}),
        ("x - y", (-2, 3), [(1, 1), (-1, -1), (0, 0)], {}),
        ("-x*z", (-10, -4), [(-5, -4), (0, 0), (-2, -1)], {(0, 2): (-1, -1)}),
        ("where(x < 3, y, z)", (-1, 3), [(0, 0), (1, 1), (0, 0)], {}),
        ("where(x > 3, y, z)", (4, 5), [(0, 0), (0, 0), (1, 1)], {}),
        ("where(x >= 1, y, z)", (-1, 3), [(0, 0), (1, 1), (0, 0)], {}),
        ("where(x < 1, y, z)", (4, 5), [(0, 0), (0, 0), (1, 1)], {}),
        ("where(x > 1, y, z)", (-1, 5), [(-np.inf, np.inf)] * 3, dict.fromkeys(PAIRS, (-np.inf, np.inf))),
        ("where(x <= 1, y, z)", (-1, 5), [(-np.inf, np.inf)] * 3, dict.fromkeys(PAIRS, (-np.inf, np.inf))),
        ("where(x == z, y, z)", (4, 5), [(0, 0), (0, 0), (1, 1)], {}),
        ("where(x != z, y, z)", (-1, 3), [(0, 0), (1, 1), (0, 0)], {}),
        ("where(2 == 2, y, z)", (-1, 3), [(0, 0), (1, 1), (0, 0)], {}),
        ("where(2 != 2, y, z)", (4, 5), [(0, 0), (0, 0), (1, 1)], {}),
        ("where(x == 2, y, z)", (-1, 5), [(-np.inf, np.inf)] * 3, dict.fromkeys(PAIRS, (-np.inf, np.inf))),
        ("where(2 == x, y, z)", (-1, 5), [(-np.inf, np.inf)] * 3, dict.fromkeys(PAIRS, (-np.inf, np.inf))),
        ("where(logical_and(x < 3, z > 3), y, z)", (-1, 3), [(0, 0), (1, 1), (0, 0)], {}),
        ("where(logical_and(x > 3, z > 4.5), y, z)", (4, 5), [(0, 0), (0, 0), (1, 1)], {}),
        ("where(logical_or(x < 3, z > 4.5), y, z)", (-1, 3), [(0, 0), (1, 1), (0, 0)], {}),
        ("where(logical_or(x > 3, z < 3), y, z)", (4, 5), [(0, 0), (0, 0), (1, 1)], {}),
        ("where(logical_not(x > 3), y, z)", (-1, 3), [(0, 0), (1, 1), (0, 0)], {}),
    ])  # fmt: skip
def test_over_a_box_ranges_are_those_by_hand(text, v, d, h):
    """x in [1, 2], y in [-1, 3], z in [4, 5]."""
    found = bundle(text, [1.0, -1.0, 4.0], [2.0, 3.0, 5.0])
    pairs = [(found.v[:, 0], v), *((found.d[:, i, 0], d[i]) for i in range(3))]
    pairs += [(found.h[:, p, 0], h.get(pair, (0, 0))) for p, pair in enumerate(PAIRS)]
    for held, (low, high) in pairs:
        assert held.lo[0] <= low
        assert high <= held.hi[0]
        np.testing.assert_allclose((held.lo[0], held.hi[0]), (low, high), rtol=1e-13, atol=1e-13)


def test_names_of_functions_are_read_with_their_aliases_and_no_others():
    others = "ln arctan j0 j1 y0 y1 i0 i1 k0 k1 digamma psi loggamma square log2"
    for name in others.split():
        assert known_function(name)
        assert read(f"{name}(x)", NAMES).steps
    for text in (
        "j2(x)",
        "sin(x, y)",
        "min(x)",
        "jv(x)",
        "where(x)",
        "x.real",
        "x[0]",
        "f(x)",
        "'x'",
        "lambda: 1",
        "sin(x=1)",
        "1 < x < 2",
    ):
        with pytest.raises(Unreadable):
            read(text, NAMES)
    assert not known_function("j2")
    with pytest.raises(Unreadable, match="no rule for polygamma"):
        read("x + digamma(y)", NAMES).run([1, 2, 3], SimpleNamespace(algebra=EXACT))
    for name, wanted in (
        ("log2", 1.0),
        ("square", 4.0),
        ("negative", -2.0),
        ("ceil", 2.0),
        ("expm1", np.expm1(2.0)),
        ("exp2", 4.0),
    ):
        at = [2.0, 3.0, 4.0]
        assert bundle(f"{name}(x)", at, at).v.lo.item() == pytest.approx(wanted, rel=1e-12)
    for text, wanted in (
        ("atan2(x, y)", np.arctan2(2, 3)),
        ("power(x, y)", 8.0),
        ("heaviside(x, y)", 1.0),
        ("atan2(x, -y)", np.arctan2(2, -3)),
    ):
        assert bundle(text, at, at).v.hi.item() == pytest.approx(wanted, rel=1e-12)


def test_where_one_of_two_is_chosen_only_that_one_needs_a_value():
    at = [1.0, -1.0, 4.0]
    assert bundle("where(x < 2, z, log(y))", at, at).sound.all()
    assert not bundle("where(x > 0.5, log(y), z)", at, at).sound.any()
    assert not bundle("log(y)*z", at, at).sound.any()
    assert not bundle("z + log(y)", at, at).sound.any()


def test_a_choice_is_made_in_each_box_by_itself():
    ends = np.array([[1.0, -1.0, 4.0], [3.0, -1.0, 4.0], [1.0, -1.0, 4.0], [1.0, 0.5, 4.0]])
    widths = np.array([[0.5, 1.0, 1.0], [0.5, 1.0, 1.0], [2.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    found = bundle("where(x < 2.5, y, z)", ends, ends + widths)
    assert found.v.lo.dtype == np.float64
    assert found.v.lo.tolist() == [[-1.0], [4.0], [-1.0], [0.5]]
    assert found.v.hi.tolist() == [[0.0], [5.0], [5.0], [1.5]]
    assert found.d.lo[:, :, 0].tolist() == [[0, 1, 0], [0, 0, 1], [-np.inf] * 3, [0, 1, 0]]
    assert np.isfinite(found.h.hi[:, :, 0]).all(1).tolist() == [True, True, False, True]


def test_derivatives_are_found_by_their_variables():
    found = bundle("x*y**2*z", [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    for (i, j), wanted in zip(PAIRS, (0, 12, 4, 6, 4, 0), strict=True):
        assert found.bend(i, j).v.lo.item() == pytest.approx(wanted, abs=1e-13)
        assert found.bend(j, i).v.hi.item() == pytest.approx(wanted, abs=1e-13)
        assert found.slope(i).d.lo[0, j, 0] == pytest.approx(wanted, abs=1e-13)
    assert [found.slope(i).v.hi.item() for i in range(3)] == pytest.approx([12, 12, 4])


def test_rounding_outward_is_by_one_to_two_units():
    x = np.random.default_rng(0).normal(size=500) * 10.0 ** np.arange(-250, 250)
    x = np.concatenate([x, [0.0, np.inf, -np.inf, 1.0, -1.0]])
    with np.errstate(invalid="ignore"):
        assert (down(x) <= np.nextafter(x, -np.inf)).sum() == (
            x != 0
        ).sum() - 1  # of infinities, the lower one is below itself
        assert (up(x) >= np.nextafter(x, np.inf)).sum() == (x != 0).sum() - 1
        assert (down(x) >= x - 2.5 * np.spacing(np.abs(x)))[np.isfinite(x)].all()
        assert (up(x) <= x + 2.5 * np.spacing(np.abs(x)))[np.isfinite(x)].all()
    assert down(np.zeros(1))[0] == up(np.zeros(1))[0] == 0


@every("name", ["exp", "log", "sqrt", "tanh", "sigmoid", "softplus", "sinh", "atan", "asin", "cbrt", "asinh", "erf"])
def test_a_function_of_a_library_is_trusted_to_one_part_in_a_hundred_billion_thousands(name):
    x = exact(np.array([0.25, 0.75]))
    held = CURVES[name](x).value
    np.testing.assert_allclose((held.hi - held.lo) / np.abs(held.hi), 2e-14, rtol=0.04)


@pytest.mark.parametrize(
    ("turn", "of"), list(enumerate([mpmath.sin, mpmath.cos, lambda x: -mpmath.sin(x), lambda x: -mpmath.cos(x)]))
)
def test_waves_have_a_margin_that_grows_with_their_argument(turn, of):
    x = np.array([0.5, -0.5, 2000.5, -2000.5, 0.0])
    held = wave(exact(x), turn)
    free = np.abs(np.array([float(of(each)) for each in x])) < 0.99
    np.testing.assert_allclose((held.hi - held.lo)[free], (2e-14 + 2e-15 * np.abs(x))[free], rtol=0.02)
    wide = wave(Range(x - 0.01, x + 0.01), turn)
    assert (wide.hi - wide.lo <= 0.0203).all()
    assert all(
        low <= of(each + d) <= high
        for low, high, each in zip(wide.lo, wide.hi, x, strict=True)
        for d in (-0.01, 0, 0.01)
    )


@pytest.mark.parametrize("order", [0, 1, 2])
def test_bundles_have_the_derivatives_that_are_asked_for_and_no_more(order):
    at = np.array([[0.5, 2.0]])
    whole = variables(at, at, order, ((0, 0), (0, 1), (1, 1)) if order == 2 else ())
    x, y = whole.part(0), whole.part(1)
    for held in (
        x * y + x,
        whole * whole,
        -whole,
        whole.scaled(exact([2.0, 3.0])),
        applied("exp", whole),
        applied("exp", x),
    ):
        assert (held.d is None) == (order < 1)
        assert (held.h is None) == (order < 2)
    plain = variables(at, at, 0, ()).part(0)
    assert all(held.d is None for held in (x * plain, plain * x, x + plain))
    square = whole * whole
    np.testing.assert_allclose(square.v.lo, [[0.25, 4.0]], rtol=1e-14)
    if order:
        np.testing.assert_allclose(square.d.lo[0], [[1.0, 0.0], [0.0, 4.0]], atol=1e-13)
    if order == 2:
        np.testing.assert_allclose(square.h.hi[0], [[2.0, 0.0], [0.0, 0.0], [0.0, 2.0]], atol=1e-13)
        bent = applied("exp", whole.scaled(exact([2.0, 3.0])))
        np.testing.assert_allclose(
            bent.h.hi[0], [[4 * np.e, 0.0], [0.0, 0.0], [0.0, 9 * np.exp(6.0)]], rtol=1e-12, atol=1e-12
        )


def test_cuts_hulls_and_sizes_are_those_of_both_ends():
    a, b = Range(np.array([-3.0, 1.0]), np.array([-1.0, 5.0])), Range(np.array([0.0, 2.0]), np.array([2.0, 3.0]))
    for held, wanted in (
        (a.hull(b), [(-3, 2), (1, 5)]),
        (a.cut(-2, 4), [(-2, -1), (1, 4)]),
        (a - b, [(-5, -1), (-2, 3)]),
    ):
        np.testing.assert_allclose(np.stack([held.lo, held.hi], 1), wanted, rtol=1e-15)
    assert a.size.tolist() == [3, 5]
    for low, high in itertools.product((-np.inf, 0.0), (0.0, np.inf)):
        held = Range(np.array([low]), np.array([high])) + Range(np.array([-np.inf]), np.array([np.inf]))
        assert (held.lo[0], held.hi[0]) == (-np.inf, np.inf)
    ends = exact(np.array([np.inf])) + Range(np.array([-np.inf]), np.array([0.0]))
    assert (ends.lo[0], ends.hi[0], (-ends).lo[0], (-ends).hi[0]) == (-np.inf, np.inf, -np.inf, np.inf)
    ends = exact(np.array([-np.inf])) + Range(np.array([0.0]), np.array([np.inf]))
    assert (ends.lo[0], ends.hi[0]) == (-np.inf, np.inf)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_a_constant_is_one_function_without_derivatives(order):
    like = variables(np.zeros((3, 2)), np.ones((3, 2)), order, ((0, 0), (0, 1)) if order == 2 else ())
    found = constant(like, 2.5)
    assert found.v.lo.tolist() == found.v.hi.tolist() == [[2.5]] * 3
    for part, shape in ((found.d, (3, 2, 1)), (found.h, (3, 2, 1))):
        assert part is None or (part.lo.shape == part.hi.shape == shape and not part.lo.any() and not part.hi.any())
    assert [found.d is not None, found.h is not None] == [order >= 1, order >= 2]


def test_conditions_of_conditions_are_those_of_logic_with_unknown_between():
    """Conditions as pairs: where they certainly hold, and where they certainly do not."""
    kinds = {True: (True, False), False: (False, True), None: (False, False)}
    for a, b in itertools.product(kinds, kinds):
        p, q = (tuple(np.array([part]) for part in kinds[each]) for each in (a, b))
        least, most = ({True: 1, False: 0, None: 0}, {True: 1, False: 0, None: 1})
        for name, of in (("logical_and", min), ("logical_or", max)):
            found = BUNDLES[name](p, q)
            assert (bool(found[0]), not found[1]) == (bool(of(least[a], least[b])), bool(of(most[a], most[b])))
        turned = BUNDLES["logical_not"](p)
        assert (bool(turned[0]), bool(turned[1])) == kinds[a][::-1]


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_a_comparison_of_ranges_is_certain_where_all_of_their_numbers_agree(name):
    """Ends that meet, that are points, and that are less than one apart."""
    ends = (-2.0, -0.5, 0.0, 0.25, 1.0)
    ranges = [(lo, hi) for lo in ends for hi in ends if lo <= hi]
    pairs = [(a, b) for a in ranges for b in ranges]
    f, g = (
        Bundle(
            (),
            Range(*(np.array([[pair[side][end]] for pair in pairs]) for end in (0, 1))),
            None,
            None,
            np.ones(len(pairs)) > 0,
        )
        for side in (0, 1)
    )
    always, never = BUNDLES[name](f, g)
    for (a, b), yes, no in zip(pairs, always, never, strict=True):
        x, y = (np.linspace(*each, 9) if each[0] < each[1] else np.array(each[:1]) for each in (a, b))
        x, y = np.union1d(x, np.clip(b, *a)), np.union1d(y, np.clip(a, *b))
        held = getattr(operator, name)(x[:, None], y)
        assert (bool(yes), bool(no)) == (bool(held.all()), bool(not held.any())), (a, b)


@pytest.mark.parametrize("turn", range(4))
def test_a_wave_over_everything_is_between_minus_one_and_one(turn):
    found = wave(Range(np.array([-np.inf, 0.0, 0.0]), np.array([np.inf, np.inf, 100.0])), turn)
    assert found.lo.tolist() == [-1.0] * 3
    assert found.hi.tolist() == [1.0] * 3


def test_a_sum_in_a_formula_is_rounded_only_where_it_is_not_exact():
    draw = np.random.default_rng(0)
    a, b = (np.round(draw.normal(size=(400, 1)), 3) * 2.0 ** draw.integers(-3, 60, (400, 1)) for _ in range(2))
    a[:100], b[:100] = np.round(a[:100]), np.round(b[:100])
    a[:3], b[:3] = [[np.inf], [1e308], [5e-324]], [[1.0], [1e308], [5e-324]]
    none = variables(a, a, 0, ())
    found = (none + variables(b, b, 0, ())).v
    assert np.isnan(found.lo[0, 0]) or found.hi[0, 0] == np.inf
    assert found.hi[1, 0] == np.inf
    known = 0
    for x, y, lo, hi in zip(a[2:, 0], b[2:, 0], found.lo[2:, 0], found.hi[2:, 0], strict=True):
        total = Fraction(x) + Fraction(y)
        assert Fraction(lo) <= total <= Fraction(hi)
        assert (lo == hi) == (Fraction(x + y) == total)
        known += lo == hi
    assert 50 < known < 390
    assert BUNDLES["sub"](variables(a, a, 0, ()), variables(a, a, 0, ())).v.hi[5, 0] == 0
