"""Callbacks: the same after a replay as without one, left however the fit ends; a picture that follows the fit."""

import itertools
import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread

from splinework.errors import ConfigError, DataError, FileError
from splinework.train import EarlyStopping, Step, StopTraining
from splinework.train.callbacks import PlotLive
from tests.train.cases import fresh, quick, smooth, uniform


def steps_of(errors, stages) -> list[Step]:
    return [
        Step(number, stage, 5, error**2, error, 2 * error, float(number))
        for number, (error, stage) in enumerate(zip(errors, stages, strict=True), start=1)
    ]


def grown() -> list[Step]:
    """Three grids and two degrees, with a polish on all rows at the end."""
    sizes = [(5, 3)] * 20 + [(10, 3)] * 20 + [(20, 3)] * 20 + [(20, 5)] * 20
    return [
        Step(n, f"grid {G}", G, 1 / n**2, 1 / n, math.nan if n > 75 else 2 / n, 0.1 * n, grids=(G, G), degrees=(k, k))
        for n, (G, k) in enumerate(sizes, start=1)
    ]


def lines(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


# ------------------------------------------------------------------------------------------------------------ Step


def test_what_an_optimiser_does_not_know_of_a_step_need_not_be_said():
    step = Step(1, "start", 5, 0.1, 0.2, 0.3, 0.4)
    unknown = {f.name: getattr(step, f.name) for f in fields(Step)[7:]}
    assert {name for name, value in unknown.items() if value != value} == {
        "loss", "gradient_norm", "step_norm", "parameter_norm", "step_seconds", "damping",
    }  # fmt: skip
    assert (step.grids, step.degrees, step.parameters) == ((), (), 0)


# -------------------------------------------------------------------------------------------------- early stopping


def stops_at(stopper, steps) -> int | None:
    for step in steps:
        try:
            stopper(step)
        except StopTraining:
            return step.number
    return None


@given(
    st.lists(st.tuples(st.floats(0.1, 10), st.sampled_from("ab")), min_size=1, max_size=40),
    st.integers(0, 40),
    st.integers(1, 6),
)
def test_early_stopping_ends_a_resumed_fit_at_the_same_step(told, killed, patience):
    steps = steps_of([error for error, _ in told], [stage for _, stage in told])
    expected = stops_at(EarlyStopping(patience), steps)
    again = EarlyStopping(patience)
    if stops_at(again, steps[:killed]) is None:
        assert stops_at(again, steps) == expected  # the same object hears the first steps twice
    assert stops_at(EarlyStopping(patience), steps[:killed] + steps[killed:]) == expected


# ---------------------------------------------------------------------------------------------------- live picture


def test_the_picture_shows_both_errors_on_a_logarithmic_axis_and_marks_grids_and_degrees():
    live = PlotLive()
    for step in grown():
        live(step)
    ax = live.plot()
    assert ax.get_yscale() == "log"
    (train,) = lines(ax, "rmse_train")
    np.testing.assert_array_equal(train.get_xdata(), range(1, 81))
    np.testing.assert_array_equal(train.get_ydata(), [step.rmse_train for step in grown()])
    (held,) = lines(ax, "rmse_validation")
    assert np.isfinite(held.get_ydata()).sum() == 75
    assert [line.get_xdata()[0] for line in lines(ax, "grid")] == [0.5, 20.5, 40.5, 60.5]
    assert [text.get_text() for text in ax.texts] == ["G 5 k 3", "G 10", "G 20", "k 5"]
    own = Figure().add_subplot()
    assert live.plot(own) is own


def test_errors_that_a_logarithm_does_not_take_are_gaps_and_names_of_grids_never_overlap():
    live = PlotLive()
    for number in range(1, 200):
        error = (0.0, math.inf, math.nan, 1.0)[number % 4]
        live(Step(number, "s", number, error, error, math.nan, 0.0))
    ax = live.plot()
    assert not lines(ax, "rmse_validation")
    assert np.isfinite(lines(ax, "rmse_train")[0].get_ydata()).sum() == 49 + (199 % 4 == 3)
    ax.figure.canvas.draw()
    boxes = sorted((text.get_window_extent().x0, text.get_window_extent().x1) for text in ax.texts)
    assert len(boxes) > 5
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(boxes))
    live = PlotLive()
    live(Step(1, "s", 5, 0.0, 0.0, math.nan, 0.0))
    live.plot().figure.canvas.draw()


