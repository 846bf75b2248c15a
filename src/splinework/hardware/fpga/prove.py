"""Formally proves that every neuron of a circuit equals its golden numbers: yosys reads the Verilog, abc decides equivalence.

Three properties are proved of each neuron as written in the files: every path has the same number of registers, all on one clock
and one enable, so they can be treated as wires; the combinational neuron equals the golden neuron for all reachable codes; and if
it has too many inputs for one decision, the same in two steps, cut at the word of the total sum (`sums`, `claims`). A claim that
is not decided in time counts as not proven.
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
"""Neurons with at most this number of input bits are compared as a whole first."""
_MAX_CELLS_PER_RUN: Final = 2000  # Of yosys, except for the cells of the last neuron
Method = Literal["", "whole", "sum and tail"]

# yosys' own map for $shiftx is specialised for every constant, which takes a hundred times as long.
_TECHMAP: Final = files("splinework.hardware.fpga").joinpath("techmap.v").read_text("utf-8")
_INPUT_PATTERN: Final = re.compile(r"\bpi(\d+)=([01])")


@dataclass(frozen=True)
class Proof:
    """The outcome of the proof of one neuron.

    Attributes:
        layer: Index of its layer.
        node: Index within the layer.
        proven: Whether it equals the golden neuron for all reachable codes.
        method: `whole`, or `sum and tail`; empty if not proven.
        cycles: Number of registers on every path; None if there is no path or the numbers differ.
        seconds: Time of the decision.
        reason: Reason why it is not proven.
        codes: Counter-example: the codes of its inputs.
        expected: Golden output for the counter-example.
        got: Output of the circuit for the counter-example.
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
    """A circuit elaborated by yosys.

    `clocked` holds all modules with their registers, with neurons as cells of the top module; `gates` holds the neurons without
    registers, with adders kept and all other logic mapped to gates.
    """

    clocked: Mapping[str, Module]
    gates: Mapping[str, Module]


def elaborate(sources: Sequence[Path], top: str, neurons: Sequence[str], work: Path) -> ElaboratedCircuit:
    """Reads the Verilog of a top module and its neurons with yosys; `work` is a folder for intermediate files.

    Raises:
        Unproved: If yosys rejects the circuit.
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
        raise Unproved(f"yosys rejects the circuit: {error}") from error


@dataclass(frozen=True, eq=False)
class _ProofTask:
    """The input of the proof of one neuron."""

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

    The proofs cover the reachable codes in `found`; `work` is a folder for intermediate files.
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
    """Checks the ports and registers of a neuron."""
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
        raise Unproved(f"{own.module} has memory or an undefined module")
    return _ProofTask(own, cycles, gates)


def _in_parts(item: _ProofTask) -> list[EquivalenceClaim]:
    """The claims about the word of the total sum and about the logic behind it; none if no such word is found."""
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
    """The outcome for a neuron that is not proven, with a counter-example if there is one."""
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
    """Writes both sides of all claims as and-inverter graphs, few at a time, because yosys checks all modules per command."""
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
    with suppress(Unproved):  # a claim without files counts as not proven
        _yosys(script, work)


def _decide(work: Path, name: str, budget: float) -> tuple[str, dict[int, int]]:
    """The decision `equal`, `different` with an input pattern, or `undecided`."""
    if not all((work / f"{name}_{side}.aig").exists() for side in ("gold", "gate")):
        return "yosys could not turn it into gates; not proven", {}
    command = ["yosys-abc", "-c", f"cec -T {max(1, int(budget))} {name}_gold.aig {name}_gate.aig"]
    try:
        output = tools.call(command, work, timeout=2 * budget + 10, refuse=False).stdout
    except ConfigError:
        return "undecided", {}
    if "Networks are equivalent" in output:
        return "equal", {}
    if "NOT EQUIVALENT" not in output:
        return "undecided", {}
    return "different", {int(place): int(bit) for place, bit in _INPUT_PATTERN.findall(output)}
