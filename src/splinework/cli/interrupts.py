"""Ctrl-C: at once for most commands; for a search, once to end it with what it has found, twice to end at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

INTERRUPTED: Final = 130
"""The exit code of a command that was interrupted, as shells have it: 128 and the number of the signal."""
STOPPING_MESSAGE: Final = "stopping: what was found so far will be written; Ctrl-C once more ends at once without it"


class Interrupted(BaseException):
    """Ctrl-C. Not a KeyboardInterrupt: a fit answers that one by going on with the best state so far."""


class SearchStopped(KeyboardInterrupt):
    """Ctrl-C as a search is told of it.

    A kind of its own: where a plain KeyboardInterrupt passes through `exec`, as of an import, Python ends with the signal and not
    with the exit code, even though it was answered.
    """


class InterruptHandler:
    """Whether a search was asked to end, by the first Ctrl-C.

    Args:
        say: Told what the first Ctrl-C does.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.asked = False
        self._searching = False
        self._say = say

    @contextmanager
    def searching(self) -> Iterator[None]:
        """Inside, the first Ctrl-C raises KeyboardInterrupt, which a search answers with what it has found so far."""
        self._searching = True
        try:
            yield
        finally:
            self._searching = False

    def interrupt(self) -> None:
        """Ctrl-C was pressed. Where the search is over, the first one changes nothing: the files are being written."""
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
        interrupt()

    before = signal.signal(signal.SIGINT, answer)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def at_once() -> NoReturn:
    """Ends the command.

    Raises:
        Interrupted: Always.
    """
    raise Interrupted
