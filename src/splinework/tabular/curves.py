"""The curves of a training: fitted to all rows with the loss adapted to their residuals, and again without held-out rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from splinework.tabular.additive import AdditiveFit, fit_additive, left_out, refit_additive
from splinework.tabular.design import DesignMatrix
from splinework.tabular.monotone_curves import within
from splinework.tabular.screening import Screening
from splinework.tabular.tasks import Task

N_TUNING_ROUNDS = 3
"""Fits of the curves between which a loss adapts its widths to the residuals; they change little after two."""


@dataclass(frozen=True)
class FittedCurves:
    """The additive part of a training.

    Attributes:
        design: The design matrix.
        y: Targets `(n, q)`.
        weights: Row weights `(n,)`, mean 1.
        screening: How screened inputs are fitted; None where none were screened out.
        products: Means and cross products of the columns, where working weights are the rows' own.
        whole: The fit to all rows, and the likelihood with its widths and rates.
        signs: 1, -1 or 0 for each input along which its curve rises or falls, `(p,)`; None without directions.
        rows: The number of rows of which these are a sample; 0 where they are all.
    """

    design: DesignMatrix
    y: Tensor
    weights: Tensor
    screening: Screening | None
    products: tuple[Tensor, Tensor] | None
    whole: AdditiveFit
    signs: Tensor | None = None
    rows: int = 0

    @property
    def task(self) -> Task:
        """The likelihood, with its widths fitted, and with lapse rates where these have been estimated."""
        return self.whole.task

    def on(self, design: DesignMatrix) -> FittedCurves:
        """The same rows with another design matrix, to which the curves are not fitted yet."""
        return replace(self, design=design, products=None if self.products is None else design.about_mean(self.weights))

    def with_task(self, task: Task, start: Tensor | None = None) -> FittedCurves:
        """The curves fitted to all rows with another likelihood; `start` are penalties `(P, q)` to start from."""
        found = _fitted(self.design, self.y, self.weights, task, self.screening, self.products, start, self.rows)
        return replace(self, whole=self._directed(found, self.weights))

    def _directed(self, found: AdditiveFit, weights: Tensor) -> AdditiveFit:
        """A fit with these row weights within the directions."""
        return found if self.signs is None else within(found, self.design, self.y, weights, self.signs)

    def without(self, parts: Sequence[Tensor], *, anew: bool) -> list[AdditiveFit]:
        """The fits without each of these sets of held-out rows, given as masks; the k-th set is fold k of the screening.

        Args:
            parts: The masks `(n,)`.
            anew: Whether penalties are re-estimated without each set. Those of all rows leak a little into the held-out loss.
                Of screened inputs they always are.
        """
        rows, whole = (self.design, self.y), self.whole
        if self.screening is not None:
            fit = self.screening.fit
            return [fit(*rows, self.weights * ~held, self.task, k) for k, held in enumerate(parts)]
        found = []
        for held in parts:
            seen = self.weights * ~held
            products = self.design.without(self.products, self.weights, held) if self.products else None
            if anew:
                part = fit_additive(*rows, seen, self.task, start=whole.penalties, products=products)
            else:
                part = refit_additive(whole, *rows, seen, products)
            found.append(self._directed(part, seen))
        return found

    def unseen(self, fold: Tensor) -> Tensor:
        """Outputs `(n, q)` of a regression for every row, by curves fitted without it.

        The row itself is left out; of screened inputs its fold is, since the row has helped to choose those of all rows.

        Args:
            fold: Fold of each row in the screening, `(n,)`.
        """
        if self.screening is None:
            return left_out(self.whole, self.design, self.y, self.weights, self.products)
        masks = [fold == k for k in range(int(fold.max()) + 1)]
        outputs = torch.stack([part.values(self.design) for part in self.without(masks, anew=True)])
        found: Tensor = outputs[fold, torch.arange(len(fold))]
        return found

    def thinned(self, most: int) -> tuple[FittedCurves, slice]:
        """The curves of at most this many rows, evenly thinned, with the fit to all rows; and which rows these are."""
        some = slice(None, None, math.ceil(len(self.y) / most))
        weights = self.weights[some] / self.weights[some].mean()
        own = replace(self.design, values=self.design.values[some])
        products = own.about_mean(weights) if self.products is not None else None
        return replace(self, design=own, y=self.y[some], weights=weights, products=products, rows=len(self.y)), some


def fit_curves(
    design: DesignMatrix,
    y: Tensor,
    weights: Tensor,
    task: Task,
    screening: Screening | None = None,
    signs: Tensor | None = None,
) -> FittedCurves:
    """Fits the curves to all rows, and the widths of the loss to their residuals.

    Args:
        design: The design matrix.
        y: Targets `(n, q)`, or class indicators.
        weights: Row weights `(n,)`, mean 1.
        task: The likelihood.
        screening: How screened inputs are fitted; None where none were screened out.
        signs: 1, -1 or 0 for each input along which its curve rises or falls, `(p,)`; None without directions.
    """
    products = design.about_mean(weights) if task.has_fixed_weights and screening is None else None
    task = tuned_to_constant(y, weights, task)
    whole = _fitted(design, y, weights, task, screening, products)
    free = FittedCurves(design, y, weights, screening, products, whole, signs)
    found = replace(free, whole=free._directed(whole, weights))
    for _ in range(N_TUNING_ROUNDS - 1):
        freedom = 1.0 + float(found.whole.degrees_of_freedom.mean())
        tuned = found.task.tuned(y - found.whole.values(design), weights, freedom)
        if tuned == found.task:
            break
        found = found.with_task(tuned)
    return found


def tuned_to_constant(y: Tensor, weights: Tensor, task: Task) -> Task:
    """The task with its widths fitted to the residuals of the constant."""
    return task.tuned(y - task.constant(y, weights), weights, 1.0)


def _fitted(
    design: DesignMatrix,
    y: Tensor,
    weights: Tensor,
    task: Task,
    screening: Screening | None,
    products: tuple[Tensor, Tensor] | None,
    start: Tensor | None = None,
    rows: int = 0,
) -> AdditiveFit:
    if screening is not None:
        return screening.fit(design, y, weights, task)
    return fit_additive(design, y, weights, task, start=start, products=products, rows=rows)
