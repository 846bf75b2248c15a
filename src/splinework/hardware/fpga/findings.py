"""Results of a verification: counts, proofs, and counter-examples as codes and as values, in JSON and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from splinework.hardware.formats import Format, Integers, Wire
from splinework.hardware.fpga.prove import Proof
from splinework.hardware.fpga.simulate import Simulation
from splinework.hardware.integer import IntegerModel


@dataclass(frozen=True)
class Failure:
    """One failure of a verification.

    Attributes:
        kind: `simulation`, `timing`, `proof` or `wiring`.
        where: Name of the simulator or module.
        message: Description with codes and values.
        codes: Counter-example, if there is one: code of each input.
        values: Value of each input in its own unit.
        expected: Golden code of each output.
        got: Received code of each output; None if unknown.
    """

    kind: Literal["simulation", "timing", "proof", "wiring"]
    where: str
    message: str
    codes: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    expected: Mapping[str, int] = field(default_factory=dict)
    got: Mapping[str, int | None] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True)
class FpgaVerification:
    """The result of a verification.

    Attributes:
        name: Name of the network.
        kinds: Number of vectors of each kind: `random`, `corners`, `pairs`, `sweeps`, `all`, `rows`.
        simulations: One for each simulator, and one for the AXI-stream wrapper.
        proofs: One for each neuron; empty if none were requested.
        neurons: Number of neurons of the network.
        wiring: Whether the wires between neurons, the latency and the handshake were proved correct.
        proof: Whether proofs were requested.
        limits: Limits of the verification, one sentence each.
        failures: The first failures of each kind.
        tools: Programs and their versions.
    """

    name: str
    kinds: Mapping[str, int]
    simulations: tuple[Simulation, ...]
    proofs: tuple[Proof, ...]
    neurons: int
    wiring: bool
    proof: bool
    latency_cycles: int
    limits: tuple[str, ...]
    failures: tuple[Failure, ...]
    tools: Mapping[str, str]

    @property
    def vectors(self) -> int:
        """Number of vectors simulated in each simulator."""
        return min((run.vectors for run in self._own), default=0)

    @property
    def mismatches(self) -> int:
        """Number of mismatches in the worst simulator."""
        return max((run.mismatches for run in self.simulations), default=0)

    @property
    def neurons_proven(self) -> int:
        """Number of neurons proved equal to the golden ones."""
        return sum(proof.proven for proof in self.proofs)

    @property
    def passed(self) -> bool:
        """Whether every result was correct and in time, and every requested proof was found."""
        proven = not self.proof or (self.neurons_proven == self.neurons and self.wiring)
        return bool(self.simulations) and all(run.passed for run in self.simulations) and proven and not self.failures

    @property
    def _own(self) -> tuple[Simulation, ...]:
        return tuple(run for run in self.simulations if "AXI" not in run.simulator)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "passed": self.passed,
            "vectors": self.vectors,
            "mismatches": self.mismatches,
            "vector_kinds": dict(self.kinds),
            "neurons": self.neurons,
            "neurons_proven": self.neurons_proven,
            "wiring_proven": self.wiring,
            "latency_cycles": self.latency_cycles,
            "limits": list(self.limits),
            "simulations": [{**asdict(run), "passed": run.passed} for run in self.simulations],
            "proofs": [asdict(proof) for proof in self.proofs],
            "failures": [asdict(failure) for failure in self.failures],
            "tools": dict(self.tools),
        }


def simulation_failures(run: Simulation, model: IntegerModel, codes: Integers) -> list[Failure]:
    """The failures of a simulation of some codes."""
    if run.error:
        return [Failure("simulation", run.simulator, f"the circuit cannot be run: {run.error}")]
    failures = [Failure("timing", run.simulator, f"cycle {cycle}: {what}") for cycle, what in run.violations]
    for number, got, _ in run.first:
        row = codes[number]
        expected = model.run(row[None, :])[0].tolist()
        outputs = model.wires(len(model.layers))
        axi = "AXI" in run.simulator  # whose words have bytes as lanes
        came = [None] * len(outputs) if axi else _unpacked(got, [wire.format for wire in outputs])
        differ = [j for j, (a, b) in enumerate(zip(came, expected, strict=True)) if a != b]
        message = f"{run.mismatches} of {run.vectors} results differ; vector {number} gives " + ", ".join(
            f"{outputs[j].name} = {_word(outputs[j], came[j])}, expected {_word(outputs[j], expected[j])}"
            for j in differ
        )
        known = {wire.name: code for wire, code in zip(outputs, expected, strict=True)}
        found = {wire.name: code for wire, code in zip(outputs, came, strict=True)}
        failures.append(_example("simulation", run.simulator, message, model.inputs, row.tolist(), known, found))
    if not failures and not run.passed:
        failures.append(
            Failure("simulation", run.simulator, f"{run.mismatches} of {run.vectors} results are wrong or missing")
        )
    return failures


def proof_failure(proof: Proof, model: IntegerModel) -> Failure:
    """The failure of a neuron that is not proven, with its counter-example if there is one."""
    wires, out = model.wires(proof.layer), model.layers[proof.layer].outputs[proof.node]
    if proof.codes is None or proof.expected is None:
        return Failure("proof", proof.module, proof.reason)
    own = [wires[int(port[1:])] for port in proof.codes]
    codes = list(proof.codes.values())
    message = f"{proof.reason}: {out.name} = {_word(out, proof.got)}, expected {_word(out, proof.expected)}"
    return _example("proof", proof.module, message, own, codes, {out.name: proof.expected}, {out.name: proof.got})


def _example(
    kind: Literal["simulation", "proof"],
    where: str,
    message: str,
    wires: Sequence[Wire],
    codes: Sequence[int],
    expected: Mapping[str, int],
    got: Mapping[str, int | None],
) -> Failure:
    """A counter-example as codes and values."""
    pairs = list(zip(wires, codes, strict=True))
    listed = "; ".join(f"{wire.name} = {_word(wire, code)}" for wire, code in pairs)
    values = {wire.name: float(wire.decode(code)) for wire, code in pairs}
    return Failure(kind, where, f"{message}, for {listed}", {w.name: code for w, code in pairs}, values, expected, got)


def _word(wire: Wire, code: int | None) -> str:
    return "unknown" if code is None else f"code {code} ({float(wire.decode(code)):.6g})"


def _unpacked(digits: str, forms: Sequence[Format]) -> list[int | None]:
    """The codes in a word of hexadecimal digits; None where a bit is unknown."""
    bits = "".join(f"{int(d, 16):04b}" if d not in "xz" else "xxxx" for d in digits.lower())[::-1]
    codes: list[int | None] = []
    for form in forms:
        own, bits = bits[: form.width][::-1], bits[form.width :]
        codes.append(None if "x" in own or not own else form.code(int(own, 2)))
    return codes
