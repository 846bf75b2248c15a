"""Campaigns: contenders that answer in processes of their own, some at once, each stopped after its time."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar, TypeVar

from benchmarks.lines import Record
from benchmarks.processes import duration, environment, imports, say, stop
from splinework.errors import ConfigError


@dataclass(frozen=True)
class Contender:
    """A contender: the file that runs it, the module it needs, and the interpreter that has it."""

    name: str
    file: str
    module: str
    package: str
    python: str = sys.executable

    folder: ClassVar[Path]
    beside: ClassVar[tuple[str, ...]] = ()
    """Modules that its process needs besides."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.file

    @property
    def is_ours(self) -> bool:
        """Whether it is splinework, which runs in this interpreter."""
        return self.package == "splinework"


ContenderT = TypeVar("ContenderT", bound=Contender)
JobT = TypeVar("JobT")


def chosen(
    names: Sequence[str], known: Mapping[str, ContenderT], rivals_python: str | None
) -> tuple[list[ContenderT], list[str]]:
    """Those that can take part, and a sentence on each that cannot."""
    present, absent = [], []
    for name in names:
        if name not in known:
            raise ConfigError(f"--contenders knows {', '.join(known)}; got {name!r}.")
        found = known[name]
        if rivals_python and not found.is_ours:
            found = replace(found, python=rivals_python)
        if imports(found.python, (*found.beside, found.module)):
            present.append(found)
        else:
            absent.append(
                f"{name} does not take part: {found.python} has no {found.module}; pip install {found.package}"
            )
    return present, absent


class Processes:
    """Jobs that wait for a process each, some at once.

    Attributes:
        is_stopped: Whether they were interrupted; what comes after that is no result.
    """

    def __init__(self, slots: int) -> None:
        self.is_stopped = False
        self._slots = slots
        self._ends: set[Callable[[], None]] = set()

    def run(self, jobs: Sequence[JobT], work: Callable[[JobT], Record], line: Callable[[Record], str]) -> None:
        """Does all of them, in order; prints each result as a line to stderr, and how long the rest may take."""
        began = time.monotonic()
        with ThreadPoolExecutor(self._slots) as pool:
            waiting = [pool.submit(work, job) for job in jobs]
            try:
                for number, future in enumerate(waiting, start=1):
                    record = future.result()
                    left = (time.monotonic() - began) / number * (len(jobs) - number)
                    say(f"[{number}/{len(jobs)}] {line(record)}; about {duration(left)} left")
            except KeyboardInterrupt:
                self.is_stopped = True
                pool.shutdown(wait=False, cancel_futures=True)
                for end in tuple(self._ends):
                    end()
                raise

    @contextmanager
    def stoppable(self, end: Callable[[], None]) -> Iterator[None]:
        """Calls `end` when this is left, or by an interrupt before."""
        self._ends.add(end)
        try:
            yield
        finally:
            end()
            self._ends.discard(end)

    def wait(self, contender: Contender, worker: Path, folder: Path, *, seconds: float, threads: int) -> int | None:
        """Runs the worker of a contender on a folder, where its output goes too; its exit code, None if it was stopped."""
        with (folder / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                [contender.python, str(worker), str(contender.path), str(folder)],
                stdout=output,
                stderr=output,
                env=environment(threads),
                start_new_session=True,
            )
            with self.stoppable(partial(stop, process)):
                try:
                    return process.wait(seconds)
                except subprocess.TimeoutExpired:
                    return None


def last_words(folder: Path) -> list[str]:
    """The last line that a process printed, if it printed any."""
    return (folder / "output.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
