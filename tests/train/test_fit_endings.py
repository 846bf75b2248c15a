"""How a fit ends: converged, out of steps or time, stopped, interrupted or broken; what it tells on the way."""

import copy
import math
import sys
import time
from dataclasses import dataclass, fields
from typing import ClassVar, final

import pytest
import torch

from splinework.train import EarlyStopping, Step, StopTraining, fit
from splinework.train.objective import Objective
from splinework.train.optim import Adam, LevenbergMarquardt, Optimiser, Stepper
from tests.families import slow
from tests.interpret.edit.cases import same_state, state_of
from tests.train.cases import fresh, noise, quick, smooth, uniform
from tests.train.test_progress import Stream

X = uniform(80)
Y = smooth(X)


@final
@dataclass(frozen=True)
class Breaking(Optimiser):
    """Good steps, and then numbers that are none."""

    good: int
    value: float = math.nan
    told: bool = False

    name: ClassVar[str] = "breaking"
    default_steps: ClassVar[int] = 50
    trial_steps: ClassVar[int] = 5
    settles: ClassVar[float] = 0.0

    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        return _BreakingStepper(self, objective, LevenbergMarquardt().attach(objective, steps, generator))


class _BreakingStepper:
    def __init__(self, recipe: Breaking, objective: Objective, inner: Stepper) -> None:
        self.recipe, self.objective, self.inner = recipe, objective, inner
        self.done, self.exhausted, self.every = 0, False, 1

    def step(self) -> float | None:
        self.done += 1
        value = self.inner.step()
        if self.done > self.recipe.good:
            with torch.no_grad():
                self.objective.model.kan_layers[0].coefficients[0, 0, 0] = self.recipe.value
            return value if self.recipe.told else float("nan")
        return value


# ------------------------------------------------------------------------------------------------- broken numbers


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("good", [0, 1, 4])
def test_numbers_that_are_not_finite_end_it_and_the_best_state_is_kept(good, value, told):
    result = quick(fresh([2, 1]), X, Y, optimiser=Breaking(good, value, told), steps=20, validation=0)
    assert len(result.history) == good
    assert all(parameter.isfinite().all() for parameter in result.model.parameters())
    assert "stopped being finite" in result.history.notes[-1]
    error = (result.model(X) - Y).square().mean().sqrt()
    if good:
        assert error.item() == pytest.approx(min(result.history.column("rmse_train")), rel=1e-9)


@pytest.mark.parametrize("rate", [1e6, 1e150, 1e300])
@pytest.mark.parametrize("batch", [None, 16])
def test_an_absurd_learning_rate_returns_the_best_state(rate, batch):
    model = fresh([2, 2, 2, 1])
    result = quick(model, X, Y, optimiser=Adam(learning_rate=rate, batch=batch), steps=20, validation=0)
    assert all(parameter.isfinite().all() for parameter in result.model.parameters())
    start = quick(model, X, Y, steps=0, validation=0).model
    assert (result.model(X) - Y).square().mean() <= 1.5 * (start(X) - Y).square().mean()  # grids may have moved
    assert "diverged" in result.history.notes[-1]


# ----------------------------------------------------------------------------------------------- ends on purpose


def test_no_steps_leave_every_number():
    model, x = fresh([2, 2, 1]), 5 + 100 * X
    result = quick(model, x, Y, steps=0)
    assert len(result.history) == 0
    assert list(result.history.frame().columns) == [*(field.name for field in fields(Step)), "decision"]
    changed = {
        name for name, value in state_of(result.model).items() if not torch.equal(value, model.state_dict()[name])
    }
    assert changed == {"input_scaling.shift", "input_scaling.scale"}
    assert "steps given were used up" in result.history.notes[-1]


@pytest.mark.parametrize("steps", [1, 2, 7, 33])
@pytest.mark.parametrize(
    "options",
    [{}, {"optimiser": "lbfgs"}, {"optimiser": Adam(batch=7)}, {"starts": 5}, {"grids": [10, 20]}],
    ids=str,
)
def test_no_more_steps_are_taken_than_given(steps, options):
    numbers: list[int] = []
    result = quick(fresh([2, 2, 1]), X, Y, steps=steps, callbacks=[lambda step: numbers.append(step.number)], **options)
    assert numbers == result.history.column("number")
    assert numbers == sorted(set(numbers))
    assert numbers[-1] <= steps


