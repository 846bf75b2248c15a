"""Plots of yields; each function returns Axes and neither saves nor shows them."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes

from splinework.errors import DataError
from splinework.hardware.analog.network import Floats
from splinework.hardware.analog.yields import YieldAtCondition, YieldResult
from splinework.report.plot import style

_WORDS = {"accuracy": "accuracy, %", "rmse": "RMSE"}


def plot_yield(found: YieldResult) -> Axes:
    """Draws the histogram of a metric over chips, with the nominal value and the limit."""
    ax = style.axes_or_new(None, 4.6, 2.9)
    factor = _factor(found.metric)
    values = factor * found.values
    ax.hist(values, bins=_bins(values), color=style.BLUE, alpha=0.8, edgecolor=style.PAPER, linewidth=0.6, gid="chips")
    references = (
        ("without imperfections", found.nominal, style.GREEN, "-"),
        ("limit", found.limit, style.VERMILION, "--"),
    )
    for label, value, colour, line in references:
        ax.axvline(factor * value, color=colour, linewidth=style.LINE_WIDTH, linestyle=line, label=label, gid=label)
    title = f"{100 * found.share:.0f} % of {len(found.values)} chips reach the limit"
    style.tidy(ax, x=_WORDS[found.metric], y="chips", title=title)
    style.legend(ax, loc="best")
    return ax


def plot_conditions(rows: Sequence[YieldAtCondition], by: Literal["celsius", "years"]) -> Axes:
    """Draws a metric against temperature or years: mean and central 90 % of chips, with and without calibration.

    Raises:
        DataError: If there are no rows.
    """
    if not rows:
        raise DataError("a plot over conditions needs at least one row, got none.")
    x = "temperature, °C" if by == "celsius" else f"years at {rows[0].celsius:g} °C"
    places = [getattr(row, by) for row in rows]
    ax = style.axes_or_new(None, 4.6, 2.9)
    metric = rows[0].plain.metric
    factor = _factor(metric)
    calibrated = [row.calibrated for row in rows if row.calibrated is not None]
    series = [("as programmed", [row.plain for row in rows], style.VERMILION)]
    if len(calibrated) == len(rows):
        series.append(("calibrated", calibrated, style.BLUE))
    for label, found, colour in series:
        low, high = (factor * np.array([np.percentile(f.values, q) for f in found]) for q in (5, 95))
        ax.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
        means = factor * np.array([f.mean for f in found])
        ax.plot(
            places, means, color=colour, linewidth=style.LINE_WIDTH, marker="o", markersize=3, label=label, gid=label
        )
    nominal = factor * rows[0].plain.nominal
    ax.axhline(nominal, color=style.MUTED, linewidth=1.0, linestyle="--", label="without imperfections", gid="nominal")
    style.tidy(ax, x=x, y=_WORDS[metric])
    style.legend(ax, loc="best")
    return ax


def _factor(metric: str) -> float:
    return 100.0 if metric == "accuracy" else 1.0


def _bins(values: Floats) -> list[float] | int:
    """Bin edges between the values if few are distinct, such as accuracies on few rows; else a number of bins."""
    different = np.unique(np.round(values, 9))
    if not 1 < len(different) <= 30:
        return 20
    step = float(np.diff(different).min())
    edges: list[float] = np.arange(different[0] - step / 2, different[-1] + step, step).tolist()
    return edges
