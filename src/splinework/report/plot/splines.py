"""A spline that a formula still contains, where no function of the library would do."""

from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes

from splinework.errors import DataError
from splinework.report.plot import style
from splinework.report.plot.protocols import Floats

MOST_TICKS = 150
POINTS = 400


class SplineLike(Protocol):
    """A function of one variable with a table of its values, such as `splinework.interpret.symbolic.expression.NamedSpline`."""

    def __call__(self, raw: Floats, /) -> Floats: ...
    def table(self) -> tuple[Floats, Floats]: ...


def plot_spline(
    spline: SplineLike, *, at: Any = None, ax: Axes | None = None, name: str = "spline", argument: str = ""
) -> Axes:
    """Draws a spline over the range that the data reach; short ticks below the curve show where they lie.

    Args:
        spline: The function.
        at: Values of its argument for the rows of data `(N,)`; None draws the spline over its own table but for the ends, which
            lie far out.
        ax: Where to draw; None makes a figure of its own.
        name: Name of the spline.
        argument: What it is a function of.

    Raises:
        DataError: If there is nothing finite to draw.
    """
    places = shown_places(spline, at)
    values = np.asarray(spline(places), dtype=np.float64)
    if not np.isfinite(values).any():
        raise DataError(f"a picture of {name} needs finite values, got none between {places[0]:g} and {places[-1]:g}.")
    ax = style.axes_or_new(ax, 4.2, 2.7)
    ax.plot(places, values, color=style.BLUE, linewidth=style.LINE, gid="spline")
    if at is not None:
        reached = np.sort(np.asarray(at, dtype=np.float64))
        reached = reached[np.isfinite(reached)][style.thinned(len(reached), MOST_TICKS)]
        foot = np.zeros(len(reached))
        lines = ax.get_xaxis_transform()
        ax.plot(reached, foot, "|", color=style.MUTED, markersize=7, transform=lines, clip_on=False, gid="rows")
    style.tidy(ax, x=style.shown_name(argument, 48), y=style.shown_name(name))
    return ax


def shown_places(spline: SplineLike, at: Any = None, points: int = POINTS) -> Floats:
    """Evenly spaced places over the range of `at`, or else of the spline's table without its ends."""
    reached = np.asarray(spline.table()[0][1:-1] if at is None else at, dtype=np.float64)
    reached = reached[np.isfinite(reached)]
    if not len(reached):
        raise DataError("a spline is drawn over the range of its argument, but that is nowhere finite.")
    return np.linspace(reached.min(), reached.max(), points)
