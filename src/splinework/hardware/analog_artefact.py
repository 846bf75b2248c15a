"""From a network to a folder for an analogue array: circuits, training through the device, netlist, FPAA document, yields.

`analog` builds the folder, `verify_analog_folder` runs its netlist again. The circuits are in the package `analog`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from splinework.errors import ConfigError, DataError, FileError
from splinework.hardware import tools
from splinework.hardware.analog.budget import area, check_headroom, power
from splinework.hardware.analog.fpaa import save_fpaa
from splinework.hardware.analog.fpaa_check import check_fpaa
from splinework.hardware.analog.fpaa_placement import fpaa_document
from splinework.hardware.analog.netlist import netlist
from splinework.hardware.analog.network import AnalogNetwork
from splinework.hardware.analog.yields import Condition
from splinework.hardware.analog_checks import Agreement, compare
from splinework.hardware.analog_files import read_analog, write_analog
from splinework.hardware.analog_report import analog_report
from splinework.hardware.analog_study import AnalogRecipe, Study, small_enough, study_of
from splinework.hardware.examples import Examples, examples, merit, outputs_of
from splinework.hardware.folders import artefact_folder, check_place, read_marker
from splinework.hardware.integer import Task
from splinework.hardware.made import Checked, Made, Progress, nobody
from splinework.hardware.report_page import write_report
from splinework.nn.files import write_whole
from splinework.nn.network import KAN

_JUDGES = 5
_FEWEST, _USUAL, _POINTS = 12, 60, 9000
"""Rows that ngspice is run at: at least, at most, and times elements, for which it takes about a minute."""


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
) -> Made:
    """Builds a folder for an analogue array: netlist, FPAA document, yields; the netlist is run and compared.

    Args:
        model: A trained network.
        out: The folder; an earlier artefact of this kind in it is replaced.
        x: Rows in raw units.
        y: Targets in raw units, or numbers of classes.
        test: Rows to judge by; None holds some of x back.
        task: `classification` if the outputs are logits.
        classes: Names of the classes.
        recipe: How it is made.
        progress: Is told what is done.

    Raises:
        ConfigError: If ngspice is missing, an edge is steeper than the device can follow, or the network does not fit the array.
        DataError: If the rows are not usable.
        FileError: If the folder cannot be used. Nothing is written in all these cases.

    Example:
        >>> import splinework as sw
        >>> x = [[0.1 * k] for k in range(5)]
        >>> sw.hardware.analog(sw.KAN([1, 1]), "out", x=x, y=x)
        Traceback (most recent call last):
            ...
        splinework.errors.DataError: an artefact is made from at least 10 rows, got 5; add rows.
    """
    if not isinstance(model, KAN):
        raise ConfigError(
            f"an analogue artefact is built from a KAN, got {type(model).__name__}; of a model in a frame take the network and "
            "what it sees: analog(model.network, out, x=model.inside(x), y=...)."
        )
    how, tell = recipe or AnalogRecipe(), progress or nobody
    place = check_place(out, "analog")
    rows = examples(model, x, y, test=test, task=task, classes=classes, seed=how.seed)
    if len(rows.held_x) < _JUDGES:
        raise DataError(
            f"yields take at least {_JUDGES} rows held back to judge by, got {len(rows.held_x)}; give more rows."
        )
    tools.need("ngspice", purpose="an analogue artefact")
    chosen, notes = small_enough(model, rows, how, tell)
    study = study_of(chosen, rows, how, tell)
    network = study.network
    check_headroom(network)
    document = None
    if how.fpaa:
        tell("placing blocks on the array")
        document = fpaa_document(network, rows=rows.x[:256], seed=how.seed)
        check_fpaa(document)
    count = how.rows if how.rows is not None else max(_FEWEST, min(_USUAL, _POINTS // max(1, network.element_count)))
    details = {"rows": count, "seed": how.seed, "name": how.name}
    with artefact_folder(place, "analog", how.name, details) as folder:
        write_analog(network, folder / "analog.json")
        (folder / "spice").mkdir()
        write_whole(folder / "spice" / f"{how.name}.cir", netlist(network, name=how.name).encode())
        if document is not None:
            save_fpaa(document, folder / "fpaa.json")
        tell("running the netlist in ngspice")
        found = compare(folder / "spice" / f"{how.name}.cir", network, how.name, rows=count, seed=how.seed)
        figures = _figures(model, rows, study, found, how)
        notes = (*how.notes, *notes, *rows.notes, *_remarks(document))
        drawn = study.after, study.temperature, study.years
        write_report(folder, analog_report(how.name, network, figures, notes, drawn))
    return Made("analog", place, how.name, figures, found.passed, notes)


def verify_analog_folder(
    folder: Path, *, rows: int | None = None, seed: int | None = None, progress: Progress | None = None
) -> Checked:
    """Runs the netlist in a folder as it is and compares it with the device model.

    Args:
        folder: What `analog` wrote; nothing is written to it.
        rows: At which; None takes as many as when it was built.
        seed: Of the rows; None takes that of then.
        progress: Is told what is done.

    Raises:
        FileError: If a file is missing, or of another version.
        ConfigError: If ngspice is missing: what to install.
    """
    marker = read_marker(folder)
    network = read_analog(folder / "analog.json")
    file = folder / "spice" / f"{marker.name}.cir"
    if not file.is_file():
        raise FileError(f"{folder} has no spice/{marker.name}.cir; write the artefact anew.")
    tools.need("ngspice", purpose="the verification of an analogue artefact")
    count = rows if rows is not None else int(marker.details.get("rows", 60))
    (progress or nobody)("running the netlist in ngspice")
    try:
        found = compare(
            file,
            network,
            marker.name,
            rows=count,
            seed=seed if seed is not None else int(marker.details.get("seed", 0)),
        )
    except FileError as error:  # a netlist without a solution is not what it should be
        return Checked("analog", folder, marker.name, {"rows": count, "error": str(error)}, False, (str(error),))
    failures = () if found.passed else (f"{found.where} ({100 * max(found.rms):.3g} % of the span rms)",)
    return Checked("analog", folder, marker.name, found.to_dict(), found.passed, failures)


def _figures(model: KAN, rows: Examples, study: Study, found: Agreement, how: AnalogRecipe) -> dict[str, Any]:
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
        "imperfections": {"programming": how.programming, "read_noise": how.read_noise},
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


def _condition(row: Condition) -> dict[str, Any]:
    return {
        "celsius": row.celsius,
        "years": row.years,
        "mean": row.plain.mean,
        "yield": row.plain.share,
        "calibrated_mean": None if row.calibrated is None else row.calibrated.mean,
        "calibrated_yield": None if row.calibrated is None else row.calibrated.share,
    }


def _beyond(network: AnalogNetwork, rows: Examples) -> dict[str, int]:
    """How many values lie outside the spans of the inputs."""
    values = network.input_units.apply(rows.all_x)
    counts = [
        int(((column < s.low) | (column > s.high)).sum())
        for column, s in zip(values.T, network.layers[0].inputs, strict=True)
    ]
    return {name: n for name, n in zip(network.input_names, counts, strict=True) if n}


def _remarks(document: dict[str, Any] | None) -> tuple[str, ...]:
    if document is not None and document["device"].get("placeholder"):
        return ("fpaa.json is for a device with placeholder numbers, which describes no chip that exists",)
    return ()
