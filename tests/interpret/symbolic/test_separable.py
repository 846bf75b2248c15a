"""Sums and products of a function of one column and one of the others, whatever their signs."""

import numpy as np
import pytest
import sympy

from splinework.discover import discover
from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.screening.problem import initial_problem
from splinework.interpret.symbolic.screening.screen import Screen
from splinework.interpret.symbolic.screening.separable import (
    JUDGING_EVERY,
    LOW_RANK,
    MAX_CLEAN_NOISE,
    PRODUCT,
    SUM,
    clear_error,
    coefficients_beside,
    separations,
    spanning_functions,
)
from tests.families import slow

NAMES = ("a", "b", "c")
A, B, C = (symbol(name) for name in NAMES)
PRODUCTS = (
    (A * (1 - A), B**3 - 2 * B),
    (sympy.cos(3 * A), sympy.exp(-B)),
    (sympy.sin(4 * A), sympy.cos(5 * B + 1)),
    (sympy.sin(3 * A), B**2 - C),
    (A**2 - 1, sympy.sin(B * C)),
)


def target_of(expression, *, noise=0.0, count=800, seed=0, weights=None):
    rng = np.random.default_rng(seed)
    columns = 3 if C in expression.free_symbols else 2
    x = rng.uniform(-1.5, 1.5, (count, columns))
    y = compile_expression(expression, NAMES[:columns])(x)
    return FitTarget(x, y + noise * y.std() * rng.standard_normal(count), NAMES[:columns], weights=weights)


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    ("own", "rest"), [*PRODUCTS[:2], *(pytest.param(*p, marks=pytest.mark.slow) for p in PRODUCTS[2:])], ids=str
)
def test_the_factors_of_a_product_are_found_up_to_their_scale(own, rest):
    target = target_of(2 + own * rest)
    best = separations(initial_problem(target))
    found = next(each for each in best if each.column == 0 and each.kind == PRODUCT)
    truth = compile_expression(own, target.names)(target.x)
    assert found.error <= 1e-4 * target.unit
    assert np.mean(found.own**2) == pytest.approx(1, rel=1e-9)
    assert abs(np.corrcoef(found.own, truth)[0, 1]) >= 1 - 1e-8
    assert np.abs(found.level + found.own * found.rest - target.y).max() <= 1e-3 * target.unit


@pytest.mark.parametrize("count", [48, 60, 90])
def test_few_rows_are_enough_for_smooth_factors(count):
    """As `(a + 2)**0.16 (b - 0.7) + 3a`, of which a search of 60 rows fits 48."""
    target = target_of((A + 2) ** sympy.Float(0.16) * (B - 0.7) + 3 * A, count=count)
    assert min(each.error for each in separations(initial_problem(target))) <= 1e-4 * target.unit


@pytest.mark.quick(1)
@pytest.mark.parametrize(("own", "rest"), PRODUCTS[:3], ids=str)
def test_the_error_is_that_of_fresh_rows(own, rest):
    """Under noise the rows that were fitted would say less than what is left."""
    target = target_of(own * rest, noise=0.1)
    found = next(each for each in separations(initial_problem(target)) if each.column == 0 and each.kind == PRODUCT)
    assert found.error == pytest.approx(0.1 * target.unit, rel=0.2)
    assert 0 < found.own_error < 0.1
    judged = np.arange(len(target.y)) % JUDGING_EVERY == 0
    left = found.level + found.own * found.rest - target.y
    assert found.error == pytest.approx(np.sqrt(np.mean(left[judged] ** 2)), rel=1e-9)


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    ("own", "rest"), [*PRODUCTS[:2], *(pytest.param(*p, marks=pytest.mark.slow) for p in PRODUCTS[2:])], ids=str
)
def test_the_terms_of_a_sum_are_found_up_to_a_constant(own, rest):
    target = target_of(own + rest)
    found = next(each for each in separations(initial_problem(target)) if each.column == 0 and each.kind == SUM)
    truth = compile_expression(own, target.names)(target.x)
    assert found.error <= 1e-3 * target.unit
    assert (found.own - truth).std() <= 1e-3 * target.unit
    assert np.abs(found.own + found.rest - target.y).max() <= 1e-2 * target.unit


