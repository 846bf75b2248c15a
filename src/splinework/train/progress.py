"""A line on the terminal while a fit is going on; nothing when that takes under a second, or is not wanted."""

import math
import threading
import time
from collections import deque

from splinework.train.callbacks import Step
from splinework.train.progress_line import ProgressLine, ProgressText, can_redraw, duration

DELAY_SECONDS = 1.0
"""Seconds before anything is shown."""


class Progress:
    """A callback that shows the latest step; a context manager that takes the line away again.

    Before the first step the line says, once a second is over, what is done first.
    The line shows stage, step, errors and time. Where a number of steps or a budget is given, it shows the most time that is
    left (a fit that has converged ends before) and, on a wide terminal, a bar of what is used up.
    """

    def __init__(
        self, wanted: bool, *, steps: int | None = None, budget: float | None = None, first: str = "starting"
    ) -> None:
        self.wanted = wanted and can_redraw()
        self.steps, self.budget, self.first = steps, budget, first
        self._began = self._stepped = time.monotonic()
        self._recent: deque[Step] = deque(maxlen=32)  # to estimate how long the next steps will take
        self._line: ProgressLine | None = None
        self._lock, self._timer = threading.Lock(), threading.Timer(DELAY_SECONDS, self._begin)

    def __enter__(self) -> "Progress":
        if self.wanted:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __call__(self, step: Step) -> None:
        if not self.wanted:
            return
        self._stepped = time.monotonic()
        self._recent.append(step)
        if self._stepped - self._began >= DELAY_SECONDS:
            self._begin()

    def _begin(self) -> None:
        """Shows the line, unless there is one, or there is no more to show."""
        with self._lock:
            if self.wanted and self._line is None:
                self._line = ProgressLine(self._status)

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self.wanted = False
            if self._line is not None:
                self._line.stop()
                self._line = None

    def text(self) -> str:
        """Stage, step and errors."""
        if not self._recent:
            return self.first
        step = self._recent[-1]
        parts = [step.stage]
        if step.number:
            parts += [f"step {step.number}", f"rmse {step.rmse_train:.3g}"]
        if not math.isnan(step.rmse_validation):
            parts.append(f"held out {step.rmse_validation:.3g}")
        return " · ".join(parts)

    def times(self, since: float = 0.0) -> str:
        """Time taken and time left, `since` seconds after the last step."""
        left = self._left(since)
        return duration(self._taken[1] + since) + (f" · at most {duration(left)} left" if left < math.inf else "")

    def share(self, since: float = 0.0) -> float:
        """How much of the steps or of the time is used up, 0 to 1; 0 where neither is given."""
        number, seconds = self._taken
        used = [number / self.steps] if self.steps else []
        used += [(seconds + since) / self.budget] if self.budget else []
        return min(max(used, default=0.0), 1.0)

    @property
    def _taken(self) -> tuple[int, float]:
        """The number of the last step, and the seconds that it and all before have taken."""
        return (self._recent[-1].number, self._recent[-1].seconds) if self._recent else (0, 0.0)

    def _left(self, since: float) -> float:
        """Seconds that the rest may take."""
        number, seconds = self._taken
        left = math.inf if self.budget is None else self.budget - seconds - since
        if self.steps is not None and self._recent:
            first = self._recent[0]
            taken, time_taken = number - first.number, seconds - first.seconds
            pace = time_taken / taken if taken > 0 else seconds / max(number, 1)
            left = min(left, (self.steps - number) * pace - since)
        return max(left, 0.0)

    def _status(self) -> ProgressText:
        """The content of the line, several times a second, also between two steps."""
        since = time.monotonic() - self._stepped
        return ProgressText(self.text(), self.times(since), self.share(since) if self.steps or self.budget else None)
