"""Laws of the smooth rivals: curves, processes, and what `fit` makes of the rows."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from splinework.tabular import KANClassifier, KANRegressor, network_fit, smooth
from splinework.tabular.smooth import fit_network, smooth_estimates
from splinework.train.between_rows import is_significant
from splinework.train.boosting import BoostingTeacher
from splinework.train.covariance import Covariance
from tests.families import slow
from tests.train.lessons import stepped


def never(stage: str, step: int, steps: int, loss: float) -> bool:
    return False


def test_smooth_estimates_of_noise_are_not_better_than_the_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(80, k, generator=generator, dtype=torch.float64) for k in (8, 1))
    weights = torch.ones(80, dtype=torch.float64)
    for each in smooth_estimates(x, y, weights, seed=0):
        assert not each.out_of_fold.requires_grad
        gains = (80 / 79 * (y.mean(0) - y)).square() - (each.out_of_fold - y).square()
        assert not is_significant(gains[:, 0], weights)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("count", [12, *slow(20, 29)])
def test_columns_of_a_few_clean_rows_may_act_together(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    x, fresh = (random.uniform(-1, 1, (rows, 2)) for rows in (count, 2000))

    def truth(u: np.ndarray) -> np.ndarray:
        return u[:, 0] * u[:, 1]

    error = KANRegressor().fit(x, truth(x)).predict(fresh) - truth(fresh)
    assert np.sqrt(np.square(error).mean()) < 0.15 * truth(fresh).std()


@pytest.mark.parametrize(
    ("loss", "noise", "count", "columns", "tried"),
    [
        (0.1, 0.04, 6, 1, True),
        (0.1, 0.06, 6, 1, False),
        (0.1, np.inf, 6, 1, False),
        (5e-4, 5e-4, 6, 1, True),
        (1e-15, 0.0, 6, 1, False),
        (0.1, 0.06, 2001, 1, True),  # of which a process sees but some
        (0.1, 0.06, 2001, 20, True),
        (0.1, np.inf, 10_001, 8, True),  # of which it sees none
        (0.1, np.inf, 10_001, 9, False),  # expensive
        (5e-4, np.inf, 10_001, 9, True),
    ],
)
def test_a_network_is_fitted_to_rows_that_say_more_than_the_estimate(
    monkeypatch, loss, noise, count, columns, tried
) -> None:
    asked_for = []
    monkeypatch.setattr(network_fit, "fit_network", lambda *given, **options: asked_for.append(given))
    rows, settings = torch.ones(6, 1, dtype=torch.float64), SimpleNamespace(max_iter=1)
    some = {"raw_x": rows.expand(6, columns), "raw_y": rows, "weights": rows[:, 0], "fold": torch.arange(6) % 3}
    job = SimpleNamespace(**some, settings=settings, t=torch.ones(count, 1))
    assert network_fit.NetworkFit._fitted(job, torch.arange(6), loss, rows[:, 0], noise, {}, never) is None
    assert bool(asked_for) is tried


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [KANRegressor, *slow(KANClassifier)])
def test_the_network_that_learns_from_a_process_has_no_edges_from_inputs_that_do_nothing(estimator) -> None:
    random = np.random.default_rng(0)
    x, fresh = (random.uniform(-1, 1, (count, 5)) for count in (90, 300))
    y = 8 * x[:, 0] * x[:, 1] + random.normal(size=90)
    model = estimator().fit(x, y if estimator is KANRegressor else y > 0)
    edges = model.model_.kan_layers[0].mask.any(1)
    assert bool(edges[:2].all())
    assert int(edges[2:].sum()) <= 1
    other = np.where(edges.numpy(), fresh, fresh[::-1])
    predict = model.predict if estimator is KANRegressor else model.predict_proba
    np.testing.assert_array_equal(predict(other), predict(fresh))
    found, signs = predict(fresh), np.sign(fresh[:, 0] * fresh[:, 1])
    assert ((found if found.ndim == 1 else found[:, 1] - 0.5) * signs > 0).mean() > 0.9


@pytest.mark.parametrize("columns", [1, 2])
def test_curves_are_a_rival_whatever_the_rows_and_a_process_only_of_so_many(monkeypatch, columns) -> None:
    monkeypatch.setattr(smooth, "MAX_ROWS", 100)
    x = torch.rand(150, columns, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.sin(9 * x).sum(1, keepdim=True)
    (found,) = smooth_estimates(x, y, torch.ones(150, dtype=torch.float64), seed=0)
    assert found.teacher is None
    assert (found.out_of_fold - y).square().mean() < 1e-6 * y.var()


@pytest.mark.slow
def test_rows_that_a_candidate_holds_out_are_predicted_as_unseen_and_learned_at_the_end(monkeypatch) -> None:
    monkeypatch.setattr(smooth, "MIN_FITTED_ROWS", 100)
    generator = torch.Generator().manual_seed(0)
    x, held = 2 * torch.rand(120, 2, generator=generator, dtype=torch.float64) - 1, torch.arange(120) % 6 == 0
    noise = torch.randn(120, 1, generator=generator, dtype=torch.float64)
    y, weights = torch.sin(3 * x[:, :1] * x[:, 1:]) + 0.3 * noise, torch.ones(120, dtype=torch.float64)
    model, outputs = fit_network(x, y, weights, held, seed=0, max_iter=100, on_step=never)
    assert torch.equal(torch.isnan(outputs[:, 0]), ~held)
    left, seen = ((each[held] - y[held]).square().mean() for each in (outputs, model(x)))
    assert 0.6 * 0.09 < left < 1.0 * 0.25
    assert seen < 0.95 * left


@pytest.mark.slow
def test_many_clean_rows_are_fitted_to_the_rows_themselves() -> None:
    rng = np.random.default_rng(0)
    x, fresh = rng.uniform(-1, 1, (3000, 2)), rng.uniform(-0.95, 0.95, (2000, 2))

    def truth(x):
        return np.exp(-(((x[:, 0] - 0.2) ** 2 + x[:, 1] ** 2) / 0.05)) + x[:, 0] * x[:, 1]

    model = KANRegressor(random_state=0).fit(x, truth(x))
    assert np.std(model.predict(fresh) - truth(fresh)) < 1e-4 * np.std(truth(fresh))
    band = model.predict(fresh, interval=0.9)
    assert np.isfinite(band.lower).all()
    assert (band.lower <= band.upper).all()


@pytest.mark.parametrize("noise", [0.0, *slow(0.2)])
@pytest.mark.slow
def test_waves_in_a_column_of_several_are_met(noise: float) -> None:
    rng = np.random.default_rng(1)
    x, fresh = rng.uniform(-1, 1, (400, 3)), rng.uniform(-0.95, 0.95, (1000, 3))

    def truth(x):
        return np.sin(30 * x[:, 0]) + np.exp(x[:, 1])

    model = KANRegressor(random_state=0).fit(x, truth(x) + noise * rng.normal(size=400))
    assert np.std(model.predict(fresh) - truth(fresh)) < (0.15 if noise else 1e-3) * np.std(truth(fresh))


@pytest.mark.parametrize("used", [(0,), (1, 4), (0, 1, 2, 3, 4)])
def test_the_network_of_the_rows_has_the_inputs_that_a_process_depends_on(used: tuple[int, ...]) -> None:
    x = torch.rand(520, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    process = Covariance("matern 5/2", torch.zeros(12, dtype=torch.float64), 5)
    for i in set(range(5)) - set(used):
        process = process.without(i)
    held, ones = torch.arange(520) % 5 == 0, torch.ones(520, dtype=torch.float64)
    how = {"seed": 0, "max_iter": 1, "on_step": lambda *step: True, "covariances": (process,)}
    found = fit_network(x, x[:, :1] * x[:, 4:], ones, held, **how)
    assert found is not None
    assert torch.nonzero(found[0].kan_layers[0].mask.any(1))[:, 0].tolist() == list(used)


def test_long_and_wide_tables_have_no_smooth_rival() -> None:
    for count, columns in ((100_001, 1), (50_000, 41), (9, 65)):
        x, ones = torch.zeros(count, columns, dtype=torch.float64), torch.ones(count, dtype=torch.float64)
        assert smooth_estimates(x, x[:, :1], ones, seed=0) == []


@pytest.mark.parametrize(("case", "count"), [("steps", 300), ("steps", 299), ("smooth", 300)])
def test_trees_are_an_estimate_where_they_know_more_than_a_process_of_many_rows(
    monkeypatch, case: str, count: int
) -> None:
    monkeypatch.setattr(smooth, "MIN_FITTED_ROWS", 300)
    generator = torch.Generator().manual_seed(1)
    x = 2 * torch.rand(count, 4, generator=generator, dtype=torch.float64) - 1
    truth = stepped(x) if case == "steps" else torch.sin(2 * x[:, :1] * x[:, 1:2])
    y = truth + 0.1 * torch.randn(truth.shape, generator=generator, dtype=x.dtype)
    found = smooth_estimates(x, y, torch.ones_like(y[:, 0]), seed=0)
    rough = [each for each in found if isinstance(each.teacher, BoostingTeacher)]
    assert len(rough) == (case == "steps" and count == 300)
    met: list[bool] = []
    monkeypatch.setattr(smooth, "teach", lambda run, own, *given, rough: met.append(rough) or (own.model, ""))
    for each in rough:
        each.network(0, 1, never)
        assert met
        assert all(met)
        processes = [other for other in found if other.process is not None]
        errors = [(one.out_of_fold - y).square().mean() for one in (each, *processes)]
        assert errors[0] < min(errors[1:])
        assert bool(each.objective.model.kan_layers[0].mask.bool().all())


@pytest.mark.slow
def test_steps_in_several_columns_are_learned_from_trees() -> None:
    generator = torch.Generator().manual_seed(2)
    x, fresh = (2 * torch.rand(rows, 4, generator=generator, dtype=torch.float64) - 1 for rows in (800, 2000))
    y = stepped(x) + 0.2 * torch.randn(len(x), 1, generator=generator, dtype=x.dtype)
    process = smooth.ProcessTeacher.of(smooth.Samples(x, y, None), 0)
    wanted, model = stepped(fresh), KANRegressor().fit(x.numpy(), y[:, 0].numpy())
    error = torch.from_numpy(model.predict(fresh.numpy()))[:, None] - wanted
    assert error.square().mean() < 0.6 * (process(fresh) - wanted).square().mean()
