"""The additive part by cross-validation: its fits without each fold, and whether some labels are wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.tabular.additive import AdditiveFit
from splinework.tabular.curves import FittedCurves
from splinework.tabular.design import DesignMatrix
from splinework.tabular.ensemble import held_out_rows
from splinework.tabular.stacking import stack
from splinework.tabular.tasks import Classification, Task
from splinework.train.between_rows import is_significant

MIN_ROWS = 30
"""Rows below which labels count as right."""
MAX_REFIT_ROWS = 3000
"""Rows up to which penalties are re-estimated for every fold."""
MAX_LAPSE_ROWS = 5000
"""Rows on which lapse rates are sought, evenly thinned: a twentieth of wrong labels then has a standard error of a sixteenth of
itself, and every attempt costs several fits."""
LAPSES = (0.05, 0.1, 0.2, 0.4)
"""Shares of labels that are drawn regardless of the inputs, as tried; the best one is improved on."""
LAPSE_STEPS = 20
"""Steps of expectation maximisation for the lapse rates of held-out labels; large logits need few."""
MORE_TERMS_Z_SCORE = 2.0
"""Standard errors by which held-out labels must be predicted better with more terms: with one, two of four folds of breast_cancer
(455 rows, 30 columns) took products or knots that new rows did not thank."""
MAX_ATTEMPTS = 2
"""Fits with rates that are estimated from held-out labels, while these leave open whether labels are wrong."""
MIN_LAPSE_GAIN = 1.92
"""Log likelihood of held-out labels that lapse rates must gain: half of the 95 % quantile of χ² of one number. The standard error
of the mean is no measure here: few wrong labels make both the gain and its spread."""
FIRST_LAPSES = 1
"""Where the walk over them begins: up while held-out labels are predicted better, else down."""


@dataclass(frozen=True)
class CrossValidatedCurves:
    """The additive part of all rows and those without each fold.

    Attributes:
        whole: Fitted to all rows; its task is the likelihood, with estimated lapse rates.
        parts: Fitted without fold k.
        offsets: Outputs `(n, folds, q)` of the parts.
        held: Rows of the folds that a part leaves out, thinned where they are many.
        base: Out-of-fold outputs of those rows, `(len(held), q)`.
    """

    whole: AdditiveFit
    parts: tuple[AdditiveFit, ...]
    offsets: Tensor
    held: Tensor
    base: Tensor

    def loss(self, y: Tensor, weights: Tensor) -> float:
        """The mean loss of the held rows, of all targets `(n, q)` and weights `(n,)`."""
        own = weights[self.held]
        return float(own @ self.whole.task.loss(self.base, y[self.held]) / own.sum())


def cross_validate(curves: FittedCurves, fold: Tensor, members: int, *, anew: bool) -> CrossValidatedCurves:
    """The additive part without each of the first `members` folds.

    With `anew`, penalties are re-estimated without each fold; those of all rows leak a little into the held-out loss.
    """
    parts = curves.without([fold == k for k in range(members)], anew=anew)
    return of_parts(curves.whole, parts, curves.design, fold)


def of_parts(
    whole: AdditiveFit, parts: Sequence[AdditiveFit], design: DesignMatrix, fold: Tensor
) -> CrossValidatedCurves:
    """The cross-validation that these fits without each fold are, on the rows of a design matrix."""
    biases = torch.stack([part.bias for part in parts])
    sums = design.times(torch.cat([part.coefficients for part in parts], dim=1))  # the matrix is read once for all
    offsets = sums.unflatten(1, biases.shape) + biases
    held = held_out_rows(fold, len(parts))
    return CrossValidatedCurves(whole, tuple(parts), offsets, held, offsets[held, fold[held]])


def cross_validated(
    curves: FittedCurves, fold: Tensor, members: int, known: CrossValidatedCurves | None = None
) -> CrossValidatedCurves:
    """The cross-validated additive part, with lapse rates where these predict held-out labels significantly better.

    The cross-validation of these curves may be `known`.
    """
    count, given = len(curves.y), curves
    if isinstance(curves.task, Classification) and count >= MIN_ROWS:
        if count > MAX_LAPSE_ROWS:
            few, some = curves.thinned(MAX_LAPSE_ROWS)
            found = _with_lapses(few, fold[some], members)
        else:
            found = _with_lapses(curves, fold, members)
        if found.task != curves.task:
            curves = found if count <= MAX_LAPSE_ROWS else curves.with_task(found.task, found.whole.penalties)
    if known is not None and curves is given:
        return known
    return cross_validate(curves, fold, members, anew=count <= MAX_REFIT_ROWS)


def with_design(
    curves: FittedCurves, parts: CrossValidatedCurves, design: DesignMatrix, fold: Tensor
) -> tuple[FittedCurves, CrossValidatedCurves]:
    """The curves and their cross-validation, on another design matrix where held-out rows ask for it.

    They do where it predicts them significantly better: at the penalties of all rows, which is cheap, and then with those that
    are estimated without each fold, where rows are not many. Lapse rates stay as they are.
    """
    task, held = parts.whole.task, parts.held
    y, weights = curves.y[held], curves.weights[held]
    losses, other = task.loss(parts.base, y), curves.on(design).with_task(task)
    for anew in (False, True)[: 1 + (len(fold) <= MAX_REFIT_ROWS)]:
        found = cross_validate(other, fold, len(parts.parts), anew=anew)
        if not is_significant(losses - task.loss(found.base, y), weights, MORE_TERMS_Z_SCORE):
            return curves, parts
    return other, found


def _with_lapses(curves: FittedCurves, fold: Tensor, members: int) -> FittedCurves:
    """The curves with the lapse rates that predict held-out labels best; themselves where none does significantly better."""
    first = cross_validate(curves, fold, members, anew=False)
    held = first.held
    y, weights = curves.y[held], curves.weights[held]
    losses = lowest = curves.task.loss(first.base, y)
    best, base = curves, first.base
    least = curves.task.with_lapses(LAPSES[0], max(2, y.shape[1]))
    found = stack(base, (), y, weights, least)
    if not isinstance(found.task, Classification) or sum(found.task.lapses) * found.rows < 1:
        return curves  # a temperature explains every label

    def attempt(task: Task) -> bool:
        """Fits with these lapse rates; whether held-out labels are predicted better than by the best fit so far."""
        nonlocal best, base, lowest
        other = curves.with_task(task, best.whole.penalties)
        found = cross_validate(other, fold, members, anew=False)
        loss = task.loss(found.base, y)
        better = bool(weights @ loss < weights @ lowest)
        if better:
            best, lowest = other, loss
        if better or best is curves:
            base = found.base
        return better

    for walk in (range(FIRST_LAPSES, len(LAPSES)), range(FIRST_LAPSES - 1, -1, -1)):
        for at in walk:
            if not attempt(curves.task.with_lapses(LAPSES[at], max(2, y.shape[1]))):
                break
    task = best.task if best is not curves else least
    for _ in range(MAX_ATTEMPTS):  # from the least rate tried, where none was better
        for _ in range(LAPSE_STEPS):
            task = task.updated(base, y, weights)
        promising = bool(weights @ task.loss(base, y) < weights @ lowest)
        if not (promising and attempt(task)) or float(weights @ (losses - lowest)) > MIN_LAPSE_GAIN:
            break
    return best if float(weights @ (losses - lowest)) > MIN_LAPSE_GAIN else curves
