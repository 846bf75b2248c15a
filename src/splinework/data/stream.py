"""Sets larger than memory: a recipe's rows to a Parquet file, row group by row group."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from splinework.data.drawn import Card, Outline, Tally
from splinework.data.recipes import to_dict
from splinework.data.sets import Recipe
from splinework.data.streams import BLOCK
from splinework.errors import ConfigError, FileError

if TYPE_CHECKING:
    import pyarrow

Floats = NDArray[np.float64]


def write_parquet(
    recipe: Recipe,
    path: str | os.PathLike[str],
    rows: int,
    *,
    seed: int = 0,
    chunk: int = BLOCK,
    tell: Callable[[float], None] | None = None,
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
    tally = Tally(outline, recipe.axioms())
    total = recipe.count(rows)
    try:
        # Made aside and moved when it is whole, as `nn.files` does it: but nothing here stands on `nn`.
        with TemporaryDirectory(prefix=".saving-", dir=place.parent, ignore_cleanup_errors=True) as aside:
            spare, spare_card = Path(aside) / "rows", Path(aside) / "card"
            with spare.open("xb") as file:
                groups = _grouped(recipe.blocks(rows, seed=seed, tally=tally), chunk)
                _fill(file, recipe, outline, groups, seed, total, tell)
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
    file: object,
    recipe: Recipe,
    outline: Outline,
    groups: Iterable[tuple[Floats, Floats]],
    seed: int,
    total: int,
    tell: Callable[[float], None] | None,
) -> None:
    """All row groups, one after the other."""
    import pyarrow
    from pyarrow import parquet

    text = pyarrow.string() if outline.classes else pyarrow.float64()
    kinds = [*((name, pyarrow.float64()) for name in outline.names), *((name, text) for name in outline.targets)]
    notes = {"splinework.recipe": json.dumps(to_dict(recipe)), "splinework.seed": str(seed)}
    schema = pyarrow.schema(kinds, metadata=notes)
    done = 0
    with parquet.ParquetWriter(file, schema) as writer:
        for x, y in groups:
            writer.write_table(_table(outline, schema, x, y), row_group_size=len(x))
            done += len(x)
            if tell is not None:
                tell(done / total)


def _table(outline: Outline, schema: pyarrow.Schema, x: Floats, y: Floats) -> pyarrow.Table:
    import pyarrow

    targets = [[outline.classes[int(one)] for one in column] if outline.classes else column for column in y.T]
    return pyarrow.table([pyarrow.array(np.ascontiguousarray(column)) for column in x.T] + [
        pyarrow.array(column if outline.classes else np.ascontiguousarray(column)) for column in targets
    ], schema=schema)  # fmt: skip


def _grouped(blocks: Iterator[tuple[Floats, Floats]], chunk: int) -> Iterator[tuple[Floats, Floats]]:
    """The same rows in groups of `chunk`, the last one smaller."""
    held: list[tuple[Floats, Floats]] = []
    count = 0
    for x, y in blocks:
        begin = 0
        while begin < len(x):
            end = min(begin + chunk - count, len(x))
            held.append((x[begin:end], y[begin:end]))
            count += end - begin
            begin = end
            if count == chunk:
                yield _joined(held)
                held, count = [], 0
    if held:
        yield _joined(held)


def _joined(parts: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
