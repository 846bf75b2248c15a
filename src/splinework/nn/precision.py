"""The dtype of a model: that of the data it is fitted to, unless the user chose one."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from splinework.nn.network import KAN

FULL = (torch.float32, torch.float64)
"""Dtypes that a model adopts from data; data of any other dtype become float64, as in NumPy."""


def precision_of(*data: Any) -> torch.dtype:
    """The dtype for a model of these data: float32 if their arrays and tensors are, else float64.

    Args:
        *data: Tensors, arrays, frames, lists; those without a dtype (lists, frames) count only if no other has one.

    >>> precision_of(torch.ones(3, dtype=torch.float32)), precision_of([[1.0], [2.0]])
    (torch.float32, torch.float64)
    """
    found = [torch.float64 if dtype not in FULL else dtype for dtype in map(_dtype_of, data) if dtype is not None]
    return torch.float32 if found and all(dtype == torch.float32 for dtype in found) else torch.float64


def delivered_dtype(model: KAN, *data: Any) -> torch.dtype:
    """The dtype of a model after a fit: that chosen by the user, or else that of the data."""
    return precision_of(*data) if model.dtype_unset else next(model.parameters()).dtype


def delivered(work: KAN, given: KAN, *data: Any) -> KAN:
    """A fitted model in the dtype of the data, or in that chosen for the given model; `work` is converted in place."""
    dtype = delivered_dtype(given, *data)
    return keep_unset(work.to(dtype), given)


def keep_unset(model: KAN, given: KAN) -> KAN:
    """The model, marked as to whether its dtype was chosen, as the given one is."""
    model.unset_dtype = next(model.parameters()).dtype if given.dtype_unset else None
    return model


def _dtype_of(values: Any) -> torch.dtype | None:
    """The dtype of a tensor or an array; None for other data."""
    if isinstance(values, Tensor):
        return values.dtype
    if isinstance(values, np.ndarray):
        return torch.float32 if values.dtype == np.float32 else torch.float64
    return None
