"""Prediction intervals and confidence intervals of a fitted network, from the Gauss–Newton posterior of its parameters.

Near the solution a network is its linearisation, `f(x) + g(x)'δ` with g a row of the Jacobian. As a Bayesian linear model
(MacKay 1992; for splines Wahba 1983 and Nychka 1988, whose intervals cover across the function although smoothing has a
bias) δ is normal with covariance `σ² K⁻¹`, `K = J'WJ + S + σ² D⁻¹`: S are the penalties, and D says that a coefficient
which no row sees is about as large as the others of its layer. So a region without rows has a wide interval, while a
direction that changes no output (a constant moved from node to node) adds nothing.

That is exact for one layer. Several layers overfit more than their linearisation predicts, so there the deviations are scaled by
the errors on rows that a fit did not see: held-out ones, or those of ten-fold cross-validation. With enough errors the
quantiles are those of split-conformal prediction (Lei et al. 2018).

One noise level per output is assumed, the same everywhere up to the rows' weights: for noise that changes with x or y take a
logarithmic output, weights, or an ensemble.
"""

import copy
import math
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from scipy.special import stdtrit
from torch import Tensor

from splinework.errors import ConfigError
from splinework.nn.arrays import data_of
from splinework.nn.network import KAN
from splinework.train.data_split import DataSplit
from splinework.train.jacobian import ParameterVector, linearise
from splinework.train.penalties import Penalty

MIN_VALUES_PER_PARAMETER = 20
"""With this number of values per parameter the linearisation is accurate enough, and no fold is refitted."""
MAX_SCORE, KEPT_SHARE, MAX_SIZE_UPDATES = 3.0, 0.995, 100
"""Where scores are cut in their mean square, the share of it that a normal distribution keeps, and steps of its fixed point."""
MIN_TAIL_SCORES = 5
"""A quantile is read off the errors themselves where at least this many lie beyond it; else it is Student's."""


@final
@dataclass(frozen=True)
class TrainingData:
    """The rows and penalties of a fit, in network units.

    Attributes:
        u: Rows that the final model was fitted to, `(N, inputs)`.
        t: Their outputs, `(N, outputs)`.
        weights: `(N,)`, of any mean; the noise of a row has the variance `σ² / weight`. None weighs all alike.
        penalties: Those of the fit, with their final weights.
        held_out: Rows `(u, t)` that no step saw, or None.
        loss: Name of the loss; only `squared` has these intervals.
        network: The network whose numbers were fitted, where the model is the same function written otherwise; else None.
    """

    u: Tensor
    t: Tensor
    weights: Tensor | None = None
    penalties: tuple[Penalty, ...] = ()
    held_out: tuple[Tensor, Tensor] | None = None
    loss: str = "squared"
    network: KAN | None = None


def evidence(rows: DataSplit, penalties: tuple[Penalty, ...], polished: bool, network: KAN | None) -> TrainingData:
    """The rows that the best model was fitted to."""
    everything, judging = (rows.together, None) if polished else (rows.used, rows.held_out)
    others = None if judging is None else (judging.u, judging.t)
    return TrainingData(everything.u, everything.t, everything.weights, penalties, others, rows.criterion.name, network)


@final
@dataclass(frozen=True)
class Posterior:
    """The posterior of the parameters: computed once by `posterior`, used for any number of points.

    Attributes:
        root: `(P, R)` with `root root'` the covariance of the parameters.
        noise: Standard deviation of the noise per output in network units, `(outputs,)`.
        degrees: Degrees of freedom per output, `(outputs,)`.
        scores: Sorted magnitudes of the rows' errors as if each were left out, over their deviation, `(n, outputs)`, of mean
            square 1: the shape of the noise; none where the rows are too few to show it.
        inflation: Both parts of the deviation are multiplied by this, `(outputs,)`.
        effective_parameters: How many numbers the rows have determined.
    """

    root: Tensor
    noise: Tensor
    degrees: Tensor
    scores: Tensor
    inflation: Tensor
    effective_parameters: float


