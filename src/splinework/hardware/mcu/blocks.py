"""Where tables lie in memory: lanes of a word, words of a block, blocks of a layer; and which arrangement is cheapest.

A word holds the numbers of one node or of several, each in a lane wide enough for the node's whole sum: adding words adds all
lanes at once, and no lane ever carries into the next. A block is the words that are added up together, in registers.
The costs are an estimate in instructions of a Cortex-M0+ and bytes of Thumb code; what compilers make of it, `measure` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from splinework.hardware.formats import Format, Integers, storage
from splinework.hardware.mcu.options import LAYOUTS, McuOptions
from splinework.hardware.mcu.sums import UnsignedLayer, UnsignedSum

_MAX_BLOCK_WORDS: Final = 4  # Words of a block; more sums than that do not stay in the low registers of a Cortex-M0+
_INTEGER_WIDTHS: Final = (8, 16, 32)


@dataclass(frozen=True)
class Lane:
    """The place of one node of the layer in a word: its lowest bit, and as many bits as the sum needs."""

    place: int
    at: int
    bits: int


@dataclass(frozen=True, eq=False)
class TableArray:
    """The table of one input: `(rows, words)` in integers of `bits` bits; `words` says which of the block's they are."""

    bits: int
    values: Integers
    words: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return self.values.size * self.bits // 8

    @property
    def key(self) -> bytes:
        """Equal for equal arrays."""
        return repr((self.bits, self.values.shape)).encode() + self.values.tobytes()


