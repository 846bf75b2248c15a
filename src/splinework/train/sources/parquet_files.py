"""Parquet files, of which a few row groups are in memory at a time."""

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, FileError, ShapeError
from splinework.train.sources.base import MIN_PIECE_ROWS, PiecedSource, file_status


@final
@dataclass(frozen=True)
class ParquetSource(PiecedSource):
    """Parquet files, one after the other; see `parquet`.

    Attributes:
        paths: The files.
        columns: All columns of numbers that every file has.
        others: Names and kinds of columns that hold no numbers.
        target: Columns of y.
        inputs: Columns of x; None leaves it to the model.
        weights: Column of weights, or None.
        groups: Per piece its file, its groups of rows, and how many rows these have.
    """

    paths: tuple[str, ...]
    columns: tuple[str, ...]
    others: tuple[tuple[str, str], ...]
    target: tuple[str, ...]
    inputs: tuple[str, ...] | None
    weights: str | None
    groups: tuple[tuple[int, tuple[int, ...], int], ...] = field(repr=False, default=())

    @property
    def pieces(self) -> tuple[int, ...]:
        return tuple(count for _, _, count in self.groups)

    @property
    def identity(self) -> str:
        files = [(path, (found := file_status(path)).st_size, found.st_mtime_ns) for path in self.paths]
        return repr((files, self.inputs, self.target, self.weights))

    def bound(self, names: Sequence[str]) -> "ParquetSource":
        inputs = self.inputs
        if inputs is None:
            rest = tuple(c for c in self.columns if c not in (*self.target, self.weights))
            inputs = inputs_for(names, rest, self.others, self.paths[0])
        check_inputs(names, inputs)
        return replace(self, inputs=inputs)

    def read(self, piece: int, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        import pyarrow as pa

        file, groups, _ = self.groups[piece]
        inputs = self.inputs or ()
        wanted = [*dict.fromkeys((*inputs, *self.target, *((self.weights,) if self.weights else ())))]
        with _opened(self.paths[file]) as opened:
            try:
                for batch in opened.iter_batches(size, row_groups=list(groups), columns=wanted, use_threads=False):
                    yield (
                        numbers_of(batch, inputs),
                        numbers_of(batch, self.target),
                        numbers_of(batch, (self.weights,))[:, 0] if self.weights else None,
                    )
            except (OSError, pa.ArrowException) as error:
                raise FileError(f"{self.paths[file]} cannot be read to its end: {error}.") from error


def parquet(
    path: Any, *, target: str | Sequence[str], inputs: Sequence[str] | None = None, weights: str | None = None
) -> ParquetSource:
    """Rows of Parquet files for `fit`, which are never in memory as a whole.

    Args:
        path: A file, a folder of `.parquet` files, a pattern such as `"part-*.parquet"`, or a list of files.
        target: The column of y, or those.
        inputs: The columns of x, in the order of the model's inputs; None takes those that have the names of the model's
            inputs, or, where some are missing, all others in the order of the file.
        weights: The column that tells what each row counts, or None.

    Raises:
        FileError: If there is no such file, or it is no Parquet file.
        DataError: If a column is missing or holds no numbers, or there are no rows.
    """
    paths = _files(path)
    targets = (target,) if isinstance(target, str) else tuple(target)
    named = (*targets, *(inputs or ()), *((weights,) if weights else ()))
    if not targets:
        raise ConfigError('target names the column of y, such as target="y"; got none.')
    groups: list[tuple[int, tuple[int, ...], int]] = []
    columns: list[str] | None = None
    others: dict[str, str] = {}
    for number, one in enumerate(paths):
        with _opened(one) as opened:
            numeric, texts = numeric_columns(opened.schema_arrow, named, one)
            others.update(texts)
            columns = numeric if columns is None else [c for c in columns if c in numeric]
            counts = [opened.metadata.row_group(g).num_rows for g in range(opened.metadata.num_row_groups)]
        groups += [(number, which, rows) for which, rows in _runs(counts)]
    if not groups:
        raise DataError(
            f"there are no rows in {', '.join(paths[:3])}{', …' * (len(paths) > 3)}; at least one is needed."
        )
    chosen = None if inputs is None else tuple(inputs)
    return ParquetSource(
        tuple(paths), tuple(columns or ()), tuple(others.items()), targets, chosen, weights, tuple(groups)
    )


def _files(path: Any) -> list[str]:
    """The files that are meant, in order; a FileError if there are none."""
    if not isinstance(path, (str, Path)):
        return [one for each in path for one in _files(each)] or _no_file(path)
    if Path(path).is_dir():
        return sorted(str(one) for one in Path(path).rglob("*.parquet")) or _no_file(path)
    if not Path(path).exists() and glob.has_magic(str(path)):
        return sorted(glob.glob(str(path), recursive=True)) or _no_file(path)
    return [str(path)]


def _no_file(path: Any) -> list[str]:
    raise FileError(f"there is no Parquet file in {path!r}; give a file, a folder, a pattern or a list of files.")


def _opened(path: str) -> Any:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    file_status(path)
    try:
        return ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        raise FileError(f"{path} is no Parquet file ({error}); write the table as Parquet first.") from error


def inputs_for(
    names: Sequence[str], rest: tuple[str, ...], others: Sequence[tuple[str, str]], where: str
) -> tuple[str, ...]:
    """Columns of x: those with the names of the model's inputs, or else all that are left.

    Raises:
        DataError: If some of these are not numbers.
    """
    if set(names) <= set(rest):
        return tuple(names)
    if others:
        raise DataError(
            f"{where} has columns without numbers ({_kinds(others)}); name those of x with inputs=[…], out of {', '.join(rest)}."
        )
    return rest


def check_inputs(names: Sequence[str], inputs: Sequence[str]) -> None:
    """Makes sure that there are as many columns as inputs.

    Raises:
        ShapeError: If there are more or fewer.
    """
    if len(inputs) != len(names):
        raise ShapeError(
            f"the model takes {len(names)} inputs, and {len(inputs)} columns are left for x: {', '.join(inputs)}; name them with "
            "inputs=[…]."
        )


def numeric_columns(schema: Any, named: Sequence[str], path: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Columns of numbers, and the others with their kinds; a DataError if one of those named is missing or no number."""
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
    missing = [name for name in named if name not in schema.names]
    if missing:
        raise DataError(f"{path} has no column {', '.join(missing)}; it has {', '.join(schema.names)}.")
    other = [(f.name, str(f.type)) for f in schema if not any(test(f.type) for test in tests)]
    wrong = [pair for pair in other if pair[0] in named]
    if wrong:
        raise DataError(f"{path} has columns without numbers ({_kinds(wrong)}); x, y and weights are numbers.")
    return [f.name for f in schema if (f.name, str(f.type)) not in other], other


def _kinds(pairs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in pairs)


def _runs(counts: Sequence[int]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Groups of rows that follow each other, together of at least `MIN_PIECE_ROWS` rows but for the last."""
    run: list[int] = []
    for group, count in enumerate(counts):
        run += [group] if count else []
        total = sum(counts[g] for g in run)
        if run and (total >= MIN_PIECE_ROWS or group == len(counts) - 1):
            yield tuple(run), total
            run = []
    if run:
        yield tuple(run), sum(counts[g] for g in run)


def numbers_of(batch: Any, names: Sequence[str]) -> Tensor:
    """Columns as `(n, columns)` in float64; what is missing becomes NaN."""
    import pyarrow as pa

    values = np.empty((batch.num_rows, len(names)))
    for j, name in enumerate(names):
        values[:, j] = batch.column(name).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return torch.from_numpy(values)
