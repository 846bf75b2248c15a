"""Boosted trees as teachers: each row is left out where it is judged, and networks follow trees only where these are better."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.train import Roughness, boosting, distillation
from splinework.train import exchange as exchanging
from splinework.train import teacher as teaching
from splinework.train.between_rows import N_FOLDS
from splinework.train.boosting import LEAVES, BoostedTrees, BoostingTeacher, best_trees
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import Samples
from splinework.train.process_teacher import ProcessTeacher
from splinework.train.teacher import Learned, finish
from tests.families import slow
from tests.train.lessons import lesson, stepped


def drawn(count, seed, inputs=4):
    return torch.rand(count, inputs, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


def samples(count, seed, outputs=1, noise=0.1):
    u = drawn(count, seed)
    t = torch.cat([stepped(u.roll(k, 1)) for k in range(outputs)], dim=1)
    return Samples(
        u, t + noise * torch.randn(t.shape, generator=torch.Generator().manual_seed(seed), dtype=t.dtype), None
    )


@pytest.mark.quick(2)
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("row", [0, 17, 119])
def test_what_trees_predict_of_a_row_is_the_same_whatever_its_own_target(row, outputs):
    rows = samples(120, 0, outputs)
    other = Samples(rows.u, rows.t.clone(), None)
    other.t[row] += 100
    before, after = (part.t - BoostedTrees.of(part, 0, 8).left_out for part in (rows, other))
    assert torch.allclose(before[row], after[row], atol=1e-12)
    assert not torch.allclose(before, after)


def test_trees_are_the_mean_of_those_without_each_fold():
    rows, u = samples(150, 1, outputs=2), drawn(40, 2)
    trees = BoostedTrees.of(rows, 0, 8)
    wanted = [[each.predict(u.numpy()) for each in members] for members in trees.members]
    assert len(wanted) == N_FOLDS
    assert torch.allclose(trees(u), torch.from_numpy(np.mean(wanted, axis=0)).T, atol=1e-14)


def test_rows_that_weigh_more_are_met_better():
    rows = samples(120, 3, noise=1.0)
    weights = torch.ones(120, dtype=torch.float64).index_fill_(0, torch.arange(60), 50.0)
    plain, weighted = (BoostedTrees.of(Samples(rows.u, rows.t, w), 0, 8)(rows.u) - rows.t for w in (None, weights))
    assert weighted[:60].square().mean() < plain[:60].square().mean()


def test_larger_trees_are_tried_unless_small_ones_are_far_behind(monkeypatch):
    rows, tried, own = samples(800, 4), [], BoostedTrees.of

    def counted(rows, seed, leaves):
        tried.append(leaves)
        return own(rows, seed, leaves)

    monkeypatch.setattr(boosting.BoostedTrees, "of", counted)
    _, is_ahead = best_trees(rows, 0, torch.zeros(800, dtype=torch.float64))
    assert not is_ahead
    assert tried == [LEAVES[0]]
    found, is_ahead = best_trees(rows, 0, torch.ones(800, dtype=torch.float64))
    assert is_ahead
    assert tried[1:] == list(LEAVES)
    assert found.left_out.square().mean() <= min(own(rows, 0, leaves).left_out.square().mean() for leaves in LEAVES)


@pytest.mark.parametrize("quality", [0.0, 0.2, 1.0, 50.0])
def test_a_blend_is_known_by_its_left_out_rows_and_has_no_part_that_adds_nothing(quality):
    rows = samples(200, 5)
    trees = BoostedTrees.of(rows, 0, 8)
    process = ProcessTeacher.of(rows, 0, quick=True)
    errors = quality * torch.randn(rows.t.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    class Beside:
        left_out = errors

        def __call__(self, u):
            return process(u)

    teacher, u = BoostingTeacher.of(trees, Beside()), drawn(30, 6)
    if quality == 50.0:
        assert teacher.beside is None
        assert torch.equal(teacher(u), trees(u))
        assert torch.equal(teacher.left_out, trees.left_out)
    else:
        assert torch.allclose(teacher(u), teacher.share * process(u) + (1 - teacher.share) * trees(u))
        assert teacher.left_out.square().mean() <= 1.01 * min(errors.square().mean(), trees.left_out.square().mean())
    assert teacher.uncertainty(u) == pytest.approx(float(teacher.left_out.square().mean().sqrt()))
    means, deviations = teacher.posterior(u)
    assert torch.equal(means, teacher(u))
    assert bool((deviations == teacher.uncertainty(u)).all())


def error(model, truth, u):
    with torch.no_grad():
        return float((model(u) - truth(u)).square().mean().sqrt() / truth(u).std())


@pytest.mark.slow
def test_where_steps_need_trees_networks_follow_them():
    ratios, fresh = [], drawn(2000, 50)
    for seed in range(4):
        rows = samples(500, 10 + seed)
        result = sw.fit(sw.KAN([4, 5, 1]), rows.u, rows.t, progress=False, seed=seed)
        assert any("boosted trees" in decision.text for decision in result.history.decisions)
        process = ProcessTeacher.of(rows, 0, quick=True)
        ratios.append(error(result.model, stepped, fresh) / error(process, stepped, fresh))
    assert np.exp(np.log(ratios).mean()) < 0.75


@pytest.mark.parametrize("seed", range(4))
def test_trees_teach_a_network_that_has_followed_a_process_which_knows_less(seed, monkeypatch):
    monkeypatch.setattr(distillation, "MIN_POINTS", 600)
    monkeypatch.setattr(distillation, "POINTS_PER_PARAMETER", 1)
    monkeypatch.setattr(distillation, "N_STARTS", 1)
    rows, held, fresh = samples(500, seed), samples(200, 100 + seed), drawn(1000, 200 + seed)
    process = ProcessTeacher.of(rows, 0, quick=True)
    run, objective, plan = lesson(rows.u, rows.t, seed, hidden=5)
    run.judge_anew(objective, DataObjective(objective.model, u=held.u, t=held.t))
    found = boosting.taught_by_trees(run, objective, plan, process, seed, followed=True, last=False)
    assert found is not None
    assert error(run.best.unit_forward, stepped, fresh) < 0.9 * error(process, stepped, fresh)
    assert "stays so" in run.history.decisions[-1].text


@pytest.mark.parametrize("case", ["smooth", *slow("smooth and noisy", "a sum of curves")])
def test_where_the_target_is_smooth_no_network_learns_from_trees(case):
    u = drawn(200, 7)
    t = (
        u[:, :1].sin() + u[:, 1:2] ** 2
        if case == "a sum of curves"
        else torch.sin(2 * u[:, :1] * u[:, 1:2] + u[:, 2:3])
    )
    noise = 0.0 if case == "smooth" else 0.3
    y = t + noise * torch.randn(t.shape, generator=torch.Generator().manual_seed(1), dtype=t.dtype)
    result = sw.fit(sw.KAN([4, 2, 1]), u, y, progress=False)
    assert not any("boosted trees" in decision.text for decision in result.history.decisions)


@pytest.mark.parametrize("veto", ["goes astray", "errs more"])
def test_held_out_rows_that_prefer_the_network_before_keep_all_of_it(veto, monkeypatch):
    rows = samples(300, 8)
    run, objective, plan = lesson(rows.u, rows.t, 0)
    held = samples(100, 9)
    run.judge_anew(objective, DataObjective(objective.model, u=held.u, t=held.t))
    before, score = run.best, run.best_score
    if veto == "goes astray":
        monkeypatch.setattr(boosting, "goes_astray", lambda *given: True)
        taught = objective.model
    else:
        taught = sw.KAN([4, 9, 1], dtype=torch.float64)
        monkeypatch.setattr(boosting, "goes_astray", lambda *given: False)
        with torch.no_grad():
            taught.kan_layers[-1].bias.add_(100)
    monkeypatch.setattr(boosting, "teach", lambda *given, **how: (taught, "a lesson"))
    found = boosting.taught_by_trees(run, objective, plan, None, 0, followed=False, last=True)
    assert found is None
    assert run.best is before
    assert run.best_score == score
    assert "prefer the network before" in run.history.decisions[-1].text


def test_an_interrupted_lesson_of_trees_leaves_the_network_before_it(monkeypatch):
    rows, held = samples(300, 8), samples(100, 9)
    run, objective, plan = lesson(rows.u, rows.t, 0)
    run.judge_anew(objective, DataObjective(objective.model, u=held.u, t=held.t))
    before = run.best

    def interrupted(run, objective, *given, **how):
        run.judge_anew(objective.on(sw.KAN([4, 9, 1], dtype=torch.float64)), None)
        raise KeyboardInterrupt

    monkeypatch.setattr(boosting, "teach", interrupted)
    with pytest.raises(KeyboardInterrupt):
        boosting.taught_by_trees(run, objective, plan, None, 0, followed=False, last=True)
    assert run.best is before


@pytest.mark.parametrize("beside", [True, False])
def test_all_rows_teach_at_the_end_by_trees_of_as_many_leaves(beside, monkeypatch):
    rows, asked = samples(200, 11), []
    run, objective, plan = lesson(rows.u, rows.t, 0)
    most = Samples(rows.u[:150], rows.t[:150], None)
    process = ProcessTeacher.of(most, 0, quick=True) if beside else None
    learned = Learned("trees", trees=BoostingTeacher(BoostedTrees.of(most, 0, 31), process, 0.5 * beside))
    run.best, run.best_score = objective.model, 1.0
    monkeypatch.setattr(distillation, "N_FINAL_STEPS", 1)
    monkeypatch.setattr(exchanging, "N_EXCHANGES", 0)
    own = teaching.ProcessTeacher.of
    monkeypatch.setattr(
        teaching.ProcessTeacher, "of", lambda rows, *given, **how: asked.append(rows) or own(rows, *given, **how)
    )
    taught = []
    monkeypatch.setattr(
        distillation, "exchange", lambda run, student, plan, rows, teacher, seed: taught.append(teacher)
    )
    finish(run, objective, plan, 0, learned)
    assert taught[0].trees.leaves == 31
    assert len(taught[0].trees.left_out) == 200
    assert [len(each.u) for each in asked] == ([200] if beside else [])


@pytest.mark.parametrize("rough", [True, False])
def test_a_rough_lesson_has_all_rows_and_ends_under_its_own_penalties(rough, monkeypatch):
    rows, met = samples(2000, 12), []
    run, objective, plan = lesson(rows.u, rows.t, 0, hidden=1)
    teacher, penalty = BoostingTeacher(BoostedTrees.of(rows, 0, 8)), Roughness(1e-3)
    monkeypatch.setattr(distillation, "run_stages", lambda run, student, plan: met.append((student, plan)))
    monkeypatch.setattr(distillation, "exchange", lambda *given: None)
    distillation.teach(run, objective, plan, teacher, 0, rough=rough)
    student, chosen = met[0]
    assert len(student.u) == (2000 if rough else distillation.MIN_POINTS)
    assert chosen.smooths == ("noisy" if rough else "never")
    run.best_penalties = (penalty,)
    monkeypatch.setattr(run, "advance", lambda student, *given: met.append(student))
    distillation.teach_finally(run, objective, plan, teacher, 0, rough=rough)
    assert met[-1].penalties == ((penalty,) if rough else ())
    assert len(met[-1].u) == len(student.u)
