"""Laws of level effects: the same values on the data, affine in each column of two values that stands alone."""

import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.levels import Category, categories_of, with_level_effects

X, P, Q = symbol("x"), symbol("p"), symbol("q")
NAMES = ("x", "p", "q")
EXPRESSIONS = (
    sympy.sin(3.0 * P) + X**2,
    X * sympy.exp(2.0 * P) * sympy.cos(P) + P**3 + 0.5,
    sympy.exp(1.5 * P + X) * Q**2,
    sympy.tanh(P + Q) - sympy.sin(sympy.exp(Q)) * X,
    sympy.log(P + 2.0) / (X + P**2),
    (P + P**2) * X + sympy.cos(Q) ** 2,
)


def rows() -> np.ndarray:
    """A column of numbers, one of 0 and 1, one of -1 and 2."""
    random = np.random.default_rng(0)
    return np.column_stack([random.uniform(1, 2, 60), random.integers(0, 2, 60), 3.0 * random.integers(0, 2, 60) - 1])


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_level_effects_keep_the_values_on_the_data(expression):
    x = rows()
    changed = with_level_effects(expression, categories_of(x, NAMES))
    assert np.allclose(compile_expression(changed, NAMES)(x), compile_expression(expression, NAMES)(x), rtol=1e-12)


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_a_column_of_two_values_that_stands_alone_is_affine(expression):
    x = rows()
    changed = with_level_effects(expression, categories_of(x, NAMES))
    alone = [
        part
        for part in sympy.preorder_traversal(changed)
        if part.args and len(part.free_symbols) == 1 and part.free_symbols <= {P, Q}
    ]
    assert alone or changed == X or all(sympy.degree(part, next(iter(part.free_symbols))) == 1 for part in alone)
    assert all(sympy.diff(part, next(iter(part.free_symbols)), 2) == 0 for part in alone)


def test_only_columns_of_two_values_are_changed():
    x = np.column_stack([rows()[:, 0], np.arange(60.0) % 3, np.full(60, 2.0)])
    assert categories_of(x, NAMES) == ()
    found = [(each.symbols, each.values) for each in categories_of(rows(), NAMES)]
    assert found == [((P,), ((0.0, 1.0),)), ((Q,), ((-1.0, 2.0),))]
    assert with_level_effects(EXPRESSIONS[0], ()) == EXPRESSIONS[0]


def test_what_is_not_finite_on_a_level_stays():
    expression = 2.0 / P + sympy.log(P) + X
    assert with_level_effects(expression, [Category((1,), (P,), ((0.0, 1.0),))]).has(sympy.log)


def test_levels_of_one_category_are_taken_together():
    level = np.random.default_rng(1).integers(0, 3, 60)
    x = np.column_stack([rows()[:, 0], level == 1, level == 2]).astype(float)
    (category,) = categories_of(x, NAMES)
    assert category.symbols == (P, Q)
    assert np.array_equal(category.indicators(x), x[:, 1:])
    expression = X * (1 + 0.5 * P) * (1 - 0.25 * Q) * sympy.exp(P + Q) + sympy.sin(3.0 * P * Q)
    changed = with_level_effects(expression, [category])
    assert np.allclose(compile_expression(changed, NAMES)(x), compile_expression(expression, NAMES)(x), rtol=1e-12)
    (effect,) = [part for part in sympy.preorder_traversal(changed) if part.is_Add]
    assert sympy.Poly(effect, P, Q).total_degree() == 1
