"""Sparse polynomials and fractions of polynomials come back from their values, whatever their terms."""

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from splinework.discover import discover
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, node_count, symbol
from splinework.interpret.symbolic.screening.fraction_terms import fraction_sets, possible_sets
from splinework.interpret.symbolic.screening.polynomials import _ScaledRows, fraction_candidates, polynomial_candidates
from splinework.interpret.symbolic.screening.problem import initial_problem
from splinework.interpret.symbolic.screening.surrogate import chebyshev_basis, exponents_up_to
from splinework.interpret.symbolic.simplification import simplified

NAMES = ("a", "b", "c", "d")
SYMBOLS = [symbol(name) for name in NAMES]


def rows_of(expression, columns, *, low=-1.0, high=1.5, count=700, noise=0.0, scale="linear", seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(low, high, (count, columns))
    y = np.broadcast_to(compile_expression(expression, NAMES[:columns])(x), (count,)).copy()
    y += noise * y.std() * rng.standard_normal(count)
    return FitTarget(x, y, NAMES[:columns], scale)


def best_of(search, target):
    found = search(initial_problem(target), floor=target.floor_of_sums)
    assert [each.score for each in found] == sorted(each.score for each in found)
    return found[0].expression


def coefficients_of(expression):
    return {powers: float(c) for powers, c in sympy.Poly(expression, *SYMBOLS).terms()}


def assert_same(found, truth, tolerance):
    assert found.keys() == truth.keys()
    assert all(found[powers] == pytest.approx(truth[powers], rel=tolerance) for powers in truth)


@st.composite
def polynomials(draw, columns, degree, most):
    """A polynomial of one to `most` terms up to a total degree, with its coefficients between 0.2 and 5 in magnitude."""
    term = st.lists(st.integers(0, degree), min_size=columns, max_size=columns).filter(lambda p: 0 < sum(p) <= degree)
    powers = draw(st.lists(term, min_size=1, max_size=most, unique_by=tuple))
    size = st.floats(0.2, 5).map(lambda c: round(c, 3))
    numbers = draw(st.lists(size, min_size=len(powers), max_size=len(powers)))
    signs = draw(st.lists(st.sampled_from([-1, 1]), min_size=len(powers), max_size=len(powers)))
    return sum(
        sympy.Float(c * s) * sympy.Mul(*(e**p for e, p in zip(SYMBOLS, own, strict=False)))
        for own, c, s in zip(powers, numbers, signs, strict=True)
    )


@pytest.mark.quick(2)
@pytest.mark.parametrize(("columns", "degree"), [(1, 12), (2, 10), (3, 8), (4, 6)])
@settings(max_examples=12, deadline=None)
@given(st.data())
def test_exactly_the_terms_of_a_sparse_polynomial_are_found(columns, degree, data):
    truth = data.draw(polynomials(columns, degree, 8))
    found = best_of(polynomial_candidates, rows_of(truth, columns))
    assert_same(coefficients_of(found), coefficients_of(truth), 1e-6)


def test_more_terms_than_rows_are_sought_one_by_one():
    a, b, c, d = SYMBOLS
    truth = a * b * c * d**4 - 2 * a**3 * b**6 + d**10 + c**7 * a**2 - 1
    found = best_of(polynomial_candidates, rows_of(truth, 4, low=-1.5, high=1.5))
    assert_same(coefficients_of(found), coefficients_of(truth), 1e-6)


@pytest.mark.quick(1)
@pytest.mark.parametrize("columns", [1, 2, 3])
@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_fraction_of_polynomials_is_found_with_its_terms(columns, data):
    degree = {1: 4, 2: 3, 3: 2}[columns]
    above = data.draw(polynomials(columns, degree, 3)) + 1
    below = 3 + sum(data.draw(st.integers(1, 4)) * e**2 for e in SYMBOLS[:columns])
    target = rows_of(above / below, columns)
    top, bottom = sympy.fraction(sympy.together(best_of(fraction_candidates, target)))
    truth = rows_of(above / below, columns, seed=5)
    values = compile_expression(top / bottom, target.names)(truth.x)
    assert np.abs(values - truth.y).max() <= 1e-7 * np.abs(truth.y).max()
    assert len(sympy.Poly(top, *SYMBOLS).terms()) <= len(sympy.Poly(above, *SYMBOLS).terms())
    assert len(sympy.Poly(bottom, *SYMBOLS).terms()) <= columns + 1
    assert fraction_candidates(
        initial_problem(target), floor=target.floor_of_sums, exact=True
    )  # its terms are not ruled out


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_no_fraction_leaves_less_than_the_largest_sets_of_terms_say(columns):
    """Whatever the terms of a set that is ruled out: what is left of a target that is no fraction is above the floor."""
    target = rows_of(sympy.exp(sympy.sin(4 * SYMBOLS[0]) + sum(SYMBOLS[1:columns])), columns, noise=0.3)
    for floor in (target.floor_of_sums, 1e-14 * float(target.y @ target.y)):
        rows, sets = _ScaledRows.of(initial_problem(target), floor), fraction_sets(columns, len(target.y), 10)
        every = rows.monomials(exponents_up_to(columns, 10))
        left = possible_sets(sets, every, target.y, rows.root, floor)
        possible = {(len(above), len(below)) for above, below in left}
        gone = [each for each in sets if (len(each[0]), len(each[1])) not in possible]
        assert gone
        assert all(found is None or found.rss > floor for found in (rows.fit_fraction(*each) for each in gone))


def test_a_high_total_degree_of_low_degrees_in_each_column_is_found():
    a, b, c, d = SYMBOLS
    truth = (
        -4.8 * a**3 * b * c**2 * d**3
        + 0.2 * a * d**2
        - 4 * a**3 * b
        + 2.7 * a * b * c**2
        + 0.9 * a * c
        - 1.5 * a * c**2 * d**3
    )
    found = best_of(polynomial_candidates, rows_of(sympy.expand(truth), 4, low=0.5, high=2, count=800))
    assert_same(coefficients_of(found), coefficients_of(truth), 1e-6)


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_terms_are_found_under_noise(noise):
    a, b = SYMBOLS[:2]
    truth = 2 * a**4 - a**2 * b + 3 * b**3
    found = coefficients_of(best_of(polynomial_candidates, rows_of(truth, 2, noise=noise)))
    assert_same(found, coefficients_of(truth), 5 * noise)


def test_noise_is_no_polynomial_and_no_fraction():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        target = FitTarget(rng.uniform(-1, 1, (300, 2)), rng.standard_normal(300), NAMES[:2])
        assert len(coefficients_of(best_of(polynomial_candidates, target))) <= 1


@pytest.mark.parametrize(
    "function", [lambda a, b: b * np.exp(a), lambda a, b: np.sin(a + b), lambda a, b: np.log(3 + a) / (4 + b)]
)
def test_a_power_series_is_no_polynomial_and_no_fraction(function):
    x = np.random.default_rng(0).uniform(-1, 1, (700, 2))
    problem = initial_problem(target := FitTarget(x, function(*x.T), NAMES[:2]))
    for search in (polynomial_candidates, fraction_candidates):
        assert search(problem, floor=target.floor_of_sums, exact=True) == []


@pytest.mark.parametrize("function", [lambda x: np.log(x * (x + 1) * (x**2 + 1)), np.sqrt, np.arctan, np.tanh])
def test_a_function_of_one_column_is_no_fraction(function):
    x = np.random.default_rng(0).uniform(0.1, 2, (800, 1))
    target = FitTarget(x, function(x[:, 0]), NAMES[:1])
    for search in (polynomial_candidates, fraction_candidates):
        assert search(initial_problem(target), floor=target.floor_of_sums, exact=True) == []
        for guess in search(initial_problem(target), floor=target.floor_of_sums):
            values = compile_expression(guess.expression, NAMES[:1])(x)
            assert np.sqrt(np.mean((values - target.y) ** 2)) > 0.9e-7 * target.unit


def test_small_values_of_a_cancelling_sum_are_not_fitted_beyond_rounding():
    """With errors on the logarithmic scale, a cube that vanishes has few digits there; more terms would fit its rounding."""
    a = SYMBOLS[0]
    for seed in range(4):
        target = rows_of((a + 1) ** 3 / (a**2 - a + 1), 1, low=-1, high=1, scale="log", seed=seed)
        top, bottom = sympy.fraction(sympy.together(best_of(fraction_candidates, target)))
        assert (sympy.degree(top, a), sympy.degree(bottom, a)) == (3, 2)
        assert target.floor <= target.floor_of_sums <= 1e-3 * len(target.y) * target.unit**2


def test_values_over_many_orders_of_magnitude_are_still_fitted():
    """A power law does not cancel, so only a little may be laid to rounding where y is small."""
    x = np.geomspace(0.1, 10, 500)[:, None]
    target = FitTarget(x, 2 * x[:, 0] ** -8.0, NAMES[:1], "log")
    assert target.floor <= target.floor_of_sums <= len(target.y) * 1e-8


def test_errors_by_degree_are_those_of_the_fits():
    rng = np.random.default_rng(0)
    x, y, w = rng.uniform(0, 2, (60, 2)), rng.standard_normal(60), rng.uniform(0.5, 2, 60)
    basis = chebyshev_basis(x, 4)
    for degree, (rss, error) in enumerate(basis.errors(y, w)):
        design = basis.design[:, basis.powers.sum(1) <= degree] * np.sqrt(w)[:, None]
        hat = design @ np.linalg.pinv(design)
        left = y * np.sqrt(w) - hat @ (y * np.sqrt(w))
        assert rss == pytest.approx(left @ left, rel=1e-9)
        assert error == pytest.approx(np.sqrt(np.mean((left / (1 - np.diag(hat))) ** 2)), rel=1e-9)


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("a**4 - 12*a**3 + 54*a**2 - 108*a + 82", "(a - 3)**4 + 1"),
        ("(a**2 + 2*a + 1 + b**2)/(b**2 - 4*b + 7)", "((a + 1)**2 + b**2)/((b - 2)**2 + 3)"),
        ("a**9 + a**8 + a**7 + a**6 + a**5 + a**4 + a**3 + a**2 + a", "a*(a**2 + a + 1)*(a**6 + a**3 + 1)"),
    ],
)
def test_the_shortest_of_expanded_factored_and_shifted_forms_is_written(long, short):
    x = np.random.default_rng(0).uniform(-2, 2, (50, 2))
    given_form, wanted = (sympy.sympify(text, {"a": SYMBOLS[0], "b": SYMBOLS[1]}) for text in (long, short))
    assert node_count(simplified(given_form, NAMES[:2], x)) <= node_count(wanted) < node_count(given_form)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("a**4 - a**3 + b**2/2 - b", -1, 1),
        ("(a + 1)**3/(a**2 - a + 1)", -2, 2),
        ("8*a/(3*b - 1) - 3/b**2", 1, 4),
    ],
)
@pytest.mark.slow
def test_discover_writes_them_down(text, low, high):
    truth = sympy.sympify(text, {"a": SYMBOLS[0], "b": SYMBOLS[1]})
    columns = len(truth.free_symbols)
    target = rows_of(truth, columns, low=low, high=high)
    table = discover(target.x, target.y, names=target.names, budget=20)
    fresh = rows_of(truth, columns, low=low, high=high, seed=7)
    assert np.abs(table.best.numpy()(fresh.x) - fresh.y).max() <= 1e-7 * np.abs(fresh.y).max()
    assert table.best.complexity <= 20
