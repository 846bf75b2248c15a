"""Runs cases of a target under limits of time and memory, and says what failed."""

import contextlib
import resource
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from types import FrameType

from splinework.errors import MAX_MESSAGE_LENGTH, SplineworkError

MAX_SECONDS, MAX_GROWTH_MB, MAX_SPACE_MB = 5.0, 500.0, 4000
Target = Callable[[Random], None]


class Hang(BaseException):
    """A case took more than `MAX_SECONDS` of processor time."""


@dataclass
class Report:
    """What came of the cases of one target: how many were refused, and how many read; the text of each failure."""

    target: str
    refused: int = 0
    read: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        """Number of cases."""
        return self.refused + self.read + len(self.failures)


def run(name: str, target: Target, *, seed: int, seconds: float, first: int = 0, most: int | None = None) -> Report:
    """Runs cases of a target for some seconds of processor time."""
    report, number, end = Report(name), first, time.process_time() + seconds
    with _limits():
        while time.process_time() < end and (most is None or number < first + most):
            _run_one(report, target, seed, number)
            number += 1
    return report


def _run_one(report: Report, target: Target, seed: int, number: int) -> None:
    before, why = _peak_mb(), ""
    signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target(Random(f"{report.target}:{seed}:{number}"))
        refused = False
    except SplineworkError as error:
        refused = True
        if len(str(error)) > MAX_MESSAGE_LENGTH:
            why = f"a message of {len(str(error))} characters: {str(error)[:200]!r}"
    except (Exception, Hang) as error:  # noqa: BLE001  # whatever it is, it is a failure
        refused = False
        where = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__][-1]
        why = f"{type(error).__name__}: {str(error)[:200]} ({where.filename}:{where.lineno})"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    grown = _peak_mb() - before
    if grown > MAX_GROWTH_MB:
        why = f"{grown:.0f} MB more memory; {why}"
    if why:
        report.failures.append(f"--target {report.target} --seed {seed} --first {number} --most 1: {why}")
    else:
        report.refused += refused
        report.read += not refused


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    """Inside, a timer that runs out raises `Hang`, and far more memory than now is refused by the system."""

    def answer(number: int, frame: FrameType | None) -> None:
        raise Hang

    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    space = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGPROF, answer)
    resource.setrlimit(resource.RLIMIT_AS, (now + MAX_SPACE_MB * 10**6, space[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, space)
        signal.signal(signal.SIGPROF, before)
