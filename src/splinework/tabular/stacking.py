"""Stacking and calibration: weights of the ensemble groups and the inverse temperature, from out-of-fold predictions.

The weights s are those of `min Σ_n w_n ρ(f_n + Σ_k s_k g_kn, y_n)` with `0 ≤ s_k ≤ 1` (Wolpert 1992; Breiman 1996).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from splinework.tabular.tasks import Classification, Task
from splinework.train.between_rows import is_significant

WEIGHT_STEP = 0.05
"""Resolution of the stacking weights; held-out rows do not determine them any finer."""
MAX_ROUNDS = 6
MAX_CALIBRATIONS = 6
"""Alternations of temperature and lapse rates, which hardly depend on each other."""
INVERSE_TEMPERATURES = (0.4, 2.5)
PRIOR_STD = 0.2
"""Prior standard deviation of the logarithm of the inverse temperature, about which a hundred rows say little."""
CHOSEN_Z = 1.64
"""Standard errors by which curves and ensemble must lead a constant on rows that have chosen them: one in twenty by chance."""
CHOICES = 2
"""Choices of held-out rows for each group, where it stops and what it weighs, and for each input, its curve and its nodes."""


@dataclass(frozen=True)
class Stacking:
    """The stacked predictor `inverse_temperature · (base + Σ stacking_weights_g corrections_g)` (Wolpert 1992).

    Attributes:
        stacking_weights: One weight per group.
        inverse_temperature: Factor of the logits; 1 for a regression.
        loss: Loss on held-out rows.
        improves: Whether the corrections improve on the additive part significantly.
        task: The likelihood, with the lapse rates of the held-out labels.
        losses: Loss of each held-out row, `(n,)`.
        outputs: Its outputs, `(n, q)`.
        rows: Their number, in which a row counts by its weight.
    """

    stacking_weights: tuple[float, ...]
    inverse_temperature: float
    loss: float
    improves: bool
    task: Task
    losses: Tensor
    outputs: Tensor
    rows: float

    @property
    def expected_loss(self) -> float:
        """The loss of other rows than those that chose where each group stops and what it weighs (Akaike 1969)."""
        return self.loss * self.allowance()

    def allowance(self, inputs: int = 0) -> float:
        """The loss of other rows as a multiple of these rows', which have chosen for groups, and for inputs where these count."""
        rows, choices = self.rows, self.choices(inputs)
        return (rows + choices) / max(rows - choices, 1)

    def choices(self, inputs: int) -> int:
        """Number of choices that these rows have made for groups, and for this number of inputs."""
        return CHOICES * (sum(map(bool, self.stacking_weights)) + inputs)


def stack(base: Tensor, corrections: Sequence[Tensor], y: Tensor, weights: Tensor, task: Task) -> Stacking:
    """Chooses the stacking weights by coordinate descent, then the inverse temperature.

    `base` and the corrections, one tensor per group, are out-of-fold outputs `(n, q)`.
    """
    stacking_weights = [0.0] * len(corrections)
    grid = [WEIGHT_STEP * k for k in range(round(1 / WEIGHT_STEP) + 1)]

    def cost(outputs: Tensor) -> float:
        return float(weights @ task.loss(outputs, y) / weights.sum())

    best = cost(base)
    for _ in range(MAX_ROUNDS):
        before = list(stacking_weights)
        for g, correction in enumerate(corrections):
            rest = base + sum(
                (s * c for k, (s, c) in enumerate(zip(stacking_weights, corrections, strict=True)) if k != g), 0 * base
            )
            for share in grid:
                now = cost(rest + share * correction)
                if now < best - 1e-12:
                    best, stacking_weights[g] = now, share
        if stacking_weights == before:
            break
    mixed = base + sum((s * c for s, c in zip(stacking_weights, corrections, strict=True)), 0 * base)
    improves = any(stacking_weights) and is_significant(task.loss(base, y) - task.loss(mixed, y), weights)
    chosen = mixed if improves else base
    inverse_temperature = 1.0
    for _ in range(MAX_CALIBRATIONS if isinstance(task, Classification) else 0):
        inverse_temperature = calibrate(chosen, y, weights, task)
        task = task.updated(inverse_temperature * chosen, y, weights)
    chosen = inverse_temperature * chosen
    losses = task.loss(chosen, y)
    rows = float(weights.sum())
    loss = float(weights @ losses) / rows
    return Stacking(tuple(stacking_weights), inverse_temperature, loss, improves, task, losses, chosen, rows)


def calibrate(outputs: Tensor, y: Tensor, weights: Tensor, task: Task) -> float:
    """The inverse temperature of least held-out loss (temperature scaling, Guo et al. 2017).

    A log-normal prior around 1 regularises it: with few rows a single misclassified one would decide.
    """
    low, high = (math.log(t) for t in INVERSE_TEMPERATURES)
    ratio = (5**0.5 - 1) / 2

    def cost(log_factor: float) -> float:
        return float(weights @ task.loss(math.exp(log_factor) * outputs, y)) + 0.5 * (log_factor / PRIOR_STD) ** 2

    for _ in range(24):  # golden-section search: the cost is convex in the factor, and the prior in its logarithm
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if cost(a) <= cost(b) else (a, high)
    return math.exp((low + high) / 2)
