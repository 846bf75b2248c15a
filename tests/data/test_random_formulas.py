"""Random formulas obey the rules of rejection, differ from each other, and are those of their seed."""

import numpy as np
import pytest

from splinework.data import RandomFormula
from splinework.data.designs import Sobol
from splinework.data.inputs import Input
from splinework.data.random_formulas import canonical, rejection, total_index
from splinework.errors import ConfigError, FormulaError
from splinework.formula.expression import Expression
from tests.families import every

BOX = (Input("x1", 0.5, 3.0), Input("x2", 0.5, 3.0))
CASES = [(depth, inputs, seed) for depth, inputs in ((2, 1), (3, 2), (4, 3)) for seed in range(4)]


@pytest.mark.parametrize(("depth", "inputs", "seed"), CASES)
def test_every_formula_is_fit_to_be_learnt(depth, inputs, seed):
    recipe = RandomFormula(depth, inputs, seed)
    formulas = recipe.formulas(4)
    assert formulas == RandomFormula(depth, inputs, seed).formulas(4)
    assert len({canonical(text) for text in formulas}) == 4
    names = [f"x{place + 1}" for place in range(inputs)]
    x = np.random.default_rng(7).uniform(0.5, 3.0, (5000, inputs))
    for text in formulas:
        assert rejection(text, recipe._box()) == ""
        y = Expression(text, names)(x)
        assert np.isfinite(y).mean() > 0.99
        design = np.column_stack([x, np.ones(len(x))])[np.isfinite(y)]
        known = y[np.isfinite(y)]
        assert known.std() > 0
        assert (known - design @ np.linalg.lstsq(design, known, rcond=None)[0]).std() > 1e-7 * known.std()
    assert recipe.set().formula == formulas[0]


def test_seeds_differ():
    assert len({RandomFormula(3, 2, seed).formulas()[0] for seed in range(10)}) > 8


@every(
    ("text", "reason"),
    [
        ("x1*x2", ""),
        ("x1 + 2*x2", "affine"),
        ("x1 + x2 + 1e-9*x1**2", "affine"),
        ("sin(x1)", "x2 does not occur"),
        ("log(x1 - 1)*x2", "99.9"),
        ("x1*0 + x2*0 + 3", "vary"),
        ("x1 + 0.01*sin(x2)", "x2 has a total Sobol index"),
        ("1/(x1 - 1.0001)*x2", "pole"),
        ("x2 + sin(2000*x1)", "conditioned in x1"),
    ],
)
def test_the_reason_of_a_rejection_is_named(text, reason):
    found = rejection(text, BOX)
    assert reason in found
    assert bool(found) is bool(reason)


def test_total_indices_are_those_of_ishigami():
    # Ishigami & Homma 1990 with a = 7, b = 0.1: total indices 0.5576, 0.4424, 0.2437
    function = Expression("sin(x) + 7*sin(y)**2 + 0.1*z**4*sin(x)", ["x", "y", "z"])
    levels = Sobol().points(2**14, [(-np.pi, np.pi)] * 6, seed=0)
    found = [total_index(function, levels[:, :3], levels[:, 3:], place) for place in range(3)]
    np.testing.assert_allclose(found, [0.5576, 0.4424, 0.2437], atol=0.02)


def test_the_same_function_has_one_canonical_text():
    same = ["(x1 + x2)**2", "x2**2 + 2*x1*x2 + x1*x1", "square(x1 + x2)", "x1**2 + x2*(x2 + x1 + x1)"]
    assert len({canonical(text) for text in same}) == 1
    assert canonical("x1 + x2") != canonical("x1 - x2")
    assert canonical("arctan(abs(x1)) - reciprocal(x2)*pi") == canonical("-pi/x2 + atan(absolute(x1))")


@pytest.mark.parametrize(
    ("settings", "fragment"),
    [
        ({"depth": 0}, "1 to 6"),
        ({"depth": 1, "inputs": 3}, "room for 1 to 2"),
        ({"functions": ("sin", "gamma")}, "functions are"),
        ({"functions": ()}, "functions are"),
        ({"seed": -1}, "seed"),
        ({"low": 2.0, "high": 1.0}, "low < high"),
    ],
)
def test_settings_out_of_range_are_refused(settings, fragment):
    with pytest.raises(ConfigError, match=fragment):
        RandomFormula(**settings)


def test_a_search_without_hope_ends(monkeypatch):
    monkeypatch.setattr("splinework.data.random_formulas._MAX_TRIES", 20)
    with pytest.raises(FormulaError, match="20 consecutive random formulas"):
        RandomFormula(depth=1, inputs=1, functions=("square",), seed=0).formulas(50)
