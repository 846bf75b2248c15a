"""Plot of a spline in a formula."""

from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes

from splinework.errors import DataError
from splinework.report.plot import style
from splinework.report.plot.protocols import Floats

MAX_TICKS = 150
N_POINTS = 400


class SplineLike(Protocol):
    """A function of one variable with a table of its values, such as `splinework.interpret.symbolic.expression.NamedSpline`."""

    def __call__(self, raw: Floats, /) -> Floats: ...
    def table(self) -> tuple[Floats, Floats]: ...


def plot_spline(
    spline: SplineLike, *, at: Any = None, ax: Axes | None = None, name: str = "spline", argument: str = ""
) -> Axes:
    """Draws a spline over the range of the data, with ticks at the data.

    Args:
        spline: The function.
        at: Values of its argument for the rows of data `(N,)`; None draws the spline over its own table without the distant
            ends.
        ax: Axes to draw in; None creates a figure.
        name: Name of the spline.
        argument: Text of its argument.

    Raises:
        DataError: If there is nothing finite to draw.
    """
    places = shown_places(spline, at)
    values = np.asarray(spline(places), dtype=np.float64)
    if not np.isfinite(values).any():
        raise DataError(f"a plot of {name} needs finite values, got none between {places[0]:g} and {places[-1]:g}.")
    ax = style.axes_or_new(ax, 4.2, 2.7)
    ax.plot(places, values, color=style.BLUE, linewidth=style.LINE_WIDTH, gid="spline")
    if at is not None:
        reached = np.sort(np.asarray(at, dtype=np.float64))
        reached = reached[np.isfinite(reached)][style.thinned(len(reached), MAX_TICKS)]
        foot = np.zeros(len(reached))
        lines = ax.get_xaxis_transform()
        ax.plot(reached, foot, "|", color=style.MUTED, markersize=7, transform=lines, clip_on=False, gid="rows")
    style.tidy(ax, x=style.shown_name(argument, 48), y=style.shown_name(name))
    return ax


def shown_places(spline: SplineLike, at: Any = None, points: int = N_POINTS) -> Floats:
    """Evenly spaced points over the range of `at`, or else of the spline's table without its ends."""
    reached = np.asarray(spline.table()[0][1:-1] if at is None else at, dtype=np.float64)
    reached = reached[np.isfinite(reached)]
    if not len(reached):
        raise DataError("a spline is drawn over the range of its argument, which has no finite values.")
    return np.linspace(reached.min(), reached.max(), points)
