"""Relations: tables of Polars, DuckDB, Arrow and others that hand out their rows as an Arrow stream, as often as asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
import torch

from splinework.errors import ConfigError, DataError, FileError
from splinework.train.sources.base import Chunk, Source, row_keys
from splinework.train.sources.parquet_files import check_inputs, inputs_for, numbers_of, numeric_columns


@final
@dataclass(frozen=True, eq=False)
class RelationSource(Source):
    """The rows of a relation, in the order in which it gives them; see `relation`.

    Attributes:
        table: The relation.
        count: How many rows it has.
        columns: Its columns of numbers.
        others: Names and kinds of the other columns.
        target: Columns of y.
        inputs: Columns of x; None leaves it to the model.
        weights: Column of weights, or None.
    """

    table: Any = field(repr=False)
    count: int
    columns: tuple[str, ...]
    others: tuple[tuple[str, str], ...]
    target: tuple[str, ...]
    inputs: tuple[str, ...] | None
    weights: str | None

    @property
    def rows(self) -> int:
        return self.count

    @property
    def identity(self) -> str:
        kind = f"{type(self.table).__module__}.{type(self.table).__name__}"
        return repr((kind, self.count, self.columns, self.inputs, self.target, self.weights))

    def bound(self, names: Sequence[str]) -> "RelationSource":
        inputs = self.inputs
        if inputs is None:
            rest = tuple(c for c in self.columns if c not in (*self.target, self.weights))
            inputs = inputs_for(names, rest, self.others, "the relation")
        check_inputs(names, inputs)
        return replace(self, inputs=inputs)

    def chunks(self, size: int) -> Iterator[Chunk]:
        import pyarrow as pa

        first, waiting, held = 0, list[Any](), 0
        try:
            for batch in _batches(self.table):
                for start in range(0, batch.num_rows, size):
                    part = batch.slice(start, size)
                    if held + part.num_rows > size:
                        yield self._chunk(first, waiting)
                        first, waiting, held = first + held, [], 0
                    waiting.append(part)
                    held += part.num_rows
            if held:
                yield self._chunk(first, waiting)
        except pa.ArrowException as error:
            raise FileError(f"the relation cannot be read to its end: {error}.") from error

    def shuffled(self, size: int, generator: torch.Generator) -> Iterator[Chunk]:
        return self.chunks(size)

    def keys(self, chunk: Chunk, seed: int) -> np.ndarray:
        return row_keys(chunk, seed)

    def _chunk(self, first: int, batches: list[Any]) -> Chunk:
        parts = [
            torch.cat([numbers_of(batch, names) for batch in batches]) for names in (self.inputs or (), self.target)
        ]
        weights = None
        if self.weights:
            weights = torch.cat([numbers_of(batch, (self.weights,)) for batch in batches])[:, 0]
        return Chunk(first, parts[0], parts[1], weights)


def relation(
    table: Any, *, target: str | Sequence[str], inputs: Sequence[str] | None = None, weights: str | None = None
) -> RelationSource:
    """Rows of a relation for `fit`, a batch at a time: each pass asks for them anew, so a query is run again.

    The rows must come in the same order every time, as they do from DuckDB unless `preserve_insertion_order` is switched off.
    Mini-batches are shuffled within some hundred thousand rows; where neighbours are alike, have them ordered at random.

    Args:
        table: A Polars `DataFrame` or `LazyFrame`, a DuckDB relation, a table or data set of Arrow, or another object with
            `__arrow_c_stream__` that begins anew each time.
        target: The column of y, or those.
        inputs: The columns of x; None takes those that have the names of the model's inputs, or else all others.
        weights: The column that tells what each row counts, or None.

    Raises:
        ConfigError: If it gives no Arrow stream, or can be read only once.
        DataError: If a column is missing or holds no numbers, or there are no rows.

    >>> import pyarrow as pa
    >>> relation(pa.table({"x": [0.0, 1.0], "y": [1.0, 3.0]}), target="y").rows
    2
    """
    import pyarrow as pa

    if isinstance(table, pa.RecordBatchReader):
        raise ConfigError(
            "relation takes what can be read again and again, and a RecordBatchReader can be read once; give its table."
        )
    if not any(hasattr(table, name) for name in ("__arrow_c_stream__", "collect_batches", "scanner")):
        raise ConfigError(
            f"relation takes a table of Polars, DuckDB or Arrow, or another with __arrow_c_stream__; got {type(table).__name__}."
        )
    targets = (target,) if isinstance(target, str) else tuple(target)
    if not targets:
        raise ConfigError('target names the column of y, such as target="y"; got none.')
    named = (*targets, *(inputs or ()), *((weights,) if weights else ()))
    first = next(_batches(table), None)
    count = 0 if first is None else _count(table)
    if first is None or not count:
        raise DataError("there are no rows in the relation; at least one is needed.")
    columns, others = numeric_columns(first.schema, named, "the relation")
    chosen = None if inputs is None else tuple(inputs)
    return RelationSource(table, count, tuple(columns), tuple(others), targets, chosen, weights)


def _count(table: Any) -> int:
    """Its rows; a pass where it does not know them."""
    if hasattr(table, "count_rows"):
        return int(table.count_rows())
    return len(table) if hasattr(table, "__len__") else sum(batch.num_rows for batch in _batches(table))


def _batches(table: Any) -> Iterator[Any]:
    """Its rows as Arrow's batches."""
    import pyarrow as pa

    if hasattr(table, "scanner"):
        yield from table.scanner(batch_readahead=1, fragment_readahead=1).to_batches()
    elif hasattr(table, "collect_batches"):
        for frame in table.collect_batches(maintain_order=True):
            yield from frame.to_arrow().to_batches()
    else:
        yield from pa.RecordBatchReader.from_stream(table)
