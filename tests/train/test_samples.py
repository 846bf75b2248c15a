"""Many rows: coarse work is done on a sample of them, and all rows have the last word."""

import pytest
import torch

from splinework.train import data_objective, fit, refinement
from splinework.train.coordinates import effective_parameters
from splinework.train.data_objective import MIN_SAMPLE_ROWS, MIN_SAVING, SAMPLE_VALUES_PER_PARAMETER, DataObjective
from splinework.train.objective import EXPENSIVE_PATIENCE, MAX_CHEAP_WORK, PATIENCE
from splinework.train.optim import LevenbergMarquardt
from splinework.train.refinement import MAX_STEPS_AFTER_SAMPLE, converge
from splinework.train.run import TrainingRun
from splinework.train.smoothing import smooth_edges
from tests.contracts.cases import normal, relative_distance, seeded
from tests.train.cases import fresh, noise, objective_of, smooth, uniform

ROWS = 6000


def rows_of(model, count=ROWS):
    x = uniform(count, model.inputs)
    return x, smooth(x).expand(-1, model.outputs)


def keys(objective):
    return {tuple(row) for row in torch.cat([objective.u, objective.t], 1).tolist()}


@pytest.mark.parametrize("shape", [[2, 1], [2, 5, 1], [2, 3, 4]], ids=str)
def test_a_sample_has_enough_values_for_the_parameters_and_that_of_a_smaller_model_is_in_it(shape):
    small, large = fresh(shape, grid=3), fresh(shape, grid=9)
    x, y = rows_of(small)
    samples = [objective_of(model, x, y).subsample() for model in (small, large)]
    for model, sample in zip((small, large), samples, strict=True):
        wanted = SAMPLE_VALUES_PER_PARAMETER * model.parameter_count(active=True)
        assert sample.count == max(-(-wanted // model.outputs), MIN_SAMPLE_ROWS)
        assert keys(sample) <= keys(objective_of(model, x, y))
        assert sample.spread == pytest.approx(objective_of(model, x, y).spread, rel=0.2)
    assert torch.equal(samples[1].u[: samples[0].count], samples[0].u)


def test_few_rows_are_all_taken_and_weights_of_a_sample_have_mean_one():
    model = fresh([2, 1])
    x, y = rows_of(model)
    few = objective_of(model, x[: int(MIN_SAVING * MIN_SAMPLE_ROWS) - 1], y)
    assert few.subsample() is few
    weights = normal(ROWS, seed=3).exp()
    whole = DataObjective(model, u=x, t=y, weights=weights / weights.mean())
    sample = whole.subsample()
    assert sample.weights.mean().item() == pytest.approx(1, abs=1e-12)
    ratio = sample.weights / whole.weights[[whole.u[:, 0].tolist().index(v) for v in sample.u[:, 0].tolist()]]
    assert ratio.std() <= 1e-12 * ratio.mean()


def test_the_seed_of_a_fit_draws_its_sample(monkeypatch):
    model = fresh([2, 1])
    x, y = rows_of(model)
    one, other = (DataObjective(model, u=x, t=y, seed=seed).subsample() for seed in (1, 2))
    assert len(keys(one) & keys(other)) < 0.5 * one.count
    seen = []
    draw = DataObjective.subsample

    def subsample(self):
        seen.append(self.seed)
        return draw(self)

    monkeypatch.setattr(DataObjective, "subsample", subsample)
    fit(model, x, y, seed=7, steps=2, progress=False)
    assert set(seen) == {7}


@pytest.mark.slow
def test_nothing_grows_beyond_a_second_a_step_or_where_slow_steps_have_little_left(monkeypatch):
    x = uniform(3000, 2)
    y = torch.exp(torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2)

    def resolutions(**constants):
        for name, value in constants.items():
            monkeypatch.setattr(refinement, name, value)
        objective = objective_of(fresh([2, 1, 1]), x, y)
        run = TrainingRun(held_out=None, generator=seeded())
        run.judge_anew(objective, None)
        run.advance(objective, LevenbergMarquardt(), 40, "first")
        refinement.refine_grids(run, objective, LevenbergMarquardt(), None, 10)
        refinement.raise_degrees(run, objective, LevenbergMarquardt(), 10)
        return {(step.grids, step.degrees) for step in run.history.steps}

    assert len(resolutions()) > 1
    assert len(resolutions(MAX_GROWN_WORK=1.0)) == 1
    assert len(resolutions(MAX_GROWN_WORK=1e12, MAX_CHEAP_WORK=1.0, MAX_NEGLIGIBLE_SHARE=1.0)) == 1


def test_a_sample_that_ends_a_stage_leaves_its_model_as_the_best():
    x = uniform(4000, 2)
    objective = objective_of(fresh([2, 1]), x, smooth(x))
    run = TrainingRun(held_out=None, generator=seeded())
    run.judge_anew(objective, None)
    before = run.best_score
    converge(run, objective, LevenbergMarquardt(), 20, "grid", unless=lambda: True)
    assert run.best_score < 0.9 * before
    assert run.best_score == pytest.approx(run.score(objective), rel=1e-12)


def test_steps_of_expensive_objectives_are_watched_more_closely():
    model = fresh([2, 5, 1])
    x, y = rows_of(model, 100)
    cheap = objective_of(model, x, y)
    assert cheap.work == 100 * model.parameter_count(active=True) ** 2
    assert cheap.patience == PATIENCE
    many = int(MAX_CHEAP_WORK // model.parameter_count(active=True) ** 2) + 1
    assert objective_of(model, *rows_of(model, many)).patience == EXPENSIVE_PATIENCE


def test_each_stage_ends_on_all_rows_and_leaves_the_least_error_there():
    x = uniform(4000, 2)
    y = torch.exp(torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2)
    result = fit(fresh([2, 1, 1]), x, y, progress=False, starts=2, grids=[10], degree="keep")
    steps = [step for step in result.history.steps if not step.stage.startswith("start")]
    stages = list(dict.fromkeys(step.stage for step in steps))
    assert "grid 5, sample" in stages
    for stage in stages:
        if stage.endswith(", sample"):
            own = stage.removesuffix(", sample")
            assert stages[stages.index(stage) + 1] == own
            assert 1 <= sum(step.stage == own for step in steps) <= MAX_STEPS_AFTER_SAMPLE
    error = (result.model(x) - y).square().mean().sqrt().item()
    assert error < 1e-3
    assert result.history[-1].rmse_train == pytest.approx(error, rel=1e-6)


def test_steps_on_a_sample_are_not_judged_by_it_and_few_follow_on_all_rows(monkeypatch):
    monkeypatch.setattr(refinement, "MAX_STEPS_AFTER_SAMPLE", 2)
    x = uniform(4000, 2)
    objective = objective_of(fresh([2, 1]), x, smooth(x) + 0.1 * noise(4000))
    for held_out in (None, objective_of(objective.model, x[:500], smooth(x[:500]))):
        seen = []
        run = TrainingRun(held_out=held_out, generator=seeded())
        run.callbacks = (lambda step, run=run, seen=seen: seen.append((step.stage, run.judging)),)
        run.judge_anew(objective, held_out)
        converge(run, objective.on(fresh([2, 1])), LevenbergMarquardt(), 20, "grid")
        assert {judging for stage, judging in seen if stage == "grid, sample"} == {held_out is not None}
        assert {judging for stage, judging in seen if stage == "grid"} == {True}
        assert sum(stage == "grid" for stage, _ in seen) <= 2
        last = [step.rmse_train**2 for step in run.history.steps if step.stage == "grid"]
        assert held_out is not None or run.best_score**2 == pytest.approx(min(last), rel=1e-9)


def test_smoothing_by_way_of_a_sample_ends_where_it_ends_on_all_rows(monkeypatch):
    """λ = σ²/(n τ²): the variances σ² and τ² do not depend on the number of rows n."""
    x = uniform(ROWS, 2)
    y = torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2 + 0.5 * noise(ROWS)
    found = []
    for saving in (MIN_SAVING, float("inf")):
        monkeypatch.setattr(data_objective, "MIN_SAVING", saving)
        objective = objective_of(fresh([2, 1]), x, y)
        run = TrainingRun(held_out=None, generator=seeded())
        run.judge_anew(objective, None)
        smoothed = smooth_edges(run, objective, LevenbergMarquardt())
        found.append((smoothed.model.unit_forward(x).detach(), effective_parameters(smoothed)))
    assert relative_distance(found[0][0], found[1][0]) <= 2e-3
    assert found[0][1] == pytest.approx(found[1][1], rel=0.05)
