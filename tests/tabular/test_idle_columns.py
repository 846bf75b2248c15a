"""Columns that do nothing have no edges in a network of classes."""

import numpy as np
import pytest
import torch

import splinework as sw
from benchmarks.tabular.noisy_labels import Clusters
from splinework import KANClassifier, KANRegressor
from splinework.tabular import selection
from splinework.tabular.selection import without_idle_inputs
from splinework.tabular.tasks import Binary, Multiclass, targets_of
from splinework.tabular.trained import TrainedNetwork


def trained(outputs, sharpness, seed, idle=1e-3):
    """A network of four columns, of which the last hardly matters, as a result with labels that it draws."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(400, 4, generator=generator, dtype=torch.float64) - 1
    model = sw.KAN([4, 3, outputs], dtype=torch.float64, generator=generator)
    size = torch.tensor([1.0, 1.0, 1.0, idle], dtype=torch.float64)[:, None, None]
    for layer, factor in zip(model.kan_layers, (size, sharpness), strict=True):
        values = torch.randn(layer.edge_coefficients().shape, generator=generator, dtype=torch.float64)
        layer.set_edge_coefficients(factor * values)
    logits = model(x).detach()
    full = torch.cat([torch.zeros_like(logits), logits], 1) if outputs == 1 else logits
    y = torch.multinomial(full.softmax(1), 1, generator=generator)[:, 0].numpy()
    task = Binary() if outputs == 1 else Multiclass()
    return TrainedNetwork(model, 0.0, 1, task=task), x, logits, targets_of(y, task, outputs)


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize("outputs", [1, 3])
def test_only_a_column_that_does_nothing_loses_its_edges(outputs, case):
    best, x, logits, y = trained(outputs, 3.0, case)
    held, columns = torch.arange(len(x)), [[0], [1], [2, 3]] if case % 2 else [[0], [1], [2], [3]]
    found = without_idle_inputs(best, x, logits, y, torch.ones(len(x)).double(), held, columns)
    alive = found.model.kan_layers[0].alive.any(1).tolist()
    assert alive == [True, True, True, bool(case % 2)]
    assert float((found.model(x).detach() - logits).square().mean()) < 1e-2 * float(logits.var(0).mean())


@pytest.mark.parametrize("outputs", [1, 3])
def test_edges_that_go_leave_the_mean_of_some_rows_where_there_are_many(outputs, monkeypatch):
    best, x, logits, y = trained(outputs, 3.0, 1)
    given = x, logits, y, torch.ones(len(x)).double(), torch.arange(len(x)), [[0], [1], [2, 3]]
    size, seen, means = 50, [], selection.edge_means
    monkeypatch.setattr(selection, "MAX_MEAN_ROWS", size)
    monkeypatch.setattr(selection, "edge_means", lambda model, rows: seen.append(rows) or means(model, rows))
    without_idle_inputs(best, *given)
    assert len(seen) == 1  # once for all columns
    assert len(seen[0]) <= size < len(x)
    assert torch.equal(seen[0], x[:: -(-len(x) // size)])  # from all of the table, not its beginning


@pytest.mark.parametrize("seed", [0, 2, 4, 5])
def test_columns_that_widen_the_margin_of_separable_classes_stay(seed):
    """They hardly change the log likelihood, and make most of what is left of it."""
    best, x, logits, y = trained(1, 60.0, seed, idle=0.02)
    own = Binary().loss(logits, y).sum()
    held, columns = torch.arange(len(x)), [[0], [1], [2], [3]]
    found = without_idle_inputs(best, x, logits, y, torch.ones(len(x)).double(), held, columns)
    assert float(Binary().loss(found.model(x).detach(), y).sum()) < 1.1 * float(own)


@pytest.mark.slow
def test_idle_columns_of_three_noisy_classes_are_out():
    problem = Clusters.drawn(2)
    x, y, _ = problem.draw(problem.rows, 2)
    model = KANClassifier().fit(x, y)
    assert not model.model_.kan_layers[0].alive[3:].any()
    fresh, labels, truth = problem.draw(20_000, 2)
    found, at = np.asarray(model.predict_proba(fresh)), (np.arange(len(fresh)), labels)
    assert -np.log(found[at]).mean() < -1.03 * np.log(truth[at]).mean()


@pytest.mark.slow
def test_few_rows_of_many_columns_are_learned_from_those_that_act():
    random = np.random.default_rng(4)
    x, fresh = random.uniform(-1, 1, (70, 14)), random.uniform(-1, 1, (1000, 14))

    def truth(u):
        return 2 * u[:, 3] * u[:, 8] + u[:, 5]

    spread = truth(fresh).std()
    model = KANRegressor().fit(x, truth(x) + 0.1 * spread * random.normal(size=70))
    assert np.sqrt(np.mean((model.predict(fresh) - truth(fresh)) ** 2)) < 0.35 * spread
    assert model.feature_importances_[[3, 5, 8]].sum() > 0.9
