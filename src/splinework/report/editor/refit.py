"""A refit in the background: its progress, and how it is cancelled."""

import math
import threading
import time
from typing import Any, Final, final

import splinework
from splinework.errors import ConfigError, SplineworkError
from splinework.report.editor.session import EditSession
from splinework.report.editor.verbs import Call
from splinework.report.plot.protocols import StepLike

MAX_POINTS: Final = 120
"""Points of the error curve that progress reports."""


@final
class Refit:
    """One refit, in a thread of its own; its result becomes the next state of the session."""

    def __init__(self, session: EditSession, call: Call) -> None:
        self.session, self.call = session, call
        self.state = "running"
        """`running`, `done`, `cancelled` or `failed`."""
        self.error = ""
        self._cancelled = threading.Event()
        self._began = time.monotonic()
        self._steps: list[tuple[int, float, float]] = []
        self._stage = "starting"
        self._thread = threading.Thread(target=self._work, name="refit", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still going on."""
        return self.state == "running"

    def cancel(self) -> None:
        """Ends the refit after its present step; the session keeps the state that it has."""
        self._cancelled.set()

    def wait(self, seconds: float | None = None) -> None:
        """Waits for the end, at most for the given time in seconds."""
        self._thread.join(seconds)

    def progress(self) -> dict[str, Any]:
        """State, stage, step, errors, seconds, share of the steps (None where their number is open) and the error curve."""
        taken = list(self._steps)
        steps = self.call.keywords.get("steps")
        last = taken[-1] if taken else (0, math.nan, math.nan)
        every = max(1, -(-len(taken) // MAX_POINTS))
        curve = taken[::every]
        return {
            "state": self.state,
            "error": self.error,
            "stage": self._stage,
            "step": last[0],
            "rmse": _finite(last[1]),
            "held_out": _finite(last[2]),
            "seconds": time.monotonic() - self._began,
            "share": min(last[0] / steps, 1.0) if steps else None,
            "curve": {"step": [each[0] for each in curve], "rmse": [_finite(each[1]) for each in curve]},
        }

    def _watch(self, step: StepLike) -> None:
        """The callback of the fit."""
        if self._cancelled.is_set():
            raise splinework.train.StopTraining("cancelled")
        self._stage = step.stage
        self._steps.append((step.number, step.rmse_train, step.rmse_validation))

    def _work(self) -> None:
        try:
            answer = self.call.run(self.session.model, self.session.rows, progress=False, callbacks=[self._watch])
        except SplineworkError as error:
            self.error, self.state = str(error), "failed"
            return
        except Exception as error:  # noqa: BLE001  # the end of the thread: the page says what happened
            self.error, self.state = f"the refit failed ({type(error).__name__}: {error}).", "failed"
            return
        if self._cancelled.is_set():
            self.state = "cancelled"
            return
        notes = [each.text for each in answer.history.decisions if each.kind in ("warning", "stop")]
        self.session.commit(self.call, self.call.edited(answer), time.monotonic() - self._began, notes)
        self.state = "done"


def check_idle(refit: Refit | None) -> None:
    """Checks that no refit is going on.

    Raises:
        ConfigError: If one is, as its result follows the present state.
    """
    if refit is not None and refit.running:
        raise ConfigError("a refit is going on; wait for it, or cancel it first.")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
