"""Reading of tables: detection of file type, encoding, separator and decimal sign."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from splinework.errors import FileError
from splinework.tabular.tables.parsing import number
from splinework.tabular.tables.source import TableSource, opened
from splinework.tabular.tables.table import FileTable, check_distinct

if TYPE_CHECKING:
    import pandas as pd

CHUNK_ROWS: Final = 20_000
"""Rows of a part of a table, unless another number is given."""
_SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MAX_SNIFFED_LINES: Final = 100  # lines for the detection of the separator
_PROGRESS_ROWS: Final = 5000  # rows between two reports of progress
_MAX_SNIFFED_LETTERS: Final = 200_000
_MAX_KNOWN_CELLS: Final = 100_000  # distinct cells that are looked for again
_HEAD_BYTES: Final = 1 << 16
_DOS_END: Final = "\x1a"  # the end-of-file character of DOS
_PARSING_SHARE: Final = 0.6  # share of the time that parsing lines takes; the rest goes to the columns
_OTHER_KINDS: Final = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"BZh", "compressed with bzip2", "unpack it with bunzip2"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it with unzstd"),
    (b"\x89HDF", "an HDF5 file", "write the table as CSV or Parquet"),
    (b"%PDF", "a PDF document", "copy the table into a CSV file"),
    (b"ARROW1", "an Arrow file", "write the table as Parquet"),
)
_OTHER_TEXTS: Final = (
    (re.compile(r"\s*<(!doctype|html|\?xml|svg)", re.IGNORECASE), "a web page or XML"),
    (re.compile(r'\s*(\{\s*["}]|\[\s*[\[{"\d-])'), "JSON"),
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_COMMA_NUMBER: Final = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


def read_table(
    source: str | os.PathLike[str],
    *,
    tell: Callable[[float], None] = lambda share: None,
    max_unpacked: float | None = None,
) -> FileTable:
    """Reads a CSV or Parquet file, compressed with gzip or not; `-` is the standard input.

    Separators (comma, semicolon, tab, bar, runs of blanks), decimal commas, a byte order mark, UTF-16 and Windows-1252
    are recognised, and noted where they differ from plain CSV.

    Args:
        source: The file.
        tell: Progress callback, called with the share read so far, from 0 to 1.
        max_unpacked: Maximum size in MiB to which a compressed file may unpack; None for 64, or 20 times its size.

    Returns:
        The table.

    Raises:
        FileError: If there is no such file, it is not a table, or it unpacks to more.
        DataError: If two columns have the same name.
    """
    import pandas as pd

    def share(done: float) -> None:
        tell(_PARSING_SHARE * done)

    first, *others = table_chunks(source, rows=_PROGRESS_ROWS, tell=share, max_unpacked=max_unpacked)
    return replace(first, frame=pd.concat([first.frame, *(each.frame for each in others)])) if others else first


def table_chunks(
    source: str | os.PathLike[str],
    *,
    rows: int = CHUNK_ROWS,
    tell: Callable[[float], None] = lambda share: None,
    max_unpacked: float | None = None,
) -> Iterator[FileTable]:
    """Reads a table as `read_table` does, in parts that follow each other, so that a file may be larger than memory.

    Args:
        source: The file; it is read twice.
        rows: Most rows of a part; all but the last of a CSV file have as many. A table without rows is one part.
        tell: As in `read_table`.
        max_unpacked: As in `read_table`.

    Raises:
        FileError: As in `read_table`, possibly after some parts.
        DataError: If two columns have the same name.
    """
    with opened(source, max_unpacked) as content:
        head = content.stream.read(_HEAD_BYTES)
        content.stream.seek(0)
        if head.startswith(b"PAR1") or Path(content.name.removesuffix(".gz")).suffix.lower() in (".parquet", ".pq"):
            if not head:
                raise _empty(content.name)
            yield from _parquet_tables(content, rows)
            return
        for magic, kind, remedy in _OTHER_KINDS:
            if head.startswith(magic):
                raise FileError(f"{content.name} is {kind}, not CSV or Parquet; {remedy} first.")
        yield from _csv_chunks(content, *_encoding(content, head), rows, tell)


def _empty(name: str) -> FileError:
    return FileError(f"{name} is empty; expected a CSV file with column names in its first line, or a Parquet file.")


def _encoding(content: TableSource, head: bytes) -> tuple[str, list[str]]:
    """The encoding of the text, and notes on it; the whole file is decoded to be sure."""
    trials = [("utf-8-sig", ""), ("cp1252", "not UTF-8; read as Windows-1252")]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        trials = [("utf-16", "read as UTF-16")]
    elif len(head) > 3 and not any(head[1:64:2]):  # ASCII as UTF-16 without a byte order mark
        trials = [("utf-16-le", "read as UTF-16")]
    for encoding, note in trials:
        with contextlib.suppress(UnicodeDecodeError):
            if _is_text(content, encoding):
                return encoding, [f"{content.name}: {note}"] if note else []
    raise FileError(f"{content.name} is a binary file, not CSV or Parquet; write the table as CSV first.")


def _is_text(content: TableSource, encoding: str) -> bool:
    """Whether the content is text without control characters; raises if it is blank, or of another known kind."""
    blank, ended = True, False
    for text in _texts(content, encoding):
        if blank:
            for pattern, kind in _OTHER_TEXTS:
                if pattern.match(text):
                    raise FileError(f"{content.name} is {kind}, not CSV or Parquet; write the table as CSV first.")
            blank = not text.strip()
        plain = text.rstrip(_DOS_END)
        if _CONTROL.search(plain) or (ended and text):
            return False
        ended = ended or len(plain) < len(text)
    if blank:
        raise _empty(content.name)
    return True


def _texts(content: TableSource, encoding: str) -> Iterator[str]:
    """The content as texts of some length."""
    decoder = codecs.getincrementaldecoder(encoding)()
    content.stream.seek(0)
    while block := content.stream.read(_HEAD_BYTES):
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _lines(content: TableSource, encoding: str) -> Iterator[str]:
    """The lines with their ends, without the end-of-file character of DOS."""
    content.stream.seek(0)
    text = io.TextIOWrapper(content.stream, encoding, newline="")
    try:
        for line in text:
            yield line.rstrip(_DOS_END)
    finally:
        with contextlib.suppress(ValueError):  # the source was closed before
            text.detach()


def _csv_chunks(
    content: TableSource, encoding: str, notes: list[str], rows: int, tell: Callable[[float], None]
) -> Iterator[FileTable]:
    import pandas as pd

    name = content.name
    text = "".join(itertools.islice(_lines(content, encoding), _MAX_SNIFFED_LINES))[:_MAX_SNIFFED_LETTERS]
    found, decimal = _separator(text), "."
    separator = found or "\t"
    if found is None:
        notes.append(f"{name}: columns are separated by blanks")
    elif separator != ",":
        notes.append(f"{name}: columns are separated by {_SEPARATORS[separator]}")
    if separator != ",":
        numbers = (row for _, row in itertools.islice(_records(content, encoding, found), 1, None))
        decimal = "," if _has_decimal_commas(numbers) else "."
    if decimal == ",":
        notes.append(f"{name}: numbers have decimal commas")
    records = _records(content, encoding, found)
    header = _header(next(records, (1, []))[1], name)
    known: dict[str, str] = {}  # equal cells are one object: most tables repeat themselves
    for chunk in itertools.count():
        part = list(itertools.islice(records, rows))
        if not part and chunk:
            return
        for line, row in part:
            if len(row) != len(header):
                raise FileError(
                    f"{name} is not a regular CSV file: line {line} has {len(row)} cells, but its first line names "
                    f"{len(header)} columns{_ragged_hint(row, header, separator)}."
                )
        cells: Iterable[Iterable[str]] = (row for _, row in part)
        if len(known) < _MAX_KNOWN_CELLS:
            cells = (map(known.setdefault, row, row) for row in cells)
        columns = zip(*cells, strict=True) if part else ()
        frame = pd.DataFrame(
            {name: np.array(column, dtype=object) for name, column in zip(header, columns, strict=True)}
            if part
            else {},
            index=pd.Index([line for line, _ in part], dtype="int64"),
            columns=header,
            dtype=object,
        )
        tell(content.share)
        yield FileTable(frame, name, tuple(notes), separator=separator, decimal=decimal)
        if len(part) < rows:
            return


def _separator(text: str) -> str | None:
    """The separator that splits the first lines best into regular numeric columns; None stands for runs of blanks."""
    head = io.StringIO(text, newline="").readlines()
    scores: dict[str, tuple[float, float, int]] = {}
    for separator in _SEPARATORS:
        try:
            rows = [row for row in csv.reader(head, delimiter=separator, skipinitialspace=True) if row]
        except csv.Error:
            continue
        if rows and len(rows[0]) > 1:
            even = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
            cells = [number(cell, "," if "," in cell and separator != "," else ".") for row in rows[1:] for cell in row]
            numeric = sum(cell is not None for cell in cells) / max(len(cells), 1)
            scores[separator] = (even, numeric, len(rows[0]))
    if scores:
        return max(scores, key=lambda separator: scores[separator])
    fields = [line.split() for line in head if line.strip()]
    if len(fields) > 1 and len(fields[0]) > 1 and all(_are_numbers(row, len(fields[0])) for row in fields[1:]):
        return None
    return ","


def _are_numbers(cells: Sequence[str], count: int) -> bool:
    return len(cells) == count and all(number(cell) is not None for cell in cells)


def _records(content: TableSource, encoding: str, separator: str | None) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, the header first, each with the line on which it begins."""
    lines, line = _lines(content, encoding), 1
    if separator is None:
        lines = ("\t".join(part.split()) + "\n" for whole in lines for part in whole.splitlines() or [""])
    reader = csv.reader(lines, delimiter=separator or "\t", skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise FileError(f"{content.name} is not a CSV file: line {line}: {error}.") from error


def _header(row: Sequence[str], name: str) -> list[str]:
    """The names of the columns; unnamed ones get the name that pandas would give them."""
    header = [cell.strip() for cell in row]
    if not any(header):
        raise FileError(f"{name} has no column names in its first line; add a line such as a,b,y.")
    for index, cell in enumerate(header):
        if not cell:
            header[index] = f"Unnamed: {index}"
            while header[index] in header[:index] + header[index + 1 :]:
                header[index] += ".1"
    check_distinct(header, name)
    return header


def _ragged_hint(row: Sequence[str], header: Sequence[str], separator: str) -> str:
    if len(row) <= len(header):
        return ""
    if separator == "," and all(re.fullmatch(r"[-+\s\d]*", cell) for cell in row):
        return "; with decimal commas, separate the columns by semicolons"
    return "; a cell that holds the separator must stand in quotes"


def _has_decimal_commas(rows: Iterable[Sequence[str]]) -> bool:
    """Whether some cells have a decimal comma, such as 1,5; in 1,500 it may separate thousands."""
    found = [cell.strip() for row in rows for cell in row if "," in cell]
    found = [cell for cell in found if _COMMA_NUMBER.fullmatch(cell)]
    return not all(_THOUSANDS.fullmatch(cell) for cell in found)


def _read_parquet(content: TableSource) -> FileTable:
    (table,) = _parquet_tables(content, None)
    return table


def _parquet_tables(content: TableSource, rows: int | None) -> Iterator[FileTable]:
    """The table in parts of `rows` rows, or all of it."""
    import pandas as pd

    name, first = content.name, 1
    try:
        _check_parquet_size(content)
        from splinework.tabular.tables.parquet_parts import parquet_frames  # loaded for Parquet

        for frame in [pd.read_parquet(content.stream)] if rows is None else parquet_frames(content.stream, rows):
            for _, column in frame.select_dtypes(exclude="number").items():
                list(column)  # decodes every cell, so that a damaged one raises here
            yield _named(frame, name, first)
            first += len(frame)
    except ImportError as error:
        raise FileError(f"reading {name} needs pyarrow; install it with: pip install pyarrow") from error
    except FileError:
        raise
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError, MemoryError, NotImplementedError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise FileError(f"{name} is not a whole Parquet file ({why}); write it again, or as CSV.") from error


def _named(frame: pd.DataFrame, name: str, first: int) -> FileTable:
    """The frame with all columns by name, and its rows by number."""
    import pandas as pd

    named = [level for level in frame.index.names if level is not None]
    frame = frame.reset_index(level=named) if named else frame
    frame.columns = pd.Index([str(column) for column in frame.columns], dtype=object)
    check_distinct(list(frame.columns), name)
    frame.index = pd.RangeIndex(first, first + len(frame))
    return FileTable(frame, name, place="row")


def _check_parquet_size(content: TableSource) -> None:
    """Raises if the file claims to hold far more than its size: columns of equal cells take next to nothing in a file."""
    from pyarrow import parquet

    about = parquet.ParquetFile(content.stream).metadata
    pages = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
    if max(8 * about.num_rows * about.num_columns, pages) > content.limit:
        raise content.too_large(f"{about.num_rows} rows of {about.num_columns} columns, more")
    content.stream.seek(0)
