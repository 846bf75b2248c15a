"""From what people have (tensors, NumPy arrays, pandas and polars frames, lists) to `(N, columns)` tensors, checked once."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.errors import DataError, ShapeError


def as_columns(values: Any, columns: int, what: str, names: Sequence[str], like: Tensor) -> Tensor:
    """The values as `(N, columns)` in the dtype and on the device of `like`; a 1-D array is one column.

    A frame whose column names are those of the model may have them in any order.

    Args:
        values: Tensor, array, frame, series or nested list.
        columns: Number of columns wanted.
        what: Name of the argument, for messages.
        names: Names of the columns, for frames.
        like: A tensor whose dtype and device to use.

    Raises:
        ShapeError: If the number of columns or dimensions is wrong.
        DataError: If the values are not numbers.
    """
    if hasattr(values, "columns") and not isinstance(values, Tensor):
        held = [str(c) for c in values.columns]
        if set(names) <= set(held):
            values = values[list(names)]
    if hasattr(values, "to_numpy") and not isinstance(values, Tensor):
        values = values.to_numpy()
    try:
        tensor = torch.as_tensor(values)
        if not tensor.dtype.is_floating_point and tensor.dtype.is_complex:
            raise TypeError("complex numbers")
        tensor = tensor.to(like).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{what} must be numbers, such as an array of shape (rows, {columns}); {error}.") from error
    if tensor.dim() == 1 and (columns == 1 or tensor.numel() == 0):
        tensor = tensor.reshape(-1, columns)
    if tensor.dim() != 2 or tensor.shape[1] != columns:
        wanted = f"(rows, {columns})" + (" or (rows,)" if columns == 1 else "")
        raise ShapeError(f"{what} must have shape {wanted}, one column per {_kind(what)} of the model; got {tuple(tensor.shape)}.")
    return tensor


def _kind(what: str) -> str:
    return "output" if what == "y" else "input"


def check_finite(values: Tensor, what: str, names: Sequence[str], *, scales: Sequence[str] = ()) -> None:
    """Raises if some values are NaN or infinite, counted per column.

    Raises:
        DataError: With the columns and the counts.
    """
    bad = (~torch.isfinite(values)).sum(0).tolist()
    if not any(bad):
        return
    counts = ", ".join(f"{name}: {count}" for name, count in zip(names, bad, strict=True) if count)
    why = "; a column with a logarithmic scale must be positive" if "log" in scales else ""
    raise DataError(f"{what} has values that are not finite numbers ({counts}){why}. Drop or fill those rows first.")
