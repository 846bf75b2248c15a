"""Callbacks that report a fit to other programs: TensorBoard, MLflow, and Optuna, which may prune a trial.

Each takes the packages that it talks to from the caller's environment, and says so where one is missing. All bear a fit that is
resumed: it replays its recorded steps (see `callbacks.py`), and what they write is then written again in the same place.
A disk that fills or a server that fails during a fit is a warning, not the end of the fit.
"""

import math
import os
import time
import warnings
import weakref
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from typing import Any, final

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.train.callbacks import Step

MAX_MLFLOW_METRICS = 1000
"""Most metrics that MLflow takes in one request."""
MAX_SENDING_SHARE = 0.05
"""Share of the time that may go into requests to MLflow."""


def numbers(step: Step, prefix: str = "") -> dict[str, float]:
    """The finite numbers of a step by name; those of single layers as `grids/0`, `grids/1` and so on.

    >>> found = numbers(Step(7, "grid 5", 5, 0.04, 0.2, math.nan, 0.5, grids=(5, 3)), "a/")
    >>> found["a/rmse_train"], found["a/grids/1"], "a/rmse_validation" in found
    (0.2, 3.0, False)
    """
    found: dict[str, float] = {}
    for f in fields(Step):
        value = getattr(step, f.name)
        if isinstance(value, tuple):
            found |= {f"{prefix}{f.name}/{layer}": float(number) for layer, number in enumerate(value)}
        elif f.name != "number" and not isinstance(value, str) and math.isfinite(value):
            found[f"{prefix}{f.name}"] = float(value)
    return found


@explained
@final
class TensorBoard:
    """Writes the numbers of every step as scalars, and the name of each stage as text, for TensorBoard.

    In a directory, the steps of a fit replace those of an earlier one, also of the one that it resumes.

    Args:
        target: A directory, made where it is missing, or a writer such as `torch.utils.tensorboard.SummaryWriter`, which
            stays open and the caller's to close.
        prefix: Written before each name, such as `fold 3/`.

    Raises:
        ConfigError: If a directory is given and tensorboard is not installed, or something that is neither.

    >>> fit(model, x, y, callbacks=[TensorBoard("runs/first")])  # doctest: +SKIP
    """

    def __init__(self, target: Any, *, prefix: str = "") -> None:
        self.prefix = prefix
        self._stage: str | None = None
        self._writer: Any = None
        self._open: Callable[[int], Any] | None = None  # how a writer of our own is made, from the first step on
        self._close: weakref.finalize[..., Any] | None = None
        self._broken = False
        if isinstance(target, (str, os.PathLike)):
            summary_writer = _package("torch.utils.tensorboard", "tensorboard", "track").SummaryWriter
            directory = os.fspath(target)
            self._open = lambda first: summary_writer(directory, purge_step=first, flush_secs=10)
        elif callable(getattr(target, "add_scalar", None)):
            self._writer = target
        else:
            raise ConfigError(
                f"TensorBoard takes a directory or a writer with add_scalar, got {type(target).__name__}; "
                "write TensorBoard('runs/first')."
            )

    def __enter__(self) -> "TensorBoard":
        return self

    def __call__(self, step: Step) -> None:
        if self._broken:
            return
        try:
            self._write(step)
        except OSError as error:
            self._give_up(error)

    def __exit__(self, *_: object) -> None:
        try:
            if self._close is not None:
                self._close()
            elif not self._broken and hasattr(self._writer, "flush"):
                self._writer.flush()
        except OSError as failure:
            self._give_up(failure)
        if self._open is not None:
            self._writer = self._close = None
        self._stage, self._broken = None, False  # another fit tries anew

    def _write(self, step: Step) -> None:
        if self._writer is None and self._open is not None:
            # TensorBoard passes over what the directory holds of this step and later ones.
            self._writer = self._open(step.number)
            self._close = weakref.finalize(self, self._writer.close)  # a callback may be used without `with`
        for name, value in numbers(step, self.prefix).items():
            self._writer.add_scalar(name, value, step.number)
        if step.stage != self._stage and hasattr(self._writer, "add_text"):
            self._writer.add_text(f"{self.prefix}stage", step.stage, step.number)
        self._stage = step.stage

    def _give_up(self, error: OSError) -> None:
        self._broken = True
        if self._close is not None:
            self._close.detach()  # it would fail once more
            self._close = None
        _warn("TensorBoard", error)


