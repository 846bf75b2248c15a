"""The longest way from register to register, in lookup tables, adders and bits of carry, before anything is placed.

What each of these takes on a technology is in `estimate`; which way is the longest depends on it.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

from splinework.hardware.fpga.circuit import Adder, CircuitLayer, CircuitNode, CircuitTable, FpgaDesign
from splinework.hardware.fpga.cost import functions
from splinework.hardware.fpga.estimate_counts import merges


@dataclass(frozen=True)
class TimingPath:
    """A way from a register to a register, or what each step of it takes, in ns.

    Attributes:
        start: Leaving a register and entering one.
        lookups: Lookup tables.
        beyond: Inputs of functions beyond those of a lookup table.
        adders: Adders.
        carry_bits: Bits of their carry chains.
        size: Twofold sizes of the circuit, log2(LUTs + flip-flops): the farther things lie apart.
    """

    start: float = 0.0
    lookups: float = 0.0
    beyond: float = 0.0
    adders: float = 0.0
    carry_bits: float = 0.0
    size: float = 0.0

    def __add__(self, other: "TimingPath") -> "TimingPath":
        return TimingPath(*(a + b for a, b in zip(self.values(), other.values(), strict=True)))

    def values(self) -> tuple[float, ...]:
        """Its numbers in order."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def period(self, costs: "TimingPath") -> float:
        """Nanoseconds."""
        return sum(a * b for a, b in zip(self.values(), costs.values(), strict=True))


_START_PATH = TimingPath(start=1)


def longest(design: FpgaDesign, lookup: int, costs: TimingPath) -> TimingPath:
    """The way that takes longest through lookup tables of so many inputs, where `costs` says what each step takes, in ns."""
    worst = _START_PATH
    arrivals = [_START_PATH] * len(design.inputs)
    for layer in design.layers:
        following = []
        for node in layer.nodes:
            walk = _PathTracer(layer, node, lookup, costs, arrivals)
            worst = max(worst, walk.worst, key=lambda path: path.period(costs))
            following.append(walk.leaves)
        arrivals = following
    return worst


class _PathTracer:
    """The ways through one neuron. `arrivals` are the ways by which its inputs come in cycle 0."""

    def __init__(
        self, layer: CircuitLayer, node: CircuitNode, lookup: int, costs: TimingPath, arrivals: list[TimingPath]
    ) -> None:
        self.lookup, self.costs, self.arrivals = lookup, costs, arrivals
        self.worst, self.leaves = _START_PATH, _START_PATH
        if not node.tables or node.index in layer.dead:
            return
        self.ways: list[TimingPath] = []
        self.saved: dict[int, TimingPath] = {}
        for number, word in enumerate(node.words):
            stage = node.stages[number]
            self.ways.append(
                self.table(word, stage) if isinstance(word, CircuitTable) else self.sum(node, number, word)
            )
        root = len(node.words) - 1
        way = self.at(node, root, node.finish)
        if node.finishes:
            way = way + TimingPath(lookups=1)
        self.worst = max([*self.ways, way], key=lambda path: path.period(costs))
        self.leaves = way if node.finish == layer.cycles else _START_PATH

    def at(self, node: CircuitNode, number: int, stage: int) -> TimingPath:
        """The way to a word as it is read in some cycle."""
        return self.ways[number] if node.stages[number] == stage else _START_PATH

    def table(self, table: CircuitTable, stage: int) -> TimingPath:
        sources = [self.arrivals[i] if stage == 0 else _START_PATH for i in table.inputs] or [_START_PATH]
        before = max(sources, key=lambda path: path.period(self.costs))
        inputs = _inputs(table)
        return before + TimingPath(lookups=1, beyond=max(0, inputs - self.lookup)) if inputs > 1 else before

    def sum(self, node: CircuitNode, number: int, word: Adder) -> TimingPath:
        """The way to a sum; the sums that it is merged with are one lookup table each, without their carries."""
        stage = node.stages[number]
        before = []
        for part in (word.left, word.right, word.carry):
            if part >= 0:
                merged = merges(node, number, part)
                before.append(self.saved[part] if merged else self.at(node, part, stage))
        way = max(before, key=lambda path: path.period(self.costs))
        self.saved[number] = way + TimingPath(lookups=1)
        return way + TimingPath(adders=1, carry_bits=word.width)


@lru_cache(maxsize=1 << 14)
def _inputs(table: CircuitTable) -> int:
    """Of the bit of a table that depends on most."""
    folded = any(bit.fold >= 0 for bit in table.address) or table.flip is not None
    return max((len(bits) for bits, _ in functions(table)), default=0) + folded
