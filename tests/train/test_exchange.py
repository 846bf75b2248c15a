"""The exchange: networks stay near a process where few points or rows have come to, and pay nothing for it elsewhere."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.train import distillation
from splinework.train import exchange as exchanging
from splinework.train import teacher as teaching
from splinework.train.between_rows import new_points, outer_points
from splinework.train.data_split import Samples
from splinework.train.distillation import teach
from splinework.train.exchange import exchange
from splinework.train.process_teacher import ProcessTeacher
from tests.train.lessons import lesson


@pytest.mark.parametrize("seed", [2, 0, 1, 3, 4])
def test_a_taught_network_stays_near_its_teacher_beyond_rows_of_columns_that_go_together(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 1)) + 0.3 * rng.normal(size=(60, 4))
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] / 4 + 0.2 * rng.normal(size=60)
    u, t = torch.from_numpy(x / x.std(0)), torch.from_numpy((y - y.mean()) / y.std())[:, None]
    teacher = ProcessTeacher.of(Samples(u, t, None), seed)
    run, objective, plan = lesson(u, t, seed)
    taught, _ = teach(run, objective, plan, teacher, seed)
    outer = outer_points(u, 2000, torch.Generator().manual_seed(seed + 1000))
    off = (taught.unit_forward(outer) - teacher(outer)).detach()[:, 0] / teacher.processes[0].deviation(outer)
    assert off.square().mean() < 1
    unseen = new_points(u, round(distillation.HELD_OUT_SHARE * distillation.MIN_POINTS), seed)
    missed = (taught.unit_forward(unseen).detach() - teacher(unseen)).square().mean().sqrt()
    assert math.isclose(run.best_score, float(missed), rel_tol=1e-9)  # nothing of what lies beyond them


def test_what_is_won_beyond_the_rows_is_not_paid_for_between_them(monkeypatch):
    u = torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    teacher = ProcessTeacher.of(Samples(u, torch.sin(u[:, :1]) + u[:, 1:], None), 0)
    run, objective, plan = lesson(u, teacher(u), 0)
    first, flat = copy.deepcopy(objective.model), copy.deepcopy(objective.model)
    with torch.no_grad():
        for parameter in flat.parameters():
            parameter.zero_()
    run.best, met = first, []

    def spoil(*_):
        """A step after which the judge likes a network that is far worse between the rows."""
        met.append(True)
        run.best, run.best_score = flat, 0.0

    def nearly(_, at):
        return first.unit_forward(at).detach() + 0.01

    monkeypatch.setattr(run, "advance", spoil)
    monkeypatch.setattr(exchanging, "MAX_RATIO", 0.0)
    monkeypatch.setattr(ProcessTeacher, "__call__", nearly)
    points = new_points(u, 200, 0)
    exchange(run, replace(objective.on(first), u=points, t=nearly(None, points)), plan, u, teacher, 0)
    assert met == [True]
    assert torch.equal(run.best.unit_forward(points), first.unit_forward(points))


@pytest.mark.parametrize(("gains", "rounds"), [([0.5, 0.9], 2), ([0.9], 1), ([0.5, 0.5, 0.5, 0.5], 4)])
def test_points_are_added_while_they_lower_what_a_network_differs_by(gains, rounds, monkeypatch):
    u = torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    teacher = ProcessTeacher.of(Samples(u, torch.sin(u[:, :1]) + u[:, 1:], None), 0)
    run, objective, plan = lesson(u, teacher(u), 0)
    run.best, left = objective.model, [*gains]

    def lower(*_):
        run.best_score *= left.pop(0)

    monkeypatch.setattr(run, "advance", lower)
    monkeypatch.setattr(exchanging, "MAX_RATIO", 0.0)
    exchange(run, objective, plan, u, teacher, 0)
    assert len(gains) - len(left) == rounds
    assert not left


@pytest.mark.parametrize(("off", "target", "rounds"), [(5e-4, 0.0, 0), (2e-3, 0.0, 1), (5e-4, 1e-4, 1)])
def test_a_network_that_can_do_no_better_is_left_alone_where_it_is_hardly_off(off, target, rounds, monkeypatch):
    u = torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    teacher = ProcessTeacher.of(Samples(u, torch.sin(u[:, :1]) + u[:, 1:], None), 0)
    run, objective, plan = lesson(u, teacher(u), 0)
    run.best, run.target, met = copy.deepcopy(objective.model), target, []
    monkeypatch.setattr(run, "advance", lambda *_: met.append(True))
    monkeypatch.setattr(exchanging, "MAX_RATIO", 0.0)
    away = off * math.sqrt(objective.spread)
    monkeypatch.setattr(ProcessTeacher, "__call__", lambda _, at: run.best.unit_forward(at).detach() + away)
    monkeypatch.setattr(ProcessTeacher, "posterior", lambda self, at: (self(at), torch.ones(len(at), 1).double()))
    exchange(run, objective, plan, u, teacher, 0)
    assert len(met) == rounds


def corners(count, seed):
    """Rows of two columns that go together, of which few lie in the corners between them, and a smooth function of both."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (count, 1)) + 0.15 * rng.normal(size=(count, 3))
    return x, np.exp(0.7 * x[:, 0] * x[:, 1]) + np.sin(2 * x[:, 2])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_network_that_rows_have_taught_is_kept_near_a_process_where_there_are_none(seed, monkeypatch):
    x, y = corners(90, seed)
    new, truth = corners(2000, seed + 100)

    def error():
        model = sw.KAN([3, 5, 1], generator=torch.Generator().manual_seed(0))
        result = sw.fit(model, x, y, progress=False, seed=seed, starts=2)
        off = result.model(torch.from_numpy(new)).detach().numpy()[:, 0] - truth
        return float(np.sqrt(np.mean(off**2))), result

    monkeypatch.setattr(teaching, "prefers", lambda *given, **known: True)  # whatever else a process may teach
    near, result = error()
    assert any("keep the network near" in each.text for each in result.history.decisions)
    monkeypatch.setattr(exchanging, "N_EXCHANGES", 0)
    astray, _ = error()
    assert near < 0.5 * astray


def test_a_process_counts_beside_rows_in_proportion_to_what_it_knows_and_predicts():
    u = torch.rand(60, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    teacher = ProcessTeacher.of(Samples(u, torch.sin(3 * u), None), 0)
    deviations, shares = torch.logspace(-6, 3, 30, dtype=torch.float64)[:, None], []
    for wrong in (0.0, 0.5):
        run, objective, _ = lesson(u, torch.sin(3 * u) + wrong, 0)
        run.best, run.held_out = objective.model, objective
        around = exchanging._Surroundings.beside_rows(run, objective, teacher, 0)
        weights = around.certainty(deviations)
        less = weights < 1
        torch.testing.assert_close(weights[less], around.variance / deviations[less, 0].square())
        assert bool(less.any())
        assert bool((weights[~less] == 1).all())
        shares.append(around.variance / objective.loss_value())
    assert shares[0] <= 1 + 1e-12
    assert shares[1] < 1e-3 * shares[0]  # it is wrong of rows that are held out
