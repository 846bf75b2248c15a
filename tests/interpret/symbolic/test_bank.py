"""The bank of one column: its values are those of its formulas, its choices those of least squares; what it holds is found."""

import math

import numpy as np
import pytest
import sympy
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from splinework.discover import discover
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.screening import bank, populations
from splinework.interpret.symbolic.screening.matching import Bank, CurveSearch, curve_candidates
from splinework.interpret.symbolic.screening.problem import initial_problem, transformed
from splinework.kernels import native

pytestmark = pytest.mark.skipif(not native.available(), reason="needs the compiled populations")
X = symbol("x")
WORDS = tuple(populations.FUNCTIONS)
COLUMNS = {"positive": np.linspace(0.3, 2.5, 40), "both signs": np.linspace(-1.5, 2.0, 40)}
ROUNDING = 1e-7
"""Relative rounding of values that a wave turns a million times."""


def target_of(expression, low, high, *, noise=0.0, count=600, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(low, high, (count, 1))
    y = compile_expression(expression, ["x"])(x)
    return FitTarget(x, y + noise * y.std() * rng.standard_normal(count), ("x",))


def everything(expression):
    return True


def search_of(target, admits=everything, *, clean=True):
    problem = initial_problem(target)
    return CurveSearch(problem, clean, Bank.of(problem, admits))


def found_in(target, *, transforms=False):
    """The best formula of a pool that is offered all candidates until one is exact."""
    pool, problem = Pool(target), initial_problem(target)
    problems = [problem, *(transformed(problem) if transforms else ())]
    for expressions in curve_candidates(problems, admits=everything, clean=True):
        for each in expressions:
            pool.offer(each)
            if pool.exact:
                return pool
    return pool


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("kind", ["monomials", "atoms", "coarse", "scaled", "nested"])
def test_values_are_those_of_the_formula(column, kind):
    """A slip in a sign, a shift or a power of any kind of atom would make its grid one of another function."""
    x = np.ascontiguousarray(COLUMNS[column])
    coarse = bank.atoms(x, WORDS, coarse=True)
    books = {
        "monomials": lambda: [bank.monomials(x, WORDS)],
        "atoms": lambda: [bank.atoms(x, WORDS)],
        "coarse": lambda: [coarse],
        "scaled": lambda: [coarse.times(2.0, x**2)],
        "nested": lambda: bank.nested(coarse.some(np.arange(0, len(coarse.values), 25)), WORDS),
    }
    zeros, ones, out = np.zeros(len(x)), np.ones(len(x)), np.empty(len(x))
    seen = set()
    for book in books[kind]():
        assert len(book.factors) == len(book.values) == len(book.keys)
        for factors, values, key in zip(book.factors, book.values, book.keys, strict=True):
            if np.abs(values).max() > 1e8 or np.ptp(values) < 1e-100 or key in seen:
                continue
            seen.add(key)
            native.module().formula_values(
                (None, [(1.0, list(factors))]), len(x), 1, *(a.ctypes.data for a in (x, zeros, ones, out))
            )
            lines, aim = np.column_stack([np.ones(len(x)), values / np.ptp(values)]), out / np.ptp(out)
            left = aim - lines @ np.linalg.lstsq(lines, aim, rcond=None)[0]
            assert np.abs(left).max() <= ROUNDING, key
    assert len(seen) >= 5


def test_hardly_any_atoms_are_the_same_up_to_a_scale_and_a_shift():
    values = bank.atoms(COLUMNS["positive"], WORDS).values
    rows = values - values.mean(1, keepdims=True)
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    some = rows[::7]
    same = np.abs(some @ rows.T) > 1 - 1e-13
    assert len(some) <= same.sum() <= 1.03 * len(some)


def columns_of(search, tree):
    """Values of the terms of a formula of the bank, with the constant, weighted."""
    _, terms = tree
    return np.column_stack([np.ones_like(search.x), *(search._values((None, [(1.0, f)])) for _, f in terms)])


def left_by(search, tree):
    columns, aim = columns_of(search, tree) * search.root[:, None], search.y * search.root
    return float(np.sum((columns @ np.linalg.lstsq(columns, aim, rcond=1e-12)[0] - aim) ** 2))


@pytest.mark.parametrize(
    ("kind", "degree"), [("singles", 0), *(pytest.param(k, 2, marks=pytest.mark.slow) for k in ("pairs", "products"))]
)
def test_the_first_candidate_explains_more_than_others(monkeypatch, kind, degree):
    """By least squares for each of them, where the search has one matrix for all, that of pairs in single precision."""
    search = search_of(target_of(sympy.cos(3 * X) + sympy.exp(-X), -1, 2))
    offered = []
    monkeypatch.setattr(search, "refined", lambda trees: offered.extend(trees) or [])
    getattr(search, kind)(degree)
    assert len(offered) > 100
    first, rest = ([left_by(search, tree) for tree in some] for some in (offered[:40], offered[40::40]))
    assert min(first) <= min(rest) * (1 + 1e-4)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("1/3 + x + sin(x**2)", -3, 3),
        ("3*Abs(x - 0.7)", -2, 2),
        ("Max(0.4 - x, 0)**2 + x/2", -2, 2),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("x - 3*x**(3/2)*tanh(x)", 0.1, 2),
                ("x*log(x) - 2*x", 0.1, 3),
                ("sin(x) + sin(x + x**2)", -3, 3),
                ("sin(x**3)*cos(x**2) - 1", -2, 2),
                ("sqrt(x)*log(x) - sin(3*x)", 0.1, 3),
                ("x**2*cos(5*x) + exp(-x)", -2, 2),
                ("x**2.5*atan(tanh(x))", 0.2, 3),
                ("x*atan(5.52*x)**1.5", 0.5, 3),
                ("sin(exp(0.7*x))", -2, 2),
                ("tanh(2*sin(3*x))", -2, 2),
                ("exp(-1.7*sqrt(x))", 0.1, 4),
                ("log(2 + cos(3*x))", -2, 2),
                ("x*sin(3*log(x))", 0.2, 4),
                ("atan(0.8*sinh(x))", -2, 2),
                ("x**3 + x**2 + x + sin(x) + sin(x**2)", -2, 2),
                ("Abs(x + 0.5)/2 - Abs(x - 0.8)/2", -2, 2),
                ("sin(3*x) + Abs(x**2 - 1.3)", -2, 2),
            )
        ),
    ],
)
def test_one_of_each_kind_is_found(text, low, high):
    truth = sympy.sympify(text, {"x": X})
    pool = found_in(target_of(truth, low, high))
    fresh = target_of(truth, low, high, seed=3)
    assert pool.exact
    assert np.abs(compile_expression(pool.entries[0].expression, ["x"])(fresh.x) - fresh.y).max() <= 1e-7 * fresh.unit


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("1/(2 + sin(1.7*x))", -3, 3),
        ("exp(-0.35*x)*sin(4.2*x + 0.7)", 0, 8),
        ("cosh(exp(-(0.72*x)**2))", 0.3, 3),
        ("Abs(x + 0.5)/2 - Abs(x - 0.8)/2", -2, 2),  # smooth functions take its kinks for noise
    ],
)
def test_what_the_bank_alone_does_not_reach_the_search_does(text, low, high):
    """Transforms of the target, reductions and evolution besides."""
    truth = sympy.sympify(text, {"x": X})
    target, fresh = target_of(truth, low, high), target_of(truth, low, high, seed=3)
    best = discover(target.x, target.y, names=["x"], effort=12, progress=False).best
    assert np.abs(best.numpy()(fresh.x).ravel() - fresh.y).max() <= 1e-7 * fresh.unit


