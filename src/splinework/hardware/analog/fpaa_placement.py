"""Places the blocks of a network in an FPAA: greedily by layer, then by swaps; lines and switches follow.

A net takes one local line in every CAB where it has a terminal, and one global line if it leaves its CAB. Placement respects the
slots and local lines of every CAB; swaps then reduce the number of lines. Pads have their own switch matrix, numbered after the
last CAB.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.analog.fpaa import FORMAT, TERMINALS, FpaaBlock, FpaaDevice, blocks_of, calibration_of
from splinework.hardware.analog.network import AnalogNetwork, Floats


@dataclass(frozen=True)
class Placement:
    """The CAB and slot of each block in order, and the wiring cost, the number of local and global lines in use."""

    cabs: tuple[int, ...]
    slots: tuple[int, ...]
    cost: int


def fpaa_document(
    network: AnalogNetwork,
    device: FpaaDevice | None = None,
    *,
    rows: Floats | None = None,
    celsius: Sequence[float] = (0.0, 27.0, 85.0),
    swaps: int = 20_000,
    seed: int = 0,
) -> dict[str, Any]:
    """Places a network and describes it as a JSON document; see `fpaa`.

    Args:
        network: The circuits.
        device: The device; None takes one with placeholder numbers.
        rows: Known rows in raw units for a table of trims over temperature; None for no table.
        celsius: Temperatures of the table in °C.
        swaps: Number of swaps tried after the greedy placement.
        seed: Seed of the swaps.

    Raises:
        ConfigError: If the network does not fit the device.
    """
    device = device or FpaaDevice()
    blocks = blocks_of(network, device)
    check_fit(network, blocks, device)
    placement = place(blocks, device, swaps=swaps, seed=seed)
    nets, switches = _wire(blocks, placement, device)
    return {
        "format": FORMAT,
        "device": asdict(device),
        "inputs": list(network.input_names),
        "outputs": list(network.output_names),
        "blocks": [
            _described(b, c, s, device) for b, c, s in zip(blocks, placement.cabs, placement.slots, strict=True)
        ],
        "nets": nets,
        "switches": switches,
        "calibration": calibration_of(network, rows, celsius),
        "used": _used(blocks, nets, device),
    }


def check_fit(network: AnalogNetwork, blocks: Sequence[FpaaBlock], device: FpaaDevice) -> None:
    """Checks that the device has enough slots, pads and fan-out for all blocks, independent of their placement.

    Raises:
        ConfigError: If a resource is exhausted.
    """
    for kind, needed in sorted(Counter(block.kind for block in blocks).items()):
        available = device.pads if kind == "pad" else device.cabs * device.slots.get(kind, 0)
        if needed > available:
            raise ConfigError(
                f"the network does not fit into {device.name}: it needs {needed} of {kind} and has {available}; "
                f"{_advice(network, kind, needed, available)}."
            )
    for net, count in Counter(net for block in blocks for net in block.nets).items():
        if count > device.fan_out:
            raise ConfigError(
                f"the network does not fit into {device.name}: {count} terminals are on the net {net} and fan_out is "
                f"{device.fan_out}; {_advice(network, 'fan_out', count, device.fan_out)}."
            )


def _advice(network: AnalogNetwork, kind: str, needed: int, available: int) -> str:
    """Advice on a network that would fit, scaled from the present one, as resources grow with edges times elements."""
    edges = [edge for layer in network.layers for edge in layer.edges]
    most = max((len(edge.elements) for edge in edges), default=0)
    fan_in = max((n for layer in network.layers for n in Counter(e.target for e in layer.edges).values()), default=0)
    if kind in ("diff_pair", "bump", "current"):
        least = sum(min(1, len(edge.elements)) for edge in edges)
        k = available // max(1, least)
        elements = f"{min(k, most - 1)} elements per edge instead of {most}" if k else "no number of elements per edge"
        return f"{elements} would fit, or a fan-in of {fan_in * available // needed} instead of {fan_in}: prune edges"
    if kind == "fan_out":
        return f"{most * available // needed} elements per edge instead of {most} would fit, or fewer edges on that net"
    if kind == "pad":
        return f"at most {available} inputs and outputs in total would fit"
    if kind == "sum":
        return f"a network of {available} sums would fit; it has {needed}"
    return f"products with {available} multiplications in total would fit"


class _PlacementState:
    """A placement in progress: the CAB of each block, and the number of terminals of each net in each CAB."""

    def __init__(self, blocks: Sequence[FpaaBlock], device: FpaaDevice) -> None:
        self.blocks, self.device = blocks, device
        self.cab = [-1] * len(blocks)
        self.free: dict[str, list[int]] = {
            kind: [device.slots.get(kind, 0)] * device.cabs for kind in TERMINALS if kind != "pad"
        }
        self.here: list[Counter[str]] = [Counter() for _ in range(device.cabs + 1)]
        self.cabs_of: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def added(self, block: FpaaBlock, cab: int) -> int:
        """Number of local lines that a block would add to a CAB."""
        return sum(1 for net in set(block.nets) if not self.here[cab][net])

    def fits(self, block: FpaaBlock, cab: int) -> bool:
        """Whether the CAB has a slot and lines for the block."""
        lines = len(self.here[cab]) + self.added(block, cab)
        return self.free[block.kind][cab] > 0 and lines <= self.device.lines_local

    def put(self, number: int, cab: int) -> None:
        """Places a block in a CAB."""
        block = self.blocks[number]
        self.cab[number] = cab
        if block.kind != "pad":
            self.free[block.kind][cab] -= 1
        for net in block.nets:
            self.here[cab][net] += 1
            self.cabs_of[net][cab] += 1

    def take(self, number: int) -> None:
        """Removes a block from its CAB."""
        block, cab = self.blocks[number], self.cab[number]
        if block.kind != "pad":
            self.free[block.kind][cab] += 1
        for net in block.nets:
            self.here[cab][net] -= 1
            self.cabs_of[net][cab] -= 1
            if not self.cabs_of[net][cab]:  # zero counts would look like lines
                del self.here[cab][net], self.cabs_of[net][cab]
        self.cab[number] = -1

    def cost(self, nets: Sequence[str]) -> int:
        """Number of lines of some nets: one in each CAB, and a global one if there are several CABs."""
        return sum(len(self.cabs_of[net]) + (len(self.cabs_of[net]) > 1) for net in nets)

    @property
    def crossing(self) -> int:
        """Number of nets that leave their CAB."""
        return sum(len(cabs) > 1 for cabs in self.cabs_of.values())


def place(blocks: Sequence[FpaaBlock], device: FpaaDevice, *, swaps: int = 20_000, seed: int = 0) -> Placement:
    """Places blocks greedily where they add the fewest lines, then improves the placement by random moves and swaps.

    Raises:
        ConfigError: If local or global lines run out.
    """
    state = _PlacementState(blocks, device)
    for number, block in enumerate(blocks):
        state.put(number, device.cabs if block.kind == "pad" else _best_cab(state, block))
    _improve(state, swaps, np.random.default_rng([seed, 41]))
    if state.crossing > device.lines_global:
        nodes = sum(block.kind == "sum" or block.id.startswith("pad.x") for block in blocks)
        raise ConfigError(
            f"the network does not fit into {device.name}: {state.crossing} nets run between CABs and lines_global is "
            f"{device.lines_global}; a network of about {max(1, nodes * device.lines_global // state.crossing)} nodes and "
            "inputs would fit."
        )
    taken: Counter[tuple[int, str]] = Counter()
    slots = []
    for block, cab in zip(blocks, state.cab, strict=True):
        slots.append(taken[cab, block.kind])
        taken[cab, block.kind] += 1
    return Placement(tuple(state.cab), tuple(slots), state.cost(list(state.cabs_of)))


def _best_cab(state: _PlacementState, block: FpaaBlock) -> int:
    """The CAB with room where the block adds the fewest lines; the fullest of equal ones."""
    choices = [cab for cab in range(state.device.cabs) if state.fits(block, cab)]
    if choices:
        return min(choices, key=lambda cab: (state.added(block, cab), -len(state.here[cab]), cab))
    free = sum(state.free[block.kind])
    raise ConfigError(
        f"the network does not fit into {state.device.name}: {free} slots of {block.kind} are free, yet none in a CAB with "
        f"lines_local left for {block.id} ({state.device.lines_local} in each); use fewer elements per edge or fewer "
        "edges, so that fewer nets meet in a CAB."
    )


def _improve(state: _PlacementState, swaps: int, random: np.random.Generator) -> None:
    """Moves blocks to other CABs, or swaps two of a kind, if that is allowed and saves lines."""
    movable = [n for n, block in enumerate(state.blocks) if block.kind != "pad"]
    by_kind = defaultdict(list)
    for number in movable:
        by_kind[state.blocks[number].kind].append(number)
    for _ in range(swaps if len(movable) > 1 else 0):
        one = movable[int(random.integers(len(movable)))]
        same = by_kind[state.blocks[one].kind]
        other = same[int(random.integers(len(same)))]
        # Half of the attempts move the block to the other's CAB instead of swapping them.
        pair = [one] if random.random() < 0.5 else [one, other]
        a, b = state.cab[one], state.cab[other]
        if a == b:
            continue
        nets = sorted({net for number in pair for net in state.blocks[number].nets})
        before = state.cost(nets)
        for number in pair:
            state.take(number)
        goals = [b, a][: len(pair)]
        done = []
        for number, goal in zip(pair, goals, strict=True):
            if not state.fits(state.blocks[number], goal):
                break
            state.put(number, goal)
            done.append(number)
        if len(done) < len(pair) or state.cost(nets) >= before:
            for number in done:
                state.take(number)
            for number, goal in zip(pair, [a, b][: len(pair)], strict=True):
                state.put(number, goal)


def column_of(device: FpaaDevice, kind: str, slot: int, terminal: str) -> int:
    """The column of a block's terminal in its CAB's switch matrix; columns of global lines come last."""
    if kind == "pad":
        return slot
    first = 0
    for other in TERMINALS:
        if other == kind:
            return first + slot * len(TERMINALS[kind]) + TERMINALS[kind].index(terminal)
        first += device.slots.get(other, 0) * len(TERMINALS[other])
    raise ConfigError(f"kinds of blocks are {', '.join(TERMINALS)}, got {kind!r}.")


def columns_of(device: FpaaDevice, cab: int) -> int:
    """Number of terminal columns of a CAB; the pads are the CAB after the last one."""
    if cab == device.cabs:
        return device.pads
    return sum(device.slots.get(kind, 0) * len(names) for kind, names in TERMINALS.items() if kind != "pad")


def _wire(
    blocks: Sequence[FpaaBlock], placement: Placement, device: FpaaDevice
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The nets with their lines, and the closed switches."""
    terminals: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for block, cab, slot in zip(blocks, placement.cabs, placement.slots, strict=True):
        for terminal, net in zip(TERMINALS[block.kind], block.nets, strict=True):
            terminals[net].append((cab, column_of(device, block.kind, slot, terminal), f"{block.id}.{terminal}"))
    local: Counter[int] = Counter()
    nets, switches, used = [], [], 0
    for net, ends in terminals.items():
        cabs = sorted({cab for cab, _, _ in ends})
        rows = {}
        for cab in cabs:
            rows[cab] = local[cab]
            local[cab] += 1
        line = used if len(cabs) > 1 else None
        used += line is not None
        for cab, column, _ in ends:
            switches.append({"cab": cab, "row": rows[cab], "col": column, "mode": "on"})
        if line is not None:
            for cab in cabs:
                switches.append({"cab": cab, "row": rows[cab], "col": columns_of(device, cab) + line, "mode": "on"})
        kind = "sum" if net.endswith((".plus", ".minus")) else "voltage"
        lines = [{"cab": cab, "row": row} for cab, row in rows.items()]
        nets.append({"id": net, "kind": kind, "terminals": [n for _, _, n in ends], "lines": lines, "global": line})
    return nets, switches


