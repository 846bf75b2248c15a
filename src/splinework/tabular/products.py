"""More terms of a classification's additive part: products of two covariates `Σ_ij c_ij x_i x_j`, and curves on other knots.

What two columns do together shifts the boundary between classes by as much as curves do, and an ensemble of local splines, which
stops early, is far too timid there. Few coefficients suffice where the columns' lines are multiplied, each with a variance of its
own: REML says how strong each product is, and held-out labels whether all of them are worth it. A product is two hidden nodes,
`4 x_i x_j = (x_i + x_j)² - (x_i - x_j)²`, so the network has it exactly between the outermost rows.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.tabular.assembly import HiddenNodes, finer_curves
from splinework.tabular.cross_validation import MAX_REFIT_ROWS, CrossValidatedCurves, with_design
from splinework.tabular.curves import FittedCurves
from splinework.tabular.design import DesignMatrix, make_design
from splinework.tabular.grids import MORE_UNIFORM, quantile_layer

MAX_INPUTS = 11
"""Inputs whose products are terms, those of the strongest curves: 55 products, which several classes can afford."""


def with_more_terms(
    curves: FittedCurves,
    parts: CrossValidatedCurves,
    layer: KANLayer,
    u: Tensor,
    groups: Sequence[Sequence[int]],
    owners: Tensor,
    fold: Tensor,
) -> tuple[FittedCurves, CrossValidatedCurves, KANLayer]:
    """The curves of a classification with products, and on more uniform knots, where either predicts held-out labels better.

    Of at most `MAX_REFIT_ROWS` rows, whose penalties can be estimated without each fold.

    Returns:
        The curves, their cross-validation and their layer.
    """
    if len(fold) > MAX_REFIT_ROWS:
        return curves, parts, layer  # at penalties that all rows have set, more terms nearly always look better
    pairs, weights = strong_pairs(curves.design, parts.whole.coefficients, owners), curves.weights
    if pairs:
        curves, parts = with_design(curves, parts, curves.design.with_products(pairs, weights), fold)
    degree = layer.basis.size - layer.basis.resolution
    other = quantile_layer(u, curves.y.shape[1], layer.basis.resolution, degree, MORE_UNIFORM)
    design = make_design(other, u, weights, groups)
    if curves.design.products:
        design = design.with_products(pairs, weights)
    found, parts = with_design(curves, parts, design, fold)
    return found, parts, layer if found is curves else other


def strong_pairs(design: DesignMatrix, coefficients: Tensor, owners: Tensor) -> list[tuple[int, int]]:
    """The pairs of inputs of different columns among those with the strongest curves, whose products may be terms."""
    curves = torch.stack([design.values[:, span].to(coefficients) @ coefficients[span] for span in design.spans])
    inputs = curves.std(1).sum(1).argsort(descending=True)[:MAX_INPUTS].sort().values.tolist()
    return [(i, j) for i in inputs for j in inputs if i < j and owners[i] != owners[j]]


def nodes_of_products(design: DesignMatrix, coefficients: Tensor, layer: KANLayer, net: KAN) -> HiddenNodes | None:
    """The hidden nodes of all products with a coefficient; None where there are none.

    Args:
        design: The design matrix.
        coefficients: `(P, q)`.
        layer: The layer of the curves.
        net: A network of one hidden layer, the grids of whose first layer refine those; the new nodes' edges are like its own.
    """
    count, first, last = len(design.lift), net.kan_layers[0], net.kan_layers[-1]
    factors = coefficients[[span.start for span in design.spans[count:]]]
    alive = [k for k in range(len(design.products)) if bool(factors[k].any())]
    if not alive:
        return None
    rows = design.values[:, [span.start for span in design.spans[:count]]].to(coefficients)
    lines = finer_curves(layer, torch.stack([lift[:, :1] for lift in design.lift]), first)[:, :, 0]
    size, intervals = last.basis.size, last.basis.resolution
    degree, table = size - intervals, lines.new_zeros(count, lines.shape[1] + 1, 2 * len(alive))
    onward, grids = [], []
    for at, k in enumerate(alive):
        i, j, _ = design.products[k]
        for node, sign in ((2 * at, 1.0), (2 * at + 1, -1.0)):
            table[i, :-1, node], table[j, :-1, node] = lines[i], sign * lines[j]
            sums = rows[:, i] + sign * rows[:, j]
            low, high = sums.min(), sums.max()
            width = torch.where(high > low, high - low, torch.ones_like(low)) / intervals
            grid = low + width * torch.arange(-degree, intervals + degree + 1)
            inner = grid[1:-1].unfold(0, degree, 1)  # a spline's coefficient of t² is its polar form at these knots
            parabola = (inner.sum(1).square() - inner.square().sum(1)) / (degree * (degree - 1))
            edges = 0.25 * sign * parabola[:, None] * factors[k]
            onward.append(torch.cat([edges, torch.zeros_like(edges[:1])]))
            grids.append(grid)
    means = torch.tensor([design.products[k].mean for k in alive], dtype=factors.dtype)
    return HiddenNodes(table, torch.stack(onward), torch.stack(grids), -means @ factors[alive])
