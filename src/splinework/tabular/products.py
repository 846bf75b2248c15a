"""More terms of the additive part: products `Σ_ij c_ij x_i x_j`, curves of each level of a category, curves on other knots.

What two columns do together shifts the boundary between classes by as much as curves do, and an ensemble of local splines, which
stops early, is far too timid there. Few coefficients suffice where the columns' lines are multiplied, each with a variance of its
own: REML says how strong each product is, and held-out rows whether all of them are worth it. A product is two hidden nodes,
`4 x_i x_j = (x_i + x_j)² - (x_i - x_j)²`, so the network has it exactly between the outermost rows.

Of a category, the levels' indicators times a line, bends or another category's indicators share one variance: slopes, curves or
effects of the levels are random about those of all (a mixed model with random slopes, Laird and Ware 1982). Which columns are
worth it, a score test of that variance says beforehand (Lin 1997). The sum over all levels is one factor of a product, so that
the network has it in two nodes.
"""

from collections.abc import Collection, Iterator, Sequence

import torch
from scipy.special import chdtrc
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.tabular.assembly import HiddenNodes, finer_curves
from splinework.tabular.cross_validation import MAX_REFIT_ROWS, CrossValidatedCurves, cross_validate, with_design
from splinework.tabular.curves import FittedCurves
from splinework.tabular.design import DesignMatrix, make_design
from splinework.tabular.grids import MORE_UNIFORM, quantile_layer

Pair = tuple[tuple[int, ...], tuple[int, ...]]
"""Two sets of columns of a design matrix, all products of which share one variance."""

MAX_INPUTS = 11
"""Inputs whose products are terms, those of the strongest curves: 55 products, which several classes can afford."""
MAX_LEVEL_TERMS, MAX_LEVEL_TERMS_CLASSES = 400, 150
"""Columns of all products with levels of a category, for several classes fewer, as an iteration costs their cube for each."""
N_BENDS = 3
"""Bends of a curve that each level may have of its own, the smoothest ones."""
FALSE_PAIRS, MAX_P_VALUE = 0.5, 0.05
"""Pairs with a category that a test of noise takes on average, and the largest p-value of one."""
MIN_WORKING_WEIGHT, MIN_WITHIN = 1e-6, 1e-6
"""Least working weight of a row in the test, and least share of a column's squares that lies within levels."""
MIN_FACTOR = 1e-9
"""Singular values of a product's coefficients below this share of the largest one are none."""


def with_level_terms(
    curves: FittedCurves,
    u: Tensor,
    groups: Sequence[Sequence[int]],
    owners: Tensor,
    fold: Tensor,
    members: int,
) -> tuple[FittedCurves, CrossValidatedCurves | None, CrossValidatedCurves | None]:
    """The curves with products of levels of categories, where a score test and then held-out rows ask for them.

    Labels count as right: what interacts would be taken for wrong ones else.

    Returns:
        The curves, their cross-validation, and that of the curves without products; None where no products were tried.
    """
    pairs = level_pairs(curves, u, groups, owners)
    if not pairs:
        return curves, None, None
    plain = cross_validate(curves, fold, members, anew=len(fold) <= MAX_REFIT_ROWS)
    return *with_design(curves, plain, curves.design.with_products(pairs, curves.weights), fold), plain


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
    levels = {i for group in groups for i in group}
    pairs, weights = strong_pairs(curves.design, parts.whole.coefficients, owners, levels), curves.weights
    if pairs:
        curves, parts = with_design(curves, parts, curves.design.with_products(pairs, weights), fold)
    degree = layer.basis.size - layer.basis.resolution
    other = quantile_layer(u, curves.y.shape[1], layer.basis.resolution, degree, MORE_UNIFORM)
    design = make_design(other, u, weights, groups)
    design = design.with_products([each[:2] for each in curves.design.products], weights)
    found, parts = with_design(curves, parts, design, fold)
    return found, parts, layer if found is curves else other


def strong_pairs(
    design: DesignMatrix, coefficients: Tensor, owners: Tensor, levels: Collection[int] = ()
) -> list[Pair]:
    """The pairs of lines of different columns among those with the strongest curves, no levels, whose products may be terms."""
    spans = design.spans[: len(design.lift)]
    curves = torch.stack([design.values[:, span].to(coefficients) @ coefficients[span] for span in spans])
    order = [i for i in curves.std(1).sum(1).argsort(descending=True).tolist() if i not in levels]
    inputs = sorted(order[:MAX_INPUTS])
    starts = [span.start for span in design.spans]
    return [((starts[i],), (starts[j],)) for i in inputs for j in inputs if i < j and owners[i] != owners[j]]


