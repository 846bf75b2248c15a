"""Relations among columns: those that hold come back, and none is made up."""

import numpy as np
import pytest
import sympy

from splinework.discover.relation import discover_relation
from splinework.errors import DataError
from splinework.interpret.symbolic.expression import symbol
from tests.discover.searches import answering, interrupted

slow = pytest.mark.slow
x1, x2, x3 = (symbol(f"x{i}") for i in (1, 2, 3))


def columns(name, count=400, seed=0):
    draw = np.random.default_rng(seed)
    a, u = draw.uniform(0, 2 * np.pi, count), draw.uniform(1, 3, (count, 3))
    b = draw.uniform(-2, 2, count)
    return {
        "circle": lambda: np.column_stack([np.cos(a), np.sin(a)]),
        "ellipse": lambda: np.column_stack([2 * np.cos(a) + 1, np.sin(a), u[:, 0]]),
        "gas": lambda: np.column_stack([u[:, 0] * u[:, 1] * 8.314 / u[:, 2], u]),
        "hyperbola": lambda: np.column_stack([u[:, 0], 2 / u[:, 0]]),
        "energy": lambda: np.column_stack([b, draw.choice([-1, 1], count) * np.sqrt(2 * (np.cos(b) + 0.5))]),
        "Kepler": lambda: np.column_stack([u[:, 0] ** 1.5, u[:, 0]]),
    }[name]()


def distance(row, x):
    """Of rows from the surface, `|f| / ‖∇f‖` in units of the columns' spreads, root mean square over the middle nine tenths."""
    symbols = [symbol(n) for n in row.names]
    value = sympy.lambdify(symbols, row.expression)(*x.T)
    slopes = [
        sympy.lambdify(symbols, sympy.diff(row.expression, s))(*x.T) * c.std()
        for s, c in zip(symbols, x.T, strict=True)
    ]
    steep = np.linalg.norm([np.broadcast_to(s, len(x)) for s in slopes], axis=0)
    away = np.sort(np.abs(value) / np.maximum(steep, 1e-12))[: int(0.9 * len(x))]
    return float(np.sqrt((away**2).mean()))


@pytest.mark.parametrize(
    "name",
    ["circle", "Kepler", *(pytest.param(name, marks=slow) for name in ("gas", "ellipse", "hyperbola", "energy"))],
)
@pytest.mark.parametrize("noise", [0.0, pytest.param(0.01, marks=slow)])
def test_the_relation_comes_back(name, noise):
    x = columns(name)
    rows = x + noise * x.std(axis=0) * np.random.default_rng(1).normal(size=x.shape)
    table = discover_relation(rows, search=answering(), budget=20)
    fresh = columns(name, seed=5)
    assert distance(table.best, fresh) < (1e-6 if noise == 0 else 0.5 * noise)
    draw = np.random.default_rng(6)
    shuffled = np.column_stack([draw.permutation(c) for c in fresh.T])
    assert distance(table.best, shuffled) > 0.1
    assert table.best.target == "0"
    assert table.best.rmse < 2 * noise + 1e-6
    assert len(table) == 1  # multiples and powers of it are no news


@pytest.mark.slow
def test_two_relations_that_do_not_follow_from_each_other():
    u = np.random.default_rng(0).uniform(1, 3, (300, 2))
    x = np.column_stack([u, u[:, 0] + 2 * u[:, 1], u[:, 0] * u[:, 1]])
    table = discover_relation(x, search=answering(), budget=20)
    assert len(table) == 2
    for row in table.rows:
        assert np.abs(row.numpy()(x)).max() < 1e-9


PAIRS = {
    "a sum and a product": lambda a, b, c, d: (a * b + c / 2, b * d**2),
    "a square and a quotient": lambda a, b, c, d: (a**2 + b, c / d),
    "a difference and a product": lambda a, b, c, d: (a - 2 * c, a * b * d),
}


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("name", PAIRS)
def test_two_relations_among_six_columns_come_first(name, noise):
    draw = np.random.default_rng(0)
    free = draw.uniform(1, 3, (4, 600))
    clean = np.column_stack([*free, *PAIRS[name](*free)])
    found = discover_relation(clean + noise * clean.std(0) * draw.normal(size=clean.shape), effort=10, progress=False)
    first = found.rows[:2]
    assert len(first) == 2
    assert max(distance(row, clean) for row in first) < max(0.3 * noise, 1e-6)  # of the rows without noise
    slopes = [[sympy.diff(row.expression, symbol(n)).subs(dict(zip(map(symbol, row.names), clean[0], strict=True)))
               for n in row.names] for row in first]  # fmt: skip
    assert np.linalg.matrix_rank(np.array(slopes, dtype=float), tol=1e-3) == 2


@pytest.mark.quick(2)
@pytest.mark.parametrize("kind", ["uniform", "normal", "skew", "correlated"])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=slow), pytest.param(2, marks=slow)])
def test_independent_columns_have_no_relation(kind, seed):
    draw = np.random.default_rng(seed)
    normal = draw.normal(size=(200, 3))
    x = {
        "uniform": draw.uniform(1, 2, (200, 3)),
        "normal": normal,
        "skew": draw.lognormal(size=(200, 3)),
        "correlated": normal + 0.7 * normal[:, :1],
    }[kind]
    table = discover_relation(x, search=answering(), budget=5)
    assert table.best.expression == 1
    assert any("no relation" in note for note in table.notes)


def test_a_column_that_is_a_formula_of_others_is_searched_for():
    draw = np.random.default_rng(0)
    x = draw.uniform(0.5, 2, (200, 3))
    x[:, 2] = np.sin(x[:, 0] * x[:, 1] ** 2) * np.exp(x[:, 0])
    formula = sympy.sin(x1 * x2**2) * sympy.exp(x1)
    table = discover_relation(x, search=answering(formula), budget=20)
    assert sympy.simplify(table.best.expression - (x3 - formula)) == 0


@pytest.mark.slow
def test_an_interrupt_leaves_the_table_so_far():
    u = np.random.default_rng(3).uniform(-1, 1, 400)
    x = np.column_stack([columns("circle"), u, np.exp(np.sin(3 * u))])
    table = discover_relation(x, search=interrupted, budget=60)
    assert table.best.expression == x1**2 + x2**2 - 1
    assert any("interrupted" in note for note in table.notes)


def test_a_constant_column_is_left_out():
    x = np.column_stack([columns("circle"), np.full(400, 3.0)])
    table = discover_relation(x, search=answering(), budget=5)
    assert table.best.expression == x1**2 + x2**2 - 1
    assert any("x3 is constant" in note for note in table.notes)


@pytest.mark.parametrize(
    "x", [np.ones((50, 3)), np.random.default_rng(0).normal(size=(10, 2)), np.full((30, 2), np.nan)]
)
def test_wrong_data_are_refused(x):
    with pytest.raises(DataError):
        discover_relation(x, search=answering())
