"""Progress on the error stream: the stage, the completed percentage, the elapsed time and the remaining time.

On a terminal this is one line that is redrawn; else a plain line at the beginning of a stage and at intervals during it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final

import click

from splinework.train.progress_line import ProgressLine, ProgressText, can_redraw, duration

PERIOD_SECONDS: Final = 10.0
"""Seconds between two plain lines of one stage; increasing as long as their text is the same."""
_POLL_SECONDS: Final = 0.25
_MIN_STAGE_SECONDS: Final = 2.0
"""Seconds that a stage runs before its remaining time is estimated."""


class Stages:
    """Shows which stage a job is in, and how long it will take.

    A context manager, to which a job reports by `stage`, `step` and `share`.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._began = self._stage_began = time.monotonic()
        self._text = self._detail = self._shown = ""
        self._limit: tuple[float, float] | None = None  # start and end of a budget, on the monotonic clock
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
            self._line = ProgressLine(self._text_now)
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
        """Begins a stage; its first plain line comes after a number of seconds, if it is still running."""
        now = time.monotonic()
        with self._lock:
            self._text, self._detail, self._share = text, "", None
            self._stage_began, self._due = now, now + after
        if after <= 0:
            self._show()

    def step(self, step: Any) -> None:
        """Reports a step of a fit."""
        self._detail = f" · error {step.rmse_train:.3g}"

    def share(self, share: float) -> None:
        """Reports the share of the stage that is done."""
        self._share = share

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Inside, the work is known to end after this number of seconds."""
        now = time.monotonic()
        self._limit = (now, now + seconds)
        try:
            yield
        finally:
            self._limit = None

    def say(self, text: str) -> None:
        """Prints a sentence between the stages, unless quiet."""
        if not self.quiet:
            self.insist(text)

    def insist(self, text: str) -> None:
        """Prints a sentence between the stages, even if quiet: how an interrupted command ended."""
        if self._line is not None:
            self._line.print(text)
        else:
            click.echo(text, err=True)

    def done(self) -> float | None:
        """The completed share, 0 to 1, of the budget or of the stage; None if unknown, and below 1 until the end."""
        if self._limit is not None:
            begin, end = self._limit
            return min((time.monotonic() - begin) / max(end - begin, 1e-9), 0.99)
        return None if self._share is None else min(self._share, 1.0)

    def left(self) -> str:
        """The remaining time in words, after a semicolon; empty if unknown."""
        now = time.monotonic()
        if self._limit is not None:
            end = self._limit[1]
            return f"; at most {duration(end - now)} left" if end > now else "; finishing"
        spent, share = now - self._stage_began, self._share
        if share and spent >= _MIN_STAGE_SECONDS:
            return f"; about {duration(spent * (1 - share) / share)} left"
        return ""

    def _text_now(self) -> ProgressText:
        """The current text of the line on the terminal."""
        text = f"{self._text or 'starting'}{self._detail}{self.left()}"
        share, elapsed = self.done(), duration(time.monotonic() - self._began)
        return ProgressText(text, elapsed if share is None else f"{share:.0%} · {elapsed}", share)

    def _show(self) -> None:
        """Shows the stage in a plain line, unless there is a line that is redrawn."""
        with self._lock:
            now, text = time.monotonic(), f"{self._text}{self._detail}{self.left()}"
            self._due = now + (PERIOD_SECONDS if text != self._shown else max(PERIOD_SECONDS, now - self._stage_began))
            self._shown = text
            if self._line is None and not self.quiet:
                share = self.done()
                percentage = "" if share is None else f"{share:4.0%}  "
                click.echo(f"{time.monotonic() - self._began:6.1f} s  {percentage}{text}", err=True)

    def _beat(self) -> None:
        """Repeats the plain line during a stage, until the end."""
        while not self._over.wait(_POLL_SECONDS):
            try:
                if time.monotonic() >= self._due:
                    self._show()
            except (OSError, RuntimeError, ValueError):  # the stream is closed, or busy: the main thread will see it
                continue
