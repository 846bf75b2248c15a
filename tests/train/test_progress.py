"""The line on the terminal: what it tells, when it is shown, and that it goes away."""

import math
import sys
import time
from dataclasses import replace

import pytest

from splinework.train import Step
from splinework.train import progress as progress_module
from splinework.train.progress import Progress
from splinework.train.progress_line import duration


def steps_of(errors, *, stage="grid 5", pace=1.0) -> list[Step]:
    return [
        Step(number, stage, 5, error**2, error, 2 * error, pace * number)
        for number, error in enumerate(errors, start=1)
    ]


class Stream:
    """A stream that says whether it is a terminal, and remembers."""

    encoding = "utf-8"

    def __init__(self, terminal: bool) -> None:
        self.terminal, self.text = terminal, ""

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


@pytest.fixture
def streams(monkeypatch):
    """Puts streams in the place of output and errors, on a terminal of 100 letters, with nothing to wait for."""

    def put(*, out: bool, err: bool, patience: float = 0.0) -> tuple[Stream, Stream]:
        made = Stream(out), Stream(err)
        monkeypatch.setattr(sys, "stdout", made[0])
        monkeypatch.setattr(sys, "stderr", made[1])
        monkeypatch.setattr(progress_module, "DELAY_SECONDS", patience)
        return made

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    return put


def show(bar: Progress, steps: list[Step]) -> None:
    with bar:
        for step in steps:
            bar(step)


@pytest.mark.parametrize("out", [False, True])
@pytest.mark.parametrize("err", [False, True])
@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("patience", [0.0, 1.0])
@pytest.mark.parametrize("budget", [{}, {"steps": 50}, {"budget": 9.0}], ids=str)
def test_only_a_terminal_s_error_stream_is_written_to_and_only_after_a_second(
    out, err, wanted, patience, budget, streams
):
    output, errors = streams(out=out, err=err, patience=patience)
    show(Progress(wanted, **budget), steps_of([0.5, 0.25, 0.125]))
    assert output.text == ""
    assert bool(errors.text) == (wanted and err and patience == 0.0)
    assert sys.stdout is output
    assert sys.stderr is errors


def test_a_process_without_an_error_stream_shows_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    show(Progress(True, steps=3), steps_of([0.5]))


@pytest.mark.parametrize("out", [False, True])
def test_what_a_callback_prints_reaches_the_reader_of_the_output(out, streams):
    output, errors = streams(out=out, err=True)
    with Progress(True) as bar:
        bar(steps_of([0.5])[0])
        print("mine")
    assert ("mine" in output.text) == (not out)  # on one terminal it is written above the line
    assert ("mine" in errors.text) == out


def test_the_line_goes_away_and_nobody_goes_on_writing(streams):
    _, errors = streams(out=False, err=True)
    show(Progress(True, steps=3), steps_of([0.5, 0.25]))
    assert errors.text.rstrip().endswith("\x1b[2K")  # the line is erased
    assert "\x1b[?25h" in errors.text  # and the cursor is back
    shown = errors.text
    time.sleep(0.3)
    assert errors.text == shown


def test_the_line_tells_stage_step_errors_and_time(streams):
    _, errors = streams(out=False, err=True)
    show(Progress(True), steps_of([0.5], pace=40.0))
    assert "grid 5 · step 1 · rmse 0.5 · held out 1 40 s" in errors.text
    assert "left" not in errors.text
    streams(out=False, err=True, patience=60.0)
    bar = Progress(True, steps=10)
    bar(replace(steps_of([0.5])[0], rmse_validation=math.nan))
    assert bar.text() == "grid 5 · step 1 · rmse 0.5"
    assert bar.times() == "1 s · at most 9 s left"


@pytest.mark.parametrize("first", ["starting", "smooth estimate"])
def test_before_the_first_step_the_line_tells_what_is_done_first(first, streams):
    _, errors = streams(out=False, err=True)
    with Progress(True, budget=90.0, first=first):
        for _ in range(6000):
            if first in errors.text:
                break
            time.sleep(0.01)
    assert f"{first} " in errors.text
    assert "at most 1 min 30 s left" in errors.text
    assert errors.text.rstrip().endswith("\x1b[2K")


def test_a_wide_terminal_has_a_bar_where_an_end_is_known(streams):
    for budget in ({}, {"steps": 9}, {"budget": 9.0}):
        _, errors = streams(out=False, err=True)
        show(Progress(True, **budget), steps_of([0.5]))
        assert ("━" in errors.text) == bool(budget)


@pytest.mark.parametrize("columns", [60, 80])
def test_on_a_narrow_terminal_the_times_stay_in_view_on_one_line(columns, streams, monkeypatch):
    _, errors = streams(out=False, err=True)
    monkeypatch.setenv("COLUMNS", str(columns))
    show(Progress(True, steps=200), steps_of([0.000123456], stage="start 1 of 2, round 2, " + 40 * "x"))
    assert "start 1 of" in errors.text
    assert "…" in errors.text
    assert f"1 s · at most {duration(199)} left" in errors.text
    assert "\x1b[2A" not in errors.text  # one line is taken away, not two
    assert "━" not in errors.text


@pytest.mark.parametrize("taken", [1, 2, 7, 100])
@pytest.mark.parametrize("pace", [0.5, 3.0])
def test_the_time_left_is_that_of_the_steps_left_at_the_present_pace(taken, pace, streams):
    streams(out=False, err=True, patience=60.0)
    bar = Progress(True, steps=120)
    for step in steps_of([0.5] * taken, pace=pace):
        bar(step)
    assert bar.times().endswith(f"at most {duration((120 - taken) * pace)} left")
    assert bar.share() == pytest.approx(taken / 120)
    for number in range(taken + 1, taken + 40):  # the steps become slower, and the old pace is forgotten
        bar(Step(number, "s", 5, 1.0, 1.0, math.nan, pace * taken + 7.0 * (number - taken)))
    assert bar.times().endswith(f"at most {duration(max(120 - number, 0) * 7.0)} left")


def test_of_steps_and_time_the_one_that_ends_first_counts(streams):
    streams(out=False, err=True, patience=60.0)
    step = steps_of([0.5] * 4)[-1]
    for budget, left, share in (
        ({"steps": 100, "budget": 10.0}, 6, 0.4),
        ({"steps": 5, "budget": 100.0}, 1, 0.8),
        ({"budget": 8.0}, 4, 0.5),
        ({"steps": 3}, 0, 1.0),
    ):
        bar = Progress(True, **budget)
        bar(step)
        assert bar.times().endswith(f"at most {left} s left")
        assert bar.share() == pytest.approx(share)
    bar = Progress(True, budget=8.0)
    bar(step)
    assert bar.times(since=3.0).endswith("7 s · at most 1 s left")  # a long step: the clock goes on
    none = Progress(True, steps=0, budget=0)
    none(step)
    assert none.times().endswith("at most 0 s left")
    assert none.share() == 0.0


def test_what_goes_to_the_error_stream_during_a_fit_is_written_above_the_line(streams):
    _, errors = streams(out=False, err=True)
    with Progress(True) as bar:
        bar(steps_of([0.5])[0])
        print("activations leave the grid", file=sys.stderr)
        bar(steps_of([0.5] * 2)[1])
    assert "activations leave the grid\n" in errors.text
    assert errors.text.rstrip().endswith("\x1b[2K")
