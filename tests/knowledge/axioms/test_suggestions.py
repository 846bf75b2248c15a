"""Rows speak for the axioms that hold for the function behind them, seldom for others, and for none where there is only noise."""

import numpy as np
import pytest

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.knowledge.axioms.suggestions import suggest_axioms
from splinework.knowledge.axioms.surrogate import surrogate

Array = np.ndarray


def drawn(function, rows: int = 500, noise: float = 0.02, seed: int = 0) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    x = generator.uniform(-1, 1, (rows, 3))
    y = function(*x.T)
    return x, y + noise * y.std() * generator.standard_normal(rows)


def told(x: Array, y: Array, **options: object) -> set[str]:
    return {str(each.axiom) for each in suggest_axioms(x, y, names=["a", "b", "c"], **options)}


EVEN = {"even('a')", "even('b')", "symmetric(('a', 'b'))"}
TRUTHS = {
    "rise": (
        lambda a, b, c: np.exp(a) + b**2,
        {"monotone('a')", "convex('a')", "convex('b')", "even('b')", "additive()"},
    ),
    "fall": (lambda a, b, c: -np.tanh(3 * a) + 0 * b, {"monotone('a', increasing=False)", "odd('a')"}),
    "wave": (lambda a, b, c: np.sin(4 * np.pi * a) + b, {"periodic('a', period=0.5)", "monotone('b')", "additive()"}),
    "product": (lambda a, b, c: a * b, {"odd('a')", "odd('b')", "symmetric(('a', 'b'))"}),
    "hill": (lambda a, b, c: np.exp(-2 * a**2 - 2 * b**2), EVEN),
    "apart": (
        lambda a, b, c: a * b + c,
        {"monotone('c')", "symmetric(('a', 'b'))"} | {f"no_interaction('{name}', second='c')" for name in "ab"},
    ),
    "difference": (
        lambda a, b, c: a**3 + a - b**3 - b,
        {"monotone('a')", "monotone('b', increasing=False)", "antisymmetric(('a', 'b'))", "additive()"},
    ),
    "three": (
        lambda a, b, c: a**2 + b**2 + c**2,
        {"symmetric(('a', 'b', 'c'))", "additive()"}
        | {f"{word}('{name}')" for word in ("even", "convex") for name in "abc"},
    ),
    "neither": (lambda a, b, c: a + 0.5 * np.sin(5 * a + 1) + b * np.cos(4 * b + 1), {"additive()"}),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_what_holds_is_told_and_nothing_else(name):
    function, truth = TRUTHS[name]
    found = told(*drawn(function))
    assert {each for each in found if "period" not in each} == {each for each in truth if "period" not in each}
    periods = [float(each.partition("period=")[2][:-1]) for each in found if "period" in each]
    assert periods == pytest.approx([0.5] if name == "wave" else [], rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_noise_has_no_axioms(seed):
    generator = np.random.default_rng(seed)
    assert suggest_axioms(generator.uniform(-1, 1, (300, 3)), generator.standard_normal(300)) == []


def test_an_input_without_effect_is_not_spoken_of():
    assert not [each for each in told(*drawn(lambda a, b, c: np.exp(a) + 0 * b)) if "'b'" in each or "'c'" in each]


def test_bounds_are_told_from_values_that_come_near_them():
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (400, 1))
    assert "positive()" in {str(each.axiom) for each in suggest_axioms(x, generator.exponential(size=400))}
    shares = 1 / (1 + np.exp(-6 * x[:, 0]))
    assert "bounded(0.0, upper=1.0)" in {str(each.axiom) for each in suggest_axioms(x, shares)}
    assert not [each for each in suggest_axioms(x, 100 + x[:, 0]) if each.axiom.word in ("positive", "bounded")]


def test_units_of_measure_do_not_matter():
    x, y = drawn(TRUTHS["apart"][0])
    assert told(x, y) == told(1000 * x, 1e-6 * y + 5)


def test_evidence_is_a_sentence_with_its_figure():
    for each in suggest_axioms(*drawn(TRUTHS["rise"][0])):
        assert 0 <= each.violation < 0.1
        assert "95 %" in each.evidence


def test_few_rows_and_constants_say_nothing():
    x, y = drawn(TRUTHS["rise"][0])
    assert suggest_axioms(x[:20], y[:20]) == []
    assert suggest_axioms(x, np.ones(len(x))) == []
    assert suggest_axioms(np.ones((50, 2)), y[:50]) == []
    x[:, 2] = 7.0
    assert "monotone('a')" in told(x, y)


@pytest.mark.parametrize(
    ("x", "y", "error"),
    [
        (np.ones((5, 2)), np.ones(4), ShapeError),
        (np.ones(5), np.ones(5), ShapeError),
        (np.full((5, 2), np.nan), np.ones(5), DataError),
    ],
)
def test_wrong_rows_are_refused(x, y, error):
    with pytest.raises(error):
        suggest_axioms(x, y)
    with pytest.raises(ConfigError, match="names"):
        suggest_axioms(np.ones((5, 2)), np.ones(5), names=["a"])


def test_the_surrogate_is_the_function_with_honest_doubt():
    x, y = drawn(lambda a, b, c: np.sin(3 * a) + a * b, rows=400, noise=0.1)
    function = surrogate(x, y, draws=200)
    truth = np.sin(3 * x[:, 0]) + x[:, 0] * x[:, 1]
    posterior = function.design(x) @ function.samples
    error, doubt = posterior.mean(axis=1) - truth, posterior.std(axis=1)
    assert np.sqrt(np.mean(error**2)) < 0.06 * truth.std()
    assert 0.5 < np.sqrt(np.mean((error / doubt) ** 2)) < 1.6
    assert function.noise == pytest.approx(0.1 * truth.std(), rel=0.15)


@pytest.mark.slow
def test_recall_and_false_suggestions_over_draws():
    found = missed = false = 0
    for seed in range(4):
        for function, truth in TRUTHS.values():
            listed = {each for each in told(*drawn(function, noise=0.1, seed=seed), seed=seed) if "period" not in each}
            sure = {each for each in truth if "period" not in each}
            found += len(listed & sure)
            missed += len(sure - listed)
            false += len(listed - sure)
    assert found / (found + missed) >= 0.9
    assert false / (found + false) <= 0.05
