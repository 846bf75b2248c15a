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
        ConfigError: If `validation` is no share.
    """
    own = next(model.parameters())
    xs, ys = _pair(model, x, y, own)
    if standardise not in (True, False, "auto"):
        raise ConfigError(f"standardise is True, False or 'auto', got {standardise!r}.")
    if standardise:
        set_units(model, xs, ys, always=standardise is True)
    u, t = model.input_scaling(xs), model.output_scaling(ys)
    check_finite(u, "x", model.config.input_names, scales=model.config.input_scales)
    check_finite(t, "y", model.config.output_names, scales=model.config.output_scales)
    if isinstance(validation, tuple):
        xv, yv = _pair(model, *validation, own)
        return Rows(u, t, (model.input_scaling(xv), model.output_scaling(yv)), False)
    automatic = validation is None
    share = (HOLD_OUT_SHARE if len(u) >= HOLD_OUT_FROM else 0.0) if validation is None else float(validation)
    if not 0 <= share < 1:
        raise ConfigError(f"validation is a share of the rows, 0 <= share < 1, or a pair (x, y); got {validation!r}.")
    count = round(share * len(u))
    if count == 0:
        return Rows(u, t, None, automatic)
    if count >= len(u):
        raise DataError(f"holding out {count} of {len(u)} rows leaves none to fit; use a smaller validation share.")
    order = torch.randperm(len(u), generator=torch.Generator().manual_seed(seed)).to(u.device)
    held, used = order[:count], order[count:]
    return Rows(u[used], t[used], (u[held], t[held]), automatic)


def _pair(model: KAN, x: Any, y: Any, like: Tensor) -> tuple[Tensor, Tensor]:
    xs = as_columns(x, model.inputs, "x", model.config.input_names, like)
    ys = as_columns(y, model.outputs, "y", model.config.output_names, like)
    if len(xs) != len(ys):
        raise ShapeError(f"x and y need the same number of rows, got {len(xs)} and {len(ys)}.")
    if len(xs) == 0:
        raise DataError("there are no rows to fit.")
    check_finite(xs, "x", model.config.input_names)
    check_finite(ys, "y", model.config.output_names)
    return xs, ys


def set_units(model: KAN, x: Tensor, y: Tensor, *, always: bool) -> None:
    """Maps the range of every input onto the grids' domain, and every output to mean 0 and standard deviation 1.

    Unless `always`, inputs whose range fits the domain well enough already are left, and so is a model that has units.
    """
    low, high = model.config.domain
    flat = model.input_scaling.flatten_scales(x)
    least, most = flat.amin(0), flat.amax(0)
    span = most - least
    fits = (least >= low - 0.01 * (high - low)) & (most <= high + 0.01 * (high - low)) & (span >= 0.4 * (high - low))
    if always or (model.input_scaling.is_identity() and not bool(fits.all())):
        scale = span / (high - low)
        shift = (least + most) / 2 - scale * (low + high) / 2
        model.input_scaling.set(shift, scale)
    target = model.output_scaling.flatten_scales(y)
    mean = target.mean(0)
    spread = target.std(0, unbiased=False)
    unit = (spread >= 0.1) & (spread <= 10) & (mean.abs() <= 3 * spread)
    if always or (model.output_scaling.is_identity() and not bool(unit.all())):
        model.output_scaling.set(mean, spread)
