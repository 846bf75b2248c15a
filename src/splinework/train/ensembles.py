"""Ensembles: several fits of one network from other random numbers and on other rows; their mean and their spread.

Unlike Gauss–Newton intervals, an ensemble covers other minima, any loss and any number of parameters.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor
from typing_extensions import Unpack

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.nn.arrays import as_columns, data_of
from splinework.nn.network import KAN
from splinework.nn.precision import delivered_dtype
from splinework.train.fitting import FitResult, fit
from splinework.train.history import History
from splinework.train.losses import make_loss
from splinework.train.multistart import reinitialised
from splinework.train.options import EnsembleKeywords, TrainingOptions, options_of, with_options
from splinework.train.progress_line import jobs
from splinework.train.uncertainty import MIN_TAIL_SCORES, IntervalEstimate, check_level

RESAMPLES = ("bootstrap", "seeds")
MIN_NOISE_SHARE = 0.1
"""The noise is never less than this share of the squared errors on rows left out, however far the members part."""


@final
@dataclass(frozen=True)
class Ensemble:
    """Members that differ in their start and their rows.

    Attributes:
        models: The fitted members.
        histories: How each came about.
        noise: Standard deviation of y around the mean, per output `(outputs,)`, in raw units (of log y for a logarithmic
            output), from rows that members had not seen; NaN where the loss is none of a regression.
        scores: Sorted magnitudes of the errors on these rows over their deviation, `(n, outputs)`.
        coverage: Share of these rows inside 90 % intervals, per output; the quantile for one half of the rows came from
            the other half. NaN where there are too few.

    >>> model = KAN([1, 1])
    >>> Ensemble((model, model), (), torch.ones(1), torch.ones(0, 1), torch.ones(1)).predict(torch.zeros(3, 1)).shape
    torch.Size([3, 1])
    """

    models: tuple[KAN, ...]
    histories: tuple[History, ...]
    noise: Tensor
    scores: Tensor
    coverage: Tensor

    def predict(self, x: Any) -> Tensor:
        """Mean of the members at x `(B, inputs)`: `(B, outputs)` in raw units (geometric for a logarithmic output)."""
        first = self.models[0]
        return _unflat(first, _values(self.models, x).mean(0)).to(next(first.parameters()))

    def interval(self, x: Any, *, level: float = 0.9, kind: str = "prediction") -> IntervalEstimate:
        """Intervals around the mean of the members.

        The deviation is that of the members and, for `prediction`, of the noise; it is scaled by what the errors on rows
        left out were (Kim, Xu & Barber 2020, jackknife+-after-bootstrap, with scores normalised).

        Args:
            x: `(B, inputs)` in raw units.
            level: Probability that an interval covers.
            kind: `prediction` for a new observation of y, `mean` for the noiseless function.

        Returns:
            `IntervalEstimate(center, lower, upper, deviation)`, each `(B, outputs)` in raw units and float64.

        Raises:
            ConfigError: For a level or kind that makes no sense, or a prediction of a loss that is none of a regression.
            ShapeError: If x does not fit the models.
        """
        check_level(level, kind)
        values = _values(self.models, x)
        center, variance = values.mean(0), values.var(0)
        factor = torch.full_like(self.noise, float(stdtrit(len(self.models) - 1, (1 + level) / 2)))
        if kind == "prediction":
            if not bool(self.noise.isfinite().all()):
                raise ConfigError(
                    "there is no noise in the units of y to predict with: the loss is none of a regression, or too few "
                    "rows were left out; take kind='mean', or more members."
                )
            variance, factor = variance + self.noise.square(), _quantile(self.scores, level)
        deviation = variance.sqrt()
        first = self.models[0]
        middle, lower, upper = (_unflat(first, center + sign * factor * deviation) for sign in (0, -1, 1))
        logs = torch.tensor([s == "log" for s in first.output_scaling.scales], device=deviation.device)
        return IntervalEstimate(middle, lower, upper, torch.where(logs, middle * deviation, deviation))


@with_options(EnsembleKeywords)
def ensemble(
    model: KAN,
    x: Any,
    y: Any,
    *,
    members: int = 10,
    resample: str = "bootstrap",
    options: TrainingOptions | None = None,
    **keywords: Unpack[EnsembleKeywords],
) -> Ensemble:
    """Fits several copies of the model, each from fresh random numbers and on rows of its own.

    `bootstrap` draws as many rows as there are, with replacement; 15 % of the rows, out of those not drawn, judge the
    member's grids and steps, so that no repeated row is on both sides. `seeds` gives each member all rows but one fold.
    Under `joblib.parallel_config` members are fitted at once (`splinework.train.parallel`), and then callbacks are not called.

    Args:
        model: The network; its structure, units and frozen numbers are kept, the model is left unchanged.
        x: `(N, inputs)` in raw units.
        y: `(N, outputs)`, or as the loss takes it.
        members: Number of fits, at least 2.
        resample: `bootstrap` or `seeds`.
        validation: As in `fit`; None leaves it to the ensemble.
        budget: Most seconds for all members together.
        **keywords: Fields of `TrainingOptions`.
        options: These as one object; what is named beside it counts instead.

    Returns:
        `Ensemble(.models, .predict(x), .interval(x), .coverage)`.

    Raises:
        ConfigError: For a number of members below 2, an unknown way to resample, or an unknown option.
        ShapeError: If x, y and weights do not fit each other or the model.
        DataError: As `fit`.
        KeyboardInterrupt: If interrupted before there are two members; later, those that there are make the ensemble.

    >>> x = torch.linspace(-1, 1, 60, dtype=torch.float64)[:, None]
    >>> several = ensemble(KAN([1, 1]), x, x**2, members=3, steps=5, progress=False)
    >>> several.predict(x).shape
    torch.Size([60, 1])
    """
    _check(members, resample)
    chosen = options_of(ensemble, options, keywords, TrainingOptions)
    regression, weights, validation = make_loss(chosen.loss).regression, chosen.weights, chosen.validation
    like, config = torch.empty(0, dtype=torch.float64), model.config
    own_dtype = like.to(delivered_dtype(model, x))
    xs = as_columns(x, model.inputs, "x", config.input_names, own_dtype)
    ys: Any = as_columns(y, model.outputs, "y", config.output_names, like) if regression else np.asarray(y)
    ws = None if weights is None else torch.as_tensor(np.asarray(weights), dtype=torch.float64)
    if len(xs) != len(ys) or (ws is not None and len(ws) != len(xs)):
        counts = f"{len(xs)} of x, {len(ys)} of y" + ("" if ws is None else f" and {len(ws)} of weights")
        raise ShapeError(f"x, y and weights need the same number of rows, got {counts}.")
    if len(xs) == 0:
        raise DataError("there are no rows in x; at least one is needed.")
    generator = torch.Generator().manual_seed(chosen.seed)
    folds = torch.randperm(len(xs), generator=generator).tensor_split(members)
    unseen, at_once = torch.zeros(members, len(xs), dtype=torch.bool), min(jobs(), members)

    def task(member: int) -> tuple[KAN, Tensor, Any, TrainingOptions]:
        """The arguments of a member's fit."""
        drawn, judges, left = _draw(len(xs), folds[member], resample, validation is None, generator)
        begun = reinitialised(model, torch.Generator().manual_seed(_number(generator)))
        begun.take_names(x)
        x_own, y_own, *w_own = _rows(xs, ys, ws, drawn)
        own = replace(
            chosen,
            weights=w_own[0] if w_own else None,
            validation=_rows(xs, ys, ws, judges) if len(judges) else validation,
            seed=_number(generator),
            budget=None if chosen.budget is None else chosen.budget / -(-members // at_once),
        )
        unseen[member, left] = True
        return begun, x_own, y_own, own

    results: list[FitResult] = []
    if at_once > 1:
        from splinework.train.parallel import in_parallel  # loaded where it is used

        chosen = replace(chosen, progress=False, callbacks=())
        results = in_parallel(_member, map(task, range(members)))
    else:
        for member in range(members):
            results.append(_member(*task(member)))
            if (
                "interrupted" in results[-1].history.notes[-1]
            ):  # Ctrl-C ends the ensemble, not one member after the other
                if len(results) < 2:
                    raise KeyboardInterrupt
                break
    return _judged(results, unseen[: len(results)], xs, ys if regression else None)


def _member(begun: KAN, x: Tensor, y: Any, options: TrainingOptions) -> FitResult:
    """One of the fits."""
    return fit(begun, x, y, options=options)


def _check(members: Any, resample: Any) -> None:
    if not (isinstance(members, int) and members >= 2):
        raise ConfigError(f"an ensemble has at least 2 members, a whole number, got {members!r}; 10 is usual.")
    if resample not in RESAMPLES:
        raise ConfigError(f"resample is one of {', '.join(RESAMPLES)}, got {resample!r}.")


def _draw(
    count: int, fold: Tensor, resample: str, judged: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers of the rows that a member is fitted to, of those that it is judged by, and of those that it never sees."""
    if resample == "seeds":
        kept = torch.ones(count, dtype=torch.bool)
        kept[fold] = False
        return kept.nonzero()[:, 0], fold[:0], fold
    drawn = torch.randint(count, (count,), generator=generator)
    order = torch.randperm(count, generator=generator)
    out = order[~torch.isin(order, drawn)]
    judges = min(round(0.15 * count), len(out) // 2) if judged else 0
    return drawn, out[:judges], out[judges:]


def _rows(xs: Tensor, ys: Any, ws: Tensor | None, which: Tensor) -> tuple[Any, ...]:
    own = ys[which.numpy() if isinstance(ys, np.ndarray) else which]
    return (xs[which], own) if ws is None else (xs[which], own, ws[which])


def _number(generator: torch.Generator) -> int:
    return int(torch.randint(2**31, (), generator=generator))


@torch.no_grad()
def _values(models: tuple[KAN, ...], x: Any) -> Tensor:
    """Outputs of all members, `(members, B, outputs)`, in raw units; logarithms for logarithmic outputs."""
    values = []
    for model in models:
        work = copy.deepcopy(model).double()
        u = work.input_scaling(data_of(work, x))
        values.append(work.unit_forward(u) * work.output_scaling.scale + work.output_scaling.shift)
    return torch.stack(values)


def _unflat(model: KAN, flat: Tensor) -> Tensor:
    """The inverse of `Scaling.flatten_scales`."""
    logs = torch.tensor([s == "log" for s in model.output_scaling.scales], device=flat.device)
    return torch.where(logs, flat.exp(), flat)


def _judged(results: Sequence[FitResult], unseen: Tensor, xs: Tensor, ys: Tensor | None) -> Ensemble:
    """The ensemble, with its errors on rows that members had not seen; `unseen` is `(members, N)`."""
    models = tuple(result.model for result in results)
    histories = tuple(result.history for result in results)
    nothing = torch.full((models[0].outputs,), math.nan, dtype=torch.float64)
    rows = unseen.any(0)
    if ys is None or int(rows.sum()) < 2:
        return Ensemble(models, histories, nothing, nothing.new_zeros(0, len(nothing)), nothing)
    values, left = _values(models, xs[rows]).cpu(), unseen[:, rows, None].double()
    errors = (values * left).sum(0) / left.sum(0) - models[0].output_scaling.flatten_scales(ys[rows])
    variance, squares = values.var(0), errors.square().mean(0)
    noise = torch.maximum(squares - variance.mean(0), MIN_NOISE_SHARE * squares).sqrt()
    scores = errors.abs() / (noise.square() + variance).sqrt().clamp_min(1e-300)
    halves = scores[::2], scores[1::2]
    inside = [(own <= _quantile(other.sort(0).values, 0.9)).double() for own, other in (halves, halves[::-1])]
    coverage = torch.cat(inside).mean(0) if len(scores) > 2 * MIN_TAIL_SCORES else nothing
    return Ensemble(models, histories, noise, scores.sort(0).values, coverage)


def _quantile(scores: Tensor, level: float) -> Tensor:
    """Conformal quantile of sorted scores `(n, outputs)`; Student's, scaled to them, where too few lie beyond it."""
    count = len(scores)
    rank = math.ceil((count + 1) * level)
    if count - rank >= MIN_TAIL_SCORES:
        return scores[rank - 1]
    return scores.square().mean(0).sqrt() * float(stdtrit(max(count - 1, 1), (1 + level) / 2))
