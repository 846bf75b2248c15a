"""A line on the terminal while work goes on: a spinner, a bar, a text and a time that callers hand in."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

BAR_WIDTH = 12
"""Width of the bar in letters."""
MIN_WIDTH_FOR_BAR = 96
"""On a terminal of fewer letters there is no bar."""


def can_redraw() -> bool:
    """Whether the error stream is a terminal on which a line can be written over."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


@dataclass(frozen=True)
class ProgressText:
    """The content of a line: a text, a time, and the share that is done, 0 to 1; None where it is not known."""

    text: str
    times: str
    share: float | None = None


class ProgressLine:
    """The line, drawn several times a second until it is stopped; then it is gone.

    Args:
        say: What it says now.
    """

    def __init__(self, say: Callable[[], ProgressText]) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner

        self._say, self._spinner, self._console = say, Spinner("dots"), Console(stderr=True)
        self._live = Live(
            get_renderable=self._drawn,
            console=self._console,
            transient=True,
            refresh_per_second=8,
            # What somebody prints meanwhile goes above the line where both are on the terminal, else where it belongs.
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        )
        self._live.start(refresh=True)

    def print(self, text: str) -> None:
        """A sentence that stays, above the line."""
        self._console.print(text, markup=False, highlight=False)

    def stop(self) -> None:
        """Takes the line away."""
        self._live.stop()

    def _drawn(self) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        said, line = self._say(), Table.grid(padding=(0, 1))
        row: list[Any] = [self._spinner, Text(said.text, no_wrap=True, overflow="ellipsis"), said.times]
        line.add_column(no_wrap=True)
        if said.share is not None and self._console.width >= MIN_WIDTH_FOR_BAR:
            row.insert(1, ProgressBar(total=1.0, completed=said.share, width=BAR_WIDTH))
            line.add_column(no_wrap=True)
        line.add_column()  # where the terminal is narrow, this one becomes narrower
        line.add_column(no_wrap=True)
        line.add_row(*row)
        return line


@contextmanager
def stage_callback(wanted: bool, on_stage: Callable[[str], None] | None) -> Iterator[Callable[[str], None]]:
    """Who is told of every stage: the caller, where it wants to know; else the terminal, where that is wanted."""
    if on_stage is not None or not (wanted and can_redraw()):
        yield on_stage or (lambda text: None)
        return
    began, now = time.monotonic(), ["starting"]
    line = ProgressLine(lambda: ProgressText(now[0], duration(time.monotonic() - began)))
    try:
        yield lambda text: now.__setitem__(0, text)
    finally:
        line.stop()


def duration(seconds: float) -> str:
    """A time for the eye, such as `8 s` or `3 min 5 s`.

    >>> duration(8.4), duration(185), duration(7300)
    ('8 s', '3 min 5 s', '2 h 1 min')
    """
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
