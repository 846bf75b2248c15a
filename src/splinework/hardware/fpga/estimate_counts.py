"""Counts the resources of a circuit bit by bit before synthesis: functions, adder bits, clamps, registers; equal ones once.

The counts follow the Verilog that `verilog` writes; the unit costs on each technology are in `estimate`.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.fpga.circuit import Adder, CircuitLayer, CircuitNode, CircuitTable, CodeBit, FpgaDesign
from splinework.hardware.fpga.cost import reduced, support
from splinework.hardware.fpga.estimate_lookups import parts


class Signal(NamedTuple):
    """One bit on a wire.

    Attributes:
        key: Identity of the signal; None for a constant.
        stage: Cycle in which it is computed.
        inputs: Number of bits that it is a function of within its cycle; 1 for an input or a register.
        free: Whether it is a wire from an input or a register.
    """

    key: Hashable | None
    stage: int
    inputs: int = 1
    free: bool = True


CONSTANT_SIGNAL = Signal(None, 0)


@dataclass(frozen=True)
class ResourceCounts:
    """The number of each resource in a circuit.

    Attributes:
        lookups: Functions that fit into one LUT.
        parts: Parts of functions with one input too many.
        muxes: Multiplexers that join those.
        more_parts: Parts of functions with several inputs too many.
        more_muxes: Multiplexers that join those.
        absorbed: Functions that can share a LUT with an adder bit.
        opposites: Inverters of single bits.
        adder_bits: Distinct pairs of bits added by adders with a carry chain.
        carry_bits: Bits of carry chains.
        soft_bits: Bits of adders too short for a carry chain.
        merged_bits: Bits of plain adders of a plain sum of the same cycle, which Yosys merges into three-operand adders.
        clamps: Functions that round and clamp.
        flipflops: Flip-flops.
    """

    lookups: int = 0
    parts: int = 0
    muxes: int = 0
    more_parts: int = 0
    more_muxes: int = 0
    absorbed: int = 0
    opposites: int = 0
    adder_bits: int = 0
    carry_bits: int = 0
    soft_bits: int = 0
    merged_bits: int = 0
    clamps: int = 0
    flipflops: int = 0

    def __add__(self, other: "ResourceCounts") -> "ResourceCounts":
        return ResourceCounts(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


def counts(design: FpgaDesign, lookup: int, chain: int) -> ResourceCounts:
    """The resources of a circuit for LUTs with `lookup` inputs and carry chains from `chain` bits on."""
    total = ResourceCounts(flipflops=design.latency_cycles)  # for the valid bit
    used: dict[int, set[int]] | None = None
    for layer in reversed(design.layers):
        counter = _Counter(layer, (lookup, chain), used)
        total += counter.total()
        used = counter.looked_at
    return total


class _Counter:
    """Counts one layer; `used` holds the bits of each node's code that the next layer reads, None means all."""

    def __init__(self, layer: CircuitLayer, sizes: tuple[int, int], used: dict[int, set[int]] | None) -> None:
        self.layer, self.used = layer, used
        self.lookup, self.chain = sizes
        self.functions: dict[Hashable, NDArray[np.bool_]] = {}
        self.absorbed: set[Hashable] = set()
        self.needed: set[Hashable] = set()
        self.opposites: set[Hashable] = set()
        self.pairs: set[Hashable] = set()
        self.carry_bits = self.soft_bits = self.merged_bits = 0
        self.clamps: dict[Hashable, int] = {}
        self.ages: dict[Hashable, int] = {}
        self.looked_at: dict[int, set[int]] = {}
        for node in layer.nodes:
            if used is None or used.get(node.index):
                self.node(node)

    def total(self) -> ResourceCounts:
        """The resources counted so far."""
        found = dict.fromkeys(("lookups", "parts", "muxes", "more_parts", "more_muxes"), 0)
        for key in self.needed:
            values = self.functions[key]
            excess = len(values).bit_length() - 1 - self.lookup
            if excess <= 0:
                found["lookups"] += 1
                continue
            split = parts(values, self.lookup)
            found["parts" if excess == 1 else "more_parts"] += split.lookups
            found["muxes" if excess == 1 else "more_muxes"] += split.muxes
        return ResourceCounts(
            **found,
            absorbed=len(self.absorbed - self.needed),
            opposites=len(self.opposites),
            adder_bits=len(self.pairs),
            carry_bits=self.carry_bits,
            soft_bits=self.soft_bits,
            merged_bits=self.merged_bits,
            clamps=sum(self.clamps.values()),
            flipflops=sum(self.ages.values()),
        )

    def node(self, node: CircuitNode) -> None:
        """Counts one neuron from its output back to its inputs."""
        if not node.tables:
            return
        bits = {number: self.table(node, number) for number in range(len(node.tables))}
        for number, word in enumerate(node.sums, start=len(node.tables)):
            bits[number] = self.sum(node, number, word, bits)
        end = self.layer.cycles
        places = range(node.format.width) if self.used is None else sorted(self.used[node.index])
        for signal in self.finish(node, bits[len(node.words) - 1], places):
            self.read(signal, end)

    def table(self, node: CircuitNode, number: int) -> list[Signal]:
        """The bits of a table; their cost is counted where they are read."""
        table, stage = node.tables[number], node.stages[number]
        return [self.column(table, column, stage) for column in table.columns.T]

    def column(self, table: CircuitTable, column: NDArray[np.bool_], stage: int) -> Signal:
        places = support(column)
        values = reduced(column, places)
        address = [table.address[p] for p in places]
        address, values = _unfolded(address, values, table.flip)
        if not address:
            return CONSTANT_SIGNAL
        for bit in address:
            self.looked_at.setdefault(bit.input, set()).add(bit.place)
            self.age(("x", bit.input, bit.place), 0, stage)
        if len(address) == 1:
            key: Hashable = ("x", address[0].input, address[0].place)
            if not values[0]:
                return Signal(key, 0)
            return Signal(("not", key, stage), stage, 1, False)
        opposite = values ^ values[0]
        function = (tuple(address), opposite.tobytes(), stage)
        self.functions[function] = opposite
        return Signal((function, bool(values[0])), stage, len(address), False)

    def sum(self, node: CircuitNode, number: int, word: Adder, bits: dict[int, list[Signal]]) -> list[Signal]:
        """The bits of an adder; those below its start are passed through, and a carry takes an extra bit."""
        stage = node.stages[number]
        carry = bits[word.carry][0] if word.carry >= 0 else CONSTANT_SIGNAL
        start = node.words[word.carry if word.carry >= 0 else word.right].shift
        if word.carry < 0:
            start = max(start, node.words[word.left].shift)
        rows = []
        for part in (word.left, word.right):
            own = node.words[part]
            fill = bits[part][-1] if own.signed else CONSTANT_SIGNAL
            whole = [CONSTANT_SIGNAL] * (own.shift - word.shift) + bits[part] + [fill] * word.width
            rows.append(whole[: word.width])
        below = min(max(start - word.shift, 0), word.width)
        passed = [one if one.key is not None else two for one, two in zip(*rows, strict=True)][:below]
        self.read(carry, stage)
        length = word.width - below + (carry.key is not None)
        chained = length >= self.chain
        if chained:
            self.carry_bits += length
        else:
            self.soft_bits += length
        self.merged_bits += length * sum(merges(node, number, part) for part in (word.left, word.right))
        for one, two in list(zip(*rows, strict=True))[below:]:
            both = one.key is not None and two.key is not None
            self.read(one, stage)
            if both and chained and two.stage == stage and not two.free and two.inputs < self.lookup:
                self.absorb(two)
            else:
                self.read(two, stage)
            if both and chained:
                self.pairs.add((one.key, two.key, stage))
        name = (node.layer, node.index, number)
        return [*passed, *(Signal((*name, place), stage) for place in range(below, word.width))]

    def finish(self, node: CircuitNode, root: list[Signal], places: "range | list[int]") -> Iterator[Signal]:
        """The bits of the code that are read."""
        word = node.words[-1]
        sign = root[-1] if word.signed else CONSTANT_SIGNAL
        whole = [CONSTANT_SIGNAL] * word.shift + root
        whole += [sign] * (node.guard + node.format.width + 1)
        if not node.finishes:
            yield from (whole[p] for p in places)
            return
        width = word.width + word.shift - node.guard
        keep = node.format.width - (1 if node.format.signed else 0)
        tests = max(0, width - keep) if any(node.clips) else 0
        for place in range(min(len(root) + word.shift, len(whole))):
            self.read(whole[place], node.finish)
        wide = tests + 1 > self.lookup
        if wide:
            self.clamps[(node.index, "tests")] = sum(node.clips) * -(-tests // (self.lookup - 1))
        for place in places:
            inputs = (3 if wide else 1 + tests) + (node.guard if place == 0 else 0)
            if inputs > 1:
                self.clamps[(node.index, place)] = 1 if inputs <= self.lookup else 2
                yield Signal((node.layer, node.index, "q", place), node.finish, inputs, False)
            else:
                yield whole[place + node.guard]

    def read(self, signal: Signal, stage: int) -> None:
        """Registers that a signal is needed on its own wire in a cycle."""
        if signal.key is None:
            return
        self.age(signal.key, signal.stage, stage)
        key = signal.key
        if isinstance(key, tuple) and key[0] == "not":
            self.opposites.add(key)
        elif isinstance(key, tuple) and isinstance(key[0], tuple) and key[0] in self.functions:
            self.needed.add(key[0])

    def absorb(self, signal: Signal) -> None:
        """Registers that a function is needed only inside the LUT of an adder bit."""
        key = signal.key
        if isinstance(key, tuple) and isinstance(key[0], tuple) and key[0] in self.functions:
            self.absorbed.add(key[0])

    def age(self, key: Hashable, native: int, stage: int) -> None:
        if stage > native:
            self.ages[key] = max(self.ages.get(key, 0), stage - native)


def merges(node: CircuitNode, number: int, part: int) -> bool:
    """Whether Yosys merges a plain sum with a plain sum that it reads in the same cycle into one adder."""
    word, own = node.words[number], node.words[part]
    if not isinstance(word, Adder) or not isinstance(own, Adder) or node.stages[part] != node.stages[number]:
        return False
    start = max(node.words[p].shift for p in (word.left, word.right))
    return own.shift == start and _plain(node, word) and _plain(node, own)


def _plain(node: CircuitNode, word: Adder) -> bool:
    """Whether an adder is written as `+` between two words."""
    return word.carry < 0 and not (word.right < len(node.tables) and node.fused[word.right])


def _unfolded(
    address: list[CodeBit], values: NDArray[np.bool_], flip: CodeBit | None
) -> tuple[list[CodeBit], NDArray[np.bool_]]:
    """The same function over plain bits, with folds and inversion resolved."""
    needed: list[CodeBit] = []
    for bit in [*address, *([flip] if flip is not None else [])]:
        for place in (bit.place, bit.fold):
            plain = CodeBit(bit.input, place)
            if place >= 0 and plain not in needed:
                needed.append(plain)
    needed.sort()
    if needed == address and flip is None:
        return address, values
    raw = np.arange(1 << len(needed))
    at = {bit: (raw >> k) & 1 for k, bit in enumerate(needed)}

    def value(bit: CodeBit) -> NDArray[np.int64]:
        plain: NDArray[np.int64] = at[CodeBit(bit.input, bit.place)]
        return plain if bit.fold < 0 else plain ^ at[CodeBit(bit.input, bit.fold)]

    index = np.zeros_like(raw)
    for k, bit in enumerate(address):
        index |= value(bit) << k
    found = values[index]
    if flip is not None:
        found = found ^ (value(flip) != 0)
    places = support(found)
    return [needed[p] for p in places], reduced(found, places)
