"""The curves of a training: fitted to all rows with the loss adapted to their residuals, and again without held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.tabular.additive import AdditiveFit, fit_additive, left_out, refit_additive
from splinework.tabular.design import DesignMatrix
from splinework.tabular.screening import Screening
from splinework.tabular.tasks import Task

MAX_REFIT_ROWS = 3000
"""Rows up to which penalties are re-estimated for every fold."""
N_TUNING_ROUNDS = 3
"""Fits of the curves between which a loss adapts its widths to the residuals; they change little after two."""


@dataclass(frozen=True)
class Curves:
    """The additive part of a training.

    Attributes:
        design: The design matrix.
        y: Targets `(n, q)`.
        weights: Row weights `(n,)`, mean 1.
        task: The likelihood, with its widths fitted.
        screening: How screened inputs are fitted; None where none were screened out.
        products: Means and cross products of the columns, where working weights are the rows' own.
        whole: The fit to all rows.
    """

    design: DesignMatrix
    y: Tensor
    weights: Tensor
    task: Task
    screening: Screening | None
    products: tuple[Tensor, Tensor] | None
    whole: AdditiveFit

    def without(self, parts: Sequence[Tensor]) -> list[AdditiveFit]:
        """The fits without each of these sets of held-out rows, given as masks; the k-th set is fold k of the screening.

        Penalties estimated on all rows leak a little into the held-out loss; on many rows that is negligible, and they stay.
        """
        rows = self.design, self.y
        if self.screening is not None:
            fit = self.screening.fit
            return [fit(*rows, self.weights * ~held, self.task, k) for k, held in enumerate(parts)]
        if len(self.y) <= MAX_REFIT_ROWS:
            return [fit_additive(*rows, self.weights * ~held, self.task) for held in parts]
        found = []
        for held in parts:
            products = self.design.without(self.products, self.weights, held) if self.products else None
            found.append(refit_additive(self.whole, *rows, self.weights * ~held, self.task, products))
        return found

    def unseen(self, fold: Tensor) -> Tensor:
        """Outputs `(n, q)` of a regression for every row by curves that have not seen it.

        The row itself is left out; of screened inputs its fold is, since the row has helped to choose those of all rows.

        Args:
            fold: Fold of each row in the screening, `(n,)`.
        """
        if self.screening is None:
            return left_out(self.whole, self.design, self.y, self.weights, self.task, self.products)
        masks = [fold == k for k in range(int(fold.max()) + 1)]
        outputs = torch.stack([part.values(self.design) for part in self.without(masks)])
        found: Tensor = outputs[fold, torch.arange(len(fold))]
        return found


def fit_curves(
    design: DesignMatrix, y: Tensor, weights: Tensor, task: Task, screening: Screening | None = None
) -> Curves:
    """Fits the curves to all rows, and the widths of the loss to their residuals.

    Args:
        design: The design matrix.
        y: Targets `(n, q)`, or class indicators.
        weights: Row weights `(n,)`, mean 1.
        task: The likelihood.
        screening: How screened inputs are fitted; None where none were screened out.
    """
    products = design.about_mean(weights) if task.has_fixed_weights and screening is None else None

    def fitted(task: Task) -> AdditiveFit:
        if screening is not None:
            return screening.fit(design, y, weights, task)
        return fit_additive(design, y, weights, task, products)

    task = tuned_to_constant(y, weights, task)
    whole = fitted(task)
    for _ in range(N_TUNING_ROUNDS - 1):
        freedom = 1.0 + float(whole.degrees_of_freedom.mean())
        tuned = task.tuned(y - whole.values(design), weights, freedom)
        if tuned == task:
            break
        task = tuned
        whole = fitted(task)
    return Curves(design, y, weights, task, screening, products, whole)


def tuned_to_constant(y: Tensor, weights: Tensor, task: Task) -> Task:
    """The task with its widths fitted to the residuals of the constant."""
    return task.tuned(y - task.constant(y, weights), weights, 1.0)
