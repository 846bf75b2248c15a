"""What is shown while work goes on: on a terminal, and where there is none."""

import os
import re
import signal
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from splinework.cli import progress
from splinework.cli.progress import Stages
from splinework.train.progress_line import can_redraw, duration

if sys.platform != "win32":
    import pty


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes as it is told."""
    now = SimpleNamespace(value=100.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now.value)
    return now


def test_a_plain_line_when_a_stage_begins(capsys):
    with Stages(quiet=False) as stages:
        stages.stage("reading")
        stages.stage("fitting")
    assert [line.split("s  ")[1] for line in capsys.readouterr().err.splitlines()] == ["reading", "fitting"]


def test_a_stage_that_is_over_at_once_is_not_worth_a_line(capsys):
    with Stages(quiet=False) as stages:
        stages.stage("reading", after=5.0)
        stages.stage("fitting")
    assert "reading" not in capsys.readouterr().err


def test_a_stage_that_lasts_is_told_after_its_time_and_every_ten_seconds(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PERIOD_SECONDS", 0.1)
    monkeypatch.setattr(progress, "_POLL_SECONDS", 0.02)
    with Stages(quiet=False) as stages:
        stages.stage("reading", after=0.1)
        time.sleep(0.7)
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 4
    assert all("reading" in line for line in lines)


def test_quiet_shows_nothing_and_starts_no_thread(capsys):
    before = threading.active_count()
    with Stages(quiet=True) as stages:
        stages.stage("reading")
        stages.say("a sentence")
        assert threading.active_count() == before
    assert capsys.readouterr().err == ""


def test_the_time_left_comes_from_a_budget_or_from_the_pace(clock):
    stages = Stages(quiet=True)
    stages.stage("fitting")
    assert stages.left() == ""
    assert stages.done() is None
    with stages.within(30):
        assert stages.left() == "; at most 30 s left"
        clock.value += 25
        assert stages.done() == pytest.approx(25 / 30)
        assert stages.left() == "; at most 5 s left"
        clock.value += 6
        assert stages.left() == "; finishing"
        assert stages.done() < 1
    stages.stage("drawing")
    stages.share(0.5)
    assert stages.left() == ""  # too soon to tell
    clock.value += 10
    stages.share(0.25)
    assert stages.done() == 0.25
    assert stages.left() == "; about 30 s left"
    stages.stage("writing")
    assert stages.left() == ""


def test_the_error_of_a_step_is_shown(capsys):
    with Stages(quiet=False) as stages:
        stages.step(SimpleNamespace(rmse_train=0.5))
        stages._show()
        stages.stage("next")
    first, second = capsys.readouterr().err.splitlines()
    assert "error 0.5" in first
    assert "error" not in second


def test_times_are_said_in_words():
    assert [duration(s) for s in (-1, 0.4, 59.6, 61, 3600)] == ["0 s", "0 s", "1 min 0 s", "1 min 1 s", "1 h 0 min"]


@pytest.mark.parametrize(("term", "expected"), [("xterm", True), ("dumb", False), ("unknown", False), ("", True)])
def test_a_line_moves_on_a_terminal_that_can(monkeypatch, term, expected):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert can_redraw() is expected
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert can_redraw() is False


OF_TERMINALS = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM", "COLUMNS")


def on_a_terminal(arguments, environment, keys=b""):
    """What a program writes to a terminal, and its exit code."""
    inherited = {name: value for name, value in os.environ.items() if name not in OF_TERMINALS}
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(sys.executable, [sys.executable, "-c", *arguments], {**inherited, **environment})
    said = b""
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # Linux says so at the end
            break
        if not part:
            break
        said += part
        if keys and b"ready" in said:
            os.write(terminal, keys)
            keys = b""
    os.close(terminal)
    return said.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


SHOWN = (
    "import time\n"
    "from splinework.cli.progress import Stages\n"
    "with Stages(quiet=False) as stages, stages.within(50):\n"
    "    stages.stage('fitting it')\n"
    "    time.sleep(0.6)\n"
    "from splinework.cli.terminal import console\n"
    "console().print('done', style='bold red')\n"
)


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals")
@pytest.mark.parametrize(
    ("environment", "motion", "colour"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_colours_and_motion_are_those_that_the_user_wants(environment, motion, colour):
    said, status = on_a_terminal([SHOWN], environment)
    assert status == 0
    assert re.search(r"fitting it; at most (50|49) s left", said)
    assert ("\x1b[2K" in said) is motion
    assert bool(re.search(r"\x1b\[(\d+;)*3[0-7]m", said)) is colour
    assert ("\x1b" in said) is motion


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals")
def test_ctrl_c_on_a_terminal_ends_with_130():
    code = (
        "import sys, time\n"
        "from splinework.cli.exits import ErrorHandling, run_and_exit\n"
        "from splinework.cli.progress import Stages\n"
        "def work():\n"
        "    with Stages(quiet=False) as stages:\n"
        "        stages.stage('getting ready')\n"
        "        time.sleep(20)\n"
        "run_and_exit(work, ErrorHandling())\n"
    )
    said, status = on_a_terminal([code], {"TERM": "xterm"}, keys=b"\x03")
    assert status == 130
    assert "Traceback" not in said
    assert "interrupted" in said
    assert said.count("\x1b[?25h") == 1  # the cursor is back


def test_a_signal_that_comes_while_a_line_is_written_waits_for_nothing(capsys):
    with Stages(quiet=False) as stages:

        def answer(number, frame):
            stages.say("stopping")

        before = signal.signal(signal.SIGINT, answer)
        try:
            with stages._lock:  # the main thread is in the middle of showing something
                signal.raise_signal(signal.SIGINT)
        finally:
            signal.signal(signal.SIGINT, before)
    assert "stopping" in capsys.readouterr().err
