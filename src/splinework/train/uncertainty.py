"""How far a fitted network may be off: intervals around its outputs, from `splinework.train.posterior`.

One noise level per output is assumed, the same everywhere up to the rows' weights: for noise that changes with x or y take a
logarithmic output, weights, or an ensemble.
"""

import copy
import math
from dataclasses import dataclass
from typing import Any, final

import torch
from scipy.special import stdtrit
from torch import Tensor

from splinework.errors import ConfigError
from splinework.nn.arrays import data_of
from splinework.nn.network import KAN
from splinework.train.posterior import Evidence, Posterior, posterior, variance_of_mean

__all__ = ["Evidence", "Interval", "Posterior", "check_level", "intervals", "posterior"]

BEYOND = 5
"""A quantile is read off the errors themselves where at least this many lie beyond it; else it is Student's."""
KINDS = ("prediction", "mean")


@final
@dataclass(frozen=True)
class Interval:
    """Where y (or its mean) lies with the probability asked for, each `(B, outputs)` in raw units.

    Attributes:
        center: What the model says.
        lower: Lower ends.
        upper: Upper ends.
        deviation: Standard deviation; for an output with a logarithmic scale to first order.
    """

    center: Tensor
    lower: Tensor
    upper: Tensor
    deviation: Tensor


@torch.no_grad()
def intervals(
    model: KAN, evidence: Evidence | Posterior, x: Any, *, level: float = 0.9, kind: str = "prediction"
) -> Interval:
    """Intervals around the model's outputs at x.

    Args:
        model: The fitted network.
        evidence: The rows that it was fitted to; or what `posterior` made of them, which saves the work.
        x: `(B, inputs)` in raw units: a tensor, an array or a frame.
        level: Probability that an interval covers.
        kind: `prediction` for a new observation of y (noise included), `mean` for the noiseless function.

    Returns:
        `Interval(center, lower, upper, deviation)`, each `(B, outputs)` in raw units and float64.

    Raises:
        ConfigError: For a level or kind that makes no sense, a loss that is not squared, or too many parameters.
        ShapeError: If x does not fit the model.
        DataError: If x is not finite, or the rows are too few to tell noise from function.
    """
    check_level(level, kind)
    work = copy.deepcopy(model).double()
    u = work.input_scaling(data_of(work, x))
    known = evidence if isinstance(evidence, Posterior) else posterior(work, evidence)
    center, variance = variance_of_mean(work, known, u)
    factor = _student(known, level)
    if kind == "prediction":
        variance, factor = variance + known.noise.square(), _observed(known, level, factor)
    return raw_interval(work, center, variance.sqrt() * known.inflation, factor)


def check_level(level: Any, kind: Any) -> None:
    """Raises ConfigError unless level is a probability and kind known."""
    if kind not in KINDS:
        raise ConfigError(f"kind is 'prediction' (a new y) or 'mean' (the function without noise), got {kind!r}.")
    if not (isinstance(level, (int, float)) and 0 < level < 1):
        raise ConfigError(f"level is a probability between 0 and 1, got {level!r}; 0.9 is usual.")


def raw_interval(model: KAN, center: Tensor, deviation: Tensor, factor: Tensor) -> Interval:
    """From network units to raw ones, `factor` deviations to both sides; of a logarithmic output the ends are transformed."""
    scaling = model.output_scaling
    middle, lower, upper = (scaling.inverse(center + sign * factor * deviation) for sign in (0, -1, 1))
    width = deviation * scaling.scale
    logs = torch.tensor([s == "log" for s in scaling.scales], device=width.device)
    return Interval(middle, lower, upper, torch.where(logs, middle * width, width))


def _student(known: Posterior, level: float) -> Tensor:
    quantiles = stdtrit(known.degrees.cpu().numpy(), (1 + level) / 2)
    return torch.as_tensor(quantiles, dtype=known.noise.dtype, device=known.noise.device)


def _observed(known: Posterior, level: float, otherwise: Tensor) -> Tensor:
    """The quantile of the errors' own distribution, as in split-conformal prediction (Lei et al. 2018)."""
    count = len(known.scores)
    rank = math.ceil((count + 1) * level)
    return known.scores[rank - 1] if count - rank >= BEYOND else otherwise
