"""Where a layer's next knots pay: in which cells the residual asks for them, and whether these are few."""

import copy

import torch
from torch import Tensor

from splinework.interpret.edit.refine import refine_layer
from splinework.nn.layer import KANLayer
from splinework.splines import grid_points
from splinework.splines.bases import STRAIGHT
from splinework.train.jacobian import Parameters
from splinework.train.objective import Objective

FEW = 0.5
"""Share of all cells of the network up to which those worth a knot are few: else even grids do as well."""


@torch.no_grad()
def scores(objective: Objective) -> list[Tensor]:
    """By how much the objective would fall if a cell were halved, `(inputs, G)` per layer of splines.

    On the grids with every cell halved, to which the model is taken exactly, a spline c by itself would lower the objective
    by `b²/a`, with the half gradient b and the curvature a of its coefficient. That counts for the cell in which the middle of
    its support lies, half for either where that is a knot, summed over the outputs.
    """
    fine = copy.deepcopy(objective.model)
    for layer in fine.kan_layers:
        refine_layer(layer, 2 * layer.basis.resolution, None)
    parameters = Parameters.of(fine)
    products = objective.on(fine).products(parameters)
    seen = products.diagonal > 1e-12 * products.diagonal.max().clamp_min(1e-300)
    falls = torch.where(seen, products.vector.square() / products.diagonal.clamp_min(1e-300), 0.0)
    found = []
    for layer, old, (values, _) in zip(
        fine.kan_layers, objective.model.kan_layers, parameters.unpack(fine, falls), strict=True
    ):
        found.append(_by_cells(layer, old, values[:, : layer.basis.size].sum(2)))
    return found


@torch.no_grad()
def placed(objective: Objective) -> list[Tensor | None] | None:
    """New knots in the middle of the cells that are worth it, `(R, inputs)` or None per layer, if these cells are few.

    A cell is worth it if its score is more than the best cell's will be once that is halved, `2^-(2k+3)` of what it is:
    the error of a spline of degree k falls as `h^(k+1)`, its square is summed over a cell of width h. All inputs of a layer
    get as many as the one that wants most, in their own best cells.

    Returns:
        None where even refinement does as well, or the network has layers of another kind.
    """
    layers = objective.model.kan_layers
    if not all(layer.basis.degree is not None and layer.grid_kind != "learnable" for layer in layers):
        return None
    if any(layer.shaping is not None and layer.shaping.symmetric for layer in layers):
        return None  # their grids must stay alike
    found = scores(objective)
    best = max(float(score.max()) for score in found)
    if not best > 0:
        return None
    points: list[Tensor | None] = []
    cells = wanted = 0
    for layer, score in zip(layers, found, strict=True):
        assert layer.basis.degree is not None
        cells += score.numel()
        count = 0
        if layer.basis != STRAIGHT:  # a straight line by intention
            count = int((score > best * 2.0 ** -(2 * layer.basis.degree + 3)).sum(1).max())
        wanted += count * layer.inputs
        points.append(_middles(layer, score, count) if count else None)
    return points if wanted <= FEW * cells else None


def _by_cells(fine: KANLayer, old: KANLayer, falls: Tensor) -> Tensor:
    """Scores of the fine splines `(I, M)`, summed up by the cells of the old grid, `(I, G)`."""
    assert fine.basis.degree is not None
    degree, knots = fine.basis.degree, fine.knots()
    ends = grid_points(old.knots(), degree).contiguous()
    middle = (knots[:, : fine.basis.size] + knots[:, degree + 1 :]) / 2
    total = falls.new_zeros(old.inputs, old.basis.resolution)
    little = 1e-6 * torch.diff(ends, dim=1).amin(1, keepdim=True)
    for side in (-little, little):
        cell = (torch.searchsorted(ends, (middle + side).contiguous()) - 1).clamp(0, total.shape[1] - 1)
        total.scatter_add_(1, cell, falls / 2)
    return total


def _middles(layer: KANLayer, score: Tensor, count: int) -> Tensor:
    """The middles of every input's best cells, `(count, I)`."""
    assert layer.basis.degree is not None
    ends = grid_points(layer.knots(), layer.basis.degree)
    which = score.topk(count, dim=1).indices
    return ((ends[:, :-1] + ends[:, 1:]) / 2).gather(1, which).T
