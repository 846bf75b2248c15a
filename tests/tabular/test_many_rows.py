"""Laws of classifications of many rows: the fits are those of few rows, and what is held and worked out at once is bounded."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.interpret.edit import pruning
from splinework.nn.trace import trace
from splinework.tabular import additive, design
from splinework.tabular.additive import fit_additive, refit_additive
from splinework.tabular.cross_validation import cross_validated
from splinework.tabular.curves import fit_curves
from splinework.tabular.design import make_design
from splinework.tabular.grids import quantile_layer
from splinework.tabular.tasks import Binary, Classification, Multiclass

TASKS = [Binary(), Binary((0.04, 0.04)), Multiclass(), Multiclass((0.03, 0.03, 0.03))]


def classes(task, count, seed=0, rare=0.0):
    """A design of four inputs, of which one does nothing, class indicators and weights."""
    generator = torch.Generator().manual_seed(seed)
    u = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    logit = 2 * torch.sin(2 * u[:, 0]) + 0.3 * u[:, 1] + 0.5 * u[:, 2] ** 2 - rare
    weights = torch.rand(count, generator=generator, dtype=torch.float64) + 0.5
    draw = torch.rand(count, generator=generator, dtype=torch.float64)
    if isinstance(task, Binary):
        y = (draw < torch.sigmoid(logit)).double()[:, None]
    else:
        shares = torch.softmax(torch.stack([logit, 0 * logit, u[:, 1] - rare], 1), 1).cumsum(1)
        y = torch.nn.functional.one_hot((draw[:, None] > shares).sum(1).clamp(max=2), 3).double()
    weights = weights / weights.mean()
    return make_design(quantile_layer(u, 1, 6, 3), u, weights, ()), y, weights


@pytest.mark.parametrize("rare", [0.0, 4.0])
@pytest.mark.parametrize("task", TASKS, ids=str)
def test_a_fit_of_many_rows_is_that_of_few_within_a_fraction_of_the_standard_error(task, rare):
    """By another path to the same end: curvatures that are kept, a start from fewer rows, an earlier end."""
    columns, y, weights = classes(task, 3000, rare=rare)
    few, many = (fit_additive(columns, y, weights, task, rows=count) for count in (0, 20_000))
    assert few.curvature is None
    assert many.curvature is not None
    losses = [task.loss(found.values(columns), y) for found in (few, many)]
    error, gaps = float(losses[0].std()), losses[1] - losses[0]
    assert abs(float(weights @ gaps)) < 0.1 * error * len(y) ** 0.5
    assert float(gaps.square().mean().sqrt()) < 0.1 * error
    freedom = [1 + float(found.degrees_of_freedom.sum()) for found in (few, many)]
    assert 0.7 * freedom[0] < freedom[1] < 1.3 * freedom[0]


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_refits_of_many_rows_end_at_the_minimum_whatever_they_started_from(task):
    columns, y, weights = classes(task, 2000)
    found = fit_additive(columns, y, weights, task, rows=20_000)
    seen = weights * (torch.arange(len(y)) % 4 != 0)
    near = refit_additive(found, columns, y, seen)
    far = refit_additive(
        additive.replace(found, coefficients=0 * found.coefficients, bias=task.constant(y, seen)), columns, y, seen
    )
    gaps = task.loss(near.values(columns), y) - task.loss(far.values(columns), y)
    assert float(gaps.abs().max()) < 0.02
    slope = seen[:, None] * task.slope(near.values(columns), y)
    gradient = columns.moments(slope) + near.penalties * near.coefficients
    assert float(gradient.abs().max()) < 2e-3 * float(seen.sum())


@pytest.mark.parametrize("task", [Binary(), Multiclass()], ids=str)
def test_cross_products_are_those_of_a_sample_however_many_rows_there_are(task, monkeypatch):
    """They cost the rows times the square of the columns, for each class, fold and round."""
    monkeypatch.setattr(additive, "MAX_FEW_ROWS", 300)
    monkeypatch.setattr(additive, "MAX_VARIANCE_ROWS", 600)
    columns, y, weights = classes(task, 2400)
    seen, products = [], design.DesignMatrix._cross_products
    monkeypatch.setattr(
        design.DesignMatrix,
        "_cross_products",
        lambda self, own, centre: seen.append(len(own)) or products(self, own, centre),
    )
    fold = torch.arange(len(y)) % 3
    found = cross_validated(fit_curves(columns, y, weights, task), fold, 3)
    assert seen.count(600) >= 1
    assert seen.count(300) >= 2
    assert sum(count > 600 for count in seen if count != len(y)) == 0
    lapses = [count for count in seen if count == len(y)]
    assert len(lapses) <= 30 * y.shape[1]  # only where lapse rates are sought, on at most 5000 rows
    assert isinstance(found.whole.task, Classification)


def test_means_of_edges_are_those_of_all_rows_by_blocks_of_few(monkeypatch):
    model = sw.KAN([5, 7, 2], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (203, 5)))
    wanted = [layer.edges.mean(0) for layer in trace(model, x).layers]
    seen, record = [], pruning.trace
    monkeypatch.setattr(pruning, "MAX_TRACED_VALUES", 1000)
    monkeypatch.setattr(pruning, "trace", lambda model, rows: seen.append(len(rows)) or record(model, rows))
    for found, each in zip(pruning.edge_means(model, x), wanted, strict=True):
        torch.testing.assert_close(found, each, rtol=1e-12, atol=1e-14)
    assert sum(seen) == len(x)
    assert max(seen) * (5 * 7 + 7 * 2) <= 1000
