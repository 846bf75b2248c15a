"""Callbacks of a fit, called after every step: early stopping, and a picture that follows the fit.

A callback is any function of a `Step`. One that is a context manager too is entered when a fit begins and left when it ends,
however it ends; there it writes what it has held back. One that has a method `watch(step, model)`, a `Watching`, is shown the
network before it is called, at steps that this process takes with one network: not at those of starts that are compared, nor at
those that a resumed fit has from its checkpoint.

A callback may keep a state and need not store it: a fit that is resumed from a checkpoint first replays every recorded step, in
order, with the same numbers. So a callback must accept the same step twice, and recognise by the number whether a fit begins: it
does where a step's number is not above that of the step before. The callbacks here, and the trackers in `trackers.py`, are in the
same state after such a replay as if nothing had happened in between.
"""

import io
import itertools
import math
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, final, runtime_checkable

from splinework.errors import ConfigError, DataError, FileError
from splinework.errors.foreign import explained
from splinework.nn.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from splinework.nn.network import KAN


@final
@dataclass(frozen=True)
class Step:
    """One step of a fit.

    Norms are Euclidean, over all numbers of the model that the fit may change, in network units. NaN, an empty tuple or 0
    stands for what the optimiser does not know.

    Attributes:
        number: Steps taken so far. Every step is reported; of mini-batches only as many as cost little.
        stage: The present stage, such as `start 3 of 6`, `grid 10` or `polish`.
        grid: Largest resolution of the layers.
        objective: The value that is minimised, in network units: mean squared error and penalties.
        rmse_train: Root mean squared error on the training rows, in the units of y (of log y for a logarithmic output).
        rmse_validation: The same on the held-out rows; NaN where there are none.
        seconds: Time since the fit began.
        loss: The loss on the training rows without penalties, in its own raw units.
        gradient_norm: Length of the objective's gradient.
        step_norm: Length of the change of the numbers in this step.
        parameter_norm: Length of the numbers after it.
        step_seconds: Time that this step took.
        grids: Resolution of every layer.
        degrees: Degree of every layer's splines.
        parameters: How many numbers the fit may change.
        damping: Damping parameter of Levenberg–Marquardt.

    >>> Step(1, "grid 5", 5, 0.1, 0.3, 0.4, 0.01).rmse_validation
    0.4
    """

    number: int
    stage: str
    grid: int
    objective: float
    rmse_train: float
    rmse_validation: float
    seconds: float
    loss: float = math.nan
    gradient_norm: float = math.nan
    step_norm: float = math.nan
    parameter_norm: float = math.nan
    step_seconds: float = math.nan
    grids: tuple[int, ...] = ()
    degrees: tuple[int, ...] = ()
    parameters: int = 0
    damping: float = math.nan


Callback = Callable[[Step], None]


@runtime_checkable
class Watching(Protocol):
    """A callback that is shown the network; it copies what it keeps of it, and leaves it as it is.

    >>> class Norms:
    ...     def __init__(self):
    ...         self.seen = []
    ...
    ...     def watch(self, step, model):
    ...         self.seen.append(float(model.kan_layers[0].coefficients.norm()))
    ...
    ...     def __call__(self, step):
    ...         pass
    >>> isinstance(Norms(), Watching)
    True
    """

    def watch(self, step: Step, model: "KAN") -> None:
        """Called after every step, before the callback itself."""

    def __call__(self, step: Step) -> None: ...


def notify(callback: Callback, step: Step, model: "KAN | None") -> None:
    """Calls a callback with a step; one that watches the network is shown it before, where the step has one."""
    if model is not None and isinstance(callback, Watching):
        callback.watch(step, model)
    callback(step)


class StopTraining(Exception):  # a signal, not an error
    """Raised by a callback to end the fit; the best state so far is returned.

    >>> def stop(step):
    ...     if step.rmse_train < 1e-3:
    ...         raise StopTraining("accurate enough")
    """


