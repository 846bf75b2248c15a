"""A Parquet file as data frames that follow each other: what all of it at once would be, a part at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def parquet_frames(stream: IO[bytes], rows: int) -> Iterator[pd.DataFrame]:
    """The rows of a file in frames of at most `rows` rows; at least one frame.

    A column has the same dtype in all frames, but for the levels of a category: where one of the file's is missing, whole numbers
    are floating-point ones and truth values objects in each, as pandas has it for a whole table.

    Args:
        stream: The file, which can seek.
        rows: Most rows of a frame; the file's own groups of rows may make it smaller.
    """
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(stream)
    kinds = {
        field.name: "float64" if pa.types.is_integer(field.type) else "object"
        for field in file.schema_arrow
        if (pa.types.is_integer(field.type) or pa.types.is_boolean(field.type)) and _has_missing(file, field.name)
    }
    empty = True
    for batch in file.iter_batches(batch_size=rows):
        empty = False
        frame = pa.Table.from_batches([batch]).to_pandas()
        own = {name: kind for name, kind in kinds.items() if isinstance(frame.dtypes.get(name), np.dtype)}
        yield frame.astype(own) if own else frame
    if empty:
        yield file.schema_arrow.empty_table().to_pandas()


def _has_missing(file: Any, name: str) -> bool:
    """Whether a cell of a column is missing; the file's statistics say so, or its cells."""
    places = [n for n in range(file.metadata.num_columns) if file.schema.column(n).path == name]
    for group in range(file.metadata.num_row_groups):
        known = [file.metadata.row_group(group).column(place).statistics for place in places]
        if any(each is None or not each.has_null_count for each in known):
            return any(batch.column(0).null_count for batch in file.iter_batches(columns=[name]))
        if any(each.null_count for each in known):
            return True
    return False
