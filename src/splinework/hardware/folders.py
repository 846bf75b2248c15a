"""The folder of an artefact: made aside, and moved into its place when it is whole.

An earlier artefact of the same kind is replaced; anything else that lies there is refused before any work. `artefact.json` says
what a folder is; what its files mean is known to `fpga_artefact`, `mcu_artefact` and `analog_artefact`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from splinework.errors import FileError
from splinework.hardware.golden import read_document, write_json
from splinework.nn.checkpoint import own_version
from splinework.nn.files import check_writable, whole_folder

FORMAT: Final = "splinework-artefact/1"
MARKER: Final = "artefact.json"
Kind = Literal["fpga", "mcu", "analog"]
KINDS: Final[tuple[Kind, ...]] = ("fpga", "mcu", "analog")
_SHOWN: Final = 4


@dataclass(frozen=True)
class Marker:
    """What a folder says about itself: its kind, the network in it, and the version of splinework that wrote it.

    Files are all in it but the marker, below the folder; details what the kind keeps besides, JSON values.
    """

    kind: Kind
    name: str
    version: str
    files: tuple[str, ...]
    details: dict[str, Any]


def read_marker(folder: Path) -> Marker:
    """What an artefact's folder is.

    Raises:
        FileError: If there is no such folder, it is no artefact, or of another version.
    """
    if not folder.is_dir():
        raise FileError(f"there is no folder {folder}; name one that `splinework hardware` wrote.")
    file = folder / MARKER
    if not file.exists():
        raise FileError(
            f"{folder} has no {MARKER}, so it is no artefact; name a folder that `splinework hardware` wrote."
        )
    content = read_document(file, FORMAT, "an artefact")
    kind, files, details = content.get("kind"), content.get("files"), content.get("details")
    if kind not in KINDS or not isinstance(files, list) or not isinstance(details, dict):
        raise FileError(f"{file} is damaged; write the artefact anew.")
    name, version = str(content.get("name")), str(content.get("version"))
    return Marker(kind, name, version, tuple(map(str, files)), details)


def check_place(out: str | os.PathLike[str], kind: Kind) -> Path:
    """The folder that an artefact may be written to; asks before the work, not after it.

    Raises:
        FileError: If something else lies there, or nothing can be written; with the way out.
    """
    folder = Path(out)
    check_writable(folder)
    check_writable(folder.absolute().parent)
    if folder.is_dir():
        _refuse_others(folder, kind)
    return folder


@contextmanager
def artefact_folder(out: str | os.PathLike[str], kind: Kind, name: str, details: dict[str, Any]) -> Iterator[Path]:
    """Gives an empty folder beside the place; if all goes well it takes the place, else nothing is left of it.

    The details, which the kind keeps in the marker, may be filled until the end.

    Raises:
        FileError: See `check_place`; or if the system refuses to write.
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
        write_json(folder / MARKER, content)


def _refuse_others(folder: Path, kind: Kind) -> None:
    held = sorted(path.name for path in folder.iterdir())
    if not held:
        return
    if MARKER not in held:
        shown = ", ".join(held[:_SHOWN]) + (f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else "")
        raise FileError(f"{folder} is not empty (it holds {shown}); name another folder.")
    marker = read_marker(folder)
    if marker.kind != kind:
        raise FileError(f"{folder} holds an artefact of another kind, {marker.kind}; name another folder.")
    strange = sorted(set(_files(folder)) - set(marker.files) - {MARKER})
    if strange:
        raise FileError(
            f"{folder} holds an earlier artefact and {len(strange)} files beside it, such as {strange[0]}, which would be lost; "
            "move them away, or name another folder."
        )


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
