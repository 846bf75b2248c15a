"""Sets larger than memory: the rows of a recipe as a Parquet file, written row group by row group."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splinework.data.random_streams import BLOCK_ROWS, Floats
from splinework.data.recipe import Recipe
from splinework.data.sample import Card, CardStatistics, Schema
from splinework.data.serialisation import to_dict
from splinework.data.temporary import temporary_folder
from splinework.errors import ConfigError, FileError
from splinework.errors.foreign import explained

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet


@explained
def write_parquet(
    recipe: Recipe,
    path: str | os.PathLike[str],
    rows: int,
    *,
    seed: int = 0,
    chunk: int = BLOCK_ROWS,
    tell: Callable[[float], None] = lambda share: None,
) -> Card:
    """Writes rows to a Parquet file with about one block and one row group in memory; rows do not depend on `chunk`.

    The file is written atomically, together with its data card: `rows.md` for `rows.parquet`. Recipe and seed are also in the
    metadata of the file, as `splinework.recipe` and `splinework.seed`.

    Args:
        recipe: Recipe of the set.
        path: Path of the file, by convention `….parquet`.
        rows: Requested number of rows.
        seed: Seed of inputs and noise.
        chunk: Number of rows of a row group.
        tell: Callback with the completed share, 0 to 1, after each row group.

    Returns:
        The data card.

    Raises:
        ConfigError: If a number is out of range, or the path is that of the data card.
        DataError: If the truth is not finite everywhere.
        FileError: If the file cannot be written; an existing one is left unchanged.

    Example:
        >>> import tempfile
        >>> from splinework.data.suites import suite_set
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     card = write_parquet(suite_set("nguyen:1"), f"{folder}/rows.parquet", 1000, chunk=300)
        >>> card.facts["rows"]
        1000
    """
    from pyarrow import parquet

    if chunk < 1:
        raise ConfigError(f"chunk must be at least 1 row, got {chunk}.")
    place = Path(path)
    if "\0" in str(place):
        raise FileError(f"cannot write {str(place)!r}: a name must not contain a null character; choose another.")
    beside = place.with_suffix(".md")
    if beside == place:
        raise ConfigError(f"{place} is the path of the data card; name the file {place.with_suffix('.parquet')}.")
    schema = recipe.schema()
    statistics = CardStatistics(schema, recipe.axioms())
    total = recipe.count(rows)
    try:
        with temporary_folder(place.parent) as aside:  # atomic as in `nn.files`, which must not be imported here
            spare, spare_card = aside / "rows", aside / "card"
            with spare.open("xb") as file:
                blocks = recipe.blocks(rows, seed=seed, statistics=statistics)
                with parquet.ParquetWriter(file, _schema(recipe, schema, seed)) as writer:
                    _fill(writer, schema, blocks, chunk, lambda done: tell(done / total))
                file.flush()
                os.fsync(file.fileno())
            card = Card(recipe.card_of(statistics, rows, seed))
            spare_card.write_text(card.to_markdown(), encoding="utf-8", newline="")
            os.replace(spare, place)
            os.replace(spare_card, beside)
    except OSError as error:
        raise FileError(f"cannot write {place}: {error.strerror or error}; choose another place.") from error
    return card


def _fill(
    writer: parquet.ParquetWriter,
    schema: Schema,
    blocks: Iterable[tuple[Floats, Floats]],
    chunk: int,
    tell: Callable[[int], None],
) -> None:
    """Writes all rows in groups of `chunk`, the last one smaller."""
    import pyarrow

    held, done = writer.schema.empty_table(), 0
    for x, y in blocks:
        held = pyarrow.concat_tables([held, _table(schema, writer.schema, x, y)])
        while held.num_rows >= chunk:
            writer.write_table(held.slice(0, chunk), row_group_size=chunk)
            held, done = held.slice(chunk), done + chunk
            tell(done)
    if held.num_rows:
        writer.write_table(held, row_group_size=chunk)
        tell(done + held.num_rows)


def _schema(recipe: Recipe, schema: Schema, seed: int) -> pyarrow.Schema:
    import pyarrow

    text = pyarrow.string() if schema.classes else pyarrow.float64()
    kinds = [*((name, pyarrow.float64()) for name in schema.names), *((name, text) for name in schema.targets)]
    notes = {"splinework.recipe": json.dumps(to_dict(recipe)), "splinework.seed": str(seed)}
    return pyarrow.schema(kinds, metadata=notes)


def _table(columns: Schema, schema: pyarrow.Schema, x: Floats, y: Floats) -> pyarrow.Table:
    import pyarrow

    arrays = [*map(np.ascontiguousarray, (*x.T, *y.T))]
    if columns.classes:
        arrays[x.shape[1] :] = [np.array(columns.classes, dtype=object)[column.astype(np.intp)] for column in y.T]
    return pyarrow.table([pyarrow.array(column) for column in arrays], schema=schema)
