"""Rows of Arrow data sets, a batch at a time: Parquet and CSV files, folders of them, partitions, and patterns of names.

A data set is cut into pieces, which can be read by themselves: groups of rows of a Parquet file, or whole CSV files,
compressed or not. So work on many rows needs the memory of a few batches, and what was interrupted goes on with the next piece.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from splinework.errors import DataError, FileError
from splinework.tabular.tables.read import table_chunks
from splinework.tabular.tables.table import FileTable, check_distinct

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS: Final = 32_768
"""Rows of a batch."""
MIN_PIECE_ROWS: Final = 1 << 20
"""Least rows of a piece of a Parquet file, but for the last one."""
PARQUET, CSV = (".parquet", ".pq"), (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.bz2", ".csv.zst")
_BUFFER_BYTES: Final = 1 << 17  # of each column that is read
_BLOCK_BYTES: Final = 1 << 21  # of a CSV file


@dataclass(frozen=True)
class RowPiece:
    """Rows that can be read by themselves: a part of a file.

    Attributes:
        path: The file.
        groups: The groups of rows in a Parquet file; None of a CSV file, which is one piece.
        rows: How many, or None where only reading tells.
        size: Bytes of the file, of which the piece is `share`.
        fixed: Columns that names of folders give, with their values.
        style: Separator and decimal sign of a CSV file.
    """

    path: str
    groups: tuple[int, ...] | None
    rows: int | None
    size: int
    share: float
    fixed: Mapping[str, Any] = field(default_factory=dict)
    style: tuple[str, str] | None = None


@dataclass(frozen=True)
class ArrowRows:
    """A data set.

    Attributes:
        name: Its name in messages.
        schema: Columns and their kinds; those of partitions come last.
        pieces: All rows, in order of the names of the files.
    """

    name: str
    schema: pa.Schema
    pieces: tuple[RowPiece, ...]

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.schema.names)

    @property
    def size(self) -> float:
        """Bytes of all files."""
        return sum(piece.size * piece.share for piece in self.pieces)

    def batches(self, piece: RowPiece, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of a piece, at most `BATCH_ROWS` at a time.

        Raises:
            FileError: If the file cannot be read to its end.
        """
        import pyarrow as pa

        wanted = list(self.columns if columns is None else columns)
        scan = _parquet_batches if piece.groups is not None else _csv_batches
        try:
            for batch in scan(piece, self.schema, wanted):
                if batch.num_rows:
                    yield batch
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise FileError(f"{piece.path} cannot be read to its end: {first[:200]}") from error

    def tables(self, tell: Callable[[float], None] = lambda share: None) -> Iterator[FileTable]:
        """The same rows as tables, at least one; `tell` is called with the share that is read."""
        first, done = 1, 0.0
        for piece in self.pieces:
            for batch in self.batches(piece):
                frame = batch.to_pandas()
                frame.index = range(first, first + len(frame))
                first += len(frame)
                yield FileTable(frame, self.name, place="row")
            done += piece.size * piece.share
            tell(done / max(self.size, 1.0))
        if first == 1:
            yield FileTable(self.schema.empty_table().to_pandas(), self.name, place="row")

    def sample(self, most: int, tell: Callable[[float], None] = lambda share: None) -> FileTable:
        """A table of at most `most` rows, taken evenly from all, with a note of how many; the index is the number of the row."""
        import pandas as pd

        kept: list[pd.DataFrame] = []
        every, count, last = 1, 0, 0
        for table in self.tables(tell):
            frame = table.frame
            last += len(frame)
            kept.append(frame[(frame.index.to_numpy() - 1) % every == 0])
            count += len(kept[-1])
            while count > most:  # twice as thin
                every *= 2
                kept = [part[(part.index.to_numpy() - 1) % every == 0] for part in kept]
                count = sum(map(len, kept))
        notes = (f"{count:,} of {last:,} rows were taken, evenly from all files",) if every > 1 else ()
        return FileTable(pd.concat(kept), self.name, notes, place="row")


def is_many(path: str) -> bool:
    """Whether a path means several files: a folder, or a pattern of names; `-` is the standard input."""
    return path != "-" and (Path(path).is_dir() or (not Path(path).exists() and glob.has_magic(path)))


