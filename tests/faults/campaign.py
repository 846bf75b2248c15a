"""Faults at random instants: each follows from the seed and its number alone, and says what was wrong afterwards, if anything.

An instant is a task and a fault: a kill, a signal or a failing disk at a random moment, little memory, small files, a folder that
cannot be written to, a second process in the same folder. Afterwards the files are whole or as they were, the process ended with
a sentence, and the same task, run again, ends as if nothing had happened: with the same files, byte by byte, where its files do
not depend on the run, and for a fit with the same numbers.
"""

import errno
import hashlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from splinework.cli.exits import _NO_MEMORY
from tests.faults.client import Server, calls, leftovers, prepared, sweep
from tests.faults.long_tasks import ALL_TASKS, EXACT

COMMANDS = ("predict", "fit", "many rows", "parts", "discover")
"""Tasks that run a command, and end with its code and line."""
WEIGHTS = {
    **dict.fromkeys(ALL_TASKS, 4.0),
    **{"checkpoint": 12.0, "fit": 8.0, "discover": 8.0},
    **{"parts": 0.5, "report": 0.5, "mcu": 0.5, "fpga": 0.25, "analog": 0.25, "many rows": 0.15},
}
"""How often a task is drawn; one that takes seconds less often."""
SIGNALS = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGPIPE: 0}
"""Signals, and what a command ends with."""
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)


@dataclass
class Reference:
    """A task without a fault: its calls that write, its seconds, its files, and the numbers of what it fitted."""

    calls: int
    seconds: float
    files: dict[str, str]
    fitted: str


@dataclass
class Campaign:
    """What the instants of a campaign share.

    Args:
        server: The process that runs the tasks.
        place: A folder of its own, emptied for each instant.
    """

    server: Server
    place: Path
    references: dict[str, Reference] = field(default_factory=dict)

    def reference(self, task: str) -> Reference:
        """The task without a fault, run once."""
        if task not in self.references:
            count = calls(self.server, task, self.place)
            found = self.server.run(task, prepared(task, self.place), digest=True)
            assert found["code"] == 0, (task, found)
            self.references[task] = Reference(
                count, found["seconds"], files_of(self.place), _last_line(found["streams"])
            )
        return self.references[task]

    def instant(self, seed: int, number: int) -> dict[str, Any]:
        """Runs an instant; its key `wrong` is empty where everything is as it should be."""
        draw = Random(f"{seed}:{number}")
        tasks = iter(lambda: draw.choices(list(WEIGHTS), list(WEIGHTS.values()))[0], "")
        task = next(task for task in tasks if task in ALL_TASKS)  # not one whose program is missing here
        kind, fault = self._fault(task, draw)
        about = {"number": number, "task": task, "kind": kind, "fault": fault}
        try:
            code = self._check(task, kind, fault)
        except (AssertionError, OSError, ValueError, KeyError) as error:
            return {**about, "wrong": f"{type(error).__name__}: {str(error)[:1500]}"}
        return {**about, "code": code, "wrong": ""}

    def _fault(self, task: str, draw: Random) -> tuple[str, dict[str, Any]]:
        reference = self.reference(task)
        at, after = draw.randint(1, reference.calls), draw.uniform(0, 1.1 * reference.seconds)
        number = draw.choice([*SIGNALS])
        kinds: dict[str, Callable[[], dict[str, Any]]] = {
            "kill at a moment": lambda: {"signal": int(signal.SIGKILL), "after": after},
            "kill at a call": lambda: {"at": at},
            "failing disk": lambda: {"at": at, "errno": draw.choice(ERRORS)},
            "signal": lambda: {"signal": int(number), "after": after},
            "memory": lambda: {"RLIMIT_AS": int(10 ** draw.uniform(5.5, 8.8))},
            "size of files": lambda: {"RLIMIT_FSIZE": int(10 ** draw.uniform(0, 6.5))},
            "read-only folder": lambda: {"readonly": True},
            "two processes": lambda: {"twin": True},
            "two, one killed": lambda: {"twin": True, "signal": int(signal.SIGKILL), "after": after},
        }
        kind = draw.choices(list(kinds), [6, 4, 3, 4, 3, 1, 1, 1, 1])[0]
        return kind, kinds[kind]()

    def _check(self, task: str, kind: str, fault: dict[str, Any]) -> int:
        reference, place = self.reference(task), self.place
        place.chmod(0o755)
        found = self.server.run(task, prepared(task, place), **fault)
        place.chmod(0o755)
        code = int(found["code"])
        _ended_well(task, kind, fault, found)
        if code >= 0 and found.get("twin", 0) >= 0:
            assert leftovers(place) == [], found
        ALL_TASKS[task].check(place)
        sweep(place)
        assert leftovers(place) == [], found
        ALL_TASKS[task].check(place)
        again = self.server.run(task, place, digest=True)
        assert again["code"] == 0, ("again", again)
        ALL_TASKS[task].check(place)
        assert leftovers(place) == [], ("again", again)
        if task in EXACT:
            assert files_of(place) == reference.files, "the files of the second run differ"
        if reference.fitted:
            assert _last_line(again["streams"]) == reference.fitted, "the fit went on to other numbers"
        return code


def files_of(place: Path) -> dict[str, str]:
    """Digests of all files below a folder."""
    return {
        str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def _ended_well(task: str, kind: str, fault: dict[str, Any], found: dict[str, Any]) -> None:
    """Whether the process ended as this fault should end it, with a sentence where it is a command.

    Raises:
        AssertionError: If not.
    """
    code, streams = found["code"], found["streams"]
    lines = [line for line in streams.splitlines() if line.startswith("error: ")]
    assert found.get("twin", 0) in ((0, 2) if kind == "two processes" else (0,)), found
    if kind == "two processes":
        assert 0 in (code, found["twin"]), found
    number = fault.get("signal", signal.SIGKILL if kind == "kill at a call" else 0)
    if number == signal.SIGKILL:
        assert code in (0, -signal.SIGKILL), found
        return
    if kind == "signal":
        _answered(task, number, found)
        return
    if code == 99:  # a library's own words for too little memory
        assert kind == "memory", found
        assert task not in COMMANDS, found
        assert _NO_MEMORY.search(streams), found
        return
    assert code in (0, 1, 2), found
    assert "internal error" not in streams, found
    assert "Traceback" not in streams, found
    assert code == 0 or len(lines) == 1 or kind == "two processes", found
    assert all(len(line) <= 500 for line in lines), found
    if kind == "failing disk" and code:
        assert os.strerror(fault["errno"]) in lines[0], found


def _answered(task: str, number: int, found: dict[str, Any]) -> None:
    """Whether a process ended as a signal asks."""
    code, streams = found["code"], found["streams"]
    early = -number  # before the handler stands, or where there is none, as in a script
    if task not in COMMANDS and number == signal.SIGINT:
        assert code in (0, 99, early), found
        assert code != 99 or "KeyboardInterrupt" in streams, found
        return
    assert code in (0, SIGNALS[signal.Signals(number)], early), found
    if task in COMMANDS:
        assert code in (0, early) or "terminated" in streams or "interrupted" in streams, found
        assert "Traceback" not in streams or code == early, found
