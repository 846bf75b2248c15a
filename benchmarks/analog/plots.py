"""Pictures of floating-gate memory; each function draws and returns Axes, none saves or shows."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from benchmarks.analog.characterise import Endurance, ErrorCurve, Kept
from splinework.errors import DataError
from splinework.report.plot import style


def plot_error_curve(curve: ErrorCurve, *, bits: int = 8, ax: Axes | None = None) -> Axes:
    """Draws the error of floating-gate cells against the number of pulses, and half a step of `bits` bits.

    Args:
        curve: Result of `error_curve`.
        bits: Number of bits; the dashed line is half a step of it.
        ax: Where to draw; None makes a figure of its own.
    """
    ax = style.axes_or_new(ax, 4.6, 2.9)
    ax.set_yscale("log")
    for label, values, colour in (
        ("median", curve.median, style.BLUE),
        ("95 % of cells", curve.upper, style.VERMILION),
    ):
        shown = np.maximum(100 * values, 1e-4)
        ax.plot(curve.pulses, shown, color=colour, linewidth=style.LINE_WIDTH, label=label, gid=label)
    half = 50 / (2**bits - 1)
    ax.axhline(half, color=style.MUTED, linewidth=1.0, linestyle="--", label=f"half a step of {bits} bits", gid="step")
    style.tidy(ax, x="pulses", y="error, % of full scale")
    style.legend(ax, loc="best")
    return ax


def plot_endurance(rows: Sequence[Endurance], *, ax: Axes | None = None) -> Axes:
    """Draws how the window of floating-gate cells closes with cycles.

    Args:
        rows: Result of `endurance_curve`.
        ax: Where to draw; None makes a figure of its own.

    Raises:
        DataError: If there are no rows.
    """
    if not rows:
        raise DataError("a picture of endurance needs at least one row, got none.")
    ax = style.axes_or_new(ax, 4.6, 2.9)
    ax.set_xscale("symlog", linthresh=100)
    ax.plot(
        [r.cycles for r in rows], [r.window for r in rows], color=style.BLUE, marker="o", markersize=3, gid="window"
    )
    ax.set_ylim(bottom=0)
    style.tidy(ax, x="cycles", y="window, V")
    return ax


def plot_retention(rows: Sequence[Kept], *, ax: Axes | None = None) -> Axes:
    """Draws the error of stored values over the years, a line for each temperature.

    Args:
        rows: Result of `retention_curve`.
        ax: Where to draw; None makes a figure of its own.

    Raises:
        DataError: If there are no rows.
    """
    if not rows:
        raise DataError("a picture of retention needs at least one row, got none.")
    ax = style.axes_or_new(ax, 4.6, 2.9)
    ax.set_yscale("log")
    for number, celsius in enumerate(dict.fromkeys(row.celsius for row in rows)):
        mine = [row for row in rows if row.celsius == celsius]
        colour = style.SERIES[number % len(style.SERIES)]
        errors = [max(100 * row.rms, 1e-4) for row in mine]
        label = f"{celsius:g} °C"
        ax.plot([row.years for row in mine], errors, color=colour, marker="o", markersize=3, label=label, gid=label)
    style.tidy(ax, x="years", y="rms error, % of full scale")
    style.legend(ax, loc="best")
    return ax
