"""Screening: what is planted is found, what is done to a problem is undone by its wrap, and noise is left alone."""

import tracemalloc

import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.screening import (
    Screen,
    ScreeningProblem,
    dictionary,
    initial_problem,
    terms,
    univariate,
)
from splinework.interpret.symbolic.screening.problem import TARGET_TRANSFORMS, transformed
from splinework.interpret.symbolic.screening.reductions import common_reductions, suggested_reductions
from splinework.interpret.symbolic.screening.surrogate import fit_surrogate

A, B, C = (symbol(n) for n in "abc")
NAMES = ("a", "b", "c")


def problem(expression, *, low=0.5, high=2.0, count=400, seed=0, noise=0.0):
    draw = np.random.default_rng(seed)
    x = draw.uniform(low, high, (count, 3))
    y = compile_expression(expression, NAMES)(x)
    return initial_problem(FitTarget(x, y + noise * y.std() * draw.normal(size=count), NAMES))


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_a_polynomial_is_its_own_surrogate(degree):
    form = (A - 2 * B + 0.5 * C) ** degree
    data = problem(form, low=-1.0, high=1.0)
    found = fit_surrogate(data.columns, data.y, data.weights)
    np.testing.assert_allclose(found.values, data.y, atol=1e-10)
    for i, s in enumerate((A, B, C)):
        truth = compile_expression(sympy.diff(form, s), NAMES)(data.columns)
        np.testing.assert_allclose(found.gradient[:, i], truth, atol=1e-8)


def test_the_error_of_a_surrogate_is_the_noise():
    draw = np.random.default_rng(1)
    x = draw.uniform(-1, 1, (2000, 2))
    y = np.sin(x[:, 0]) + x[:, 1] + 0.3 * draw.normal(size=2000)
    assert fit_surrogate(x, y, np.ones(2000)).error == pytest.approx(0.3, rel=0.05)


def test_weights_put_the_error_on_the_scale_of_the_data():
    """A target divided by a factor has the same error as the target itself."""
    draw = np.random.default_rng(2)
    x = draw.uniform(1, 3, (1500, 2))
    y = x[:, 0] * (np.exp(x[:, 1]) + 0.1 * draw.normal(size=1500))
    data = initial_problem(FitTarget(x, y, ("a", "b")))
    divided = data.divided(x[:, 0], A)
    one, two = (fit_surrogate(p.columns, p.y, p.weights).error for p in (data, divided))
    assert one == pytest.approx(two, rel=0.1)


