"""Memory of a device that does not suffice: an error that says how many rows would fit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from splinework.errors import SplineworkError


class DeviceMemoryError(SplineworkError, MemoryError):
    """A device has too little memory for a call."""


def empty(shape: Sequence[int], x: Tensor, dtype: torch.dtype) -> Tensor:
    """An uninitialised tensor on the device of x, the points `(B, I)` of a call.

    Raises:
        DeviceMemoryError: If the device has no room for it.
    """
    try:
        return torch.empty(tuple(shape), dtype=dtype, device=x.device)
    except torch.OutOfMemoryError as error:
        wanted = math.prod(shape) * dtype.itemsize
        raise DeviceMemoryError(too_large(x.device, x.shape[0], wanted, free(x.device))) from error


def free(device: torch.device) -> int:
    """Bytes that torch can still hand out on a device: what the device has free and what torch's cache holds unused."""
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + int(unused)


def too_large(device: torch.device, rows: int, wanted: int, there: int) -> str:
    """The message for a call that needs more bytes than there are.

    >>> too_large(torch.device("cuda", 0), 1000, 4 * 10**9, 10**9)
    'cuda:0 has 1.00 GB of memory left, and this call with 1000 rows needs 4.00 GB more; about 250 rows at a time fit.'
    """
    fitting = int(rows * there / wanted) if wanted else rows
    advice = (
        f"about {fitting} rows at a time fit" if fitting else "not one row fits: take a smaller network, or free memory"
    )
    return (
        f"{device} has {there / 1e9:.2f} GB of memory left, and this call with {rows} rows needs {wanted / 1e9:.2f} GB more; "
        f"{advice}."
    )
