"""Checks of output files and folders before any work, and files that are written whole or not at all."""

import contextlib
import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

import click

from splinework.errors import ConfigError, FileError, SplineworkError
from splinework.nn.files import check_writable, whole_file

_BLOCK_BYTES: Final = 1 << 20


def check_folder(folder: Path, names: Iterable[str], *, overwrite: bool) -> None:
    """Raises unless the files may be written into the folder; called before any work.

    Args:
        folder: Where to write; it need not exist.
        names: The files to come.
        overwrite: Whether files of these names may be replaced, and other files may lie beside them.
    """
    check_writable(folder)
    held = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if held and not overwrite:
        shown = ", ".join(held[:4]) + (f" and {len(held) - 4} more" if len(held) > 4 else "")
        raise FileError(
            f"{folder} is not empty (it holds {shown}); name another folder with --out, or replace the results in it with "
            "--overwrite."
        )
    for name in names:
        if (folder / name).is_dir():
            raise FileError(f"{folder / name} is a folder where a file is to go; name another --out.")


def check_file(out: str, sources: Iterable[str], *, example: str) -> None:
    """Raises unless a file may be written there; called before any work.

    Args:
        out: The file to come.
        sources: The files that are read, - for the standard input: they are not replaced.
        example: The name of such a file.

    Raises:
        ConfigError: With the way out.
        FileError: If nothing can be written beside it, as on a full disk.
    """
    path = Path(out)
    try:
        with contextlib.suppress(FileNotFoundError):
            path.lstat()  # a name that cannot be one
        for source in sources:
            if source != "-" and path.exists() and Path(source).exists() and path.samefile(source):
                raise ConfigError(f"--out {out} is the file that is read; name another one.")
        if path.is_dir():
            raise ConfigError(f"--out {out} is a folder; name a file in it, such as {path / example}.")
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"there is no folder {path.absolute().parent} for --out {out}; make it first.")
        if path.is_file() or not path.exists():  # not a device or a pipe
            check_writable(path.absolute().parent)
    except SplineworkError:
        raise
    except (OSError, ValueError) as error:  # a name too long, a NUL in the name
        raise ConfigError(f"cannot use --out {out}: {getattr(error, 'strerror', None) or error}.") from error


def check_order(model: str, data: str | None) -> None:
    """Raises if a model is given in place of the data."""
    suffix = ".safetensors"
    if data is not None and data.endswith(suffix) and not model.endswith(suffix):
        raise ConfigError(f"the model comes first, then the data: {data} {model}.")


@contextlib.contextmanager
def new_file(out: str | None) -> Iterator[IO[bytes] | None]:
    """Yields a binary file that becomes the output at the end, whole or not at all; nothing is written if an error is raised.

    Args:
        out: The output: `-` for the standard output, None for nowhere; a name that ends in `.gz` is compressed.
    """
    with contextlib.ExitStack() as stack:
        if out is None:
            yield None
            return
        if out == "-":
            file: IO[bytes] = stack.enter_context(TemporaryFile())
        else:
            path = Path(out)
            file = stack.enter_context(whole_file(path))
            if out.endswith(".gz"):
                packed: Any = gzip.GzipFile("", "wb", fileobj=file, mtime=0)
                file = stack.enter_context(packed)
        yield file
        if out == "-":
            file.seek(0)
            for block in iter(lambda: file.read(_BLOCK_BYTES), b""):
                click.echo(block, nl=False)


def write_file(path: Path, content: bytes) -> None:
    """Writes one file, whole or not at all; into a pipe or a device, as far as possible."""
    with new_file(str(path)) as file:
        assert file is not None
        file.write(content)