STRUCTURES = {
    "a factor": A**2 * sympy.exp(B * C),
    "a root as a factor": sympy.sqrt(B) * (1 + A * C),
    "a product": sympy.sin(A * B) + C,
    "a ratio": sympy.exp(A / B) * (1 + C),
    "a power of a ratio": sympy.log(1 + A / B**2) + C,
    "a difference": sympy.exp(A - B) + C**2,
    "a sum with a coefficient": sympy.sin(A + 2 * B) * C,
    "a sum of squares": sympy.exp(-(A**2) - B**2) + C,
    "a sum of reciprocals": 1 / (1 / A + 1 / B) + C,
    "an idle input": sympy.exp(A) + B**2,
    "a scaled group": A**2 / (1 + B / A) + C * A**2,
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_gradient_suggests_the_structure(name):
    """Some proposal is a smaller problem that is as easy, though it has a column less."""
    data = problem(STRUCTURES[name])
    stand_in = fit_surrogate(data.columns, data.y, data.weights)
    errors = []
    for found in suggested_reductions(data, stand_in, 0.0, 8):
        small = found.problem
        assert small.size == 2
        errors.append(fit_surrogate(small.columns, small.y, small.weights).error)
    assert min(errors) < stand_in.error + 1e-12


def test_many_columns_take_no_memory_for_each_pair_and_no_time_when_it_is_up():
    draw = np.random.default_rng(0)
    x = draw.uniform(0.5, 2, (1000, 16))
    data = initial_problem(FitTarget(x, x[:, 0] * x[:, 1] + draw.normal(size=1000), tuple(f"x{i}" for i in range(16))))
    stand_in = data.surrogate
    tracemalloc.start()
    best = suggested_reductions(data, stand_in, 0.1, 8)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 25 * x.nbytes  # a problem of each of the 120 pairs would have one copy of the columns
    everything = suggested_reductions(data, stand_in, 0.1, 10**6)
    assert [each.violation for each in best] == [each.violation for each in everything[:8]]
    assert len(suggested_reductions(data, stand_in, 0.1, 10**6, lambda: True)) <= 3 * data.size < len(everything)


@pytest.mark.parametrize("name", STRUCTURES)
def test_wrap_undoes_what_was_done(name):
    """With numbers in the place of the answer: the data's target comes back on every row."""
    data = problem(STRUCTURES[name], count=30)
    stand_in = fit_surrogate(data.columns, data.y, data.weights)
    derived = [p.problem for p in (*suggested_reductions(data, stand_in, 0.1, 1000), *common_reductions(data))]
    assert len(derived) > 10
    for other in (*derived, *transformed(data), *(m for p in derived[:5] for m in transformed(p))):
        for row in range(0, 30, 15):
            at = dict(zip((A, B, C), data.columns[row].tolist(), strict=True))
            value = other.wrap(sympy.Float(float(other.y[row]))).xreplace({s: sympy.Float(v) for s, v in at.items()})
            assert complex(value.evalf()).real == pytest.approx(float(data.y[row]), rel=1e-9, abs=1e-9)
            for column, made in zip(other.columns.T, other.expressions, strict=True):
                assert float(made.subs(at)) == pytest.approx(float(column[row]), rel=1e-9)


@pytest.mark.parametrize("entry", TARGET_TRANSFORMS, ids=lambda m: m.name)
def test_maps(entry):
    y = np.linspace(0.2, 0.9, 20) + (0.3 if entry.name == "the cosine" else 0.0)
    step = 1e-6
    np.testing.assert_allclose(entry.slope(y), (entry.value(y + step) - entry.value(y - step)) / (2 * step), rtol=1e-6)
    back = [float(entry.back(sympy.Float(float(v)), 1)) for v in entry.value(y)]
    np.testing.assert_allclose(back, y, rtol=1e-12)


@pytest.mark.parametrize("decades", [1, 4, 10])
def test_weights_keep_relative_errors_whatever_the_transform_of_the_target(decades):
    """A millionth more or less of a target counts as much as before; what loses digits of small targets is left out."""
    y = np.logspace(0.3 - decades, 0.3, 60)
    data = initial_problem(FitTarget(np.arange(60.0)[:, None], y, ("a",), "log"))
    found = list(transformed(data))
    names = {each.steps[-1] for each in found}
    assert {"the reciprocal of the target", "the logarithm of the target"} <= names
    assert ("the exponential of the target" in names) == (decades < 7)
    for each in found:
        entry = next(t for t in TARGET_TRANSFORMS if each.steps[-1].startswith(f"{t.name} of"))
        moved = entry.value(y * (1 + 1e-6)) - entry.value(y)
        usual = np.abs(moved) * np.sqrt(each.weights) / 1e-6
        clear = np.abs(moved) > 1e-6 * np.abs(entry.value(y))  # else it is rounding, or the slope vanishes
        np.testing.assert_allclose(usual[clear & (usual > 0.9)], 1, rtol=0.02)
        assert (usual < 1.02)[clear].all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "power"), [("the logarithm", 1), ("the square root", 2), ("the reciprocal", -1)])
def test_rows_that_noise_takes_out_of_a_domain_keep_their_noise(name, power, seed):
    """The transform is as far from that of the law, in units of its weights, as the target is from the law."""
    draw = np.random.default_rng(seed)
    x = draw.uniform(0, 1, (600, 1))
    entry = next(t for t in TARGET_TRANSFORMS if t.name == name)
    law = np.exp(3 * x[:, 0] - 3) if power != -1 else 1 / (1 + 9 * x[:, 0])
    y = law + 0.05 * draw.normal(size=600)
    data = initial_problem(FitTarget(x, y, ("a",)))
    assert not entry.usable(y)
    assert entry.usable(law)
    (found,) = transformed(data, name)
    left = np.sqrt(found.weights) * (found.y - entry.value(law))
    assert np.sqrt(np.mean(left**2)) == pytest.approx(0.05, rel=0.1)
    assert abs(left.mean()) < 0.01


SUMS = {
    "two terms": 1 + 2.5 * A * sympy.cos(B),
    "three terms": A + B**2 - 3 * sympy.sqrt(A) * C,
    "four terms": 1.5 * A * B - 0.3 * C**2 + A / C + 2,
}
QUOTIENTS = {
    "of sums": (A + B) / (1 + A * B / 3),
    "a weighted mean": (A + B * C) / (1 + C),
    "saturation": 2 * A / (0.7 + A) + 0 * B,
}


