"""Atomic writing of files and folders, by a temporary name that is renamed at the end; reading of TOML."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from splinework.errors import ConfigError, FileError

TRIAL_BYTES: Final = 1 << 18
"""What is written on trial before the work begins: a full disk shows then, and not after it."""


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file atomically; it is synced before it replaces an existing one.

    Raises:
        FileError: If it cannot be written; an existing file is left unchanged.
    """
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Yields a temporary file that is synced and replaces `path` on success, and is removed on failure.

    A device or a pipe is written to as it is: renaming a file over /dev/null would replace it.

    Raises:
        FileError: If it cannot be written; an existing file is left unchanged.
    """
    with writing(path):
        is_special = path.exists() and not path.is_file() and not path.is_dir()
    if is_special:
        with writing(path), path.open("wb") as file:
            yield file
        return
    with writing(path), _aside(path.parent) as aside:
        with (aside / "new").open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside / "new", path)


def write_into(folder: Path, writers: Mapping[str, Callable[[Path], None]], *, without: Iterable[str] = ()) -> None:
    """Writes files into a folder, in addition to existing ones. If one of them fails, the folder is left unchanged.

    Args:
        folder: The folder, created if it does not exist.
        writers: Name of each file → function that writes the file to a given path.
        without: Names of outdated files of an earlier call, to be removed.
    """
    if not folder.is_dir():
        with whole_folder(folder) as aside:
            for name, write in writers.items():
                write(aside / name)
        return
    with writing(folder), _aside(folder) as aside:
        for name, write in writers.items():
            write(aside / name)
        for name in writers:
            os.replace(aside / name, folder / name)
        for name in without:
            (folder / name).unlink(missing_ok=True)


@contextmanager
def whole_folder(place: Path) -> Iterator[Path]:
    """Yields an empty temporary folder, which replaces `place` on success and is removed on failure."""
    folder = place.absolute()
    missing = [path for path in folder.parents if not path.exists()]  # innermost first
    with writing(place):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _aside(folder.parent) as aside:
                new, old = aside / "new", aside / "old" / folder.name
                new.mkdir()
                old.parent.mkdir()
                yield new
                if folder.exists():
                    if _exchanged(new, folder):
                        return
                    os.rename(folder, old)
                try:
                    os.rename(new, folder)
                except OSError:
                    if old.exists():
                        os.rename(old, folder)
                    raise
        except BaseException:
            for path in missing:
                with contextlib.suppress(OSError):
                    path.rmdir()
            raise


def _exchanged(one: Path, other: Path) -> bool:
    """Exchanges two names in one call, so that neither is ever missing; False where the system or the disk cannot."""
    if sys.platform != "linux":
        return False
    import ctypes

    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    here, exchanging = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return exchange is not None and exchange(here, os.fsencode(one), here, os.fsencode(other), exchanging) == 0


def check_writable(folder: Path) -> None:
    """Checks, before the work begins, that files may be written into a folder, existing or not.

    Raises:
        FileError: If they may not.
    """
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            folder.lstat()  # raises for an invalid name
        ground = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    except (OSError, ValueError) as error:  # no permission, a name too long, a NUL in the name
        raise FileError(f"cannot use the folder {folder}: {getattr(error, 'strerror', None) or error}.") from error
    if ground.is_symlink() and not ground.exists():
        raise FileError(
            f"cannot use the folder {folder}: {ground} is a link to {os.readlink(ground)}, which does not exist; make that "
            "first, or name another folder."
        )
    if not ground.is_dir():
        raise FileError(f"cannot make the folder {folder}: {ground} is a file; name another folder.")
    if not os.access(ground, os.W_OK | os.X_OK):
        raise FileError(f"cannot write into {ground}: no permission; name another folder.")
    with writing(folder), _aside(ground) as aside, (aside / "trial").open("wb") as file:
        file.write(bytes(TRIAL_BYTES))
        file.flush()
        os.fsync(file.fileno())


def read_toml(path: str | os.PathLike[str], takes: str, *, what: str, most: int = 2**20) -> dict[str, Any]:
    """A small file in TOML as plain values.

    Args:
        path: The file.
        takes: Sentence for messages, such as `--config takes a TOML file`.
        what: Noun for messages, such as `a recipe`.
        most: Maximum size in bytes.

    Raises:
        FileError: If the file cannot be read.
        ConfigError: If it is too large, or not TOML.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        size = Path(path).stat().st_size
        if size > most:
            raise ConfigError(f"{path} has {size} bytes, too many for {what}; {takes}.")
        return tomllib.loads(Path(path).read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not TOML: it is not a text in UTF-8; {takes}.") from error
    except FileNotFoundError as error:
        raise FileError(f"there is no file {path}; {takes}.") from error
    except ConfigError:
        raise
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}; {takes}.") from error
    except (ValueError, RecursionError) as error:  # of the reader; a NUL in the name
        raise ConfigError(f"{path} is not TOML: {error}. {takes[:1].upper()}{takes[1:]}.") from error


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Context that converts an `OSError` to a `FileError` about the place; other errors are not changed."""
    if "\0" in str(place):
        raise FileError(f"cannot write {str(place)!r}: a name must not contain a null character; choose another place.")
    try:
        yield
    except OSError as error:
        cause = error.__cause__ if isinstance(error, FileError) else error
        if not isinstance(cause, OSError) or (cause is not error and not str(error).startswith("cannot write")):
            raise  # of what is read meanwhile
        raise FileError(f"cannot write {place}: {cause.strerror or cause}; choose another place.") from error


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder`; if this process dies, the contents of its `old` are restored."""
    from splinework.data.temporary import temporary_folder  # a fit without a checkpoint writes nothing

    with temporary_folder(folder) as aside:
        yield aside
