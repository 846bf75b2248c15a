"""A plugin of pytest: programs run beside the tests; what they say stands above the last line, and fails the run if they fail."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "Run this program, which stands beside this Python, while the tests run; may be repeated."
    parser.addoption("--beside", action="append", default=[], metavar="COMMAND", help=text)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # in the process that prints
        config.pluginmanager.register(Beside(config.getoption("--beside")), "programs-beside-tests")


def program(command: list[str]) -> list[str]:
    """The command with the program that stands beside this Python."""
    return [str(Path(sys.executable).with_name(command[0])), *command[1:]]


def one_thread() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Beside:
    """Starts the programs with the session, and waits for them at its end."""

    def __init__(self, commands: list[str]) -> None:
        self._running = {command: self._start(program(shlex.split(command))) for command in commands}
        self._said: dict[str, str] = {}

    @staticmethod
    def _start(command: list[str]) -> subprocess.Popen[str]:
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, env=one_thread(), text=True, **both)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._said = {command: process.communicate()[0] for command, process in self._running.items()}
        if session.exitstatus == pytest.ExitCode.OK and any(each.returncode for each in self._running.values()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for command, said in self._said.items():
            failed = " failed" * bool(self._running[command].returncode)
            terminalreporter.section(command + failed, sep="=", red=bool(failed))
            terminalreporter.write(said)
