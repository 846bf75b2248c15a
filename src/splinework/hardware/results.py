"""What building or verifying an artefact gives: figures, findings, and whether all is as it should be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splinework.hardware.folders import Kind

Progress = Callable[[str], None]


@dataclass(frozen=True)
class _ArtefactResult:
    """What is known of an artefact.

    Attributes:
        kind: `fpga`, `mcu` or `analog`.
        folder: Where it is.
        name: Of the network in it.
        figures: JSON values: what `report.json` says of a build, what a verification found.
        passed: Whether everything equals the golden model; of analogue circuits, whether it agrees with the device model.
    """

    kind: Kind
    folder: Path
    name: str
    figures: Mapping[str, Any]
    passed: bool


@dataclass(frozen=True)
class BuildResult(_ArtefactResult):
    """An artefact that was written; `notes` says what was decided, in sentences."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult(_ArtefactResult):
    """What verifying a folder found; `failures` says what is not as it should be, in sentences."""

    failures: tuple[str, ...] = ()


def no_progress(text: str) -> None:
    """Takes what is done, and shows nothing."""
