"""Files into a folder, all or none: written aside first, then moved into place."""

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from splinework.errors import ConfigError, FileError


def check_folder(folder: Path, names: Iterable[str], *, overwrite: bool) -> None:
    """Raises unless the files may be written into the folder; asks before the work, not after it.

    Args:
        folder: Where to write; it need not exist.
        names: The files to come.
        overwrite: Whether files of these names may be replaced, and other files may lie beside them.

    Raises:
        FileError: With the way out.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise FileError(f"--out {folder} is not a folder; name another one.")
        if folder.is_dir():
            held = sorted(path.name for path in folder.iterdir())
            if held and not overwrite:
                shown = ", ".join(held[:4]) + (f" and {len(held) - 4} more" if len(held) > 4 else "")
                raise FileError(
                    f"{folder} is not empty (it holds {shown}); name another folder with --out, or replace the results "
                    "in it with --overwrite."
                )
            for name in names:
                if (folder / name).is_dir():
                    raise FileError(f"{folder / name} is a folder where a file is to go; name another --out.")
        ground = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    except FileError:
        raise
    except (OSError, ValueError) as error:  # no permission to look, a name too long, a NUL in the name
        raise FileError(f"cannot use the folder {folder}: {getattr(error, 'strerror', None) or error}.") from error
    if not ground.is_dir():
        raise FileError(f"cannot make the folder {folder}: {ground} is not a folder; name another --out.")
    if not os.access(ground, os.W_OK | os.X_OK):
        raise FileError(f"cannot write into {ground}: no permission; name another folder with --out.")


def check_file(out: str, sources: Iterable[str], *, example: str) -> None:
    """Raises unless a file may be written there; asks before the work, not after it.

    Args:
        out: The file to come.
        sources: The files that are read, - for the standard input: they are not replaced.
        example: The name of such a file.

    Raises:
        ConfigError: With the way out.
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
    except ConfigError:
        raise
    except (OSError, ValueError) as error:  # a name too long, a NUL in the name
        raise ConfigError(f"cannot use --out {out}: {getattr(error, 'strerror', None) or error}.") from error


def check_order(model: str, data: str | None) -> None:
    """Raises if a model stands where the data should.

    Raises:
        ConfigError: With the right order.
    """
    ending = ".safetensors"
    if data is not None and data.endswith(ending) and not model.endswith(ending):
        raise ConfigError(f"the model comes first, then the data: {data} {model}.")


def write_folder(folder: Path, writers: Mapping[str, Callable[[Path], None]], *, without: Iterable[str] = ()) -> None:
    """Writes files into a folder. If one of them fails, the folder stays as it was.

    Args:
        folder: Made where it does not exist.
        writers: Name of each file → what writes it to the path that it is given.
        without: Files of an earlier job that would now mislead; they are removed.

    Raises:
        FileError: If something cannot be written.
    """
    from splinework.nn.checkpoint import make_parents, umask

    made: list[Path] = []
    aside: Path | None = None
    try:
        made = make_parents(folder)
        aside = Path(tempfile.mkdtemp(prefix=".splinework-", dir=folder if folder.is_dir() else folder.parent))
        for name, write in writers.items():
            write(aside / name)
        if folder.is_dir():
            for name in writers:
                os.replace(aside / name, folder / name)
            for name in without:
                (folder / name).unlink(missing_ok=True)
        else:
            aside.chmod(0o777 & ~umask())  # mkdtemp makes folders private
            os.rename(aside, folder)
        made = []
    except OSError as error:
        raise FileError(
            f"cannot write into {folder}: {_reason(error)}; nothing there was changed. Name another --out."
        ) from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir()


def write_file(path: Path, content: bytes) -> None:
    """Writes one file, whole or not at all; into a pipe or a device, as far as it takes it.

    Raises:
        FileError: If it cannot be written.
    """
    from splinework.nn.checkpoint import write_whole

    try:
        plain = not path.exists() or stat.S_ISREG(path.stat().st_mode)
        if not plain:  # renaming a file over /dev/null would replace the device
            path.write_bytes(content)
    except (OSError, ValueError) as error:
        raise FileError(f"cannot write {path}: {_reason(error)}; choose another place.") from error
    if plain:
        write_whole(path, content)


def _reason(error: Exception) -> str:
    """What the system said, whoever wrapped it."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    number = getattr(cause, "errno", None)
    if number == errno.ENOSPC:
        return "no space left on the device"
    return getattr(cause, "strerror", None) or str(cause)