@final
@dataclass(frozen=True)
class StopBelow:
    """Ends the fit once a number of its steps is small enough.

    Attributes:
        name: The field of `Step`, such as `rmse_validation`.
        level: The value at which it is enough.
        reason: The reason that is recorded in the history.
        in_starts: Whether steps of the starts, which use coarser grids, count as well.
    """

    name: str
    level: float
    reason: str = ""
    in_starts: bool = True

    def __call__(self, step: Step) -> None:
        if getattr(step, self.name) <= self.level and (self.in_starts or not step.stage.startswith("start")):
            raise StopTraining(self.reason)


@explained
class EarlyStopping:
    """Ends the fit when the held-out error has not improved for `patience` steps of one stage.

    Where nothing is held out, the training error counts. Each start and each grid is a stage; a new fit begins anew.

    Args:
        patience: Number of steps.
        improvement: Relative gain that counts as an improvement.

    Raises:
        ConfigError: If patience is below 1, or improvement not between 0 and 1.

    >>> stop = EarlyStopping(patience=20, improvement=0.01)  # fit(..., callbacks=[stop])
    """

    def __init__(self, patience: int = 50, improvement: float = 1e-3) -> None:
        if not (patience >= 1 and 0 <= improvement < 1):
            raise ConfigError(
                f"patience is at least 1 step and improvement a share below 1, got {patience} and {improvement}."
            )
        self.patience, self.improvement = patience, improvement
        self._best, self._improved = math.inf, 0
        self._last: Step | None = None

    def __call__(self, step: Step) -> None:
        begins = _begins(step, self._last)
        if begins:
            self._best = math.inf
        if begins or self._last is None or step.stage != self._last.stage:
            self._improved = step.number
        self._last = step
        error = step.rmse_validation if math.isfinite(step.rmse_validation) else step.rmse_train
        if error < self._best * (1 - self.improvement):
            self._best, self._improved = error, step.number
        if step.number - self._improved >= self.patience:
            raise StopTraining(f"no improvement for {self.patience} steps")


