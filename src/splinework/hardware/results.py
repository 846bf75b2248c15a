"""Results of building or checking an artefact: figures, failures, and whether it passed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splinework.hardware.folders import Kind

Progress = Callable[[str], None]


@dataclass(frozen=True)
class _ArtefactResult:
    """The part that both results have in common.

    Attributes:
        kind: `fpga`, `mcu` or `analog`.
        folder: Folder of the artefact.
        name: Name of the network in it.
        figures: JSON values: those of `report.json` after a build, the findings of a check.
        passed: Whether everything equals the golden model; for analogue circuits, whether they agree with the device model.
    """

    kind: Kind
    folder: Path
    name: str
    figures: Mapping[str, Any]
    passed: bool


@dataclass(frozen=True)
class BuildResult(_ArtefactResult):
    """The result of a build; `notes` holds the decisions, one sentence each."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult(_ArtefactResult):
    """The result of a check; `failures` holds the discrepancies, one sentence each."""

    failures: tuple[str, ...] = ()


def no_progress(text: str) -> None:
    """A progress callback that ignores the text."""