@pytest.mark.parametrize("killed", [1, 30, 80])
def test_the_picture_of_a_resumed_fit_is_that_of_one_that_was_not_killed(killed):
    whole, resumed = PlotLive(), PlotLive()
    for step in grown():
        whole(step)
    for step in grown()[:killed] + grown():
        resumed(step)
    assert whole.steps == resumed.steps == grown()


@pytest.mark.quick(2)
@pytest.mark.parametrize("ending", ["png", "PDF", "svg"])
def test_the_file_is_written_at_once_then_seldom_and_at_the_end(ending, tmp_path):
    path = tmp_path / f"fit.{ending}"
    live = PlotLive(path, every=3600)
    with live:
        live(grown()[0])
        early = path.read_bytes()
        for step in grown()[1:]:
            live(step)
        assert path.read_bytes() == early
    assert path.read_bytes() != early
    assert [file.name for file in tmp_path.iterdir()] == [path.name]  # nothing half written
    if ending == "png":
        assert imread(path).shape[:2] == (290, 720)


def test_drawing_takes_a_small_share_of_the_time(tmp_path, monkeypatch):
    now, drawn = [0.0], []

    def save(self):
        now[0] += 1.0
        drawn.append(now[0])

    monkeypatch.setattr(PlotLive, "save", save)
    monkeypatch.setattr("splinework.train.callbacks.time.monotonic", lambda: now[0])
    live = PlotLive(tmp_path / "fit.png", every=2.0)
    for number in range(1, 1001):
        now[0] += 0.1
        live(Step(number, "s", 5, 1.0, 1.0, 1.0, now[0]))
    assert len(drawn) / now[0] <= 1.1 * PlotLive.DRAWING
    assert len(drawn) >= 4


def test_a_disk_that_fills_is_a_warning_and_the_old_picture_stays(tmp_path, monkeypatch):
    path = tmp_path / "fit.png"
    live = PlotLive(path, every=0)
    live(grown()[0])
    old = path.read_bytes()

    def full(path, content):
        raise FileError(f"cannot write {path}: No space left on device; choose another place.")

    monkeypatch.setattr("splinework.train.callbacks.write_whole", full)
    live._due = 0.0
    with pytest.warns(UserWarning, match="the fit goes on.*No space left"):
        live(grown()[1])
    with pytest.raises(FileError, match="No space left"):
        live.save()
    assert path.read_bytes() == old


def test_a_picture_that_cannot_be_is_refused_before_the_fit(tmp_path):
    with pytest.raises(ConfigError, match=r"ends in one of \..*png.*got 'fit.txt'"):
        PlotLive(tmp_path / "fit.txt")
    with pytest.raises(ConfigError, match="got 'fit'"):
        PlotLive("fit")
    with pytest.raises(FileError, match="no folder"):
        PlotLive(tmp_path / "away" / "fit.png")
    for every in (-1, math.nan, math.inf):
        with pytest.raises(ConfigError, match="zero or more"):
            PlotLive(every=every)
    with pytest.raises(DataError, match="no step"):
        PlotLive().plot()
    with pytest.raises(ConfigError, match="no path"):
        PlotLive().save()


# ----------------------------------------------------------------------------------------------------- during a fit


class Entered:
    """Remembers what was done with it."""

    def __init__(self, fails: type[BaseException] | None = None) -> None:
        self.seen: list[str] = []
        self.fails = fails

    def __enter__(self):
        self.seen.append("enter")
        return self

    def __call__(self, step):
        self.seen.append("step")
        if self.fails is not None and step.number == 2:
            raise self.fails

    def __exit__(self, *_):
        self.seen.append("exit")


@pytest.mark.parametrize("fails", [None, StopTraining, KeyboardInterrupt, ZeroDivisionError])
def test_a_callback_that_is_a_context_manager_is_left_however_the_fit_ends(fails):
    x, callback = uniform(60), Entered(fails)
    try:
        quick(fresh([2, 1]), x, smooth(x), steps=4, callbacks=[callback])
    except ZeroDivisionError:
        assert fails is ZeroDivisionError
    told = 4 if fails is None else 2
    assert callback.seen == ["enter", *["step"] * told, "exit"]


def test_a_fit_leaves_a_picture_of_all_its_steps(tmp_path):
    x, live, steps = uniform(60), PlotLive(tmp_path / "fit.png", every=3600), []
    quick(fresh([2, 1]), x, smooth(x), callbacks=[live, steps.append])
    expected = PlotLive(tmp_path / "expected.png")
    for step in steps:
        expected(step)
    expected.save()
    assert (tmp_path / "fit.png").read_bytes() == (tmp_path / "expected.png").read_bytes()
