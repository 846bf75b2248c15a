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
def test_a_fit_of_many_rows_is_that_of_few_within_a_fraction_of_the_standard_error(task, rare, monkeypatch):
    """By another path to the same end: curvatures that are kept, a start from fewer rows, an earlier end."""
    monkeypatch.setattr(additive, "MAX_FEW_ROWS", 3000)
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
    for name in ("MAX_FEW_ROWS", "MAX_START_ROWS"):
        monkeypatch.setattr(additive, name, 300)
    monkeypatch.setattr(additive, "MAX_VARIANCE_ROWS", 600)
    columns, y, weights = classes(task, 2400)
    seen = []
    for name in ("_cross_products", "with_constant"):
        products = getattr(design.DesignMatrix, name)

        def counted(self, own, *given, products=products):
            seen.append(len(own))
            return products(self, own, *given)

        monkeypatch.setattr(design.DesignMatrix, name, counted)
    fold = torch.arange(len(y)) % 3
    found = cross_validated(fit_curves(columns, y, weights, task), fold, 3)
    assert seen.count(600) >= 1
    assert seen.count(300) >= 2
    assert sum(count > 600 for count in seen if count != len(y)) == 0
    lapses = [count for count in seen if count == len(y)]
    assert len(lapses) <= 30 * y.shape[1]  # only where lapse rates are sought, on at most 5000 rows
    assert isinstance(found.whole.task, Classification)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_bends_of_many_rows_are_about_their_means_and_span_what_those_of_all_rows_span(dtype, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    u = torch.stack([torch.randn(300, generator=generator), torch.rand(300, generator=generator) ** 2], 1).double()
    weights = torch.rand(300, generator=generator).double() + 0.5
    layer, precision = quantile_layer(u, 1, 6, 3), 1e-9 if dtype is torch.float64 else 1e-4
    monkeypatch.setattr(design, "MAX_DOUBLE_ENTRIES", 2**24 if dtype is torch.float64 else 1)
    whole = make_design(layer, u, weights, ())
    monkeypatch.setattr(design, "MAX_MOMENT_ROWS", 40)
    thinned = make_design(layer, u, weights, ())
    assert thinned.values.dtype is dtype
    assert float((weights / weights.sum() @ thinned.values.double()).abs().max()) < precision
    rows = layer.table().rows(u)
    for i, (lift, span) in enumerate(zip(thinned.lift, thinned.spans, strict=True)):
        own = thinned.values[:, span].double()
        torch.testing.assert_close(rows[:, i] @ lift, own, rtol=0, atol=precision * float(own.abs().max()))
        wanted = whole.values[:, span].double()
        left = wanted - own @ torch.linalg.lstsq(own, wanted).solution
        assert float(left.norm() / wanted.norm()) < 10 * precision
    assert not torch.allclose(thinned.values, whole.values)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_products_in_one_pass_are_those_in_parts(dtype, monkeypatch):
    monkeypatch.setattr(design, "MAX_DOUBLE_ENTRIES", 2**24 if dtype is torch.float64 else 1)
    monkeypatch.setattr(design, "MAX_BLOCK_ENTRIES", 700)
    columns, y, weights = classes(TASKS[2], 200)
    assert columns.values.dtype is dtype
    generator = torch.Generator().manual_seed(0)
    coefficients, bias = torch.randn(columns.width, 3, generator=generator).double(), torch.arange(3).double()
    found = columns.pulled(coefficients, bias, lambda at, outputs: outputs**2 - y[at])
    outputs = columns.values.double() @ coefficients + bias
    exact = outputs, columns.values.double().T @ (outputs**2 - y), (outputs**2 - y).sum(0)
    rows = torch.cat([columns.values.double(), torch.ones(200, 1).double()], 1)
    for got, wanted in zip((*found, columns.with_constant(weights)), (*exact, rows.T * weights @ rows), strict=True):
        assert got.dtype is torch.float64
        close = 1e-12 if dtype is torch.float64 else 1e-5
        torch.testing.assert_close(got, wanted, rtol=0, atol=close * float(wanted.abs().max()))


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