def test_a_budget_ends_the_fit_and_none_takes_no_step():
    result = fit(fresh([2, 5, 5, 1]), uniform(1000), smooth(uniform(1000)), budget=0.5, progress=False)
    assert "budget was used up" in result.history.notes[-1]
    assert min(result.history.column("rmse_train")) < smooth(uniform(1000)).std()
    none = quick(fresh([2, 1]), X, Y, budget=0, steps=None)
    assert len(none.history) == 0
    assert "the budget" in none.history.notes[-1]


@pytest.mark.parametrize("optimiser", ["lm", "lbfgs", "adam", Adam(batch=9)], ids=str)
@pytest.mark.parametrize("at", [1, 3])
def test_a_callback_may_stop_it(at, optimiser):
    told: list[Step] = []

    def stop(step: Step) -> None:
        told.append(step)
        if len(told) == at:
            raise StopTraining("enough")

    for starts in (1, 4):
        told.clear()
        result = quick(fresh([2, 2, 1]), X, Y, optimiser=optimiser, starts=starts, grids=[10], callbacks=[stop])
        assert len(told) == len(result.history) == at
        assert result.history.notes[-1] == "ended: enough"
        assert (result.model(X) - Y).square().mean().sqrt() <= 1.2 * Y.std() + 1


def test_a_reason_is_given_where_the_callback_gives_none():
    def stop(step: Step) -> None:
        raise StopTraining

    result = quick(fresh([2, 1]), X, Y, callbacks=[stop])
    assert result.history.notes[-1] == "ended: a callback ended the fit"


@pytest.mark.parametrize("at", [1, 40, *slow(6)])
def test_an_interrupt_returns_the_best_state(at):
    def interrupt(step: Step) -> None:
        if len(seen) == at - 1:
            raise KeyboardInterrupt
        seen.append(step)

    seen: list[Step] = []
    model = fresh([2, 2, 1])
    state = state_of(model)
    result = fit(model, X, Y, callbacks=[interrupt], progress=False)
    assert len(result.history) == at
    assert "interrupted" in result.history.notes[-1]
    assert same_state(model, state)
    steps = result.history.steps
    started = [
        step for step in steps if not step.stage.startswith("start")
    ]  # starts are compared by the rows of the fit
    best = min(step.rmse_validation for step in started or [min(steps, key=lambda step: step.rmse_train)])
    held_out = fit(result.model, X, Y, steps=0, progress=False)  # the same rows are held out with the same seed
    assert len(held_out.history) == 0
    order = torch.randperm(80, generator=torch.Generator().manual_seed(0))[:12]
    # Coarse starts are taken over by the model's own splines, which come as close, or closer.
    assert (result.model(X[order]) - Y[order]).square().mean().sqrt().item() <= best * (1 + 1e-3)


def test_any_other_error_of_a_callback_is_the_caller_s():
    def wrong(step: Step) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        quick(fresh([2, 1]), X, Y, callbacks=[wrong])


def test_early_stopping_waits_for_its_patience_within_a_stage():
    stopper = EarlyStopping(patience=5, improvement=0.01)

    def tell(number: int, error: float, stage: str = "grid 5") -> None:
        stopper(Step(number, stage, 5, error**2, 0.1, error, 0.0))

    for number, error in enumerate([3.0, 2.0, 1.0, 1.0, 0.995, 2.0, 1.0], start=1):
        tell(number, error)
    with pytest.raises(StopTraining, match="no improvement for 5 steps"):
        tell(8, 1.0)
    for number in range(9, 13):
        tell(number, 5.0, "start 2 of 8")  # another start begins anew
    tell(1, 9.0)  # another fit too, and its errors count from the first
    for number in range(2, 6):
        tell(number, 9.0)
    tell(6, 8.0)
    with pytest.raises(StopTraining):
        tell(11, 8.0)


def test_early_stopping_ends_a_fit_that_learns_no_more():
    x = uniform(60)
    y = noise(60)
    plain = quick(fresh([2, 1]), x, y, optimiser="adam", steps=150, validation=0.3)
    early = quick(fresh([2, 1]), x, y, optimiser="adam", steps=150, validation=0.3, callbacks=[EarlyStopping(10)])
    assert len(early.history) < len(plain.history) == 150
    assert early.history.notes[-1] == "ended: no improvement for 10 steps"
    alone = quick(fresh([2, 1]), x, y, validation=0, callbacks=[EarlyStopping(1, 0.5)])
    assert "no improvement for 1 steps" in alone.history.notes[-1]  # the training error, where nothing is held out


# ---------------------------------------------------------------------------------------------------- the record


