"""Builds adder trees and assigns the parts of a circuit to cycles.

An adder absorbs a table at no cost if the bits of the table have few inputs, so a sum of n tables is built from chains
`head + table + table …`, of which only the heads cost LUTs, and the chains are added in pairs. The allowed depth limits the
length of chains: k chains of lengths L fit into d levels if Σ 2^(L-1) <= 2^d.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, log2
from typing import Literal

from splinework.errors import ConfigError
from splinework.hardware.formats import Format
from splinework.hardware.fpga.circuit import Adder, CircuitLayer, CircuitNode, CircuitTable, FpgaDesign, FpgaOptions
from splinework.hardware.fpga.cost import shared_with_adder


def connect(node: CircuitNode, options: FpgaOptions, levels: int | None = None) -> CircuitNode:
    """The neuron with its adder tree; its constant must be 0 if it has several tables.

    `levels` is the largest adder depth, None for the smallest possible; more levels never make the tree larger.
    """
    count = len(node.tables)
    if count < 2:
        return replace(node, sums=(), fused=(False,) * count)
    gains = [shared_with_adder(table, options.fused) if options.compress else 0 for table in node.tables]
    carries = _carries(node)
    while True:
        tree = _tree(node, gains, carries, levels)
        lost = tree.carried(carries)
        if not lost:
            break
        carries = [t for t in carries if t not in lost]
    sums = (*tree.sums[:-1], tree.whole(tree.sums[-1]))
    right = {number for s in sums for number in (s.right, s.carry)}
    fused = tuple((gains[t] > 0 or t in carries) and t in right for t in range(count))
    return replace(node, sums=sums, fused=fused)


def chains_needed(count: int, levels: int) -> int:
    """Smallest number of chains for a number of operands within a number of adder levels."""
    return next(k for k in range(1, count + 1) if k == count or _fits(count, k, levels))


def _carries(node: CircuitNode) -> list[int]:
    """The one-bit tables that are added as carries, at most one for each adder of the other tables."""
    bits = [t for t, table in enumerate(node.tables) if table.width == 1 and not table.signed]
    heads = node.heads if node.heads is not None else frozenset()
    free = [t for t in bits if t not in heads]
    return free[len(free) - min(len(free), max(0, (len(node.tables) - 1) // 2)) :]


def _tree(node: CircuitNode, gains: Sequence[int], carries: Sequence[int], levels: int | None) -> "_AdderTree":
    words = [t for t in range(len(node.tables)) if t not in carries]
    chains = _chains(node, words, gains, max(levels or 0, ceil(log2(len(words)))))
    count = len(node.tables)
    tree = _AdderTree(node)
    heap: list[tuple[int, int, int]] = []
    for chain in chains:
        word = chain[0]
        for table in chain[1:]:
            word = tree.add(word, table)
        heapq.heappush(heap, (tree.level(word), tree.top(word), word))
    while len(heap) > 1:
        first, second = heapq.heappop(heap)[2], heapq.heappop(heap)[2]
        if first < count <= second:  # a table on the right shares LUTs with the adder
            first, second = second, first
        word = tree.add(first, second)
        heapq.heappush(heap, (tree.level(word), tree.top(word), word))
    return tree


def _chains(node: CircuitNode, words: Sequence[int], gains: Sequence[int], levels: int) -> list[list[int]]:
    """The smallest number of chains that fits the levels; the heads are the tables that gain least from an adder."""
    count, tables = len(words), node.tables
    number = chains_needed(count, levels) if any(gains[t] for t in words) else (count + 1) // 2
    size = {t: (tables[t].low < 0, tables[t].shift + tables[t].width, t) for t in words}
    ready = node.heads if node.heads is not None else frozenset()
    heads = sorted(words, key=lambda t: (t not in ready, gains[t], size[t]))[:number]
    chains = [[head] for head in sorted(heads, key=size.__getitem__)]
    for place, table in enumerate(sorted(set(words) - set(heads), key=size.__getitem__)):
        chains[place % number].append(table)
    return chains


def _fits(count: int, number: int, levels: int) -> bool:
    short, longer = divmod(count, number)
    return (number - longer << (short - 1)) + (longer << short) <= 1 << levels


class _AdderTree:
    """The words of a node during the construction of its adders."""

    def __init__(self, node: CircuitNode) -> None:
        self.node = node
        self.sums: list[Adder] = []
        self.cap = Format.holding(node.low, node.high).width

    def word(self, number: int) -> CircuitTable | Adder:
        tables = self.node.tables
        return tables[number] if number < len(tables) else self.sums[number - len(tables)]

    def level(self, number: int) -> int:
        word = self.word(number)
        return word.level if isinstance(word, Adder) else 0

    def top(self, number: int) -> int:
        word = self.word(number)
        return word.shift + word.width

    def add(self, left: int, right: int) -> int:
        one, two = self.word(left), self.word(right)
        shift = min(one.shift, two.shift)
        low = ((one.low << one.shift) + (two.low << two.shift)) >> shift
        high = ((one.high << one.shift) + (two.high << two.shift)) >> shift
        level = 1 + max(self.level(left), self.level(right))
        self.sums.append(Adder(left, right, low, high, shift, self.cap, level))
        return len(self.node.tables) + len(self.sums) - 1

    def carried(self, carries: Sequence[int]) -> list[int]:
        """Assigns each bit to an adder, preferably one with a table of the same input; returns the bits that fit none."""
        lost = []
        for number in carries:
            bit = self.node.tables[number]
            fits = [k for k, s in enumerate(self.sums) if s.carry < 0 and self._starts(s, bit.shift)]
            beside = [k for k in fits if set(self._inputs(self.sums[k])) & set(bit.inputs)]
            if not fits:
                lost.append(number)
                continue
            place = (beside or fits)[0]
            self.sums[place] = replace(self.sums[place], carry=number)
        self._widen()
        return lost

    def _starts(self, word: Adder, shift: int) -> bool:
        """Whether an adder can start at a place, so that a bit of that weight can be its carry."""
        shifts = [self.word(part).shift for part in (word.left, word.right)]
        return min(shifts) <= shift <= max(shifts)

    def _inputs(self, word: Adder) -> tuple[int, ...]:
        right = self.word(word.right)
        return right.inputs if isinstance(right, CircuitTable) else ()

    def _widen(self) -> None:
        """Updates the ranges of the sums for their carries."""
        for k, word in enumerate(self.sums):
            parts = [self.word(p) for p in (word.left, word.right, word.carry) if p >= 0]
            low = sum(p.low << p.shift for p in parts) >> word.shift
            high = sum(p.high << p.shift for p in parts) >> word.shift
            self.sums[k] = replace(word, low=low, high=high)

    def whole(self, root: Adder) -> Adder:
        """The last sum with the exact range of values, which can be smaller than the sum of its words' ranges."""
        return replace(root, low=self.node.low >> root.shift, high=self.node.high >> root.shift)


