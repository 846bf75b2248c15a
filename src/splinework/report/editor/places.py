"""Files that the editor writes: in the folder it was started in, and never in place of another one unless asked to."""

import os
from pathlib import Path
from typing import Any, Final, final

from splinework.errors import FileError

MAX_NAME: Final = 1000
"""Most characters of a path."""


class FileExists(FileError):
    """There is a file of this name already, and the request did not say that it may be replaced."""


@final
class WorkingFolder:
    """The one folder into which a session writes.

    >>> import tempfile
    >>> folder = WorkingFolder(tempfile.mkdtemp())
    >>> folder.place("model.safetensors", (".safetensors",)).name
    'model.safetensors'
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).resolve()

    def place(self, name: Any, suffixes: tuple[str, ...], *, replace: bool = False) -> Path:
        """The path of a file to be written.

        Raises:
            FileError: If the path leads out of the folder, there is no such subfolder, or the name has another suffix.
            FileExists: If there is such a file, and it may not be replaced.
        """
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable() or "\\" in name:
            raise FileError(
                f"a file has a name of printable characters, such as edited{suffixes[0]}; got {name!r:.60}."
            )
        if Path(name).suffix.lower() not in suffixes or Path(name).name.startswith("."):
            raise FileError(f"the name of the file ends in {' or '.join(suffixes)}; got {name!r:.80}.")
        given = Path(name)
        if given.is_absolute() or ".." in given.parts:
            raise FileError(f"{name!r:.80} is outside of {self.folder}; give a path in it.")
        path = self.folder / given
        try:
            parent = path.parent.resolve(strict=True)
            special = path.is_symlink() or (path.exists() and not path.is_file())
        except (OSError, RuntimeError) as error:  # no such folder, a loop of links, a name too long
            raise FileError(f"there is no folder {given.parent} in {self.folder}; make it first.") from error
        if not parent.is_relative_to(self.folder):
            raise FileError(f"{name!r:.80} is outside of {self.folder}; give a path in it.")
        if special:
            raise FileError(f"{name!r:.80} is a link or no regular file; name another one.")
        if path.exists() and not replace:
            raise FileExists(f"there is a file {name} already; name another one, or confirm that it is to be replaced.")
        return path