@explained
@final
class MLflow:
    """Logs the numbers of every step as metrics of an MLflow run.

    It starts no run and no experiment. Numbers are sent together every so often, and when the fit ends. A metric's time is the
    start of the run plus the time of the fit, so a step that is replayed is the same entry.

    Args:
        run: A run or its identifier; None takes the run that is active now.
        prefix: Written before each name, such as `fold 3/`.
        every: Seconds between two requests. Longer where they take more than a twentieth of the time.

    Raises:
        ConfigError: If mlflow is not installed, no run is active, or `every` is not a time.

    >>> with mlflow.start_run():  # doctest: +SKIP
    ...     fit(model, x, y, callbacks=[MLflow()])
    """

    def __init__(self, run: Any = None, *, prefix: str = "", every: float = 2.0) -> None:
        if not 0 <= every < math.inf:
            raise ConfigError(f"every is a time between two requests in seconds, zero or more, got {every!r}.")
        mlflow = _package("mlflow", "mlflow-skinny", "track")
        if run is None:
            run = mlflow.active_run()
        if run is None:
            raise ConfigError(
                "MLflow() logs into the active run, and none is; write `with mlflow.start_run():` around it."
            )
        self._metric = _package("mlflow.entities", "mlflow-skinny", "track").Metric
        self._failure = _package("mlflow.exceptions", "mlflow-skinny", "track").MlflowException
        self._client = mlflow.MlflowClient()
        info = (self._client.get_run(run) if isinstance(run, str) else run).info
        self.run_id, self.prefix, self.every = info.run_id, prefix, every
        self._start = int(info.start_time)  # milliseconds
        self._waiting: list[Any] = []
        self._due, self._works = -math.inf, False

    def __enter__(self) -> "MLflow":
        return self

    def __call__(self, step: Step) -> None:
        at = self._start + round(1000 * step.seconds)
        self._waiting += [
            self._metric(name, value, at, step.number) for name, value in numbers(step, self.prefix).items()
        ]
        if time.monotonic() >= self._due:
            self.send()

    def __exit__(self, *_: object) -> None:
        self.send()

    def send(self) -> None:
        """Sends what waits. What could not be sent goes on waiting; the first time the error is the caller's."""
        began = time.monotonic()
        try:
            while self._waiting:
                self._client.log_batch(self.run_id, metrics=self._waiting[:MAX_MLFLOW_METRICS])
                del self._waiting[:MAX_MLFLOW_METRICS]
                self._works = True
        except self._failure as error:
            if not self._works:
                raise
            _warn("MLflow", error)
        now = time.monotonic()
        self._due = now + max(self.every, (now - began) / MAX_SENDING_SHARE)


@explained
@final
class OptunaPruning:
    """Reports the error of a fit to an Optuna trial, and prunes the trial when the study's pruner says so.

    The value reported is the lowest so far, since the best state is what a fit returns, and another start or a finer grid
    may begin with a larger error. Steps without the value, such as those of a polish on all rows, are not reported. Where a
    trial is pruned, `fit` raises `optuna.TrialPruned`, as `study.optimize` expects. One fit per trial: its steps are the
    trial's.

    Args:
        trial: An `optuna.Trial`, of a study that minimises.
        metric: A field of `Step` that is a number.
        every: Steps between two reports.

    Raises:
        ConfigError: If optuna is not installed, the trial is none, the metric no number of a step, or `every` below 1; by the
            fit, if its first step has no value of the metric.

    >>> fit(model, x, y, callbacks=[OptunaPruning(trial)])  # doctest: +SKIP
    """

    def __init__(self, trial: Any, metric: str = "rmse_validation", *, every: int = 1) -> None:
        known = [f.name for f in fields(Step) if f.type is float]
        if metric not in known:
            raise ConfigError(f"metric is one of {', '.join(known)}, got {metric!r}.")
        if every < 1:
            raise ConfigError(f"every is a number of steps of at least 1, got {every!r}.")
        if not (callable(getattr(trial, "report", None)) and callable(getattr(trial, "should_prune", None))):
            raise ConfigError(f"OptunaPruning takes the trial that the objective is given, got {type(trial).__name__}.")
        self.trial, self.metric, self.every = trial, metric, every
        self._pruned = _package("optuna", "optuna", "tune").TrialPruned
        self._best, self._reported, self._has_value = math.inf, -every, False

    def __call__(self, step: Step) -> None:
        value = getattr(step, self.metric)
        if math.isnan(value):
            if not self._has_value:
                raise ConfigError(
                    f"the fit has no {self.metric} to report to Optuna; hold rows out, as in validation=0.2, or take "
                    "metric='rmse_train'."
                )
            return
        self._has_value = True
        self._best = min(self._best, value)
        # Optuna takes one value per step; a step that is replayed has been reported.
        if step.number < self._reported + self.every:
            return
        self.trial.report(self._best, step.number)
        self._reported = step.number
        if self.trial.should_prune():
            raise self._pruned(f"pruned after step {step.number} of the fit, with {self.metric} {self._best:.4g}")


def _warn(what: str, error: Exception) -> None:
    warnings.warn(f"{what} did not receive some steps, the fit goes on: {error}", stacklevel=4)


def _package(module: str, package: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"this needs the package {package}, and it cannot be imported ({error}); install it with "
            f"pip install 'splinework[{extra}]'."
        ) from error