@pytest.mark.slow
def test_what_is_neither_has_no_separation():
    target = target_of(A * C + sympy.sin(3 * A * B + B * C))
    problem = initial_problem(target)
    found = separations(problem)
    assert len(found) == 6
    assert all(each.error > clear_error(problem) for each in found)
    assert found[0].error >= 0.1 * target.unit


LOW_RANKS = (
    (A * sympy.exp(B), sympy.sin(A) * B**2),
    (sympy.sin(2 * A) * sympy.cos(B), A * B),
    (sympy.sin(2 * A) * (B**2 - C), A**3),
    (sympy.exp(-A) * (B + C), A**2 * sympy.sin(2 * B)),
    (A**2 * sympy.sin(B), sympy.exp(-A) * B, sympy.cos(A) * sympy.tanh(B)),
)


@pytest.mark.parametrize("products", LOW_RANKS, ids=str)
@pytest.mark.slow
def test_a_sum_of_products_is_seen_and_its_factors_follow(products):
    """The first factor lies in the span of those of column a; beside these, the others are what was multiplied."""
    target = target_of(sum(products))
    problem = initial_problem(target)
    found = next(s for s in separations(problem) if (s.kind, s.column) == (LOW_RANK, 0))
    assert found.error <= 2e-3 * target.unit
    own, rest = zip(*(product.as_independent(B, C) for product in products), strict=True)
    known = np.column_stack([compile_expression(e, target.names)(target.x) for e in own])
    span = np.linalg.qr(np.column_stack([known, np.ones(len(known))]))[0]
    assert np.linalg.norm(found.own - span @ (span.T @ found.own)) <= 0.03 * np.linalg.norm(found.own)
    error, parts = coefficients_beside(problem.without(0), known)
    assert error <= 1e-4 * target.unit
    for part, e in zip(parts.T, rest, strict=True):
        assert np.abs(part - compile_expression(e, target.names)(target.x)).max() <= 1e-3 * np.abs(part).max()


@pytest.mark.slow
@pytest.mark.parametrize("shared", [sympy.log(sympy.cosh(2.3 * B)), sympy.exp(-(B**2))], ids=str)
def test_parts_with_a_factor_in_common_are_read_by_their_ratio(shared):
    """One of them is no function of a bank, but times what the other is."""
    x = np.random.default_rng(0).uniform(0.3, 2.0, (600, 2))
    target = FitTarget(x, compile_expression(shared * (A + sympy.sqrt(B)), ("a", "b"))(x), ("a", "b"))
    screen = Screen(Pool(target), (initial_problem(target),), deadline=clock.now() + 15)
    at = screen.starts[0]
    screen._offer_products(at, [(A, sympy.Integer(1))], at.without(0))
    assert screen.pool.exact


def test_functions_of_which_an_expression_is_a_sum():
    x = sympy.Symbol("x", real=True)
    given = 0.3 * sympy.sin(2.0 * x + 0.7) - 1.5 * x * (x - 2) + 4
    assert set(spanning_functions(given)) == {sympy.sin(2.0 * x), sympy.cos(2.0 * x), x, x**2, sympy.Integer(1)}


@pytest.mark.quick(1)
@pytest.mark.parametrize("own", [B + 2.25, sympy.cos(2 * B), *slow(B**2 - 1)], ids=str)
@pytest.mark.parametrize("rest", [sympy.tanh(3 * A * C) + C, *slow(C + A - sympy.exp(-9 * A**2))], ids=str)
def test_factors_are_clear_where_polynomials_leave_much_of_the_rest(own, rest):
    """Richer structures are not sought then."""
    product = initial_problem(target_of(own * rest))
    found = separations(product)
    assert MAX_CLEAN_NOISE * product.spread < found[0].error <= clear_error(product)
    assert [(each.kind, each.column) for each in found if each.error <= clear_error(product)] == [(PRODUCT, 1)]
    assert not any(each.kind == LOW_RANK for each in found)


