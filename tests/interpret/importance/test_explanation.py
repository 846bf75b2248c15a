"""Explanations of predictions: they add up, are Shapley values, and do not depend on how they are computed."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, ShapeError
from splinework.interpret.importance import shapley
from splinework.interpret.importance.row_function import row_function
from splinework.interpret.importance.shapley import RowMixer, SumMixer, all_coalitions, along
from tests.interpret.importance.cases import PREDICTORS, cancelling_network, rows
from tests.nn.test_network import network

every_predictor = pytest.mark.parametrize("name", PREDICTORS)
with_pairs = pytest.mark.parametrize("pairs", [False, True])


def missing(found: sw.explain) -> float:
    """How far terms are from adding up, at worst."""
    total = found.base + found.terms.sum(axis=1) + found.pair_terms.sum(axis=1)
    return float(np.abs(total - found.prediction).max() / np.abs(found.prediction).max(initial=1.0))


@with_pairs
@every_predictor
@pytest.mark.parametrize("enumerated", [0, 12])
def test_terms_add_up_to_the_prediction(name, pairs, enumerated, monkeypatch):
    monkeypatch.setattr(shapley, "MAX_ENUMERATED", enumerated)
    predictor, inputs = PREDICTORS[name]
    x = rows(40, inputs, seed=3)
    found = sw.explain(predictor, x, background=rows(30, inputs), pairs=pairs)
    outputs = found.prediction if name == "function" else np.asarray(predictor(x).detach())
    assert missing(found) < 1e-10
    assert np.abs(found.prediction - outputs.reshape(len(x), -1)).max() < (1e-5 if name == "float32" else 1e-12)
    frame = found.frame()
    assert np.abs(frame.iloc[:, :-1].sum(axis=1) - frame["prediction"]).max() < 1e-9


def by_all_orders(function, x: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Shapley values of one row by their definition: the mean contribution over all orders and background rows."""
    inputs, found = len(x), 0.0
    orders = list(itertools.permutations(range(inputs)))
    for order in orders:
        mixed = background.copy()
        values = [function(mixed).mean(axis=0)]
        steps = np.zeros((inputs, len(values[0])))
        for i in order:
            mixed[:, i] = x[i]
            values.append(function(mixed).mean(axis=0))
            steps[i] = values[-1] - values[-2]
        found = found + steps / len(orders)
    return found


@with_pairs
@every_predictor
def test_they_are_the_shapley_values_by_definition(name, pairs):
    predictor, inputs = PREDICTORS[name]
    if inputs > 4:
        predictor, inputs = network([4, 3, 1]), 4
    background = rows(12, inputs)  # all of them are taken
    found = sw.explain(predictor, rows(2, inputs, seed=5), background=background, pairs=pairs)
    function = row_function(predictor, background)
    for number, x in enumerate(rows(2, inputs, seed=5)):
        assert np.abs(found.shapley[number] - by_all_orders(function, x, background)).max() < 1e-10


@pytest.mark.parametrize("inputs", [1, 2, 3, 4])
def test_designs_along_all_orders_average_to_that_of_all_coalitions(inputs):
    game = np.random.default_rng(inputs).normal(size=2**inputs)
    code = 1 << np.arange(inputs)
    for pairs in (None, list(itertools.combinations(range(inputs), 2))):
        exact = all_coalitions(inputs, pairs)
        terms = exact.weights @ game[exact.members @ code]
        designs = [along(order, pairs) for order in itertools.permutations(range(inputs))]
        each = [design.weights @ game[design.members @ code] for design in designs]
        assert np.abs(np.mean(each, axis=0) - terms).max() < 1e-12
        assert np.abs(np.sum(each, axis=1) - (game[-1] - game[0])).max() < 1e-12  # every order adds up by itself


@every_predictor
def test_sums_are_mixed_as_rows_are(name):
    predictor, inputs = PREDICTORS[name]
    function = row_function(predictor, rows(5, inputs), groups=[[0, 1]])
    if function.network is None:
        return
    members = np.random.default_rng(0).random((6, len(function.inputs))) < 0.5
    x = rows(7, inputs, seed=1)
    fast = SumMixer(function.network, function.columns, x, function.x)(3, members)
    slow = RowMixer(function, x, function.x)(3, members)
    assert np.abs(fast - slow).max() < 1e-10


