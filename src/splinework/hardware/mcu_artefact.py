"""From a network to a folder of C for a microcontroller: integers, files, compared on every processor that is here, measured.

`mcu` builds the folder, `check_folder` looks at one again. The C itself is written in the package `mcu`.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from splinework.errors import ConfigError, FileError
from splinework.hardware import tools
from splinework.hardware.artefact import ArtefactPlan, Model, build
from splinework.hardware.artefact_reports import mcu_report
from splinework.hardware.choosing import ChosenNetwork, QuantisationRecipe, choose
from splinework.hardware.examples import Examples, integer_figures
from splinework.hardware.folders import Kind
from splinework.hardware.integer import Task
from splinework.hardware.mcu import boards
from splinework.hardware.mcu.files import mcu as files_of
from splinework.hardware.mcu.files import write_mcu
from splinework.hardware.mcu.measure import McuCost, measure
from splinework.hardware.mcu.options import McuOptions
from splinework.hardware.mcu.verify import McuVerification, read_artefact, verify_mcu
from splinework.hardware.report_facts import ArtefactReport
from splinework.hardware.results import BuildResult, CheckResult, Progress

MEASURED: Final = ("gcc", "cortex-m0plus", "cortex-m3", "cortex-m4f")
"""Processors whose costs are measured, where their tools are here."""


@dataclass(frozen=True)
class McuRecipe:
    """How an artefact for a microcontroller is made.

    Attributes:
        quantising: How the network becomes integers.
        options: How these become C.
        vectors: Rows that are compared on each processor.
        processors: Names in `mcu.boards.PROCESSORS`; None takes all whose tools are here.
        name: Of the network, an identifier.
        seed: Of held-out rows and of vectors.
        notes: What the report says besides.
    """

    kind: ClassVar[Kind] = "mcu"

    quantising: QuantisationRecipe = field(default_factory=QuantisationRecipe)
    options: McuOptions = field(default_factory=McuOptions)
    vectors: int = 100_000
    processors: tuple[str, ...] | None = None
    name: str = "kan"
    seed: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.vectors < 1:
            raise ConfigError(f"vectors is at least 1, got {self.vectors}.")
        boards.processors(self.processors)

    def need(self) -> None:
        """Raises a ConfigError unless what was asked for can be compiled here, or anything at all: says what to install."""
        chosen = boards.processors(self.processors)
        missing = {name for p in chosen for name in p.missing()}
        if missing and (self.processors is not None or all(p.missing() for p in chosen)):
            tools.need(*sorted(missing), purpose="an artefact for a microcontroller")

    def plan(self, model: Model, rows: Examples | None, tell: Progress) -> ArtefactPlan:
        """The network of integers.

        Raises:
            ConfigError: If it cannot be written as C by this recipe.
        """
        chosen = choose(model, rows, self.quantising, name=self.name, progress=tell)
        files_of(chosen.golden, options=self.options)  # refuses before anything is written
        details = {"vectors": self.vectors, "seed": self.seed}
        return ArtefactPlan(chosen.golden.name, details, partial(self._write, rows, chosen))

    def _write(self, rows: Examples | None, chosen: ChosenNetwork, folder: Path, tell: Progress) -> ArtefactReport:
        """Writes, compares and measures the C."""
        golden = chosen.golden
        tell("writing C")
        write_mcu(golden, folder, options=self.options)
        tell(f"comparing {self.vectors} vectors on each processor")
        data = rows.held_x if rows is not None else None
        found = verify_mcu(folder, rows=self.vectors, seed=self.seed, processors=self.processors, data=data)
        tell("measuring instructions, flash and RAM")
        figures = integer_figures(chosen.teacher, golden, rows) | _measured(found, _costs(folder, self.processors))
        held = rows.notes if rows is not None else ()
        notes = (*self.notes, *chosen.notes, *held, *_remarks(found, figures))
        return mcu_report(golden, figures, notes, chosen.front)


def mcu(
    model: Model,
    out: str | os.PathLike[str],
    *,
    x: Any = None,
    y: Any = None,
    test: tuple[Any, Any] | None = None,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    recipe: McuRecipe | None = None,
    progress: Progress | None = None,
) -> BuildResult:
    """Builds a folder of C99 that equals a quantised network bit for bit, and compares and measures it.

    Args:
        model: A trained network, in a frame or not, or one of integers.
        out: The folder; an earlier artefact of this kind in it is replaced.
        x: Rows in raw units; not needed with integers.
        y: Targets in raw units, or numbers of classes.
        test: Rows to judge by; None holds some of x back.
        task: `classification` if the outputs are logits.
        classes: Names of the classes.
        recipe: How it is made.
        progress: Is told what is done.

    Raises:
        ConfigError: If a program is missing (what to install), or something does not fit the recipe.
        DataError: If the rows are not usable.
        FileError: If the folder cannot be used. Nothing is written in all these cases.

    Example:
        >>> import splinework as sw
        >>> sw.hardware.mcu(sw.KAN([2, 1]), "out")
        Traceback (most recent call last):
            ...
        splinework.errors.ConfigError: a trained network is built by rows that are typical for its use; give x and y.
    """
    how = recipe or McuRecipe()
    return build(how, model, out, x=x, y=y, test=test, task=task, classes=classes, progress=progress)


def check_folder(folder: Path, name: str, vectors: int, seed: int, proof: bool, tell: Progress) -> CheckResult:
    """Compiles and compares the files in a folder as they are; see `artefact.verify`."""
    tell(f"comparing {vectors} vectors on each processor")
    read_artefact(folder)
    McuRecipe().need()
    try:
        found = verify_mcu(folder, rows=vectors, seed=seed)
    except FileError as error:  # what does not compile is not what it should be
        figures = {"vectors": 0, "mismatches": 0, "error": str(error)}
        return CheckResult("mcu", folder, name, figures, passed=False, failures=(str(error),))
    failures = [f"{run.processor}: {text}" for run in found.runs for text in run.failures]
    failures += [
        f"{run.processor}: {run.misquantised} of {run.quantised} values got a code that the golden model does not allow"
        for run in found.runs
        if run.misquantised
    ]
    return CheckResult("mcu", folder, name, found.to_dict(), found.passed, tuple(failures))


def _costs(folder: Path, processors: Sequence[str] | None) -> dict[str, list[McuCost]]:
    """Of every processor that was asked for and can be measured here; none is no error."""
    names = []
    for name in (p for p in MEASURED if processors is None or p in processors):
        counted = tools.find("valgrind") is not None if boards.PROCESSORS[name].machine is None else True
        if counted and not boards.PROCESSORS[name].missing():
            names.append(name)
    return measure(folder, processors=names) if names else {}


def _measured(found: McuVerification, costs: dict[str, list[McuCost]]) -> dict[str, Any]:
    predict, quantise = ({cost.processor: cost for cost in costs.get(name, ())} for name in ("predict", "quantise"))
    counts = {
        word: {name: _plain(getattr(cost, word)) for name, cost in predict.items()}
        for word in ("instructions", "flash", "ram", "stack")
    }
    return {
        "vectors": found.vectors,
        "mismatches": found.mismatches,
        **counts,
        "quantise_instructions": {name: _plain(cost.instructions) for name, cost in quantise.items()},
        "verification": found.to_dict(),
        "tools": dict(found.tools),
    }


def _plain(value: float | None) -> float | int | None:
    if value is None:
        return None
    return int(value) if float(value).is_integer() else round(float(value), 1)


def _remarks(found: McuVerification, figures: dict[str, Any]) -> tuple[str, ...]:
    said = [f"{name} was not tried: {why}" for name, why in found.skipped.items()]
    if not figures["instructions"]:
        said.append("no instructions were counted: valgrind and the tools for ARM are not installed")
    return tuple(said)
