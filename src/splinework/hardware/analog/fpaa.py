"""A network for an FPAA tool chain: blocks, nets, switches, bias codes and calibration in one neutral JSON document.

The format is `splinework-fpaa/1` with the schema `fpaa.schema.json` beside this module. Nothing here programs a chip; a tool
chain reads the document. `fpaa_placement` places the blocks; `fpaa_check` checks documents from any source.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.analog.calibration import trim
from splinework.hardware.analog.ekv import ZERO_CELSIUS
from splinework.hardware.analog.network import AnalogLayer, AnalogNetwork, AnalogParameters, Element, Floats
from splinework.hardware.golden import write_json

FORMAT: Final = "splinework-fpaa/1"
TERMINALS: Final[dict[str, tuple[str, ...]]] = {
    "diff_pair": ("in", "op", "on"),
    "bump": ("in", "op"),
    "current": ("op",),
    "sum": ("plus", "minus", "out"),
    "multiplier": ("a", "b", "out"),
    "pad": ("pin",),
}
"""Terminals of each kind of block."""
_BLOCK_OF: Final = {"tanh": "diff_pair", "bump": "bump", "constant": "current"}


@dataclass(frozen=True)
class FpaaDevice:
    """The resources of a field-programmable analogue array; the defaults are placeholders, not those of an existing chip.

    Attributes:
        name: Name of the device.
        cabs: Number of computational analogue blocks (CABs).
        slots: Number of blocks of each kind in a CAB.
        pads: Number of inputs and outputs of the chip.
        lines_local: Number of lines of a CAB's switch matrix.
        lines_global: Number of lines between CABs.
        fan_out: Largest number of terminals of a net.
        current_min: Smallest bias current in A.
        current_max: Largest bias current in A.
        bias_bits: Width of a bias code, logarithmic between the two.
        offset_low: Lowest centre in V.
        offset_high: Highest centre in V.
        offset_bits: Width of a centre's code.
        placeholder: Whether the numbers are placeholders.
    """

    name: str = "generic-350nm-placeholder"
    cabs: int = 98
    slots: dict[str, int] = field(
        default_factory=lambda: {"diff_pair": 6, "bump": 2, "current": 4, "sum": 1, "multiplier": 1}
    )
    pads: int = 32
    lines_local: int = 24
    lines_global: int = 64
    fan_out: int = 256
    current_min: float = 1e-10
    current_max: float = 1e-6
    bias_bits: int = 12
    offset_low: float = 0.0
    offset_high: float = 3.3
    offset_bits: int = 12
    placeholder: bool = True

    def __post_init__(self) -> None:
        counts = (self.cabs, self.pads, self.lines_local, self.lines_global, self.fan_out)
        if min(counts) < 1 or any(n < 0 for n in self.slots.values()):
            raise ConfigError(f"an FPAA needs at least one of each resource, got {self}.")
        if unknown := set(self.slots) - set(TERMINALS):
            raise ConfigError(f"kinds of blocks are {', '.join(TERMINALS)}, got {', '.join(sorted(unknown))}.")
        if not (0 < self.current_min < self.current_max and self.offset_low < self.offset_high):
            raise ConfigError("an FPAA needs 0 < current_min < current_max and offset_low < offset_high.")
        if not (2 <= self.bias_bits <= 24 and 2 <= self.offset_bits <= 24):
            raise ConfigError(
                f"bias_bits and offset_bits must be 2 to 24, got {self.bias_bits} and {self.offset_bits}."
            )

    def bias_code(self, current: float) -> int:
        """The nearest code of a current, on a logarithmic scale."""
        share = np.log(current / self.current_min) / np.log(self.current_max / self.current_min)
        return int(np.clip(np.rint(share * (2**self.bias_bits - 1)), 0, 2**self.bias_bits - 1))

    def bias(self, code: int) -> float:
        """The current of a code in A."""
        return float(self.current_min * np.power(self.current_max / self.current_min, code / (2**self.bias_bits - 1)))

    def offset_code(self, volts: float) -> int:
        """The nearest code of a centre in V."""
        share = (volts - self.offset_low) / (self.offset_high - self.offset_low)
        return int(np.clip(np.rint(share * (2**self.offset_bits - 1)), 0, 2**self.offset_bits - 1))

    def offset(self, code: int) -> float:
        """The centre of a code in V."""
        share = code / float(2**self.offset_bits - 1)
        return self.offset_low + share * (self.offset_high - self.offset_low)


@dataclass(frozen=True)
class FpaaBlock:
    """One block: its name, kind and layer, the net of each terminal, and its programmed values if it has some."""

    id: str
    kind: str
    layer: int
    nets: tuple[str, ...]
    bias: float | None = None
    centre: float | None = None
    divider: float | None = None


def blocks_of(network: AnalogNetwork, device: FpaaDevice) -> list[FpaaBlock]:
    """All blocks of a network, layer by layer, pads first and last.

    Raises:
        ConfigError: If a current or a centre is outside the range of the device.
    """
    names = [f"x{i}" for i in range(len(network.input_names))]
    blocks = [FpaaBlock(f"pad.{name}", "pad", 0, (name,)) for name in names]
    for number, layer in enumerate(network.layers):
        made, names = _layer_blocks(number, layer, names)
        blocks += made
    last = len(network.layers) - 1
    blocks += [FpaaBlock(f"pad.y{j}", "pad", last, (name,)) for j, name in enumerate(names)]
    _check_values(blocks, device)
    return blocks


def _layer_blocks(number: int, layer: AnalogLayer, sources: list[str]) -> tuple[list[FpaaBlock], list[str]]:
    """The blocks of a layer and the nets of its nodes."""
    blocks = []
    for edge in sorted(layer.edges, key=lambda e: (e.target, e.source)):
        wires = f"n{number}_{edge.target}.plus", f"n{number}_{edge.target}.minus"
        for k, element in enumerate(edge.elements):
            name = f"e{number}_{edge.source}_{edge.target}.{element.kind[0]}{k}"
            if element.gain != 0:
                blocks.append(_element(name, number, element, sources[edge.source], wires))
    for j, node in enumerate(layer.sums):
        wire = f"n{number}_{j}.{'plus' if node.offset > 0 else 'minus'}"
        if node.offset != 0:
            blocks.append(FpaaBlock(f"n{number}_{j}.offset", "current", number, (wire,), abs(node.offset)))
        nets = (f"n{number}_{j}.plus", f"n{number}_{j}.minus", f"n{number}_{j}")
        blocks.append(FpaaBlock(f"n{number}_{j}", "sum", number, nets))
    outputs = [f"n{number}_{j}" for j in range(layer.plain)]
    for p, product in enumerate(layer.products):
        value = f"n{number}_{product.sums[0]}"
        for step, factor in enumerate(product.sums[1:]):
            name = f"p{number}_{p}.{step}"
            blocks.append(FpaaBlock(name, "multiplier", number, (value, f"n{number}_{factor}", name)))
            value = name
        outputs.append(value)
    return blocks, outputs


def _element(name: str, layer: int, element: Element, source: str, wires: tuple[str, str]) -> FpaaBlock:
    first, second = wires if element.gain > 0 else wires[::-1]
    kind = _BLOCK_OF[element.kind]
    nets = {"diff_pair": (source, first, second), "bump": (source, first), "current": (first,)}[kind]
    if kind == "current":
        return FpaaBlock(name, kind, layer, nets, abs(element.gain))
    return FpaaBlock(name, kind, layer, nets, abs(element.gain), element.centre, element.divider)


def _check_values(blocks: Sequence[FpaaBlock], device: FpaaDevice) -> None:
    low, high = device.current_min * (1 - 1e-9), device.current_max * (1 + 1e-9)
    off = [b for b in blocks if b.bias is not None and not low <= b.bias <= high]
    if off:
        raise ConfigError(
            f"{len(off)} currents are outside {device.current_min:g} to {device.current_max:g} A of {device.name}, first "
            f"{off[0].id} with {off[0].bias:.3g} A; fit the network with the limits of the device."
        )
    off = [b for b in blocks if b.centre is not None and not device.offset_low <= b.centre <= device.offset_high]
    if off:
        raise ConfigError(
            f"{len(off)} centres are outside {device.offset_low:g} to {device.offset_high:g} V of {device.name}, first "
            f"{off[0].id} with {off[0].centre:.3g} V."
        )


def calibration_of(network: AnalogNetwork, rows: Floats | None, celsius: Sequence[float]) -> dict[str, Any]:
    """The trims of the sums, with a table over temperature if rows are given."""
    own = network.parameters()
    table = []
    if rows is not None:
        wanted = [layer.sums for layer in network.signals(rows).layers]
        for degrees in celsius:
            p = trim(network, rows, wanted, temperature=degrees + ZERO_CELSIUS).parameters()
            table.append({"celsius": float(degrees), **_trims(p)})
    return {"nodes": network.node_names, **_trims(own), "temperature_table": table}


def _trims(p: AnalogParameters) -> dict[str, list[float]]:
    return {"node_gain": [float(v) for v in p.node_gains], "node_offset": [float(v) for v in p.node_trims]}


def device_of(document: dict[str, Any]) -> FpaaDevice:
    """The device that a document is for."""
    return FpaaDevice(**document["device"])


def save_fpaa(document: dict[str, Any], path: str | Path) -> None:
    """Writes a document atomically."""
    write_json(Path(path), document)
