"""Rows that agree by chance, as those of a few categories do: their weights are counts, and their copies lie in several folds.

A row of a table is evidence however often others are equal to it. Left out with all its copies, it would be predicted from equal
inputs with other labels alone.
"""

import numpy as np
import torch
from torch import Tensor

from splinework.tabular.rows import Floats

MIN_AGREEING = 1.0
"""Rows that agree with one by chance from which copies count; of continuous columns copies are one row that was written twice."""


def counts_of(x: Tensor, weights: Floats) -> Tensor | None:
    """The numbers of rows `(n,)` for which distinct rows stand; None where weights are no counts, or copies are no evidence.

    Counts are whole numbers. Copies are evidence if some rows would agree in all columns even if these were independent.

    Args:
        x: Inputs `(n, p)`.
        weights: Positive weights `(n,)`.
    """
    total = weights.sum()
    if len(x) < 2 or total >= 2**53 or np.any(weights != np.rint(weights)) or np.all(weights == weights[0]):
        return None
    whole = torch.from_numpy(weights / np.gcd.reduce(weights.astype(np.int64)))
    pairs, agreeing = float(whole.sum().square() - whole.square().sum()), float(whole.sum())
    for column in x.T:
        _, level = torch.unique(column, return_inverse=True)
        sums = torch.bincount(level, whole)
        agreeing *= float(sums.square().sum() - whole.square().sum()) / pairs
    return whole if agreeing >= MIN_AGREEING else None


def in_folds(counts: Tensor, fold: Tensor, folds: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rows divided among folds, beginning with a fold for each `(n,)`: their indices, counts and folds, `(m,)` each.

    >>> in_folds(torch.tensor([1.0, 5.0]), torch.tensor([1, 2]), 3)
    (tensor([0, 1, 1, 1]), tensor([1., 2., 2., 1.]), tensor([1, 2, 0, 1]))
    """
    parts = counts.clamp(max=folds).long()
    at = torch.repeat_interleave(parts)
    turn = torch.arange(len(at)) - (parts.cumsum(0) - parts)[at]
    share = (counts[at] / folds).floor() + (turn < counts[at] % folds)
    return at, share, (fold[at] + turn) % folds
