"""From a network and rows to a verified folder of any kind, and a folder of any kind verified again.

What a kind does by itself is its recipe's: `fpga_artefact`, `mcu_artefact` and `analog_artefact` bring one each. A recipe says
which programs it takes and makes a plan; a plan writes its files into an empty folder, verifies them there and reports.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

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
    """An artefact that is about to be written.

    Attributes:
        name: Of the network.
        details: What verifying it again must know, JSON values.
        write: Writes all files but the report into an empty folder, and verifies them there.
    """

    name: str
    details: Mapping[str, Any]
    write: Callable[[Path, Progress], ArtefactReport]


class ArtefactRecipe(Protocol[ModelT]):
    """How an artefact of one kind is made."""

    kind: ClassVar[Kind]

    @property
    def seed(self) -> int:
        """Of the rows held back, and of vectors."""
        ...

    def need(self) -> None:
        """Raises a ConfigError that says what to install, unless the programs are here."""
        ...

    def plan(self, model: ModelT, rows: Examples | None, tell: Progress) -> ArtefactPlan:
        """All that takes no folder: refuses what cannot be built, trains, chooses."""
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
    """Builds an artefact: the place is checked first, then rows and programs; the folder is there whole or not at all.

    Args, and what is raised, are those of `fpga`; `recipe` is of the kind that is wanted.
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


def check(
    folder: str | os.PathLike[str],
    *,
    vectors: int | None = None,
    seed: int | None = None,
    proof: bool = True,
    progress: Progress | None = None,
) -> CheckResult:
    """Verifies an artefact again; nothing in its folder is changed.

    A circuit for an FPGA is simulated and its neurons are proven, C is compiled and run, an analogue netlist is run in ngspice.

    Args:
        folder: What `fpga`, `mcu` or `analog` wrote.
        vectors: How many; of an analogue netlist rows. None takes as many as when it was built.
        seed: Of drawn vectors; None takes that of then.
        proof: Whether neurons are proven, where there are some.
        progress: Is told what is done.

    Raises:
        FileError: If it is no artefact, a file is missing, or of another version.
        ConfigError: If a program is missing: what to install.

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
    count = vectors if vectors is not None else int(before.get("vectors", before.get("rows", 60)))
    own = seed if seed is not None else int(before.get("seed", 0))
    kind = import_module(f"splinework.hardware.{marker.kind}_artefact")
    try:
        found: CheckResult = kind.check_folder(place, marker.name, count, own, proof, progress or no_progress)
    except ChangedError as error:  # nothing can equal a golden model that is not the one it was made with
        return CheckResult(marker.kind, place, marker.name, {}, passed=False, failures=(str(error),))
    return found
