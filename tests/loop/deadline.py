"""A plugin of pytest: no test is started after `--deadline` seconds; how many were not is said at the end."""

import time
from typing import Any

import pytest

MIN_SECONDS = 10.0
"""Tests are started for at least this time, however long a busy machine took to collect them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deadline", type=float, default=float("inf"), help="Start no test after this many seconds.")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Deadline(config.getoption("--deadline")), "deadline-of-tests")


class Deadline:
    """Counts in each process the tests that it did not start, and adds the counts up in the one that prints."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._first = 0.0
        self._left: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        now = time.monotonic()
        self._first = self._first or now
        if now < max(self._end, self._first + MIN_SECONDS):
            return None
        self._left.append(item.nodeid.partition("::")[0])
        return True  # as if it had been run, without a report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["left"] = self._left

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._left += getattr(node, "workeroutput", {}).get("left", [])

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._left:
            files = sorted(set(self._left))
            terminalreporter.section("time was up", sep="=")
            terminalreporter.line(f"{len(self._left)} tests of these files were not run:")
            for file in files:
                terminalreporter.line(f"  {file} ({self._left.count(file)})")
