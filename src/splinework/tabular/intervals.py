"""Prediction intervals of a regression, from its predictions of rows that it had not seen.

Every fit has such predictions: those of the folds, or those with each row left out. The quantiles of their signed errors,
with the ranks of conformal prediction (Lei et al. 2018), are the ends of the intervals, as in the jackknife (Barber et al. 2021).
Where the size of the errors depends on the row, and held-out rows agree, errors are divided by a curve model of their size first,
so that intervals are wide where the noise is (locally adaptive intervals, Lei et al. 2018, section 5.2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.nn.network import KAN
from splinework.tabular.assembly import Standardisation, additive_network
from splinework.tabular.curves import fit_curves
from splinework.tabular.design import make_design, many_valued
from splinework.tabular.grids import quantile_layer
from splinework.tabular.inner_network import outputs_of
from splinework.tabular.losses import GammaTask
from splinework.tabular.rows import Floats
from splinework.tabular.tasks import Task, moments
from splinework.train.between_rows import is_significant

MAX_SCORES = 4000
"""Errors that are kept; of more, evenly spaced ones in order, by which no quantile moves noticeably."""
MIN_SCALE_ROWS = 60
"""Rows below which the size of the errors is not modelled: sixty give its logarithm to about a tenth."""
N_FOLDS, GRID, DEGREE = 5, 4, 3
"""Folds in which models of the size are compared, and their splines: noise changes slowly if at all."""
MIN_ROWS_PER_COLUMN, MAX_DESIGN_COLUMNS = 10, 200
"""Bounds of the design matrix beyond which the size is a curve of the prediction alone: with fewer rows a column, errors that
near rows share look like a pattern; and the cost grows with the square of the columns."""
MIN_Z_SCORE = 2.0
"""Sizes differ where that lowers the held-out loss by more than this many standard errors: a wrong pattern costs coverage."""
MAX_OWN_SHARE = 0.2
"""How far a row moves its own prediction, relative to the spread of the predictions, for the size to depend on these."""
MIN_SIZE = 1e-9
"""Least modelled size, relative to the mean, where some rows have no error at all."""


class PredictionInterval(NamedTuple):
    """Predictions with the ends of their intervals, each `(n,)`, or `(n, q)` where y had two dimensions.

    Attributes:
        prediction: The predictions.
        lower: Lower ends.
        upper: Upper ends.

    >>> PredictionInterval(1.0, 0.5, 2.0).upper
    2.0
    """

    prediction: Any
    lower: Any
    upper: Any


@final
@dataclass(frozen=True)
class ResidualModel:
    """The errors of a regression on rows that it had not seen.

    Attributes:
        scores: Errors over their modelled size, `(m, q)`, each column sorted.
        deviation: Root mean square of the errors over their size, `(q,)`.
        size: Network from inputs and predictions to the logarithm of the errors' size; None where that is constant.
        bounds: Least and greatest logarithm of the size at the rows, `(2, q)`: beyond the rows it does not go on.
    """

    scores: Floats
    deviation: Floats
    size: KAN | None
    bounds: Floats

    def sizes(self, inputs: Floats, mean: Floats, task: Task) -> Floats:
        """Modelled size of the errors, `(n, q)`."""
        found = _spread(task, mean)
        if self.size is not None:
            logs = outputs_of(self.size, np.concatenate([inputs, mean], axis=1))
            found = found * np.exp(np.clip(logs, *self.bounds))
        return found

    def ends(self, level: float) -> tuple[Floats, Floats]:
        """Quantiles `(q,)` of the scores between which a new one lies with this probability.

        Raises:
            ConfigError: If there are too few errors for it.
        """
        count = len(self.scores)
        rank = math.floor((count + 1) * (1 - level) / 2 + 1e-9)  # 1 - 0.9 is a little less than a tenth
        if rank < 1:
            least, most = math.ceil(2 / (1 - level) - 1 - 1e-9), (count - 1) / (count + 1)
            raise ConfigError(
                f"interval={level:g} needs {least} rows that a part of the model has not seen, and there are {count}; "
                + (f"ask for at most interval={math.floor(100 * most) / 100:g}." if most >= 0.01 else "fit more rows.")
            )
        return self.scores[rank - 1], self.scores[count - rank]

    def to_dict(self) -> dict[str, Any]:
        """JSON values that `residuals_from_dict` reads back."""
        size = None
        if self.size is not None:
            state = {name: value.tolist() for name, value in self.size.state_dict().items()}
            size = {"config": self.size.config.to_dict(), "state": state}
        return {
            "scores": self.scores.tolist(),
            "deviation": self.deviation.tolist(),
            "size": size,
            "bounds": self.bounds.tolist(),
        }


def residuals_from_dict(values: dict[str, Any]) -> ResidualModel:
    """The errors from what `ResidualModel.to_dict` wrote."""
    from splinework.errors.stored_values import typed
    from splinework.nn.checkpoint import network_from

    def network(hint: Any, value: Any, where: str) -> KAN:
        state = typed(dict[str, Floats], value["state"], f"the state of {where}")
        tensors = {name: torch.from_numpy(each) for name, each in state.items()}
        return network_from(value["config"], tensors).requires_grad_(False).eval()

    found: ResidualModel = typed(ResidualModel, values, "the errors of an estimator", {KAN: network})
    if not found.scores.shape[1:] == found.deviation.shape == found.bounds.shape[1:] or len(found.bounds) != 2:
        raise ConfigError(
            f"the errors of an estimator are scores (m, q), deviation (q,) and bounds (2, q), got {found.scores.shape}, "
            f"{found.deviation.shape} and {found.bounds.shape}."
        )
    return found


def residual_model(
    x: Floats,
    y: Floats,
    weights: Floats,
    unseen: Floats,
    seen: Floats,
    *,
    task: Task,
    seed: int,
    groups: Sequence[Sequence[int]] = (),
) -> ResidualModel | None:
    """The errors of predictions of rows that the model has not seen; None where there is no such row.

    Args:
        x: Inputs `(n, p)`.
        y: Targets `(n, q)`.
        weights: Positive row weights `(n,)`.
        unseen: Outputs `(n, q)` without the row, in raw units; NaN where there is none.
        seen: Outputs `(n, q)` of the model.
        task: The likelihood.
        seed: Seed of the folds.
        groups: Inputs that are levels of one category.
    """
    held = np.flatnonzero(~np.isnan(unseen).any(axis=1))
    if not len(held):
        return None
    mean = np.asarray(task.mean(torch.from_numpy(unseen[held])).numpy())
    w = torch.from_numpy(weights[held] / weights[held].mean())
    scores = torch.from_numpy((y[held] - mean) / _spread(task, mean))
    size, bounds = None, np.zeros((2, y.shape[1]))
    if len(held) >= MIN_SCALE_ROWS and bool((scores != 0).any(0).all()):
        # A prediction that its own row has moved far tells the error of that row, which it cannot do for new rows.
        moved = np.mean((seen[held] - unseen[held]) ** 2, axis=0)
        with_mean = bool(np.all(moved < MAX_OWN_SHARE**2 * np.var(unseen[held], axis=0)))
        found = _best_size(x[held], mean, scores, w, seed, groups, with_mean)
        if found is not None:
            size, logs = found
            scores = scores / logs.exp()
            bounds = np.stack([logs.amin(0).numpy(), logs.amax(0).numpy()])
    deviation = torch.sqrt(w @ scores.square() / w.sum())
    return ResidualModel(_even(scores, w), np.asarray(deviation.numpy()), size, bounds)


def _best_size(
    x: Floats,
    mean: Floats,
    scores: Tensor,
    weights: Tensor,
    seed: int,
    groups: Sequence[Sequence[int]],
    with_mean: bool,
) -> tuple[KAN, Tensor] | None:
    """The model of the errors' size that held-out rows prefer to a constant, and its logarithms without each row's fold.

    `scores` are errors over their expected spread; the size may depend on the predictions only `with_mean`.
    """
    sizes, inputs, task = scores.abs(), x.shape[1], GammaTask()
    typical = weights @ sizes / weights.sum()
    ratio = (sizes / typical).clamp_min(MIN_SIZE)
    fold = torch.randperm(len(ratio), generator=torch.Generator().manual_seed(seed)) % N_FOLDS
    masks = [fold == k for k in range(N_FOLDS)]
    means = torch.stack([(weights * ~held) @ ratio / (weights * ~held).sum() for held in masks])
    base = task.loss(torch.log(means)[fold], ratio)
    everything = torch.from_numpy(np.concatenate([x, mean], axis=1))
    shift, scale = moments(everything, weights)
    u = (everything - shift) / scale
    layer = quantile_layer(u, mean.shape[1], GRID, DEGREE)
    chosen: tuple[Tensor, Tensor, Tensor] | None = None
    least = float(weights @ base)
    for first, last in ((inputs, len(u.T)), (0, len(u.T) if with_mean else inputs)):
        used = u[:, first:last]
        columns = used.shape[1] + int(many_valued(used).sum()) * (GRID + DEGREE - 2)
        if not (with_mean or first == 0) or columns > min(MAX_DESIGN_COLUMNS, len(ratio) // MIN_ROWS_PER_COLUMN):
            continue
        own = quantile_layer(used, mean.shape[1], GRID, DEGREE)
        found = fit_curves(make_design(own, used, weights, groups if first == 0 else ()), ratio, weights, task)
        outputs = torch.stack([part.values(found.design) for part in found.without(masks, anew=True)])
        unseen = outputs[fold, torch.arange(len(fold))]
        losses = task.loss(unseen, ratio)
        if float(weights @ losses) < least and is_significant(base - losses, weights, MIN_Z_SCORE):
            curves = torch.zeros_like(layer.edge_coefficients())
            curves[first:last] = found.design.spline_coefficients(found.whole.coefficients)
            least, chosen = float(weights @ losses), (curves, found.whole.bias, unseen)
    if chosen is None:
        return None
    curves, bias, logs = chosen
    unit = torch.log(typical)
    scaling = Standardisation(shift, scale, unit, torch.ones_like(unit))
    return additive_network(layer, curves, bias, scaling, None).requires_grad_(False).eval(), logs + unit


def _spread(task: Task, mean: Floats) -> Floats:
    """Standard deviation of y at these predictions up to a factor, above zero."""
    found = np.asarray(task.spread(torch.from_numpy(mean)).numpy())
    return np.asarray(np.maximum(found, np.finfo(np.float64).tiny))


def _even(scores: Tensor, weights: Tensor) -> Floats:
    """Sorted scores `(m, q)` of equal weight: all where weights are equal, else as many as the weights are worth (Kish)."""
    worth = float(weights.sum() ** 2 / weights.square().sum())
    count = max(1, min(MAX_SCORES, math.floor(worth + 1e-6)))
    ordered, order = scores.sort(0)
    reached = weights[order].cumsum(0)
    at = (torch.arange(count, dtype=weights.dtype) + 0.5) / count * weights.sum()
    rows = torch.stack([torch.searchsorted(column.contiguous(), at) for column in reached.T], dim=1)
    return np.asarray(ordered.gather(0, rows.clamp_max(len(scores) - 1)).numpy())
