"""From the pool to the table: nothing equal is changed, nothing doubtful is claimed."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
import sympy

from splinework.formula.parse import parse_formula
from splinework.interpret.symbolic.constants import FitTarget, confidence_intervals
from splinework.interpret.symbolic.description_length import structure_length
from splinework.interpret.symbolic.expression import compile_expression, node_count, symbol
from splinework.interpret.symbolic.pool import Pool, has_structure
from splinework.interpret.symbolic.ranking import VERY_STRONG_EVIDENCE, constant_row, formula_row, formula_rows, ranked
from splinework.interpret.symbolic.screening import inliers
from splinework.interpret.symbolic.simplification import simplified

A, B = symbol("a"), symbol("b")
F = sympy.Float


def data(form, *, count=300, noise=0.0, seed=0, low=0.5, high=2.0):
    draw = np.random.default_rng(seed)
    x = draw.uniform(low, high, (count, 2))
    y = compile_expression(form, ["a", "b"])(x)
    return FitTarget(x, y + noise * y.std() * draw.normal(size=count), ("a", "b"))


FORMS = [
    A * (1 + B / A) / (1 + 1 / B),
    sympy.sqrt(A**2) + B,
    sympy.Abs(A - 5) * B,
    1 / sympy.sqrt((1 / A**2 + 1 / B**2) / 4),
    sympy.exp(sympy.log(A) + B),
    (A + B) ** 2 - A**2 - B**2,
    F(1.5) * A * B + F(3.0) * A * B**2,
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_tidied_formula_is_the_same_and_no_longer(form):
    target = data(form)
    short = simplified(form, target.names, target.x)
    values = compile_expression(short, target.names)(target.x)
    np.testing.assert_allclose(values, target.y, rtol=1e-9)
    assert node_count(short) <= node_count(form)


def test_bars_go_only_where_the_sign_is_sure():
    x = np.linspace(-1, 1, 41)[:, None]
    assert simplified(sympy.Abs(A), ["a"], x) == sympy.Abs(A)
    assert simplified(sympy.Abs(A - 2), ["a"], x) == 2 - A


def test_longer_formulas_cost_more():
    assert (
        structure_length(A, 2)
        < structure_length(A + B, 2)
        < structure_length(sympy.sin(A + B), 2)
        < structure_length(sympy.sin(A + B) + A, 2)
    )
    assert structure_length(A, 2) < structure_length(A, 20)
    assert structure_length(sympy.Integer(2) * A, 2) < structure_length(sympy.Integer(97) * A, 2)


@pytest.mark.slow
def test_noise_has_no_structure_and_a_trend_has():
    draw = np.random.default_rng(0)
    flagged = 0
    for _ in range(40):
        x, r = draw.uniform(size=(300, 3)), draw.normal(size=300)
        flagged += has_structure(x, draw.normal(size=300), r)
    assert flagged == 0
    assert has_structure(x, r, r + np.sin(6 * x[:, 1]))
    assert has_structure(x, r, np.sin(4 * x[:, 0]) * np.sin(4 * x[:, 1]) + 0.1 * r)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1])
def test_gross_errors_are_found_and_others_kept(share):
    target = data(A / B**2, count=600)
    bad = np.random.default_rng(1).random(600) < share
    y = np.where(bad, target.y + 20 * target.y.std(), target.y)
    kept = inliers(target.x, y, np.ones(600))
    assert not kept[bad].any()
    assert kept[~bad].mean() > 0.9


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.3])
def test_without_gross_errors_every_row_is_trusted(noise):
    target = data(sympy.exp(A) * B, noise=noise)
    assert inliers(target.x, target.y, np.ones(300)) is None


@pytest.mark.parametrize("power", [3, 5, 8])
@pytest.mark.parametrize("seed", range(4))
def test_rows_at_which_a_law_is_steep_are_no_gross_errors(power, seed):
    """Few rows have all of the signal, and lie at one end of a column."""
    target = data(A / B**power, noise=0.02, low=0.1, count=800, seed=seed)
    assert inliers(target.x, target.y, np.ones(800)) is None


def test_intervals_hold_the_truth_as_often_as_they_say():
    hits = 0
    for seed in range(200):
        target = data(F(1.7) * sympy.exp(F(-0.6) * A), noise=0.1, seed=seed)
        pool = Pool(target)
        pool.offer(F(1.5) * sympy.exp(F(-0.5) * A))
        small, large = confidence_intervals(pool.entries[0].expression, target)
        hits += (small.low <= -0.6 <= small.high) + (large.low <= 1.7 <= large.high)
    assert 0.91 < hits / 400 < 0.98


def test_a_pool_keeps_the_best_once():
    target = data(A * B)
    pool = Pool(target)
    assert pool.offer(F(2.0) * A * B) is not None
    assert pool.exact
    assert pool.offer(F(2.0) * A * B) is None
    assert pool.offer(sympy.log(A - 10)) is None  # undefined on the data
    assert pool.offer(sympy.zoo * A) is None
    assert pool.offer(F(1.1) * A) is not None
    assert str(pool.entries[0].expression.free_symbols).count("b") == 1


def test_what_is_not_allowed_is_not_taken():
    target = data(sympy.exp(A))
    pool = Pool(target, allows=lambda e: not e.has(sympy.exp))
    assert pool.offer(F(1.0) * sympy.exp(A)) is None
    assert pool.offer(F(1.0) * A) is not None


def test_the_table_is_a_front_with_probabilities_and_held_out_errors():
    train, held = data(2 * A + B**2, noise=0.02), data(2 * A + B**2, noise=0.02, seed=1)
    pool = Pool(train)
    for form in (
        F(1.1) * A,
        F(1.1) * A + F(0.9) * B,
        F(1.1) * A + F(0.9) * B**2,
        F(1.1) * A + F(0.9) * B**2 + F(0.1) * A * B,
    ):
        pool.offer(form)
    rows = formula_rows(pool, "y", held=held)
    assert rows[0].text == "2*a + b**2"
    assert sum(r.probability for r in rows) == pytest.approx(1)
    assert rows[0].probability > 0.9
    assert [r.description for r in rows] == sorted(r.description for r in rows)
    assert all(r.held_out == pytest.approx(r.rmse, rel=0.5) for r in rows)
    assert rows[0].valid.keys() == {"a", "b"}
    front = sorted(rows, key=lambda r: r.complexity)
    assert all(later.rmse <= earlier.rmse for earlier, later in itertools.pairwise(front))


def test_two_forms_of_an_exact_formula_are_one_row():
    target = data(sympy.Rational(5, 2) * sympy.Abs(A - sympy.Rational(3, 5)) + B**2)
    forms = (B**2 + 5 * sympy.Abs(A - sympy.Rational(3, 5)) / 2, B**2 + sympy.Abs(5 * A / 2 - F(1.5)))
    pool = Pool(target)
    for form in forms:
        pool.offer(form.evalf())
    rows = formula_rows(pool, "y")
    assert len([r for r in rows if r.rmse <= 1e-12]) == 1
    made = [formula_row(form, target, "y", numbers, {}) for form, numbers in zip(forms, (4.0, 3.0), strict=True)]
    assert ranked(made, 5, rounding=1e-13) == [replace(made[1], probability=1.0)]


def test_noise_gives_a_constant():
    draw = np.random.default_rng(0)
    target = FitTarget(draw.uniform(size=(200, 2)), draw.normal(size=200), ("a", "b"))
    pool = Pool(target)
    for form in (F(1.0) * A + F(0.1), F(1.0) * A * B + F(0.1), F(0.1) * sympy.sin(F(5.0) * A) + F(0.1)):
        pool.offer(form)
    assert formula_rows(pool, "y")[0].inputs == ()
    assert ranked([constant_row(target, "y")], 3)[0].probability == 1.0


def test_known_noise_is_not_explained():
    target = data(A + B, noise=0.05)
    known = FitTarget(target.x, target.y, target.names, noise=0.05 * float(np.std(target.x.sum(1))))
    assert known.floor > 100 * target.floor
    pool = Pool(known)
    pool.offer(F(1.1) * A + F(0.9) * B)
    assert pool.exact


def test_weights_count():
    target = data(A)
    y = target.y.copy()
    y[:50] = 100.0
    weights = np.ones(300)
    weights[:50] = 1e-20
    pool = Pool(FitTarget(target.x, y, target.names, weights=weights))
    pool.offer(F(0.5) * A)
    assert pool.exact


@pytest.mark.parametrize("gain", [0.1, 4.9, 5.1, 50.0])
def test_the_simplest_that_evidence_does_not_tell_apart_comes_first(gain):
    x = symbol("x1")
    target = FitTarget(np.linspace(1, 2, 50)[:, None], np.linspace(1, 2, 50), ("x1",))
    rows = [formula_row(e, target, "y", 0.0, {}) for e in (x, x + sympy.sin(x) / 7)]
    simple, rich = (replace(r, description=d, rmse=e) for r, d, e in zip(rows, (0, -gain), (1, 0.5), strict=True))
    found = ranked([rich, simple], 3)
    assert [r.text for r in found] == [
        r.text for r in ((simple, rich) if gain < VERY_STRONG_EVIDENCE else (rich, simple))
    ]
    share = {r.text: r.probability for r in found}
    assert share[rich.text] / share[simple.text] == pytest.approx(np.exp(gain), rel=1e-9)
    assert sum(share.values()) == pytest.approx(1)


def test_no_two_rows_print_alike():
    x = symbol("x1")
    target = FitTarget(np.linspace(1, 2, 50)[:, None], np.linspace(1, 2, 50), ("x1",))
    rows = [formula_row(F(c) * x, target, "y", 0.0, {}) for c in (2.0000001, 2.0000002, 2.1)]
    rows = [replace(r, description=d, rmse=e) for r, d, e in zip(rows, (-9.0, 0.0, 1.0), (3.0, 2.0, 1.0), strict=True)]
    found = ranked(rows, 5)
    assert [float(next(iter(r.expression.atoms(sympy.Float)))) for r in found] == [2.0000001, 2.1]
    assert sum(r.probability for r in found) == pytest.approx(1)


def test_an_approximation_with_many_constants_is_not_exact():
    """Five fitted numbers of 1e-9 are no law, two of them are; and known noise is met by any number of them."""
    x = np.linspace(-1, 1, 200)[:, None]
    a = symbol("a")
    for error, noise, terms, exact in (
        (1e-9, 0.0, 5, False),
        (1e-9, 0.0, 2, True),
        (0.0, 0.0, 5, True),
        (0.1, 0.1, 5, True),
    ):
        y = sum((k + 1.3) * x[:, 0] ** k for k in range(terms)) + error * np.random.default_rng(0).normal(size=200)
        pool = Pool(FitTarget(x, y, ("a",), noise=noise))
        pool.offer(sympy.Add(*(F(k + 1.0) * a**k for k in range(terms))))
        assert pool.exact == exact


def test_a_formula_with_a_number_less_is_tried_for_an_exponential_of_several_columns():
    """Newton's cooling, which under noise is near to `a + 93.7 exp(-0.0146 a - 0.045 b)`."""
    draw = np.random.default_rng(0)
    x = draw.uniform([15, 0], [25, 40], (300, 2))
    truth = A + (90 - A) * sympy.exp(F(-0.045) * B)
    pool = Pool(FitTarget(x, compile_expression(truth, ["a", "b"])(x) + 0.3 * draw.normal(size=300), ("a", "b")))
    pool.offer(F(1.0) * A + F(93.7) * sympy.exp(F(-0.0146) * A + F(-0.045) * B))
    first = formula_rows(pool, "y")[0]
    assert len(first.expression.atoms(sympy.Float)) <= 2
    assert np.abs(first.numpy()(x) - compile_expression(truth, ["a", "b"])(x)).max() < 0.3


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    "law",
    [390 / (1 + 37 * sympy.exp(-0.36 * A)), B / (A + 1.7), 7 / sympy.sqrt(0.3 + B**2), 5 * B * (A + 2.5) ** 2 / 7],
    ids=str,
)
def test_numbers_are_simple_whichever_of_them_stands_outside_a_sum(law):
    """What is fitted has another number outside: each as simple as in the law, though none is in that form."""
    target = data(law)
    pool = Pool(target)
    inside = sympy.Function("inside")
    total = next(part for part in sympy.preorder_traversal(law) if part.is_Add)
    moved = sympy.Add(*(F(term.as_coeff_Mul()[0]) / F(0.7137) * term.as_coeff_Mul()[1] for term in total.args))
    free = law.xreplace({total: inside()})
    power = next((p.exp for p in free.atoms(sympy.Pow) if p.base == inside()), 1)
    pool.offer((free * F(0.7137) ** power).xreplace({inside(): moved}))
    first = formula_rows(pool, "y")[0]
    assert first.complexity <= node_count(law) + 1
    assert max(map(len, re.findall(r"[\d.]+", first.text))) < 6


