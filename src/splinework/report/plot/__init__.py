"""Plots: each function draws and returns Axes; none saves, shows or registers a figure with pyplot.

`plot` is the network diagram; the others draw edges, a fit, its residuals, a learning curve, formulas, and the structure of a
function. The appearance is defined in `style.py`; save a plot with `ax.figure.savefig("network.png")`.
"""

from splinework.report.plot.diagram import plot
from splinework.report.plot.edges import plot_edges
from splinework.report.plot.fits import plot_fit, plot_residual_histogram, plot_residuals
from splinework.report.plot.history import plot_history
from splinework.report.plot.modules import plot_structure
from splinework.report.plot.pareto import plot_pareto

__all__ = [
    "plot",
    "plot_edges",
    "plot_fit",
    "plot_history",
    "plot_pareto",
    "plot_residual_histogram",
    "plot_residuals",
    "plot_structure",
]
