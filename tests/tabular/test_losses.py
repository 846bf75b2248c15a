"""Laws of the losses: their slopes, their minima, their units, and what estimators with them predict and say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_gamma_deviance, mean_pinball_loss, mean_poisson_deviance

from splinework.errors import ConfigError
from splinework.tabular import KANClassifier, KANRegressor, KANTransformer, load
from splinework.tabular.additive import fit_additive
from splinework.tabular.design import make_design
from splinework.tabular.grids import quantile_layer
from splinework.tabular.losses import (
    LOSSES,
    GammaTask,
    HuberTask,
    LogNormalTask,
    PoissonTask,
    QuantileTask,
    name_of,
    named_task,
    weighted_quantile,
)
from splinework.tabular.tasks import Binary, Multiclass, Regression, Task
from tests.tabular.tables import QUICK

SQUARES: list[Task] = [Regression(), LogNormalTask()]
TASKS: list[Task] = [*SQUARES, QuantileTask(0.2, (0.3, 0.5)), HuberTask((0.5, 0.8)), PoissonTask(), GammaTask()]
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
ADDITIVE: dict[str, Any] = {"hidden": 0, "grid": 4}
EACH: list[dict[str, Any]] = [{"loss": loss, **({"quantile": 0.7} if loss == "quantile" else {})} for loss in LOSSES]
each_loss = pytest.mark.parametrize("given", EACH, ids=lambda given: given["loss"])


def rows(count: int = 200, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Outputs and positive targets `(n, 2)`, and weights."""
    random = np.random.default_rng(seed)
    outputs, y = random.normal(0, 0.7, (count, 2)), random.gamma(2.0, 0.7, (count, 2))
    return torch.from_numpy(outputs), torch.from_numpy(y), torch.from_numpy(random.uniform(0.5, 2, count))


def table(count: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Positive whole numbers with a mean that varies tenfold."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (count, 2))
    return x, 1.0 + random.poisson(np.exp(1.5 + np.sin(3 * x[:, 0]) + 0.5 * x[:, 1]))


@each_task
def test_a_working_step_goes_down_the_loss(task: Task) -> None:
    outputs, y, weights = rows()
    outputs.requires_grad_(True)
    (slope,) = torch.autograd.grad(weights @ task.loss(outputs, y), outputs)
    # Losses are means over two outputs, and those of least squares are not halved.
    expected = -slope if task in SQUARES else -2 * slope
    for j in range(2):
        target, working = task.working(outputs.detach(), y, weights, j, 1e-9)
        assert torch.allclose(working * (target - outputs[:, j].detach()), expected[:, j], atol=1e-9)
        assert bool((working > 0).all())


@pytest.mark.parametrize("task", [*TASKS, Binary(), Multiclass()], ids=lambda task: type(task).__name__)
def test_slopes_are_those_of_the_loss_and_none_changes_faster_than_the_steepest(task: Task) -> None:
    outputs, y, _ = rows()
    if isinstance(task, Binary):
        outputs, y = outputs[:, :1], (y[:, :1] > 1).double()
    if isinstance(task, Multiclass):
        y = torch.nn.functional.one_hot((y[:, 0] > 1).long(), 2).double()
    outputs.requires_grad_(True)
    slope = task.slope(outputs, y)
    (exact,) = torch.autograd.grad(task.loss(outputs, y).sum(), outputs)
    assert torch.allclose(slope, exact, atol=1e-9)
    second = torch.autograd.functional.jacobian(lambda all_: task.slope(all_, y).sum(0), outputs).transpose(0, 1)
    largest = float(torch.linalg.eigvalsh(second).max())
    assert 0.8 * task.steepest(outputs.detach(), y) <= largest <= (1 + 1e-9) * task.steepest(outputs.detach(), y)


@each_task
def test_the_constant_has_the_least_loss(task: Task) -> None:
    _, y, weights = rows(2000)
    if isinstance(task, (QuantileTask, HuberTask)):
        task = type(task)(**{**vars(task), "widths": ()}).tuned(y - y.median(0).values, weights, 1.0)
    best = task.constant(y, weights).expand_as(y)
    loss = float(weights @ task.loss(best, y))
    for step in (-0.1, 0.1):
        assert loss < float(weights @ task.loss(best + step, y))


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.83])
def test_weighted_quantiles_are_those_of_repeated_rows(probability: float) -> None:
    values = np.random.default_rng(0).normal(size=(41, 2))
    counts = np.random.default_rng(1).integers(1, 4, 41)
    found = weighted_quantile(torch.from_numpy(values), torch.from_numpy(counts.astype(float)), probability)
    repeated = np.repeat(values, counts, axis=0)
    assert np.allclose(found, np.quantile(repeated, probability, axis=0, method="averaged_inverted_cdf"))


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_curves_of_a_quantile_have_that_share_of_rows_below(probability: float) -> None:
    random = np.random.default_rng(0)
    u = torch.from_numpy(random.uniform(-1, 1, (2000, 1)))
    noise = torch.from_numpy(random.exponential(size=(2000, 1)))
    y, weights = torch.sin(3 * u) + (0.3 + 0.2 * u) * noise, torch.ones(2000).double()
    design = make_design(quantile_layer(u, 1, 6, 3), u, weights, ())
    exact = torch.sin(3 * u) - (0.3 + 0.2 * u) * np.log(1 - probability)
    task = QuantileTask(probability).tuned(y - exact, weights, 8.0)
    found = fit_additive(design, y, weights, task).values(design)
    assert abs(float((y <= found).double().mean()) - probability) < 0.02
    # A quantile of exponential noise has a standard error of sqrt(p / (1 - p) / n) of its scale, for each of about eight numbers.
    assert float((found - exact).square().mean().sqrt()) < 1.5 * 0.3 * np.sqrt(
        8 * probability / (1 - probability) / 2000
    )


