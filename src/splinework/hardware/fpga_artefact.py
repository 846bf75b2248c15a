"""Artefacts for FPGAs: quantisation, Verilog, testbenches, proofs, synthesis.

`fpga` builds a folder, `check_folder` checks one again. The circuit itself is generated in the package `fpga`.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from splinework.errors import ConfigError
from splinework.errors.foreign import explained, explained_record
from splinework.hardware import tools
from splinework.hardware.artefact import ArtefactPlan, Model, build
from splinework.hardware.artefact_reports import counted, fpga_report
from splinework.hardware.choosing import ChosenNetwork, QuantisationRecipe, choose
from splinework.hardware.examples import Examples, integer_figures
from splinework.hardware.folders import Kind
from splinework.hardware.fpga.axi import axi as axi_wrapper
from splinework.hardware.fpga.estimate import Estimate, choose_depth, estimate
from splinework.hardware.fpga.findings import FpgaVerification
from splinework.hardware.fpga.interface import FORMAT
from splinework.hardware.fpga.plan import FpgaDesign, FpgaOptions, design
from splinework.hardware.fpga.simulate import SIMULATORS
from splinework.hardware.fpga.synthesis import Synthesis, synthesise
from splinework.hardware.fpga.technologies import technology_of
from splinework.hardware.fpga.verification import verify
from splinework.hardware.fpga.verilog import verilog
from splinework.hardware.golden import write_golden
from splinework.hardware.integer import IntegerModel, Task
from splinework.hardware.report_facts import ArtefactReport, ReportCheck
from splinework.hardware.results import BuildResult, CheckResult, Progress
from splinework.nn.files import write_whole

Seen: TypeAlias = tuple[NDArray[np.bool_], ...]


@explained_record
@dataclass(frozen=True)
class FpgaRecipe:
    """The recipe of an artefact for an FPGA.

    Attributes:
        quantisation: Recipe of the quantised network.
        options: Options of the circuit generator.
        mhz: Clock to reach in MHz, for technologies that are placed and routed: the depth of the pipeline is chosen for it.
            None takes the depth of the options, and routing works towards 250 MHz.
        axi: Whether to write an AXI-stream wrapper.
        vectors: Number of vectors to simulate.
        proof: Whether to prove every neuron.
        synthesis: Whether to synthesise, place and route the circuit.
        place_seeds: Seeds of placement and routing, one run for each.
        name: Identifier of the network and its modules.
        seed: Seed of the held-out rows and of the vectors.
        notes: Further sentences for the report.

    Raises:
        ConfigError: If a value is out of range or the technology is unknown.

    Example:
        >>> FpgaRecipe(mhz=200.0, options=FpgaOptions(technology="ecp5")).vectors
        100000
    """

    kind: ClassVar[Kind] = "fpga"

    quantisation: QuantisationRecipe = field(default_factory=QuantisationRecipe)
    options: FpgaOptions = field(default_factory=FpgaOptions)
    mhz: float | None = None
    axi: bool = True
    vectors: int = 100_000
    proof: bool = True
    synthesis: bool = True
    place_seeds: tuple[int, ...] = (1,)
    name: str = "kan"
    seed: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        technology_of(self.options.technology)
        if self.vectors < 1 or not self.place_seeds:
            raise ConfigError("vectors must be at least 1, and place_seeds needs at least one seed.")
        if self.mhz is not None and not self.mhz > 0:
            raise ConfigError(f"mhz must be a frequency above 0, got {self.mhz!r}.")

    def need(self) -> None:
        """Raises a ConfigError with installation advice unless the required programs are installed."""
        wanted = [name for name in SIMULATORS if tools.find(name) is not None][:1] or list(SIMULATORS)
        router = technology_of(self.options.technology).router
        if self.proof or self.synthesis:
            wanted.append("yosys")
        if self.synthesis and router is not None:
            wanted.append(router.program)
        tools.need(*wanted, purpose="an artefact for an FPGA")

    def plan(self, model: Model, rows: Examples | None, tell: Progress) -> ArtefactPlan:
        """Chooses the quantised network and plans its circuit.

        Raises:
            ConfigError: If the network is too large or does not suit the recipe.
        """
        chosen = choose(model, rows, self.quantisation, name=self.name, progress=tell)
        tell("planning the circuit")
        planned, seen = circuit(chosen.golden, self, rows)
        details = {
            "vectors": self.vectors,
            "seed": self.seed,
            "proof": self.proof,
            "technology": self.options.technology,
        }
        return ArtefactPlan(chosen.golden.name, details, partial(self._write, rows, chosen, planned, seen))

    def _write(
        self,
        rows: Examples | None,
        chosen: ChosenNetwork,
        planned: FpgaDesign,
        seen: Seen | None,
        folder: Path,
        tell: Progress,
    ) -> ArtefactReport:
        """Writes, simulates, proves and synthesises the circuit."""
        golden = chosen.golden
        technology, guess = technology_of(self.options.technology), estimate(planned, self.options.technology)
        tell(f"writing Verilog: about {guess.luts} {guess.unit}, {planned.latency_cycles} cycles")
        write_circuit(folder, golden, planned, axi=self.axi, seen=seen)
        codes = None if rows is None else np.unique(golden.encode(rows.all_x), axis=0)
        found = verify(folder, vectors=self.vectors, seed=self.seed, proof=self.proof, rows=codes, progress=tell)
        made = None
        if self.synthesis:
            tell(f"synthesising for {technology.title}")
            mhz = self.mhz if self.mhz is not None else 250.0
            made = synthesise(
                folder, golden.name, technology.name, seeds=self.place_seeds, mhz=mhz, out=folder / "synth"
            )
        word = "accuracy" if golden.task == "classification" else "rmse"
        figures = {f"{word}_float": None, f"{word}_quantised": None, **integer_figures(chosen.teacher, golden, rows)}
        figures |= _planned(planned, guess) | _measured(found, made)
        notes = (*self.notes, *chosen.notes, *(rows.notes if rows is not None else ()), *planned.notes)
        warnings = (*found.limits, *(() if made is None else (made.note,)))
        return fpga_report(golden, figures, notes, _checks(found), warnings, chosen.front)


@explained
def fpga(
    model: Model,
    out: str | os.PathLike[str],
    *,
    x: Any = None,
    y: Any = None,
    test: tuple[Any, Any] | None = None,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    recipe: FpgaRecipe | None = None,
    progress: Progress | None = None,
) -> BuildResult:
    """Builds a folder of Verilog equivalent to a quantised network: simulated, proven neuron by neuron, and synthesised.

    Nothing is written if an error is raised.

    Args:
        model: A trained network, framed or not, or a quantised one.
        out: Folder to write; an earlier FPGA artefact in it is replaced.
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
        >>> sw.hardware.fpga(sw.KAN([2, 1]), "out")
        Traceback (most recent call last):
            ...
        splinework.errors.ConfigError: building from a trained network needs rows that are typical of its use; give x and y.
    """
    how = recipe or FpgaRecipe()
    return build(how, model, out, x=x, y=y, test=test, task=task, classes=classes, progress=progress)


def check_folder(folder: Path, name: str, vectors: int, seed: int, proof: bool, tell: Progress) -> CheckResult:
    """Simulates and proves the files in a folder as they are; see `artefact.check`."""
    found = verify(folder, vectors=vectors, seed=seed, proof=proof, progress=tell)
    return CheckResult("fpga", folder, name, found.to_dict(), found.passed, tuple(map(str, found.failures)))


def circuit(golden: IntegerModel, how: FpgaRecipe, rows: Examples | None) -> tuple[FpgaDesign, Seen | None]:
    """The circuit by a recipe, and flags of the input codes that it assumes to occur, or None.

    Raises:
        ConfigError: If the network is too large, or no depth of the pipeline reaches the clock.
    """
    seen = None
    if how.options.dont_care == "data":
        if rows is None:
            raise ConfigError("dont_care='data' assumes that only the codes of the rows occur; give x and y.")
        codes = golden.encode(rows.all_x)
        seen = tuple(
            np.isin(np.arange(w.format.low, w.format.high + 1), column)
            for w, column in zip(golden.inputs, codes.T, strict=True)
        )
        return design(golden, how.options, seen=seen), seen
    if how.mhz is not None and technology_of(how.options.technology).router is not None:
        return choose_depth(golden, how.options.technology, how.mhz, how.options), None
    return design(golden, how.options), None


def write_circuit(
    folder: Path, golden: IntegerModel, planned: FpgaDesign, *, axi: bool = True, seen: Seen | None = None
) -> None:
    """Writes `golden.json`, `design.json` and `rtl/`, and with `axi` the AXI-stream wrapper.

    `seen` flags the input codes that the circuit assumes to occur.
    """
    (folder / "rtl").mkdir()
    write_golden(golden, folder / "golden.json")
    write_whole(folder / "design.json", design_text(planned, seen).encode())
    files = verilog(planned) | (axi_wrapper(planned) if axi else {})
    for name, text in files.items():
        write_whole(folder / "rtl" / name, text.encode())


def design_text(planned: FpgaDesign, seen: Seen | None) -> str:
    """The text of `design.json`, which describes the circuit to its users and to the verification."""
    content = {
        "format": FORMAT,
        "digest": planned.digest,
        "name": planned.name,
        "latency_cycles": planned.latency_cycles,
        "options": asdict(planned.options) | {"stage_levels": planned.levels},
        "inputs": [asdict(form) for form in planned.inputs],
        "outputs": [asdict(form) for form in planned.outputs],
        "seen": None if seen is None else [flags.astype(int).tolist() for flags in seen],
    }
    return json.dumps(content) + "\n"


def _planned(planned: FpgaDesign, guess: Estimate) -> dict[str, Any]:
    technology = technology_of(planned.options.technology)
    return {
        "technology": technology.name,
        "technology_title": technology.title,
        "unit": technology.unit,
        "handshake": planned.options.handshake,
        "latency_cycles": planned.latency_cycles,
        "luts_estimated": guess.luts,
        "flipflops_estimated": guess.flipflops,
        "fmax_mhz_estimated": guess.fmax_mhz,
        "estimate": asdict(guess),
    }


def _measured(found: FpgaVerification, made: Synthesis | None) -> dict[str, Any]:
    return {
        "vectors": found.vectors,
        "mismatches": found.mismatches,
        "neurons": found.neurons,
        "neurons_proven": found.neurons_proven if found.proof else None,
        "luts": None if made is None else made.luts,
        "flipflops": None if made is None else made.flipflops,
        "fmax_mhz": None if made is None else made.fmax_mhz,
        "synthesis": None if made is None else made.to_dict(),
        "verification": found.to_dict(),
        "tools": {**found.tools, **(made.tools if made is not None else {})},
    }


def _checks(found: FpgaVerification) -> tuple[ReportCheck, ...]:
    checks = [
        ReportCheck(
            f"simulation in {run.simulator}",
            run.error
            or f"{counted(run.mismatches)} of {counted(run.vectors)} vectors differ, {run.protocol} protocol violations",
            run.passed,
        )
        for run in found.simulations
    ]
    if found.proof:
        proven = f"{found.neurons_proven} of {found.neurons} neurons equal the golden ones for all reachable codes"
        checks.append(ReportCheck("formal proof of each neuron", proven, found.neurons_proven == found.neurons))
        wired = "wires, latency and handshake are correct" if found.wiring else "wires, latency or handshake are wrong"
        checks.append(ReportCheck("wiring between the neurons", wired, found.wiring))
    return tuple(checks)
