"""Reads netlists that yosys writes as JSON, and counts the registers between inputs and outputs."""

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from splinework.errors import FileError

NetBit = int | str
"""A wire number, or a constant `0`, `1`, `x`."""
NetBits = tuple[NetBit, ...]
_REGISTERS: Final = ("$dff", "$adff", "$sdff", "$aldff", "$dlatch", "$adlatch", "$sr", "$ff", "$mem", "$fsm", "$lut_ff")


class Unproved(Exception):  # a result, not an error of the user
    """A claim does not hold or could not be proved."""


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell of a kind such as `$add`, or an instance of a module; ports are lists of bits, the lowest first.

    Parameters that are not numbers are left out.
    """

    name: str
    kind: str
    inputs: Mapping[str, NetBits]
    outputs: Mapping[str, NetBits]
    parameters: Mapping[str, int]

    @property
    def register(self) -> bool:
        """Whether it is a storage cell."""
        return self.kind.startswith(_REGISTERS)


@dataclass(frozen=True, eq=False)
class Module:
    """A module: bits of its ports, the lowest first, its cells, the bits of all named signals, and its JSON form."""

    name: str
    inputs: Mapping[str, NetBits]
    outputs: Mapping[str, NetBits]
    cells: tuple[Cell, ...]
    words: Mapping[str, NetBits]
    raw: Mapping[str, Any]

    @cached_property
    def given(self) -> frozenset[NetBit]:
        """The bits of the inputs."""
        return frozenset(bit for bits in self.inputs.values() for bit in bits)

    @cached_property
    def drivers(self) -> dict[NetBit, tuple[Cell, str, int]]:
        """The cell, port and index that drive each bit."""
        found: dict[NetBit, tuple[Cell, str, int]] = {}
        for cell in self.cells:
            for port, bits in cell.outputs.items():
                for place, bit in enumerate(bits):
                    if bit in found:
                        raise Unproved(f"a wire of {self.name} has two drivers, {found[bit][0].name} and {cell.name}")
                    found[bit] = (cell, port, place)
        return found


def read_netlist(path: Path) -> dict[str, Module]:
    """All modules of a file written by `write_json`, by their names in the source."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        modules = {module.name: module for module in (module_of(*each) for each in content["modules"].items())}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise FileError(f"{path} is not a netlist of yosys ({error}); install a supported version of yosys.") from error
    return modules


def module_of(name: str, raw: Mapping[str, Any]) -> Module:
    """A module from yosys' JSON form: `ports`, `cells`, `netnames`."""
    ports = {port: (entry["direction"], tuple(entry["bits"])) for port, entry in raw["ports"].items()}
    return Module(
        raw.get("attributes", {}).get("hdlname", name),
        {port: bits for port, (way, bits) in ports.items() if way != "output"},
        {port: bits for port, (way, bits) in ports.items() if way != "input"},
        tuple(_cell(cell, entry) for cell, entry in raw["cells"].items()),
        {word: tuple(entry["bits"]) for word, entry in raw["netnames"].items()},
        raw,
    )


def _cell(name: str, raw: dict[str, Any]) -> Cell:
    ways = raw["port_directions"]
    ports = {port: tuple(bits) for port, bits in raw["connections"].items()}
    numbers = {key: int(value, 2) for key, value in raw["parameters"].items() if set(value) <= {"0", "1"} and value}
    return Cell(
        name,
        raw["type"],
        {port: bits for port, bits in ports.items() if ways.get(port) != "output"},
        {port: bits for port, bits in ports.items() if ways.get(port) == "output"},
        numbers,
    )


def ordered(module: Module, wanted: Iterable[NetBit], stop: Container[NetBit] = frozenset()) -> Iterator[Cell]:
    """The cells that some bits depend on, in topological order; bits in `stop` are not followed.

    Raises:
        Unproved: If there is a combinational loop.
    """
    done: set[str] = set()
    open_: set[str] = set()
    for start in wanted:
        if start in stop or start not in module.drivers:
            continue
        stack = [(module.drivers[start][0], False)]
        while stack:
            cell, finished = stack.pop()
            if finished:
                open_.discard(cell.name)
                done.add(cell.name)
                yield cell
                continue
            if cell.name in done:
                continue
            if cell.name in open_:
                raise Unproved(f"{module.name} has a loop through {cell.name}")
            open_.add(cell.name)
            stack.append((cell, True))
            drivers = (module.drivers[b][0] for b in _reads(cell) if b not in stop and b in module.drivers)
            needed = {before.name: before for before in drivers}
            stack += [(before, False) for name, before in needed.items() if name not in done]


def _reads(cell: Cell) -> Iterator[NetBit]:
    for bits in cell.inputs.values():
        yield from bits


def registers_between(module: Module, clock: str = "clk", enable: str = "en") -> int | None:
    """Number of registers on every path from a data input to an output; None if no output depends on the inputs.

    All registers must use the rising edge of one clock and one enable.

    Raises:
        Unproved: If paths differ, or there is another kind of storage.
    """
    special = {bit for port in (clock, enable) for bit in module.inputs.get(port, ())}
    depths: dict[NetBit, frozenset[int]] = {
        bit: frozenset({0}) for bits in module.inputs.values() for bit in bits if bit not in special
    }
    outputs = [bit for bits in module.outputs.values() for bit in bits]
    nothing: frozenset[int] = frozenset()
    _check_driven(module, outputs)
    for cell in ordered(module, outputs):
        _check_driven(module, _reads(cell))
        if cell.register:
            _check_register(module, cell, clock, enable)
            for before, after in zip(cell.inputs["D"], cell.outputs["Q"], strict=True):
                depths[after] = frozenset(depth + 1 for depth in depths.get(before, nothing))
            continue
        if any(bit in special for bit in _reads(cell)):
            raise Unproved(f"{module.name} computes with {clock} or {enable} in {cell.name}")
        union = nothing.union(*(depths.get(bit, nothing) for bit in _reads(cell)))
        for bits in cell.outputs.values():
            depths.update(dict.fromkeys(bits, union))
    found = nothing.union(*(depths.get(bit, nothing) for bit in outputs))
    if len(found) > 1:
        raise Unproved(
            f"{module.name} has paths through {', '.join(map(str, sorted(found)))} registers, which must be equal"
        )
    return next(iter(found), None)


def _check_driven(module: Module, bits: Iterable[NetBit]) -> None:
    if any(bit not in ("0", "1") and bit not in module.given and bit not in module.drivers for bit in bits):
        raise Unproved(f"{module.name} has a wire that nothing drives, or an unknown constant")


def _check_register(module: Module, cell: Cell, clock: str, enable: str) -> None:
    wired = (cell.inputs.get("CLK"), cell.inputs.get("EN"))
    plain = cell.kind == "$dffe" and wired == (module.inputs.get(clock), module.inputs.get(enable))
    if not plain or cell.parameters.get("CLK_POLARITY") != 1 or cell.parameters.get("EN_POLARITY") != 1:
        raise Unproved(
            f"{module.name} has the memory {cell.name} ({cell.kind}), which is not a register on the rising edge of {clock} "
            f"with the enable {enable}"
        )