def level_pairs(curves: FittedCurves, u: Tensor, groups: Sequence[Sequence[int]], owners: Tensor) -> list[Pair]:
    """The categories' indicators with the columns by which what they leave varies more than chance allows.

    The score of a variance is the sum of the levels' squared cross products with the residuals; without one it is, nearly, a
    multiple of a chi-squared variate (Satterthwaite 1946).
    """
    design, y, weights, task = curves.design, curves.y, curves.weights, curves.task
    outputs, tried = curves.whole.values(design), list[tuple[float, Pair]]()
    rests = []
    for j in range(y.shape[1]):
        target, working = task.working(outputs, y, weights, j, MIN_WORKING_WEIGHT)
        rest = target - outputs[:, j]
        noise = 1.0
        if task.has_dispersion:
            free = (len(y) - 1 - curves.whole.degrees_of_freedom[j]).clamp_min(1.0)
            noise = float(working @ rest.square() / free)
        rests.append((working / noise, rest))
    for first, second in _candidates(design, u, groups, owners):
        levels, values = u[:, list(first)], design.values[:, list(second)].to(y)
        levels = (levels > 0.5 * (levels.amin(0) + levels.amax(0))).to(y)
        score, mean, spread = 0.0, 0.0, 0.0
        for working, rest in rests:
            counts = (levels.T @ working)[:, None]
            sums, squares = levels.T @ (working[:, None] * values), levels.T @ (working[:, None] * values.square())
            within = (squares - sums.square() / counts) / squares.sum(0)  # about the levels' means; columns count alike
            moments = (
                levels.T @ ((working * rest)[:, None] * values) - sums / counts * (levels.T @ (working * rest))[:, None]
            )
            score += float((moments.square() / squares.sum(0)).sum())
            mean, spread = mean + float(within.sum()), spread + float(within.square().sum())
        if mean > MIN_WITHIN:
            chance = float(chdtrc(mean**2 / spread, score * mean / spread))
            tried.append((chance, (tuple(design.spans[i].start for i in first), second)))
    allowed = min(MAX_P_VALUE, FALSE_PAIRS / max(len(tried), 1))
    room, found = MAX_LEVEL_TERMS if y.shape[1] == 1 else MAX_LEVEL_TERMS_CLASSES, list[Pair]()
    for chance, pair in sorted(tried, key=lambda each: each[0]):
        width = len(pair[0]) * len(pair[1])
        if chance <= allowed and width <= room:
            found.append(pair)
            room -= width
    return found


def _candidates(design: DesignMatrix, u: Tensor, groups: Sequence[Sequence[int]], owners: Tensor) -> Iterator[Pair]:
    """The levels of each category, as inputs, with the line, the bends or the levels of every other column, as columns."""
    grouped = {i: tuple(group) for group in groups for i in group}
    for group in groups:
        for i, span in enumerate(design.spans[: len(design.lift)]):
            other = grouped.get(i, (i,))
            if owners[i] == owners[group[0]] or other[0] != i or (len(other), other) > (len(group), tuple(group)):
                continue
            yield tuple(group), tuple(design.spans[k].start for k in other)
            if span.stop > span.start + 1:
                yield tuple(group), tuple(range(span.start + 1, min(span.stop, span.start + 1 + N_BENDS)))


def nodes_of_products(design: DesignMatrix, coefficients: Tensor, layer: KANLayer, net: KAN) -> HiddenNodes | None:
    """The hidden nodes of all products with a coefficient; None where there are none.

    The products of several columns with one are those of sums of them, as many as their coefficients have singular values.

    Args:
        design: The design matrix.
        coefficients: `(P, q)`.
        layer: The layer of the curves.
        net: A network of one hidden layer, the grids of whose first layer refine those; the new nodes' edges are like its own.
    """
    count, first, last = len(design.lift), net.kan_layers[0], net.kan_layers[-1]
    bias, factors = coefficients.new_zeros(coefficients.shape[1]), list[tuple[Tensor, Tensor, Tensor]]()
    for product, span in zip(design.products, design.spans[count:], strict=True):
        bias -= product.means @ coefficients[span]
        for column, own in zip(product.second, coefficients[span].unflatten(0, (len(product.second), -1)), strict=True):
            left, sizes, right = torch.linalg.svd(own, full_matrices=False)
            for k in range(int((sizes > MIN_FACTOR * sizes[0]).sum())):
                one, other = coefficients.new_zeros(2, len(design.blocks))
                one[list(product.first)], other[column] = left[:, k], 1.0
                factors.append((one, other, sizes[k] * right[k]))
    if not factors:
        return None
    curves = torch.stack([each for one, other, _ in factors for each in (one, other)], dim=1)
    values = design.times(curves)
    spreads = values.std(0)
    finer = finer_curves(layer, design.spline_coefficients(curves / spreads), first)
    values = values / spreads
    size, intervals = last.basis.size, last.basis.resolution
    degree, table = size - intervals, finer.new_zeros(count, finer.shape[1] + 1, 2 * len(factors))
    onward, grids = [], []
    for k, (_, _, factor) in enumerate(factors):
        one, other = 2 * k, 2 * k + 1
        for node, sign in ((one, 1.0), (other, -1.0)):
            table[:, :-1, node] = finer[:, :, one] + sign * finer[:, :, other]
            sums = values[:, one] + sign * values[:, other]
            low, high = sums.min(), sums.max()
            width = torch.where(high > low, high - low, torch.ones_like(low)) / intervals
            grid = low + width * torch.arange(-degree, intervals + degree + 1)
            inner = grid[1:-1].unfold(0, degree, 1)  # a spline's coefficient of t² is its polar form at these knots
            parabola = (inner.sum(1).square() - inner.square().sum(1)) / (degree * (degree - 1))
            edges = 0.25 * sign * parabola[:, None] * factor * spreads[one] * spreads[other]
            onward.append(torch.cat([edges, torch.zeros_like(edges[:1])]))
            grids.append(grid)
    return HiddenNodes(table, torch.stack(onward), torch.stack(grids), bias)