def arrow_rows(path: str) -> ArrowRows:
    """The data set of a file, a folder or a pattern; folders named `key=value` become columns.

    Args:
        path: A Parquet or CSV file, a folder of either (also in folders below it), or a pattern such as `"rows-*.parquet"`.

    Raises:
        FileError: If there is no such file, or none that can be read.
        DataError: If two columns have the same name, or columns of one name are of different kinds.
    """
    import pyarrow as pa
    from pyarrow import parquet

    files, base = _files(path)
    is_parquet = files[0].lower().endswith(PARQUET)
    if any(file.lower().endswith(PARQUET) != is_parquet for file in files):
        raise FileError(f"{path} has Parquet and CSV files side by side; name those of one kind by a pattern.")
    style = None if is_parquet else _csv_style(files[0])
    partitions = _partitions(files, base)
    schemas: list[pa.Schema] = []
    pieces: list[RowPiece] = []
    for file, fixed in zip(files, partitions, strict=True):
        try:
            size = Path(file).stat().st_size
            if style is None:
                with parquet.ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False) as opened:
                    schemas.append(opened.schema_arrow.remove_metadata())
                    pieces += _pieces(file, opened.metadata, size, fixed)
            else:
                if not schemas:
                    with _csv_reader(file, style) as reader:
                        schemas.append(reader.schema)
                pieces.append(RowPiece(file, None, None, size, 1.0, fixed, style))
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            first = (str(error).splitlines() or ["?"])[0]
            kind = "Parquet" if is_parquet else "CSV"
            raise FileError(f"{file} cannot be read as {kind}: {first[:200]}; write it again.") from error
    try:
        schema = pa.unify_schemas(schemas)
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise DataError(
            f"the files of {path} do not fit each other: {str(error)[:200]}; name those that do."
        ) from error
    check_distinct(schema.names, path)
    for name in partitions[0]:
        if name not in schema.names:
            schema = schema.append(pa.field(name, pa.array([fixed[name] for fixed in partitions]).type))
    return ArrowRows(path, schema, tuple(pieces))


def _files(path: str) -> tuple[list[str], str | None]:
    """The files that are meant, in order, and the folder below which names of folders are partitions."""
    if Path(path).is_dir():
        found = sorted(str(one) for one in Path(path).rglob("*") if _is_table(one))
        if not found:
            raise FileError(f"there is no Parquet or CSV file in {path}; name a folder of such files.")
        return found, path
    if not Path(path).exists() and glob.has_magic(path):
        found = sorted(one for one in glob.glob(path, recursive=True) if Path(one).is_file())
        if not found:
            raise FileError(f"no file has a name like {path}; put the pattern in quotes, or name a folder.")
        return found, None
    if not Path(path).is_file():
        raise FileError(f"there is no file {path}; give a Parquet or CSV file, a folder of them, or a pattern.")
    return [path], None


def _is_table(path: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.parts[-1:])
    return path.is_file() and not hidden and path.name.lower().endswith((*PARQUET, *CSV))


def _parquet_batches(piece: RowPiece, schema: pa.Schema, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Batches of a Parquet file, of which column chunks are read bit by bit."""
    from pyarrow import parquet

    with parquet.ParquetFile(piece.path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
        held = [name for name in wanted if name in file.schema_arrow.names and name not in piece.fixed]
        groups = list(piece.groups or ())
        for batch in file.iter_batches(BATCH_ROWS, row_groups=groups, columns=held, use_threads=False):
            yield _completed(batch, piece, schema, wanted)


def _csv_batches(piece: RowPiece, schema: pa.Schema, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Batches of a CSV file."""
    assert piece.style is not None
    kinds = {field.name: field.type for field in schema}
    with _csv_reader(piece.path, piece.style, kinds) as reader:
        for batch in reader:
            yield _completed(batch, piece, schema, wanted)


def _completed(batch: pa.RecordBatch, piece: RowPiece, schema: pa.Schema, wanted: Sequence[str]) -> pa.RecordBatch:
    """The columns of the data set in their order: those of partitions are constant, those that a file lacks are empty."""
    import pyarrow as pa

    columns, held = [], set(batch.schema.names)
    for name in wanted:
        kind = schema.field(name).type
        if name in held and name not in piece.fixed:
            column = batch.column(name)
            columns.append(column if column.type == kind else column.cast(kind))
        else:
            columns.append(pa.repeat(pa.scalar(piece.fixed.get(name), kind), batch.num_rows))
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema([schema.field(name) for name in wanted]))


def _csv_style(path: str) -> tuple[str, str]:
    """Separator and decimal sign of the first file; all must be written so."""
    first = next(iter(table_chunks(path, rows=100)))
    return first.separator, first.decimal


def _csv_reader(path: str, style: tuple[str, str], kinds: Mapping[str, Any] | None = None) -> Any:
    from pyarrow import csv

    return csv.open_csv(
        path,
        read_options=csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        parse_options=csv.ParseOptions(delimiter=style[0]),
        convert_options=csv.ConvertOptions(decimal_point=style[1], strings_can_be_null=True, column_types=kinds),
    )


def _partitions(files: Sequence[str], base: str | None) -> list[dict[str, Any]]:
    """The columns that folders named like `year=2024` give to each file; numbers where all are whole ones."""
    found: list[dict[str, Any]] = []
    for file in files:
        parts = Path(file).relative_to(base).parent.parts if base is not None else ()
        found.append(dict(part.split("=", 1) for part in parts if "=" in part))
    for name in found[0]:
        values = [each.get(name) for each in found]
        if all(value is not None and value.lstrip("-").isdigit() for value in values):
            for each in found:
                each[name] = int(each[name])
    return found


def _pieces(path: str, metadata: Any, size: int, fixed: Mapping[str, Any]) -> Iterator[RowPiece]:
    """Groups of rows that follow each other, together of `MIN_PIECE_ROWS` rows at least but for the last."""
    counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    run: list[int] = []
    for group in range(len(counts)):
        run.append(group)
        rows = sum(counts[g] for g in run)
        if rows >= MIN_PIECE_ROWS or group == len(counts) - 1:
            yield RowPiece(path, tuple(run), rows, size, rows / max(sum(counts), 1), fixed)
            run = []