@pytest.mark.slow
def test_roots_and_poles_near_zero_are_followed_on_a_logarithmic_scale():
    x = np.exp(np.random.default_rng(0).uniform(-6, 1, (800, 2)))
    for y in (np.sqrt(x[:, 0]) + 1 / np.sqrt(x[:, 1]), np.sqrt(x[:, 0]) * np.log(x[:, 1])):
        target = FitTarget(x, y, ("a", "b"))
        assert separations(initial_problem(target))[0].error <= 1e-6 * target.unit


def test_a_sum_alone_is_not_called_both():
    assert {each.kind for each in separations(initial_problem(target_of(sympy.sin(3 * A) + B**2)))} <= {SUM, PRODUCT}


def test_errors_are_weighted():
    weights = np.where(np.arange(800) < 400, 1.0, 1e-20)
    whole = target_of(sympy.cos(3 * A) * B, weights=weights)
    noisy = np.where(weights < 1, 100.0, whole.y)
    target = FitTarget(whole.x, noisy, whole.names, weights=weights)
    assert separations(initial_problem(target))[0].error <= 1e-4 * whole.unit


def test_one_column_has_no_separation():
    x = np.linspace(0, 1, 50)[:, None]
    assert separations(initial_problem(FitTarget(x, x[:, 0], ("a",)))) == []


@pytest.mark.parametrize(
    "truth",
    [
        sympy.exp(-A) * sympy.cos(4 * B),
        pytest.param(sympy.exp(-(A**2)) + A * B / 2, marks=pytest.mark.slow),
        pytest.param(B - sympy.exp(A * B), marks=pytest.mark.slow),
        pytest.param(A / 3 + sympy.cosh(A / 2 + B), marks=pytest.mark.slow),
        pytest.param(sympy.sin(3 * A) * (B**2 - C), marks=pytest.mark.slow),
        pytest.param(sympy.sin(2 * A) + sympy.sin(2 * B**2), marks=pytest.mark.slow),
        pytest.param(2 - sympy.cos(6 * A) * sympy.sin(B), marks=pytest.mark.slow),
    ],
    ids=str,
)
@pytest.mark.slow
def test_discover_finds_sums_and_products_that_change_their_sign(truth):
    target = target_of(truth)
    table = discover(target.x, target.y, names=target.names, budget=60)
    fresh = target_of(truth, seed=4)
    assert np.abs(table.best.numpy()(fresh.x) - fresh.y).max() <= 1e-7 * fresh.unit
    assert table.best.complexity <= 16


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    ("own", "rest"),
    [
        (sympy.exp(sympy.sin(sympy.pi * A)), sympy.exp(B**2)),
        (1 / (A**2 + sympy.Rational(1, 3)), 2 + sympy.sin(3 * B)),
        pytest.param(sympy.exp(sympy.sin(3 * A)), sympy.cos(3 * B) + 2, marks=pytest.mark.slow),
        pytest.param(sympy.exp(sympy.cos(4 * A)), 3 + B * C, marks=pytest.mark.slow),
    ],
)
def test_the_error_of_a_factor_is_what_polynomials_leave_of_an_exact_product(own, rest):
    """Not less by the number of rows, as that of noise is: a formula of the factor would not count as exact."""
    problem = initial_problem(target_of(own * rest, count=1000))
    best = next(each for each in separations(problem) if each.kind == PRODUCT and each.column == 0)
    assert best.error < MAX_CLEAN_NOISE * problem.spread
    truth = compile_expression(own, ("a",))(problem.columns[:, :1])
    slope = (truth @ best.own) / (truth @ truth)
    actual = float(np.sqrt(np.mean((best.own - slope * truth) ** 2)))
    assert actual <= 4 * best.own_error
