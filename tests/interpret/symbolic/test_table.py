"""The table of formulas: order, figures, names, and the forms in which a formula is handed out."""

import numpy as np
import pytest
import sympy
import torch

from splinework import KAN, fit, symbolify
from splinework.formula.expression import Expression
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.ranking import VERY_STRONG_EVIDENCE
from tests.interpret.symbolic.cases import generator, network, paper_example, paper_table, relative, uniform

X, Y, Z = symbol("x1"), symbol("x2"), symbol("x3")

# ----------------------------------------------------------------------------------------- what comes out


@pytest.fixture(scope="module")
def noisy():
    """Rows under noise, and the table of a network that was fitted to them."""
    x = uniform(200, 2)
    y = np.exp(x[:, 0]) + 0.1 * x[:, 1] + 0.05 * generator(0).normal(size=200)
    model = fit(KAN([2, 1], grid=3, dtype=torch.float64), x, y, progress=False, grids=None).model
    return x, y, symbolify(model, x, y)


def test_best_first_and_no_row_dominated(noisy):
    table = noisy[2]
    scores = [row.description for row in table]
    assert scores[0] <= min(scores) + VERY_STRONG_EVIDENCE
    assert scores[1:] == sorted(scores[1:])
    assert table.best is table.rows[0]
    shortest = min(table, key=lambda row: row.description)
    for row in table.rows[1:]:  # the shortest description may lose a little of its fit for the sake of simple numbers
        assert row is shortest or not [o for o in table if o.complexity <= row.complexity and o.rmse < row.rmse]
    assert len({row.text for row in table}) == len(table)


def test_a_rows_figures_are_those_of_its_formula(noisy):
    x, y, table = noisy
    for row in table:
        error = row.numpy()(x) - y
        assert row.rmse == pytest.approx(np.sqrt((error**2).mean()))
        assert row.r2 == pytest.approx(1 - (error**2).mean() / y.var())
        assert relative(Expression(row.text, row.names)(x), row.numpy()(x)) <= 1e-12
        assert row.complexity == sum(1 for _ in sympy.preorder_traversal(row.sympy()))
        assert set(row.inputs) == {s.name for s in row.sympy().free_symbols}


def test_the_table_speaks_for_its_best_row():
    table, (_, x, _) = paper_table(), paper_example()
    assert table.latex() == table.best.latex() == r"e^{x_{2}^{2} + \sin{\left(\pi x_{1} \right)}}"
    assert table.sympy() == table.best.sympy()
    assert (table.numpy()(x) == table.best.numpy()(x)).all()
    assert len(list(table)) == len(table) == len(table.rows)
    assert table.best.text == "exp(x2**2 + sin(pi*x1))"
    assert str(table.best) == "y = exp(x2**2 + sin(pi*x1))"
    assert "complexity" in str(table)
    assert str(table.best) in str(table)


def test_an_unknown_output_is_named():
    from splinework.errors import FormulaError

    with pytest.raises(FormulaError, match=r"formulas for y, none for 'z'"):
        paper_table().of("z")


@pytest.mark.quick(2)
@pytest.mark.parametrize("names", [["I", "pi"], ["E", "exp2"], ["lambda_", "x0"]], ids=str)
def test_names_that_sympy_uses_itself(names):
    curves = {(0, 0, 0): lambda v: np.sin(2 * v), (0, 1, 0): lambda v: v**2}
    model = network([2, 1], curves, names=names)
    x = uniform(100, 2)
    y = np.sin(2 * x[:, 0]) + x[:, 1] ** 2
    best = symbolify(model, x, y).best
    assert best.inputs == tuple(names)
    assert relative(best.numpy()(x), y) <= 1e-10
    assert relative(Expression(best.text, names)(x), y) <= 1e-10
    assert len(best.latex()) > 5
