"""P-values of interactions: small where the targets have one, uniform where they have none, whatever the function says."""

import numpy as np
import pytest
from scipy.stats import kstest

import splinework as sw
from splinework.errors import DataError, ShapeError
from splinework.interpret.importance import interactions

FUNCTIONS = {
    "additive": lambda x: np.sin(3 * x[:, 0]) + x[:, 1] ** 2 - x[:, 3],
    "spurious": lambda x: np.sin(3 * x[:, 0]) + x[:, 1] ** 2 - x[:, 3] + 0.3 * x[:, 0] * x[:, 1],
    "wrong": lambda x: x[:, 0] + x[:, 1] - 0.5 * np.abs(x[:, 3]),
    "constant": lambda x: 0 * x[:, 0],
}


def rows(count: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 4))
    x[:, 2] = x[:, 2] > 0.3
    return x


def truth(x: np.ndarray, *, strength: float = 0.0) -> np.ndarray:
    return np.sin(3 * x[:, 0]) + x[:, 1] ** 2 - x[:, 3] + strength * x[:, 2] * x[:, 3]


EVERY = [(name, noise) for name in FUNCTIONS for noise in ("normal", "unequal", "heavy")]
QUICK = [("spurious", "unequal")]
CASES = [pytest.param(*case, marks=[] if case in QUICK else pytest.mark.slow, id="-".join(case)) for case in EVERY]


@pytest.mark.parametrize(("name", "noise"), CASES)
def test_p_values_of_pairs_that_do_not_act_together_are_uniform(name, noise):
    found = []
    for seed in range(20):
        x, generator = rows(120, seed), np.random.default_rng([seed, 7])
        size = {"normal": 0.3, "unequal": 0.1 + 0.5 * x[:, 2] * np.exp(x[:, 3]), "heavy": 0.2}[noise]
        errors = generator.standard_t(4, len(x)) if noise == "heavy" else generator.normal(size=len(x))
        found += interactions(FUNCTIONS[name], x, truth(x) + size * errors, samples=64).p_value[:, 0].tolist()
    found = np.array(found).reshape(20, 6)
    assert np.mean(found < 0.05) <= 0.11  # 3 standard errors of 120 values
    for one in found[:, [0, 3, 5]].T:  # those of one seed are not independent
        assert kstest(one, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_interaction_of_the_targets_is_found_whether_the_function_has_it_or_not(name):
    function = FUNCTIONS[name]
    x = rows(400, 1)
    y = truth(x, strength=1.0) + 0.3 * np.random.default_rng(0).normal(size=400)
    for each in (function, lambda x: function(x) + x[:, 2] * x[:, 3]):
        found = interactions(each, x, y, samples=64)
        place = found.pairs.index((2, 3))
        assert found.p_value[place, 0] < 1e-4
        assert np.all(np.delete(found.p_value[:, 0], place) > 1e-3)
        assert "p-value" in found.table
    assert "p-value" not in interactions(function, x, samples=64).table


@pytest.mark.slow
def test_estimators_and_several_outputs_have_p_values_of_their_own_residuals():
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (600, 3))
    both = np.stack([x[:, 0] * x[:, 1], x[:, 1] * x[:, 2]], axis=1) + 0.1 * generator.normal(size=(600, 2))
    found = interactions(lambda x: np.stack([x[:, 0], x[:, 2]], axis=1), x, both, samples=64)
    assert [(found.p_value[k] < 1e-3).tolist() for k in range(3)] == [[True, False], [False, False], [False, True]]
    logits = 4 * x[:, 0] * x[:, 1] + x[:, 2]
    labels = np.where(generator.uniform(size=600) < 1 / (1 + np.exp(-logits)), "yes", "no")
    classifier = sw.KANClassifier(hidden=0, grid=2).fit(x[:300], labels[:300])
    p = interactions(classifier, x[300:], labels[300:], samples=64).p_value[:, 0]
    assert p[0] < 1e-4
    assert p[1:].min() > 1e-3
    counts = generator.poisson(np.exp(0.5 + x[:, 0] * x[:, 1] + 0.5 * x[:, 2]))
    regressor = sw.KANRegressor(hidden=0, grid=2, loss="poisson").fit(x[:300], counts[:300])
    p = interactions(regressor, x[300:], counts[300:], samples=64).p_value[:, 0]
    assert p[0] < 1e-3
    assert p[1:].min() > 1e-3


def test_inputs_without_a_basis_and_perfect_predictions_have_nothing_to_tell():
    x = rows(50, 0)
    x[:, 1] = 1.0
    found = interactions(truth, x, truth(x), samples=64)
    assert np.all(found.p_value >= 0.0)
    assert np.all(found.p_value[[0, 3, 4], 0] == 1.0)  # pairs with the constant


def test_wrong_targets_are_refused():
    x = rows(30, 0)
    with pytest.raises(ShapeError, match="30 of x"):
        interactions(truth, x, np.zeros(29))
    with pytest.raises(DataError, match="not finite"):
        interactions(truth, x, np.full(30, np.nan))
    with pytest.raises(DataError, match="at least 20 rows"):
        interactions(truth, x[:10], np.zeros(10))
