"""Artefacts for microcontrollers: quantisation, C files, comparison and measurement on every available processor.

`mcu` builds a folder, `check_folder` checks one again. The C itself is generated in the package `mcu`.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from splinework.errors import ConfigError, FileError
from splinework.errors.foreign import explained, explained_record
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
from splinework.hardware.mcu.measurement import McuCost, measure
from splinework.hardware.mcu.options import McuOptions
from splinework.hardware.mcu.verify import McuVerification, read_artefact, verify_mcu
from splinework.hardware.report_facts import ArtefactReport
from splinework.hardware.results import BuildResult, CheckResult, Progress

MEASURED_PROCESSORS: Final = ("gcc", "cortex-m0plus", "cortex-m3", "cortex-m4f")
"""Processors whose costs are measured if their tools are installed."""


@explained_record
@dataclass(frozen=True)
class McuRecipe:
    """The recipe of an artefact for a microcontroller.

    Attributes:
        quantisation: Recipe of the quantised network.
        options: Options of the C generator.
        vectors: Number of vectors to compare on each processor.
        processors: Names in `mcu.boards.PROCESSORS`; None takes all whose tools are installed.
        name: Identifier of the network.
        seed: Seed of the held-out rows and of the vectors.
        notes: Further sentences for the report.

    Raises:
        ConfigError: If a value is out of range or a processor is unknown.

    Example:
        >>> McuRecipe(options=McuOptions(prefer="flash"), processors=("gcc",)).vectors
        100000
    """

    kind: ClassVar[Kind] = "mcu"

    quantisation: QuantisationRecipe = field(default_factory=QuantisationRecipe)
    options: McuOptions = field(default_factory=McuOptions)
    vectors: int = 100_000
    processors: tuple[str, ...] | None = None
    name: str = "kan"
    seed: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.vectors < 1:
            raise ConfigError(f"vectors must be at least 1, got {self.vectors}.")
        boards.processors(self.processors)

    def need(self) -> None:
        """Raises a ConfigError unless the given processors, or any at all, have their tools installed."""
        chosen = boards.processors(self.processors)
        missing = {name for p in chosen for name in p.missing()}
        if missing and (self.processors is not None or all(p.missing() for p in chosen)):
            tools.need(*sorted(missing), purpose="an artefact for a microcontroller")

    def plan(self, model: Model, rows: Examples | None, tell: Progress) -> ArtefactPlan:
        """Chooses the quantised network.

        Raises:
            ConfigError: If it cannot be written as C with these options.
        """
        chosen = choose(model, rows, self.quantisation, name=self.name, progress=tell)
        files_of(chosen.golden, options=self.options)  # raises before anything is written
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


@explained
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
    """Builds a folder of C99 that equals a quantised network bit for bit, compared and measured on several processors.

    Nothing is written if an error is raised.

    Args:
        model: A trained network, framed or not, or a quantised one.
        out: Folder to write; an earlier microcontroller artefact in it is replaced.
        x: Rows in raw units, `(n, inputs)`; not needed for a quantised network.
        y: Targets in raw units, `(n, outputs)`, or class indices `(n,)`.
        test: Held-out rows `(x, y)` for the figures; None holds some of x out.
        task: `regression`, or `classification` if the outputs are logits.
        classes: Names of the classes; None numbers them.
        recipe: Recipe of the artefact; None takes the defaults.
        progress: Callback that receives a line of text for every step.

    Returns:
        The figures of the report, the notes, and whether all checks passed.

    Raises:
        ConfigError: If a program is missing, or the network or rows do not suit the recipe.
        DataError: If the rows contain missing or non-finite values, or are too few.
        FileError: If the folder cannot be used.

    Example:
        >>> import splinework as sw
        >>> sw.hardware.mcu(sw.KAN([2, 1]), "out")
        Traceback (most recent call last):
            ...
        splinework.errors.ConfigError: building from a trained network needs rows that are typical of its use; give x and y.
    """
    how = recipe or McuRecipe()
    return build(how, model, out, x=x, y=y, test=test, task=task, classes=classes, progress=progress)


def check_folder(folder: Path, name: str, vectors: int, seed: int, proof: bool, tell: Progress) -> CheckResult:
    """Compiles and compares the files in a folder as they are; see `artefact.check`."""
    tell(f"comparing {vectors} vectors on each processor")
    read_artefact(folder)
    McuRecipe().need()
    try:
        found = verify_mcu(folder, rows=vectors, seed=seed)
    except FileError as error:  # C that does not compile is a failed check
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
    """Costs on every requested processor that can be measured here, possibly none."""
    names = []
    for name in (p for p in MEASURED_PROCESSORS if processors is None or p in processors):
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
    remarks = [f"{name} was skipped: {why}" for name, why in found.skipped.items()]
    if not figures["instructions"]:
        remarks.append("no instructions were counted: valgrind and the tools for ARM are not installed")
    return tuple(remarks)
