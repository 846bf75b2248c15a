"""A progress line on the terminal: a spinner, a bar, a text and a time, given by the caller."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

BAR_WIDTH = 12
"""Width of the bar in characters."""
MIN_WIDTH_FOR_BAR = 96
"""Minimum width of a terminal, in characters, for showing the bar."""


def jobs() -> int:
    """How many pieces of work are done at once: 1 unless joblib is configured otherwise.

    >>> jobs()
    1
    """
    if "joblib" not in sys.modules:  # then nobody can have configured it
        return 1
    import joblib

    return int(joblib.effective_n_jobs(None))


def can_redraw() -> bool:
    """Whether the error stream is a terminal on which a line can be overwritten."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


@dataclass(frozen=True)
class ProgressText:
    """Content of a progress line: a text, a time, and the completed share, 0 to 1, or None if unknown."""

    text: str
    times: str
    share: float | None = None


class ProgressLine:
    """The progress line, drawn several times a second until it is stopped and removed."""

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
            # Printed output appears above the line if both go to the terminal; a redirected stream is left alone.
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        )
        self._live.start(refresh=True)

    def print(self, text: str) -> None:
        """Prints a permanent text above the line."""
        self._console.print(text, markup=False, highlight=False)

    def stop(self) -> None:
        """Removes the line."""
        self._live.stop()

    def _drawn(self) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        content, line = self._say(), Table.grid(padding=(0, 1))
        row: list[Any] = [self._spinner, Text(content.text, no_wrap=True, overflow="ellipsis"), content.times]
        line.add_column(no_wrap=True)
        if content.share is not None and self._console.width >= MIN_WIDTH_FOR_BAR:
            row.insert(1, ProgressBar(total=1.0, completed=content.share, width=BAR_WIDTH))
            line.add_column(no_wrap=True)
        line.add_column()  # shrinks on a narrow terminal
        line.add_column(no_wrap=True)
        line.add_row(*row)
        return line


@contextmanager
def stage_callback(wanted: bool, on_stage: Callable[[str], None] | None) -> Iterator[Callable[[str], None]]:
    """Callback for the name of every stage: that of the caller, or else a progress line if wanted."""
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
    """A rounded time as text, such as `8 s` or `3 min 5 s`.

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