@torch.no_grad()
def posterior(model: KAN, data: TrainingData) -> Posterior:
    """The posterior of the fitted model's parameters given the rows.

    Raises:
        ConfigError: If the loss is not squared, or there are too many parameters.
        DataError: If the rows are too few to tell noise from function.
    """
    if data.loss != "squared":
        raise ConfigError(
            f"these intervals rest on squared errors, and the loss is {data.loss!r}; "
            "use splinework.train.ensembles.ensemble, which takes any loss."
        )
    work = copy.deepcopy(model).double()
    from splinework.train.linear_model import LinearModel  # loaded where intervals are asked for

    system = LinearModel.of(work, data.u.double(), data.t.double(), data.weights, data.penalties)
    variance, total = system.noise_variance()
    inverse = system.directions / (system.squares + variance).sqrt()  # K⁻¹ = inverse inverse'
    leverage = torch.cat(list(system.pass_over(inverse)))
    degrees = (len(system.u) - leverage.sum(0)).clamp_min(1)
    noise = (system.residuals.square().sum(0) / degrees).sqrt()
    root = system.root(inverse, variance, noise)
    if data.held_out is None:
        # How far the fit stopped from the least-squares solution is one more thing that it is off by. (With held-out rows
        # it stopped there on purpose.)
        root = torch.cat([root, inverse @ (inverse.T @ system.gradient)[:, None]], dim=1)
    plain = Posterior(root, noise, degrees, leverage[:0], torch.ones_like(noise), total)
    left, spread = 1 - leverage, torch.cat(list(system.pass_over(root)))
    # A row that the model follows wherever it goes says nothing of the noise, nor do all where half of the rows are used up.
    usable = (left > 0.01).all(1) & (2 * degrees.min() > len(system.u))
    deviation = (noise.square() + spread / left.clamp_min(0.01)).sqrt().clamp_min(1e-300)
    scores = (system.residuals.abs() / left.clamp_min(0.01) / deviation)[usable]
    if data.held_out is not None:
        unseen = _unseen_scores(work, plain, data.held_out)
        count = unseen.new_tensor(float(len(unseen)))
        # The rows of the fit know the noise to first order only, so they count no more than the unseen ones.
        own = torch.minimum(degrees, count)
        inflation = ((own + unseen.square().sum(0)) / (own + count)).sqrt()
        return replace(plain, scores=_normalised_scores(scores), inflation=inflation, degrees=own + count)
    if len(work.kan_layers) > 1 and data.t.numel() < MIN_VALUES_PER_PARAMETER * total:
        errors, rows = system.left_out(variance)
        return replace(plain, scores=_normalised_scores(scores), inflation=_typical_size(errors / deviation[rows]))
    return replace(plain, scores=_normalised_scores(scores))


