"""What a person sees meanwhile: a bar with a clock on a terminal, else one line per job, on the error stream."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

import click


class Progress:
    """A context manager that is told what begins.

    Args:
        total: Number of jobs.
        quiet: Shows nothing.
    """

    def __init__(self, total: int, *, quiet: bool) -> None:
        self.total, self.quiet = total, quiet
        self._begun, self._title = 0, ""
        self._clock = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Progress:
        if not self.quiet and sys.stderr.isatty():
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

    def begin(self, title: str, *, counts: bool = True) -> None:
        """A job begins; the one before it is done."""
        self._title = title
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._begun, description=title)
        elif not self.quiet:
            number = f"{self._begun + counts}/{self.total}"
            click.echo(f"{time.monotonic() - self._clock:7.1f} s  {number:>9}  {title}", err=True)
        self._begun += counts

    def detail(self, text: str) -> None:
        """What is being done for it."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=f"{self._title} · {text}")
