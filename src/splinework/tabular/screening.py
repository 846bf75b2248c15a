"""Screening of the inputs of a table that has about as many of them as rows: which of them get curves and edges at all.

A group lasso over the lines and bends of all inputs (`group_lasso.py`) is followed along a path of strengths, for all rows and
without each fold; at each of some sizes the inputs that it keeps are fitted again with variances by REML. Held-out rows choose
the strength, and how much of the shrunk and of the refitted curves to take (the relaxed lasso: Meinshausen 2007; Hastie et al.
2020).

What is fitted without a fold uses only inputs that were chosen without it, here and in what follows; so the rows of a fold say
what an input is worth that they did not help to choose. Only the strength and the mixture, one choice out of some dozens of
neighbours, are common to all folds. Where the best choice is not better than the constant by more than its standard error, no
input is kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.tabular.additive import AdditiveFit, fit_additive
from splinework.tabular.design import DesignMatrix
from splinework.tabular.group_lasso import LassoPath, LassoPoint
from splinework.tabular.tasks import Task
from splinework.train.between_rows import is_significant

MIN_INPUTS = 50
"""Inputs below which none is screened out."""
INTERVALS = 4
"""Intervals of the curves by which inputs are screened: enough for one full wave."""
PATH_RATIO, PATH_LENGTH = 0.9, 66
"""The strengths fall by this ratio, at most to a thousandth of that which leaves only the constant."""
SIZE_RATIO = 2**0.5
"""The numbers of kept inputs that are compared grow by this ratio."""
MAX_SHARE = 0.5
"""The path ends where it keeps more inputs than this share of the rows: more lines than that are hardly determined."""
PATIENCE = 4
"""Sizes without a smaller held-out loss after which the path ends, too."""
MAX_REFIT_COLUMNS = 400
"""Columns of the design matrix up to which variances are estimated; more are only shrunk."""
SHRUNK_SHARES = (0.0, 0.5, 1.0)
"""Shares of the shrunk curves that are tried; the rest are refitted ones."""


def is_wide(rows: int, inputs: int) -> bool:
    """Whether a line and a bend for each input would have more coefficients than there are rows.

    Then rows cannot tell the variances of curves from that of the noise. Few inputs stay, however few rows there are.

    >>> is_wide(200, 60), is_wide(200, 150), is_wide(20, 15)
    (False, True, False)
    """
    return 2 * inputs > rows and inputs >= MIN_INPUTS


@dataclass(frozen=True)
class Screening:
    """The inputs that are kept, and how their curves are to be fitted.

    Attributes:
        inputs: Indices of the inputs that are kept with all rows or without some fold, ascending, `(K,)`.
        kept: Mask of those that are kept without each fold, `(folds + 1, K)`; the last row is that of all rows.
        strength: Strength of the group lasso.
        share: Share of its shrunk curves in the sum; the others are refitted.
        loss: Mean held-out loss of this choice.
    """

    inputs: Tensor
    kept: Tensor
    strength: float
    share: float
    loss: float

    def fit(self, design: DesignMatrix, y: Tensor, weights: Tensor, task: Task, part: int = -1) -> AdditiveFit:
        """Fits the curves of the kept inputs; those of the others are zero.

        Args:
            design: Design matrix of the K inputs.
            y: Targets `(n, q)`.
            weights: Row weights `(n,)`, zero on the held-out fold.
            task: The likelihood.
            part: The fold that is held out; -1 for none.
        """
        inputs = torch.nonzero(self.kept[part])[:, 0]
        found = AdditiveFit.constant(design.width, task.constant(y, weights), task)
        if not len(inputs):
            return found
        own, columns = design.of_inputs(inputs)
        refit = _refit(own, y, weights, task) if self.share < 1 else None
        point = _shrunk(own, y, weights, task, self.strength) if refit is None or self.share > 0 else None
        coefficients, bias = _mixed(own.width, refit, point, self.share)
        found.coefficients[columns] = coefficients
        if refit is not None:
            found.penalties[columns] = refit.penalties
        freedom = refit.degrees_of_freedom if refit is not None else torch.full_like(bias, float(own.width))
        return AdditiveFit(found.coefficients, bias, found.penalties, freedom, task)


def screen(design: DesignMatrix, y: Tensor, weights: Tensor, task: Task, fold: Tensor, owners: Tensor) -> Screening:
    """Chooses inputs by the group lasso and held-out rows.

    Args:
        design: Design matrix of all inputs.
        y: Targets `(n, q)`.
        weights: Row weights `(n,)`, mean 1.
        task: The likelihood.
        fold: Fold of each row, `(n,)`.
        owners: Column of the table to which each input belongs, `(I,)`; the inputs of a column are kept together.
    """
    folds = int(fold.max()) + 1
    seen = [weights * (fold != k) for k in range(folds)]
    constant = torch.stack([task.constant(y, own) for own in seen])[fold]
    alone = task.loss(constant, y)
    nothing = torch.zeros(folds + 1, 0, dtype=torch.bool)
    best = Screening(torch.empty(0, dtype=torch.long), nothing, 0.0, 1.0, _mean(alone, weights))
    gains, since = torch.zeros_like(alone), 0
    for strength, points in _sizes(design, y, weights, task, seen):
        found = [design.inputs_of(point.columns) for point in points]
        chosen = [torch.nonzero(torch.isin(owners, owners[own]))[:, 0] for own in found]
        shrunk, refitted = torch.zeros_like(y), torch.zeros_like(y)
        for k in range(folds):
            held = fold == k
            shrunk[held] = points[k].values(design.values[held])
            refitted[held] = shrunk[held]  # the constant, where no input is kept
            if len(chosen[k]):
                own, _ = design.of_inputs(chosen[k])
                refit = _refit(own, y, seen[k], task)
                refitted[held] = refit.values(own)[held] if refit is not None else shrunk[held]
        since += 1
        for share in SHRUNK_SHARES:
            losses = task.loss(share * shrunk + (1 - share) * refitted, y)
            if (loss := _mean(losses, weights)) < best.loss:
                inputs = torch.unique(torch.cat(chosen))
                kept = torch.stack([torch.isin(inputs, own) for own in chosen])
                best, gains, since = Screening(inputs, kept, strength, share, loss), alone - losses, 0
        if since >= PATIENCE:
            break
    if is_significant(gains, weights):
        return best
    return Screening(torch.empty(0, dtype=torch.long), nothing, 0.0, 1.0, _mean(alone, weights))


def _sizes(
    design: DesignMatrix, y: Tensor, weights: Tensor, task: Task, seen: list[Tensor]
) -> Iterator[tuple[float, list[LassoPoint]]]:
    """The points of the paths, without each fold and with all rows, at strengths at which the latter keeps enough more inputs."""
    whole = LassoPath(design, y, weights, task)
    strengths = [whole.largest() * PATH_RATIO ** (k + 1) for k in range(PATH_LENGTH)]
    paths = [LassoPath(design, y, own, task).path(strengths) for own in seen]
    wanted = 1.0
    for strength, *points in zip(strengths, *paths, whole.path(strengths), strict=True):
        size = len(design.inputs_of(points[-1].columns))
        if size > MAX_SHARE * len(y):
            return
        if size >= wanted:
            yield strength, points
            wanted = max(size + 1.0, size * SIZE_RATIO)


def _refit(design: DesignMatrix, y: Tensor, weights: Tensor, task: Task) -> AdditiveFit | None:
    return fit_additive(design, y, weights, task) if design.width <= MAX_REFIT_COLUMNS else None


def _shrunk(design: DesignMatrix, y: Tensor, weights: Tensor, task: Task, strength: float) -> LassoPoint:
    (point,) = LassoPath(design, y, weights, task).path([strength])
    return point


def _mixed(width: int, refit: AdditiveFit | None, point: LassoPoint | None, share: float) -> tuple[Tensor, Tensor]:
    """Coefficients and bias of the mixture of refitted and shrunk curves, or of the one that there is."""
    if point is None:
        assert refit is not None
        return refit.coefficients, refit.bias
    shrunk = point.coefficients.new_zeros(width, point.coefficients.shape[1])
    shrunk[point.columns] = point.coefficients
    if refit is None:
        return shrunk, point.bias
    return share * shrunk + (1 - share) * refit.coefficients, share * point.bias + (1 - share) * refit.bias


def _mean(losses: Tensor, weights: Tensor) -> float:
    return float(weights @ losses / weights.sum())
