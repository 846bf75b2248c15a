"""Temporary folders beside what is written, removed at the end; those of a killed process by the next one that writes there.

Every folder in use is locked; the system releases the lock of a process that dies. So a folder without a lock is left over.
"""

import contextlib
import os
import re
import secrets
import shutil
import string
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PREFIX: Final = ".saving-"
REPLACED: Final = "old"
"""A folder in a temporary folder, which holds what is being replaced, by its name, while its successor moves to its place."""
MIN_AGE_SECONDS: Final = 60.0
"""Age below which a folder without a lock is left alone: between its making and its locking lies a moment."""
SPARE_BYTES: Final = 2**22
"""Memory that is held back to tidy up with, where everything else is used up."""
_LETTERS: Final = string.ascii_lowercase + string.digits
_NAME: Final = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}")


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yields an empty folder inside `parent`, removed at the end, and sweeps what dead processes left there."""
    sweep(parent)
    spare = bytearray(SPARE_BYTES)
    # The name first: an interruption may come as soon as the folder is there. Two processes that draw the same one of 36⁸ names
    # at the same moment are left out of account.
    folder = _unused_name(parent)
    try:
        folder.mkdir(mode=0o700)
        with _lock(folder):
            yield folder
    finally:
        del spare
        try:
            shutil.rmtree(folder, ignore_errors=True)
        except BaseException:  # an interruption
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _unused_name(parent: Path) -> Path:
    while True:
        name = parent / (PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(8)))
        if not os.path.lexists(name):
            return name


def sweep(parent: Path) -> None:
    """Removes temporary folders of dead processes; what one of them was about to replace is put back first."""
    with contextlib.suppress(OSError):
        for name in os.listdir(parent):
            if _NAME.fullmatch(name):
                with contextlib.suppress(OSError):
                    _sweep_one(parent / name)


def _sweep_one(folder: Path) -> None:
    state = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or time.time() - state.st_mtime < MIN_AGE_SECONDS:
        return
    if hasattr(os, "getuid") and state.st_uid != os.getuid():
        return
    with _lock(folder) as free:
        if not free:
            return
        for replaced in (folder / REPLACED).iterdir() if (folder / REPLACED).is_dir() else ():
            if not os.path.lexists(folder.parent / replaced.name):
                os.rename(replaced, folder.parent / replaced.name)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Locks a folder as long as this process lives, at most until the end; False where another one has, or nothing can."""
    try:
        import fcntl
    except ImportError:  # Windows, which removes nothing that is open
        yield False
        return
    with contextlib.ExitStack() as stack:
        try:
            place = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, place)
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # held by its owner, or a file system without locks
            yield False
            return
        yield True
