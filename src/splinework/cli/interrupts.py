"""Ctrl-C: most commands quit immediately; a search stops with its best result so far, and quits when pressed again."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

INTERRUPTED: Final = 130
"""Exit code of an interrupted command: 128 and the number of the signal, as in shells."""
_MOMENT_SECONDS: Final = 0.01
_DISCARDED: Final[list[BaseException | None]] = []
"""What is to be raised again, see `never_discarded`; None where it has come too late."""
STOPPING_MESSAGE: Final = "stopping: the best result so far will be written; press Ctrl-C again to quit without it"


class Interrupted(BaseException):
    """Ctrl-C. Not a KeyboardInterrupt, on which a fit continues with the best state so far."""


class SearchStopped(KeyboardInterrupt):
    """Ctrl-C during a search.

    It has a class of its own: where a plain KeyboardInterrupt passes through `exec`, as during an import, Python ends with the
    signal and not with the exit code, even though the exception was handled.
    """


class Terminated(BaseException):
    """The system or another program asked the command to end, as by `kill`; not an Exception, so nothing goes on after it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class InterruptHandler:
    """Handler of Ctrl-C that stops a search first and quits the second time."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.asked = False
        self._searching = False
        self._say = say

    @contextmanager
    def searching(self) -> Iterator[None]:
        """Inside, the first Ctrl-C raises KeyboardInterrupt, on which a search returns what it has found so far."""
        self._searching = True
        try:
            yield
        finally:
            self._searching = False
            _DISCARDED[:] = [None for _ in _DISCARDED]  # the search has ended, and its result will be written

    def interrupt(self) -> None:
        """Handles Ctrl-C. After the search the first one has no effect, as files are being written."""
        if self.asked:
            raise Interrupted
        self.asked = True
        try:
            self._say(STOPPING_MESSAGE)
        except RuntimeError:  # the signal came while the command itself was writing, and a stream has one writer
            os.write(2, f"{STOPPING_MESSAGE}\n".encode())
        if self._searching:
            raise SearchStopped


@contextmanager
def answering(interrupt: Callable[[], None]) -> Iterator[None]:
    """Inside, Ctrl-C calls a function; signals belong to the main thread, so elsewhere this does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def answer(number: int, frame: FrameType | None) -> None:
        if not _DISCARDED:
            interrupt()
        elif (error := _DISCARDED.pop()) is not None:
            raise error

    before = signal.signal(signal.SIGINT, answer)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def never_discarded() -> Iterator[None]:
    """Inside, an interruption that Python would discard is raised again a moment later.

    What a signal handler raises is printed and forgotten where Python was in a destructor or in the callback of a weak reference,
    as they run after each import.
    """

    def again(found: sys.UnraisableHookArgs) -> None:
        if not isinstance(found.exc_value, (Interrupted, SearchStopped, Terminated)):
            before(found)
            return
        _DISCARDED.append(found.exc_value.with_traceback(None))
        timer = threading.Timer(_MOMENT_SECONDS, _thread.interrupt_main)
        timer.daemon = True
        timer.start()

    before = sys.unraisablehook
    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before
        _DISCARDED.clear()


@contextmanager
def terminable() -> Iterator[None]:
    """Inside, a signal to end raises `Terminated`, so that temporary files go; a second one ends the process at once."""
    names = ("SIGTERM", "SIGHUP")
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def answer(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise Terminated(number)

    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # A signal that is ignored, as SIGHUP is under nohup, stays so.
    before = {number: signal.getsignal(number) for number in numbers}
    taken = [number for number in numbers if before[number] is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, answer)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


def at_once() -> NoReturn:
    """Quits the command."""
    raise Interrupted