def test_a_sum_of_curves_has_its_curves_and_no_pairs():
    model, x = network([3, 2]), rows(50, 3)
    parts = model.kan_layers[0].edges(model.input_scaling(torch.from_numpy(x))).detach().numpy()
    found = sw.explain(model, x, pairs=True)
    assert np.abs(found.terms - (parts - parts.mean(axis=0))).max() < 1e-12
    assert np.abs(found.base - found.prediction.mean(axis=0)).max() < 1e-12
    assert not found.errors.any()
    assert not found.pair_terms.any()


def test_paths_that_cancel_give_no_term_and_an_unused_input_none():
    found = sw.explain(cancelling_network(), rows(20, 2))
    assert np.abs(found.terms[:, 1]).max() < 1e-12
    assert not sw.explain(lambda x: x[:, 0] * x[:, 1], rows(20, 3), pairs=True).terms[:, 2].any()


def test_a_pair_has_what_neither_does_alone():
    side = np.linspace(-1, 1, 5)
    background = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    found = sw.explain(lambda x: x[:, 0] * x[:, 1] + x[:, 0], [[0.5, -0.4]], background=background, pairs=True)
    assert np.abs(found.terms[0, :, 0] - [0.5, 0.0]).max() < 1e-12
    assert abs(found.pair_terms[0, 0, 0] + 0.2) < 1e-12


@pytest.mark.slow
def test_standard_errors_cover_the_mean_over_many_background_rows():
    inside = []
    for seed in range(1, 13):
        model, x, background = network([3, 2, 1], seed=seed), rows(4, 3), rows(64 * 6, 3, seed=seed)
        parts = [sw.explain(model, x, background=part).terms for part in np.array_split(background, 6)]
        found = sw.explain(model, x, background=background)
        inside.append(np.abs(found.terms - np.mean(parts, axis=0)) <= 2 * found.errors)
    assert 0.85 < np.mean(inside) < 0.999


def test_a_group_has_the_term_of_a_player_and_rows_are_told_by_name():
    model = network([3, 2, 1])
    found = sw.explain(model, rows(4, 3), groups=[["x1", "x3"]])
    assert found.inputs == ("x1 & x3", "x2")
    assert missing(found) < 1e-10
    assert list(found.row(2).index) in (["x1 & x3", "x2"], ["x2", "x1 & x3"])
    with pytest.raises(ConfigError, match="0 to 3"):
        found.row(4)
    with pytest.raises(ConfigError, match="'z'"):
        found.frame("z")
    with pytest.raises(ConfigError, match="at most 60 inputs"):
        sw.explain(lambda x: x.sum(axis=1), rows(5, 61), pairs=True)
    with pytest.raises(ShapeError, match="at least 2"):
        sw.explain(model, rows(1, 3))


def table(count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """A table with a gap, a category and an idle column."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.uniform(-1, 1, (count, 3)), columns=["a", "b", "idle"])
    frame["kind"] = generator.choice(["p", "q", "r"], count)
    y = np.sin(3 * frame["a"]) + frame["b"] ** 2 + frame["kind"].map({"p": 1.0, "q": 0.0, "r": -0.5})
    frame.loc[::9, "a"] = np.nan
    return frame, np.asarray(y)


def test_estimators_are_explained_by_their_columns():
    (frame, y), (fresh, targets) = table(200, 0), table(100, 1)
    model = sw.KANRegressor(hidden=0, grid=4).fit(frame, y)
    found = sw.explain(model, fresh)
    assert found.inputs == ("a", "b", "idle", "kind")
    assert missing(found) < 1e-10
    assert np.abs(found.prediction[:, 0] - model.predict(fresh)).max() < 1e-12
    held = sw.importance(model, fresh, targets)
    theirs = model.permutation_importances(fresh, targets, repeats=10)["importance"]
    ours = pd.Series(held.permutation.importance[:, 0], index=held.inputs)
    assert np.abs(ours - theirs).max() < 0.15 * theirs.max()
    labels = np.where(y > 0.5, "yes", "no")
    classifier = sw.KANClassifier(hidden=0, grid=3).fit(frame, labels)
    odds = sw.explain(classifier, fresh)
    assert missing(odds) < 1e-10
    outputs = classifier._classes.logits(odds.prediction)[:, 0]  # those of labels that may be wrong
    assert np.abs(outputs - classifier.decision_function(fresh)).max() < 1e-12
    assert sw.importance(classifier, frame, labels).permutation.importance[3, 0] > 0.05