@pytest.mark.quick(2)
@pytest.mark.parametrize("start", ["2.5*exp(-3000.5/T)", "2.5*T**1.1", "2.5*exp(0.011*T)"])
@pytest.mark.parametrize("law", ["exp(-7600/T)", "T**2.3", "exp(T/25)"])
def test_what_is_nearly_the_same_of_a_column_far_from_zero_is_tried_for_it(law, start):
    """Of the three the law is told from the others by the rows, whichever of them was found."""
    x = np.random.default_rng(0).uniform(275, 315, (400, 1))
    law = parse_formula(law, ["T"])
    y = compile_expression(law, ("T",))(x)
    data = FitTarget(x, y + 0.002 * y.std() * np.random.default_rng(1).standard_normal(400), ("T",))
    pool = Pool(data)
    pool.offer(parse_formula(start, ["T"]))
    best = formula_rows(pool, "y")[0].expression
    assert np.abs(compile_expression(best, ("T",))(x) - y).max() < 1e-3 * y.std()
    assert best.has(sympy.exp) == law.has(sympy.exp)


@pytest.mark.quick(1)
@pytest.mark.parametrize("centre", [(0.8, 1.3), (1.1, 0.3), (-3.0, 5.2)])
def test_squares_are_completed_where_that_saves_a_number(centre):
    """A distance under noise comes with five numbers, and has two."""
    target = data(sympy.sqrt((A - centre[0]) ** 2 + (B - centre[1]) ** 2), noise=0.02)
    pool = Pool(target)
    a, b = map(F, centre)
    pool.offer(sympy.sqrt(F(1.001) * A**2 - 2.01 * a * A + F(0.998) * B**2 - 2.02 * b * B + a**2 + b**2))
    first = formula_rows(pool, "y")[0]
    assert len(first.expression.atoms(sympy.Float)) <= 2
    assert first.complexity <= 13


