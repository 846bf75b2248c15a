"""The rows of a table in a file that have all the cells that a model takes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from splinework.errors import DataError, nearest
from splinework.tabular.tables.parsing import column_of
from splinework.tabular.tables.read import read_table
from splinework.tabular.tables.table import FileTable

if TYPE_CHECKING:
    import pandas as pd


def complete_rows(
    source: str | os.PathLike[str] | FileTable,
    inputs: Sequence[str] | Mapping[str, str],
    outputs: Sequence[str] | Mapping[str, str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The inputs and outputs of the rows of a table in which no cell of them is missing.

    Args:
        source: A CSV or Parquet file, or a table that has been read.
        inputs: Columns of the inputs; a mapping gives them other names.
        outputs: Columns of the outputs, likewise.

    Returns:
        x `(N, inputs)` and y `(N, outputs)`, in float64.

    Raises:
        FileError: If the file cannot be read.
        DataError: If a column is not there or has cells that are not numbers, or no row is complete.

    Example:
        >>> import pandas as pd
        >>> table = FileTable(pd.DataFrame({"a": ["1", "2"], "b": ["", "3"], "y": ["5", "6"]}), "data.csv")
        >>> x, y = complete_rows(table, ["a", "b"], {"z": "y"})
        >>> x.to_numpy().tolist(), y.columns.tolist()
        ([[2.0, 3.0]], ['z'])
    """
    import pandas as pd

    table = source if isinstance(source, FileTable) else read_table(source)
    columns = [dict(inputs if isinstance(inputs, Mapping) else zip(inputs, inputs, strict=True))]
    columns += [dict(outputs if isinstance(outputs, Mapping) else zip(outputs, outputs, strict=True))]
    read: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    for name in dict.fromkeys(column for part in columns for column in part.values()):
        if name not in table.columns:
            raise DataError(f"{table.name} has no column {name!r}; {nearest(name, table.columns)}")
        read[name] = column_of(table, name)
    whole = np.isfinite(np.column_stack(list(read.values()))).all(axis=1)
    if not whole.any():
        raise DataError(
            f"{table.name} has no row in which all of {', '.join(read)} are there; fill in what is missing."
        )
    x, y = (pd.DataFrame({name: read[column][whole] for name, column in part.items()}) for part in columns)
    return x, y
