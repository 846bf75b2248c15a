"""Sets larger than memory: a recipe's rows to a Parquet file, row group by row group."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from splinework.data.random_streams import BLOCK_ROWS, Floats
from splinework.data.recipe import Recipe
from splinework.data.sample import Card, CardStatistics, Schema
from splinework.data.serialisation import to_dict
from splinework.errors import ConfigError, FileError

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet


def write_parquet(
    recipe: Recipe,
    path: str | os.PathLike[str],
    rows: int,
    *,
    seed: int = 0,
    chunk: int = BLOCK_ROWS,
    tell: Callable[[float], None] = lambda share: None,
) -> Card:
    """Draws rows into a file, holding about one block and one row group at a time; the rows do not depend on the chunk.

    The file appears whole or not at all, and beside it its data card: of `rows.parquet` it is `rows.md`. Recipe and seed are in
    the file's own metadata, too, as `splinework.recipe` and `splinework.seed`.

    Args:
        recipe: Of the set.
        path: The file, by custom `….parquet`.
        rows: How many to ask for.
        seed: Of all that is drawn.
        chunk: Rows of a row group.
        tell: Told the share that is done, 0 to 1, after each row group.

    Returns:
        The data card.

    Raises:
        ConfigError: If a number is out of range, or the file is called as its card would be.
        DataError: If the truth is not finite somewhere.
        FileError: If the file cannot be written; what was there stays.

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
        raise ConfigError(f"chunk is 1 or more rows of a row group, got {chunk}.")
    place = Path(path)
    if "\0" in str(place):
        raise FileError(f"cannot write {str(place)!r}: a name has no null character; choose another.")
    beside = place.with_suffix(".md")
    if beside == place:
        raise ConfigError(
            f"{place} is what the data card would be called; name the file {place.with_suffix('.parquet')}."
        )
    outline = recipe.outline()
    tally = CardStatistics(outline, recipe.axioms())
    total = recipe.count(rows)
    try:
        # Made aside and moved when it is whole, as `nn.files` does it: but nothing here stands on `nn`.
        with TemporaryDirectory(prefix=".saving-", dir=place.parent, ignore_cleanup_errors=True) as aside:
            spare, spare_card = Path(aside) / "rows", Path(aside) / "card"
            with spare.open("xb") as file:
                blocks = recipe.blocks(rows, seed=seed, tally=tally)
                with parquet.ParquetWriter(file, _schema(recipe, outline, seed)) as writer:
                    _fill(writer, outline, blocks, chunk, lambda done: tell(done / total))
                file.flush()
                os.fsync(file.fileno())
            card = Card(recipe.card_of(tally, rows, seed))
            spare_card.write_text(card.to_markdown(), encoding="utf-8", newline="")
            os.replace(spare, place)
            os.replace(spare_card, beside)
    except OSError as error:
        raise FileError(f"cannot write {place}: {error.strerror or error}; choose another place.") from error
    return card


def _fill(
    writer: parquet.ParquetWriter,
    outline: Schema,
    blocks: Iterable[tuple[Floats, Floats]],
    chunk: int,
    tell: Callable[[int], None],
) -> None:
    """All rows in groups of `chunk`, the last one smaller; tells how many rows are done."""
    import pyarrow

    held, done = writer.schema.empty_table(), 0
    for x, y in blocks:
        held = pyarrow.concat_tables([held, _table(outline, writer.schema, x, y)])
        while held.num_rows >= chunk:
            writer.write_table(held.slice(0, chunk), row_group_size=chunk)
            held, done = held.slice(chunk), done + chunk
            tell(done)
    if held.num_rows:
        writer.write_table(held, row_group_size=chunk)
        tell(done + held.num_rows)


def _schema(recipe: Recipe, outline: Schema, seed: int) -> pyarrow.Schema:
    import pyarrow

    text = pyarrow.string() if outline.classes else pyarrow.float64()
    kinds = [*((name, pyarrow.float64()) for name in outline.names), *((name, text) for name in outline.targets)]
    notes = {"splinework.recipe": json.dumps(to_dict(recipe)), "splinework.seed": str(seed)}
    return pyarrow.schema(kinds, metadata=notes)


def _table(outline: Schema, schema: pyarrow.Schema, x: Floats, y: Floats) -> pyarrow.Table:
    import pyarrow

    columns = [*map(np.ascontiguousarray, (*x.T, *y.T))]
    if outline.classes:
        columns[x.shape[1] :] = [np.array(outline.classes, dtype=object)[column.astype(np.intp)] for column in y.T]
    return pyarrow.table([pyarrow.array(column) for column in columns], schema=schema)
