"""Reduces operands before tables are split into bits: drops inputs, joins small tables, merges whole neurons into a table.

Tables with more inputs than a LUT are folded if they are symmetric, else split into two smaller tables. The split is exact: a
main table whose bits need few inputs (usually the high bits of the code) because it may leave a remainder up to `slack`, and a
narrow table of the remainder. Either can be split again.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from splinework.hardware.fpga.circuit import CircuitNode, CircuitTable, CodeBit, FpgaOptions
from splinework.hardware.fpga.compress_bits import to_flags
from splinework.hardware.fpga.compress_split import MirroredTable, OperandTable, bits_from_top, split
from splinework.hardware.fpga.cost import lookups

_SPLIT_SLACKS = (3, 7, 15, 31)


def narrowed(edge: OperandTable) -> OperandTable:
    """The edge without the inputs on which its occurring values do not depend."""
    address, values, care = list(edge.address), edge.values, edge.care
    for place in range(len(address) - 1, -1, -1):
        v, c = values.reshape(-1, 2, 1 << place), care.reshape(-1, 2, 1 << place)
        if (c[:, 0] & c[:, 1] & (v[:, 0] != v[:, 1])).any():
            continue
        values = np.where(c[:, 0], v[:, 0], v[:, 1]).ravel()
        care = (c[:, 0] | c[:, 1]).ravel()
        del address[place]
    return OperandTable(tuple(address), values, care)


def joined(edges: Sequence[OperandTable], lookup: int) -> list[OperandTable]:
    """Joins the narrowed edges of a neuron whose inputs together fit into one LUT.

    This costs no more than one of them and saves an adder.
    """
    groups: list[OperandTable] = []
    for edge in sorted(edges, key=lambda e: -len(e.address)):
        for number, group in enumerate(groups):
            if len(group.address) + len(edge.address) <= lookup:
                groups[number] = _sum(group, edge)
                break
        else:
            groups.append(edge)
    return groups


def _sum(one: OperandTable, two: OperandTable) -> OperandTable:
    values = (two.values[:, None] + one.values[None, :]).ravel()
    care = (two.care[:, None] & one.care[None, :]).ravel()
    return OperandTable(one.address + two.address, values, care)


def whole(edge: OperandTable, node: CircuitNode) -> OperandTable:
    """The only edge of a neuron with its constant, rounding and clamp: a table of output codes."""
    total = edge.values + node.constant
    tie = total & ((1 << node.guard) - 1) == 0 if node.guard else np.zeros(len(total), dtype=bool)
    value = (total >> node.guard) & np.where(tie, ~np.int64(1), ~np.int64(0))
    return replace(edge, values=np.clip(value, node.format.low, node.format.high))


def parts(edge: OperandTable, options: FpgaOptions, fan_out: int) -> list[OperandTable]:
    """The cheapest edges that add up to a narrowed edge; `fan_out` neurons share the XORs of a folded code."""
    if len(edge.address) <= options.lookup:
        return [edge]
    small = folded(edge)
    if small is not None and _cost(small, options) + fold_cost(edge, fan_out) < _cost(edge, options):
        edge = small
        if len(edge.address) <= options.lookup:
            return [edge]
    best, least = None, _cost(edge, options)
    for slack in _SPLIT_SLACKS:
        two = _halves(edge, slack)
        if two is None:
            continue
        rest = two[1]
        cost = _cost(two[0], options) + _cost(rest, options) + (rest.high - rest.low).bit_length()
        if cost < least:
            best, least = two, cost
    if best is None:
        return [edge]
    return [part for half in best for part in parts(half, options, fan_out)]


def fold_cost(edge: OperandTable, fan_out: int) -> int:
    """Share of the XORs of a folded code per reader."""
    return -(-(len(edge.address) - 1) // max(1, fan_out))


def folded(edge: OperandTable) -> OperandTable | None:
    """An even edge, `T[~q] = T[q]`, over the code without its highest bit, XORed with that bit; None if it is not even."""
    half = _foldable(edge)
    if half is None:
        return None
    top, other = edge.values[half:][::-1], edge.values[:half]
    seen, mirrored = edge.care[:half], edge.care[half:][::-1]
    if (seen & mirrored & (top != other)).any():
        return None
    return narrowed(OperandTable(_folded_address(edge), np.where(seen, other, top), seen | mirrored))


def odd(edge: OperandTable, options: FpgaOptions, fan_out: int) -> MirroredTable | None:
    """An odd edge, `T[~q] = K - T[q]`, as half a table that the highest bit of the code inverts; None if it is not odd.

    If K is even, the highest bit is also added as a carry, because ~H = -H - 1.
    """
    half = _foldable(edge)
    if half is None:
        return None
    top, other = edge.values[half:][::-1], edge.values[:half]
    seen, mirrored = edge.care[:half], edge.care[half:][::-1]
    both = (top + other)[seen & mirrored]
    if len(both) == 0 or (both != both[0]).any():
        return None
    twice = int(both[0])
    middle = (twice + 1) // 2
    plain = np.where(seen, other - middle, twice - top - middle)
    plain = np.where(seen | mirrored, plain, plain[seen | mirrored][0])
    low, high = int(plain.min()), int(plain.max())
    highest = edge.address[-1]
    table = CircuitTable(_folded_address(edge), plain, min(low, ~high), max(high, ~low), 0, highest)
    carries = () if twice % 2 else (CircuitTable((highest,), np.array([0, 1]), 0, 1),)
    own = lookups([replace(table, flip=None)], options.lookup) + fold_cost(edge, fan_out)
    return MirroredTable(table, carries, middle, own + table.width, own)


def _foldable(edge: OperandTable) -> int | None:
    """Half the number of addresses if they belong to one code without folds; else None."""
    first = edge.address[0]
    if any(bit.fold >= 0 or bit.input != first.input for bit in edge.address):
        return None
    return len(edge.values) // 2


def _folded_address(edge: OperandTable) -> tuple[CodeBit, ...]:
    top = edge.address[-1].place
    return tuple(bit._replace(fold=top) for bit in edge.address[:-1])


def _halves(edge: OperandTable, slack: int) -> tuple[OperandTable, OperandTable] | None:
    values = edge.values - edge.low
    top = int(values[edge.care].max())
    if top <= 2 * slack:
        return None
    width = (top - slack).bit_length()
    bits, left = bits_from_top(edge, values, width, slack, False)
    main = np.zeros_like(values)
    for k, (_, mask) in enumerate(bits):
        main += to_flags(mask, len(values)).astype(np.int64) << k
    rest = OperandTable(edge.address, left, edge.care)
    if rest.high == rest.low:
        return None
    return narrowed(OperandTable(edge.address, main + edge.low, edge.care)), narrowed(rest)


def _cost(edge: OperandTable, options: FpgaOptions) -> int:
    """Number of LUTs of an edge with at most one carry bit, right before an adder."""
    return min(way.fused for slack in (0, 1) for way in split(edge, slack, options, offsets=3))
