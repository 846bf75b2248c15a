"""Processes of classes of many rows: the mode, left-out rows, what they leave open, and the network that learns from them."""

import numpy as np
import pytest
import torch

from splinework import KANClassifier
from splinework.nn.network import KAN
from splinework.tabular import latent_process, many_row_process
from splinework.tabular.assembly import Standardisation
from splinework.tabular.ensemble import DecayGroup
from splinework.tabular.latent_process import latent_estimate
from splinework.tabular.many_row_process import learned_network, mode_of_many
from splinework.tabular.tasks import Binary, Multiclass, targets_of

TASKS = [Binary(), Multiclass()]


def drawn(task, count, seed=0, idle=1):
    """Inputs `(count, 2 + idle)`, class indicators under the likelihood, weights of mean 1, and the true outputs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 2 + idle))
    f = 2 * np.sin(2 * x[:, 0]) + x[:, 0] * x[:, 1]
    odds = f[:, None] if isinstance(task, Binary) else np.stack([f, 0 * f, x[:, 1] - f], 1)
    logits = np.concatenate([0 * odds, odds], 1) if isinstance(task, Binary) else odds
    y = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    weights = torch.from_numpy(rng.uniform(0.5, 1.5, count))
    return torch.from_numpy(x), targets_of(y, task, 3), weights / weights.mean(), torch.from_numpy(odds)


def only(inputs, count):
    return torch.arange(count) < inputs


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_with_as_many_nodes_as_rows_the_mode_is_that_of_the_exact_process(task, monkeypatch):
    """The pull of the rows is that of the prior, `K⁻¹ (f - m) = ∇ log p(y | f)` (Rasmussen & Williams 2006, eq. 3.17)."""
    monkeypatch.setattr(many_row_process, "MIN_GAIN", 1e-12)
    x, y, weights, odds = drawn(task, 150)
    mode = mode_of_many(x, y, weights, task, odds, only(2, 3), 0, nodes=150)
    pull = -weights[:, None] * task.slope(mode.outputs, y)
    for j, process in enumerate(mode.processes):
        kernel = process.covariance((x - process.shift) / process.scale, (x - process.shift) / process.scale)
        wanted = process.centre + process.spread**2 * (kernel @ pull[:, j])
        scale = float((mode.outputs[:, j] - process.centre).abs().max())
        torch.testing.assert_close(mode.outputs[:, j], wanted, rtol=0, atol=0.02 * scale)


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_the_processes_say_what_the_mode_says(task):
    """Means, deviations and left-out rows by the processes' own formulas, at the rows that they were fitted to."""
    x, y, weights, odds = drawn(task, 400)
    mode = mode_of_many(x, y, weights, task, odds, only(2, 3), 0, nodes=100)
    for j, process in enumerate(mode.processes):
        mean, deviation = process.posterior(x)
        scale = float(mode.outputs[:, j].std())
        torch.testing.assert_close(mean, mode.outputs[:, j], rtol=0, atol=1e-3 * scale)
        torch.testing.assert_close(deviation.square(), mode.variance[:, j], rtol=0.02, atol=1e-4 * scale**2)
        response, known = task.working(mode.outputs, y, weights, j, many_row_process.MIN_SLOPE)
        again = process.given(response, known / known.mean(), 1 / float(known.mean()), process.kernel(x))
        torch.testing.assert_close(response - again.left_out, mode.unseen[:, j], rtol=0.05, atol=0.05 * scale)


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_processes_depend_on_inputs_that_are_used_only_and_on_rows_with_known_outputs(task):
    x, y, weights, odds = drawn(task, 300, idle=2)
    known = odds.clone()
    known[::3] = torch.nan
    mode = mode_of_many(x, y, weights, task, known, only(2, 4), 0, nodes=80)
    assert bool(mode.outputs.isfinite().all())
    assert bool(mode.unseen.isfinite().all())
    moved = x.clone()
    moved[:, 2:] += 1.0
    for process in mode.processes:
        assert process.covariance.depends.tolist() == [True, True, False, False]
        torch.testing.assert_close(process(moved), process(x))


def test_a_few_nodes_predict_left_out_rows_like_the_process_of_all(monkeypatch):
    task = Multiclass()
    x, y, weights, odds = drawn(task, 300, seed=3, idle=0)
    exact = latent_estimate(x, y, weights, task, task.constant(y, weights).expand_as(y), seed=0)
    monkeypatch.setattr(many_row_process, "N_NODES", 100)
    few = latent_estimate(x, y, weights, task, odds, seed=0, seen=(odds, only(2, 2)))
    losses = [task.loss(each.out_of_fold, y) for each in (exact, few)]
    gap = losses[1] - losses[0]
    assert float(gap.mean()) < max(2 * float(gap.std()) / len(gap) ** 0.5, 0.01)
    assert float(losses[1].mean()) > float(task.loss(odds, y).mean()) - 0.02  # left-out rows are not seen ones


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_network_learns_a_function_of_the_used_inputs_beside_curves(outputs):
    rng = np.random.default_rng(0)
    x, fresh = (torch.from_numpy(2 + 3 * rng.normal(size=(count, 3))) for count in (3000, 1000))
    size = torch.arange(1.0, outputs + 1).double()
    curves = KAN([3, outputs], grid=6, base="none", dtype=torch.float64)
    scaling = Standardisation(x.mean(0), x.std(0), torch.full((outputs,), 0.5).double(), 2 * size)
    curves.input_scaling.set(scaling.x_shift, scaling.x_scale)
    curves.output_scaling.set(scaling.y_shift, scaling.y_scale)

    def teacher(points):
        a, b = ((points - 2) / 3)[:, :2].T
        return 10 * size * (torch.sin(a) * b + a)[:, None]

    steps = []
    how = {"seed": 0, "max_iter": 2000, "on_step": lambda *step: bool(steps.append(step[0]))}
    model, taught = learned_network(curves, teacher, x, only(2, 3), scaling, **how)
    torch.testing.assert_close(taught, teacher(x))
    wanted = teacher(fresh)
    assert float((model(fresh).detach() - wanted).square().mean()) < 0.01 * float(wanted.var())
    assert set(steps) == {"smooth"}


