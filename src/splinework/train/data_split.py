"""Training and held-out rows in network units: conversion and checks of the user's data, and units of the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.nn.arrays import as_columns, check_finite, check_magnitudes, paired_columns, width_of
from splinework.nn.network import KAN
from splinework.train.covariance import Covariance
from splinework.train.losses import Loss, make_loss
from splinework.train.options import TrainingOptions

HELD_OUT_SHARE = 0.15
MIN_HELD_OUT_ROWS = 40


@dataclass(frozen=True)
class Samples:
    """Rows in network units `u (N, inputs)`, targets `t` as the loss takes them, and weights `(N,)` of mean 1, or None."""

    u: Tensor
    t: Tensor
    weights: Tensor | None

    @property
    def all_weights(self) -> Tensor:
        """The weights, ones where none are given."""
        return self.u.new_ones(len(self.u)) if self.weights is None else self.weights

    def rows(self, which: Tensor) -> "Samples":
        """A subset of the rows, with weights rescaled to mean 1."""
        weights = None if self.weights is None else normalised_weights(self.weights[which])
        return Samples(self.u[which], self.t[which], weights)


@dataclass(frozen=True)
class DataSplit:
    """Rows to fit and held-out ones; `criterion` is the loss, which now knows what only the data could tell.

    `covariances` are those of a Gaussian process that has seen most of the rows, from which a search goes on; or there are none.
    """

    used: Samples
    held_out: Samples | None
    held_out_automatically: bool
    criterion: Loss
    covariances: tuple[Covariance, ...] = ()

    @property
    def held_out_count(self) -> int:
        """Number of held-out rows."""
        return 0 if self.held_out is None else len(self.held_out.u)

    @cached_property
    def together(self) -> Samples:
        """All rows."""
        return self.used if self.held_out is None else join_samples(self.used, self.held_out)


def join_samples(used: Samples, held_out: Samples) -> Samples:
    """All rows together."""
    both = None
    if used.weights is not None and held_out.weights is not None:
        both = normalised_weights(torch.cat([used.weights, held_out.weights]))
    return Samples(torch.cat([used.u, held_out.u]), torch.cat([used.t, held_out.t]), both)


def take_rows(model: KAN, x: Any, y: Any, options: TrainingOptions) -> DataSplit:
    """Checks the data, sets the units of the model where asked, and splits.

    Raises:
        ShapeError: If sizes do not fit.
        DataError: If there are no rows, or values that are not finite, or that mean nothing to the loss.
        ConfigError: If `validation` has neither two nor three parts, or the loss does not fit the model.
    """
    criterion, validation = make_loss(options.loss), options.validation
    xs, ys = _pair(model, criterion, x, y, "x", "y")
    ws = None if options.weights is None else _weights_of(options.weights, xs, "weights")
    criterion = criterion.settle(ys)
    targets = criterion.targets(ys, model.outputs, target_names(model, ys))
    if options.standardise:
        set_units(model, xs, targets if criterion.regression else None, always=options.standardise is True)
    if not criterion.regression and "log" in model.config.output_scales:
        raise ConfigError(f"the loss {criterion.name} needs linear output_scales; it has a scale of its own.")
    used = _part(model, criterion, xs, targets, ws, "x", "y")
    if isinstance(validation, (tuple, list)):
        return DataSplit(used, validation_rows(model, criterion, validation), False, criterion)
    count = round(held_out_share(validation, len(xs)) * len(xs))
    if count == 0:
        return DataSplit(used, None, validation is None, criterion)
    if count >= len(xs):
        raise DataError(f"holding out {count} of {len(xs)} rows leaves none to fit; use a smaller validation share.")
    order = torch.randperm(len(xs), generator=torch.Generator().manual_seed(options.seed)).to(xs.device)
    return DataSplit(used.rows(order[count:]), used.rows(order[:count]), validation is None, criterion)


def validation_rows(model: KAN, criterion: Loss, validation: Sequence[Any]) -> Samples:
    """Rows to hold out that came as `(x, y)` or `(x, y, weights)`, for a model that has its units.

    Raises:
        ShapeError: If sizes do not fit.
        DataError: If there are no rows, or values that are not finite, or that mean nothing to the loss.
        ConfigError: If there are more or fewer parts.
    """
    if len(validation) not in (2, 3):
        raise ConfigError(f"validation is a share of the rows, or a pair (x, y); got {len(validation)} parts.")
    x, y = _pair(model, criterion, validation[0], validation[1], "x of validation", "y of validation")
    w = _weights_of(validation[2], x, "weights of validation") if len(validation) == 3 else None
    t = criterion.targets(y, model.outputs, target_names(model, y))
    return _part(model, criterion, x, t, w, "x of validation", "y of validation")


def held_out_share(validation: Any, rows: int) -> float:
    """Share of the rows to hold out.

    Raises:
        ConfigError: If `validation` is neither None nor a share.
    """
    if validation is None:
        return HELD_OUT_SHARE if rows >= MIN_HELD_OUT_ROWS else 0.0
    if not isinstance(validation, (int, float)):
        raise ConfigError(f"validation of rows is a share of them, or a pair (x, y); got {validation!r}.")
    return float(validation)


def _pair(model: KAN, criterion: Loss, x: Any, y: Any, x_name: str, y_name: str) -> tuple[Tensor, Tensor]:
    config = model.config
    columns = criterion.columns(model.outputs) or (width_of(y),)
    # A loss may take several widths; the first is the usual one, and what an error names.
    wanted = next((c for c in columns if c == width_of(y)), columns[0])
    names = config.output_names if wanted == model.outputs else tuple(f"y{n + 1}" for n in range(wanted))
    xs, ys = paired_columns(x, y, config.input_names, names, next(model.parameters()), called=(x_name, y_name))
    for values, what, known in ((xs, x_name, config.input_names), (ys, y_name, names)):
        check_magnitudes(values.cpu().double().numpy(), what, known)
    return xs, ys


def target_names(model: KAN, y: Tensor) -> tuple[str, ...]:
    """Names of the columns of y, which may be others than the outputs."""
    return model.config.output_names if y.shape[1] == model.outputs else tuple(f"y{n + 1}" for n in range(y.shape[1]))


def _weights_of(weights: Any, x: Tensor, name: str) -> Tensor:
    """One weight per row, with mean 1; a ShapeError if there are others, a DataError if one is negative, or none counts."""
    ws = as_columns(weights, 1, name, (name,), x)[:, 0]
    if len(ws) != len(x):
        raise ShapeError(f"{name} has one number per row: {len(x)}, got {len(ws)}.")
    check_finite(ws[:, None], name, (name,))
    if bool((ws < 0).any()) or not bool((ws > 0).any()):
        raise DataError(f"{name} must not be negative, and not all zero; the smallest is {float(ws.min()):g}.")
    return normalised_weights(ws)


def normalised_weights(weights: Tensor) -> Tensor:
    """Weights in the same proportions; ones where all are zero."""
    mean = weights.mean()
    return weights / mean if bool(mean > 0) else torch.ones_like(weights)


def _part(model: KAN, criterion: Loss, x: Tensor, t: Tensor, w: Tensor | None, x_name: str, y_name: str) -> Samples:
    """Rows in network units; a DataError where a logarithmic column is not finite there."""
    u = model.input_scaling(x)
    check_finite(u, x_name, model.config.input_names, scales=model.config.input_scales)
    if criterion.regression:
        t = model.output_scaling(t)
        check_finite(t, y_name, model.config.output_names, scales=model.config.output_scales)
    return Samples(u, t, w)


def set_units(model: KAN, x: Tensor, y: Tensor | None, *, always: bool) -> None:
    """Maps the range of every input onto the grids' domain, and every output to mean 0 and standard deviation 1.

    Without y, the outputs have no units: they are log odds or log rates, say.

    Unless `always`, inputs whose range fits the domain well enough already are left, and so is a model that has units.
    """
    flat, moments = model.input_scaling.flatten_scales(x), None
    if y is not None:
        target = model.output_scaling.flatten_scales(y)
        moments = target.mean(0), target.std(0, unbiased=False)
    set_units_from(model, flat.amin(0), flat.amax(0), moments, always=always)


def set_units_from(
    model: KAN, least: Tensor, most: Tensor, moments: tuple[Tensor, Tensor] | None, *, always: bool
) -> None:
    """The same from the range of the inputs and the mean and standard deviation of the outputs, logarithms taken.

    A model with edges that are functions keeps its units, in which their numbers mean something.

    Raises:
        ConfigError: If such a model is to have other units.
    """
    if any(layer.functions is not None for layer in model.kan_layers):
        if always:
            raise ConfigError("standardise=True would give the edges that are functions another meaning; leave it out.")
        return
    first = model.kan_layers[0]
    low, high = first.basis.domain(first.grid)
    span = most - least
    fits = (least >= low - 0.01 * (high - low)) & (most <= high + 0.01 * (high - low)) & (span >= 0.4 * (high - low))
    if always or (model.input_scaling.is_identity() and not bool(fits.all())):
        scale = torch.where(span > 0, span, torch.ones_like(span)) / (high - low)  # constants to the middle
        shift = (least + most) / 2 - scale * (low + high) / 2
        model.input_scaling.set(shift, scale)
    if moments is None:
        return
    mean, spread = moments
    unit = (spread >= 0.1) & (spread <= 10) & (mean.abs() <= 3 * spread)
    if always or (model.output_scaling.is_identity() and not bool(unit.all())):
        model.output_scaling.set(mean, spread)
