"""Builds a verified artefact folder of any kind from a network and rows, and checks such a folder again.

Everything specific to a kind is in its recipe, in `fpga_artefact`, `mcu_artefact` and `analog_artefact`. A recipe names the
programs it needs and makes a plan; a plan writes its files into an empty folder, verifies them there and reports.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from splinework.errors.foreign import explained
from splinework.hardware.examples import Examples, examples
from splinework.hardware.folders import Kind, artefact_folder, check_place, read_marker
from splinework.hardware.golden import ChangedError
from splinework.hardware.integer import IntegerModel, Task
from splinework.hardware.report_facts import ArtefactReport
from splinework.hardware.report_page import write_report
from splinework.hardware.results import BuildResult, CheckResult, Progress, no_progress
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN

Model = KAN | FramedKAN | IntegerModel
ModelT = TypeVar("ModelT", contravariant=True)


@dataclass(frozen=True, eq=False)
class ArtefactPlan:
    """An artefact that is ready to be written.

    Attributes:
        name: Name of the network.
        details: JSON values that a later check needs.
        write: Function that writes all files but the report into an empty folder and verifies them there.
    """

    name: str
    details: Mapping[str, Any]
    write: Callable[[Path, Progress], ArtefactReport]


class ArtefactRecipe(Protocol[ModelT]):
    """The recipe of an artefact of one kind."""

    kind: ClassVar[Kind]

    @property
    def seed(self) -> int:
        """Seed of the held-out rows and of the vectors."""
        ...

    def need(self) -> None:
        """Raises a ConfigError with installation advice unless the required programs are installed."""
        ...

    def plan(self, model: ModelT, rows: Examples | None, tell: Progress) -> ArtefactPlan:
        """Checks feasibility, trains and chooses the network: everything that needs no folder."""
        ...


def build(
    recipe: ArtefactRecipe[Any],
    model: Model,
    out: str | os.PathLike[str],
    *,
    x: Any = None,
    y: Any = None,
    test: tuple[Any, Any] | None = None,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> BuildResult:
    """Builds an artefact atomically: checks the destination, then the rows and programs, then writes and verifies.

    The arguments and errors are those of `fpga`; the recipe determines the kind.
    """
    tell = progress or no_progress
    place = check_place(out, recipe.kind)
    rows = None
    if x is not None or not isinstance(model, IntegerModel):
        rows = examples(model, x, y, test=test, task=task, classes=classes, seed=recipe.seed)
    recipe.need()
    plan = recipe.plan(model, rows, tell)
    with artefact_folder(place, recipe.kind, plan.name, dict(plan.details)) as folder:
        report = plan.write(folder, tell)
        write_report(folder, report)
    return BuildResult(recipe.kind, place, plan.name, report.figures, report.passed, report.notes)


@explained
def check(
    folder: str | os.PathLike[str],
    *,
    vectors: int | None = None,
    seed: int | None = None,
    proof: bool = True,
    progress: Progress | None = None,
) -> CheckResult:
    """Checks the files of an artefact against its golden model or device model; nothing in the folder is changed.

    An FPGA circuit is simulated and its neurons are proven, C is compiled and run, an analogue netlist is run in ngspice.

    Args:
        folder: Folder written by `fpga`, `mcu` or `analog`.
        vectors: Number of vectors to compare; None takes the number of the build.
        seed: Seed of the random vectors; None takes that of the build.
        proof: Whether to prove the neurons of an FPGA circuit.
        progress: Callback that receives a line of text for every step.

    Returns:
        The figures and failures found, and whether the artefact passed.

    Raises:
        FileError: If the folder is not an artefact, a file is missing, or it is of another version.
        ConfigError: If a program is missing; the message names the packages to install.

    Example:
        >>> import splinework as sw
        >>> sw.hardware.check("nowhere")
        Traceback (most recent call last):
            ...
        splinework.errors.FileError: there is no folder nowhere; name one that `splinework hardware` wrote.
    """
    place = Path(folder)
    marker = read_marker(place)
    before = marker.details
    count = vectors if vectors is not None else int(before.get("vectors", 60))
    own = seed if seed is not None else int(before.get("seed", 0))
    kind = import_module(f"splinework.hardware.{marker.kind}_artefact")
    try:
        found: CheckResult = kind.check_folder(place, marker.name, count, own, proof, progress or no_progress)
    except ChangedError as error:  # a changed golden model is a failed check
        return CheckResult(marker.kind, place, marker.name, {}, passed=False, failures=(str(error),))
    return found
