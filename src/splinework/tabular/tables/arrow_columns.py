"""Columns of Arrow as NumPy's and back, without copies where there need be none, and without loading pandas for numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


class NumberColumns:
    """The columns of a batch where a table has a frame, for numbers only: no other copy of the cells is made.

    Args:
        batch: The rows; all columns are numbers or truth values.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch, self.columns = batch, list(batch.schema.names)

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def __getitem__(self, name: str) -> _Values:
        return _Values(as_numbers(self._batch.column(name)))


class _Values:
    """One column as `numbers` wants it."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values, self.dtype = values, values.dtype

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def to_numpy(self, dtype: Any) -> NDArray[Any]:
        """The numbers in another kind."""
        return self._values.astype(dtype, copy=False)


def as_numbers(column: pa.Array) -> NDArray[Any]:
    """A column of numbers or truth values for NumPy, NaN where a cell is missing; pandas is not loaded for it."""
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    if column.null_count or pa.types.is_float16(column.type):
        column = compute.fill_null(column.cast(pa.float64(), safe=False), np.nan)
    kind = np.dtype(column.type.to_pandas_dtype())
    return np.frombuffer(column.buffers()[1], kind, count=column.offset + len(column))[column.offset :]


def as_array(column: NDArray[Any]) -> pa.Array:
    """A column as Arrow holds it; NaN is a missing cell. Numbers are not copied, and pandas is not loaded for them."""
    import pyarrow as pa

    if column.dtype != np.float64:
        return pa.array(column.tolist())
    missing = np.isnan(column)
    empty = int(missing.sum())
    valid = pa.py_buffer(np.packbits(~missing, bitorder="little")) if empty else None
    return pa.Array.from_buffers(pa.float64(), len(column), [valid, pa.py_buffer(np.ascontiguousarray(column))], empty)


def is_numeric(schema: pa.Schema, names: Iterable[str]) -> bool:
    """Whether these columns are numbers or truth values."""
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_boolean)
    return all(any(test(schema.field(name).type) for test in tests) for name in names)
