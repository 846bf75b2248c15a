"""Checks that the neurons are wired as in the golden model, arrive together, and move in step with the handshake.

The wires are traced in yosys' netlist of the top module, in which neurons are cells; `prove` verifies the neurons themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from splinework.hardware.fpga.interface import Interface
from splinework.hardware.fpga.logic import values
from splinework.hardware.fpga.netlist import Cell, Module, NetBit, NetBits, Unproved
from splinework.hardware.integer import IntegerModel


@dataclass(frozen=True, eq=False)
class _TimedWord:
    """A word in the top module: its bits and arrival cycle, None for constants."""

    bits: NetBits
    time: int | None


def check_wiring(model: IntegerModel, top: Module, interface: Interface, cycles: Mapping[str, int | None]) -> None:
    """Traces every wire of the top module; `cycles` holds the number of registers in each neuron.

    Raises:
        Unproved: If a wire is not connected as in the golden model.
    """
    _check_ports(model, top, interface)
    found: dict[str, list[Cell]] = {}
    for cell in top.cells:
        if not cell.kind.startswith("$"):
            found.setdefault(cell.kind, []).append(cell)
    tracer = _Tracer(top, _enable(top, interface, [cell for cells in found.values() for cell in cells]))
    states = [_TimedWord(top.inputs[f"x{i}"], 0) for i in range(len(model.inputs))]
    known = set()
    for number, layer in enumerate(model.layers):
        after = []
        for node in range(layer.width):
            name = f"{model.name}_l{number}_n{node}"
            known.add(name)
            cells = found.get(name, [])
            if len(cells) != 1:
                raise Unproved(f"the circuit has {len(cells)} neurons {name}, expected one")
            times = {
                i: tracer.arrival(cells[0].inputs.get(f"x{i}", ()), states[i], f"input x{i} of {name}")
                for i in layer.fan_in(node)
            }
            start = {time for time in times.values() if time is not None}
            if len(start) > 1:
                raise Unproved(f"the inputs of {name} arrive in different cycles: {times}")
            own = cycles.get(name)
            end = start.pop() + own if start and own is not None else None
            after.append(_TimedWord(cells[0].outputs["y"], end))
        states = after
    strange = sorted(set(found) - known)
    if strange:
        raise Unproved(f"the circuit has modules that are not neurons of {model.name}: {', '.join(strange)}")
    for node, state in enumerate(states):
        time = tracer.arrival(top.outputs[f"y{node}"], state, f"output y{node}")
        if time is not None and time != interface.latency:
            raise Unproved(f"output y{node} comes after {time} cycles, expected {interface.latency}")
    _check_valid(top, interface, tracer)


def _check_ports(model: IntegerModel, top: Module, interface: Interface) -> None:
    ready = {"out_ready": 1} if interface.ready else {}
    inputs = {"clk": 1, "rst": 1, "in_valid": 1, **ready}
    inputs |= {f"x{i}": wire.format.width for i, wire in enumerate(model.inputs)}
    outputs = {"out_valid": 1, **({"in_ready": 1} if interface.ready else {})}
    outputs |= {f"y{j}": wire.format.width for j, wire in enumerate(model.wires(len(model.layers)))}
    for expected, ports in ((inputs, top.inputs), (outputs, top.outputs)):
        got = {port: len(bits) for port, bits in ports.items()}
        if got != expected:
            wrong = sorted(port for port in got.keys() | expected.keys() if got.get(port) != expected.get(port))
            raise Unproved(f"{top.name} has other ports than its golden model: {', '.join(wrong)}")


def _enable(top: Module, interface: Interface, neurons: list[Cell]) -> NetBit:
    """The enable wire common to all neurons."""
    enables = {cell.inputs.get("en", ()) for cell in neurons}
    clocks = {cell.inputs.get("clk", ()) for cell in neurons}
    if clocks != {top.inputs["clk"]}:
        raise Unproved(f"not all neurons of {top.name} are on its clock")
    if len(enables) != 1 or len(next(iter(enables))) != 1:
        raise Unproved(f"the neurons of {top.name} do not have one enable")
    ((enable,),) = enables
    if not interface.ready:
        if enable != "1":
            raise Unproved(f"the enable of {top.name} is not always 1, though it has no ready")
        return enable
    (valid,), (ready,) = top.outputs["out_valid"], top.inputs["out_ready"]
    for held in (0, 1):
        for taken in (0, 1):
            given = {valid: held, ready: taken}
            moves = values(top, given, (enable, *top.outputs["in_ready"]))
            if moves != 3 * int(not held or taken):
                raise Unproved(f"{top.name} does not stand still exactly while out_valid is 1 and out_ready is 0")
    return enable


class _Tracer:
    """Traces wires of the top module back through its registers."""

    def __init__(self, top: Module, enable: NetBit) -> None:
        self.top, self.enable = top, enable

    def back(self, bit: NetBit, reset: bool) -> NetBit | None:
        """The input of the register that drives a bit; None if it is not a register with the common clock and enable."""
        if bit not in self.top.drivers:
            return None
        cell, _, place = self.top.drivers[bit]
        p = cell.parameters
        kinds = ("$sdff", "$sdffe") if reset else ("$dff", "$dffe")
        moves = cell.inputs.get("EN") == (self.enable,) and p.get("EN_POLARITY") == 1
        if cell.kind not in kinds or not (moves if cell.kind.endswith("e") else self.enable == "1"):
            return None
        if cell.inputs["CLK"] != self.top.inputs["clk"] or p.get("CLK_POLARITY") != 1:
            return None
        clears = cell.inputs.get("SRST") == self.top.inputs["rst"] and p.get("SRST_POLARITY") == 1
        if reset and not (clears and p.get("SRST_VALUE") == 0):
            return None
        return cell.inputs["D"][place]

    def arrival(self, bits: NetBits, source: _TimedWord, what: str) -> int | None:
        """The arrival cycle of a word that must be a delayed copy of a source.

        Raises:
            Unproved: If it is not.
        """
        delays = set()
        for place, bit in enumerate(bits):
            delay, at = 0, bit
            while len(bits) == len(source.bits) and at != source.bits[place]:
                before = self.back(at, reset=False)
                if before is None or delay > len(self.top.cells):
                    raise Unproved(f"{what} is not wired to its source, at bit {place}")
                at, delay = before, delay + 1
            delays.add(delay)
        if len(bits) != len(source.bits) or len(delays) != 1:
            raise Unproved(f"{what} is not a copy of its source, complete and with one delay")
        return None if source.time is None else source.time + delays.pop()


def _check_valid(top: Module, interface: Interface, tracer: _Tracer) -> None:
    """Checks that out_valid is in_valid, `latency` registers later, all cleared by rst."""
    (at,), (source,) = top.outputs["out_valid"], top.inputs["in_valid"]
    count = 0
    while at != source:
        before = tracer.back(at, reset=True)
        if before is None or count > interface.latency:
            raise Unproved("out_valid is not in_valid through registers that rst clears")
        at, count = before, count + 1
    if count != interface.latency:
        raise Unproved(f"out_valid comes {count} cycles after in_valid, expected {interface.latency}")
