"""A line on the terminal while a fit is going on; nothing when that takes under a second, or is not wanted."""

import math
import sys
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any

from splinework.train.callbacks import Step

if TYPE_CHECKING:
    from rich.spinner import Spinner

PATIENCE = 1.0
"""Seconds before anything is shown."""
RECENT = 32
"""So many steps tell how long the next ones will take: on finer grids they are slower."""
BAR = 12
"""Width of the bar in letters."""
WIDE = 96
"""On a terminal of fewer letters there is no bar."""


class Progress:
    """A callback that shows the latest step; a context manager that takes the line away again.

    The line tells stage, step, errors and time. Where a number of steps or a time is given, the line tells how much time
    is left at most (a fit that has converged ends before) and, on a wide terminal, a bar how much of it is used up.

    Args:
        wanted: False shows nothing; so does an error stream that is not a terminal.
        steps: Most steps of the fit, or None.
        seconds: Most time of the fit, or None.
    """

    def __init__(self, wanted: bool, *, steps: int | None = None, seconds: float | None = None) -> None:
        self.wanted = wanted and sys.stderr is not None and sys.stderr.isatty()
        self.steps, self.seconds = steps, seconds
        self._began = self._told = time.monotonic()
        self._recent: deque[Step] = deque(maxlen=RECENT)
        self._live: Any = None

    def __enter__(self) -> "Progress":
        return self

    def __call__(self, step: Step) -> None:
        if not self.wanted:
            return
        self._told = time.monotonic()
        self._recent.append(step)
        if self._live is None and self._told - self._began >= PATIENCE:
            from rich.console import Console
            from rich.live import Live
            from rich.spinner import Spinner

            spinner, console = Spinner("dots"), Console(stderr=True)
            self._live = Live(
                get_renderable=lambda: self._line(spinner, console.width),
                console=console,
                transient=True,
                refresh_per_second=8,
                # What a callback prints goes above the line where both are on the terminal, else where it belongs.
                redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
            )
            self._live.start(refresh=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def text(self) -> str:
        """Stage, step and errors."""
        step = self._recent[-1]
        parts = [step.stage]
        if step.number:
            parts += [f"step {step.number}", f"rmse {step.rmse_train:.3g}"]
        if not math.isnan(step.rmse_validation):
            parts.append(f"held out {step.rmse_validation:.3g}")
        return " · ".join(parts)

    def times(self, since: float = 0.0) -> str:
        """Time taken and time left, so many seconds after the last step."""
        step = self._recent[-1]
        left = self._left(step, since)
        return clock(step.seconds + since) + (f" · at most {clock(left)} left" if left < math.inf else "")

    def share(self, since: float = 0.0) -> float:
        """How much of the steps or of the time is used up, 0 to 1; 0 where neither is given."""
        step = self._recent[-1]
        used = [step.number / self.steps] if self.steps else []
        used += [(step.seconds + since) / self.seconds] if self.seconds else []
        return min(max(used, default=0.0), 1.0)

    def _left(self, step: Step, since: float) -> float:
        """Seconds that the rest may take."""
        left = math.inf if self.seconds is None else self.seconds - step.seconds - since
        if self.steps is not None:
            first = self._recent[0]
            taken, time_taken = step.number - first.number, step.seconds - first.seconds
            pace = time_taken / taken if taken > 0 else step.seconds / max(step.number, 1)
            left = min(left, (self.steps - step.number) * pace - since)
        return max(left, 0.0)

    def _line(self, spinner: "Spinner", width: int) -> Any:
        """What rich draws, several times a second, also between two steps."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        since = time.monotonic() - self._told
        line = Table.grid(padding=(0, 1))
        row: list[Any] = [spinner, Text(self.text(), no_wrap=True, overflow="ellipsis"), self.times(since)]
        line.add_column(no_wrap=True)
        if (self.steps or self.seconds) and width >= WIDE:
            row.insert(1, ProgressBar(total=1.0, completed=self.share(since), width=BAR))
            line.add_column(no_wrap=True)
        line.add_column()  # where the terminal is narrow, this one becomes narrower
        line.add_column(no_wrap=True)
        line.add_row(*row)
        return line


def clock(seconds: float) -> str:
    """A time as one reads it: `42 s`, `3:07 min`, `1:02:03 h`.

    >>> clock(42.4), clock(187), clock(3723)
    ('42 s', '3:07 min', '1:02:03 h')
    """
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"