def _waves(draw):
    a, b = (draw(st.integers(2, 9)) / 2 for _ in range(2))
    return draw(st.sampled_from([sympy.sin(a * X), sympy.cos(a * X + b), sympy.sin(a * X**2 / 3), sympy.cos(X**2 + X)]))


@st.composite
def composites(draw):
    """One of three kinds: a wave and a line, two functions, a product of two; rates and weights in quarters."""
    weight = draw(st.integers(2, 8)) / 4
    kind = draw(st.sampled_from(["line", "sum", "product"]))
    envelope = draw(
        st.sampled_from(
            [sympy.exp(-X * weight / 2), sympy.exp(-((X - weight) ** 2)), sympy.tanh(weight * X), sympy.log(1 + X**2)]
        )
    )
    wave = _waves(draw)
    return {"line": wave + weight * X, "sum": wave + weight * envelope, "product": wave * envelope + weight}[kind]


@pytest.mark.slow
@settings(max_examples=10, deadline=None, phases=[Phase.generate])  # a smaller example would take minutes
@given(composites())
def test_drawn_composites_are_found(truth):
    pool = found_in(target_of(truth, -2.5, 2.5))
    fresh = target_of(truth, -2.5, 2.5, seed=1)
    values = compile_expression(pool.entries[0].expression, ["x"])(fresh.x)
    assert np.abs(values - fresh.y).max() <= 1e-5 * fresh.unit


def test_a_deadline_ends_it_and_a_constant_column_has_none():
    target = target_of(sympy.cos(3 * X), -1, 2)
    late = {"admits": everything, "clean": True, "deadline": -math.inf}
    assert list(curve_candidates([initial_problem(target)], **late)) == []
    still = FitTarget(np.ones((50, 1)), np.arange(50.0), ("x",))
    assert list(curve_candidates([initial_problem(still)], admits=everything, clean=True)) == []


def test_only_functions_of_the_library_are_joined():
    def admits(expression):
        return not expression.has(sympy.exp, sympy.log, sympy.atan)

    search = search_of(target_of(sympy.cos(3 * X) + sympy.exp(-X) * sympy.log(X), 0.2, 2), admits, clean=False)
    found = search.singles(0)
    assert found
    assert all(map(admits, found))
