"""Verifies an FPGA artefact: the Verilog files of a folder as they are, against the golden model beside them.

The circuit is simulated in Icarus Verilog and Verilator with many vectors, its neurons are proved with yosys and abc, and its
wires are traced. The golden numbers come from `golden.json` alone, independent of the circuit generator. Results are in
`findings`.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from numpy.typing import ArrayLike

from splinework.errors import FileError
from splinework.hardware import tools
from splinework.hardware.fpga.findings import Failure, FpgaVerification, proof_failure, simulation_failures
from splinework.hardware.fpga.interface import Interface, read_interface
from splinework.hardware.fpga.netlist import Unproved, registers_between
from splinework.hardware.fpga.prove import Proof, elaborate, prove
from splinework.hardware.fpga.simulate import SIMULATORS, Simulation, available, simulate, simulate_axi
from splinework.hardware.fpga.testbench import AXI_VECTORS, bench_files
from splinework.hardware.fpga.vectors import Vectors, make_vectors
from splinework.hardware.fpga.wiring import check_wiring
from splinework.hardware.golden import read_golden
from splinework.hardware.integer import IntegerModel
from splinework.hardware.reach import reach
from splinework.hardware.results import Progress, no_progress
from splinework.nn.files import whole_folder

_PROVERS: Final = ("yosys", "yosys-abc")


def verify(
    folder: str | os.PathLike[str],
    *,
    vectors: int = 100_000,
    seed: int = 0,
    rows: ArrayLike | None = None,
    proof: bool = True,
    simulators: Sequence[str] = SIMULATORS,
    budget: float = 60.0,
    progress: Progress | None = None,
) -> FpgaVerification:
    """Verifies the files of a folder as they are: `golden.json`, `design.json`, `rtl/*.v`.

    If there is no folder `tb` yet, the testbenches are kept there with a Makefile; nothing else is written.

    Args:
        folder: Folder of the artefact.
        vectors: Number of vectors for each simulator; there may be more directed ones.
        seed: Seed of the random vectors.
        rows: Codes of data `(n, I)` to include in the vectors.
        proof: Whether to prove neurons and wiring, too.
        simulators: `iverilog`, `verilator` or both; at least one must be installed.
        budget: Time limit in seconds for each decision of a proof; undecided claims count as not proven.
        progress: Callback that receives a line of text for every step.

    Raises:
        FileError: If a file is missing, damaged, of another version, or does not match its digest.
        ConfigError: If no simulator, or no prover, is installed.
        DataError: If the rows are not codes of the model.
    """
    place = Path(folder)
    tell = progress or no_progress
    model = read_golden(place / "golden.json")
    interface = read_interface(place / "design.json", model)
    sources = sorted((place / "rtl").glob("*.v"))
    if not sources:
        raise FileError(f"there is no Verilog in {place / 'rtl'}; rebuild the artefact.")
    chosen = available(simulators)
    if proof:
        tools.need(*_PROVERS, purpose="a proof")
    made = make_vectors(model, vectors, seed=seed, rows=rows, seen=interface.seen)
    axi = any(file.name == f"{interface.top}_axis.v" for file in sources)
    bench = bench_files(model, interface, made.codes, axi=axi)
    with tempfile.TemporaryDirectory(prefix="splinework-") as name:
        work = Path(name)
        _put(work / "rtl", {file.name: file.read_bytes() for file in sources})
        _put(work / "tb", bench)
        runs = _simulated(work, chosen, made, axi, tell)
        proofs, broken = _proven(model, interface, work, budget, tell) if proof else ((), None)
    if not (place / "tb").exists():
        with whole_folder(place / "tb") as folder:
            _put(folder, bench)
    failures = [failure for run in runs for failure in simulation_failures(run, model, made.codes)]
    failures += [proof_failure(one, model) for one in proofs if not one.proven]
    failures += [Failure("wiring", interface.top, broken)] if broken else []
    return FpgaVerification(
        name=model.name,
        kinds=dict(made.kinds),
        simulations=runs,
        proofs=proofs,
        neurons=sum(model.shape[1:]),
        wiring=proof and broken is None,
        proof=proof,
        latency_cycles=interface.latency,
        limits=_limits(model, interface, axi, chosen),
        failures=tuple(failures),
        tools={tool: tools.version(tool) or "" for tool in (*chosen, *_PROVERS[: int(proof)])},
    )


def _simulated(work: Path, chosen: Sequence[str], made: Vectors, axi: bool, tell: Progress) -> tuple[Simulation, ...]:
    runs = []
    for simulator in chosen:
        tell(f"simulating {len(made)} vectors in {simulator}")
        runs.append(simulate(work, simulator))
    if axi and "iverilog" in chosen:
        tell("simulating the AXI-stream wrapper")
        runs.append(simulate_axi(work, min(len(made), AXI_VECTORS)))
    return tuple(runs)


def _proven(
    model: IntegerModel, interface: Interface, work: Path, budget: float, tell: Progress
) -> tuple[tuple[Proof, ...], str | None]:
    """The proofs of all neurons, and the first error of the wiring or None."""
    tell("reading the circuit with yosys")
    place = work / "proof"
    place.mkdir()
    every = [(n, j, f"{model.name}_l{n}_n{j}") for n, layer in enumerate(model.layers) for j in range(layer.width)]
    names = [name for _, _, name in every]
    try:
        circuit = elaborate(sorted((work / "rtl").glob("*.v")), interface.top, names, place)
    except Unproved as error:
        return tuple(Proof(name, n, j, proven=False, reason=str(error)) for n, j, name in every), str(error)
    proofs = prove(model, circuit, reach(model, interface.seen), place, budget=budget, progress=tell)
    try:
        cycles = {name: registers_between(circuit.clocked[name]) for name in names if name in circuit.clocked}
        check_wiring(model, circuit.clocked[interface.top], interface, cycles)
    except Unproved as error:
        return proofs, str(error)
    return proofs, None


def _limits(model: IntegerModel, interface: Interface, axi: bool, chosen: Sequence[str]) -> tuple[str, ...]:
    """Sentences on the limits of the verification."""
    found, limits = reach(model, interface.seen), []
    if interface.seen is not None:
        count = sum(int(flags.sum()) for flags in interface.seen)
        every = sum(wire.format.count for wire in model.inputs)
        limits.append(
            f"the circuit was built for the codes that occur in the data, {count} of {every} input codes; simulation and proofs "
            "cover these only, and the circuit may differ from the golden model for others"
        )
    hidden = [flags for layer in found.codes[1:] for flags in layer]
    out = sum(int((~flags).sum()) for flags in hidden)
    if out:
        every = sum(len(flags) for flags in hidden)
        limits.append(f"{out} of {every} codes between layers are excluded from the proofs, as no input can cause them")
    if axi and "iverilog" not in chosen:
        limits.append("the AXI-stream wrapper was not simulated, as iverilog is not installed")
    return tuple(limits)


def _put(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
