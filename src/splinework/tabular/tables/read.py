"""Reading of tables: detection of file type, encoding, separator and decimal sign."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from splinework.errors import FileError, nearest
from splinework.tabular.tables.parsing import number
from splinework.tabular.tables.table import FileTable, check_distinct

_SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MAX_SNIFFED_LINES: Final = 100  # lines for the detection of the separator
_PROGRESS_ROWS: Final = 5000  # rows between two reports of progress
_PARSING_SHARE: Final = 0.6  # share of the time that parsing lines takes; the rest goes to the columns
_MAX_UNPACKED_BYTES: Final = 2**32  # limit against decompression bombs
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


def read_table(source: str | os.PathLike[str], *, tell: Callable[[float], None] = lambda share: None) -> FileTable:
    """Reads a CSV or Parquet file, compressed with gzip or not; `-` is the standard input.

    Separators (comma, semicolon, tab, bar, runs of blanks), decimal commas, a byte order mark, UTF-16 and Windows-1252
    are recognised, and noted where they differ from plain CSV.

    Args:
        source: The file.
        tell: Progress callback, called with the share read so far, from 0 to 1.

    Returns:
        The table.

    Raises:
        FileError: If there is no such file, or it is no table.
        DataError: If two columns have the same name.
    """
    content, name = _content(source)
    if content.startswith(b"\x1f\x8b"):
        content = _unpacked(content, name)
    if not content.strip():
        raise FileError(f"{name} is empty; expected a CSV file with column names in its first line, or a Parquet file.")
    if content.startswith(b"PAR1") or Path(name.removesuffix(".gz")).suffix.lower() in (".parquet", ".pq"):
        return _read_parquet(content, name)
    for magic, kind, remedy in _OTHER_KINDS:
        if content.startswith(magic):
            raise FileError(f"{name} is {kind}, not CSV or Parquet; {remedy} first.")
    text, notes = _decode(content, name)
    for pattern, kind in _OTHER_TEXTS:
        if pattern.match(text):
            raise FileError(f"{name} is {kind}, not CSV or Parquet; write the table as CSV first.")
    return _read_csv(text, name, notes, tell)


def _content(source: str | os.PathLike[str]) -> tuple[bytes, str]:
    """The content of the file, and its name for messages."""
    if os.fspath(source) == "-":
        return sys.stdin.buffer.read(), "the standard input"
    path = Path(source)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise FileError(f"{path} is a folder; give a CSV or Parquet file in it.")
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise FileError(f"{path} is a device; give a CSV or Parquet file, or - for the standard input.")
        return path.read_bytes(), str(path)
    except FileNotFoundError as error:
        raise FileError(f"there is no file {path}; {_file_hint(path)}") from error
    except FileError:
        raise
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}.") from error


def _unpacked(content: bytes, name: str) -> bytes:
    """The decompressed content of a gzip file."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            plain = file.read(_MAX_UNPACKED_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(
            f"{name} is not a whole gzip file ({error}); compress it again, or give the plain file."
        ) from error
    if len(plain) > _MAX_UNPACKED_BYTES:
        raise FileError(
            f"{name} holds more than {_MAX_UNPACKED_BYTES >> 30} GiB when unpacked; write the table as Parquet."
        )
    return plain


def _file_hint(path: Path) -> str:
    try:
        known = [beside.name for beside in path.parent.iterdir() if beside.is_file()]
    except OSError:
        return "give the path of a CSV or Parquet file."
    return f"in this folder, {nearest(path.name, known)}"


def _decode(content: bytes, name: str) -> tuple[str, list[str]]:
    """The decoded text, and notes on its encoding."""
    trials = [("utf-8-sig", ""), ("cp1252", "not UTF-8; read as Windows-1252")]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        trials = [("utf-16", "read as UTF-16")]
    elif len(content) > 3 and not any(content[1:64:2]):  # ASCII as UTF-16 without a byte order mark
        trials = [("utf-16-le", "read as UTF-16")]
    for encoding, note in trials:
        try:
            text = content.decode(encoding).rstrip("\x1a")  # the end-of-file character of DOS
        except UnicodeDecodeError:
            continue
        if not _CONTROL.search(text):
            return text, [f"{name}: {note}"] if note else []
    raise FileError(f"{name} is a binary file, not CSV or Parquet; write the table as CSV first.")


def _read_csv(text: str, name: str, notes: list[str], tell: Callable[[float], None]) -> FileTable:
    import pandas as pd

    separator = _separator(text)
    if separator is None:
        text, separator = "\n".join("\t".join(line.split()) for line in text.splitlines()), "\t"
        notes.append(f"{name}: columns are separated by blanks")
    elif separator != ",":
        notes.append(f"{name}: columns are separated by {_SEPARATORS[separator]}")
    rows, lines = _records(text, separator, name, tell)
    header = _header(rows[0], name)
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise FileError(
                f"{name} is not a regular CSV file: line {line} has {len(row)} cells, but its first line names "
                f"{len(header)} columns{_ragged_hint(row, header, separator)}."
            )
    decimal = "," if separator != "," and _has_decimal_commas(rows[1:]) else "."
    if decimal == ",":
        notes.append(f"{name}: numbers have decimal commas")
    cells = dict(zip(header, zip(*rows[1:], strict=True), strict=True)) if len(rows) > 1 else {}
    frame = pd.DataFrame(cells, index=pd.Index(lines[1:], dtype="int64"), columns=header, dtype=object)
    return FileTable(frame, name, tuple(notes), separator=separator, decimal=decimal)


def _separator(text: str) -> str | None:
    """The separator that splits the first lines best into regular numeric columns; None stands for runs of blanks."""
    head = io.StringIO(text[:200_000], newline="").readlines()[:_MAX_SNIFFED_LINES]
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


def _records(text: str, separator: str, name: str, tell: Callable[[float], None]) -> tuple[list[list[str]], list[int]]:
    """The rows that are not blank, the header first, and the lines on which they begin."""
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    stream = io.StringIO(text, newline="")
    reader = csv.reader(stream, delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                rows.append(row)
                lines.append(line)
            line = reader.line_num + 1
            if len(rows) % _PROGRESS_ROWS == 0:
                tell(_PARSING_SHARE * stream.tell() / len(text))
    except csv.Error as error:
        raise FileError(f"{name} is not a CSV file: line {line}: {error}.") from error
    if not rows:
        raise FileError(f"{name} has no column names in its first line; add a line such as a,b,y.")
    return rows, lines


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


def _read_parquet(content: bytes, name: str) -> FileTable:
    import pandas as pd

    try:
        frame = pd.read_parquet(io.BytesIO(content))
        for _, column in frame.select_dtypes(exclude="number").items():
            list(column)  # decodes every cell, so that a damaged one raises here
    except ImportError as error:
        raise FileError(f"reading {name} needs pyarrow; install it with: pip install pyarrow") from error
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError, MemoryError, NotImplementedError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise FileError(f"{name} is not a whole Parquet file ({first}); write it again, or as CSV.") from error
    named = [level for level in frame.index.names if level is not None]
    frame = frame.reset_index(level=named) if named else frame
    frame.columns = pd.Index([str(column) for column in frame.columns], dtype=object)
    check_distinct(list(frame.columns), name)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return FileTable(frame, name, place="row")
