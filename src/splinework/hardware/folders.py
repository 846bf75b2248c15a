"""The folder of an artefact: built in a temporary place and moved to its destination when complete.

An earlier artefact of the same kind is replaced; any other content is refused before the work starts. `artefact.json` identifies
the kind of a folder; the meaning of its files is defined in `fpga_artefact`, `mcu_artefact` and `analog_artefact`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from splinework.errors import ConfigError, FileError
from splinework.errors.stored_values import typed
from splinework.hardware.golden import read_document, write_json
from splinework.nn.checkpoint import own_version
from splinework.nn.files import check_writable, whole_folder

FORMAT: Final = "splinework-artefact/1"
MARKER_FILE: Final = "artefact.json"
Kind = Literal["fpga", "mcu", "analog"]
KINDS: Final[tuple[Kind, ...]] = ("fpga", "mcu", "analog")
_MAX_SHOWN: Final = 4


@dataclass(frozen=True)
class Marker:
    """The content of an artefact's marker file: kind, name of the network, and version of splinework that wrote it.

    `files` lists all other files, relative to the folder; `details` holds further JSON values of the kind.
    """

    kind: Kind
    name: str
    version: str
    files: tuple[str, ...]
    details: dict[str, Any]


def read_marker(folder: Path) -> Marker:
    """Reads the marker file of an artefact's folder.

    Raises:
        FileError: If the folder does not exist, is not an artefact, or is of another version.
    """
    if not folder.is_dir():
        raise FileError(f"there is no folder {folder}; name one that `splinework hardware` wrote.")
    file = folder / MARKER_FILE
    if not file.exists():
        raise FileError(
            f"{folder} has no {MARKER_FILE}, so it is not an artefact; name a folder that `splinework hardware` wrote."
        )
    content = read_document(file, FORMAT, "an artefact")
    try:
        marker: Marker = typed(Marker, {key: v for key, v in content.items() if key != "format"}, "an artefact")
    except ConfigError as error:
        raise FileError(f"{file} is damaged ({error}); rebuild the artefact.") from error
    return marker


def check_place(out: str | os.PathLike[str], kind: Kind) -> Path:
    """Checks, before any work, that an artefact may be written to a folder.

    Raises:
        FileError: If the folder holds anything else, or cannot be written.
    """
    folder = Path(out)
    check_writable(folder)
    check_writable(folder.absolute().parent)
    if folder.is_dir():
        _refuse_others(folder, kind)
    return folder


@contextmanager
def artefact_folder(out: str | os.PathLike[str], kind: Kind, name: str, details: dict[str, Any]) -> Iterator[Path]:
    """Yields an empty temporary folder that becomes the artefact on success and is removed on failure.

    The details, which are stored in the marker file, may be filled until the end.

    Raises:
        FileError: See `check_place`; or if writing fails.
    """
    with whole_folder(check_place(out, kind)) as folder:
        yield folder
        content = {
            "format": FORMAT,
            "kind": kind,
            "name": name,
            "version": own_version(),
            "details": details,
            "files": _files(folder),
        }
        write_json(folder / MARKER_FILE, content)


def _refuse_others(folder: Path, kind: Kind) -> None:
    held = sorted(path.name for path in folder.iterdir())
    if not held:
        return
    if MARKER_FILE not in held:
        shown = ", ".join(held[:_MAX_SHOWN]) + (f" and {len(held) - _MAX_SHOWN} more" if len(held) > _MAX_SHOWN else "")
        raise FileError(f"{folder} is not empty (it holds {shown}); name another folder.")
    marker = read_marker(folder)
    if marker.kind != kind:
        raise FileError(f"{folder} holds an artefact of another kind, {marker.kind}; name another folder.")
    strange = sorted(set(_files(folder)) - set(marker.files) - {MARKER_FILE})
    if strange:
        raise FileError(
            f"{folder} holds an earlier artefact and {len(strange)} files beside it, such as {strange[0]}, which would be lost; "
            "move them away, or name another folder."
        )


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
