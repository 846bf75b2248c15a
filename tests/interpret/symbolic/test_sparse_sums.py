"""Laws of sparse sums: exact ones are found among more terms than rows, others are not made up; needless parts go."""

import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.screening.polynomials import polynomial_candidates
from splinework.interpret.symbolic.screening.problem import initial_problem
from splinework.interpret.symbolic.screening.sparse import losses_without, sparse_support
from splinework.interpret.symbolic.shortening import shortened, without_a_part
from splinework.interpret.symbolic.simplification import simplified, with_unit_constants

X, Z = symbol("x"), symbol("z")


@pytest.mark.parametrize("terms", [1, 4, 8])
def test_the_places_of_a_sparse_sum_are_found(terms):
    draw = np.random.default_rng(terms)
    design = draw.normal(size=(80, 240)) * 10.0 ** draw.uniform(-3, 3, 240)
    places = np.sort(draw.choice(240, terms, replace=False))
    values = design[:, places] @ (draw.choice([-1.0, 1.0], terms) / np.linalg.norm(design[:, places], axis=0))
    assert np.array_equal(sparse_support(design, values), places)
    assert sparse_support(design, draw.normal(size=80)) is None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_polynomial_of_more_terms_than_rows_is_exact(seed):
    draw = np.random.default_rng(seed)
    x = draw.uniform(0.2, 1.8, (500, 4))
    powers = draw.integers(0, 4, (6, 4))
    powers = powers[powers.sum(1) <= 10]
    y = np.prod(x[:, None, :] ** powers, axis=2) @ draw.uniform(-3, 3, len(powers))
    names = tuple("abcd")
    problem = initial_problem(target := FitTarget(x, y, names))
    (found,) = polynomial_candidates(problem, floor=target.floor, exact=True)
    gap = compile_expression(found.expression, names)(x) - y
    assert np.abs(gap).max() < 1e-9 * np.abs(y).max()
    assert len(sympy.Add.make_args(found.expression)) == len({tuple(p) for p in powers.tolist()})


def test_losses_are_those_of_fits_without_each_term():
    draw = np.random.default_rng(0)
    design, y = draw.normal(size=(40, 5)), draw.normal(size=40)
    whole = np.linalg.lstsq(design, y, rcond=None)
    rest = [np.linalg.lstsq(np.delete(design, k, 1), y, rcond=None)[1][0] for k in range(5)]
    assert np.allclose(losses_without(design, whole[0]), np.array(rest) - whole[1][0])


def test_idle_parts_of_the_best_formula_go():
    x = np.random.default_rng(1).uniform(0.5, 2.0, (120, 2))
    target = FitTarget(x, np.sin(2.3 * x[:, 0]) * x[:, 1], ("x", "z"))
    pool = Pool(target)
    pool.offer(sympy.sin(2.2 * X) * Z * sympy.tanh(40.0 * X + 9.0) + 1e-9 / X)
    shortened(pool, pool.entries[0], lambda: False)
    assert pool.exact
    assert pool.entries[0].expression.free_symbols == {X, Z}
    assert not pool.entries[0].expression.has(sympy.tanh)
    assert len(sympy.Add.make_args(pool.entries[0].expression)) == 1


@pytest.mark.parametrize("function", [sympy.exp, sympy.sin, sympy.atan, sympy.cosh])
def test_a_function_that_is_a_straight_line_on_the_rows_is_written_as_one_and_what_matters_stays(function):
    random = np.random.default_rng(2)
    x = np.column_stack([random.uniform(0.5, 2.0, 200), random.uniform(0.3, 0.4, 200)])
    y = x[:, 0] ** 2 + 3 * x[:, 1] + 0.05 * random.normal(size=200)
    pool = Pool(FitTarget(x, y, ("x", "z")))
    entry = pool.offer(1.1 * X**2 + 2.0 * function(1.2 * Z) + 0.1 * sympy.tanh(X * Z))
    short = shortened(pool, entry, lambda: False, 3.0)
    assert not short.expression.atoms(sympy.Function)
    assert short.expression.free_symbols == {X, Z}
    assert short.expression.has(X**2)
    assert short.errors <= entry.errors + 3.0 * entry.nodes


def test_no_neighbour_is_longer():
    whole = 2.0 * sympy.sin(X**2 + 1) * sympy.exp(Z) + X / Z
    found = list(without_a_part(whole))
    assert len(found) == len(set(found)) > 6
    assert all(each.count_ops() <= whole.count_ops() for each in found)


@pytest.mark.parametrize(
    "expression",
    [
        (0.5 * X + 2.0) * (1.5 * Z + 3.0),
        (0.99 + 0.3 * X) * (1.01 * sympy.exp(Z) - 2.0 * X) * Z,
        sympy.sin((0.5 * X - 4.0) * (2.0 * Z + 0.5) + 1.0),
    ],
    ids=str,
)
def test_unit_constants_keep_the_values_and_leave_one_scale(expression):
    x = np.random.default_rng(0).uniform(0.5, 2.0, (20, 2))
    made = with_unit_constants(expression)
    assert np.allclose(compile_expression(made, ("x", "z"))(x), compile_expression(expression, ("x", "z"))(x))
    (product,) = [e for e in sympy.preorder_traversal(made) if e.is_Mul and sum(p.is_Add for p in e.args) > 1]
    ones = [p.as_coeff_Add()[0] for p in product.args if p.is_Add]
    assert sum(abs(float(one) - 1) < 1e-15 for one in ones) >= len(ones) - 1


def test_a_sum_that_has_a_scale_keeps_it():
    for kept in ((X + 2.0) * (1.5 * Z + 3.0), (0.5 * X + 2.0) * Z, 3.0 * (X - 1.0) * (Z + 2.0)):
        assert with_unit_constants(kept) == kept


def test_numbers_are_written_as_they_are_meant():
    x = np.random.default_rng(0).uniform(0.5, 2.0, (20, 1))
    assert simplified(0.14999999999999997 * sympy.exp(X) - 1.5999999999999999, ("x",), x) == 0.15 * sympy.exp(X) - 1.6
