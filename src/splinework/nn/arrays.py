"""Conversion of tensors, NumPy arrays, frames and lists to checked tensors of shape `(N, columns)`, and checks of tensors.

All functions that take data accept any of these and convert them to the model's dtype.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from splinework.errors import DataError, DtypeError, ShapeError

if TYPE_CHECKING:
    from splinework.nn.network import KAN

MAX_MAGNITUDE, MIN_RANGE = 1e150, 1e-150
"""Largest absolute value of a column of data, and least range of one that is not constant."""


def inputs_of(model: "KAN", x: Any) -> Tensor:
    """The inputs x as `(B, inputs)` in the model's dtype and on its device, differentiable in x.

    Args:
        model: The network.
        x: Tensor, array, frame or nested list of shape `(B, inputs)`, in raw units.

    Raises:
        ShapeError: If the number of columns or dimensions is wrong.
        DataError: If the values are not numbers.
    """
    return columns_of(x, model.inputs, "x", model.config.input_names, next(model.parameters()))


def data_of(model: "KAN", x: Any) -> Tensor:
    """`inputs_of` without a gradient, checked to be finite in the model's units.

    Raises:
        ShapeError: If the number of columns or dimensions is wrong.
        DataError: If the values are not numbers, not finite, not positive on a logarithmic scale, or have squares beyond float64.
    """
    columns = inputs_of(model, x).detach()
    names, scales = model.config.input_names, model.config.input_scales
    check_finite(columns, "x", names)
    u = model.input_scaling(columns)
    check_finite(u, "x", names, scales=scales)
    check_magnitudes(u.double().cpu().numpy(), "x", names)
    return columns


def as_columns(values: Any, columns: int, what: str, names: Sequence[str], like: Tensor) -> Tensor:
    """The values as `(N, columns)` in the dtype and on the device of `like`; a 1-D array is one column.

    A frame with the model's column names may have them in any order, among further columns; a frame with none of these names
    is used column by column.

    Args:
        values: Tensor, array, frame, series or nested list.
        columns: Required number of columns.
        what: Name of the argument, for messages.
        names: Names of the columns, for frames.
        like: A tensor whose dtype and device to use.

    Raises:
        ShapeError: If the number of columns or dimensions is wrong.
        DataError: If the values are not numbers, or a frame has only some of the names.
    """
    return columns_of(values, columns, what, names, like).detach()


def paired_columns(
    x: Any, y: Any, names: Sequence[str], outputs: Sequence[str], like: Tensor, *, called: tuple[str, str] = ("x", "y")
) -> tuple[Tensor, Tensor]:
    """Rows x `(N, inputs)` and y `(N, outputs)` of columns with these names, see `as_columns`: finite, and N at least 1.

    Raises:
        ShapeError: If the number of columns or dimensions is wrong, or x and y have other numbers of rows.
        DataError: If the values are not numbers, or not finite, or there are no rows.
    """
    xs = as_columns(x, len(names), called[0], names, like)
    ys = as_columns(y, len(outputs), called[1], outputs, like)
    if len(xs) != len(ys):
        raise ShapeError(f"{' and '.join(called)} need the same number of rows, got {len(xs)} and {len(ys)}.")
    if len(xs) == 0:
        raise DataError(f"there are no rows in {called[0]}; at least one is needed.")
    check_finite(xs, called[0], names)
    check_finite(ys, called[1], outputs)
    return xs, ys


def columns_of(values: Any, columns: int, what: str, names: Sequence[str], like: Tensor) -> Tensor:
    """`as_columns`, differentiable in a tensor of values."""
    try:
        tensor = _numbers(_named(values, what, names)).to(like)
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{what} must be numbers, such as an array of shape (rows, {columns}); {error}.") from error
    if tensor.dim() == 1 and (columns == 1 or tensor.numel() == 0):
        tensor = tensor.reshape(-1, columns)
    if tensor.dim() != 2 or tensor.shape[1] != columns:
        wanted = f"(rows, {columns})" + (" or (rows,)" if columns == 1 else "")
        kind = "output" if what.startswith("y") else "input"
        turned = f"; turn it, {what}.T" if tensor.dim() == 2 and tensor.shape[0] == columns else ""
        raise ShapeError(
            f"{what} must have shape {wanted}, one column per {kind} of the model; got {tuple(tensor.shape)}{turned}."
        )
    return tensor


def admitted(x: Any, like: Tensor, columns: int, names: Sequence[str]) -> Tensor:
    """The argument of a model as a tensor: an array, a frame, a list, or a tensor whose dtype converts without loss.

    Args:
        x: The argument.
        like: A tensor of the model, whose dtype and device to use.
        columns: Number of inputs of the model; for a single one, a vector is a column.
        names: Names of the inputs, for frames.

    Raises:
        DataError: If x does not hold numbers, or a frame has only some of the names.
    """
    if not isinstance(x, Tensor):
        try:
            x = _numbers(_named(x, "x", names)).to(like)
        except (TypeError, ValueError, RuntimeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"x must be numbers, such as an array of shape (rows, {columns}); {error}.") from error
    elif not torch.is_autocast_enabled(x.device.type) and torch.promote_types(x.dtype, like.dtype) == like.dtype:
        x = x.to(like.dtype)
    taken: Tensor = x
    return taken[:, None] if columns == 1 and taken.dim() == 1 and len(taken) != 1 else taken


def _named(values: Any, what: str, names: Sequence[str]) -> Any:
    """The columns of a frame with the given names, in that order; other values unchanged."""
    if isinstance(values, Tensor) or not hasattr(values, "columns") or not hasattr(values, "to_numpy"):
        return values
    held = [str(column) for column in values.columns]
    missing = [name for name in names if name not in held]
    if len(missing) == len(names):
        return values
    if missing:
        raise DataError(
            f"{what} has the columns {held}, the model takes {list(names)}; missing: {', '.join(missing)}. Rename the "
            f"columns, or pass {what}.to_numpy() to take them in the order they have."
        )
    return values[[values.columns[held.index(name)] for name in names]]


def _numbers(values: Any) -> Tensor:
    """A floating-point tensor; TypeError for values that are not real numbers, ValueError for ragged rows."""
    if isinstance(values, Tensor):
        if values.dtype.is_complex or values.layout != torch.strided:
            way = "got complex numbers" if values.dtype.is_complex else "got a sparse tensor; use .to_dense()"
            raise TypeError(way)
        return values
    if values is None:
        raise TypeError("got None")
    if isinstance(values, Mapping):
        keys = list(values)[:8]
        raise TypeError(
            f"got a dict with {keys}; hand in what is in it, such as data[{keys[0] if keys else 'x'!r}], or a frame"
        )
    if hasattr(values, "toarray"):
        raise TypeError(f"got a sparse {type(values).__name__}; use .toarray()")
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    array = np.asarray(values)
    texts = array.dtype.kind == "O" and any(isinstance(value, (str, bytes)) for value in array.flat)
    if array.dtype.kind not in "biufO" or texts:
        raise TypeError(f"got {'texts' if texts else f'values of dtype {array.dtype}'}")
    # A copy: in native byte order, writable, with positive strides, and independent of the user's array.
    return torch.from_numpy(np.array(array, dtype=np.float64, order="C"))


def numbers_of(values: Any, what: str) -> NDArray[np.float64]:
    """Values of any shape as a float64 array, for functions without a model.

    Args:
        values: Tensor, array, frame, series or nested list.
        what: Name of the argument, for messages.

    Raises:
        DataError: If the values are not real numbers, all rows of one length.

    >>> numbers_of([[1, 2], [3, 4]], "x").shape
    (2, 2)
    """
    try:
        return np.asarray(_numbers(values).detach().cpu().double().numpy())
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{what} must be numbers, such as an array or a frame of them; {error}.") from error


def width_of(values: Any) -> int:
    """Number of columns of unconverted data."""
    try:
        shape = values.shape if hasattr(values, "shape") else np.shape(values)
    except ValueError:  # rows of different lengths, which are refused where they are read
        return 1
    return int(shape[1]) if len(shape) > 1 else 1


def check_finite(values: Tensor, what: str, names: Sequence[str], *, scales: Sequence[str] = ()) -> None:
    """Checks that all values are finite.

    Raises:
        DataError: If some are NaN or infinite, with their count per column.
    """
    bad = (~torch.isfinite(values)).sum(0).tolist()
    if not any(bad):
        return
    counts = ", ".join(f"{name}: {count}" for name, count in zip(names, bad, strict=True) if count)
    why = "; a column with a logarithmic scale must be positive" if "log" in scales else ""
    raise DataError(f"{what} has values that are not finite numbers ({counts}){why}. Drop or fill those rows first.")


def check_columns(module: nn.Module, x: Tensor, columns: int, own: Tensor) -> None:
    """Checks that x is `(…, columns)` in the dtype and on the device of the module, which are those of `own`.

    Raises:
        ShapeError: If the last dimension is not `columns`.
        DtypeError: If x is not a tensor, or dtype or device differ.
    """
    check_numbers(module, x, own)
    if x.dim() < 1 or x.shape[-1] != columns:
        raise ShapeError(
            f"{type(module).__name__} takes x of shape (…, {columns}), got {tuple(x.shape)}; the last dimension is that of "
            "the inputs."
        )


def check_numbers(module: nn.Module, x: Tensor, own: Tensor) -> None:
    """Checks that x is a tensor in the dtype and on the device of the module, which are those of `own`.

    Raises:
        DtypeError: If it is not.
    """
    kind = type(module).__name__
    if not isinstance(x, Tensor):
        raise DtypeError(f"{kind} takes a torch tensor, got {type(x).__name__}; convert it with torch.as_tensor(x).")
    if not x.dtype.is_floating_point:
        raise DtypeError(f"{kind} takes floating-point x, got {x.dtype}; convert it with x.to({own.dtype}).")
    if x.device != own.device:
        raise DtypeError(f"{kind} lies on {own.device}, x on {x.device}; move one of them with .to(device).")
    if x.dtype != own.dtype and not torch.is_autocast_enabled(x.device.type):
        raise DtypeError(
            f"{kind} has dtype {own.dtype}, got x of {x.dtype}; use x.to({own.dtype}) or model.to({x.dtype})."
        )


def check_magnitudes(values: NDArray[np.float64], what: str, names: Sequence[str]) -> None:
    """Checks that the squares of values, and of their range, are floating-point numbers, as every fit sums squares.

    NaN values are left to `check_finite`.

    Raises:
        DataError: If a column has larger values than `MAX_MAGNITUDE`, or varies by less than `MIN_RANGE`.
    """
    if not len(values):
        return
    columns = np.nan_to_num(values)
    low, high = columns.min(axis=0), columns.max(axis=0)
    with np.errstate(over="ignore"):
        ranges = high - low
    bad = (np.maximum(-low, high) > MAX_MAGNITUDE) | ((ranges > 0) & (ranges < MIN_RANGE))
    if bad.any():
        first = int(np.argmax(bad))
        name = names[first] if first < len(names) else str(first + 1)
        raise DataError(
            f"{what} has values from {float(low[first]):g} to {float(high[first]):g} in {name!r}, whose squares are beyond "
            "float64; choose other units, so that they are between 1e-150 and 1e150."
        )
