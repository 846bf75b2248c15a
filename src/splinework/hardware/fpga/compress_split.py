"""Splits a table into a table whose bits depend on few inputs, and single remainder bits for the carries of adders.

    T[q] + offset = Σ_k 2^k · bit_k[q] + rest[q],    0 <= rest[q] <= slack

From the highest bit down, bit k is 1 where the remainder exceeds 2^k - 1 + slack, 0 where it is below 2^k, and a don't-care in
between. Codes that cannot occur are don't-cares everywhere. With this freedom most bits of a smooth table need fewer inputs than
the code has: a bit of five inputs is absorbed by the adder, and the remainder is one carry bit, which needs no adder either.
Without slack this is the plain table, with the inputs that its bits need.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.formats import Integers
from splinework.hardware.fpga.circuit import CircuitTable, CodeBit, FpgaOptions
from splinework.hardware.fpga.compress_bits import smallest, to_flags, to_mask
from splinework.hardware.fpga.cost import addresses, per_bit

_MAX_OFFSETS = 8  # Tried per table; more cost time and save little


@dataclass(frozen=True, eq=False)
class OperandTable:
    """An operand of a sum before it is split into bits."""

    address: tuple[CodeBit, ...]
    values: Integers
    care: NDArray[np.bool_]

    @property
    def low(self) -> int:
        """Smallest value that occurs."""
        return int(self.values[self.care].min())

    @property
    def high(self) -> int:
        """Largest value that occurs."""
        return int(self.values[self.care].max())


_BitFunction = tuple[tuple[int, ...], int]
"""The address bits that a table bit depends on, and the addresses where it is 1."""


@dataclass(frozen=True, eq=False)
class MirroredTable:
    """A folded odd table with its carries and constant; the counterpart of `SplitTable`.

    Attributes:
        table: The main part.
        carries: One-bit tables.
        constant: Constant to be added.
        head: Number of LUTs without sharing.
        fused: Number of LUTs when some are shared with an adder.
    """

    table: CircuitTable | None
    carries: tuple[CircuitTable, ...]
    constant: int
    head: int
    fused: int


@dataclass(frozen=True, eq=False)
class SplitTable:
    """A table and carry bits that add up to an edge, up to a constant; a constant table is omitted.

    Attributes:
        edge: The edge that they add up to.
        bits: Bits of the table, lowest first.
        rest: Carry bits.
        shift: Number of zero bits below all of them.
        moved: Excess of the table if its highest bit is a sign.
        offset: Constant without that of a constant table.
        head: Number of LUTs without sharing.
        fused: Number of LUTs when some are shared with an adder.
    """

    edge: OperandTable
    bits: Sequence[_BitFunction]
    rest: Sequence[_BitFunction]
    shift: int
    moved: int
    offset: int
    head: int
    fused: int

    @property
    def varies(self) -> bool:
        """Whether the table is not constant."""
        return any(needed for needed, _ in self.bits)

    @cached_property
    def table(self) -> CircuitTable | None:
        """The main part; None if it is constant."""
        return _table(self.edge, self.bits, self.shift, self.moved) if self.varies else None

    @cached_property
    def carries(self) -> tuple[CircuitTable, ...]:
        """One-bit tables."""
        return tuple(_table(self.edge, [bit], self.shift, 0) for bit in self.rest)

    @property
    def constant(self) -> int:
        """Constant to be added."""
        if self.varies:
            return self.offset
        ones = sum(1 << k for k, (_, mask) in enumerate(self.bits) if mask)
        return self.offset + (ones - self.moved << self.shift)


def split(
    edge: OperandTable, slack: int, options: FpgaOptions, *, exact: bool = False, offsets: int = _MAX_OFFSETS
) -> Iterator[SplitTable]:
    """Encodings of an edge with `slack` carry bits, trying up to `offsets` constants; `exact` leaves no constant."""
    low, high = edge.low, edge.high
    shift = 0
    if not exact and high > low:
        spread = int(np.bitwise_or.reduce(edge.values[edge.care] - low))
        shift = (spread & -spread).bit_length() - 1
    values = (edge.values - (0 if exact else low)) >> shift
    top = int(values[edge.care].max())
    if exact:
        width = max(1 + max(int(~min(low, 0)).bit_length(), max(high, 0).bit_length()) - (low >= 0), 1)
        base = 1 << (width - 1) if low < 0 else 0
        tries = [(base, width)]
    else:
        width = max((top - slack).bit_length(), 1)
        room = (1 << width) - 1 + slack - top
        count = min(room + 1, offsets)
        tries = [(int(c), width) for c in np.unique(np.linspace(0, room, count).astype(int))]
    seen = set()
    for offset, wide in tries:
        for high_ties in (False, True) if slack else (False,):
            bits, left = bits_from_top(edge, values + offset, wide, slack, high_ties)
            key = tuple(mask for _, mask in bits)
            if key in seen:
                continue
            seen.add(key)
            # With a sign, the offset is 2^(width - 1), which inverts the highest bit.
            moved = offset if exact else 0
            constant = 0 if exact else low - (offset << shift)
            rest = [bit for j in range(1, slack + 1) if (bit := _at_least(edge, left, j))[1]]
            if not all(needed for needed, _ in rest):
                continue  # a constant carry is covered by a smaller slack
            yield _pieces(edge, bits, rest, (shift, moved, constant), options)


def opposites(edge: OperandTable, slack: int, options: FpgaOptions) -> Iterator[SplitTable]:
    """Encodings of the edge with the inverted bits of the negated edge, so that bits of a negated edge are reused."""
    whole = (1 << len(edge.values)) - 1
    for way in split(OperandTable(edge.address, -edge.values, edge.care), slack, options):
        bits = [(needed, whole ^ mask) for needed, mask in way.bits]
        rest = [(needed, whole ^ mask) for needed, mask in way.rest]
        ones = (1 << len(bits)) - 1 + len(rest)
        yield SplitTable(edge, bits, rest, way.shift, 0, -way.offset - (ones << way.shift), way.head, way.fused)


def bits_from_top(
    edge: OperandTable, values: Integers, width: int, slack: int, high_ties: bool
) -> tuple[list[_BitFunction], Integers]:
    """The bits of a main part, lowest first, and the remainders, 0 to slack at addresses that occur.

    Don't-cares become 1 if `high_ties`, else 0.
    """
    places, count = len(edge.address), len(values)
    whole = (1 << count) - 1
    care = to_mask(edge.care)
    left = values.copy()
    bits = []
    for k in range(width - 1, -1, -1):
        on, off = to_mask(left > (1 << k) - 1 + slack) & care, to_mask(left < 1 << k) & care
        needed, ones, zeros = smallest(on, off, places)
        mask = whole & ~zeros if high_ties else ones
        bits.append((needed, mask))
        left = left - (to_flags(mask, count).astype(np.int64) << k)
    return bits[::-1], left


def _at_least(edge: OperandTable, left: Integers, least: int) -> _BitFunction:
    care = to_mask(edge.care)
    on = to_mask(left >= least) & care
    needed, ones, _ = smallest(on, care & ~on, len(edge.address))
    return needed, ones


def _pieces(
    edge: OperandTable,
    bits: Sequence[_BitFunction],
    rest: Sequence[_BitFunction],
    moved: tuple[int, int, int],
    options: FpgaOptions,
) -> SplitTable:
    sizes = [len(needed) for needed in {m: n for n, m in bits}.values()]
    alone = sum(per_bit(size, options.lookup) for size in sizes)
    beside = sum(per_bit(size, options.lookup) for size in sizes if size > options.fused)
    own = sum(per_bit(len(needed), options.lookup) for needed, _ in rest)
    return SplitTable(edge, bits, rest, *moved, alone + own, beside + own)


def _table(edge: OperandTable, bits: Sequence[_BitFunction], shift: int, moved: int) -> CircuitTable:
    """A table of some bits over the inputs that they depend on."""
    count = len(edge.values)
    places = sorted({place for needed, _ in bits for place in needed})
    values = np.full(count, -moved, dtype=np.int64)
    for k, (_, mask) in enumerate(bits):
        values += to_flags(mask, count).astype(np.int64) << k
    low, high = int(values[edge.care].min()), int(values[edge.care].max())
    return CircuitTable(tuple(edge.address[p] for p in places), values[addresses(places)], low, high, shift)
