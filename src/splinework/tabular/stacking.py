"""How much of each group of members goes into the answer, and how sure classes are: both by rows that were held out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.tabular.tasks import Task

STEP = 0.05
"""Shares are multiples of this: held-out rows do not tell finer ones apart."""
TURNS = 6
TEMPERATURES = (0.4, 2.5)
DOUBT = 0.2
"""Spread of the sharpness's logarithm before rows have spoken: a hundred rows say little about it."""
CERTAIN = 1.0
"""Interactions are kept where they help by more than so many standard errors of the help: curves alone are easier to read."""


@dataclass(frozen=True)
class Stacking:
    """`base + Σ shares_g corrections_g`, all times `sharpness`.

    Attributes:
        shares: One per group.
        sharpness: Factor of the logits; 1 for a regression.
        loss: What held-out rows cost with it.
        pays: Whether the corrections help beyond doubt.
    """

    shares: tuple[float, ...]
    sharpness: float
    loss: float
    pays: bool


def stack(base: Tensor, corrections: Sequence[Tensor], y: Tensor, weights: Tensor, task: Task) -> Stacking:
    """Chooses shares one after the other until none changes, then the sharpness.

    Args:
        base: `(n, q)` outputs of the additive part for rows that it did not see.
        corrections: Per group `(n, q)`, likewise.
        y: `(n, q)`.
        weights: `(n,)`.
        task: Whose likelihood.
    """
    shares = [0.0] * len(corrections)
    grid = [STEP * k for k in range(round(1 / STEP) + 1)]

    def cost(outputs: Tensor) -> float:
        return float(weights @ task.loss(outputs, y) / weights.sum())

    best = cost(base)
    for _ in range(TURNS):
        before = list(shares)
        for g, correction in enumerate(corrections):
            rest = base + sum(
                (s * c for k, (s, c) in enumerate(zip(shares, corrections, strict=True)) if k != g), 0 * base
            )
            for share in grid:
                now = cost(rest + share * correction)
                if now < best - 1e-12:
                    best, shares[g] = now, share
        if shares == before:
            break
    mixed = base + sum((s * c for s, c in zip(shares, corrections, strict=True)), 0 * base)
    pays = any(shares) and is_significant(task.loss(base, y) - task.loss(mixed, y), weights)
    chosen = mixed if pays else base
    sharpness = 1.0 if task.is_regression else calibrate(chosen, y, weights, task)
    return Stacking(tuple(shares), sharpness, cost(sharpness * chosen), pays)


def is_significant(help_: Tensor, weights: Tensor) -> bool:
    """Whether what helps each row, `(n,)`, does so in the mean by more than `CERTAIN` standard errors."""
    mean = weights @ help_ / weights.sum()
    error = torch.sqrt((weights**2) @ (help_ - mean) ** 2) / weights.sum()
    return bool(mean > CERTAIN * error)


def calibrate(outputs: Tensor, y: Tensor, weights: Tensor, task: Task) -> float:
    """The factor of the logits under which held-out rows cost least (Guo et al. 2017, with the inverse temperature).

    Few rows would like any factor that suits the one of them that was misjudged, so 1 has a prior.
    """
    low, high = (math.log(t) for t in TEMPERATURES)
    ratio = (5**0.5 - 1) / 2

    def cost(log_factor: float) -> float:
        return float(weights @ task.loss(math.exp(log_factor) * outputs, y)) + 0.5 * (log_factor / DOUBT) ** 2

    for _ in range(24):  # one valley: the cost is convex in the factor, and the prior in its logarithm
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if cost(a) <= cost(b) else (a, high)
    return math.exp((low + high) / 2)
