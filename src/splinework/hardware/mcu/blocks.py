"""Memory layout of tables: lanes of a word, words of a block, blocks of a layer; chooses the cheapest arrangement.

A word holds the numbers of one or several nodes, each in a lane wide enough for the node's total sum: adding words adds all lanes
at once, and no lane carries into the next. A block is a group of words that are accumulated together in registers. Costs are
estimates in instructions of a Cortex-M0+ and bytes of Thumb code; `measure` determines the actual ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from splinework.hardware.formats import Format, Integers, storage
from splinework.hardware.mcu.options import LAYOUTS, McuOptions
from splinework.hardware.mcu.sums import UnsignedLayer, UnsignedSum

_MAX_BLOCK_WORDS: Final = 4  # More sums do not fit into the low registers of a Cortex-M0+
_INTEGER_WIDTHS: Final = (8, 16, 32)


@dataclass(frozen=True)
class Lane:
    """The lane of one node in a word: its lowest bit and its width."""

    place: int
    at: int
    bits: int


@dataclass(frozen=True, eq=False)
class TableArray:
    """The table of one input, `(rows, words)` integers of `bits` bits; `words` are the indices of the block's words."""

    bits: int
    values: Integers
    words: tuple[int, ...]

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.values.size * self.bits // 8

    @property
    def key(self) -> bytes:
        """Identity of the content."""
        return repr((self.bits, self.values.shape)).encode() + self.values.tobytes()


@dataclass(frozen=True, eq=False)
class WordBlock:
    """Words that are accumulated together.

    Attributes:
        words: Lanes of each word.
        starts: Initial value of each word.
        arrays: Tables by the index of the input.
        loop: All tables concatenated, `(rows, words)`, if the additions are a loop; else None.
        firsts: Row of each input's value 0 in the loop table.
    """

    words: tuple[tuple[Lane, ...], ...]
    starts: tuple[int, ...]
    arrays: dict[int, TableArray]
    loop: TableArray | None = None
    firsts: tuple[int, ...] = ()

    @property
    def listed(self) -> bool:
        """Whether a loop needs a list of its inputs, because they are not the first ones of the layer."""
        return self.loop is not None and list(self.arrays) != list(range(len(self.arrays)))

    @property
    def stride(self) -> int | None:
        """Number of rows between inputs of a loop; None if a list of first rows is needed."""
        steps = set(np.diff(self.firsts).tolist())
        return steps.pop() if len(steps) == 1 else None

    @property
    def list_bytes(self) -> int:
        """Size of both lists in bytes."""
        lists = [list(self.arrays)] * self.listed
        if self.loop is not None and self.stride is None:
            lists.append(list(self.firsts))
        widths = [Format.holding(min(values), max(values)).width for values in lists]
        return sum(len(self.arrays) * storage(width) // 8 for width in widths)


@dataclass(frozen=True, eq=False)
class Arrangement:
    """The memory layout of one layer."""

    layout: str
    blocks: tuple[WordBlock, ...]

    @cached_property
    def table_bytes(self) -> int:
        """Size of all distinct tables in bytes."""
        arrays = [a for b in self.blocks for a in ([b.loop] if b.loop is not None else b.arrays.values())]
        seen = {array.key: array.size for array in arrays}
        return sum(seen.values()) + sum(b.list_bytes for b in self.blocks)

    @cached_property
    def instructions(self) -> int:
        """Estimated instructions on a Cortex-M0+, without the rounding of the sums."""
        count = 0
        for block in self.blocks:
            if block.loop is not None:
                lists = 2 * block.listed + 2 * (block.stride is None)
                count += len(block.arrays) * (10 + 2 * len(block.words) + lists)
            else:
                # Compilers interleave several chains of additions and keep codes for the next block, so registers run out.
                one = 5 + (len(self.blocks) > 1)
                words = [len(array.words) for array in block.arrays.values()]
                count += sum(one if n == 1 else one - 1 + 5 * n for n in words)
            count += sum(2 * len(word) for word in block.words)
        return count

    @cached_property
    def code_bytes(self) -> int:
        """Estimated bytes of Thumb code."""
        count = 0
        for block in self.blocks:
            if block.loop is not None:
                count += 24 + 4 * len(block.words)
            else:
                count += sum(10 + 4 * len(array.words) for array in block.arrays.values())
            count += sum(4 * len(word) for word in block.words)
        return count

    def cost(self, prefer: str) -> tuple[int, int]:
        """The objectives to minimise, most important first."""
        size = self.table_bytes + self.code_bytes
        return (self.instructions, size) if prefer == "speed" else (size, self.instructions)


def arrange(stage: UnsignedLayer, options: McuOptions) -> Arrangement:
    """The cheapest arrangement of a layer that the options allow."""
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
    """Blocks of nearly equal numbers of words, at most `most` each."""
    count = -(-len(words) // most)
    return [list(words[len(words) * k // count : len(words) * (k + 1) // count]) for k in range(count)]


def _packed(sums: Sequence[UnsignedSum], places: list[int], width: int, accumulator: int) -> list[list[Lane]]:
    """Packs lanes into words by first-fit decreasing; words are returned in the order of the nodes.

    The last lane of a word needs room for its total sum in the accumulator, but in memory only for its entries.
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
    """The block with all tables concatenated, with the largest number of words and bits."""
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
