"""From what the user hands in to rows in network units: conversion, checks, units of the model, held-out rows."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splinework.arrays import as_columns, check_finite
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.network import KAN

HOLD_OUT_SHARE = 0.15
HOLD_OUT_FROM = 40


@dataclass(frozen=True)
class Rows:
    """Rows to fit, `u (N, inputs)` and `t (N, outputs)` in network units, and the held-out ones."""

    u: Tensor
    t: Tensor
    held_out: tuple[Tensor, Tensor] | None
    held_out_automatically: bool

    @property
    def held_out_count(self) -> int:
        """Number of held-out rows."""
        return 0 if self.held_out is None else len(self.held_out[0])


def take_rows(model: KAN, x: Any, y: Any, *, validation: Any, seed: int, standardise: bool | str) -> Rows:
    """Checks the data, sets the units of the model where asked, and splits.

    Raises:
        ShapeError: If sizes do not fit.
        DataError: If there are no rows, or values that are not finite.
        ConfigError: If `validation` is neither a share nor a pair, or `standardise` unknown.
    """
    if standardise not in (True, False, "auto"):
        raise ConfigError(f"standardise is True, False or 'auto', got {standardise!r}.")
    pair = isinstance(validation, (tuple, list))
    if pair and len(validation) != 2:
        raise ConfigError(f"validation is a share of the rows, or a pair (x, y); got {len(validation)} parts.")
    xs, ys = _pair(model, x, y, "x", "y")
    held_out = None
    if pair:
        held_out = _pair(model, validation[0], validation[1], "x of validation", "y of validation")
    if standardise:
        set_units(model, xs, ys, always=standardise is True)
    u, t = _in_units(model, xs, ys, "x", "y")
    if held_out is not None:
        return Rows(u, t, _in_units(model, *held_out, "x of validation", "y of validation"), False)
    count = round(_share(validation, len(u)) * len(u))
    if count == 0:
        return Rows(u, t, None, validation is None)
    if count >= len(u):
        raise DataError(f"holding out {count} of {len(u)} rows leaves none to fit; use a smaller validation share.")
    order = torch.randperm(len(u), generator=torch.Generator().manual_seed(seed)).to(u.device)
    held, used = order[:count], order[count:]
    return Rows(u[used], t[used], (u[held], t[held]), validation is None)


def _share(validation: Any, rows: int) -> float:
    """Which part of the rows to hold out."""
    if validation is None:
        return HOLD_OUT_SHARE if rows >= HOLD_OUT_FROM else 0.0
    if isinstance(validation, (int, float)) and 0 <= validation < 1:
        return float(validation)
    raise ConfigError(f"validation is a share of the rows, 0 <= share < 1, or a pair (x, y); got {validation!r}.")


def _pair(model: KAN, x: Any, y: Any, x_name: str, y_name: str) -> tuple[Tensor, Tensor]:
    like, config = next(model.parameters()), model.config
    xs = as_columns(x, model.inputs, x_name, config.input_names, like)
    ys = as_columns(y, model.outputs, y_name, config.output_names, like)
    if len(xs) != len(ys):
        raise ShapeError(f"{x_name} and {y_name} need the same number of rows, got {len(xs)} and {len(ys)}.")
    if len(xs) == 0:
        raise DataError(f"there are no rows in {x_name}; at least one is needed.")
    check_finite(xs, x_name, config.input_names)
    check_finite(ys, y_name, config.output_names)
    return xs, ys


def _in_units(model: KAN, x: Tensor, y: Tensor, x_name: str, y_name: str) -> tuple[Tensor, Tensor]:
    """Rows in network units, in which a logarithmic column may not be finite."""
    u, t = model.input_scaling(x), model.output_scaling(y)
    check_finite(u, x_name, model.config.input_names, scales=model.config.input_scales)
    check_finite(t, y_name, model.config.output_names, scales=model.config.output_scales)
    return u, t


def set_units(model: KAN, x: Tensor, y: Tensor, *, always: bool) -> None:
    """Maps the range of every input onto the grids' domain, and every output to mean 0 and standard deviation 1.

    Unless `always`, inputs whose range fits the domain well enough already are left, and so is a model that has units.
    """
    first = model.kan_layers[0]
    low, high = first.basis.domain(first.grid)
    flat = model.input_scaling.flatten_scales(x)
    least, most = flat.amin(0), flat.amax(0)
    span = most - least
    fits = (least >= low - 0.01 * (high - low)) & (most <= high + 0.01 * (high - low)) & (span >= 0.4 * (high - low))
    if always or (model.input_scaling.is_identity() and not bool(fits.all())):
        scale = torch.where(span > 0, span, torch.ones_like(span)) / (high - low)  # constants to the middle
        shift = (least + most) / 2 - scale * (low + high) / 2
        model.input_scaling.set(shift, scale)
    target = model.output_scaling.flatten_scales(y)
    mean = target.mean(0)
    spread = target.std(0, unbiased=False)
    unit = (spread >= 0.1) & (spread <= 10) & (mean.abs() <= 3 * spread)
    if always or (model.output_scaling.is_identity() and not bool(unit.all())):
        model.output_scaling.set(mean, spread)
