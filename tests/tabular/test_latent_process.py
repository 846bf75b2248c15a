"""Processes of outputs under likelihoods: at the mode, known noise, left-out rows, probabilities, and the networks they teach."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from splinework import KANClassifier, KANRegressor
from splinework.tabular import latent_process, load
from splinework.tabular.latent_process import latent_estimate, moderated
from splinework.tabular.losses import GammaTask, HuberTask, PoissonTask, QuantileTask
from splinework.tabular.stacking import Stacking
from splinework.tabular.tasks import Binary, Multiclass, Regression, targets_of
from splinework.train.gaussian_process import fit_process
from tests.families import slow

TASKS = [
    Binary((0.02, 0.02)),
    Multiclass(),
    QuantileTask(0.7, (0.2,)),
    *slow(Binary(), PoissonTask(), GammaTask(), HuberTask((0.3,))),
]


def function(x):
    return np.sin(2 * x[:, 0]) + x[:, 0] * x[:, 1]


def drawn(task, count, seed=0):
    """Rows `(count, 2)` and targets under a likelihood, as it takes them, with weights of mean 1."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.5, 1.5, (count, 2))
    f = function(x)
    if isinstance(task, Binary):
        y = rng.random(count) < 1 / (1 + np.exp(-2 * f))
    elif isinstance(task, Multiclass):
        z = np.stack([2 * f, 0 * f, -2 * f], 1) + rng.gumbel(size=(count, 3))
        y = z.argmax(1)
    elif isinstance(task, PoissonTask):
        y = rng.poisson(np.exp(f))[:, None] / np.exp(f).mean()
    elif isinstance(task, GammaTask):
        y = rng.gamma(3, np.exp(f) / 3)[:, None]
    else:
        y = (f + 0.3 * rng.standard_t(4, count))[:, None]
    weights = torch.from_numpy(rng.uniform(0.3, 2, count))
    return torch.from_numpy(x), targets_of(y, task, 3), weights / weights.mean()


def start_of(task, x, y, weights):
    """A constant, or a line where the loss has curvature near the rows only."""
    if not isinstance(task, HuberTask | QuantileTask):
        return task.constant(y, weights).expand_as(y)
    return x[:, :1] + 0 * y


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_at_the_mode_the_pull_of_the_rows_is_that_of_the_prior(task, monkeypatch):
    """`K⁻¹ (f - m) = ∇ log p(y | f)` (Rasmussen & Williams 2006, eq. 3.17), both in units of the noise."""
    monkeypatch.setattr(latent_process, "MAX_CHANGE", 1e-12)
    monkeypatch.setattr(latent_process, "MAX_TURNS", 60)
    x, y, weights = drawn(task, 80)
    estimate = latent_estimate(x, y, weights, task, start_of(task, x, y, weights), seed=0)
    outputs = estimate.objective.model.output_scaling.inverse(estimate.objective.t)
    pull = -weights[:, None] * task.slope(outputs, y) * y.shape[1] ** task.is_regression
    scale = estimate.objective.model.output_scaling.scale
    for j, process in enumerate(estimate.teacher.processes):
        _, known = task.working(outputs, y, weights, j, 0.0)
        noise = process.covariance.noise * (process.spread * scale[j]) ** 2 * known.mean()
        mine = process.loads * noise / (process.spread * scale[j])
        if isinstance(task, GammaTask):  # its working weights are expected ones
            assert float((mine - pull[:, j]).abs().max()) < 1e-3 * float(pull[:, j].abs().max())
        else:
            torch.testing.assert_close(mine, pull[:, j], rtol=1e-3, atol=1e-4 * float(pull.abs().max()))
        if not task.has_dispersion:
            assert float(noise) == pytest.approx(1.0, rel=1e-3)  # weights are those before the last outputs moved


