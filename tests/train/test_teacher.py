"""Teachers: where rows are few or noisy a network is as good as a Gaussian process, and where it can be better it is."""

import copy
import functools
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.data import SpecialSet
from splinework.train import Roughness, distillation, fitting, process_search
from splinework.train import exchange as exchanging
from splinework.train import teacher as teaching
from splinework.train.additive_network import N_CHOICES, estimated_curves, put_curves, shows_nothing
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import Samples
from splinework.train.fitting import prepare
from splinework.train.gaussian_process import fit_process
from splinework.train.options import TrainingOptions
from splinework.train.plan import make_plan
from splinework.train.process_teacher import ProcessTeacher
from splinework.train.teacher import Learned, finish, is_teachable
from splinework.train.uncertainty import _typical_size
from tests.contracts.cases import relative_distance
from tests.train.lessons import lesson


def friedman(x):
    x = (x + 1) / 2
    product = 10 * np.sin(np.pi * x[:, 0] * x[:, 1])
    return (product + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]) / 5


TARGETS = {
    "friedman": (5, friedman),
    "a ridge function, two columns idle": (4, lambda x: np.tanh(3 * (x[:, 0] - 0.45 * x[:, 1]))),
    "a line": (4, lambda x: x[:, 0] - 0.5 * x[:, 1]),
    "a product": (2, lambda x: np.sin(5 * x[:, 0] * x[:, 1])),
}


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("a product", 60),
        *(
            pytest.param(name, 60, marks=pytest.mark.slow)
            for name in ("friedman", "a line", "a ridge function, two columns idle")
        ),
        pytest.param("a product", 200, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_from_few_noisy_rows_a_network_is_as_good_as_a_gaussian_process(name, rows):
    inputs, truth = TARGETS[name]
    rng = np.random.default_rng(6)
    x, fresh = rng.uniform(-1, 1, (rows, inputs)), rng.uniform(-1, 1, (2000, inputs))
    spread = truth(fresh).std()
    y = truth(x) + 0.2 * spread * rng.normal(size=rows)
    result = sw.fit(sw.KAN([inputs, 5, 1]), x, y, progress=False)
    error = (result.model(torch.from_numpy(fresh)).detach().numpy()[:, 0] - truth(fresh)).std() / spread
    process = fit_process(torch.from_numpy(x), torch.from_numpy(y))
    smooth = (process(torch.from_numpy(fresh)).numpy() - truth(fresh)).std() / spread
    assert error < 1.4 * smooth
    assert error < 0.6
    assert any(decision.kind == "teacher" for decision in result.history.decisions)


@pytest.mark.slow
def test_a_function_that_a_network_meets_exactly_is_not_left_to_the_process():
    x = np.random.default_rng(0).uniform(-1, 1, (100, 2))
    model = sw.fit(sw.KAN([2, 2, 1]), x, x[:, :1] * x[:, 1:], progress=False, starts=2).model
    fresh = np.random.default_rng(1).uniform(-0.95, 0.95, (500, 2))
    error = model(torch.from_numpy(fresh)).detach().numpy()[:, 0] - fresh[:, 0] * fresh[:, 1]
    assert error.std() < 1e-7


@pytest.mark.slow
def test_a_network_follows_a_clean_teacher_by_higher_degrees():
    """Cubic splines on the grids that the points allow end at 1e-5 of the spread."""
    rows, fresh = (SpecialSet("sph_harm22").draw(count, seed=seed) for count, seed in ((1000, 11), (1000, 12)))
    model = sw.KAN([2, 5, 1], dtype=torch.float64, generator=torch.Generator().manual_seed(11))
    result = sw.fit(model, rows.x, rows.y, progress=False)
    error = (result.model(torch.from_numpy(fresh.x)).detach().numpy()[:, 0] - fresh.y.ravel()).std()
    assert "taught the network" in "".join(each.text for each in result.history.decisions)
    assert error < 3e-6 * fresh.y.std()


@pytest.mark.slow
def test_prediction_intervals_of_a_taught_network_hold():
    inputs, truth = TARGETS["friedman"]
    rng = np.random.default_rng(8)
    x, fresh = rng.uniform(-1, 1, (150, inputs)), rng.uniform(-1, 1, (1000, inputs))
    result = sw.fit(sw.KAN([inputs, 3, 1]), x, truth(x) + 0.3 * rng.normal(size=150), progress=False)
    band = result.interval(fresh)
    y = truth(fresh) + 0.3 * rng.normal(size=1000)
    assert 0.84 < np.mean((y >= band.lower.numpy()[:, 0]) & (y <= band.upper.numpy()[:, 0])) < 0.97


@pytest.mark.parametrize(
    "setting",
    [{}, {"starts": 1}, {"budget": 2.0}, {"steps": 30}, {"grids": None}, {"penalties": [Roughness(1e-3)]}],
    ids=str,
)
def test_whoever_sets_more_than_the_defaults_gets_what_was_set(setting):
    x = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    options = TrainingOptions(**setting)
    _, objective = prepare(sw.KAN([2, 1, 1], dtype=torch.float64), x, x[:, 0] * x[:, 1], options)
    plan = make_plan(objective, options, smooth=options.smooths)
    assert is_teachable(objective, plan, options) == (setting == {})


@pytest.mark.slow
def test_a_taught_network_follows_its_teacher_beyond_the_outermost_rows():
    rng = np.random.default_rng(4)
    x, fresh = (2 * rng.uniform(0, 1, (rows, 2)) ** 2 - 1 for rows in (60, 2000))  # most rows at one end
    y = np.exp(x[:, 0] * x[:, 1]) + 0.05 * rng.normal(size=60)
    process = fit_process(torch.from_numpy(x), torch.from_numpy(y))
    model = sw.fit(sw.KAN([2, 3, 1]), x, y, progress=False, starts=2).model
    apart = model(torch.from_numpy(fresh)).detach()[:, 0] - process(torch.from_numpy(fresh))
    assert float(apart.square().mean().sqrt()) < 0.1 * y.std()


@pytest.mark.slow
def test_a_fit_of_many_rows_with_tails_is_as_accurate_as_their_noise():
    """Between 16,384 rows and those that have no teacher, the network was taught by points that missed the outermost rows."""
    x = 1.5 * torch.randn(19_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noise = 0.05 * torch.randn(19_000, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    begun = sw.KAN([2, 3, 1], generator=torch.Generator().manual_seed(1))
    result = sw.fit(begun, x, torch.sin(x[:, :1]) * x[:, 1:] + noise, progress=False)
    assert result.history[-1].rmse_train < 0.055


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_teacher_is_no_less_certain_than_of_rows_that_it_has_not_seen(noise):
    generator = torch.Generator().manual_seed(1)
    x = 2 * torch.rand(60, 2, generator=generator, dtype=torch.float64) - 1
    y = (x[:, :1] - x[:, 1:]).abs() + noise * torch.randn(60, 1, generator=generator, dtype=torch.float64)
    teacher, ends = ProcessTeacher.of(Samples(x, y, None), 0), torch.tensor([[5.0, -5.0]], dtype=torch.float64)
    left_out = float(teacher.left_out.square().mean().sqrt())
    assert teacher.uncertainty(ends) <= left_out * (1 + 1e-12)
    assert 0 < teacher.uncertainty(x) < left_out


@pytest.mark.slow
def test_a_polish_that_changes_the_function_between_the_rows_is_taken_back(monkeypatch):
    monkeypatch.setattr(fitting, "is_teachable", lambda *given: False)
    x = np.random.default_rng(3).uniform(-1, 1, (60, 2))
    wanted = sw.fit(sw.KAN([2, 2, 1]), x, np.exp(x[:, 0] * x[:, 1]), progress=False, starts=2)

    def strayed(run, everything, plan):
        with torch.no_grad():
            run.best.kan_layers[0].coefficients.add_(1.0)
        return True

    monkeypatch.setattr(fitting, "polish", strayed)
    result = sw.fit(sw.KAN([2, 2, 1]), x, np.exp(x[:, 0] * x[:, 1]), progress=False, starts=2)
    assert any("changed the function" in decision.text for decision in result.history.decisions)
    assert result.history[-1].rmse_train < 10 * wanted.history[-1].rmse_train + 1e-6


@pytest.mark.slow
def test_an_interruption_of_the_teaching_loses_nothing_of_what_the_rows_gave(monkeypatch):
    x = np.random.default_rng(3).uniform(-1, 1, (80, 2))
    y = np.exp(np.sin(5 * x[:, :1]) * x[:, 1:])

    def interrupt(step):
        if step.stage.startswith("teacher"):
            raise KeyboardInterrupt

    def state(callbacks):
        model = sw.KAN([2, 2, 1], generator=torch.Generator().manual_seed(0))
        return sw.fit(model, x, y, progress=False, callbacks=callbacks, starts=2).model.state_dict()

    monkeypatch.setattr(fitting, "polish", lambda *given: False)
    monkeypatch.setattr(fitting, "extend_margins", lambda *given: None)
    stopped = state([interrupt])
    monkeypatch.setattr(fitting, "is_teachable", lambda *given: False)
    plain = state([])
    assert stopped.keys() == plain.keys()
    assert all(torch.equal(stopped[name], plain[name]) for name in plain)


@functools.cache
def of_many_rows() -> tuple[torch.Tensor, torch.Tensor, ProcessTeacher]:
    """Clean rows, and a process of most of them."""
    u = torch.rand(700, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    t = torch.sin(3 * u[:, :1]) * u[:, 1:]
    return u, t, ProcessTeacher.of(Samples(u[:600], t[:600], None), 0, quick=True)


@pytest.mark.parametrize("far", [True, False])
def test_a_process_that_the_network_is_far_from_is_not_searched_for_again(far, monkeypatch):
    (u, t, teacher), asked = of_many_rows(), []
    run, objective, plan = lesson(u, t, 0)
    run.best, run.best_score = objective.model, (10.0 if far else 1.0) * float(teacher.left_out.square().mean().sqrt())
    monkeypatch.setattr(process_search, "maximise", lambda start, *given: asked.append(start) or (start, 0.0))
    monkeypatch.setattr(distillation, "N_FINAL_STEPS", 1)
    monkeypatch.setattr(exchanging, "N_EXCHANGES", 0)
    finish(run, objective, plan, 0, Learned("process", teacher))
    assert bool(asked) == (not far)


@pytest.mark.parametrize("last", [True, False])
def test_what_lies_beyond_the_rows_is_learned_once(last, monkeypatch):
    u = torch.randn(30, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    teacher, met = ProcessTeacher.of(Samples(u, u[:, :1] * u[:, 1:], None), 0), []
    run, objective, plan = lesson(u, teacher(u), 0)
    monkeypatch.setattr(distillation, "exchange", lambda *given: met.append(given))
    monkeypatch.setattr(distillation, "run_stages", lambda *given: None)
    distillation.teach(run, objective, plan, teacher, 0, last)
    assert len(met) == last


def test_all_rows_teach_without_the_curves_that_most_of_them_had_no_use_for(monkeypatch):
    u = torch.randn(30, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    teacher = ProcessTeacher.of(Samples(u, u[:, :1] * u[:, 1:], None), 0)
    run, objective, plan = lesson(u, teacher(u), 0)
    run.best, asked = objective.model, []
    monkeypatch.setattr(teaching, "estimated_curves", lambda *given: asked.append(given))
    monkeypatch.setattr(distillation, "N_FINAL_STEPS", 1)
    monkeypatch.setattr(exchanging, "N_EXCHANGES", 0)
    finish(run, objective, plan, 0, Learned("process", teacher))
    assert not asked
    finish(run, objective, plan, 0, Learned("process", replace(teacher, curves=lambda at: 0 * at[:, :1])))
    assert asked


@pytest.mark.parametrize("astray", [5.0, 50.0, 1e6])
@pytest.mark.parametrize("count", [40, 80, 400])
def test_a_refit_thatgoes_astray_at_one_row_counts_as_three_deviations(count, astray):
    """However far it goes, and of normal scores the size is their own."""
    scores = torch.special.ndtri((torch.arange(count, dtype=torch.float64) + 0.5) / count)[:, None]
    own, three, far = (_typical_size(torch.cat([scores, scores.new_tensor([[end]])])) for end in (0.0, 3.0, astray))
    assert abs(float(own) - 1) <= 0.04
    assert own < three <= far <= 1.05 * three
    assert relative_distance(_typical_size(7 * scores), 7 * _typical_size(scores)) <= 1e-9
    assert _typical_size(torch.zeros(count, 2)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("seed", [1, 0, 2, 3, 4, 5])
def test_a_fit_of_rows_that_show_nothing_is_their_mean_or_hardly_worse(seed):
    rng = np.random.default_rng(seed)
    x, y, new = rng.uniform(-1, 1, (45, 4)), rng.normal(size=45), torch.from_numpy(rng.uniform(-1, 1, (2000, 4)))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = sw.fit(sw.KAN([4, 9, 1]), x, y, progress=False)
    predicted = result.model(new).detach()
    ratio = math.sqrt(
        (1 + float(predicted.square().mean())) / (1 + y.mean() ** 2)
    )  # of errors of new rows of the same kind
    assert ratio < 1.05
    if any("the mean" in each.text for each in result.history.decisions):
        assert bool((predicted - y.mean()).abs().max() < 1e-12)
        assert sum("so the model is the mean" in str(each.message) for each in said) == 1


def test_an_estimate_shows_nothing_where_left_out_rows_are_predicted_no_better_than_by_the_mean_of_the_others():
    t = torch.randn(30, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for weights in (None, torch.linspace(0.5, 1.5, 30, dtype=torch.float64)):
        objective = DataObjective(
            sw.KAN([2, 2, 1], dtype=torch.float64), u=torch.zeros(30, 2).double(), t=t, weights=weights
        )
        w = torch.ones(30).double() if weights is None else weights
        others = torch.stack([(w @ t[:, 0] - w[k] * t[k, 0]) / (w.sum() - w[k]) for k in range(30)])[:, None]
        size = math.sqrt((30 - N_CHOICES) / (30 + N_CHOICES))  # of what left-out rows promise, beside what they keep
        assert shows_nothing((1 + 1e-9) * size * (t - others), objective)
        assert not shows_nothing((1 - 1e-9) * size * (t - others), objective)


def test_curves_are_compared_with_what_a_network_has_learned_of_a_process():
    generator = torch.Generator().manual_seed(0)
    u = 2 * torch.rand(200, 2, generator=generator, dtype=torch.float64) - 1
    t = torch.sin(8 * u[:, :1]) + u[:, 1:] + 0.3 * torch.randn(200, 1, generator=generator, dtype=torch.float64)
    run, objective, plan = lesson(u, t, 0)
    curves = estimated_curves(objective)

    class Slightly:
        """A process that predicts rows a little better than the curves do, and is a network's teacher."""

        left_out = 0.97 * curves.left_out
        misfit = ProcessTeacher.misfit

        def __call__(self, at):
            return curves(at)

    learned = teaching.Learned("process", Slightly())
    followed = copy.deepcopy(objective.model)
    put_curves(followed, curves, u)
    for best, source in ((followed, "process"), (objective.model, "curves")):  # one has learned it, the other nothing
        run.best = best
        assert teaching._curves_or(learned, run, objective, plan, 0, curves, last=False).source == source


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_rows_too_few_to_judge_teach_by_their_process_and_curves_alone(seed, monkeypatch):
    random = np.random.default_rng(seed)
    x, fresh = random.normal(size=(10, 3)), random.normal(size=(500, 3))

    def truth(u):
        return np.tanh(u[:, :1]) + u[:, 1:2]

    stages, asked = teaching.run_stages, []
    monkeypatch.setattr(
        teaching, "run_stages", lambda run, objective, plan: (asked.append(objective), stages(run, objective, plan))
    )
    model = sw.fit(sw.KAN([3, 4, 1]), x, truth(x), progress=False).model
    assert all(objective.count > 1000 for objective in asked)  # points, never the rows, which any network meets
    error = model(torch.from_numpy(fresh)).detach().numpy() - truth(fresh)
    assert np.sqrt(np.square(error).mean()) < truth(fresh).std()
    assert np.abs(error).max() < 5 * truth(fresh).std()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_of_few_clean_rows_a_process_may_know_what_curves_that_leave_next_to_nothing_miss(seed):
    """Curves leave a fifty-thousandth of the variance here, which once ended a fit."""
    rng = np.random.default_rng(seed)
    x, fresh = rng.uniform(-1, 1, (60, 2)), rng.uniform(-1, 1, (2000, 2))

    def function(x):
        return np.sin(2 * x[:, 0]) + x[:, 1] ** 2 + 0.01 * x[:, 0] * x[:, 1]

    found = sw.fit(sw.KAN([2, 5, 1]), torch.from_numpy(x), torch.from_numpy(function(x)), progress=False).model
    missed = found(torch.from_numpy(fresh).float())[:, 0].detach().numpy() - function(fresh)
    assert np.square(missed).mean() < 0.1 * np.square(0.01 * fresh[:, 0] * fresh[:, 1]).mean()
