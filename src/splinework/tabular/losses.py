"""Losses of a regression beside least squares: quantiles, the median, Huber's, and those of counts and positive numbers.

`named_task` finds them by the names that scikit-learn gives them. Networks of counts and positive numbers give the logarithm of
the mean; the pinball loss of quantiles is smoothed by a logistic kernel, narrower the more rows there are, which leaves its
minimum where it is to second order in the width (Fernandes, Guerre and Horta 2021).
"""

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Self, final

import torch
from torch import Tensor

from splinework.tabular.tasks import Regression, Task, moments

MAX_LOG = 30.0
"""Bound of the logarithm of a mean, relative to the mean of all rows: its exponential stays finite in float32."""
HUBER_WIDTHS = 1.345
"""Huber's threshold in standard deviations of the noise, with 95 % of the efficiency of least squares for normal noise."""
MEDIAN_TO_DEVIATION = 1.4826
"""Standard deviation of a normal variable over its median absolute deviation."""
NORMAL_QUARTILES = 1.349
"""Distance of a normal variable's quartiles, in standard deviations."""
LOGISTIC_DEVIATION = math.pi / math.sqrt(3)
"""Standard deviation of the standard logistic distribution."""
MIN_WIDTH = 1e-3
"""Least width, relative to the spread of y: noise-free targets leave no residuals to measure it by."""
MIN_CURVATURE = 1e-3
"""Lower bound of a mean curvature, in units of one over the width; it bounds the steps where no residual is small."""
LOSSES = ("squared_error", "absolute_error", "quantile", "huber", "poisson", "gamma", "lognormal")
"""The names of scikit-learn's gradient boosting, and one that it lacks."""


def named_task(loss: str, quantile: float | None = None) -> Task:
    """The task with this loss, by scikit-learn's name; `quantile` is the probability for `loss="quantile"`.

    >>> named_task("poisson").log_link
    True
    """
    if loss == "quantile" and quantile is not None:
        return QuantileTask(quantile)
    simple: dict[str, Task] = {
        "squared_error": Regression(),
        "absolute_error": QuantileTask(0.5),
        "huber": HuberTask(),
        "poisson": PoissonTask(),
        "gamma": GammaTask(),
        "lognormal": LogNormalTask(),
    }
    return simple[loss]


def name_of(task: Task) -> tuple[str, float | None]:
    """The name and the quantile by which `named_task` finds a regression.

    >>> name_of(GammaTask())
    ('gamma', None)
    """
    for loss in LOSSES:
        if loss != "quantile" and task == named_task(loss):
            return loss, None
    assert isinstance(task, QuantileTask)
    return "quantile", task.probability


