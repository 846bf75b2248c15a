"""Pruning by Optuna: what a trial is told, and that a pruned one ends as Optuna expects."""

import itertools
import math
import sys
import warnings
from types import ModuleType

import pytest

from splinework.errors import ConfigError
from splinework.train import Step
from splinework.train.trackers import OptunaPruning
from tests.train.cases import fresh, quick, smooth, uniform


class Trial:
    """As Optuna's: takes one value per step, and is to be pruned at a value."""

    def __init__(self, prune_at: int | None = None) -> None:
        self.reports: dict[int, float] = {}
        self.prune_at = prune_at

    def report(self, value, step):
        assert step not in self.reports
        self.reports[step] = value

    def should_prune(self):
        return self.prune_at is not None and max(self.reports) >= self.prune_at


class Pruned(Exception):
    pass


@pytest.fixture
def fake_optuna(monkeypatch):
    module = ModuleType("optuna")
    module.TrialPruned = Pruned
    monkeypatch.setitem(sys.modules, "optuna", module)


@pytest.mark.parametrize("every", [1, 3, 100])
@pytest.mark.parametrize("replayed", [0, 6, 10])
def test_a_trial_hears_the_lowest_error_so_far_once_per_step(replayed, every, fake_optuna):
    errors = [3.0, 2.0, 5.0, 1.0, 4.0, math.nan, 0.5, 2.0, math.nan, 0.25]
    steps = [Step(n, "s", 5, 1.0, 1.0, error, 0.0) for n, error in enumerate(errors, start=1)]
    trial = Trial()
    callback = OptunaPruning(trial, every=every)
    for step in steps[:replayed] + steps:
        callback(step)
    if every == 1:
        assert trial.reports == {1: 3.0, 2: 2.0, 3: 2.0, 4: 1.0, 5: 1.0, 7: 0.5, 8: 0.5, 10: 0.25}
    assert sorted(trial.reports)[0] == 1
    assert all(b - a >= every for a, b in itertools.pairwise(sorted(trial.reports)))
    assert all(value == min(e for e in errors[:n] if e == e) for n, value in trial.reports.items())


@pytest.mark.parametrize("metric", ["rmse_validation", "rmse_train", "objective"])
def test_the_fit_of_a_pruned_trial_raises_what_optuna_expects(metric, fake_optuna):
    x, trial = uniform(60), Trial(prune_at=3)
    with pytest.raises(Pruned, match=f"step 3 of the fit, with {metric}"):
        quick(fresh([2, 1]), x, smooth(x), validation=0.2, callbacks=[OptunaPruning(trial, metric)])
    assert list(trial.reports) == [1, 2, 3]


def test_a_fit_without_held_out_rows_says_what_to_do(fake_optuna):
    x = uniform(60)
    with pytest.raises(ConfigError, match=r"validation=0.2.*metric='rmse_train'"):
        quick(fresh([2, 1]), x, smooth(x), validation=0, callbacks=[OptunaPruning(Trial())])


def test_what_cannot_be_reported_is_refused(fake_optuna):
    for metric in ("stage", "grids", "error", ""):
        with pytest.raises(ConfigError, match="metric is one of objective, rmse_train"):
            OptunaPruning(Trial(), metric)
    with pytest.raises(ConfigError, match="at least 1"):
        OptunaPruning(Trial(), every=0)
    with pytest.raises(ConfigError, match="trial that the objective is given"):
        OptunaPruning(None)


def test_optuna_prunes_the_trial_that_promises_little_and_keeps_the_others():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    x = uniform(80)
    study = optuna.create_study(
        direction="minimize",
        sampler=optuna.samplers.GridSampler({"noise": [0.0, 50.0]}, seed=0),
        pruner=optuna.pruners.ThresholdPruner(upper=10.0, n_warmup_steps=5),
    )

    def objective(trial):
        y = smooth(x) + trial.suggest_float("noise", 0, 50) * uniform(80, 1, seed=4)
        result = quick(fresh([2, 1]), x, y, validation=0.25, callbacks=[OptunaPruning(trial)])
        return min(result.history.column("rmse_validation"))

    study.optimize(objective, n_trials=2)
    states = {trial.params["noise"]: trial for trial in study.trials}
    assert states[0.0].state == optuna.trial.TrialState.COMPLETE
    assert states[50.0].state == optuna.trial.TrialState.PRUNED
    assert list(states[50.0].intermediate_values) == list(range(1, len(states[50.0].intermediate_values) + 1))
    assert states[0.0].value == min(states[0.0].intermediate_values.values())
