"""The additive part by cross-validation: its fits without each fold, and whether some labels are wrong."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.tabular.additive import AdditiveFit, DesignMatrix, fit_additive, refit_additive
from splinework.tabular.stacking import is_significant
from splinework.tabular.tasks import Classification, Task

MIN_ROWS = 30
"""Rows below which labels count as right."""
MAX_REFIT_ROWS = 3000
"""Rows up to which penalties are re-estimated for every fold."""
LAPSES = (0.05, 0.1, 0.2, 0.4)
"""Shares of labels that are drawn regardless of the inputs, as tried; the best one is
improved on."""
LAPSE_STEPS = 20
"""Steps of expectation maximisation for the lapse rates of held-out labels; large logits need few."""
FIRST_LAPSES = 1
"""Where the walk over them begins: up while held-out labels are predicted better, else down."""


@dataclass(frozen=True)
class CrossValidatedCurves:
    """The additive part of all rows and those without each fold.

    Attributes:
        whole: Fitted to all rows; its task is the likelihood, with estimated lapse rates.
        parts: Fitted without fold k.
        offsets: Outputs `(n, folds, q)` of the parts.
        held: Rows of the folds that a part leaves out.
        base: Out-of-fold outputs of those rows, `(len(held), q)`.
    """

    whole: AdditiveFit
    parts: tuple[AdditiveFit, ...]
    offsets: Tensor
    held: Tensor
    base: Tensor


def cross_validate(
    whole: AdditiveFit, design: DesignMatrix, y: Tensor, weights: Tensor, fold: Tensor, members: int, *, anew: bool
) -> CrossValidatedCurves:
    """The additive part without each of the first `members` folds.

    Args:
        whole: The fit to all rows.
        design: The design matrix.
        y: Targets `(n, q)`.
        weights: Row weights `(n,)`.
        fold: Fold of each row, `(n,)`.
        members: Number of folds that are left out in turn.
        anew: Whether penalties are estimated anew without each fold. Those of all rows leak a little into the held-out loss.
    """
    parts = []
    for k in range(members):
        seen = weights * (fold != k)
        if anew:
            parts.append(fit_additive(design, y, seen, whole.task, whole.penalties))
        else:
            parts.append(refit_additive(whole, design, y, seen))
    offsets = torch.stack([part.values(design) for part in parts], dim=1)
    held = torch.nonzero(fold < members)[:, 0]
    return CrossValidatedCurves(whole, tuple(parts), offsets, held, offsets[held, fold[held]])


def fit_curves(
    whole: AdditiveFit, design: DesignMatrix, y: Tensor, weights: Tensor, fold: Tensor, members: int
) -> CrossValidatedCurves:
    """The cross-validated additive part, with lapse rates where these predict held-out labels significantly better.

    Args:
        whole: The fit to all rows, with a likelihood without lapse rates.
        design: The design matrix.
        y: Targets `(n, q)`.
        weights: Row weights `(n,)`.
        fold: Fold of each row, `(n,)`.
        members: Number of folds that are left out in turn.
    """
    rows = (design, y, weights)
    anew = len(y) <= MAX_REFIT_ROWS
    if not isinstance(whole.task, Classification) or len(y) < MIN_ROWS:
        return cross_validate(whole, *rows, fold, members, anew=anew)
    first = best = cross_validate(whole, *rows, fold, members, anew=False)
    held = first.held
    losses = lowest = whole.task.loss(first.base, y[held])
    penalties = whole.penalties

    def attempt(task: Task) -> bool:
        """Fits with these lapse rates; whether held-out labels are predicted better than by the best fit so far."""
        nonlocal best, lowest, penalties
        other = fit_additive(*rows, task, penalties)
        found = cross_validate(other, *rows, fold, members, anew=False)
        loss = task.loss(found.base, y[held])
        better = bool(weights[held] @ loss < weights[held] @ lowest)
        if better:
            best, lowest, penalties = found, loss, other.penalties
        return better

    for walk in (range(FIRST_LAPSES, len(LAPSES)), range(FIRST_LAPSES - 1, -1, -1)):
        for at in walk:
            if not attempt(whole.task.with_lapses(LAPSES[at], max(2, y.shape[1]))):
                break
    if best is not first:
        task = best.whole.task
        for _ in range(LAPSE_STEPS):
            task = task.updated(best.base, y[held], weights[held])
        attempt(task)
        if not is_significant(losses - lowest, weights[held]):
            best = first
    return cross_validate(best.whole, *rows, fold, members, anew=True) if anew else best
