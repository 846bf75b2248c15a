"""Plots of importance: bars with standard errors, the waterfall of one prediction, effects with bands, the surface of a pair."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from splinework.errors import ConfigError, nearest
from splinework.report.plot.style import (
    BLUE,
    GREEN,
    INK,
    LINE_WIDTH,
    MUTED,
    PALE_BLUE,
    SMALL_POINTS,
    VERMILION,
    axes_or_new,
    legend,
    shown_name,
    tidy,
)

if TYPE_CHECKING:
    from splinework.interpret.importance.effect import Effect
    from splinework.interpret.importance.explanation import Explanation
    from splinework.interpret.importance.pairs import PairInteractions, PairSurface
    from splinework.interpret.importance.table import Importance

MAX_BARS = 12
"""Inputs or terms that are drawn, the largest; the others are one bar, or are counted."""
BAR_HEIGHT = 0.27


def plot_importance(found: "Importance", *, output: int = 0, ax: Axes | None = None) -> Axes:
    """Draws the shares of the variance of each input, with standard errors: total, and of it alone.

    Args:
        found: The result of `sw.importance`.
        output: Index of the output.
        ax: Axes to draw on; None for a new figure.

    Returns:
        The axes; `ax.figure.savefig("importance.svg")` writes the picture.

    Raises:
        ConfigError: If there is no such output.
    """
    _check_output(found.outputs, output)
    total, first = found.sobol.total[:, output], found.sobol.first[:, output]
    order = np.argsort(-total, kind="stable")[:MAX_BARS]
    ax = axes_or_new(ax, 5.2, 0.9 + BAR_HEIGHT * len(order))
    places = np.arange(len(order))
    errors = {"ecolor": INK, "elinewidth": 0.9, "capsize": 2.0}
    ax.barh(places, total[order], 0.66, color=PALE_BLUE, xerr=found.sobol.total_error[order, output], error_kw=errors)
    ax.barh(places, np.maximum(first[order], 0), 0.66, color=BLUE)
    ax.barh([0], [0], color=BLUE, label="alone")
    ax.barh([0], [0], color=PALE_BLUE, label="with its interactions")
    _rows(ax, [_shown(found.inputs[i]) for i in order])
    tidy(ax, x=f"share of the variance of {shown_name(found.outputs[output])}", title=_left_out(found.inputs))
    ax.set_xlim(left=0)
    legend(ax, loc="lower right")
    return ax


def plot_explanation(found: "Explanation", *, row: int = 0, output: int = 0, ax: Axes | None = None) -> Axes:
    """Draws one prediction as a waterfall: from the mean of the background over each term to the prediction.

    Args:
        found: The result of `sw.explain`.
        row: Index of the prediction.
        output: Index of the output.
        ax: Axes to draw on; None for a new figure.

    Returns:
        The axes.

    Raises:
        ConfigError: If there is no such row or output.
    """
    _check_output(found.outputs, output)
    terms = found.row(row, output)["term"]
    names, values = [_shown(str(name)) for name in terms.index[:MAX_BARS]], list(terms.to_numpy()[:MAX_BARS])
    if len(terms) > MAX_BARS:
        names.append(f"{len(terms) - MAX_BARS} others")
        values.append(float(terms.to_numpy()[MAX_BARS:].sum()))
    base, end = float(found.base[output]), float(found.prediction[row, output])
    ends = base + np.concatenate([[0.0], np.cumsum(values)])
    ax = axes_or_new(ax, 5.2, 1.3 + BAR_HEIGHT * len(values))
    span = float(np.ptp([*ends, end])) or 1.0
    for place, (value, start) in enumerate(zip(values, ends, strict=False)):
        ax.barh(place, value, 0.66, left=start, color=VERMILION if value < 0 else GREEN)
        ax.plot([start + value] * 2, [place - 0.33, place + 1.33], color=MUTED, linewidth=0.7)
        outer = max(start, start + value) + 0.015 * span
        ax.annotate(f"{value:+.3g}", (outer, place), va="center", fontsize=SMALL_POINTS, color=INK)
    ax.axvline(base, color=MUTED, linewidth=0.8, linestyle=":")
    _rows(ax, names)
    ax.set_xlim(ends.min() - 0.08 * span, ends.max() + 0.16 * span)
    title = f"mean of the background {base:.4g} → prediction {end:.4g}"
    tidy(ax, x=shown_name(found.outputs[output]), title=title)
    return ax


def plot_effect(effect: "Effect", *, output: int = 0, ax: Axes | None = None) -> Axes:
    """Draws the effect of an input, with its band where it has one; of several columns, a bar for each of their values.

    Args:
        effect: One of the results of `effects`.
        output: Index of the output.
        ax: Axes to draw on; None for a new figure.

    Returns:
        The axes.

    Raises:
        ConfigError: If there is no such output.
    """
    _check_output(effect.outputs, output)
    ax, values = axes_or_new(ax, 4.0, 2.8), effect.effect[:, output]
    width = None if effect.width is None else effect.width[:, output]
    ax.axhline(0.0, color=MUTED, linewidth=0.8)
    if effect.values.shape[1] == 1:
        x = effect.values[:, 0]
        if width is not None:
            ax.fill_between(x, values - width, values + width, color=BLUE, alpha=0.2, linewidth=0)
        ax.plot(x, values, color=BLUE, linewidth=LINE_WIDTH)
    else:
        labels = [", ".join(f"{value:g}" for value in row) for row in effect.values.round(3)]
        ax.bar(np.arange(len(labels)), values, 0.66, color=BLUE, yerr=width)
        ax.set_xticks(np.arange(len(labels)), labels)
    tidy(ax, x=_shown(effect.input), y=f"effect on {shown_name(effect.outputs[output])}")
    return ax


def plot_interactions(found: "PairInteractions", *, output: int = 0, ax: Axes | None = None) -> Axes:
    """Draws the share of the variance of each pair with its standard error, the largest first, and its p-value where it has one.

    Args:
        found: The result of `interactions`.
        output: Index of the output.
        ax: Axes to draw on; None for a new figure.

    Returns:
        The axes.

    Raises:
        ConfigError: If there is no such output, or only one input.
    """
    _check_output(found.outputs, output)
    if not found.pairs:
        raise ConfigError("there are no pairs, since there is one input.")
    share, error = found.share[:, output], found.error[:, output]
    order = np.argsort(-share, kind="stable")[:MAX_BARS]
    ax = axes_or_new(ax, 5.2, 0.9 + BAR_HEIGHT * len(order))
    errors = {"ecolor": INK, "elinewidth": 0.9, "capsize": 2.0}
    ax.barh(np.arange(len(order)), share[order], 0.66, color=BLUE, xerr=error[order], error_kw=errors)
    names = [(found.inputs[i], found.inputs[j]) for i, j in found.pairs]
    _rows(ax, [" & ".join(map(shown_name, names[k])) for k in order])
    most = float((share + error)[order].max()) or 1.0
    for place, k in enumerate(order):
        if found.p_value is None:
            break
        p = found.p_value[k, output]
        text = f"p = {p:.2g}" if p >= 0.001 else "p < 0.001"
        ax.annotate(text, (share[k] + error[k] + 0.015 * most, place), va="center", fontsize=SMALL_POINTS, color=INK)
    title = f"the {MAX_BARS} largest of {len(found.pairs)} pairs" if len(found.pairs) > MAX_BARS else ""
    tidy(ax, x=f"share of the variance of {shown_name(found.outputs[output])} that both have together", title=title)
    ax.set_xlim(0, (1.2 if found.p_value is not None else 1.06) * most)
    return ax


def plot_surface(surface: "PairSurface", *, output: int = 0, interaction: bool = False, ax: Axes | None = None) -> Axes:
    """Draws the surface of a pair of inputs as colours with contour lines, about the mean.

    Args:
        surface: The result of `pair_surface`.
        output: Index of the output.
        interaction: Whether to draw what is not a sum of both effects, instead of all that the pair does.
        ax: Axes to draw on; None for a new figure.

    Returns:
        The axes.

    Raises:
        ConfigError: If there is no such output.
    """
    _check_output(surface.outputs, output)
    values = (surface.interaction if interaction else surface.joint)[:, :, output].T
    ax = axes_or_new(ax, 4.4, 3.6)
    most = float(np.abs(values).max()) or 1.0
    options: Any = {"cmap": "RdBu_r", "vmin": -most, "vmax": most, "shading": "gouraud", "rasterized": True}
    drawn = ax.pcolormesh(surface.x, surface.y, values, **options)
    if np.ptp(values) > 1e-9 * most:
        lines = ax.contour(surface.x, surface.y, values, levels=8, colors=INK, linewidths=0.6)
        ax.clabel(lines, fontsize=SMALL_POINTS, fmt="%.2g")
    tidy(ax, x=shown_name(surface.inputs[0]), y=shown_name(surface.inputs[1]))
    ax.grid(visible=False)
    bar = ax.figure.colorbar(drawn, ax=ax)
    what = "interaction in" if interaction else "effect on"
    bar.set_label(f"{what} {shown_name(surface.outputs[output])}", fontsize=SMALL_POINTS, color=INK)
    bar.ax.tick_params(labelsize=SMALL_POINTS, colors=MUTED, labelcolor=INK)
    return ax


def _check_output(outputs: Sequence[str], output: int) -> None:
    if not 0 <= output < len(outputs):
        raise ConfigError(f"there is no output {output!r}; {nearest(output, outputs)}")


def _rows(ax: Axes, names: Sequence[str]) -> None:
    """Names the bars from the top down."""
    ax.set_yticks(np.arange(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)


def _shown(name: str) -> str:
    """The name of an input, or of several, as plots show it."""
    return " & ".join(shown_name(each) for each in name.split(" & "))


def _left_out(inputs: Sequence[str]) -> str:
    return f"the {MAX_BARS} largest of {len(inputs)}" if len(inputs) > MAX_BARS else ""