def test_exact_numbers_are_simpler_than_fitted_ones():
    x = symbol("x1")
    target = FitTarget(np.linspace(1, 2, 50)[:, None], np.linspace(1, 2, 50), ("x1",))
    exact, fitted = sympy.sqrt(2) * x / (2 * sympy.sqrt(sympy.pi)), F(0.3989) * x
    rows = [formula_row(e, target, "y", 0.0, {}) for e in (exact, fitted)]
    rows = [replace(r, description=d, rmse=1.0) for r, d in zip(rows, (-1.0, 0.0), strict=True)]
    assert rows[0].complexity > rows[1].complexity
    assert ranked(rows, 3)[0].text == rows[0].text


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        (sympy.exp(3 * A) / 2 + sympy.exp(-3 * A) / 2, sympy.cosh(3 * A)),
        (B * sympy.exp(A) - B * sympy.exp(-A) + 1, 2 * B * sympy.sinh(A) + 1),
        (sympy.exp(A) * sympy.exp(B) + sympy.exp(-A) * sympy.exp(-B), 2 * sympy.cosh(A + B)),
        (sympy.exp(A) + 2 * sympy.exp(-A), sympy.exp(A) + 2 * sympy.exp(-A)),
        (sympy.tanh(F(1 - 1e-15) * A) * sympy.tanh(F(1 + 1e-15) * A), sympy.tanh(A) ** 2),
        (F(19.36) * A**2 + F(8.8) * A * B + B**2, F(19.36) * (A + B / F(4.4)) ** 2),
        (
            B * (F(258.474853) * A**6 - F(231.28833) * A**4 + F(68.9871) * A**2 - F(6.859)),
            B * (F(6.37) * A**2 - F(1.9)) ** 3,
        ),
        (A**3 + 3 * A**2 * B + 3 * A * B**2 + B**3 + sympy.exp(A), (A + B) ** 3 + sympy.exp(A)),
        (sympy.exp(A) + (A**2 + 5 * A + F(6.25)) / F(7.0), sympy.exp(A) + (A + F(2.5)) ** 2 / F(7.0)),
        (
            sympy.sqrt(A**2 - F(0.54) * A + B**2 + F(3.8) * B + 6),
            sympy.sqrt((A - F(0.27)) ** 2 + (B + F(1.9)) ** 2 + F(2.3)),
        ),
    ],
    ids=str,
)
def test_sums_and_numbers_are_written_short(form, wanted):
    x = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    found = simplified(form, ["a", "b"], x)
    assert found == wanted or node_count(found) <= node_count(wanted) < node_count(form)
    np.testing.assert_allclose(*(compile_expression(e, ["a", "b"])(x) for e in (found, form)), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("unit", [300.0, *(pytest.param(unit, marks=pytest.mark.slow) for unit in (0.1, 1.0, 20.0))])
def test_a_column_that_noise_may_follow_by_chance_is_no_formula(unit):
    """Without a number of its own a column has a shorter code than a constant with digits."""
    for seed in range(4):
        draw = np.random.default_rng(seed)
        x = draw.uniform(-1, 1, (300, 2))
        pool = Pool(FitTarget(x, unit * draw.normal(size=300), ("a", "b")))
        for expression in (A, B, A * B, A**2, A - B):
            pool.offer(expression)
        assert not formula_rows(pool, "y")[0].inputs
