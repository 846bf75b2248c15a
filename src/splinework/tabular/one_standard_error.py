"""The simplest sum of curves within one standard error of the best model: for reading rather than for predicting.

The one-standard-error rule (Breiman, Friedman, Olshen and Stone 1984, §3.4.3; Hastie, Tibshirani and Friedman 2009, §7.10) for
paired differences: of the models whose held-out loss exceeds the least one by no more than two standard errors of the
difference, row by row, the one with the fewest columns, and of these that with the most lines for curves. The standard error of
the least loss itself, as published, is mostly what hard and easy rows cost every model; with few rows much that is lost stays
below it, which is why it is the lesser of both limits that counts. Two, since the least loss is the luckiest of several, and
with one every sixth idle column would stay.
Columns and bends are ordered by what each costs when it goes; sums of the last k are refitted, with and without each fold.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from splinework.tabular.additive import AdditiveFit
from splinework.tabular.cross_validation import MAX_REFIT_ROWS, CrossValidatedCurves, cross_validate, of_parts
from splinework.tabular.curves import FittedCurves, fit_curves
from splinework.tabular.selection import DEFENDED_Z_SCORE, removal_costs
from splinework.train.between_rows import is_significant

Found = TypeVar("Found")


@dataclass(frozen=True)
class SimplerCurves:
    """A sum of curves of some columns.

    Attributes:
        parts: The fits to all rows and without each fold, with the columns of the whole design; other curves are zero.
        loss: The mean loss of the held-out rows.
    """

    parts: CrossValidatedCurves
    loss: float


@dataclass(frozen=True)
class Reference:
    """The best model, against which simpler ones are judged.

    Attributes:
        losses: Its losses of the held-out rows, `(m,)`; NaN where there is none.
        weights: The weights of these rows, `(m,)`.
    """

    losses: Tensor
    weights: Tensor

    def allows(self, losses: Tensor) -> bool:
        """Whether losses `(m,)` exceed those of the best model by no more than chance: two standard errors of the difference.

        And by no more than one of the best model's own loss, where the difference varies more than that.
        """
        known = ~torch.isnan(self.losses)
        own, weights = self.losses[known], self.weights[known]
        gaps, total = losses[known] - own, weights.sum()
        error = torch.sqrt((weights**2) @ (own - weights @ own / total) ** 2) / total
        within = bool(weights @ gaps / total <= error)
        return within and not is_significant(gaps, weights, DEFENDED_Z_SCORE)


def fewest(attempt: Callable[[int], Found | None], most: int) -> Found | None:
    """Returns the result of `attempt` for the smallest number from 0 to `most` for which it has one; None where it has none.

    By bisection: where a number will do, greater ones are taken to do, too.

    >>> fewest(lambda count: str(count) if count >= 3 else None, 10)
    '3'
    """
    best: Found | None = None
    too_few, enough = -1, most + 1
    while enough - too_few > 1:
        count = (too_few + enough) // 2
        found = attempt(count)
        if found is None:
            too_few = count
        else:
            enough, best = count, found
    return best


def curves_of(
    curves: FittedCurves, fold: Tensor, members: int, inputs: Sequence[int], straight: Collection[int] = ()
) -> CrossValidatedCurves:
    """The curves of some inputs with and without each fold, as fits of all inputs with zeros for the others.

    Without any of them, the fits are constants; the curves of `straight` ones are lines.
    """
    design, y, weights, task = curves.design, curves.y, curves.weights, curves.task
    if not inputs:
        seen = [weights, *(weights * (fold != k) for k in range(members))]
        whole, *fits = (AdditiveFit.constant(design.width, task.constant(y, each), task) for each in seen)
    else:
        chosen = torch.tensor(sorted(inputs))
        some, places = design.of_inputs(chosen, straight)
        own = fit_curves(some, y, weights, task, signs=None if curves.signs is None else curves.signs[chosen])
        found = cross_validate(own, fold, members, anew=len(y) <= MAX_REFIT_ROWS)
        whole, *fits = (_spread(each, places, design.width) for each in (found.whole, *found.parts))
    return of_parts(whole, fits, design, fold)


def simplest_curves(
    curves: FittedCurves, parts: CrossValidatedCurves, fold: Tensor, columns: Sequence[Sequence[int]], best: Reference
) -> SimplerCurves | None:
    """The sum of curves of the fewest columns that the best model allows; None where there is none.

    Then as many of these curves as possible become lines. Both numbers are found by bisection: a sum of more of the columns, or
    bends, that matter most is taken to be no worse.
    """
    task, held, members = parts.whole.task, parts.held, len(parts.parts)
    same = replace(curves, whole=parts.whole)
    t, weights = curves.y[held], curves.weights[held]
    rows = curves.y, curves.weights, fold

    def judged(inputs: Sequence[int], straight: Collection[int]) -> SimplerCurves | None:
        found = curves_of(same, fold, members, inputs, straight)
        losses = task.loss(found.base, t)
        loss = float(weights @ losses / weights.sum())
        return SimplerCurves(found, loss) if best.allows(losses) else None

    order = by_cost(removal_costs(parts, curves.design, *rows, columns)[0])
    kept = list[int]()

    def of_first(count: int) -> SimplerCurves | None:
        """The sum of the curves of the `count` columns that matter most."""
        inputs = [i for k in order[:count] for i in columns[k]]
        found = judged(inputs, ())
        if found is not None:
            kept[:] = inputs
        return found

    shortest = fewest(of_first, len(columns))
    if shortest is None:
        return None
    bent = [i for i in kept if curves.design.spans[i].stop - curves.design.spans[i].start > 1]
    costs, _ = removal_costs(shortest.parts, curves.design, *rows, [[i] for i in bent], bends=True)
    order_of_bends = [bent[k] for k in by_cost(costs)]
    return fewest(lambda count: judged(kept, set(order_of_bends[count:])), len(bent)) or shortest


def by_cost(costs: Sequence[float]) -> list[int]:
    """The places of the costs, from the highest to the lowest."""
    return sorted(range(len(costs)), key=costs.__getitem__, reverse=True)


def _spread(fit: AdditiveFit, places: Tensor, width: int) -> AdditiveFit:
    """The fit with its columns at these places of a design of this width; the others have no curves."""
    found = AdditiveFit.constant(width, fit.bias, fit.task)
    found.coefficients[places], found.penalties[places] = fit.coefficients, fit.penalties
    return replace(found, degrees_of_freedom=fit.degrees_of_freedom)
