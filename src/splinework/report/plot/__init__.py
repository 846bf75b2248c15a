"""Plots: each function draws and returns Axes; none saves, shows or registers a figure with pyplot.

`plot` is the network diagram; the others draw edges, their values, grids, importance, effects, a fit, its residuals, a learning
curve, formulas, and the structure of a function; `Film` makes a film of a fit. The appearance is defined in `style.py`; save a
plot with `ax.figure.savefig("network.png")`.
"""

from splinework.report.plot.diagram import plot
from splinework.report.plot.edges import plot_edges
from splinework.report.plot.film import Film
from splinework.report.plot.fits import plot_fit, plot_residual_histogram, plot_residuals
from splinework.report.plot.histograms import plot_activations, plot_grids
from splinework.report.plot.history import plot_history
from splinework.report.plot.importance import (
    plot_effect,
    plot_explanation,
    plot_importance,
    plot_interactions,
    plot_surface,
)
from splinework.report.plot.modules import plot_structure
from splinework.report.plot.pareto import plot_pareto

__all__ = [
    "Film", "plot", "plot_activations", "plot_edges", "plot_effect", "plot_explanation", "plot_fit", "plot_grids",
    "plot_history", "plot_importance", "plot_interactions", "plot_pareto", "plot_residual_histogram",
    "plot_residuals", "plot_structure", "plot_surface",
]  # fmt: skip