@dataclass(frozen=True, eq=False)
class WordBlock:
    """Words that are added up together.

    Attributes:
        words: The lanes of each.
        starts: What each word starts from.
        arrays: By the place of the input.
        loop: All arrays in one, `(rows, words)` one after the other, if the additions are a loop; else None.
        firsts: Of a loop: the row of each input to which its value 0 belongs.
    """

    words: tuple[tuple[Lane, ...], ...]
    starts: tuple[int, ...]
    arrays: dict[int, TableArray]
    loop: TableArray | None = None
    firsts: tuple[int, ...] = ()

    @property
    def listed(self) -> bool:
        """Whether a loop needs a list of its inputs, since they are not the first ones of the layer."""
        return self.loop is not None and list(self.arrays) != list(range(len(self.arrays)))

    @property
    def stride(self) -> int | None:
        """Rows from input to input of a loop; None where a list must say the first rows."""
        steps = set(np.diff(self.firsts).tolist())
        return steps.pop() if len(steps) == 1 else None

    @property
    def list_bytes(self) -> int:
        """Of both lists."""
        lists = [list(self.arrays)] * self.listed
        if self.loop is not None and self.stride is None:
            lists.append(list(self.firsts))
        widths = [Format.holding(min(values), max(values)).width for values in lists]
        return sum(len(self.arrays) * storage(width) // 8 for width in widths)


@dataclass(frozen=True, eq=False)
class Arrangement:
    """One layer in memory, by a kind of layout."""

    layout: str
    blocks: tuple[WordBlock, ...]

    @cached_property
    def table_bytes(self) -> int:
        """Of all tables; equal ones of the layer are there once."""
        arrays = [a for b in self.blocks for a in ([b.loop] if b.loop is not None else b.arrays.values())]
        seen = {array.key: array.size for array in arrays}
        return sum(seen.values()) + sum(b.list_bytes for b in self.blocks)

    @cached_property
    def instructions(self) -> int:
        """An estimate for a Cortex-M0+, without the ends of the sums."""
        count = 0
        for block in self.blocks:
            if block.loop is not None:
                lists = 2 * block.listed + 2 * (block.stride is None)
                count += len(block.arrays) * (10 + 2 * len(block.words) + lists)
            else:
                # Compilers reorder several chains of additions, and keep codes for the next block: then registers run out.
                one = 5 + (len(self.blocks) > 1)
                words = [len(array.words) for array in block.arrays.values()]
                count += sum(one if n == 1 else one - 1 + 5 * n for n in words)
            count += sum(2 * len(word) for word in block.words)
        return count

    @cached_property
    def code_bytes(self) -> int:
        """An estimate for Thumb code."""
        count = 0
        for block in self.blocks:
            if block.loop is not None:
                count += 24 + 4 * len(block.words)
            else:
                count += sum(10 + 4 * len(array.words) for array in block.arrays.values())
            count += sum(4 * len(word) for word in block.words)
        return count

    def cost(self, prefer: str) -> tuple[int, int]:
        """What to make small, most important first."""
        size = self.table_bytes + self.code_bytes
        return (self.instructions, size) if prefer == "speed" else (size, self.instructions)


def arrange(stage: UnsignedLayer, options: McuOptions) -> Arrangement:
    """The cheapest arrangement of a layer among those that the options allow."""
    layouts = LAYOUTS if options.layout == "auto" else (options.layout,)
    found = [candidate for layout in layouts for candidate in _candidates(stage, layout, options)]
    return min(found, key=lambda arrangement: arrangement.cost(options.prefer))


def _candidates(stage: UnsignedLayer, layout: str, options: McuOptions) -> list[Arrangement]:
    places = [place for place, one in enumerate(stage.sums) if one.columns]
    single = [[Lane(place, 0, stage.sums[place].bits)] for place in places]
    if layout == "edges":
        groups = [[[word] for word in single]]
    elif layout == "rows":
        groups = [_chunks(single, _MAX_BLOCK_WORDS)]
    else:
        widths = [width for width in _INTEGER_WIDTHS if width <= options.accumulator]
        packed = [_packed(stage.sums, places, width, options.accumulator) for width in widths]
        groups = [_chunks(words, most) for words in packed for most in (1, _MAX_BLOCK_WORDS)]
    found = []
    for words in groups:
        straight = [_block(stage, block) for block in words]
        if all(len(block.arrays) <= options.unroll for block in straight):
            found.append(Arrangement(layout, tuple(straight)))
        found.append(Arrangement(layout, tuple(b if len(b.arrays) < 2 else _looped(stage, b) for b in straight)))
    return found


def _chunks(words: Sequence[list[Lane]], most: int) -> list[list[list[Lane]]]:
    """Blocks of about the same number of words, at most so many."""
    count = -(-len(words) // most)
    return [list(words[len(words) * k // count : len(words) * (k + 1) // count]) for k in range(count)]


def _packed(sums: Sequence[UnsignedSum], places: list[int], width: int, accumulator: int) -> list[list[Lane]]:
    """Words with as many lanes as there is room for, the widest first (first-fit decreasing); in the order of the nodes.

    The last lane of a word needs room for its whole sum in the accumulator, but in memory only for its entries.
    """
    words: list[list[Lane]] = []
    for place in sorted(places, key=lambda p: (-sums[p].bits, p)):
        one = sums[place]
        for word in words:
            at = word[-1].at + word[-1].bits
            if at + one.entry_bits <= width and at + one.bits <= accumulator:
                word.append(Lane(place, at, one.bits))
                break
        else:
            words.append([Lane(place, 0, one.bits)])
    return sorted(words, key=lambda word: min(lane.place for lane in word))


def _block(stage: UnsignedLayer, words: list[list[Lane]]) -> WordBlock:
    sums = stage.sums
    arrays = {}
    for place, rows in enumerate(stage.rows):
        columns = [_word(sums, word, place, rows) for word in words]
        used = tuple(k for k, column in enumerate(columns) if column.any())
        if used:
            values = np.column_stack([columns[k] for k in used])
            arrays[place] = TableArray(storage(int(values.max()).bit_length()), values, used)
    starts = tuple(sum(sums[lane.place].start << lane.at for lane in word) for word in words)
    return WordBlock(tuple(tuple(word) for word in words), starts, arrays)


def _word(sums: Sequence[UnsignedSum], word: list[Lane], place: int, rows: int) -> Integers:
    zero = np.zeros(rows, dtype=np.int64)
    return sum((sums[lane.place].columns.get(place, zero) << lane.at for lane in word), zero)


def _looped(stage: UnsignedLayer, block: WordBlock) -> WordBlock:
    """All arrays in one table: as many words and bits as the largest of each."""
    total = sum(stage.rows[place] for place in block.arrays)
    values = np.zeros((total, len(block.words)), dtype=np.int64)
    firsts, row = [], 0
    for place, array in block.arrays.items():
        values[row : row + stage.rows[place], list(array.words)] = array.values
        firsts.append(row - stage.lows[place])
        row += stage.rows[place]
    every = tuple(range(len(block.words)))
    loop = TableArray(storage(int(values.max()).bit_length()), values, every)
    return WordBlock(block.words, block.starts, block.arrays, loop, tuple(firsts))
