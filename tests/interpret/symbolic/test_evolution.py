"""Laws of the evolution of formulas: the native code against sympy, trees and expressions, exact targets, repeatability."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import sympy

from splinework.errors import ConfigError
from splinework.interpret.symbolic import LIBRARY, clock, evolution, own_function
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.screening import initial_problem, populations
from splinework.kernels import native

pytestmark = pytest.mark.skipif(not native.available(), reason="populations are compiled")
NAMES = ("u", "v")
U, V = symbol("u"), symbol("v")
FORMULAS = (
    1.5 * U * sympy.exp(-0.7 * V) + 0.3,
    sympy.sin(2.0 * U + 0.4) * V**2 - 0.2 * sympy.tanh(U),
    0.8 * sympy.log(1.5 * U + 2.0 * V + 0.1) / (U + 1.3),
    sympy.sqrt(U + 0.5 * V) + 2.0 * sympy.atan(3.0 * U) * sympy.cosh(0.5 * V),
    1.1 * sympy.asin(0.4 * U) + sympy.sinh(V) * sympy.cos(U) ** 3 - 4.0,
    1.3 * sympy.Max(U, V**2, 0.9) ** 2 - sympy.Min(0.7 * U - V, 0) + sympy.Abs(U - 1.1) + 0.2,
)


def rows(n: int = 150, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 1.8, (n, 2))


def problem(formula, x):
    y = compile_expression(formula, NAMES)(x)
    return initial_problem(FitTarget(x, y, NAMES)), y


def native_values(tree, x, y, root):
    """The values of a tree, its sum of squares and the gradient of half of it."""
    columns, out = np.ascontiguousarray(x.T), np.zeros(len(y))
    arrays = [columns, np.ascontiguousarray(y), np.ascontiguousarray(root), out]
    found = native.module().formula_values(tree, len(y), x.shape[1], *(a.ctypes.data for a in arrays))
    return out, *found


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
@pytest.mark.parametrize("variant", [] if not native.available() else native.module().variants())
def test_native_values_and_gradients_are_those_of_the_formula(formula, variant):
    x = rows()
    y, root = np.sin(x[:, 0]), 1 + x[:, 1] / 3
    before = native.module().variant()
    native.module().use_variant(variant)
    try:
        tree = populations.to_sum(formula, {U: (0, 1.0), V: (1, 1.0)})
        values, rss, gradient = native_values(tree, x, y, root)
        expected = compile_expression(formula, NAMES)(x)
        assert np.abs(values / expected - 1).max() < 1e-12
        assert rss == pytest.approx(float(((root * (expected - y)) ** 2).sum()), rel=1e-12)
        step = 1e-6
        for shift in (step, -step):  # the constant of the outer sum comes first
            constant, terms = tree
            moved = ((constant or 0.0) + shift, terms)
            if constant is not None:
                slope = (native_values(moved, x, y, root)[1] - rss) / (2 * shift)
                assert slope == pytest.approx(gradient[0], rel=1e-4, abs=1e-5)
    finally:
        native.module().use_variant(before)


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_a_tree_is_the_expression_that_it_was_made_of(formula):
    scales = np.array([4.0, 0.5])
    tree = populations.to_sum(formula, {U: (0, 4.0), V: (1, 0.5)})
    back = populations.of_sum(tree, (U, V), scales)
    x = rows(seed=1)
    assert np.allclose(compile_expression(back, NAMES)(x), compile_expression(formula, NAMES)(x), rtol=1e-12)
    values, _, _ = native_values(tree, x / scales, np.zeros(len(x)), np.ones(len(x)))
    assert np.allclose(values, compile_expression(formula, NAMES)(x), rtol=1e-11)


def test_functions_without_a_tree_have_none():
    assert populations.to_sum(sympy.erf(U) + V, {U: (0, 1.0), V: (1, 1.0)}) is None
    assert populations.to_sum(U**V, {U: (0, 1.0), V: (1, 1.0)}) is None


@pytest.mark.parametrize("formula", [sympy.sin(U + 1.3 / V) * U, sympy.atan(5.0 * U - V) * V + 0.5 * U**2], ids=str)
def test_short_formulas_are_found_and_are_short(formula):
    at, y = problem(formula, rows(300))
    pool = Pool(FitTarget(at.columns, y, NAMES))
    evolution.FormulaEvolution([at]).run(pool.offer, lambda: pool.exact, effort=8.0)
    assert pool.exact
    assert pool.entries[0].solution.rss <= 1e-18 * float(y @ y)


def test_the_same_work_gives_the_same_formulas_on_any_number_of_threads():
    at, _ = problem(FORMULAS[3] + sympy.cos(7.0 * U * V), rows(120))
    offered = []
    for threads in (1, 3):
        found: list[str] = []
        spent = evolution.FormulaEvolution([at], seed=4, threads=threads).run(
            lambda e, found=found: found.append(str(e)), lambda: False, effort=0.6
        )
        assert 0.6 <= spent < 1.0
        offered.append(found)
    assert offered[0] == offered[1]
    assert len(set(offered[0])) > 2


def test_the_front_has_less_error_with_more_nodes():
    at, _ = problem(FORMULAS[2] + sympy.sin(5.0 * V) * U, rows(200))
    one = populations.population(at, ["sin", "log"], 0, 24)
    one.native.run(2e8)
    front = one.native.front()
    assert len(front) > 3
    assert all(a[0] < b[0] and a[1] > b[1] for a, b in pairwise(front))
    for _, rss, tree in front:  # what it says of the error is so on the rows that it has
        assert np.isfinite(rss)
        assert {f.func for f in one.expression(tree).atoms(sympy.Function)} <= {sympy.sin, sympy.log}


def test_a_population_that_begins_from_the_truth_has_it():
    formula = 2.5 * sympy.exp(sympy.sin(1.7 * U) * V) / (V + 2.0) + sympy.tanh(3.0 * U * V**2)
    at, y = problem(formula, rows(200))
    pool = Pool(FitTarget(at.columns, y, NAMES))
    search = evolution.FormulaEvolution([at])
    search.begin_from(formula)
    search.run(pool.offer, lambda: pool.exact, effort=0.2)
    assert pool.exact


def test_each_formula_to_begin_from_is_a_start_of_its_own():
    """Of a structure only some attempts are made by chance; the starts of a grid are all of one structure."""
    at, _ = problem(sympy.sin(40.0 * U) * V, rows(200))
    one = populations.population(at, ["sin"], 0, 24)
    for rate in (*np.linspace(2.0, 30.0, 15), 39.9):
        inside = (None, [(rate * one.scales[0], [(populations.COLUMN, 0, 1.0, None)])])
        factors = [(populations.FUNCTIONS["sin"][0], 0, 1.0, inside), (populations.COLUMN, 1, 1.0, None)]
        one.native.seed((0.0, [(1.0, factors)]))
    assert one.front()[0][1] <= 1e-20


SOFTSIGN = own_function("softsign", "z/(1 + abs(z))", lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2)
BELL = own_function("bell", "exp(-z**2)*z")


@pytest.mark.parametrize("own", [SOFTSIGN, BELL], ids=lambda each: each.name)
def test_functions_of_the_user_are_found_with_all_digits(own):
    formula = 1.7 * own.build(2.3 * U - 3.1 * V) + 0.4 * U
    at, y = problem(formula, rows(200))
    pool = Pool(FitTarget(at.columns, y, NAMES))
    search = evolution.FormulaEvolution([at], [], own=evolution.called_back((*LIBRARY, own)))
    search.run(pool.offer, lambda: pool.exact, effort=20.0)
    assert pool.exact  # whose constants need the slopes
    assert pool.entries[0].solution.rss <= 1e-18 * float(y @ y)


def test_a_function_that_fails_or_gives_too_few_numbers_ends_a_turn_with_its_error():
    calls = iter(range(40))

    def fails(z):
        if next(calls, None) is None:
            raise ConfigError("the function 'mine' fails")
        return np.tanh(z)

    at, _ = problem(FORMULAS[0], rows())
    for value, error, word in ((fails, ConfigError, "'mine' fails"), (lambda z: z[:3], ValueError, "as many numbers")):
        own = replace(SOFTSIGN, value=value)
        with pytest.raises(error, match=word):
            populations.population(at, [], 0, 20, own=[own]).native.run(1e9)
    kept = populations.population(at, [], 0, 20, own=[SOFTSIGN])
    kept.native.run(1e8)
    assert len(kept.front()) > 1


def test_work_is_counted_instead_of_seconds():
    with clock.counting_work():
        assert clock.counts_work()
        began = clock.now()
        clock.spend(5.0)
        assert 5.0 < clock.now() - began < 5.1
    assert not clock.counts_work()
    before = clock.now()
    clock.spend(100.0)
    assert clock.now() - before < 100.0


def test_threads_that_share_a_population_take_turns():
    """`run` lets go of the interpreter's lock, which a free-threaded Python does not even have."""
    noise = np.random.default_rng(1).normal(size=150)
    target = initial_problem(FitTarget(rows(), noise, NAMES))

    def found(threads: int) -> list[tuple[int, float, object]]:
        made = populations.population(target, ["sin", "exp"], 0, 12).native
        with ThreadPoolExecutor(threads) as pool:
            turns = [pool.submit(made.run, 1e7) for _ in range(4)]
            while not all(turn.done() for turn in turns):
                sizes = [size for size, *_ in made.front()]
                assert sizes == sorted(set(sizes))
        return made.front()

    assert found(4) == found(1)


def test_a_unit_of_work_is_as_long_for_few_rows_as_for_many():
    """A formula is set up before it goes through its rows, in the time of about 118 of them."""
    work = []
    for n in (64, 256):
        at, _ = problem(U * V, rows(n))
        made = populations.population(at, ["exp"], 0, 20)
        made.native.seed(populations.to_sum(1.7 * U * V, {U: (0, 1.0), V: (1, 1.0)}))
        work.append(made.native.work())
    assert work[1] / work[0] == pytest.approx((256 + 118) / (64 + 118), rel=0.2)