@pytest.mark.parametrize("name", SUMS)
def test_sums_of_products(name):
    data = problem(SUMS[name])
    best = terms.sum_candidates(data, floor=1e-16)[0].expression
    np.testing.assert_allclose(compile_expression(best, NAMES)(data.columns), data.y, rtol=1e-9)


@pytest.mark.parametrize("name", QUOTIENTS)
def test_quotients_of_sums(name):
    data = problem(QUOTIENTS[name])
    best = terms.sum_candidates(data, floor=1e-16, rational=True)[0].expression
    np.testing.assert_allclose(compile_expression(best, NAMES)(data.columns), data.y, rtol=1e-9)


def test_a_dictionary_says_what_its_columns_are():
    data = problem(1 + A)
    book = dictionary.dictionary(data, rational=True)
    for product in range(0, len(book.costs), 97):
        values = compile_expression(book.expression(product), NAMES)(data.columns)
        values = values * data.y if book.below[product] else values
        np.testing.assert_allclose(values, book.columns[product] * book.lengths[product], rtol=1e-9)


@pytest.mark.parametrize(
    "form",
    [
        sympy.exp(-2 * A),
        pytest.param(A**3 / (sympy.exp(A) - 1), marks=pytest.mark.slow),
        1 / (sympy.exp(8 * A) - 1),
        1 / sympy.sqrt(1 - A**2 / 9),
        sympy.tanh(A),
        sympy.log(A) * 0.4,
    ],
    ids=str,
)
def test_one_column(form):
    x = np.random.default_rng(3).uniform(0.3, 2.5, (300, 1))
    y = compile_expression(form, ["a"])(x)
    pool = Pool(FitTarget(x, y, ("a",), "log" if y.min() > 0 and y.max() > 1e6 * y.min() else "linear"))
    for guess in univariate.univariate_candidates(initial_problem(pool.target), floor=pool.target.floor)[:6]:
        pool.offer(guess.expression)
    assert pool.exact


FORMULAS = {
    "a monomial": 0.3 * A**1.5 / (B**2 * sympy.sqrt(C)),
    "a norm": sympy.sqrt(A**2 + B**2 + C**2),
    "a gaussian of a ratio": sympy.exp(-(A**2) / (2 * B**2)) / C,
    "a square in the target": sympy.sqrt(A**2 + 2 * B * C),
    "a lens": 1 / (1 / A + B / C),
    "a resonance": 1 / sympy.sqrt((2.79 - A**2) ** 2 + (B * A) ** 2),
}


@pytest.mark.quick(3)
@pytest.mark.parametrize("name", [*list(FORMULAS)[:-1], pytest.param("a resonance", marks=pytest.mark.slow)])
def test_formulas_are_found(name):
    data = problem(FORMULAS[name])
    pool = Pool(FitTarget(data.columns, data.y, NAMES))
    screen = Screen(pool, (initial_problem(pool.target),))
    screen.run()
    assert pool.exact
    assert screen.settled


@pytest.mark.parametrize(
    ("form", "waits"),
    [
        (1.5 * sympy.exp(-0.7 * A * B), False),
        (1.5 * sympy.tanh(0.7 * A - 0.4) + B, False),  # a unit for each column, and of the target
        (1.5 * sympy.tanh(0.7 * A - 0.4), True),
        (1.2 * sympy.sin(A * B) * sympy.exp(-C) / (A + B) + 0.5 * C**2, True),
    ],
)
def test_under_noise_only_a_short_formula_of_few_numbers_settles_before_evolution(form, waits):
    data = problem(form, noise=0.05)
    pool = Pool(FitTarget(data.columns, data.y, NAMES))
    screen = Screen(pool, (initial_problem(pool.target),))
    screen.noise = fit_surrogate(data.columns, data.y, data.weights).error
    pool.offer(form)
    assert screen.settled
    screen.further = lambda: False
    assert screen.settled != waits


def test_rows_may_come_in_any_order():
    data = problem(FORMULAS["a norm"])
    order = np.random.default_rng(5).permutation(len(data.y))
    found = []
    for rows in (np.arange(len(order)), order):
        pool = Pool(FitTarget(data.columns[rows], data.y[rows], NAMES))
        Screen(pool, (initial_problem(pool.target),)).run()
        values = compile_expression(pool.entries[0].expression, NAMES)(data.columns)
        found.append(values)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def test_nothing_is_offered_after_the_deadline():
    data = problem(sympy.exp(A * B) + C * sympy.sin(3 * A))
    pool = Pool(FitTarget(data.columns, data.y, NAMES))
    Screen(pool, (initial_problem(pool.target),), deadline=0.0).run()
    assert len(pool.seen) <= 5  # what the first look left, and no search


