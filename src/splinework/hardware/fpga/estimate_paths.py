"""Critical path from register to register, in LUTs, adders and carry bits, before placement.

The delays of a technology are in `estimate`; which path is critical depends on them.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

from splinework.hardware.fpga.circuit import Adder, CircuitLayer, CircuitNode, CircuitTable, FpgaDesign
from splinework.hardware.fpga.cost import functions
from splinework.hardware.fpga.estimate_counts import merges


@dataclass(frozen=True)
class TimingPath:
    """The steps of a path between registers, or the delay of each kind of step in ns.

    Attributes:
        start: Clock-to-output and setup of registers.
        lookups: Number of LUTs.
        beyond: Number of function inputs beyond those of a LUT.
        carry_bits: Number of bits of their carry chains.
        size: Logarithmic size of the circuit, log2(LUTs + flip-flops): routing is longer in larger circuits.
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
        """The numbers in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def period(self, costs: "TimingPath") -> float:
        """The delay of the path in ns."""
        return sum(a * b for a, b in zip(self.values(), costs.values(), strict=True))


_START_PATH = TimingPath(start=1)


def longest(design: FpgaDesign, lookup: int, costs: TimingPath) -> TimingPath:
    """The critical path for LUTs with `lookup` inputs, given the delay of each kind of step in ns."""
    worst = _START_PATH
    arrivals = [_START_PATH] * len(design.inputs)
    for layer in design.layers:
        following = []
        for node in layer.nodes:
            tracer = _PathTracer(layer, node, lookup, costs, arrivals)
            worst = max(worst, tracer.worst, key=lambda path: path.period(costs))
            following.append(tracer.leaves)
        arrivals = following
    return worst


class _PathTracer:
    """The paths through one neuron; `arrivals` are the paths to its inputs in cycle 0."""

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
        """The path to a word as it is read in a cycle."""
        return self.ways[number] if node.stages[number] == stage else _START_PATH

    def table(self, table: CircuitTable, stage: int) -> TimingPath:
        sources = [self.arrivals[i] if stage == 0 else _START_PATH for i in table.inputs] or [_START_PATH]
        before = max(sources, key=lambda path: path.period(self.costs))
        inputs = _inputs(table)
        return before + TimingPath(lookups=1, beyond=max(0, inputs - self.lookup)) if inputs > 1 else before

    def sum(self, node: CircuitNode, number: int, word: Adder) -> TimingPath:
        """The path to a sum; sums merged with it count as one LUT each, without their carries."""
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
    """Largest number of inputs of any bit of a table."""
    folded = any(bit.fold >= 0 for bit in table.address) or table.flip is not None
    return max((len(bits) for bits, _ in functions(table)), default=0) + folded
