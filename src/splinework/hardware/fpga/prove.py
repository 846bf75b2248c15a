"""Proves that every neuron of a circuit equals its golden numbers: yosys reads the Verilog, abc decides, nothing is sampled.

Three things are shown of each neuron as it stands in the files: every path has the same number of registers, all on one clock
and one enable, so that they may be read as wires; the neuron without registers equals the golden neuron for all codes that can
occur; where it has too many inputs for that to be decided at once, the same in two steps, at the word of the whole sum (`sums`,
`claims`). What could not be decided in time counts as not proven.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

from splinework.errors import ConfigError, FileError
from splinework.hardware import tools
from splinework.hardware.fpga.claims import EquivalenceClaim, GoldenNeuron, direct_claim, neuron, sum_claim, tail_claim
from splinework.hardware.fpga.logic import values
from splinework.hardware.fpga.netlist import Module, NetBit, Unproved, read_netlist, registers_between
from splinework.hardware.fpga.sums import NeuronForms
from splinework.hardware.integer import IntegerModel
from splinework.hardware.reach import Reach
from splinework.hardware.results import Progress, no_progress

MAX_DIRECT_BITS: Final = 16
"""Bits of inputs up to which a neuron is compared as a whole first."""
_MAX_CELLS_PER_RUN: Final = 2000  # Cells that yosys is given at a time, but for the last neuron's
Method = Literal["", "whole", "sum and tail"]

# yosys' own map for $shiftx is made anew for every constant, which takes a hundred times as long.
_TECHMAP: Final = files("splinework.hardware.fpga").joinpath("techmap.v").read_text("utf-8")
_INPUT_PATTERN: Final = re.compile(r"\bpi(\d+)=([01])")


@dataclass(frozen=True)
class Proof:
    """What is known of one neuron.

    Attributes:
        module: Name of its module.
        layer: Number of its layer.
        node: Its number there.
        proven: Whether it equals the golden neuron, on all codes that can occur.
        method: `whole`, or `sum and tail`; empty where nothing is proven.
        cycles: Registers on every path; None where no path leads through it, or they differ.
        seconds: Of the decision.
        reason: Why it is not proven.
        codes: A counter-example: the codes of its inputs.
        expected: What the golden neuron gives for it.
        got: What the circuit gives.
    """

    module: str
    layer: int
    node: int
    proven: bool
    method: Method = ""
    cycles: int | None = None
    seconds: float = 0.0
    reason: str = ""
    codes: Mapping[str, int] | None = None
    expected: int | None = None
    got: int | None = None


@dataclass(frozen=True, eq=False)
class ElaboratedCircuit:
    """A circuit as yosys understands it.

    `clocked` are all modules with their registers, the neurons as cells of the top module; `gates` the neurons without
    registers, adders left whole and the rest as gates.
    """

    clocked: Mapping[str, Module]
    gates: Mapping[str, Module]


def elaborate(sources: Sequence[Path], top: str, neurons: Sequence[str], work: Path) -> ElaboratedCircuit:
    """Reads Verilog with yosys: a top module, and modules of neurons; `work` is a folder for what is in between.

    Raises:
        Unproved: If yosys does not understand it.
    """
    (work / "maps.v").write_text(_TECHMAP, encoding="ascii")
    kept = " ".join(rf"\{name}" for name in neurons)
    chosen = " ".join(f"{name}/*" for name in neurons)
    rest = f"select -set logic {chosen}{' %u' * (len(neurons) - 1)} */t:$add */t:$sub %u %d"
    script = [
        *(f"read_verilog {source}" for source in sources),
        f"hierarchy -check -top {top}",
        "proc",
        f"setattr -mod -set keep_hierarchy 1 -set keep 1 {kept}",
        "flatten",
        f"select -set neurons {' '.join(neurons)}",
        "opt_dff -nosdff @neurons",
        f"opt_dff {top}",
        *(
            f"simplemap {top}/t:{kind}"
            for kind in ("$not", "$and", "$or", "$xor", "$logic_not", "$logic_and", "$logic_or")
        ),
        "opt_clean",
        "write_json clocked.json",
        "techmap -map maps.v @neurons",
        "simplemap @neurons t:$mux %i",
        "opt_expr @neurons",
        "opt_clean",
        *(f"{rest}\ntechmap @logic" for _ in range(3)),
        rest,
        "simplemap @logic",
        "opt_expr @neurons",
        "opt_clean",
        "write_json gates.json",
    ]
    _yosys(script, work)
    return ElaboratedCircuit(read_netlist(work / "clocked.json"), read_netlist(work / "gates.json"))


def _yosys(script: Sequence[str], work: Path) -> None:
    (work / "script.ys").write_text("\n".join(script) + "\n", encoding="utf-8")
    try:
        tools.call(["yosys", "-q", "-s", "script.ys"], work, timeout=1200)
    except FileError as error:
        raise Unproved(f"yosys does not understand the circuit: {error}") from error


@dataclass(frozen=True, eq=False)
class _ProofTask:
    """What is needed to prove one neuron."""

    own: GoldenNeuron
    cycles: int | None
    gates: Module


def prove(
    model: IntegerModel,
    circuit: ElaboratedCircuit,
    found: Reach,
    work: Path,
    *,
    budget: float = 60.0,
    progress: Progress = no_progress,
) -> tuple[Proof, ...]:
    """Decides for every neuron whether it equals the golden one, within a budget of seconds each.

    What is proved holds for the codes that can occur, which were found before; `work` is a folder for what is in between.
    """
    every = [neuron(model, n, j, found.codes[n]) for n, layer in enumerate(model.layers) for j in range(layer.width)]
    proofs: dict[str, Proof] = {}
    ready: list[_ProofTask] = []
    for own in every:
        try:
            ready.append(_prepared(own, circuit))
        except Unproved as error:
            proofs[own.module] = Proof(own.module, own.layer, own.node, proven=False, reason=str(error))
    whole: list[_ProofTask] = []
    parts: list[tuple[_ProofTask, list[EquivalenceClaim]]] = []
    for item in ready:
        claims = _in_parts(item) if item.own.bits > MAX_DIRECT_BITS else []
        if claims:
            parts.append((item, claims))
        else:
            whole.append(item)
    _write(work / "parts", [claim for _, claims in parts for claim in claims])
    for item, claims in parts:
        start = time.monotonic()
        if all(_decide(work / "parts", claim.name, budget)[0] == "equal" for claim in claims):
            proofs[item.own.module] = _proof(item, "sum and tail", start)
        else:
            whole.append(item)
        progress(f"proof of {item.own.module}")
    _write(work / "whole", [direct_claim(item.own, item.gates) for item in whole])
    for item in whole:
        start = time.monotonic()
        answer, pattern = _decide(work / "whole", f"{item.own.module}_direct", budget)
        proofs[item.own.module] = (
            _proof(item, "whole", start) if answer == "equal" else _refuted(item, answer, pattern, start)
        )
        progress(f"proof of {item.own.module}")
    return tuple(proofs[own.module] for own in every)


def _prepared(own: GoldenNeuron, circuit: ElaboratedCircuit) -> _ProofTask:
    """Ports and registers of a neuron, checked."""
    module, gates = circuit.clocked.get(own.module), circuit.gates.get(own.module)
    if module is None or gates is None:
        raise Unproved(f"there is no module {own.module} in the circuit")
    wanted = {"clk": 1, "en": 1} | {f"x{i}": form.width for i, form in zip(own.inputs, own.formats, strict=True)}
    got = {port: len(bits) for port, bits in module.inputs.items()}
    out = {port: len(bits) for port, bits in module.outputs.items()}
    if got != wanted or out != {"y": own.format.width}:
        raise Unproved(f"{own.module} has the ports {got | out}, expected {wanted | {'y': own.format.width}}")
    cycles = registers_between(module)
    if any(cell.register or not cell.kind.startswith("$") for cell in gates.cells):
        raise Unproved(f"{own.module} has memory, or a module that is not there")
    return _ProofTask(own, cycles, gates)


def _in_parts(item: _ProofTask) -> list[EquivalenceClaim]:
    """The claims about the word of the whole sum and about what follows it; none where no word is seen to be it."""
    own, gates = item.own, item.gates
    try:
        sums = NeuronForms(
            gates, {i: gates.inputs[f"x{i}"] for i in own.inputs}, dict(zip(own.inputs, own.care, strict=True))
        )
        root = sums.root(dict(zip(own.inputs, own.tables, strict=True)), own.bias, gates.outputs["y"])
        return [sum_claim(own, sums, root), tail_claim(own, gates, root)]
    except Unproved:
        return []


def _proof(item: _ProofTask, method: Method, start: float) -> Proof:
    own = item.own
    seconds = time.monotonic() - start
    return Proof(own.module, own.layer, own.node, proven=True, method=method, cycles=item.cycles, seconds=seconds)


def _refuted(item: _ProofTask, answer: str, pattern: Mapping[int, int], start: float) -> Proof:
    """What is known of a neuron that is not proven; with the counter-example where there is one."""
    own, seconds = item.own, time.monotonic() - start
    reason = {
        "different": "it differs from the golden neuron",
        "undecided": f"not decided within {seconds:.0f} s; not proven",
    }.get(answer, answer)
    given: dict[NetBit, int] = {}
    raw, place = [], 0
    for i, form in zip(own.inputs, own.formats, strict=True):
        raw.append(sum(pattern.get(place + k, 0) << k for k in range(form.width)))
        given |= {bit: pattern.get(place + k, 0) for k, bit in enumerate(item.gates.inputs[f"x{i}"])}
        place += form.width
    proof = Proof(own.module, own.layer, own.node, proven=False, cycles=item.cycles, seconds=seconds, reason=reason)
    if answer != "different":
        return proof
    got, expected = own.format.code(values(item.gates, given, item.gates.outputs["y"])), own.value(raw)
    if got == expected:
        return proof
    codes = {f"x{i}": form.code(r) for i, r, form in zip(own.inputs, raw, own.formats, strict=True)}
    return replace(proof, codes=codes, expected=expected, got=got)


def _write(work: Path, claims: Sequence[EquivalenceClaim]) -> None:
    """Both sides of all claims as and-inverter graphs; few at a time, because yosys checks all it has after each command."""
    work.mkdir()
    (work / "maps.v").write_text(_TECHMAP, encoding="ascii")
    part: list[EquivalenceClaim] = []
    for claim in claims:
        part.append(claim)
        if sum(len(c.raw["cells"]) for c in part) > _MAX_CELLS_PER_RUN or claim is claims[-1]:
            _write_part(work, part)
            part = []


def _write_part(work: Path, claims: Sequence[EquivalenceClaim]) -> None:
    raws = {"creator": "splinework", "modules": {f"{claim.name}_raw": claim.raw for claim in claims}}
    (work / "raw.json").write_text(json.dumps(raws), encoding="ascii")
    (work / "claims.v").write_text("\n".join(claim.verilog for claim in claims), encoding="ascii")
    script = ["read_json raw.json", "read_verilog claims.v", "proc", "flatten", "delete *_raw"]
    script += ["techmap -map maps.v", "simplemap t:$mux", "opt_expr", "opt_clean", "techmap", "opt_clean", "aigmap"]
    for side in (f"{claim.name}_{side}" for claim in claims for side in ("gold", "gate")):
        script += [f"setattr -mod -set top 1 {side}", f"write_aiger {side}.aig", f"setattr -mod -unset top {side}"]
    with suppress(Unproved):  # what is not written cannot be decided, and counts as not proven
        _yosys(script, work)


def _decide(work: Path, name: str, budget: float) -> tuple[str, dict[int, int]]:
    """`equal`, `different` with an input pattern, or `undecided`."""
    if not all((work / f"{name}_{side}.aig").exists() for side in ("gold", "gate")):
        return "yosys could not turn it into gates; not proven", {}
    command = ["yosys-abc", "-c", f"cec -T {max(1, int(budget))} {name}_gold.aig {name}_gate.aig"]
    try:
        said = tools.call(command, work, timeout=2 * budget + 10, refuse=False).stdout
    except ConfigError:
        return "undecided", {}
    if "Networks are equivalent" in said:
        return "equal", {}
    if "NOT EQUIVALENT" not in said:
        return "undecided", {}
    return "different", {int(place): int(bit) for place, bit in _INPUT_PATTERN.findall(said)}