class _Robust(Task):
    """Base class of losses that grow linearly: with a bounded slope, and a width on which the slope changes sign."""

    is_regression = True
    has_fixed_weights = True
    has_dispersion = True
    widths: tuple[float, ...]

    @abstractmethod
    def influence(self, residuals: Tensor, width: Tensor) -> Tensor:
        """Derivative of the loss in the residual."""

    @abstractmethod
    def curvature(self, residuals: Tensor, width: Tensor) -> Tensor:
        """Second derivative of the loss in the residual."""

    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        return -self.influence(y - outputs, self.width(outputs)) / y.shape[1]

    def steepest(self, outputs: Tensor, y: Tensor) -> float:
        width = self.width(outputs)
        return float(self.curvature(torch.zeros_like(width), width).max()) / y.shape[1]  # both are largest there

    def width(self, like: Tensor) -> Tensor:
        """The widths `(q,)`, one where they have not been fitted."""
        return like.new_tensor(self.widths or (1.0,) * like.shape[-1])

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        # The mean curvature for every row: that of a single row is zero or huge, and says little of the loss's expectation.
        width, residuals = self.width(outputs)[j], y[:, j] - outputs[:, j]
        mean = weights @ self.curvature(residuals, width) / weights.sum()
        curvature = torch.maximum(mean, MIN_CURVATURE / width)
        return outputs[:, j] + self.influence(residuals, width) / curvature, weights * curvature

    def units(self, y: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        _, deviation = moments(y, weights)
        least = 1e-12 * y.abs().amax(0)
        apart = (weighted_quantile(y, weights, 0.75) - weighted_quantile(y, weights, 0.25)) / NORMAL_QUARTILES
        return weighted_quantile(y, weights, 0.5), torch.where(apart > least, apart, deviation)

    def in_units(self, y: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        return (y - shift) / scale


@final
@dataclass(frozen=True)
class QuantileTask(_Robust):
    """The pinball loss of a quantile, smoothed; half the absolute error for the median.

    Attributes:
        probability: Probability that y is below the prediction.
        widths: Width of the smoothing per output; () before `tuned`.
    """

    probability: float
    widths: tuple[float, ...] = ()

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        width, residuals = self.width(outputs), y - outputs
        smooth = self.probability * residuals + width * torch.nn.functional.softplus(-residuals / width)
        return smooth.mean(-1)

    def influence(self, residuals: Tensor, width: Tensor) -> Tensor:
        return self.probability - torch.sigmoid(-residuals / width)

    def curvature(self, residuals: Tensor, width: Tensor) -> Tensor:
        share = torch.sigmoid(-residuals / width)
        return share * (1 - share) / width

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        return weighted_quantile(y, weights, self.probability)

    def tuned(self, residuals: Tensor, weights: Tensor, freedom: float) -> Self:
        """The width of He, Pan, Tan and Zhou (2023), `((p + log n) / n)^(2/5)` standard deviations of the noise."""
        count = int((weights > 0).sum())
        share = min(1.0, ((freedom + math.log(count)) / count) ** 0.4)
        return replace(self, widths=_scaled(share / LOGISTIC_DEVIATION, residuals, weights))

    def calibration(self, outputs: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        """The quantile of the held-out residuals: curves that bend towards the rows lie too far inside for others."""
        return weighted_quantile(y - outputs, weights, self.probability)


@final
@dataclass(frozen=True)
class HuberTask(_Robust):
    """Half the squared error up to a threshold, linear beyond (Huber 1964).

    Attributes:
        widths: Threshold per output; () before `tuned`.
    """

    widths: tuple[float, ...] = ()

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        width, far = self.width(outputs), (y - outputs).abs()
        inside = torch.minimum(far, width)
        return (inside * (far - 0.5 * inside)).mean(-1)

    def influence(self, residuals: Tensor, width: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(residuals, -width), width)

    def curvature(self, residuals: Tensor, width: Tensor) -> Tensor:
        return (residuals.abs() <= width).to(residuals.dtype)

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        middle = weighted_quantile(y, weights, 0.5)
        width = y.new_tensor(_scaled(HUBER_WIDTHS, y - middle, weights))
        # One step from the median has the efficiency of the minimum itself (Bickel 1975).
        inside = weights @ self.curvature(y - middle, width)
        found: Tensor = middle + weights @ self.influence(y - middle, width) / inside.clamp_min(1e-300)
        return found

    def tuned(self, residuals: Tensor, weights: Tensor, freedom: float) -> Self:
        return replace(self, widths=_scaled(HUBER_WIDTHS, residuals, weights))


class _LogLink(Task):
    """Base class of losses whose outputs are logarithms of the mean, relative to that of all rows."""

    is_regression = True
    has_dispersion = True
    log_link = True

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        return torch.log((weights @ y) / weights.sum())

    def units(self, y: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        return self.constant(y, weights), y.new_ones(y.shape[1])

    def in_units(self, y: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        return y / torch.exp(shift)

    def mean(self, outputs: Tensor) -> Tensor:
        return torch.exp(outputs)


@final
@dataclass(frozen=True)
class PoissonTask(_LogLink):
    """Half the Poisson deviance up to a constant; variances are proportional to means."""

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        return (torch.exp(outputs.clamp_max(MAX_LOG)) - y * outputs).mean(-1)

    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        return (torch.exp(outputs.clamp_max(MAX_LOG)) - y) / y.shape[1]

    def steepest(self, outputs: Tensor, y: Tensor) -> float:
        return float(torch.exp(outputs.clamp_max(MAX_LOG)).max()) / y.shape[1]

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        mean = torch.exp(outputs[:, j].clamp(-MAX_LOG, MAX_LOG)).clamp_min(least)
        return outputs[:, j] + (y[:, j] - mean) / mean, weights * mean

    def spread(self, mean: Tensor) -> Tensor:
        return mean.sqrt()


@final
@dataclass(frozen=True)
class GammaTask(_LogLink):
    """Half the gamma deviance up to a constant; deviations are proportional to means."""

    has_fixed_weights = True

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        return (y * torch.exp((-outputs).clamp_max(MAX_LOG)) + outputs).mean(-1)

    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        return (1 - y * torch.exp((-outputs).clamp_max(MAX_LOG))) / y.shape[1]

    def steepest(self, outputs: Tensor, y: Tensor) -> float:
        return float((y * torch.exp((-outputs).clamp_max(MAX_LOG))).max()) / y.shape[1]

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        # Fisher's expected curvature, which is the row's weight whatever its mean.
        ratio = y[:, j] * torch.exp((-outputs[:, j]).clamp(-MAX_LOG, MAX_LOG))
        return outputs[:, j] + ratio - 1, weights

    def spread(self, mean: Tensor) -> Tensor:
        return mean


@final
@dataclass(frozen=True)
class LogNormalTask(_LogLink):
    """Squared errors of the logarithm; deviations are proportional to means.

    Networks learn log y by least squares, and are moved to the logarithm of the mean of y afterwards (`target_scale`).
    """

    is_quadratic = True
    has_fixed_weights = True

    def constant(self, y: Tensor, weights: Tensor) -> Tensor:
        return (weights @ y.log()) / weights.sum()

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        return ((outputs - y.log()) ** 2).mean(-1)

    def slope(self, outputs: Tensor, y: Tensor) -> Tensor:
        return 2 * (outputs - y.log()) / y.shape[1]

    def steepest(self, outputs: Tensor, y: Tensor) -> float:
        return 2 / y.shape[1]

    def working(self, outputs: Tensor, y: Tensor, weights: Tensor, j: int, least: float) -> tuple[Tensor, Tensor]:
        return y[:, j].log(), weights

    def spread(self, mean: Tensor) -> Tensor:
        return mean


def weighted_quantile(values: Tensor, weights: Tensor, probability: float) -> Tensor:
    """The quantile of every column `(n, q)`, with weights `(n,)`: `(q,)`; midway where two values share the probability.

    >>> weighted_quantile(torch.tensor([[1.0], [5.0], [3.0]]), torch.ones(3), 0.5)
    tensor([3.])
    """
    ordered, order = values.sort(0)
    reached = weights[order].cumsum(0)
    wanted = (probability * reached[-1]).expand(1, -1).T.contiguous()
    slack = 1e-9 * reached[-1][:, None]
    columns = reached.T.contiguous()
    last = len(values) - 1
    low = torch.searchsorted(columns, wanted - slack).clamp_max(last)
    high = torch.searchsorted(columns, wanted + slack).clamp_max(last)
    picked = ordered.T
    found: Tensor = 0.5 * (picked.gather(1, low) + picked.gather(1, high))[:, 0]
    return found


def _scaled(factor: float, residuals: Tensor, weights: Tensor) -> tuple[float, ...]:
    """This many standard deviations of the residuals `(n, q)`, by their median magnitude about their median."""
    off = (residuals - weighted_quantile(residuals, weights, 0.5)).abs()
    deviations = MEDIAN_TO_DEVIATION * weighted_quantile(off, weights, 0.5)
    return tuple(factor * max(float(each), MIN_WIDTH) for each in deviations)