@explained
@final
class PlotLive:
    """A picture of the errors against the steps that follows a fit, with a mark wherever grids or degrees change.

    Args:
        path: The picture, in a format that matplotlib writes, such as `fit.png`. It is replaced whole, at the first step,
            then every so often, and at the end; None keeps the steps only, for `plot`.
        every: Seconds between two pictures. Longer where drawing takes more than a twentieth of the time.

    Raises:
        ConfigError: If the suffix is not a format of matplotlib, or `every` is not a time.
        FileError: If the folder does not exist.

    >>> live = PlotLive()  # fit(..., callbacks=[live])
    >>> live(Step(1, "grid 5", 5, 0.1, 0.3, 0.4, 0.01))
    >>> len(live.steps)
    1
    """

    DRAWING = 0.05
    """Share of the time that may go into drawing."""

    def __init__(self, path: str | os.PathLike[str] | None = None, *, every: float = 5.0) -> None:
        if not 0 <= every < math.inf:
            raise ConfigError(f"every is a time between two pictures in seconds, zero or more, got {every!r}.")
        self.path, self.every = None if path is None else Path(path), every
        self.steps: list[Step] = []
        self._due = -math.inf
        if self.path is not None:
            _check_picture(self.path)

    def __enter__(self) -> "PlotLive":
        return self

    def __call__(self, step: Step) -> None:
        if _begins(step, self.steps[-1] if self.steps else None):
            self.steps.clear()
        self.steps.append(step)
        began = time.monotonic()
        if self.path is None or began < self._due:
            return
        self._try_to_save()
        now = time.monotonic()
        self._due = now + max(self.every, (now - began) / self.DRAWING)

    def __exit__(self, *_: object) -> None:
        if self.path is not None and self.steps:
            self._try_to_save()

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draws the root mean squared errors of the steps so far, on a logarithmic scale.

        Args:
            ax: Where to draw; None makes a figure of its own.

        Raises:
            DataError: If there has been no step.
        """
        if not self.steps:
            raise DataError("PlotLive has seen no step yet; pass it to fit(..., callbacks=[live]) first.")
        ax = _new_figure().add_subplot() if ax is None else ax
        ax.set_yscale("log")
        numbers = [step.number for step in self.steps]
        for label, name, colour in _CURVES:
            errors = [getattr(step, name) for step in self.steps]
            shown = [error if 0 < error < math.inf else math.nan for error in errors]
            if any(error == error for error in shown):
                ax.plot(numbers, shown, color=colour, linewidth=1.4, marker=".", markersize=2.5, label=label, gid=name)
        _mark_grids(ax, self.steps)
        ax.set_xlim(numbers[0] - 0.5, max(numbers[-1], numbers[0] + 1) + 0.5)
        ax.set_xlabel("step")
        ax.set_ylabel("RMSE")
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, loc="upper right", fontsize=7.5)
        return ax

    def save(self) -> None:
        """Writes the picture now, whole or not at all.

        Raises:
            ConfigError: If there is no path.
            DataError: If there has been no step.
            FileError: If it cannot be written.
        """
        if self.path is None:
            raise ConfigError("PlotLive was given no path; make it with PlotLive('fit.png'), or use .plot().")
        figure, buffer = _new_figure(), io.BytesIO()
        self.plot(figure.add_subplot())
        figure.savefig(buffer, format=self.path.suffix[1:].lower())
        write_whole(self.path, buffer.getvalue())

    def _try_to_save(self) -> None:
        try:
            self.save()
        except FileError as error:  # a full disk must not cost the fit
            warnings.warn(f"the picture of the fit was not written, the fit goes on: {error}", stacklevel=3)


_CURVES = (("fitted rows", "rmse_train", "#0072b2"), ("held-out rows", "rmse_validation", "#d55e00"))


def _begins(step: Step, last: Step | None) -> bool:
    """Whether a fit, or its replay, begins with this step."""
    return last is None or step.number <= last.number


def _check_picture(path: Path) -> None:
    from matplotlib.backend_bases import FigureCanvasBase

    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix[1:].lower() not in known:
        raise ConfigError(f"a picture's name ends in one of .{', .'.join(known)}, got {path.name!r}.")
    if not path.parent.is_dir():
        raise FileError(f"there is no folder {path.parent} for the picture {path.name}; make it first.")


def _new_figure() -> "Figure":
    from matplotlib.figure import Figure  # not pyplot, which would keep it

    return Figure(figsize=(7.2, 2.9), layout="constrained")


def _mark_grids(ax: "Axes", steps: list[Step]) -> None:
    """A thin line where grids or degrees change, labelled with the new values unless labels would overlap."""
    changes = [(steps[0], _grid_text(steps[0], None))]
    changes += [(after, _grid_text(after, before)) for before, after in itertools.pairwise(steps)]
    width = max(steps[-1].number - steps[0].number, 1)
    letter = 0.6 * 7.0 / (72 * ax.get_window_extent().width / ax.figure.dpi)  # its width as a share of the axes
    free = -math.inf
    for step, text in changes:
        if not text:
            continue
        ax.axvline(step.number - 0.5, color="#d5dae1", linewidth=0.9, zorder=0, gid="grid")
        at = (step.number - steps[0].number) / width
        if at >= free:
            free = at + (len(text) + 1) * letter
            place, side = ax.get_xaxis_transform(), "left" if free < 1.02 else "right"
            ax.text(
                step.number - 0.5, 1.015, text, transform=place, ha=side, va="bottom", fontsize=7.0, gid="grid-name"
            )


def _grid_text(step: Step, before: Step | None) -> str:
    """The new resolution and degree as a text: `G 10`, `k 5`, or nothing."""
    parts = []
    if before is None or (step.grid, step.grids) != (before.grid, before.grids):
        parts.append(f"G {step.grid}")
    if step.degrees and (before is None or step.degrees != before.degrees):
        parts.append(f"k {max(step.degrees)}")
    return " ".join(parts)
