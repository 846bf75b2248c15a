"""Kills, full disks, signals and limits of memory at every instant: files are whole or as they were, and nothing stays behind."""

import errno
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from splinework.data import temporary
from tests.faults.client import Server, calls, leftovers, prepared, same, state, sweep
from tests.faults.tasks import TASKS, _fit

pytestmark = pytest.mark.skipif(sys.platform != "linux" or shutil.which("gcc") is None, reason="needs Linux and gcc")
COMMANDS = ("predict", "fit")
"""Tasks that run a command, and end with a code and a line."""
QUICK_TASKS = [task for task in TASKS if task not in {"parquet", "save", "predict"}]
"""Tasks that take little time; the slow tests have all of them."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server, with the library loaded."""
    running = Server(tmp_path_factory.mktemp("shim"))
    yield running
    running.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder; what killed processes leave may be swept at once."""
    monkeypatch.setattr(temporary, "MIN_AGE_SECONDS", 0.0)
    (tmp_path / "w").mkdir()
    return tmp_path / "w"


def instants(count: int, most: int) -> list[int]:
    """All calls, or a random choice with the first and the last ones, where the state changes."""
    if count <= most:
        return list(range(1, count + 1))
    edges = {1, *range(count - (2 if most < 10 else 6), count + 1)}
    return sorted(edges | set(Random(0).sample(range(1, count + 1), max(most - len(edges), 0))))


def check_kills(server: Server, task: str, place: Path, most: int) -> int:
    reference = state(_fit(place)) if task == "checkpoint" else None
    for at in (every := instants(calls(server, task, place), most)):
        found = server.run(task, prepared(task, place), at=at)
        assert found["code"] == -signal.SIGKILL, (at, found)
        sweep(place)
        assert leftovers(place) == []
        TASKS[task].check(place)
        if reference is not None:
            assert same(state(_fit(place)), reference), at
    return len(every)


@pytest.mark.parametrize("task", QUICK_TASKS)
def test_a_kill_at_any_call_leaves_whole_files_and_a_fit_goes_on_to_the_bit(server, place, task):
    assert check_kills(server, task, place, 4) > 3


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_kill_at_every_call(server, place, task):
    assert check_kills(server, task, place, 60 if task == "checkpoint" else 200) > 3


def check_failures(server: Server, task: str, place: Path, number: int, most: int) -> None:
    for at in instants(calls(server, task, place), most):
        folder = prepared(task, place)
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        found = server.run(task, folder, at=at, errno=number)
        lines = [line for line in found["streams"].splitlines() if line.startswith("error: ")]
        assert "Traceback" not in found["streams"], found
        assert leftovers(place) == []
        TASKS[task].check(place)
        if task == "checkpoint":
            assert found["code"] == 0
        elif found["code"] != 0:
            assert found["code"] in (1, 2), found
            assert len(lines) == 1, found
            assert os.strerror(number) in lines[0], found
            if task != "parquet":  # two files, of which the first may be new
                assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("task", QUICK_TASKS)
def test_a_disk_that_fills_at_the_nth_call_is_told_and_changes_nothing(server, place, task):
    check_failures(server, task, place, errno.ENOSPC, 4)


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize("task", TASKS)
def test_a_disk_that_fails_at_every_call_is_told_and_changes_nothing(server, place, task, number):
    check_failures(server, task, place, number, 60)


@pytest.mark.parametrize("size", [0, 3000])
@pytest.mark.parametrize("task", TASKS)
def test_a_limit_of_the_size_of_files_is_a_full_disk(server, place, task, size):
    found = server.run(task, prepared(task, place), RLIMIT_FSIZE=size)
    assert found["code"] in (0, 1, 2), found
    assert "Traceback" not in found["streams"]
    assert leftovers(place) == []
    TASKS[task].check(place)


def check_signals(server: Server, task: str, place: Path, number: int, count: int) -> None:
    seconds = server.run(task, prepared(task, place))["seconds"]
    draw = Random(number)
    for _ in range(count):
        found = server.run(task, prepared(task, place), signal=int(number), after=draw.uniform(0, 1.1 * seconds))
        usual = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGPIPE: 0}[number]
        early = -number  # before the handler stands, which is a moment in a forked process
        assert found["code"] in (0, usual, early), found
        if found["code"] == usual != 0:
            assert "terminated" in found["streams"] or "interrupted" in found["streams"], found
        assert "Traceback" not in found["streams"] or found["code"] == early, found
        if found["code"] != early:
            assert leftovers(place) == []
        TASKS[task].check(place)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE])
def test_a_signal_in_any_phase_ends_in_a_sentence_and_leaves_nothing(server, place, number):
    check_signals(server, "fit", place, number, 2)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE])
@pytest.mark.parametrize("task", COMMANDS)
def test_many_signals(server, place, task, number):
    check_signals(server, task, place, number, 40)


@pytest.mark.parametrize("megabytes", [1, 32, 128])
@pytest.mark.parametrize("task", COMMANDS)
def test_too_little_memory_is_a_sentence_and_no_half_file(server, place, task, megabytes):
    found = server.run(task, prepared(task, place), RLIMIT_AS=megabytes * 10**6)
    assert found["code"] in (0, 1, 2), found
    assert "Traceback" not in found["streams"], found
    assert "internal error" not in found["streams"], found
    assert leftovers(place) == []
    TASKS[task].check(place)


def test_two_processes_in_one_folder_do_not_disturb_each_other(place, monkeypatch):
    monkeypatch.undo()  # the usual age at which folders without a lock are swept
    for _ in range(3):
        prepared("artefact", place)
        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    for _ in range(20):
                        TASKS["save"].new(place)
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
        TASKS["save"].check(place)
        assert leftovers(place) == []


def test_what_is_in_use_is_not_swept(place):
    with temporary.temporary_folder(place) as held:
        child = os.fork()
        if child == 0:
            try:
                temporary.sweep(place)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert held.is_dir()
    assert leftovers(place) == []
