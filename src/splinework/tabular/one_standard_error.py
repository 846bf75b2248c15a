"""The simplest sum of curves within one standard error of the best model: for reading rather than for predicting.

The one-standard-error rule (Breiman, Friedman, Olshen and Stone 1984, §3.4.3; Hastie, Tibshirani and Friedman 2009, §7.10): of
the models whose held-out loss exceeds the least one by no more than its standard error, the one with the fewest columns. The
columns are ordered by what each costs when it goes; sums of the last k are refitted, with and without each fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from splinework.tabular.additive import MAX_PENALTY, AdditiveFit
from splinework.tabular.cross_validation import MAX_REFIT_ROWS, CrossValidatedCurves, cross_validate
from splinework.tabular.curves import FittedCurves, fit_curves
from splinework.tabular.selection import removal_costs


@dataclass(frozen=True)
class SimplerCurves:
    """A sum of curves of some columns.

    Attributes:
        whole: The fit to all rows, with the columns of the whole design; the curves of the others are zero.
        base: Out-of-fold outputs of the held-out rows, `(n, q)`.
        loss: Their mean loss.
    """

    whole: AdditiveFit
    base: Tensor
    loss: float


def standard_error(losses: Tensor, weights: Tensor) -> float:
    """The standard error of the weighted mean of the rows' losses `(n,)`."""
    mean = weights @ losses / weights.sum()
    return float(torch.sqrt((weights**2) @ (losses - mean) ** 2) / weights.sum())


def simplest_curves(
    curves: FittedCurves, parts: CrossValidatedCurves, fold: Tensor, columns: Sequence[Sequence[int]], limit: float
) -> SimplerCurves | None:
    """The sum of curves of the fewest columns whose held-out loss is at most `limit`; None where there is none.

    The number of columns is found by bisection: a sum of more of the columns that matter most is taken to be no worse.

    Args:
        curves: The curves of all columns, fitted to all rows.
        parts: Their cross-validation.
        fold: Fold of each row, `(n,)`.
        columns: Inputs of each column of the table.
        limit: The highest mean loss of held-out rows that will do.
    """
    costs, _ = removal_costs(parts, curves.design, curves.y, curves.weights, fold, columns)
    order = sorted(range(len(columns)), key=costs.__getitem__, reverse=True)
    task, held = parts.whole.task, parts.held
    t, weights = curves.y[held], curves.weights[held]
    members = len(parts.parts)

    def of_first(count: int) -> SimplerCurves:
        """The sum of the curves of the `count` columns that matter most."""
        if count == 0:
            constants = [task.constant(curves.y, curves.weights * (fold != k)) for k in range(members)]
            whole, base = (
                _constant(parts.whole, task.constant(curves.y, curves.weights)),
                torch.stack(constants)[fold[held]],
            )
        else:
            inputs = torch.tensor(sorted(i for k in order[:count] for i in columns[k]))
            design, places = curves.design.of_inputs(inputs)
            own = fit_curves(design, curves.y, curves.weights, task)
            found = cross_validate(own, fold, members, anew=len(curves.y) <= MAX_REFIT_ROWS)
            whole, base = _spread(found.whole, places, curves.design.width), found.base
        return SimplerCurves(whole, base, float(weights @ task.loss(base, t) / weights.sum()))

    best = None
    too_few, enough = -1, len(columns) + 1
    while enough - too_few > 1:
        count = min((too_few + enough) // 2, len(columns))
        found = of_first(count)
        if found.loss <= limit:
            enough, best = count, found
        elif count == len(columns):
            return best
        else:
            too_few = count
    return best


def _constant(like: AdditiveFit, bias: Tensor) -> AdditiveFit:
    none = torch.zeros_like(like.coefficients)
    return replace(
        like,
        coefficients=none,
        bias=bias,
        penalties=torch.full_like(none, MAX_PENALTY),
        degrees_of_freedom=torch.zeros_like(like.degrees_of_freedom),
    )


def _spread(fit: AdditiveFit, places: Tensor, width: int) -> AdditiveFit:
    """The fit with its columns at these places of a design of this width; the others have no curves."""
    coefficients = fit.coefficients.new_zeros(width, fit.coefficients.shape[1])
    penalties = torch.full_like(coefficients, MAX_PENALTY)
    coefficients[places], penalties[places] = fit.coefficients, fit.penalties
    return replace(fit, coefficients=coefficients, penalties=penalties)
