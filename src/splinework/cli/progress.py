"""What a person sees while work goes on: the stage, the time it has taken and the time that is left, on the error stream.

On a terminal one line that moves; else a plain line when a stage begins, and one every ten seconds while it goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final

import click

from splinework.progress import ProgressLine, ProgressText, can_redraw, duration

PERIOD_SECONDS: Final = 10.0
"""Seconds between two plain lines on one stage; the more it has run, the more, where they say the same."""
_POLL_SECONDS: Final = 0.25
_MIN_STAGE_SECONDS: Final = 2.0
"""Seconds that a stage has to run before its pace says when it will end."""


class Stages:
    """Shows which stage a job is in, and how long it will take.

    A context manager; its methods `stage`, `step` and `share` are what a job tells.

    Args:
        quiet: Shows nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._began = self._stage_began = time.monotonic()
        self._text = self._detail = self._shown = ""
        self._end: float | None = None  # of a budget, as the monotonic clock has it
        self._share: float | None = None
        self._due = float("inf")
        self._line: ProgressLine | None = None
        self._over = threading.Event()
        self._lock = threading.RLock()  # one that a signal's handler may take again
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Stages:
        if self.quiet:
            return self
        if can_redraw():
            self._line = ProgressLine(self._said)
        else:
            self._thread = threading.Thread(target=self._beat, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._line is not None:
            self._line.stop()

    def stage(self, text: str, *, after: float = 0.0) -> None:
        """A stage begins; a plain line on it comes after so many seconds, if it still goes on then."""
        now = time.monotonic()
        with self._lock:
            self._text, self._detail, self._share = text, "", None
            self._stage_began, self._due = now, now + after
        if after <= 0:
            self._show()

    def step(self, step: Any) -> None:
        """A step of a fit is done."""
        self._detail = f" · error {step.rmse_train:.3g}"

    def share(self, share: float) -> None:
        """So much of the stage is done, from 0 to 1."""
        self._share = share

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Inside, the work is known to end after so many seconds."""
        self._end = time.monotonic() + seconds
        try:
            yield
        finally:
            self._end = None

    def say(self, text: str) -> None:
        """A sentence that stays, between the stages."""
        if self._line is not None:
            self._line.print(text)
        elif not self.quiet:
            click.echo(text, err=True)

    def left(self) -> str:
        """The time that is left, in words with a semicolon before them; nothing where it is not known."""
        now = time.monotonic()
        if self._end is not None:
            return f"; at most {duration(self._end - now)} left" if self._end > now else "; finishing"
        spent, share = now - self._stage_began, self._share
        if share and spent >= _MIN_STAGE_SECONDS:
            return f"; about {duration(spent * (1 - share) / share)} left"
        return ""

    def _said(self) -> ProgressText:
        """What the line on the terminal says."""
        text = f"{self._text or 'starting'}{self._detail}{self.left()}"
        return ProgressText(text, duration(time.monotonic() - self._began), self._share)

    def _show(self) -> None:
        """Shows the stage in a plain line, where none moves."""
        with self._lock:
            now, text = time.monotonic(), f"{self._text}{self._detail}{self.left()}"
            self._due = now + (PERIOD_SECONDS if text != self._shown else max(PERIOD_SECONDS, now - self._stage_began))
            self._shown = text
            if self._line is None and not self.quiet:
                click.echo(f"{time.monotonic() - self._began:6.1f} s  {text}", err=True)

    def _beat(self) -> None:
        """Repeats the plain line while a stage goes on, until the end."""
        while not self._over.wait(_POLL_SECONDS):
            try:
                if time.monotonic() >= self._due:
                    self._show()
            except (OSError, RuntimeError, ValueError):  # the stream is closed, or busy: the main thread will see it
                continue
