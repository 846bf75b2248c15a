"""Progress of a bench: a bar with a clock on a terminal, else one line per job, on the error stream."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

import click

from splinework.cli.progress import PERIOD_SECONDS
from splinework.train.progress_line import can_redraw, duration


class Progress:
    """A context manager that shows the job that has begun."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self.total, self.quiet = total, quiet
        self._begun = self._done = 0
        self._title = ""
        self._clock = self._printed = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Progress:
        if not self.quiet and can_redraw():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            text = TextColumn("{task.description}", markup=False)
            columns = (MofNCompleteColumn(), BarColumn(20), TimeElapsedColumn(), TimeRemainingColumn(), text)
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task("starting", total=self.total)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, title: str) -> None:
        """A job begins; the one before it is done."""
        self._title = title
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._begun, description=title)
        self._done = self._begun
        self._begun += 1
        self._line(title)

    def detail(self, text: str) -> None:
        """The present step of the job; a plain line on it comes every ten seconds at most."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=f"{self._title} · {text}")
        elif time.monotonic() - self._printed >= PERIOD_SECONDS:
            self._line(f"{self._title} · {text}")

    def _line(self, text: str) -> None:
        """A plain line, with the time that is left where the jobs before allow an estimate."""
        if self._bar is not None or self.quiet:
            return
        self._printed = time.monotonic()
        number, spent = f"{self._begun}/{self.total}", self._printed - self._clock
        left = f"; about {duration(spent * (self.total - self._done) / self._done)} left" if self._done else ""
        click.echo(f"{spent:7.1f} s  {number:>9}  {text}{left}", err=True)
