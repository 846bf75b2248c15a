"""The table of all measures, held-out permutation, effects with bands, and ablation."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import partial_dependence
from sklearn.inspection import permutation_importance as theirs_of

import splinework as sw
from benchmarks.bench_attribution import errors, generated
from splinework.errors import ConfigError, ShapeError
from splinework.interpret.edit import prune, without_edges
from splinework.interpret.importance import ablation_scores, effects, pair_surface, permutation_importance
from splinework.interpret.scores import attribution
from tests.interpret.importance.cases import PREDICTORS, cancelling_network, rows
from tests.nn.test_network import SHAPES, network

# ------------------------------------------------------------------------------------------------- permutation


class Wrapped(RegressorMixin, BaseEstimator):
    """A network as scikit-learn wants it."""

    def __init__(self, model=None):
        self.model = model

    def fit(self, x, y):
        self.fitted_ = True
        return self

    def predict(self, x):
        return self.model(x).detach().numpy()[:, 0]


def test_permutation_is_that_of_scikit_learn_within_the_errors():
    model, x = network([3, 2, 1]), rows(400, 3)
    y = model(x).detach().numpy()[:, 0] + np.random.default_rng(1).normal(0, 0.1, 400)
    ours = permutation_importance(model, x, y, repeats=30)
    theirs = theirs_of(Wrapped(model), x, y, n_repeats=30, random_state=5)
    spread = np.hypot(ours.error[:, 0], theirs.importances_std / np.sqrt(30))
    assert np.all(np.abs(ours.importance[:, 0] - theirs.importances_mean) < 5 * spread + 1e-12)


def test_permutation_gives_an_unused_input_nothing_and_refuses_other_targets():
    x = rows(100, 2)
    found = permutation_importance(lambda x: x[:, :1], x, x[:, 0])
    assert not found.importance[1].any()
    assert not found.loss.any()
    with pytest.raises(ShapeError, match=r"\(100, 1\)"):
        permutation_importance(lambda x: x[:, :1], x, x[:50, 0])
    with pytest.raises(ConfigError, match="2 repeats"):
        permutation_importance(lambda x: x[:, :1], x, x[:, 0], repeats=1)


# ---------------------------------------------------------------------------------------------------- the table


@pytest.mark.parametrize("name", PREDICTORS)
def test_the_table_has_every_input_of_every_output_and_prints(name):
    predictor, inputs = PREDICTORS[name]
    x = rows(60, inputs)
    found = sw.importance(predictor, x)
    assert found.table.shape[0] == inputs * len(found.outputs)
    assert ("KAN 2.0 score" in found.table) == (name not in ("framed", "function"))
    assert np.isfinite(found.table.to_numpy()).all()
    assert all(input_name in str(found) for input_name in found.inputs)


def test_disagreements_are_stated():
    x = rows(400, 2)
    notes = sw.importance(cancelling_network(), x).notes
    assert any("x2" in note and "cancel" in note for note in notes)
    product = sw.importance(lambda x: x[:, 0] * x[:, 1], x).notes
    assert any("interactions" in note for note in product)
    noise = np.random.default_rng(3).normal(size=400)
    assert any("noise" in note for note in sw.importance(lambda x: x[:, 0] + 0.3 * x[:, 1], x, x[:, 0] + noise).notes)
    related = np.stack([x[:, 0], x[:, 0] + 0.1 * x[:, 1]], axis=1)
    assert any("groups=" in note for note in sw.importance(lambda x: x[:, 0], related).notes)
    assert sw.importance(lambda x: x[:, 0] + x[:, 1], x).notes == ()


@pytest.mark.parametrize("seed", [2, 4])
def test_shares_are_right_after_a_fit_without_a_penalty(seed):
    found = errors(generated(seed), seed=seed, rows=400, hidden=2, starts=1, steps=40)
    assert max(found["total"], found["first"]) <= 0.05
    assert found["idle"] <= 0.01


# ------------------------------------------------------------------------------------------------------ effects


def test_effects_and_surfaces_are_centred_partial_dependence():
    model, x = network([3, 2, 1]), rows(100, 3)
    found = effects(model, x, points=7)
    wrapped = Wrapped(model).fit(x, x)
    mean = wrapped.predict(x).mean()
    for i, each in enumerate(found):
        theirs = partial_dependence(wrapped, x, [i], custom_values={i: each.values[:, 0]}, method="brute")
        assert np.abs(each.effect[:, 0] - (theirs["average"][0] - mean)).max() < 1e-12
        assert each.width is None
    surface = pair_surface(model, x, "x1", 2, points=5)
    for a, b in np.ndindex(5, 5):
        mixed = x.copy()
        mixed[:, 0], mixed[:, 2] = surface.x[a], surface.y[b]
        assert abs(surface.joint[a, b, 0] - (wrapped.predict(mixed).mean() - mean)) < 1e-12
    alone = [effects(model, x, points=5)[i].effect for i in (0, 2)]
    assert np.abs(surface.joint - surface.interaction - alone[0][:, None] - alone[1][None]).max() < 1e-12


@pytest.mark.slow
def test_bands_of_effects_cover_the_truth_and_a_constant_has_none():
    x, inside = rows(150, 2), []
    truth = np.sin(2 * x[:, 0]) + x[:, 1] ** 2
    for seed in range(20):
        y = truth + np.random.default_rng([seed, 7]).normal(0, 0.2, len(x))
        result = sw.fit(sw.KAN([2, 1]), x, y, progress=False, seed=seed)
        first = effects(result, x, points=9, level=0.9)[0]
        right = np.sin(2 * first.values[:, 0]) - np.sin(2 * x[::2, 0]).mean()
        inside.append(np.abs(first.effect[:, 0] - right) <= first.width[:, 0])
    assert 0.8 < np.mean(inside) < 0.99
    assert float(result.contrast_widths([x[:5]], x[:5])) == 0
    assert torch.allclose(result.contrast_widths([x[:5]], x[5:9]), result.contrast_widths([x[5:9]], x[:5]))


# ----------------------------------------------------------------------------------------------------- ablation


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ablation_is_the_change_that_removal_makes(shape):
    model, x = network(shape), torch.from_numpy(rows(50, shape[0]))
    scores, before = ablation_scores(model, x), model(x)
    spread = before.std(0)
    for l, layer in enumerate(model.kan_layers):
        for i, j in np.ndindex(*layer.mask.shape):
            keep = [torch.ones_like(each.mask, dtype=torch.bool) for each in model.kan_layers]
            keep[l][i, j] = False
            smaller = without_edges(model, x, keep)
            if smaller.active_edges() < model.active_edges() - 1:
                continue  # others went with it
            change = ((smaller(x) - before).square().mean(0).sqrt() / spread).amax()
            assert abs(change - scores.edges[l][i, j]) < 1e-10


def test_pruning_by_ablation_cuts_paths_that_cancel():
    model, x = cancelling_network(), rows(300, 2)
    assert attribution(model, x).inputs[1] > 0.3
    assert ablation_scores(model, x).inputs[1] < 1e-12
    small = prune(model, x, by="ablation")
    assert small.active_inputs() == ["x1"]
    assert torch.allclose(small(x), model(x), atol=1e-12)
    assert prune(model, x).active_inputs() == ["x1", "x2"]
    with pytest.raises(ConfigError, match="'magic'"):
        prune(model, x, by="magic")