def _described(block: FpaaBlock, cab: int, slot: int, device: FpaaDevice) -> dict[str, Any]:
    made: dict[str, Any] = {"id": block.id, "type": block.kind, "layer": block.layer, "cab": cab, "slot": slot}
    if block.bias is not None:
        made |= {"bias_A": float(block.bias), "bias_code": device.bias_code(block.bias)}
    if block.centre is not None:
        made |= {"offset_V": float(block.centre), "offset_code": device.offset_code(block.centre)}
    if block.divider is not None:
        made["divider"] = float(block.divider)
    return made


def _used(blocks: Sequence[FpaaBlock], nets: Sequence[dict[str, Any]], device: FpaaDevice) -> dict[str, Any]:
    """Used and available number of each resource."""
    counts = Counter(block.kind for block in blocks)
    available = {kind: device.cabs * count for kind, count in device.slots.items()} | {"pad": device.pads}
    made = {kind: {"used": counts[kind], "available": total} for kind, total in available.items()}
    lines = Counter(line["cab"] for net in nets for line in net["lines"] if line["cab"] < device.cabs)
    made["lines_local"] = {"used": max(lines.values(), default=0), "available": device.lines_local}
    crossing = sum(net["global"] is not None for net in nets)
    made["lines_global"] = {"used": crossing, "available": device.lines_global}
    return made