def test_a_problem_is_not_changed():
    data = problem(A + B)
    before = data.columns.copy()
    assert isinstance(data.dropped(0), ScreeningProblem)
    data.merged(0, 1, data.columns[:, 0], A)
    np.testing.assert_array_equal(before, data.columns)


@pytest.mark.parametrize(("left", "tried"), [(2e-3, False), (5e-2, True), (0.0, False)])
@pytest.mark.slow
def test_richer_structures_are_tried_where_a_simple_law_leaves_much(left, tried, monkeypatch):
    """Small errors that are no noise, as in measured orbits, are no reason to join functions; what is exact is done."""
    x = np.sort(np.random.default_rng(0).uniform(-2, 2, (200, 1)), axis=0)
    y = np.tanh(x[:, 0]) + left * np.sin(3 * np.arange(200))
    composed = []
    monkeypatch.setattr(Screen, "_compose", lambda self, problem: iter([composed.append(problem)]))
    pool = Pool(FitTarget(x, y, ("a",)))
    found = Screen(pool, (initial_problem(pool.target),))
    monkeypatch.setattr(Screen, "settled", property(lambda self: self.pool.exact))
    monkeypatch.setattr(Screen, "leaves_noise", property(lambda self: False))
    found.run()
    assert pool.error <= 2 * left + 1e-9
    assert bool(composed) == tried


@pytest.mark.parametrize("outer", [sympy.sqrt, sympy.log], ids=["root", "log"])
def test_what_a_transform_makes_clearly_simpler_comes_before_evolution(outer):
    """As the third side of a triangle, which has a kink where it vanishes, so that polynomials leave much of it."""
    data = problem(outer(A**2 + 1 - 2 * A * sympy.cos(B)), count=200).without(2)
    pool = Pool(FitTarget(data.columns, data.y, NAMES[:2]))
    screen = Screen(pool, (initial_problem(pool.target),), further=lambda share: pytest.fail("evolution was asked"))
    screen._is_transformed(screen.starts[0], 0.0, 0.5 * screen.starts[0].surrogate.error)
    assert pool.exact


def test_the_way_is_that_of_the_best_formula():
    """A reduction that led to a formula is none of the way to a better one that was found without it."""
    data = problem(sympy.exp(A) * B, noise=0.01)
    screen = Screen(Pool(FitTarget(data.columns, data.y, NAMES)), (data,))
    with screen._noting_path(data.noted("C is irrelevant")):
        screen.pool.offer(1.5 * A * B)
    assert screen.path == ("C is irrelevant",)
    screen.pool.offer(1.1 * sympy.exp(A) * B)
    assert screen.path == ()


@pytest.mark.quick(2)
@pytest.mark.parametrize("outer", [sympy.log, sympy.atan, lambda e: 1 / sympy.sqrt(e)], ids=["log", "atan", "root"])
def test_functions_of_a_polynomial_need_no_bank(outer, monkeypatch):
    """The bank would take all the time before a transform of the target is a polynomial."""
    monkeypatch.setattr(Screen, "_answer", lambda self, problem: None)  # which takes seconds
    monkeypatch.setattr(Screen, "_compose", lambda self, problem: pytest.fail("the bank was asked"))
    data = problem(outer(0.3 * A * (A + 1) * (A**2 + 1.7)), count=200).without(1, 2)
    pool = Pool(FitTarget(data.columns, data.y, ("a",)))
    Screen(pool, (initial_problem(pool.target),)).run()
    assert pool.exact


def test_weights_that_vanish_are_no_error():
    """As of a target over 150 orders of magnitude that was divided by a power of a column."""
    x = np.linspace(1, 2, 50)[:, None]
    one = initial_problem(FitTarget(x, np.exp(x[:, 0]), ("a",)))
    tiny = one.divided(np.full(50, 1e-170), A)
    assert (tiny.weights == 0).all()
    assert tiny.level == 0.0
    with np.errstate(all="ignore"):  # as the screening does
        assert univariate.univariate_candidates(tiny, floor=0.0) == []