@each_loss
def test_names_find_tasks_and_tasks_their_names(given: dict[str, Any]) -> None:
    assert named_task(*name_of(named_task(**given))) == named_task(**given)


@pytest.mark.parametrize(
    "given",
    [each if each["loss"] in ("huber", "gamma") else pytest.param(each, marks=pytest.mark.slow) for each in EACH],
    ids=lambda given: given["loss"],
)
def test_predictions_have_the_units_of_y(given: dict[str, Any]) -> None:
    x, y = table()
    model, other = (KANRegressor(**ADDITIVE, **given).fit(x, factor * y) for factor in (1.0, 1000.0))
    assert np.allclose(1000 * model.predict(x), other.predict(x), rtol=1e-4)
    assert 0.3 * y.mean() < model.predict(x).mean() < 2 * y.mean()
    found = model.predict(x, interval=0.8)
    inside = np.mean((found.lower <= y) & (y <= found.upper))
    assert 0.75 < inside < 0.9


def test_each_loss_is_least_where_it_is_minimised() -> None:
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (3000, 1))
    y = random.gamma(1.0, np.exp(np.sin(3 * x[:, 0])))
    seen, new = slice(0, 1000), slice(1000, None)
    scores = {
        "gamma": mean_gamma_deviance,
        "absolute_error": lambda a, b: mean_pinball_loss(a, b, alpha=0.5),
        "quantile": lambda a, b: mean_pinball_loss(a, b, alpha=0.7),
    }
    found = {g["loss"]: KANRegressor(**ADDITIVE, **g).fit(x[seen], y[seen]).predict(x[new]) for g in EACH}
    for loss, score in scores.items():
        own = score(y[new], found[loss])
        for other in scores:
            assert other == loss or own < score(y[new], found[other].clip(1e-3)), (loss, other)
    # A quantile's share of 2000 rows has a standard error of 0.01, and that of the fit's rows 0.015.
    assert abs(np.mean(y[new] <= found["quantile"]) - 0.7) < 0.05
    assert abs(np.mean(y[new] <= found["absolute_error"]) - 0.5) < 0.05


def test_counts_have_a_smaller_deviance_than_least_squares_gives_them() -> None:
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (2400, 2))
    y = random.poisson(np.exp(2 * x[:, 0] + x[:, 1])).astype(float)
    found = [KANRegressor(**ADDITIVE, loss=loss).fit(x[:400], y[:400]) for loss in ("poisson", "squared_error")]
    own, squares = (model.predict(x[400:]) for model in found)
    assert np.all(own > 0)
    assert mean_poisson_deviance(y[400:], own) < 0.9 * mean_poisson_deviance(y[400:], squares.clip(1e-2))


def test_outliers_move_huber_and_the_median_little() -> None:
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (300, 1))
    y = np.sin(3 * x[:, 0]) + 0.1 * random.normal(size=300)
    wild = np.where(random.random(300) < 0.05, y + 1e4, y)
    for loss in ("huber", "absolute_error"):
        found = KANRegressor(**ADDITIVE, loss=loss).fit(x, wild).predict(x)
        assert np.sqrt(np.mean((found - np.sin(3 * x[:, 0])) ** 2)) < 0.05


