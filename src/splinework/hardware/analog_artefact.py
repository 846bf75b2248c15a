"""Artefacts for analogue arrays: circuits, training through the device, netlist, FPAA document, yields.

`analog` builds a folder, `check_folder` runs its netlist again. The circuits are in the package `analog`.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from splinework.errors import ConfigError, DataError, FileError
from splinework.errors.foreign import explained, explained_record
from splinework.hardware import tools
from splinework.hardware.analog.budget import area, check_headroom, power
from splinework.hardware.analog.fpaa import save_fpaa
from splinework.hardware.analog.fpaa_check import check_fpaa
from splinework.hardware.analog.fpaa_placement import fpaa_document
from splinework.hardware.analog.netlist import netlist
from splinework.hardware.analog.network import AnalogNetwork
from splinework.hardware.analog.yields import YieldAtCondition
from splinework.hardware.analog_checks import NetlistAgreement, compare
from splinework.hardware.analog_files import read_analog, write_analog
from splinework.hardware.analog_report import analog_report
from splinework.hardware.analog_study import Study, StudySettings, small_enough, study_of
from splinework.hardware.artefact import ArtefactPlan, build
from splinework.hardware.examples import Examples, merit, outputs_of
from splinework.hardware.folders import Kind
from splinework.hardware.integer import Task
from splinework.hardware.report_facts import ArtefactReport
from splinework.hardware.results import BuildResult, CheckResult, Progress
from splinework.nn.files import write_whole
from splinework.nn.network import KAN

_MIN_HELD_OUT_ROWS = 5
_MIN_SPICE_ROWS, _MAX_SPICE_ROWS, _MAX_SPICE_ELEMENTS = 12, 60, 9000
"""Number of rows at which ngspice is run: at least, at most, and rows times elements, which take about a minute."""


@explained_record
@dataclass(frozen=True)
class AnalogRecipe(StudySettings):
    """The recipe of an analogue artefact.

    Attributes:
        max_elements: Largest number of differential pairs per edge.
        tolerance: Largest rms error of an edge relative to its span.
        programming_error: Relative standard deviation of programmed currents.
        read_noise: Standard deviation of the noise of every sum relative to its span.
        steps: Number of steps of training through the device; 0 keeps the fitted values.
        draws: Number of chips drawn for the yield.
        limit: Accuracy, or RMSE in raw units, that a good chip reaches; None derives it from the circuits without errors.
        shape: Shape of the network to build; see `students.shapes_for`.
        technology: Parameters of the device.
        vectors: Number of rows at which ngspice is run; None takes 60, fewer for large networks.
        name: Identifier of the network.
        seed: Seed of everything random.
        fpaa: Whether to write a document for a field-programmable array, which the network must then fit.
        notes: Further sentences for the report.

    Raises:
        ConfigError: If a value is out of range.

    Example:
        >>> AnalogRecipe(max_elements=8, programming_error=0.02).draws
        100
    """

    kind: ClassVar[Kind] = "analog"

    def need(self) -> None:
        """Raises a ConfigError with installation advice unless ngspice is installed."""
        tools.need("ngspice", purpose="an analogue artefact")

    def plan(self, model: KAN, rows: Examples | None, tell: Progress) -> ArtefactPlan:
        """Fits the circuits, trains them through the device, and places them on the array.

        Raises:
            ConfigError: If an edge is too steep for the device, or the network does not fit the array.
            DataError: If too few rows are held out.
        """
        if rows is None or len(rows.held_x) < _MIN_HELD_OUT_ROWS:
            held = 0 if rows is None else len(rows.held_x)
            raise DataError(f"yields need at least {_MIN_HELD_OUT_ROWS} held-out rows, got {held}; give more rows.")
        chosen, notes = small_enough(model, rows, self, tell)
        study = study_of(chosen, rows, self, tell)
        check_headroom(study.network)
        document = None
        if self.fpaa:
            tell("placing blocks on the array")
            document = fpaa_document(study.network, rows=rows.x[:256], seed=self.seed)
            check_fpaa(document)
        usual = max(_MIN_SPICE_ROWS, min(_MAX_SPICE_ROWS, _MAX_SPICE_ELEMENTS // max(1, study.network.element_count)))
        count = self.vectors if self.vectors is not None else usual
        details = {"vectors": count, "seed": self.seed, "name": self.name}
        return ArtefactPlan(self.name, details, partial(self._write, model, rows, study, document, notes, count))

    def _write(
        self,
        model: KAN,
        rows: Examples,
        study: Study,
        document: dict[str, Any] | None,
        notes: tuple[str, ...],
        count: int,
        folder: Path,
        tell: Progress,
    ) -> ArtefactReport:
        """Writes the circuits and runs the netlist."""
        network, file = study.network, folder / "spice" / f"{self.name}.cir"
        write_analog(network, folder / "analog.json")
        file.parent.mkdir()
        write_whole(file, netlist(network, name=self.name).encode())
        if document is not None:
            save_fpaa(document, folder / "fpaa.json")
        tell("running the netlist in ngspice")
        found = compare(file, network, self.name, rows=count, seed=self.seed)
        figures = _figures(model, rows, study, found, self)
        notes = (*self.notes, *notes, *rows.notes)
        if document is not None and document["device"].get("placeholder"):
            notes += ("fpaa.json describes a device with placeholder numbers, not an existing chip",)
        return analog_report(self.name, figures, notes, study)


@explained
def analog(
    model: KAN,
    out: str | os.PathLike[str],
    *,
    x: Any,
    y: Any,
    test: tuple[Any, Any] | None = None,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    recipe: AnalogRecipe | None = None,
    progress: Progress | None = None,
) -> BuildResult:
    """Builds a folder for an analogue array: netlist, FPAA document, yields; the netlist is simulated and compared.

    Nothing is written if an error is raised.

    Args:
        model: A trained network.
        out: Folder to write; an earlier analogue artefact in it is replaced.
        x: Rows in raw units, `(n, inputs)`.
        y: Targets in raw units, `(n, outputs)`, or class indices `(n,)`.
        test: Held-out rows `(x, y)` for the figures; None holds some of x out.
        task: `regression`, or `classification` if the outputs are logits.
        classes: Names of the classes; None numbers them.
        recipe: Recipe of the artefact; None takes the defaults.
        progress: Callback that receives a line of text for every step.

    Returns:
        The figures of the report, the notes, and whether ngspice agrees with the device model.

    Raises:
        ConfigError: If ngspice is missing, an edge is too steep for the device, or the network does not fit the array.
        DataError: If the rows contain missing or non-finite values, or are too few.
        FileError: If the folder cannot be used.

    Example:
        >>> import splinework as sw
        >>> x = [[0.1 * k] for k in range(5)]
        >>> sw.hardware.analog(sw.KAN([1, 1]), "out", x=x, y=x)
        Traceback (most recent call last):
            ...
        splinework.errors.DataError: an artefact needs at least 10 rows, got 5; add rows.
    """
    if not isinstance(model, KAN):
        raise ConfigError(
            f"an analogue artefact is built from a KAN, got {type(model).__name__}; for a framed model use its network: "
            "analog(model.network, out, x=model.inside(x), y=...)."
        )
    how = recipe or AnalogRecipe()
    return build(how, model, out, x=x, y=y, test=test, task=task, classes=classes, progress=progress)


def check_folder(folder: Path, name: str, vectors: int, seed: int, proof: bool, tell: Progress) -> CheckResult:
    """Runs the netlist in a folder as it is and compares it with the device model; see `artefact.check`."""
    network = read_analog(folder / "analog.json")
    file = folder / "spice" / f"{name}.cir"
    if not file.is_file():
        raise FileError(f"{folder} has no spice/{name}.cir; rebuild the artefact.")
    AnalogRecipe().need()
    tell("running the netlist in ngspice")
    try:
        found = compare(file, network, name, rows=vectors, seed=seed)
    except FileError as error:  # a netlist without a solution is a failed check
        figures = {"rows": vectors, "error": str(error)}
        return CheckResult("analog", folder, name, figures, passed=False, failures=(str(error),))
    failures = () if found.passed else (f"{found.where} ({100 * max(found.rms):.3g} % of the span rms)",)
    return CheckResult("analog", folder, name, found.to_dict(), found.passed, failures)


def _figures(model: KAN, rows: Examples, study: Study, found: NetlistAgreement, how: AnalogRecipe) -> dict[str, Any]:
    word = study.after.metric
    network = study.network
    cost, size = power(network, rows.x), area(network)
    beyond = _beyond(network, rows)
    return {
        f"{word}_float": merit(outputs_of(model, rows.held_x), rows.held_y, rows.task),
        f"{word}_circuits": study.after.nominal,
        f"{word}_noisy": study.after.mean,
        f"{word}_noisy_before_training": study.before.mean,
        "rows_held_back": len(rows.held_x),
        "saturated": beyond,
        "edge_error_median": study.conversion.median_rms,
        "edge_error_largest": max((f.rms for f in study.conversion.fits.values()), default=0.0),
        "edges": len(study.conversion.fits),
        "elements": network.element_count,
        "yield": study.after.to_dict(),
        "yield_before_training": study.before.to_dict(),
        "imperfections": {"programming_error": how.programming_error, "read_noise": how.read_noise},
        "temperature": [_condition(row) for row in study.temperature],
        "retention": [_condition(row) for row in study.years],
        "power_watts": cost.watts,
        "settling_seconds": cost.settling,
        "energy_joules": cost.joules,
        "area_square_micrometres": size.total,
        "cells": size.cells,
        "verification": found.to_dict(),
        "vectors": found.rows * len(found.celsius),
        "agrees": found.passed,
        "tools": {"ngspice": found.version},
    }


def _condition(row: YieldAtCondition) -> dict[str, Any]:
    return {
        "celsius": row.celsius,
        "years": row.years,
        "mean": row.plain.mean,
        "yield": row.plain.share,
        "calibrated_mean": None if row.calibrated is None else row.calibrated.mean,
        "calibrated_yield": None if row.calibrated is None else row.calibrated.share,
    }


def _beyond(network: AnalogNetwork, rows: Examples) -> dict[str, int]:
    """Number of values outside the span of each input; inputs without any are left out."""
    values = network.input_units.apply(rows.all_x)
    counts = [
        int(((column < s.low) | (column > s.high)).sum())
        for column, s in zip(values.T, network.layers[0].inputs, strict=True)
    ]
    return {name: n for name, n in zip(network.input_names, counts, strict=True) if n}