def test_least_squares_are_the_process_itself():
    x, y, weights = drawn(Regression(), 100)
    estimate = latent_estimate(x, y, weights, Regression(), start_of(Regression(), x, y, weights), seed=0)
    model = estimate.objective.model
    process = fit_process(model.input_scaling(x), y[:, 0], weights=weights)
    found = model.output_scaling.inverse(estimate.teacher(model.input_scaling(x)))[:, 0]
    torch.testing.assert_close(found, process(model.input_scaling(x)), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("mean", [-4.0, -1.0, 0.0, 0.5, 3.0])
@pytest.mark.parametrize("deviation", [0.0, 0.5, 2.0, 5.0])
def test_a_moderated_logit_has_the_mean_of_the_probabilities(mean, deviation):
    z = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    wanted = (1 / (1 + np.exp(-mean - deviation * z))).mean()
    slope = torch.tensor(deviation**2 * torch.pi / 8)
    assert float(torch.sigmoid(moderated(torch.tensor(mean), slope))) == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize("task", [Binary(), *slow(HuberTask((0.3,)))], ids=str)
def test_outputs_of_left_out_rows_are_those_of_a_fit_without_them(task, monkeypatch):
    """At the same hyperparameters: each row's is known from the fit of all, nearly."""
    x, y, weights = drawn(task, 60)
    monkeypatch.setattr(latent_process, "is_refitted", lambda u: False)
    whole = latent_estimate(x, y, weights, task, start_of(task, x, y, weights), seed=0)
    covariances = [process.covariance for process in whole.teacher.processes]
    original = latent_process.fit_process

    def held(u, t, **how):
        covariance = covariances[0] if how["noise"] is None else covariances[0].with_noise(None)
        found = original(u, t, **{**how, "begun": covariance, "is_last": False})
        return found.given(t, how["weights"], how["noise"], found.kernel(u))

    monkeypatch.setattr("splinework.train.process_search.MAX_ITERATIONS", 0)
    monkeypatch.setattr("splinework.train.gaussian_process.LAST_ITERATIONS", 0)
    monkeypatch.setattr(latent_process, "fit_process", held)
    apart, moved = [], []
    for n in range(0, 60, 6):
        kept = torch.arange(60) != n
        some = weights[kept] / weights[kept].mean()
        less = latent_estimate(x[kept], y[kept], some, task, start_of(task, x, y, weights)[kept], seed=0)
        model = less.objective.model
        alone = model.output_scaling.inverse(less.teacher(model.input_scaling(x[~kept])))[0, 0]
        of_all = whole.objective.model.output_scaling.inverse(
            whole.teacher(whole.objective.model.input_scaling(x[~kept]))
        )[0, 0]
        apart.append(float(whole.out_of_fold[n, 0] - alone))
        moved.append(float(of_all - alone))
    assert np.median(np.abs(apart)) < 0.25 * np.median(np.abs(moved))


@pytest.mark.parametrize("loss", ["two classes", *slow("quantile", "poisson", "three classes", "gamma", "huber")])
def test_few_rows_of_columns_that_act_together_are_learned_under_every_likelihood(loss):
    """Hidden nodes alone, and curves, have more error by far: there are too few rows for them."""
    rng, count = np.random.default_rng(2), 160 if loss in ("poisson", "three classes") else 80
    x, fresh = rng.uniform(-1, 1, (count, 3)), rng.uniform(-1, 1, (2000, 3))
    f, true = (3 * np.cos(2.5 * (z[:, 0] + z[:, 1] ** 2 - z[:, 2])) for z in (x, fresh))
    if loss.endswith("classes"):
        centres = np.array([0, 1] if loss == "two classes" else [-1, 0, 1])

        def probabilities(f):
            scores = np.exp(2 * f[:, None] * centres - np.abs(centres))
            return scores / scores.sum(1, keepdims=True)

        y = np.array([rng.choice(len(centres), p=each) for each in probabilities(f)])

        def error(**more):
            found = KANClassifier(**more).fit(x, y).predict_proba(fresh)
            return (probabilities(true) * np.log(probabilities(true) / found)).sum(1).mean()
    else:
        mean, noise = np.exp(f), rng.standard_t(3, count)
        y = {"poisson": rng.poisson(mean), "gamma": rng.gamma(2, mean / 2)}.get(loss, f + 0.2 * noise)
        how = {"loss": loss, **({"quantile": 0.5} if loss == "quantile" else {})}

        def error(**more):
            found = KANRegressor(**how, **more).fit(x, y).predict(fresh)
            return np.square((np.log(found) if loss in ("poisson", "gamma") else found) - true).mean()

    assert error() < 0.75 * min(error(hidden=8), error(hidden=0))


def test_classes_that_a_process_taught_are_the_same_after_save_and_load(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (60, 2))
    y = np.where(np.cos(2.5 * (x[:, 0] + x[:, 1] ** 2)) + 0.3 * rng.normal(size=60) > 0, "up", "down")
    model = KANClassifier().fit(x, y)
    assert any(step["stage"] == "smooth" for step in model.history_)
    assert model.score(x, y) > 0.9
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    np.testing.assert_allclose(model.predict_proba(x).sum(1), 1, rtol=1e-12)


@pytest.mark.parametrize(("rows", "inputs", "behind"), [(60, 8, False), (60, 0, True), (6000, 8, True)])
def test_what_held_out_rows_have_chosen_is_allowed_for_where_they_are_few(rows, inputs, behind):
    """Losses a fifth less on every row are no better of 60 rows which have chosen for eight inputs."""
    losses, weights = torch.linspace(0.4, 0.6, rows).double(), torch.ones(rows).double()
    process = Stacking((), 1.0, float(losses.mean()), False, Binary(), losses, losses, len(losses))
    ensemble = Stacking((0.5, 0.5), 1.0, 0.8 * float(losses.mean()), True, Binary(), 0.8 * losses, losses, len(losses))
    assert latent_process._is_behind(process, ensemble, inputs, weights) is behind


@pytest.mark.slow
def test_a_process_and_an_ensemble_stand_side_by_side(monkeypatch):
    """The logits are the mean of both, by shares that rows unseen by either ask for, and so no worse than the process alone."""
    rng, parts = np.random.default_rng(4), []
    x, fresh = rng.normal(size=(140, 4)), rng.normal(size=(4000, 4))

    def probabilities(x):
        odds = np.stack([x[:, 0] * x[:, 1], 0 * x[:, 0], -x[:, 0] * x[:, 1]], 1) * 4 + np.eye(3)[1] * np.sin(
            2 * x[:, 2:3]
        )
        return np.exp(odds) / np.exp(odds).sum(1, keepdims=True)

    y = np.array([rng.choice(3, p=each) for each in probabilities(x)])
    original = latent_process.mean_network

    def recorded(models, shares):
        parts.append((models, shares))
        return original(models, shares)

    monkeypatch.setattr(latent_process, "mean_network", recorded)
    model = KANClassifier().fit(x, y)
    (models, shares), rows = parts[0], torch.from_numpy(fresh)
    both = [each(rows).detach() for each in models]
    expected = shares[0] * both[0] + shares[1] * both[1]
    assert min(shares) >= 0.05
    assert sum(shares) == pytest.approx(1)

    def loss(outputs):
        return -float((torch.from_numpy(probabilities(fresh)) * torch.log_softmax(outputs, 1)).sum(1).mean())

    assert loss(expected) < min(loss(each) for each in both)
    found = -float((probabilities(fresh) * np.log(model.predict_proba(fresh))).sum(1).mean())
    assert found == pytest.approx(loss(expected), abs=0.01)
