"""Plots of predictions against measurements, and of residuals."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.report.plot import style
from splinework.report.plot.protocols import Floats

N_BINS = 12
MIN_ROWS_FOR_MEDIANS = 4 * N_BINS


def plot_fit(y: Any, prediction: Any, *, ax: Axes | None = None, name: str = "y", scale: str = "linear") -> Axes:
    """Draws measured against predicted values, with the line of equality.

    Args:
        y: Measured values of one output, `(N,)` or `(N, 1)`.
        prediction: Predicted values, of the same shape.
        ax: Axes to draw in; None creates a figure.
        name: Name of the output.
        scale: `linear`, or `log` for positive values that span orders of magnitude.

    Raises:
        ShapeError: If the two differ in length, or are empty.
        ConfigError: If scale is neither `linear` nor `log`.
    """
    measured, predicted = _pair(y, prediction, scale)
    ax = style.axes_or_new(ax, 3.6, 3.5)
    few = style.thinned(len(measured))
    ends = np.array([min(measured.min(), predicted.min()), max(measured.max(), predicted.max())])
    if scale == "log":
        positive = np.concatenate([measured, predicted])
        positive = positive[positive > 0]
        if not len(positive):
            raise DataError("a logarithmic scale needs positive values, got none; use scale='linear'.")
        ends = np.array([positive.min(), positive.max()])
        ax.set_xscale("log")
        ax.set_yscale("log")
        for axis in (ax.xaxis, ax.yaxis):
            style.few_ticks(axis, float(ends[1] / ends[0]))
    ax.plot(ends, ends, color=style.MUTED, linewidth=1.0, dashes=(4, 3), zorder=1, gid="identity")
    _dots(ax, predicted[few], measured[few], len(measured))
    shown = style.shown_name(name)
    style.tidy(ax, x=f"{shown} predicted", y=f"{shown} measured")
    ax.set_box_aspect(1)
    return ax


def plot_residuals(
    y: Any,
    prediction: Any,
    *,
    ax: Axes | None = None,
    against: Any = None,
    name: str = "predicted",
    scale: str = "linear",
    against_scale: str | None = None,
) -> Axes:
    """Draws residuals, measured minus predicted values, against the prediction or another column.

    The coloured line joins the medians of equally filled bins; for a good fit it is flat at zero.

    Args:
        y: Measured values of one output, `(N,)` or `(N, 1)`.
        prediction: Predicted values, of the same shape.
        ax: Axes to draw in; None creates a figure.
        against: Values of the horizontal axis, `(N,)`; None takes the prediction.
        name: Name of the horizontal axis.
        scale: `linear`, or `log` for residuals of the natural logarithms.
        against_scale: `linear` or `log` for the horizontal axis; None means as `scale`.

    Raises:
        ShapeError: If the lengths differ, or there are no values.
        DataError: If values are not positive on a logarithmic scale.
        ConfigError: If a scale is neither `linear` nor `log`.
    """
    measured, predicted = _pair(y, prediction, scale)
    at = predicted if against is None else _column(against, "against", len(measured))
    left = residuals(measured, predicted, scale=scale)
    ax = style.axes_or_new(ax, 3.6, 2.7)
    if _checked(against_scale or scale) == "log":
        ax.set_xscale("log")
        positive = at[at > 0]
        style.few_ticks(ax.xaxis, float(positive.max() / positive.min()) if len(positive) else 1.0)
    few = style.thinned(len(left))
    ax.axhline(0, color=style.MUTED, linewidth=1.0, dashes=(4, 3), zorder=1, gid="zero")
    _dots(ax, at[few], left[few], len(left))
    order = np.argsort(at, kind="stable")
    if len(order) >= MIN_ROWS_FOR_MEDIANS and at[order[-1]] > at[order[0]]:
        bins = np.array_split(order, N_BINS)
        middle = [float(np.median(at[b])) for b in bins]
        medians = [float(np.median(left[b])) for b in bins]
        ax.plot(middle, medians, color=style.VERMILION, linewidth=style.LINE_WIDTH, gid="medians")
    style.tidy(ax, x=style.shown_name(name), y="residual (ln)" if scale == "log" else "residual")
    return ax


def plot_residual_histogram(y: Any, prediction: Any, *, ax: Axes | None = None, scale: str = "linear") -> Axes:
    """Draws a histogram of residuals with the normal density of the same mean and standard deviation.

    Args:
        y: Measured values of one output, `(N,)` or `(N, 1)`.
        prediction: Predicted values, of the same shape.
        ax: Axes to draw in; None creates a figure.
        scale: `linear`, or `log` for residuals of the natural logarithms.

    Raises:
        ShapeError: If the lengths differ, or there are no values.
        DataError: If values are not positive on a logarithmic scale.
        ConfigError: If scale is neither `linear` nor `log`.
    """
    measured, predicted = _pair(y, prediction, scale)
    left = residuals(measured, predicted, scale=scale)
    ax = style.axes_or_new(ax, 3.6, 2.7)
    middle, spread = float(left.mean()), float(left.std())
    bins = int(np.clip(np.sqrt(len(left)), 5, 40))
    look: dict[str, Any] = {"color": style.BLUE, "alpha": 0.75, "edgecolor": style.PAPER, "linewidth": 0.5}
    counts, edges, _ = ax.hist(left, bins=bins, range=style.bin_range(left, bins), **look)
    if spread > 0:
        at = np.linspace(edges[0], edges[-1], 160)
        height = len(left) * (edges[1] - edges[0]) / (spread * np.sqrt(2 * np.pi))
        normal = height * np.exp(-(((at - middle) / spread) ** 2) / 2)
        ax.plot(at, normal, color=style.VERMILION, linewidth=style.LINE_WIDTH, gid="normal")
    style.tidy(ax, x="residual (ln)" if scale == "log" else "residual", y="rows")
    ax.set_ylim(0, 1.12 * float(np.max(counts)))
    return ax


def residuals(measured: Floats, predicted: Floats, *, scale: str = "linear") -> Floats:
    """Measured minus predicted values, or the difference of their natural logarithms.

    Raises:
        DataError: If values are not positive on a logarithmic scale.
    """
    if _checked(scale) == "linear":
        return measured - predicted
    if (measured <= 0).any() or (predicted <= 0).any():
        raise DataError("residuals on a logarithmic scale need positive values, got others; use scale='linear'.")
    return np.asarray(np.log(measured) - np.log(predicted), dtype=np.float64)


def _checked(scale: str) -> str:
    if scale not in ("linear", "log"):
        raise ConfigError(f"scale is 'linear' or 'log', got {scale!r}.")
    return scale


def _pair(y: Any, prediction: Any, scale: str) -> tuple[Floats, Floats]:
    _checked(scale)
    measured = _column(y, "y", None)
    return measured, _column(prediction, "prediction", len(measured))


def _column(values: Any, what: str, rows: int | None) -> Floats:
    if hasattr(values, "detach"):
        values = values.detach().cpu().double()
    column = np.asarray(values, dtype=np.float64)
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if column.ndim != 1 or not len(column) or rows not in (None, len(column)):
        wanted = "(rows,) or (rows, 1), one row at least" if rows is None else f"({rows},) or ({rows}, 1), as y has"
        raise ShapeError(f"{what} must have shape {wanted}; got {column.shape}. Give one output at a time.")
    return column


def _dots(ax: Axes, x: Floats, y: Floats, rows: int) -> None:
    """Points, with an opacity that decreases with their number."""
    opacity = float(np.clip(8 / np.sqrt(rows), 0.25, 0.8))
    ax.scatter(x, y, s=10, color=style.BLUE, alpha=opacity, linewidths=0, zorder=2, gid="rows")
