"""From a network to a folder of C for a microcontroller: integers, files, compared on every processor that is here, measured.

`mcu` builds the folder, `verify_mcu_folder` looks at one again. The C itself is written in the package `mcu`.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from splinework.errors import ConfigError, FileError
from splinework.hardware import tools
from splinework.hardware.artefact_reports import mcu_report
from splinework.hardware.choosing import Quantising, choose
from splinework.hardware.examples import Examples, examples, figures_of, saturation
from splinework.hardware.folders import artefact_folder, check_place, read_marker
from splinework.hardware.integer import IntegerModel, Task
from splinework.hardware.made import Checked, Made, Progress, nobody
from splinework.hardware.mcu import boards
from splinework.hardware.mcu.files import mcu as files_of
from splinework.hardware.mcu.files import write_mcu
from splinework.hardware.mcu.measure import Cost, measure
from splinework.hardware.mcu.options import Options
from splinework.hardware.mcu.verify import McuVerification, read_artefact, verify_mcu
from splinework.hardware.report_page import write_report
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN

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

    quantising: Quantising = field(default_factory=Quantising)
    options: Options = field(default_factory=Options)
    vectors: int = 100_000
    processors: tuple[str, ...] | None = None
    name: str = "kan"
    seed: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.vectors < 1:
            raise ConfigError(f"vectors is at least 1, got {self.vectors}.")
        for name in self.processors or ():
            boards.processor(name)


def mcu(
    model: KAN | FramedKAN | IntegerModel,
    out: str | os.PathLike[str],
    *,
    x: Any = None,
    y: Any = None,
    test: tuple[Any, Any] | None = None,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    recipe: McuRecipe | None = None,
    progress: Progress | None = None,
) -> Made:
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
        ConfigError: If a tool is missing (what to install), or something does not fit the recipe.
        DataError: If the rows are not usable.
        FileError: If the folder cannot be used. Nothing is written in all these cases.

    Example:
        >>> import splinework as sw
        >>> sw.hardware.mcu(sw.KAN([2, 1]), "out")
        Traceback (most recent call last):
            ...
        splinework.errors.ConfigError: a trained network is built by rows that are typical for its use; give x and y.
    """
    how, tell = recipe or McuRecipe(), progress or nobody
    place = check_place(out, "mcu")
    rows = None
    if x is not None or isinstance(model, KAN | FramedKAN):
        rows = examples(model, x, y, test=test, task=task, classes=classes, seed=how.seed)
    need_compilers(how.processors)
    chosen = choose(model, rows, how.quantising, name=how.name, progress=tell)
    golden = chosen.golden
    files_of(golden, options=how.options)  # refuses before anything is written
    details = {"vectors": how.vectors, "seed": how.seed}
    with artefact_folder(place, "mcu", golden.name, details) as folder:
        tell("writing C")
        write_mcu(golden, folder, options=how.options)
        tell(f"comparing {how.vectors} vectors on each processor")
        data = rows.held_x if rows is not None else None
        found = verify_mcu(folder, rows=how.vectors, seed=how.seed, processors=how.processors, data=data)
        tell("measuring instructions, flash and RAM")
        costs = _costs(folder, how.processors)
        figures = _figures(chosen.teacher, golden, rows, found, costs)
        notes = (*how.notes, *chosen.notes, *(rows.notes if rows is not None else ()), *_remarks(found, figures))
        write_report(folder, mcu_report(golden, figures, notes, chosen.front))
    return Made("mcu", place, golden.name, figures, found.passed, notes)


def verify_mcu_folder(
    folder: Path, *, vectors: int | None = None, seed: int | None = None, progress: Progress | None = None
) -> Checked:
    """Compiles and compares the files in a folder as they are.

    Args:
        folder: What `mcu` wrote; nothing is written to it.
        vectors: Rows; None takes as many as when it was built.
        seed: Of the rows; None takes that of then.
        progress: Is told what is done.

    Raises:
        FileError: If a file is missing, or of another version.
        ConfigError: If no compiler is here: what to install.
    """
    marker = read_marker(folder)
    rows = vectors if vectors is not None else int(marker.details.get("vectors", 100_000))
    (progress or nobody)(f"comparing {rows} vectors on each processor")
    read_artefact(folder)
    need_compilers(None)
    try:
        found = verify_mcu(folder, rows=rows, seed=seed if seed is not None else int(marker.details.get("seed", 0)))
    except FileError as error:  # what does not compile is not what it should be
        return Checked(
            "mcu", folder, marker.name, {"vectors": 0, "mismatches": 0, "error": str(error)}, False, (str(error),)
        )
    failures = tuple(f"{run.processor}: {text}" for run in found.runs for text in run.failures)
    counted = tuple(
        f"{run.processor}: {run.misquantised} of {run.quantised} values got a code that the golden model does not allow"
        for run in found.runs
        if run.misquantised
    )
    return Checked("mcu", folder, found.name, found.to_dict(), found.passed, failures + counted)


def need_compilers(processors: Sequence[str] | None) -> None:
    """Raises unless what was asked for can be compiled here, or anything at all.

    Raises:
        ConfigError: Says what to install.
    """
    chosen = [boards.processor(name) for name in (boards.PROCESSORS if processors is None else processors)]
    missing = {name for p in chosen for name in p.missing()}
    if missing and (processors is not None or all(p.missing() for p in chosen)):
        tools.need(*sorted(missing), purpose="an artefact for a microcontroller")


def _costs(folder: Path, processors: Sequence[str] | None) -> dict[str, list[Cost]]:
    """Of every processor that was asked for and can be measured here; none is no error."""
    names = []
    for name in (p for p in MEASURED if processors is None or p in processors):
        counted = tools.find("valgrind") is not None if boards.PROCESSORS[name].machine is None else True
        if counted and not boards.PROCESSORS[name].missing():
            names.append(name)
    return measure(folder, processors=names) if names else {}


def _figures(
    model: KAN | FramedKAN | None,
    golden: IntegerModel,
    rows: Examples | None,
    found: McuVerification,
    costs: dict[str, list[Cost]],
) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    if rows is not None:
        figures |= figures_of(model, golden, rows)
        figures["rows_held_back"] = len(rows.held_x)
        figures["saturated"] = dict(saturation(golden, rows.all_x))
    figures["vectors"] = found.vectors
    figures["mismatches"] = found.mismatches
    predict = {cost.processor: cost for cost in costs.get("predict", ())}
    for word in ("instructions", "flash", "ram", "stack"):
        figures[word] = {name: _plain(getattr(cost, word)) for name, cost in predict.items()}
    quantise = {cost.processor: cost for cost in costs.get("quantise", ())}
    figures["quantise_instructions"] = {name: _plain(cost.instructions) for name, cost in quantise.items()}
    figures["tables"] = golden.edges
    figures["shape"] = golden.shape
    figures["input_bits"] = [wire.format.width for wire in golden.inputs]
    figures["verification"] = found.to_dict()
    figures["tools"] = dict(found.tools)
    return figures


def _plain(value: float | None) -> float | int | None:
    if value is None:
        return None
    return int(value) if float(value).is_integer() else round(float(value), 1)


def _remarks(found: McuVerification, figures: dict[str, Any]) -> tuple[str, ...]:
    said = [f"{name} was not tried: {why}" for name, why in found.skipped.items()]
    if not figures["instructions"]:
        said.append("no instructions were counted: valgrind and the tools for ARM are not installed")
    return tuple(said)