def test_the_history_tells_every_step():
    x, y = uniform(200), 1e3 * smooth(uniform(200))
    result = quick(fresh([2, 1]), x, y, steps=25, grids=[10], validation=0.25)
    history = result.history
    assert [step.number for step in history] == list(range(1, len(history) + 1))
    assert history[0] is history.steps[0]
    assert history[-1].stage == "grid 10"
    assert {step.grid for step in history} == {5, 10}
    seconds = history.column("seconds")
    assert seconds == sorted(seconds)
    frame = history.frame()
    assert list(frame.columns) == [*(field.name for field in fields(Step)), "decision"]
    assert frame["rmse_validation"].tolist() == history.column("rmse_validation")
    assert history.notes[0].startswith("optimiser lm, second order")
    assert history.notes[0].endswith("; 150 rows to fit, 50 held out")
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    best = min(history, key=lambda step: step.rmse_validation)
    error = [(result.model(x[rows]) - y[rows]).square().mean().sqrt().item() for rows in (order[50:], order[:50])]
    assert error == pytest.approx([best.rmse_train, best.rmse_validation], rel=1e-9)
    assert best.objective == pytest.approx((best.rmse_train / y.std(correction=0).item()) ** 2, rel=1e-9)


def test_errors_of_several_outputs_are_in_their_units():
    y = torch.cat([1e3 * Y, 1e-3 * X[:, :1]], dim=1)
    result = quick(fresh([2, 2]), X, y, validation=0)
    last = min(result.history, key=lambda step: step.objective)
    assert last.rmse_train == pytest.approx((result.model(X) - y).square().mean().sqrt().item(), rel=1e-6)
    assert math.isnan(last.rmse_validation)


def test_the_output_of_the_smallest_unit_counts_as_much_as_the_largest():
    y = torch.cat([1e6 * (Y + 0.3 * noise(80)), 1e-6 * X[:, :1] ** 2], dim=1)
    result = quick(fresh([2, 2]), X, y, steps=40, validation=0.25)
    assert (result.model(X)[:, 1] - y[:, 1]).square().mean().sqrt() < 1e-2 * y[:, 1].std()


def test_batches_are_told_as_often_as_costs_little():
    x = uniform(1000)
    result = quick(fresh([2, 1]), x, smooth(x), optimiser=Adam(batch=10), steps=130, validation=0)
    assert result.history.column("number") == [25, 50, 75, 100, 125, 130]
    assert result.history[-1].rmse_train == pytest.approx(result.history[-1].objective ** 0.5, rel=1e-9)


# -------------------------------------------------------------------------------------------------- the terminal


@pytest.mark.parametrize(("wanted", "patience"), [(True, 0.0), (True, 60.0), (False, 0.0)])
def test_progress_goes_to_a_terminal_s_error_stream_after_a_while_and_never_to_the_output(
    wanted, patience, monkeypatch, capsys
):
    terminal = Stream(terminal=True)
    monkeypatch.setenv("TERM", "xterm")  # whatever terminal runs this test
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("splinework.train.progress.DELAY_SECONDS", patience)
    result = quick(fresh([2, 1]), X, Y, progress=wanted, validation=0.2)
    assert len(result.history) > 0
    assert capsys.readouterr().out == ""
    assert bool(terminal.text) == (wanted and patience == 0)
    if terminal.text:
        assert "grid 5 · step" in terminal.text
        assert "held out" in terminal.text


def test_progress_is_taken_away_when_a_callback_fails(monkeypatch):
    terminal = Stream(terminal=True)
    monkeypatch.setenv("TERM", "xterm")  # whatever terminal runs this test
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("splinework.train.progress.DELAY_SECONDS", 0.0)

    def wrong(step: Step) -> None:
        if step.number == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        quick(fresh([2, 1]), X, Y, progress=True, callbacks=[wrong])
    shown = copy.copy(terminal.text)
    time.sleep(0.3)
    assert terminal.text == shown  # nobody is writing any more


@pytest.mark.parametrize("optimiser", ["lm", "lbfgs", "ssbroyden", "newton-cg", "adam", Adam(batch=16)], ids=str)
def test_every_step_tells_its_norms_its_time_and_its_splines(optimiser):
    history = quick(fresh([2, 2, 1]), X, Y, optimiser=optimiser, steps=8, validation=0).history
    assert len(history)
    for step in history:
        assert step.gradient_norm > 0
        assert step.parameter_norm > 0
        assert step.step_seconds > 0
        assert step.loss == pytest.approx(step.objective)
        assert step.grids == (5, 5)
        assert step.degrees == (3, 3)
        assert step.parameters > 0
