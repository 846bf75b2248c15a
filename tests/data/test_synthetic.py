"""The synthetic problems equal their definitions and are finite on their boxes; the seed decides them."""

import dataclasses
import random

import numpy as np
import pytest
import scipy.special
import sympy
import torch
from sympy.parsing.sympy_parser import parse_expr

from splinework.data import BenchmarkProblem, feynman, feynman_ids, problem, problem_names
from splinework.errors import ConfigError, DataError
from splinework.formula.expression import Expression
from tests.families import every

REGISTERED = [problem(name) for name in problem_names()]
DIMENSIONLESS = [feynman(identifier) for identifier in feynman_ids()]
DIMENSIONAL = [feynman(identifier, table="dimensional") for identifier in feynman_ids(table="dimensional")]
EVERY = [*REGISTERED, *DIMENSIONLESS, *DIMENSIONAL]


def global_states() -> tuple[bytes, bytes, object]:
    legacy = np.random.get_state()[1]  # noqa: NPY002
    return torch.get_rng_state().numpy().tobytes(), np.asarray(legacy).tobytes(), random.getstate()


every_problem = every("recipe", EVERY)

# the definitions, written out by hand from the paper
DEFINITIONS = {
    "bessel": lambda x: scipy.special.jv(0, 20 * x[:, 0]),
    "exp_sine": lambda x: np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2),
    "product": lambda x: x[:, 0] * x[:, 1],
    "mean_sine_100": lambda x: np.exp(np.mean(np.sin(np.pi * x / 2) ** 2, axis=1)),
    "exp_sine_4": lambda x: np.exp(
        0.5 * (np.sin(np.pi * (x[:, :2] ** 2).sum(1)) + np.sin(np.pi * (x[:, 2:] ** 2).sum(1)))
    ),
    "monomial": lambda x: np.prod(x ** np.array([1.5, -0.5, 2 / 3]), axis=1),
    "idle_sum": lambda x: np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2,
    "ratio": lambda x: (x[:, 0] - x[:, 1]) / x.sum(1),
    "pure_noise": lambda x: np.zeros(len(x)),
}
SPREADS = {"bessel": 0.298, "exp_sine": 1.404, "product": 0.331, "mean_sine_100": 0.0584, "exp_sine_4": 0.578}


@every("name", problem_names())
def test_a_registered_problem_equals_its_definition(name: str) -> None:
    recipe = problem(name)
    x, _ = recipe.sample(500, seed=1)
    np.testing.assert_allclose(recipe.function(x), DEFINITIONS[name](x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "spread"), SPREADS.items())
def test_the_spread_of_the_toys_is_that_of_the_paper_page(name: str, spread: float) -> None:
    _, y = problem(name).sample(20_000, seed=2)
    assert y.std() == pytest.approx(spread, rel=0.02)


def test_the_spread_of_the_feynman_problems_is_that_of_the_table() -> None:
    _, y = feynman("I.50.26").sample(50_000, seed=2)
    assert y.std() == pytest.approx(0.7456, rel=0.01)
    _, y = feynman("II.6.15a").sample(50_000, seed=2)
    assert y.std() == pytest.approx(0.0211, rel=0.01)


@every("recipe", [*DIMENSIONLESS, *DIMENSIONAL])
def test_a_feynman_formula_equals_sympy(recipe: BenchmarkProblem) -> None:
    symbols = [sympy.Symbol(name) for name in recipe.inputs]
    expression = parse_expr(recipe.formula, local_dict=dict(zip(recipe.inputs, symbols, strict=True)))
    oracle = sympy.lambdify(symbols, expression, modules="numpy")
    x, _ = recipe.sample(200, seed=3)
    np.testing.assert_allclose(recipe.function(x), oracle(*x.T), rtol=1e-9, atol=1e-12)


@every_problem
def test_it_is_finite_in_its_box(recipe: BenchmarkProblem) -> None:
    x, y = recipe.sample(2000, seed=4)
    assert x.shape == (2000, len(recipe.inputs))
    assert y.shape == (2000,)
    assert x.dtype == y.dtype == np.float64
    assert np.isfinite(x).all()
    assert np.isfinite(y).all()
    assert (x >= recipe.low).all()
    assert (x <= recipe.high).all()


@every_problem
def test_its_box_has_a_side_for_each_input(recipe: BenchmarkProblem) -> None:
    assert len(recipe.inputs) == len(recipe.low) == len(recipe.high)
    assert all(low < high for low, high in zip(recipe.low, recipe.high, strict=True))


@every_problem
def test_its_text_is_its_function(recipe: BenchmarkProblem) -> None:
    x, _ = recipe.sample(20, seed=5)
    assert np.array_equal(Expression(recipe.formula, recipe.inputs)(x), recipe.function(x))


@every_problem
def test_the_seed_decides_every_bit(recipe: BenchmarkProblem) -> None:
    x, y = recipe.sample(50, seed=6, noise=0.1)
    again_x, again_y = recipe.sample(50, seed=6, noise=0.1)
    other_x, _ = recipe.sample(50, seed=7, noise=0.1)
    assert np.array_equal(x, again_x)
    assert np.array_equal(y, again_y)
    assert not np.array_equal(x, other_x)


def test_noise_changes_y_by_its_share_and_never_x() -> None:
    recipe = problem("exp_sine")
    x, y = recipe.sample(20_000, seed=8)
    noisy_x, noisy_y = recipe.sample(20_000, seed=8, noise=0.2)
    assert np.array_equal(x, noisy_x)
    assert np.array_equal(y, recipe.function(x))
    assert (noisy_y - y).std() == pytest.approx(0.2 * y.std(), rel=0.03)


def test_pure_noise_does_not_depend_on_its_inputs() -> None:
    x, y = problem("pure_noise").sample(20_000, seed=9)
    assert y.std() == pytest.approx(1.0, rel=0.03)
    assert np.abs(np.corrcoef(np.column_stack([x, y]).T)[-1, :-1]).max() < 0.03


def test_global_random_states_stay() -> None:
    before = global_states()
    problem("exp_sine").sample(100, seed=0, noise=0.1)
    assert global_states() == before


def test_a_problem_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem("product").name = "other"  # type: ignore[misc]


def test_the_tables_are_whole() -> None:
    assert len(DIMENSIONLESS) == 27
    assert len(DIMENSIONAL) == 120
    assert problem_names()[:5] == ("bessel", "exp_sine", "product", "mean_sine_100", "exp_sine_4")


def test_unknown_names_bring_the_nearest() -> None:
    with pytest.raises(DataError, match=r"did you mean .*exp_sine"):
        problem("exp_sin")
    with pytest.raises(DataError, match=r"did you mean .*I\.6\.2"):
        feynman("I.6.2c")
    with pytest.raises(DataError, match="there are"):
        problem("@")
    with pytest.raises(ConfigError, match="dimensionless"):
        feynman("I.6.2", table="other")  # type: ignore[arg-type]


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="n must be at least 1, got 0"):
        problem("product").sample(0, seed=0)
    for noise in (-0.1, np.nan, np.inf):
        with pytest.raises(ConfigError, match="noise"):
            problem("product").sample(10, seed=0, noise=noise)
