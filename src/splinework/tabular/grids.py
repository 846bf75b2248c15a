"""The grids of a training: quantile knots for the curves, and finer ones that contain them for the members of the ensemble."""

from typing import Any

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.splines import adapted_knots, refine_coefficients
from splinework.tabular.design import many_valued
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.tasks import Multiclass, Task

MAX_CURVE_INTERVALS = 10
"""Intervals of a curve; fewer where there are many inputs."""
MAX_DESIGN_COLUMNS, MAX_DESIGN_COLUMNS_CLASSES = 600, 300
"""Columns of the design matrix: an iteration costs their cube, for several classes once per class. Half of them are for inputs
of more than two values, however many levels there are (585 levels and two waves in 3000 rows: 0.132 of the spread for 0.169)."""
TOTAL_INTERVALS = 256
"""Intervals of the members' grids, shared by all non-binary inputs; each gets 16 to 64."""
UNIFORM, MORE_UNIFORM = 0.1, 0.5
"""Shares of uniform knots in the quantile grids, as used and as tried beside: with the first one a fifth of the rows of a normal
input lies in two intervals, where no curve can bend twice."""


def quantile_layer(u: Tensor, outputs: int, grid: int, degree: int, uniform: float = UNIFORM) -> KANLayer:
    """A layer whose knots are quantiles of the inputs `(n, p)`, with a share of uniform ones, without coefficients."""
    layer = _empty_layer(u.shape[1], outputs, grid, degree)
    low, high = u.min(0).values, u.max(0).values
    high = torch.where(high > low, high, low + 1.0)
    layer.grid.copy_(adapted_knots(u, grid, degree, grid_eps=uniform, low=low, high=high))
    layer.refresh()
    return layer


def curve_intervals(u: Tensor, settings: Hyperparameters, task: Task) -> int:
    """Intervals of the curves of inputs `(n, p)`: the user's number, or as many as the size of the design matrix allows."""
    if settings.grid != "auto":
        return int(settings.grid)
    many = int(many_valued(u).sum())
    most = MAX_DESIGN_COLUMNS_CLASSES if isinstance(task, Multiclass) else MAX_DESIGN_COLUMNS
    room = max(most - (u.shape[1] - many), most // 2)
    return max(1, min(MAX_CURVE_INTERVALS, room // max(many, 1) - 2))


def member_layer(layer: KANLayer, u: Tensor, settings: Hyperparameters, living: Tensor) -> KANLayer:
    """The members' first grid, a refinement of the additive part's; finer if fewer inputs are active.

    Args:
        layer: The additive part's layer.
        u: Inputs `(n, p)`.
        settings: The hyperparameters.
        living: Mask `(p,)` of the inputs that hidden nodes see.
    """
    factor = 1
    if settings.grid == "auto":
        wanted = max(16, min(64, TOTAL_INTERVALS // max(int(many_valued(u[:, living]).sum()), 1)))
        factor = max(1, round(wanted / layer.basis.resolution))
    finer = _empty_layer(u.shape[1], 1, factor * layer.basis.resolution, settings.degree)
    finer.grid.copy_(refine_coefficients(layer.grid, layer.edge_coefficients(), settings.degree, factor)[0])
    finer.refresh()
    return finer


def layer_of(layer: KANLayer, inputs: Tensor) -> KANLayer:
    """A layer with the grids of these inputs, without coefficients."""
    found = _empty_layer(len(inputs), layer.outputs, layer.basis.resolution, layer.basis.size - layer.basis.resolution)
    found.grid.copy_(layer.grid[inputs])
    found.refresh()
    return found


def _empty_layer(inputs: int, outputs: int, grid: int, degree: int) -> KANLayer:
    """A layer whose grid will be set."""
    like: dict[str, Any] = {"dtype": torch.float64, "generator": torch.Generator()}
    return KANLayer(inputs, outputs, grid=grid, degree=degree, base="none", **like)