def variance_of_mean(model: KAN, known: Posterior, u: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and the variance of the noiseless function, each `(B, outputs)`, before inflation, in network units."""
    parameters, outputs, variance = ParameterVector.of(model), [], []
    from splinework.train.linear_model import row_blocks  # loaded where intervals are asked for

    for rows in row_blocks(len(u), known.root.shape[0] * model.outputs):
        center, jacobian = linearise(model, parameters, u[rows])
        outputs.append(center)
        variance.append((jacobian @ known.root).square().sum(2))
    return torch.cat(outputs), torch.cat(variance)


@torch.no_grad()
def contrast_widths(model: KAN, known: Posterior, sets: Any, reference: Any, level: float) -> Tensor:
    """Half widths `(sets, outputs)` of the confidence intervals of mean outputs over sets of rows less that over reference rows.

    Args:
        model: The fitted network.
        known: The posterior.
        sets: `(sets, B, inputs)` in raw units.
        reference: `(B, inputs)` in raw units.
        level: Probability that an interval covers.

    Raises:
        ConfigError: For a level that makes no sense.
    """
    check_level(level, "mean")
    work = copy.deepcopy(model).double()
    parameters, scaling = ParameterVector.of(work), work.output_scaling
    logs = torch.tensor([s == "log" for s in scaling.scales])

    def mean(rows: Any) -> Tensor:
        center, jacobian = linearise(work, parameters, work.input_scaling(torch.as_tensor(rows).to(known.root)))
        slope = torch.where(logs.to(center.device), scaling.inverse(center), 1.0) * scaling.scale
        return (slope[:, :, None] * jacobian).mean(0)

    base = mean(reference)
    variances = [((mean(rows) - base) @ known.root).square().sum(1) for rows in sets]
    return torch.stack(variances).sqrt() * known.inflation * _student_quantile(known, level)


def _unseen_scores(model: KAN, known: Posterior, held_out: tuple[Tensor, Tensor]) -> Tensor:
    """Errors on rows that no step saw, over their deviation."""
    center, variance = variance_of_mean(model, known, held_out[0].double())
    return (held_out[1].double() - center) / (known.noise.square() + variance).sqrt().clamp_min(1e-300)


def _typical_size(scores: Tensor) -> Tensor:
    """Root mean square of scores `(n, outputs)`, of which those beyond three of it count as three (Huber 1964, proposal 2).

    Without the outermost row a refit diverges there, which says nothing of predictions among the rows.
    """
    squares = scores.square()
    size = squares.mean(0)
    for _ in range(MAX_SIZE_UPDATES):  # from above, so that most scores of zero do not end it
        size = torch.minimum(squares, MAX_SCORE**2 * size).mean(0) / KEPT_SHARE
    return size.sqrt()


def _normalised_scores(scores: Tensor) -> Tensor:
    if not len(scores):
        return scores
    ordered: Tensor = scores.abs().sort(0).values
    return ordered / ordered.square().mean(0).sqrt().clamp_min(1e-300)


@final
@dataclass(frozen=True)
class IntervalEstimate:
    """Prediction intervals of y, or confidence intervals of its mean, each `(B, outputs)` in raw units.

    Attributes:
        center: Outputs of the model.
        lower: Lower ends.
        upper: Upper ends.
        deviation: Standard deviation; for an output with a logarithmic scale to first order.

    >>> IntervalEstimate(*torch.zeros(4, 3, 1)).center.shape
    torch.Size([3, 1])
    """

    center: Tensor
    lower: Tensor
    upper: Tensor
    deviation: Tensor


@torch.no_grad()
def intervals(
    model: KAN, data: TrainingData | Posterior, x: Any, *, level: float = 0.9, kind: str = "prediction"
) -> IntervalEstimate:
    """Intervals around the model's outputs at x.

    Args:
        model: The fitted network.
        data: The rows that it was fitted to; or what `posterior` made of them, which saves the work.
        x: `(B, inputs)` in raw units: a tensor, an array or a frame.
        level: Probability that an interval covers.
        kind: `prediction` for a new observation of y (noise included), `mean` for the noiseless function.

    Returns:
        `IntervalEstimate(center, lower, upper, deviation)`, each `(B, outputs)` in raw units and float64.

    Raises:
        ConfigError: For a level or kind that makes no sense, a loss that is not squared, or too many parameters.
        ShapeError: If x does not fit the model.
        DataError: If x is not finite, or the rows are too few to tell noise from function.
    """
    check_level(level, kind)
    work = copy.deepcopy(model).double()
    u = work.input_scaling(data_of(work, x))
    known = data if isinstance(data, Posterior) else posterior(work, data)
    center, variance = variance_of_mean(work, known, u)
    factor = _student_quantile(known, level)
    if kind == "prediction":
        variance, factor = variance + known.noise.square(), _conformal_quantile(known, level, factor)
    return interval_in_raw_units(work, center, variance.sqrt() * known.inflation, factor)


def check_level(level: Any, kind: Any) -> None:
    """Raises ConfigError unless level is a probability and kind known."""
    if kind not in ("prediction", "mean"):
        raise ConfigError(f"kind is 'prediction' (a new y) or 'mean' (the function without noise), got {kind!r}.")
    if not (isinstance(level, (int, float)) and 0 < level < 1):
        raise ConfigError(f"level is a probability between 0 and 1, got {level!r}; 0.9 is usual.")


def interval_in_raw_units(model: KAN, center: Tensor, deviation: Tensor, factor: Tensor) -> IntervalEstimate:
    """The interval of `factor` deviations to both sides, in raw units; for a logarithmic output the ends are transformed."""
    scaling = model.output_scaling
    middle, lower, upper = (scaling.inverse(center + sign * factor * deviation) for sign in (0, -1, 1))
    width = deviation * scaling.scale
    logs = torch.tensor([s == "log" for s in scaling.scales], device=width.device)
    return IntervalEstimate(middle, lower, upper, torch.where(logs, middle * width, width))


def _student_quantile(known: Posterior, level: float) -> Tensor:
    quantiles = stdtrit(known.degrees.cpu().numpy(), (1 + level) / 2)
    return torch.as_tensor(quantiles, dtype=known.noise.dtype, device=known.noise.device)


def _conformal_quantile(known: Posterior, level: float, otherwise: Tensor) -> Tensor:
    """The quantile of the errors' own distribution, as in split-conformal prediction (Lei et al. 2018)."""
    count = len(known.scores)
    rank = math.ceil((count + 1) * level)
    return known.scores[rank - 1] if count - rank >= MIN_TAIL_SCORES else otherwise