@pytest.mark.parametrize(("wrong", "lapses", "rows", "seed"), [(0.0, 0.2, 400, 5), (0.2, 0.2, 1000, 6)])
def test_the_likelihood_is_one_of_right_labels_where_these_are_right(wrong, lapses, rows, seed, monkeypatch):
    """Rates that curves take from what they cannot follow are no rates of a process.

    What the rates gain is -1.6 and 21.6 nats on every path of tests/portable, to 0.05; asked is whether it is above 1.
    """
    task = Binary((lapses / 2, lapses / 2))
    x, _, weights, odds = drawn(Binary(), rows, seed=seed, idle=0)
    rng, odds = np.random.default_rng(0), 4 * odds if wrong else odds
    chance = wrong / 2 + (1 - wrong) * torch.sigmoid(odds)
    y = (torch.from_numpy(rng.random((rows, 1))) < chance).double()
    asked = []
    working = Binary.working

    def seen(self, *given):
        asked.append(self)
        return working(self, *given)

    monkeypatch.setattr(Binary, "working", seen)
    mode = mode_of_many(x, y, weights, task, odds, only(2, 2), 0, nodes=100)
    assert bool(asked[-1].lapses) is bool(wrong)
    assert bool(mode.moderated.isfinite().all())


@pytest.mark.slow
def test_classes_of_many_rows_are_taught_by_a_process(monkeypatch):
    """No second-order steps are taken, nor rows conditioned on one output after the other."""
    monkeypatch.setattr("splinework.tabular.smooth.teach", None)
    monkeypatch.setattr(latent_process, "_posterior_mode", None)
    x, y, _, _ = drawn(Binary(), 2100, seed=1)
    model = KANClassifier(max_iter=1000).fit(x.numpy(), y[:, 0].numpy())
    assert any(step["stage"] == "smooth" for step in model.history_)
    fresh, labels, _, odds = drawn(Binary(), 4000, seed=2)
    chances = torch.from_numpy(model.predict_proba(fresh.numpy())[:, 1:]).clamp(1e-9, 1 - 1e-9)
    assert float(Binary().loss(torch.logit(chances), labels).mean()) < float(Binary().loss(odds, labels).mean()) + 0.02


@pytest.mark.parametrize(("rows", "trainings"), [(4900, [(2000, 2)]), (5100, [(1000, 1), (2000, 2)])])
def test_the_first_training_of_many_rows_of_classes_is_short_and_has_one_weight_decay(rows, trainings, monkeypatch):
    """It only has to tell which inputs matter."""
    asked = []

    def recorded(net, u, y, weights, offsets, fold, task, settings, *rest):
        asked.append((settings.steps, len(settings.weight_decays)))
        return [DecayGroup(i, torch.zeros_like(y), None, 0, 0.0) for i in range(len(settings.weight_decays))]

    monkeypatch.setattr("splinework.tabular.interactions.train_ensemble", recorded)
    monkeypatch.setattr("splinework.tabular.network_fit.latent_network", lambda *rest: None)
    x, y, _, _ = drawn(Binary(), rows)
    KANClassifier().fit(x.numpy(), y[:, 0].numpy())
    assert asked == trainings


def test_of_a_rare_class_those_rows_say_how_smooth_it_is_that_tell_of_it(monkeypatch):
    """Six hundred rows drawn evenly have a dozen labels of a class of two hundredths."""
    monkeypatch.setattr(many_row_process, "MAX_EVIDENCE_ROWS", 100)
    x, _, weights, odds = drawn(Binary(), 1500)
    odds = odds - 6
    y = (torch.from_numpy(np.random.default_rng(0).random((1500, 1))) < torch.sigmoid(odds)).double()
    told, original = [], many_row_process.fit_process

    def recorded(u, t, *, weights, noise, **how):
        told.append(float(weights.sum()) / noise)
        return original(u, t, weights=weights, noise=noise, **how)

    monkeypatch.setattr(many_row_process, "fit_process", recorded)
    mode_of_many(x, y, weights, Binary(), odds, only(2, 3), 0, nodes=100)
    p = torch.sigmoid(odds[:, 0])
    assert told[0] > 2 * 100 * float((weights * p * (1 - p)).mean())
