"""The bytes of a table: a file, a pipe or the standard input, unpacked if it is compressed, and readable more than once.

What a compressed file unpacks to is limited, since a few kilobytes can hold gigabytes.
"""

import gzip
import io
import os
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final

from splinework.errors import ConfigError, FileError

MIN_UNPACKED_BYTES: Final = 1 << 26
MAX_RATIO: Final = 20
"""A file may unpack to the first, or to that many times its size where this is more; tables rarely reach a tenth of the ratio."""


@dataclass(frozen=True)
class TableSource:
    """The content of a file.

    Attributes:
        stream: Its bytes, unpacked; it can be rewound.
        name: Name of the file in messages.
        packed: The bytes as they came.
        size: Number of bytes as they came.
        limit: Maximum number of unpacked bytes.
    """

    stream: BinaryIO
    name: str
    packed: Any
    size: int
    limit: float

    @property
    def share(self) -> float:
        """The share that is read so far."""
        return float(min(self.packed.tell() / max(self.size, 1), 1.0))

    def too_large(self, what: str = "more") -> FileError:
        """The error for content beyond the limit."""
        return FileError(
            f"{self.name} has {self.size} bytes and unpacks to {what} than {int(self.limit)} bytes; if you trust it, raise "
            f"the limit with --max-unpacked {max(int(self.limit) >> 20, 1) * 4} (MiB), or max_unpacked in Python."
        )


@contextmanager
def opened(source: str | os.PathLike[str], max_unpacked: float | None = None) -> Iterator[TableSource]:
    """The content of a file; `-` is the standard input.

    Args:
        source: The file.
        max_unpacked: Maximum size in MiB to which it may unpack; None for the default.

    Raises:
        FileError: If there is no such file, or it cannot be read or unpacked.
        ConfigError: If the maximum is not above 0.
    """
    if max_unpacked is not None and not max_unpacked > 0:
        raise ConfigError(f"max_unpacked (--max-unpacked) is a size in MiB above 0, such as 1000; got {max_unpacked}.")
    with _raw(source) as (raw, name):
        size = raw.seek(0, os.SEEK_END)
        raw.seek(0)
        limit = max(MIN_UNPACKED_BYTES, MAX_RATIO * size) if max_unpacked is None else max_unpacked * 2**20
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        found = TableSource(raw, name, raw, size, limit)
        if packed:
            found = TableSource(io.BufferedReader(_Unpacked(found)), name, raw, size, limit)
        yield found


class _Unpacked(io.RawIOBase):
    """The content of a gzip file, up to the limit."""

    def __init__(self, source: TableSource) -> None:
        self._source, self._file = source, gzip.GzipFile(fileobj=source.packed)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        try:
            content = self._file.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            raise FileError(
                f"{self._source.name} is not a whole gzip file ({error}); compress it again, or give the plain file."
            ) from error
        if self._file.tell() > self._source.limit:
            raise self._source.too_large()
        buffer[: len(content)] = content
        return len(content)


@contextmanager
def _raw(source: str | os.PathLike[str]) -> Iterator[tuple[Any, str]]:
    """The bytes as they came, which can be rewound, and the name in messages."""
    if os.fspath(source) == "-":
        with _kept(sys.stdin.buffer) as stream:
            yield stream, "the standard input"
        return
    path = Path(source)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise FileError(f"{path} is a folder; give a CSV or Parquet file in it.")
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise FileError(f"{path} is a device; give a CSV or Parquet file, or - for the standard input.")
        file = path.open("rb")
    except FileNotFoundError as error:
        raise FileError(f"there is no file {path}; {_file_hint(path)}") from error
    except FileError:
        raise
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}.") from error
    with file:
        if stat.S_ISREG(mode):
            yield file, str(path)
        else:
            with _kept(file) as stream:
                yield stream, str(path)


@contextmanager
def _kept(stream: BinaryIO) -> Iterator[Any]:
    """A copy of what a pipe holds, in a file without a name."""
    with TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        yield copy


def _file_hint(path: Path) -> str:
    try:
        known = [beside.name for beside in path.parent.iterdir() if beside.is_file()]
    except OSError:
        return "give the path of a CSV or Parquet file."
    stems = {name.partition(".")[0]: name for name in known}  # a suffix alone makes no name similar
    near = [stems[stem] for stem in get_close_matches(path.name.partition(".")[0], stems, n=3, cutoff=0.6)]
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    tables = [name for name in sorted(known) if name.lower().endswith((".csv", ".parquet", ".csv.gz", ".tsv"))]
    return f"tables in this folder: {', '.join(map(repr, tables[:12])) or 'none'}."
