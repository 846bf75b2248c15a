"""Compresses the tables of a circuit without changing its function on codes that occur.

In order: constant edges move into the bias and irrelevant inputs are dropped (`compress_edges.narrowed`); small tables are joined
(`joined`), and a neuron with one operand becomes a table of codes (`whole`); each table loses its minimum and is split into a
part of few inputs and carry bits (`compress_split`), as long as adders have free carry inputs; a table that does not share LUTs
with an adder reuses bits of other neurons; the constant is added to the table where it costs least.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, log2

import numpy as np

from splinework.hardware.fpga.circuit import CircuitLayer, CircuitNode, FpgaDesign, FpgaOptions
from splinework.hardware.fpga.compress_edges import joined, narrowed, odd, parts, whole
from splinework.hardware.fpga.compress_split import MirroredTable, OperandTable, SplitTable, opposites, split
from splinework.hardware.fpga.cost import BitFunction, functions, lookups, per_bit
from splinework.hardware.fpga.schedule import chains_needed, cycles_of

_MAX_CARRY_BITS = 2  # Per table


@dataclass(frozen=True, eq=False)
class _Draft:
    """A neuron whose tables are not yet split into bits."""

    node: CircuitNode
    edges: tuple[OperandTable, ...]

    @property
    def operands(self) -> int:
        """Number of words to add; one-bit edges can be carries, one per adder."""
        bits = sum(_is_bit(edge) for edge in self.edges)
        words = len(self.edges) - bits
        return words + max(0, ceil((bits - words + 1) / 2))


def compress(plain: FpgaDesign) -> FpgaDesign:
    """Compresses a circuit that has one complete table for each edge and no adders."""
    drafts = [[_draft(layer, node, plain.options) for node in layer.nodes] for layer in plain.layers]
    levels = _levels(drafts, plain.options)
    layers = []
    for layer, row, level in zip(plain.layers, drafts, levels, strict=True):
        known: set[BitFunction] = set()
        nodes = []
        for draft in row:
            nodes.append(_written(layer, draft, level, plain.options, known))
            if draft.node.index not in layer.dead:
                known |= _alone(nodes[-1], plain.options)
        layers.append(replace(layer, levels=level, nodes=tuple(nodes)))
    return replace(plain, layers=tuple(layers), notes=_notes(plain, layers))


def _notes(plain: FpgaDesign, layers: Sequence[CircuitLayer]) -> tuple[str, ...]:
    """Sentences on what compression did."""
    options = plain.options
    before, after = _lookups(plain.layers, options), _lookups(layers, options)
    notes = [f"Compression: tables take {after} LUTs besides those of the adders, {before} without it."]
    idle = sum(int((~care).sum()) for layer in layers for care in layer.care)
    if options.dont_care == "proof" and idle:
        notes.append(f"{idle} codes of hidden nodes cannot occur for any input and are don't-cares of their tables.")
    if options.dont_care == "data":
        lost = sum(int((~care).sum()) for care in layers[0].care)
        notes.append(
            f"{lost} codes of inputs do not occur in the data; results for rows with such codes may differ from the golden "
            "model."
        )
    return tuple(notes)


def _lookups(layers: Sequence[CircuitLayer], options: FpgaOptions) -> int:
    """Number of LUTs of all bits that are not absorbed by an adder."""
    total = 0
    for layer in layers:
        found = {f for node in layer.nodes if node.index not in layer.dead for f in _alone(node, options)}
        total += sum(per_bit(len(inputs), options.lookup) for inputs, _ in found)
    return total


def _alone(node: CircuitNode, options: FpgaOptions) -> set[BitFunction]:
    """The bits of a neuron that are not absorbed by its adders."""
    found: set[BitFunction] = set()
    heads = node.heads if node.heads is not None else range(len(node.tables))
    for k, table in enumerate(node.tables):
        vanishing = 0 if k in heads or (table.width == 1 and not table.signed) else options.fused
        found |= {f for f in functions(table) if len(f[0]) > vanishing}
    return found


def _is_bit(edge: OperandTable) -> bool:
    values = np.unique(edge.values[edge.care])
    return len(values) == 2 and int(values[1] - values[0]).bit_count() == 1


def _draft(layer: CircuitLayer, node: CircuitNode, options: FpgaOptions) -> _Draft:
    constant, edges = node.constant, []
    for table in node.tables:
        source = table.address[0].input
        edge = narrowed(OperandTable(table.address, table.values, layer.care[source]))
        if edge.address:
            edges.append(edge)
        else:
            constant += int(edge.values[0])
    edges = joined([part for edge in edges for part in parts(edge, options, _fan_out(layer, edge))], options.lookup)
    node = replace(node, constant=constant, tables=())
    if len(edges) == 1:
        edge = narrowed(whole(edges[0], node))
        low, high = edge.low, edge.high
        node = replace(node, constant=0 if edge.address else low, guard=0, low=low, high=high)
        edges = [edge] if edge.address else []
    return _Draft(node, tuple(edges))


def _fan_out(layer: CircuitLayer, edge: OperandTable) -> int:
    """Number of neurons of the layer that read the input of an edge."""
    return sum(edge.address[0].input in node.inputs for node in layer.nodes)


def _levels(drafts: Sequence[Sequence[_Draft]], options: FpgaOptions) -> list[int]:
    """Adder depth of each layer: the smallest, or as large as the latency allows."""
    operands = [max(draft.operands for draft in row) for row in drafts]
    least = [max(0, ceil(log2(max(n, 1)))) for n in operands]
    if options.objective == "latency" or not options.fused:
        return least
    levels = [max(0, n - 1) for n in operands]
    if options.max_cycles is None:
        return levels
    finishes = [any(draft.node.finishes for draft in row) for row in drafts]
    while cycles_of(levels, finishes, options) > options.max_cycles and levels != least:
        # Remove a level from the layer where this adds the fewest heads.
        loss = {
            l: sum(chains_needed(d.operands, levels[l] - 1) - chains_needed(d.operands, levels[l]) for d in row)
            for l, row in enumerate(drafts)
            if levels[l] > least[l]
        }
        levels[min(loss, key=lambda l: (loss[l], -levels[l]))] -= 1
    return levels


def _written(
    layer: CircuitLayer, draft: _Draft, levels: int, options: FpgaOptions, known: set[BitFunction]
) -> CircuitNode:
    """The neuron with its tables split into bits."""
    node, edges = draft.node, draft.edges
    if not edges:
        return node
    if len(edges) == 1:
        best = min(split(edges[0], 0, options, exact=True), key=lambda p: p.head)
        assert best.table is not None
        return replace(node, tables=(best.table,), heads=frozenset({0}))
    return _several(layer, draft, levels, options, known)


class _Encodings:
    """The best encodings of an edge for each number of carry bits."""

    def __init__(self, edge: OperandTable, options: FpgaOptions, fan_out: int) -> None:
        self.found: list[tuple[SplitTable | MirroredTable, SplitTable | MirroredTable]] = []
        mirrored = odd(edge, options, fan_out) if len(edge.address) > options.lookup else None
        for slack in range(_MAX_CARRY_BITS + 1):
            tries: list[SplitTable | MirroredTable] = [p for p in split(edge, slack, options) if p.varies]
            if mirrored is not None and len(mirrored.carries) == slack:
                tries.append(mirrored)
            if tries:
                self.found.append((min(tries, key=lambda p: p.fused), min(tries, key=lambda p: p.head)))

    def pieces(self, head: bool, slack: int) -> SplitTable | MirroredTable:
        """The best encoding with at most `slack` carry bits."""
        return min((pair[head] for pair in self.found[: slack + 1]), key=lambda p: p.head if head else p.fused)

    def cost(self, head: bool, slack: int) -> int:
        """Number of LUTs of that encoding."""
        pieces = self.pieces(head, slack)
        return pieces.head if head else pieces.fused

    def best(self, head: bool) -> int:
        """Number of carry bits of the cheapest encoding."""
        return len(self.pieces(head, _MAX_CARRY_BITS).carries)

    @property
    def gain(self) -> int:
        """Number of LUTs saved by an adder right behind the table."""
        return self.cost(True, _MAX_CARRY_BITS) - self.cost(False, _MAX_CARRY_BITS)


def _several(
    layer: CircuitLayer, draft: _Draft, levels: int, options: FpgaOptions, known: set[BitFunction]
) -> CircuitNode:
    """Encodes a neuron with several operands."""
    node = draft.node
    words = [edge for edge in draft.edges if not _is_bit(edge)]
    bits = [edge for edge in draft.edges if _is_bit(edge)]
    missing = max(0, ceil((len(bits) - len(words) + 1) / 2))
    words, bits = words + bits[:missing], bits[missing:]
    ways = [_Encodings(edge, options, _fan_out(layer, edge)) for edge in words]
    heads = set(sorted(range(len(words)), key=lambda k: ways[k].gain)[: chains_needed(len(words), levels)])
    slack = _shared_out(ways, heads, len(words) - 1 - len(bits))
    chosen = [way.pieces(k in heads, slack[k]) for k, way in enumerate(ways)]
    # Without LUT sharing between tables and adders, all tables can reuse bits.
    for k in (heads if options.fused else range(len(words))) if known else ():
        chosen[k] = _shared(words[k], chosen[k], options, known)
    rest = [min(split(edge, 1, options), key=lambda p: (p.varies, p.fused)) for edge in bits]
    constant = node.constant + sum(p.constant for p in (*chosen, *rest))
    if constant:
        host, pieces = _host(words, chosen, heads, constant, options)
        chosen[host] = pieces
    tables = [p.table for p in chosen if p.table is not None]
    carries = [table for p in (*chosen, *rest) for table in p.carries]
    return replace(node, constant=0, tables=(*tables, *carries), heads=frozenset(heads))


def _shared(
    edge: OperandTable, pieces: SplitTable | MirroredTable, options: FpgaOptions, known: set[BitFunction]
) -> SplitTable | MirroredTable:
    """An encoding that reuses bits of other neurons of the layer, if that is cheaper."""

    def cost(way: SplitTable | MirroredTable) -> int:
        return lookups([t for t in (way.table, *way.carries) if t is not None], options.lookup, unless=known)

    ways = [pieces]
    for slack in range(len(pieces.carries) + 1):
        ways += [way for way in (*split(edge, slack, options), *opposites(edge, slack, options)) if way.varies]
    return min(ways, key=cost)


def _shared_out(ways: Sequence[_Encodings], heads: set[int], room: int) -> list[int]:
    """Number of carry bits of each edge within the room for carries; those that save least are dropped first."""
    slack = [way.best(k in heads) for k, way in enumerate(ways)]
    while sum(slack) > room:
        loss = {k: ways[k].cost(k in heads, s - 1) - ways[k].cost(k in heads, s) for k, s in enumerate(slack) if s}
        slack[min(loss, key=loss.__getitem__)] -= 1
    return slack


def _host(
    words: Sequence[OperandTable],
    chosen: Sequence[SplitTable | MirroredTable],
    heads: set[int],
    constant: int,
    options: FpgaOptions,
) -> tuple[int, SplitTable]:
    """The edge that absorbs the constant at the least cost, and its new encoding."""
    best: tuple[int, int, SplitTable] | None = None
    for k, (edge, pieces) in enumerate(zip(words, chosen, strict=True)):
        own = OperandTable(edge.address, edge.values + constant - pieces.constant, edge.care)
        head = k in heads
        for slack in range(len(pieces.carries) + 1):
            for way in split(own, slack, options, exact=True):
                more = (way.head - pieces.head) if head else (way.fused - pieces.fused)
                # A signed head widens all sums behind it.
                if way.varies and (best is None or (more + head, k) < best[:2]):
                    best = (more + head, k, way)
    assert best is not None
    return best[1], best[2]
