"""A table as a sum of a table whose bits look at few inputs, and of small rests: single bits for the carries of adders.

    T[q] + offset = Σ_k 2^k · bit_k[q] + rest[q],    0 <= rest[q] <= slack

From the highest bit down, bit k is 1 where what is left exceeds 2^k - 1 + slack, 0 where it lies below 2^k, and free between.
Codes that cannot occur are free everywhere. With this freedom most bits of a smooth table need fewer inputs than the code has: a
bit of five inputs vanishes in the adder, and the rest is one bit that enters as the carry, which costs no adder either.
Without slack this is the plain table, on as few inputs as its bits need.
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

_MAX_OFFSETS = 8  # Offsets that are tried for a table; more of them cost time and save little


@dataclass(frozen=True, eq=False)
class OperandTable:
    """A table before it is written as bits: what is added for each address.

    Attributes:
        address: Its bits, the one that is worth 1 first.
        values: For each address.
        care: Whether the address occurs.
    """

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
"""The places that a bit needs, and the addresses where it is 1."""


@dataclass(frozen=True, eq=False)
class MirroredTable:
    """A folded table, what enters besides, and the constant; the same as `SplitTable`, ready made.

    Attributes:
        table: The main part.
        carries: Tables of one bit each.
        constant: What is to be added besides.
        head: Lookup tables when the table stands alone.
        fused: Lookup tables when it shares some with an adder.
    """

    table: CircuitTable | None
    carries: tuple[CircuitTable, ...]
    constant: int
    head: int
    fused: int


@dataclass(frozen=True, eq=False)
class SplitTable:
    """A table and bits that add up to an edge, but for a constant. A constant table is no table.

    Attributes:
        edge: What they add up to.
        bits: Of the table, lowest first.
        rest: Bits for carries.
        shift: Zero bits below all of them.
        moved: What the table has too much where its highest bit is a sign.
        offset: The constant, but for that of a constant table.
        head: Lookup tables when the table stands alone.
        fused: Lookup tables when it shares some with an adder.
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
        """Whether there is a table at all."""
        return any(needed for needed, _ in self.bits)

    @cached_property
    def table(self) -> CircuitTable | None:
        """The main part; None where the bits say it all."""
        return _table(self.edge, self.bits, self.shift, self.moved) if self.varies else None

    @cached_property
    def carries(self) -> tuple[CircuitTable, ...]:
        """Tables of one bit each."""
        return tuple(_table(self.edge, [bit], self.shift, 0) for bit in self.rest)

    @property
    def constant(self) -> int:
        """What is to be added besides."""
        if self.varies:
            return self.offset
        ones = sum(1 << k for k, (_, mask) in enumerate(self.bits) if mask)
        return self.offset + (ones - self.moved << self.shift)


def split(
    edge: OperandTable, slack: int, options: FpgaOptions, *, exact: bool = False, offsets: int = _MAX_OFFSETS
) -> Iterator[SplitTable]:
    """Ways to write an edge with so many carry bits, 0 or more, trying so many constants at most; none is left where `exact`."""
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
            # With a sign, the offset is 2^(width - 1): the highest bit turned over.
            moved = offset if exact else 0
            constant = 0 if exact else low - (offset << shift)
            rest = [bit for j in range(1, slack + 1) if (bit := _at_least(edge, left, j))[1]]
            if not all(needed for needed, _ in rest):
                continue  # a constant carry; a smaller slack says the same
            yield _pieces(edge, bits, rest, (shift, moved, constant), options)


def opposites(edge: OperandTable, slack: int, options: FpgaOptions) -> Iterator[SplitTable]:
    """The ways of the negated edge with all bits turned over, as `split` gives them.

    What a neuron has for the negated edge already, serves here too.
    """
    whole = (1 << len(edge.values)) - 1
    for way in split(OperandTable(edge.address, -edge.values, edge.care), slack, options):
        bits = [(needed, whole ^ mask) for needed, mask in way.bits]
        rest = [(needed, whole ^ mask) for needed, mask in way.rest]
        ones = (1 << len(bits)) - 1 + len(rest)
        yield SplitTable(edge, bits, rest, way.shift, 0, -way.offset - (ones << way.shift), way.head, way.fused)


def bits_from_top(
    edge: OperandTable, values: Integers, width: int, slack: int, high_ties: bool
) -> tuple[list[_BitFunction], Integers]:
    """The bits of a main part, lowest first, and what is left of the values: 0 to slack wherever the edge's addresses occur.

    A bit that stays free is 1 where `high_ties`, else 0.
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
    """A table of some bits, over the inputs that any of them needs."""
    count = len(edge.values)
    places = sorted({place for needed, _ in bits for place in needed})
    values = np.full(count, -moved, dtype=np.int64)
    for k, (_, mask) in enumerate(bits):
        values += to_flags(mask, count).astype(np.int64) << k
    low, high = int(values[edge.care].min()), int(values[edge.care].max())
    return CircuitTable(tuple(edge.address[p] for p in places), values[addresses(places)], low, high, shift)
