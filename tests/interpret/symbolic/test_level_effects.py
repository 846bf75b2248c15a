"""Laws of problems with categories: what is taken out is what the levels do, and the rest has no such column."""

import numpy as np
import pytest

from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.levels import categories_of
from splinework.interpret.symbolic.screening import level_effects
from splinework.interpret.symbolic.screening.level_effects import without_categories
from splinework.interpret.symbolic.screening.problem import initial_problem

NAMES = ("x", "z", "p_1", "p_2", "q_1")
LAWS = {
    "added": lambda x, z, p, r, q: np.exp(-x) * z + 0.7 * p - 1.2 * r + 0.4 * q,
    "a factor": lambda x, z, p, r, q: (np.sin(x) + z) * (1 + 0.6 * p - 2.5 * r),
    "a slope": lambda x, z, p, r, q: np.cos(x * z) + x * (1.5 * p - 0.3 * r) + z * q,
    "added inside a factor": lambda x, z, p, r, q: (np.tanh(x) + z + 0.8 * p - r) * (1 - 1.7 * q),
    "a slope inside a factor": lambda x, z, p, r, q: (np.exp(x / 2) + z * (2.0 * p + r)) * (1 + 0.3 * q),
}


def rows(n: int = 500, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    level, other = draw.integers(0, 3, n), draw.integers(0, 2, n)
    return np.column_stack([draw.uniform(0.5, 2.5, (n, 2)), level == 1, level == 2, other]).astype(float)


def law(name: str, x: np.ndarray) -> np.ndarray:
    return LAWS[name](*x.T)


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("name", LAWS)
def test_effects_of_levels_are_taken_out(name, noise):
    x = rows()
    y = law(name, x)
    y = y + noise * y.std() * np.random.default_rng(1).normal(size=len(y))
    problem = initial_problem(FitTarget(x, y, NAMES))
    best = without_categories(problem, categories_of(x, NAMES))[0]
    assert best.expressions == (symbol("x"), symbol("z"))
    # What is left is a function of x and z: put back for the rows of another draw, it gives the law.
    fresh = rows(seed=2)
    fresh[:, :2] = x[:, :2]
    put_back = best.wrap(symbol("g"))
    values = compile_expression(put_back, [*NAMES, "g"])(np.column_stack([fresh, best.y]))
    truth = law(name, fresh)
    assert np.sqrt(np.mean((values - truth) ** 2)) < (1e-3 if noise == 0 else 4 * noise) * truth.std()


def test_a_category_that_acts_otherwise_stays():
    x = rows()
    y = np.sin(x[:, 0] * (1 + 3 * x[:, 2])) + x[:, 1]
    found = without_categories(initial_problem(FitTarget(x, y, NAMES)), categories_of(x, NAMES))
    assert all(symbol("p_1") in each.expressions for each in found)
    assert all(symbol("q_1") not in each.expressions for each in found)


def test_numbers_alone_have_no_categories():
    x = rows()[:, :2]
    assert without_categories(initial_problem(FitTarget(x, x[:, 0], ("x", "z"))), categories_of(x, ("x", "z"))) == []


@pytest.mark.parametrize("categories", [2, 60, *(pytest.param(count, marks=pytest.mark.slow) for count in (8, 20))])
def test_no_design_has_more_terms_than_rows_allow(categories, monkeypatch):
    """However many categories there are; effects that are added are taken out while they are fewer than that."""
    draw = np.random.default_rng(categories)
    count, terms, levels = 600, [], draw.integers(0, 4, (600, categories))
    codes = np.concatenate([levels == each for each in (1, 2, 3)], axis=1)[
        :, np.arange(3 * categories).reshape(3, -1).T.ravel()
    ]
    names = ("x", "z", *(f"c{n}_{each}" for n in range(categories) for each in (1, 2, 3)))
    x = np.column_stack([draw.uniform(0.5, 2.5, (count, 2)), codes]).astype(float)
    y = np.exp(-x[:, 0]) * x[:, 1] + x[:, 2] - 0.5 * x[:, 3]
    design = level_effects._State.design
    monkeypatch.setattr(level_effects._State, "design", lambda *given: terms.append(out := design(*given)) or out)
    found = without_categories(initial_problem(FitTarget(x, y, names)), categories_of(x, names))
    assert max((each.shape[1] for each in terms), default=0) <= level_effects.MAX_SHARE * count
    assert found or 2 + 3 * categories > level_effects.MAX_SHARE * count
    if found:
        assert not {symbol("c0_1"), symbol("c0_2")} & set(found[0].expressions)
