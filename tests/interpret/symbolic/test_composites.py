"""Sums and products of two functions of one column come back from their values."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.library import BY_NAME, LIBRARY
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.screening.atoms import Atom, Monomial
from splinework.interpret.symbolic.screening.composites import _CompositeSearch, composite_candidates
from splinework.interpret.symbolic.screening.problem import initial_problem

X = symbol("x")


def target_of(expression, low, high, *, noise=0.0, count=600, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(low, high, (count, 1))
    y = compile_expression(expression, ["x"])(x)
    return FitTarget(x, y + noise * y.std() * rng.standard_normal(count), ("x",))


def found_in(target):
    """The best formula of a pool that is offered all candidates until one is exact."""
    pool = Pool(target)
    for guesses in composite_candidates(initial_problem(target), floor=target.floor):
        for guess in guesses:
            pool.offer(guess.expression)
            if pool.exact:
                return pool
    return pool


def search_of(target):
    return _CompositeSearch.of(initial_problem(target), target.floor, float("inf"), LIBRARY)


@pytest.mark.parametrize("degree", [0, 2])
@pytest.mark.parametrize(
    "structure",
    [
        ((Atom("sin", (2, 1, 0), (3.0, 1.0, 0.2)),),),
        ((Atom("gaussian", (1, 0), (2.0, 0.5)),), (Atom("exp", (1,), (0.7,)),)),
        ((Atom("log(1+x^2)", (1,), (2.0,)), Atom("tanh", (1, 0), (1.5, -0.3))),),
    ],
    ids=["one", "sum", "product"],
)
def test_the_projection_has_the_gradient_of_its_squared_residuals(structure, degree):
    """Kaufman's Jacobian leaves out a term that is orthogonal to the residuals."""
    search = search_of(target_of(sympy.cos(3 * X) + X**4, -1, 2))
    z = np.concatenate([a.start for a in itertools.chain.from_iterable(structure)])
    residuals, jacobian = search._projection(structure, degree, z)
    step = 1e-6
    for k in range(len(z)):
        ends = [search._projection(structure, degree, z + sign * step * np.eye(len(z))[k])[0] for sign in (1, -1)]
        slope = sum(sign * end @ end for sign, end in zip((1, -1), ends, strict=True)) / (2 * step)
        assert 2 * jacobian[:, k] @ residuals == pytest.approx(slope, rel=1e-4, abs=1e-7)
    columns = search._columns(structure, degree, z)[0] * search.root[:, None]
    assert np.abs(columns.T @ jacobian).max() <= 1e-9 * np.linalg.norm(columns, axis=0).max() * np.abs(jacobian).sum()


@pytest.mark.parametrize("degree", [0, 2])
def test_the_first_pair_explains_more_than_others(degree):
    """By least squares for each of them, where the search has one matrix for all."""
    search = search_of(target_of(sympy.cos(3 * X) + sympy.exp(-X), -1, 2))

    def left(structure):
        z = np.array([c for a in itertools.chain.from_iterable(structure) for c in a.start])
        residuals = search._projection(structure, degree, z)[0]
        return float(residuals @ residuals)

    pairs = search.pairs(degree)
    generator = np.random.default_rng(0)
    drawn = [
        tuple((search.atoms[k],) for k in generator.choice(len(search.atoms), 2, replace=False)) for _ in range(300)
    ]
    assert left(pairs[0]) <= min(map(left, (*pairs, *drawn))) * (1 + 1e-6)
    assert left(search.singles(degree)[0]) <= min(left(((a,),)) for a in search.atoms[::7]) * (1 + 1e-6)


STRUCTURES = [
    (
        (Atom("sin", (3, 1, 0), (1.0, 0.4, 0.3)), Atom("exp", (1,), (-0.5,))),
        (Atom("arctan", (1, 0), (2.0, 1.0)),),
    ),
    ((Monomial(Fraction(-3, 2)), Atom("exp", (1,), (0.5,))), (Monomial(Fraction(1, 2), logarithm=True),)),
    ((Monomial(Fraction(0), logarithm=True),),),
]


@pytest.mark.parametrize("structure", STRUCTURES, ids=["atoms", "powers", "logarithm"])
def test_the_expression_is_what_was_fitted(structure):
    search = search_of(target_of(sympy.cos(3 * X) + X**4, 0.2, 2))
    z = np.array([c for a in itertools.chain.from_iterable(structure) for c in a.start])
    values = compile_expression(search._expression(structure, 1, z), ["x"])(search.x[:, None] * search.size)
    residuals = search._projection(structure, 1, z)[0]
    assert np.abs((values - search.y) * search.root - residuals).max() <= 1e-10


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
@settings(max_examples=20, deadline=None)
@given(composites())
def test_drawn_composites_are_found(truth):
    pool = found_in(target_of(truth, -2.5, 2.5))
    fresh = target_of(truth, -2.5, 2.5, seed=1)
    values = compile_expression(pool.entries[0].expression, ["x"])(fresh.x)
    assert np.abs(values - fresh.y).max() <= 1e-5 * fresh.unit


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("1/3 + x + sin(x**2)", -3, 3),
        pytest.param("sin(x) + sin(x + x**2)", -3, 3, marks=pytest.mark.slow),
        pytest.param("exp(-(x + 1)**2) + exp(-4*(x - 1)**2)/2", -3, 3, marks=pytest.mark.slow),
        pytest.param("exp(-0.35*x)*sin(4.2*x + 0.7)", 0, 8, marks=pytest.mark.slow),
        ("x - 3*x**(3/2)*tanh(x)", 0.1, 2),
        ("x*log(x) - 2*x", 0.1, 3),
        pytest.param("sqrt(x)*log(x) - sin(3*x)", 0.1, 3, marks=pytest.mark.slow),
        pytest.param("x**2*cos(5*x) + exp(-x)", -2, 2, marks=pytest.mark.slow),
    ],
)
def test_one_of_each_kind_is_found(text, low, high):
    truth = sympy.sympify(text, {"x": X})
    pool = found_in(target_of(truth, low, high))
    fresh = target_of(truth, low, high, seed=3)
    assert pool.exact
    assert np.abs(compile_expression(pool.entries[0].expression, ["x"])(fresh.x) - fresh.y).max() <= 1e-7 * fresh.unit


def test_a_deadline_ends_it_and_a_constant_column_has_none():
    target = target_of(sympy.cos(3 * X), -1, 2)
    assert sum(map(len, composite_candidates(initial_problem(target), floor=target.floor, deadline=0.0))) < 100
    still = FitTarget(np.ones((50, 1)), np.arange(50.0), ("x",))
    assert list(composite_candidates(initial_problem(still), floor=still.floor)) == []


@pytest.mark.slow
def test_only_functions_of_the_library_are_joined():
    problem = initial_problem(target_of(sympy.cos(3 * X) + sympy.exp(-X) * sympy.log(X), 0.2, 2))
    given = [BY_NAME[name] for name in ("sin", "tanh")]
    found = [g for guesses in composite_candidates(problem, floor=1e-12, library=given) for g in guesses]
    assert found
    assert not any(guess.expression.has(sympy.exp, sympy.log, sympy.atan) for guess in found)
    assert list(composite_candidates(problem, floor=1e-12, library=[BY_NAME["x^2"]])) == []
