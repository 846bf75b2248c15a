"""A film of a fit: the network diagram step by step, above the error so far."""

import copy
import math
import os
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from matplotlib.animation import FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from splinework.errors import ConfigError, DataError, FileError, ShapeError
from splinework.errors.foreign import explained
from splinework.nn.arrays import data_of
from splinework.nn.files import write_whole
from splinework.nn.network import KAN
from splinework.report.plot import style
from splinework.report.plot.diagram import plot
from splinework.report.plot.metrics import Metric
from splinework.report.plot.protocols import StepLike

if TYPE_CHECKING:
    from torch import Tensor

MAX_ROWS = 1000
"""Rows on which curves and scores of a frame are computed, evenly thinned."""
MIN_INCHES, MAX_INCHES = 4.2, 7.5
"""Least width of a frame, and its largest side; larger diagrams are drawn smaller."""
CURVE_INCHES = 1.35
"""Height of the curve of errors."""


@dataclass(frozen=True)
class _Frame:
    """A network after a step; `number` counts the steps of all fits in the film."""

    number: int
    step: StepLike
    model: KAN


@explained
@final
class Film:
    """A callback of `sw.fit` that makes a film of the network: its diagram at some steps, with the errors up to then.

    The film is written when the fit ends, however it ends. Starts that are compared before the fit are not in it, nor steps that
    a resumed fit has from its checkpoint. Fits that follow each other, such as both phases of `sw.sparsify`, are one film.

    Args:
        path: The film: `.gif`, or `.mp4` where the program ffmpeg is installed. None keeps the frames only, for `figure` and
            `save`.
        x: Rows `(N, inputs)` in raw units over which curves are drawn, such as those of the fit; at most 1000, evenly thinned.
            For a network in a frame those that the network inside sees, `model.inside(x)`.
        most: Frames at most. Of more steps every second, fourth, … is taken, and the last.
        seconds: Length of the film; the last frame stays for two seconds more.
        dpi: Pixels per inch of a frame.
        metric: Score of the edges, as in `plot`.
        names: Labels of the inputs, as in `plot`.

    Raises:
        ConfigError: If the suffix is another, ffmpeg is missing, or a number out of its range.
        FileError: If the folder does not exist.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> x = torch.linspace(-1, 1, 100)[:, None]
        >>> film = Film(None, x, most=20)
        >>> result = sw.fit(sw.KAN([1, 2, 1]), x, torch.sin(4 * x), callbacks=[film], steps=30, progress=False)
        >>> 1 < len(film) <= 20
        True
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        x: Any,
        *,
        most: int = 60,
        seconds: float = 6.0,
        dpi: int = 100,
        metric: Metric = "attribution",
        names: Sequence[str] | None = None,
    ) -> None:
        if not (isinstance(most, int) and most >= 2):
            raise ConfigError(f"most is the number of frames, at least 2, got {most!r}.")
        if not 0 < seconds < math.inf or not 20 <= dpi <= 600:
            raise ConfigError(
                f"seconds is the length of the film, above 0, and dpi from 20 to 600; got {seconds} and {dpi}."
            )
        self.path = None if path is None else _checked(path)
        self.most, self.seconds, self.dpi, self.metric, self.names = most, seconds, dpi, metric, names
        self._x = x
        self._rows: Tensor | None = None
        self._frames: list[_Frame] = []
        self._steps: list[tuple[int, StepLike]] = []
        self._current: StepLike | None = None
        self._before, self._stride = 0, 1
        self._last: _Frame | None = None

    def __enter__(self) -> "Film":
        return self

    def __call__(self, step: StepLike) -> None:
        self._steps.append((self._number(step), step))

    def watch(self, step: StepLike, model: KAN) -> None:
        """Takes the network after a step; `fit` calls it."""
        if self._rows is None or self._rows.shape[1] != model.inputs:
            self._rows = self._admitted(model)
        number = self._number(step)
        self._last = _Frame(number, step, copy.deepcopy(model).requires_grad_(False).eval())
        if (number - 1) % self._stride == 0 or not self._frames:
            self._frames.append(self._last)
        if len(self._frames) >= self.most:
            self._stride *= 2
            self._frames = self._frames[::2]

    def __exit__(self, *_: object) -> None:
        if self.path is None or self._last is None:
            return
        try:
            self.save()
        except FileError as error:  # a full disk must not cost the fit
            warnings.warn(f"the film of the fit was not written: {error}", stacklevel=2)

    def __len__(self) -> int:
        return len(self._shown())

    def figure(self, number: int = -1) -> Figure:
        """A frame as a figure, by default the last.

        Raises:
            DataError: If no network has been seen yet.
            ConfigError: If there is no such frame.
        """
        frames = self._shown()
        if not -len(frames) <= number < len(frames):
            raise ConfigError(f"the film has the frames 0 to {len(frames) - 1}, got {number}.")
        figure = style.new_figure(*self._size(frames))
        self._draw(figure, frames[number])
        return figure

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Writes the film, whole or not at all.

        Args:
            path: The file; None for the one that the film was made with.

        Returns:
            The path.

        Raises:
            ConfigError: If there is no path, its suffix is another, or ffmpeg is missing.
            DataError: If no network has been seen yet.
            FileError: If it cannot be written.
        """
        goal = self.path if path is None else _checked(path)
        if goal is None:
            raise ConfigError("the film was given no path; write film.save('fit.gif').")
        frames = self._shown()
        pace = max(1, min(30, round(len(frames) / self.seconds)))
        frames = [*frames, *frames[-1:] * (2 * pace)]
        figure = style.new_figure(*self._size(frames))
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / f"film{goal.suffix.lower()}"
            writer = PillowWriter(fps=pace) if made.suffix == ".gif" else FFMpegWriter(fps=pace, codec="h264")
            with writer.saving(figure, str(made), self.dpi):
                drawn = None
                for frame in frames:
                    if frame is not drawn:
                        figure.clear()
                        self._draw(figure, frame)
                        drawn = frame
                    writer.grab_frame()
            content = made.read_bytes()
        write_whole(goal, content)
        return goal

    def _number(self, step: StepLike) -> int:
        """The number of a step in the film: that of a second fit goes on from the first."""
        if step is not self._current:
            if self._current is not None and step.number <= self._current.number:
                self._before += self._current.number
            self._current = step
        return self._before + step.number

    def _shown(self) -> list[_Frame]:
        if self._last is None:
            raise DataError("the film has seen no network yet; pass it to fit(..., callbacks=[film]) first.")
        return [*self._frames, *([] if self._frames and self._frames[-1] is self._last else [self._last])]

    def _admitted(self, model: KAN) -> "Tensor":
        try:
            rows = data_of(model, self._x)
        except ShapeError as error:
            raise ShapeError(
                f"a Film draws over the rows that the network sees (in a frame model.inside(x)): {error}"
            ) from error
        return rows[style.thinned(len(rows), MAX_ROWS)].detach().double().cpu()

    def _plot(self, model: KAN, ax: Axes | None = None) -> Axes:
        assert self._rows is not None
        return plot(model, self._rows, ax=ax, metric=self.metric, names=self.names)

    def _size(self, frames: Sequence[_Frame]) -> tuple[float, float]:
        """Width and height in inches that the first and the last diagram need, with the curve; even numbers of pixels."""
        axes = [self._plot(frame.model) for frame in (frames[0], frames[-1])]
        boxes = [(ax.get_window_extent(), ax.figure.dpi) for ax in axes]
        width = max(MIN_INCHES, *(box.width / dpi for box, dpi in boxes))
        height = max(box.height / dpi for box, dpi in boxes)
        shrunk = min(1.0, MAX_INCHES / max(width, height))
        sizes = width * shrunk, height * shrunk + CURVE_INCHES
        first, second = (2 * math.ceil(each * self.dpi / 2) / self.dpi for each in sizes)
        return first, second

    def _draw(self, figure: Figure, frame: _Frame) -> None:
        width, height = figure.get_size_inches()
        below = CURVE_INCHES / height
        self._plot(frame.model, figure.add_axes((0.0, below, 1.0, 1 - below)))
        left = 0.62 / width
        ax = figure.add_axes((left, 0.42 / height, 1 - left - 0.15 / width, (CURVE_INCHES - 0.72) / height))
        ax.set_yscale("log")
        numbers = np.array([number for number, _ in self._steps])
        for name, colour in (("rmse_train", style.BLUE), ("rmse_validation", style.VERMILION)):
            errors = np.array([getattr(step, name) for _, step in self._steps], dtype=np.float64)
            errors[~(np.isfinite(errors) & (errors > 0))] = math.nan
            if np.isfinite(errors).any():
                seen = numbers <= frame.number
                ax.plot(numbers, errors, color=colour, linewidth=0.8, alpha=0.25)
                ax.plot(numbers[seen], errors[seen], color=colour, linewidth=style.LINE_WIDTH, gid=name)
        ax.axvline(frame.number, color=style.MUTED, linewidth=0.8)
        style.tidy(ax, x="step", title=f"{style.shown_name(frame.step.stage)}: RMSE {frame.step.rmse_train:.2g}")
        ax.set_xlim(numbers[0] - 0.5, max(numbers[-1], numbers[0] + 1) + 0.5)


def _checked(path: str | os.PathLike[str]) -> Path:
    """The path of a film that can be written.

    Raises:
        ConfigError: If the suffix is another, or ffmpeg is missing.
        FileError: If the folder does not exist.
    """
    found = Path(path)
    if found.suffix.lower() not in (".gif", ".mp4"):
        raise ConfigError(f"a film's name ends in .gif or .mp4, got {found.name!r}.")
    if found.suffix.lower() == ".mp4" and not FFMpegWriter.isAvailable():
        raise ConfigError(
            f"{found.name} needs the program ffmpeg, which is not on the PATH; install it, or name the film "
            f"{found.with_suffix('.gif').name}."
        )
    if not found.parent.is_dir():
        raise FileError(f"there is no folder {found.parent} for the film {found.name}; make it first.")
    return found