@dataclass(frozen=True)
class _LogicLevel:
    """One level of logic of a layer: table lookups, one adder level, or rounding and clamping."""

    layer: int
    kind: Literal["lookup", "add", "finish"]


def schedule(design: FpgaDesign) -> FpgaDesign:
    """Assigns the circuit to cycles.

    Raises:
        ConfigError: If the circuit does not fit into `max_cycles`.
    """
    options = design.options
    layers = [replace(layer, depth=max(node.depth for node in layer.nodes)) for layer in design.layers]
    steps = [step for number, layer in enumerate(layers) for step in _steps(number, layer)]
    level = options.stage_levels
    groups = _pack(steps, level, level, apart=True)
    bound: Literal["stage_levels", "max_cycles"] = "stage_levels"
    limit = options.max_cycles
    if limit is not None and len(groups) > limit:
        bound = "max_cycles"
        tries = ((size, apart) for size in range(2, len(steps) + 1) for apart in (True, False))
        found = (_pack(steps, 1, size, apart=apart) for size, apart in tries)
        groups = next((g for g in found if len(g) <= limit), [steps])
        if len(groups) > limit:
            raise ConfigError(
                f"the circuit needs {len(groups)} cycles, more than max_cycles={limit}; allow more cycles."
            )
    stages = [stage for stage, group in enumerate(groups) for _ in group]
    done, place, start = [], 0, 0
    for number, layer in enumerate(layers):
        count = len(_steps(number, layer))
        own = [stage - start for stage in stages[place : place + count]]
        place += count
        end = (stages[place] if place < len(stages) else len(groups)) - start
        done.append(replace(layer, cycles=end, nodes=tuple(_place(n, own, layer.depth) for n in layer.nodes)))
        start += end
    levels = max(sum(step.kind == "add" for step in group) for group in groups)
    return replace(design, layers=tuple(done), bound=bound, levels=levels)


def cycles_of(levels: Sequence[int], finishes: Sequence[bool], options: FpgaOptions) -> int:
    """Number of cycles of layers with given adder depths and rounding stages, without a limit on cycles."""
    steps = [s for n, (d, f) in enumerate(zip(levels, finishes, strict=True)) for s in _listed(n, d, f)]
    return len(_pack(steps, options.stage_levels, options.stage_levels, apart=True))


def _steps(number: int, layer: CircuitLayer) -> list[_LogicLevel]:
    return _listed(number, layer.depth, any(node.finishes for node in layer.nodes))


def _listed(number: int, depth: int, finishes: bool) -> list[_LogicLevel]:
    return [
        _LogicLevel(number, "lookup"),
        *[_LogicLevel(number, "add")] * depth,
        *[_LogicLevel(number, "finish")] * finishes,
    ]


def _pack(steps: list[_LogicLevel], lookup: int, size: int, *, apart: bool) -> list[list[_LogicLevel]]:
    """Groups consecutive steps into cycles as long as their weights fit; layers share a cycle only if allowed."""
    groups: list[list[_LogicLevel]] = []
    room = 0
    for step in steps:
        weight = lookup if step.kind == "lookup" else 1
        if not groups or weight > room or (apart and step.layer != groups[-1][-1].layer):
            groups.append([])
            room = size
        groups[-1].append(step)
        room -= weight
    return groups


def _place(node: CircuitNode, stages: list[int], depth: int) -> CircuitNode:
    """Schedules each word as late as possible: delaying inputs is cheaper than delaying sums, as neurons share them."""
    tables = len(node.tables)
    finish = stages[-1] if node.finishes else stages[depth]
    if not node.sums:
        return replace(node, stages=(stages[depth],) * tables, finish=finish)
    step = [0] * len(node.words)
    step[-1] = depth
    for number in range(len(node.words) - 1, tables - 1, -1):
        word = node.sums[number - tables]
        for part in (word.left, word.right, word.carry):
            if part >= 0:
                step[part] = step[number] - 1
    placed = []
    for number in range(len(node.words)):
        reader = stages[step[number] + 1] if number < tables else 0
        late = reader if number < tables and node.fused[number] else max(0, reader - 1)
        placed.append(late if number < tables else stages[step[number]])
    return replace(node, stages=tuple(placed), finish=finish)
