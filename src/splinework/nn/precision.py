"""The dtype of a model: that of the data it is fitted to, unless the user chose one."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from splinework.nn.network import KAN

FULL = (torch.float32, torch.float64)
"""Dtypes that a model takes over from data; whatever else data are in becomes float64, as in NumPy."""


def precision_of(*data: Any) -> torch.dtype:
    """The dtype for a model of these data: float32 if their arrays and tensors are, else float64.

    Args:
        *data: Tensors, arrays, frames, lists; one without a dtype (a list, a frame) counts only if no other has one.

    >>> precision_of(torch.ones(3, dtype=torch.float32)), precision_of([[1.0], [2.0]])
    (torch.float32, torch.float64)
    """
    found = [torch.float64 if dtype not in FULL else dtype for dtype in map(_dtype_of, data) if dtype is not None]
    return torch.float32 if found and all(dtype == torch.float32 for dtype in found) else torch.float64


def delivered_dtype(model: KAN, *data: Any) -> torch.dtype:
    """The dtype that a model has after a fit: the one its user chose, or else that of the data."""
    return precision_of(*data) if model.dtype_unset else next(model.parameters()).dtype


def delivered(work: KAN, given: KAN, *data: Any) -> KAN:
    """A fitted model in the dtype of the data, or in the one that the user of the given model chose; `work` is changed."""
    dtype = delivered_dtype(given, *data)
    return keep_unset(work.to(dtype), given)


def keep_unset(model: KAN, given: KAN) -> KAN:
    """The model, whose dtype is as open to the next fit as that of the given one."""
    model.unset_dtype = next(model.parameters()).dtype if given.dtype_unset else None
    return model


def _dtype_of(values: Any) -> torch.dtype | None:
    """The dtype of a tensor or an array; None for what has none of its own."""
    if isinstance(values, Tensor):
        return values.dtype
    if isinstance(values, np.ndarray):
        return torch.float32 if values.dtype == np.float32 else torch.float64
    return None
