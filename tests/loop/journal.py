"""A plugin of pytest: each test's outcome goes into a file when it is known, and tests that passed before are not run again.

Run with `-p tests.loop.journal --journal FILE`. A line of the file is a test: its name, its outcome, the session
(by the time of its start) and the seconds from there to the test's end, so that a session that was killed still has a duration.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

import pytest

Outcome = Literal["passed", "failed", "skipped"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--journal", type=Path, help="Where outcomes are read from and written to.")


def pytest_configure(config: pytest.Config) -> None:
    if path := config.getoption("--journal"):
        config.pluginmanager.register(Journal(path, hasattr(config, "workerinput")), "journal-of-tests")


def read(path: Path) -> dict[str, Outcome]:
    """Test → last outcome."""
    return {entry["test"]: entry["outcome"] for entry in _entries(path)}


def seconds(path: Path) -> float:
    """How long the sessions took, one after the other."""
    ends: dict[float, float] = {}
    for entry in _entries(path):
        ends[entry["session"]] = max(ends.get(entry["session"], 0.0), entry["seconds"])
    return sum(ends.values())


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        with suppress(json.JSONDecodeError):  # a kill cut the line off
            yield json.loads(line)


class Journal:
    """Deselects in every process what is done, and writes in the one that has all reports."""

    def __init__(self, path: Path, worker: bool) -> None:
        self._done = {test for test, outcome in read(path).items() if outcome != "failed"}
        self._file: IO[str] | None = None if worker else _appended(path)
        self._outcomes: dict[str, Outcome] = {}
        self._started = time.time()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        done = [item for item in items if item.nodeid in self._done]
        items[:] = [item for item in items if item.nodeid not in self._done]
        if done:
            config.hook.pytest_deselected(items=done)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = report.nodeid
        if report.failed or (report.when != "teardown" and self._outcomes.get(test) != "failed"):
            self._outcomes[test] = report.outcome
        if report.when == "teardown":
            self._write(test)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:  # a file that cannot be imported is a failed test, too
            self._outcomes[report.nodeid] = "failed"
            self._write(report.nodeid)

    def _write(self, test: str) -> None:
        if self._file:
            times = {"session": self._started, "seconds": round(time.time() - self._started, 2)}
            entry = {"test": test, "outcome": self._outcomes[test], **times}
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Iterator[None]:
        yield
        if self._file:
            self._file.close()


def _appended(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    cut = path.is_file() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
    file = path.open("a", encoding="utf-8")
    file.write("\n" if cut else "")
    return file
