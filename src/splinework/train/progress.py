"""A line on the terminal while a fit is going on; nothing when that takes under a second, or is not wanted."""

import sys
from types import TracebackType
from typing import Any

from splinework.train.callbacks import Step

PATIENCE = 1.0
"""Seconds before anything is shown."""


class Progress:
    """A callback that shows the latest step; a context manager that takes the line away again.

    Args:
        wanted: False shows nothing; so does an error stream that is not a terminal.
    """

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted and sys.stderr.isatty()
        self._status: Any = None

    def __enter__(self) -> "Progress":
        return self

    def __call__(self, step: Step) -> None:
        if not self.wanted or step.seconds < PATIENCE:
            return
        text = f"{step.stage} · step {step.number} · rmse {step.rmse_train:.3g}"
        if step.rmse_validation == step.rmse_validation:
            text += f" · held out {step.rmse_validation:.3g}"
        if self._status is None:
            from rich.console import Console

            self._status = Console(stderr=True).status(text)
            self._status.start()
        self._status.update(f"{text} · {step.seconds:.0f} s")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