def test_what_a_log_link_shows_is_the_logarithm(tmp_path: Path) -> None:
    x, y = table(80)
    model = KANRegressor(**ADDITIVE, loss="poisson", formula_budget=0.5).fit(x, y)
    inner = model.model_(torch.from_numpy(x)).detach().numpy()[:, 0]
    assert np.allclose(np.exp(inner), model.predict(x))
    assert model.columns_.targets == ("log y",)
    page = model.report(tmp_path / "page.html", equations=False).read_text()
    assert "logarithm of the mean" in page
    given = model.report(tmp_path / "given.html", x, y, test=(x, y), equations=False).read_text()
    assert "RMSE on" not in given  # the logarithm of a mean is not compared with counts
    model.save(tmp_path / "model.safetensors")
    assert np.array_equal(load(tmp_path / "model.safetensors").predict(x), model.predict(x))
    formula = model.equation_
    assert formula.target == "log_y"
    assert np.corrcoef(formula.numpy()(x), inner)[0, 1] > 0.8


@each_loss
def test_continued_fits_keep_the_loss(given: dict[str, Any]) -> None:
    x, y = table(60)
    model = KANRegressor(**QUICK, **given).partial_fit(x, y)
    before = model.predict(x)
    after = model.partial_fit(x[:10], y[:10]).predict(x)
    assert np.all(np.abs(after - before) < 0.5 * np.ptp(y))


def test_wrong_targets_and_options_are_named() -> None:
    x, y = table(40)
    cases: list[tuple[dict[str, Any], np.ndarray, str]] = [
        ({"loss": "gamma"}, y - y.min(), "strictly positive y, got 0; use loss='poisson'"),
        ({"loss": "lognormal"}, y - y.min(), "strictly positive y, got 0"),
        ({"loss": "poisson"}, -y, "non-negative y"),
        ({"loss": "poisson"}, 0 * y, "zeros only"),
        ({"loss": "quantile"}, y, "quantile=0.9"),
        ({"loss": "huber", "monotone": [1, 0]}, y, "squared_error"),
        ({"loss": "mse"}, y, "'loss' .*squared_error.* 'mse'"),
        ({"loss": "Poisson"}, y, "'loss' .*poisson.* 'Poisson'"),
        ({"loss": "quantile", "quantile": 90}, y, "'quantile' .*range .*90"),
    ]
    for given, target, message in cases:
        with pytest.raises(ValueError, match=message):
            KANRegressor(**ADDITIVE, **given).fit(x, target)
    model = KANRegressor(**QUICK, warm_start=True).fit(x, y)
    with pytest.raises(ConfigError, match="differs from that of the previous fit"):
        model.set_params(loss="huber").fit(x, y)


def test_held_out_rows_correct_a_quantile(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (80, 8))
    y = x[:, 0] + random.exponential(size=80)
    given: dict[str, Any] = {**ADDITIVE, "loss": "quantile", "quantile": 0.9}
    model = KANRegressor(**given).fit(x, y)
    monkeypatch.setattr(QuantileTask, "calibration", lambda self, outputs, y, weights: torch.zeros(1).double())
    moved = model.predict(x) - KANRegressor(**given).fit(x, y).predict(x)
    assert np.ptp(moved) < 1e-9
    assert abs(moved[0]) > 1e-3
    assert abs(np.mean(model._residuals.scores <= 0) - 0.9) <= 1 / 80


@pytest.mark.quick(2)
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("kind", [KANClassifier, KANTransformer])
def test_losses_and_slopes_of_rows_are_those_of_the_labels(kind, count):
    random = np.random.default_rng(count)
    x, labels = random.normal(size=(40, 2)), np.array(["a", "b", "c"])[np.arange(40) % count]
    model = kind(hidden=0).fit(x, labels)
    function = model.row_function()
    outputs = model.model_(torch.from_numpy(x)).detach().numpy()
    losses = function.loss(outputs, labels)
    if kind is KANClassifier:
        wanted = -model.predict_log_proba(x)[np.arange(40), np.searchsorted(model.classes_, labels)]
        np.testing.assert_allclose(losses, wanted, rtol=1e-9, atol=1e-12)
    slopes = function.slope(outputs, labels)
    for j in range(outputs.shape[1]):
        step = np.zeros(outputs.shape[1])
        step[j] = 1e-6
        change = (function.loss(outputs + step, labels) - function.loss(outputs - step, labels)) / 2e-6
        np.testing.assert_allclose(slopes[:, j], change, rtol=1e-5, atol=1e-7)
