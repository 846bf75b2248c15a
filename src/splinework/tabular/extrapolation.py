"""Rows beyond the data of a fit: numbers outside a range, levels or gaps that the fit has not seen, and log odds there."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.nn.network import KAN
from splinework.splines import grid_points, solve_least_squares
from splinework.splines.knots import extended
from splinework.tabular.columns import CategoricalColumn, Column, Columns, NumericColumn, ScreenedColumn
from splinework.tabular.rows import Floats

Range = tuple[float, float] | None
"""Least and greatest number of a column in the fit; None for a category and for a column without numbers."""
LEVELLING_SHARE = 0.2
"""Share of a grid beyond its end in which an edge of log odds becomes level. Hardly a row of normal columns lies further (the log
losses of twelve drawn tables change by 2e-5, with edges that are level from the end on by 1e-3); misplaced decimal points do."""


@torch.no_grad()
def with_level_tails(model: KAN) -> KAN:
    """A network with the same function on its grids, whose first edges become level beyond them, each by one more interval.

    Log odds that go on as lines become certain of a class where no row was: no other loss is without bound for a wrong one.

    Args:
        model: A network whose first layer has splines; unchanged.
    """
    model = copy.deepcopy(model)
    layer = model.kan_layers[0]
    degree, old, values = layer.basis.degree, layer.table(), layer.edge_coefficients()
    assert degree is not None
    points, size = grid_points(layer.knots(), degree), layer.basis.size
    margin = LEVELLING_SHARE * (points[:, -1:] - points[:, :1])
    ends = torch.cat([points[:, :1] - margin, points[:, -1:] + margin], dim=1)
    grid = extended(torch.cat([ends[:, :1], points, ends[:, 1:]], dim=1), degree)
    basis = layer.basis.with_resolution(layer.basis.resolution + 2)
    prepared, share = basis.prepare(grid), (torch.arange(degree + 1) + 0.5) / (degree + 1)
    inside = torch.lerp(points[:, :-1, None], points[:, 1:, None], share.to(points)).flatten(1).T
    target = torch.einsum("bim,imj->ibj", old.rows(inside)[..., :size], values[:, :size])
    level = torch.zeros_like(target[:, :2])
    if old.base is not None:
        level = -margin[:, :, None] * old.base.derivative(ends, 1)[:, :, None] * values[:, None, -1]
    slopes = margin.T[..., None] * basis.rows(ends.T, grid, prepared, 1)
    design = torch.cat([basis.rows(inside, grid, prepared, 0), slopes]).transpose(0, 1)
    target = torch.cat([target, level], dim=1)
    found = solve_least_squares(design, target)
    found = found + solve_least_squares(design, target - design @ found)
    layer.replace_grid(basis, grid, torch.cat([found, values[:, size:]], dim=1))
    return model


def ranges_of(values: Floats, columns: Columns, earlier: Sequence[Range] = ()) -> tuple[Range, ...]:
    """Range of every column of a table `(n, columns)`, joined with the ranges of earlier rows."""
    found: list[Range] = []
    for i, column in enumerate(columns.columns):
        there = values[~np.isnan(values[:, i]), i]
        known = earlier[i] if earlier else None
        if not isinstance(column, CategoricalColumn) and len(there):
            low, high = float(there.min()), float(there.max())
            known = (low, high) if known is None else (min(low, known[0]), max(high, known[1]))
        found.append(known)
    return tuple(found)


def beyond(values: Floats, columns: Columns, ranges: Sequence[Range]) -> NDArray[np.bool_]:
    """Whether each row of a table has a value in some column that the fit has not seen the like of, `(n,)`.

    Columns that were screened out are ignored: predictions do not depend on them, and among thousands some value is always new.
    """
    each = [
        _outside(values[:, i], column, known)
        for i, (column, known) in enumerate(zip(columns.columns, ranges, strict=True))
    ]
    return np.asarray(np.any(each, axis=0))


def _outside(values: Floats, column: Column, known: Range) -> NDArray[np.bool_]:
    if isinstance(column, ScreenedColumn):
        return np.zeros(len(values), dtype=np.bool_)
    if isinstance(column, CategoricalColumn):
        return np.logical_not(column.is_known(values))
    assert isinstance(column, NumericColumn)
    missing = np.isnan(values)
    if known is None:  # the fit saw no number here
        return ~missing
    return np.asarray(np.where(missing, not column.gaps, (values < known[0]) | (values > known[1])))
