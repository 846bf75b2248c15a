"""What building or verifying an artefact gives: figures, findings, and whether all is as it should be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splinework.hardware.folders import Kind

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """An artefact that was written.

    Attributes:
        kind: `fpga`, `mcu` or `analog`.
        folder: Where it is.
        name: Of the network in it.
        figures: What `report.json` says.
        passed: Whether the verification found nothing wrong.
        notes: What was decided, in sentences.
    """

    kind: Kind
    folder: Path
    name: str
    figures: Mapping[str, Any]
    passed: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """What verifying a folder found.

    Attributes:
        kind: `fpga`, `mcu` or `analog`.
        folder: What was verified.
        name: Of the network in it.
        figures: Of the verification, JSON values.
        passed: Whether everything equals the golden model; of analogue circuits, whether it agrees with the device model.
        failures: What does not, in sentences.
    """

    kind: Kind
    folder: Path
    name: str
    figures: Mapping[str, Any]
    passed: bool
    failures: tuple[str, ...] = field(default=())


def nobody(text: str) -> None:
    """Hears how the work goes on."""
