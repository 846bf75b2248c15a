"""Extracts the sum of tables from a neuron's netlist: the additive form of every adder, and the word of the total sum.

The claims are arithmetic modulo a power of two: adders add, extended words do not overflow on reachable codes (by their exact
bounds), and the functions of the total sum are the golden tables up to constants that cancel. With `claims`, yosys and abc prove
that the netlist computes these words.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.formats import Integers
from splinework.hardware.fpga.forms import AdditiveForm, Key, check_size, put, spread
from splinework.hardware.fpga.logic import Logic, entries
from splinework.hardware.fpga.netlist import Cell, Module, NetBit, NetBits, Unproved

ADDERS: Final = ("$add", "$sub")
_MAX_AMBIGUOUS_PARTS: Final = 8  # All combinations of two readings of these parts are tried
_MAX_WORD_BITS: Final = 56  # So that 64-bit integers hold sums of words


@dataclass(frozen=True, eq=False)
class Root:
    """The word of the total sum: `golden = low + ((word · 2^shift − offset) mod 2^(bits + shift))`.

    Attributes:
        word: Bits of the word, the lowest first.
        shift: Number of zero bits below.
        offset: Constant that is subtracted.
        low: Smallest reachable golden sum.
        high: Largest reachable golden sum.
    """

    word: NetBits
    shift: int
    offset: int
    low: int
    high: int


class NeuronForms:
    """The additive forms of the words of one neuron.

    Args:
        module: Netlist of adders and gates without registers.
        ports: Bits of each input of the layer that the neuron has a port for.
        care: Flags of the reachable codes of each of these inputs, indexed by the code's bits as an unsigned number.
    """

    def __init__(self, module: Module, ports: Mapping[int, NetBits], care: Mapping[int, NDArray[np.bool_]]) -> None:
        self.module, self.care, self.logic = module, care, Logic(module)
        self._home = {bit: (i, place) for i, bits in ports.items() for place, bit in enumerate(bits)}
        self._size = {i: 1 << len(bits) for i, bits in ports.items()}
        self._sums: set[NetBit] = {b for c in module.cells if c.kind in ADDERS for b in c.outputs["Y"]}
        self._owner = {b: c for c in module.cells if c.kind in ADDERS for b in c.outputs["Y"]}
        self._words = self._named()
        self._runs: dict[NetBit, list[tuple[NetBits, int]]] = {}
        for word in self._words:
            for place, bit in enumerate(word):
                self._runs.setdefault(bit, []).append((word, place))
        self._forms: dict[NetBits, AdditiveForm] = {}
        self._open: set[NetBits] = set()
        self._functions: dict[NetBit, tuple[Key, Integers]] = {}

    def _named(self) -> list[NetBits]:
        """Distinct words with a bit of an adder, without constants below and copies of the sign above."""
        found: dict[NetBits, None] = {}
        for bits in (*self.module.words.values(), *(c.outputs["Y"] for c in self._owner.values())):
            start = next((k for k, bit in enumerate(bits) if not isinstance(bit, str)), len(bits))
            end = len(bits)
            while end - 1 > start and (bits[end - 1] == bits[end - 2] or isinstance(bits[end - 1], str)):
                end -= 1
            word = bits[start:end]
            if len(set(word)) == len(word) <= _MAX_WORD_BITS and any(bit in self._sums for bit in word):
                found[word] = None
        return list(found)

    def extended(self, cell: Cell) -> tuple[NetBits, NetBits]:
        """Both operands of an adder, extended to the width of its sum."""
        width = len(cell.outputs["Y"])
        signed = bool(cell.parameters.get("A_SIGNED")) and bool(cell.parameters.get("B_SIGNED"))
        one, two = (
            (bits + ((bits[-1] if signed else "0"),) * (width - len(bits)))[:width]
            for bits in (cell.inputs["A"], cell.inputs["B"])
        )
        return one, two

    def form(self, word: NetBits) -> AdditiveForm:
        """The additive form of a named word, modulo 2^bits.

        Raises:
            Unproved: If it is not a sum of tables.
        """
        if word in self._open:
            raise Unproved(f"{self.module.name} has a word that depends on itself")
        if word not in self._forms:
            self._open.add(word)
            try:
                self._forms[word] = self._form(word)
            finally:
                self._open.discard(word)
        return self._forms[word]

    def _form(self, word: NetBits) -> AdditiveForm:
        cell = self._owner.get(word[0])
        if cell is None or cell.outputs["Y"] != word:
            return self.parsed(word, named=False)
        one, two = (self.parsed(bits, named=True) for bits in self.extended(cell))
        return one.plus(two.times(-1 if cell.kind == "$sub" else 1, 0))

    def parsed(self, bits: NetBits, *, named: bool) -> AdditiveForm:
        """The form of a vector of bits, the lowest first, modulo 2^bits: runs of words, single bits of tables and adders.

        With `named`, runs of all named words are recognised, otherwise only those of whole adders.
        """
        total, place = AdditiveForm(), 0
        leaves: dict[Key, Integers] = {}
        while place < len(bits):
            bit = bits[place]
            if bit not in self._sums:
                key, values = self.function(bit)
                top = place + 1 < len(bits) and all(b == bit for b in bits[place:])  # copies of a sign
                put(leaves, key, values * (-1 << place if top else 1 << place))
                place = len(bits) if top else place + 1
                continue
            run, count = self._run(bits, place, named)
            total = total.plus(run)
            place += count
        return total.plus(AdditiveForm(leaves))

    def function(self, bit: NetBit) -> tuple[Key, Integers]:
        """A bit of a table as 0 and 1 over the codes of its inputs."""
        if bit not in self._functions:
            over = self.over(bit)
            key = tuple(sorted({self._home[b][0] for b in over}))
            sizes = tuple(self._size[i] for i in key)
            check_size(sizes)
            grids = np.ogrid[tuple(slice(size) for size in sizes)]
            address = np.zeros(sizes, dtype=np.int64)
            for rank, b in enumerate(over):
                i, place = self._home[b]
                address = address | (((grids[key.index(i)] >> place) & 1) << rank)
            self._functions[bit] = key, entries(self.logic.table(bit, over), len(over))[address]
        return self._functions[bit]

    def _parity(self, bit: NetBit) -> tuple[Key, Integers] | None:
        """The lowest bit of an adder if it is a function of few inputs; constant if both operands hold the carry."""
        cell = self._owner.get(bit)
        if cell is None or cell.outputs["Y"][0] != bit:
            return None
        one, two = cell.inputs["A"][0], cell.inputs["B"][0]
        if one == two:
            return (), np.array(0, dtype=np.int64)
        if one in self._sums or two in self._sums:
            return None
        (left, x), (right, y) = self.function(one), self.function(two)
        union = tuple(sorted({*left, *right}))
        check_size(tuple(self._size[i] for i in union))
        return union, (spread(left, x, union) + spread(right, y, union)) & 1

    def over(self, bit: NetBit) -> NetBits:
        """The input bits that a bit of a table depends on, in an order common to all bits of a table."""
        support = self.logic.support(bit)
        if support is None or any(b not in self._home for b in support):
            raise Unproved(f"{self.module.name} has a wire that is neither a small table nor a sum")
        return tuple(sorted(support, key=self._home.__getitem__))

    def _run(self, bits: NetBits, place: int, named: bool) -> tuple[AdditiveForm, int]:
        """The longest run of a word that is read completely up to its top or the modulus; else a single bit."""
        best: tuple[int, int, AdditiveForm] | None = None
        for word, start in self._runs.get(bits[place], ()):
            whole = self._owner.get(word[0])
            if not named and not (whole is not None and whole.outputs["Y"] == word):
                continue
            count = 0
            while (
                place + count < len(bits) and start + count < len(word) and bits[place + count] == word[start + count]
            ):
                count += 1
            if best is None or (count, len(word)) > best[:2]:
                read = self._read(bits[place + count :], word, start, count)
                if read is not None:
                    best = (count + read[1], len(word), self._floor(read[0], word[:start], place, start))
        if best is None:
            return AdditiveForm({}, {bits[place]: 1 << place}), 1
        return best[2], best[0]

    def _read(self, rest: NetBits, word: NetBits, start: int, count: int) -> tuple[AdditiveForm, int] | None:
        """The value of a word that a run represents, and the number of extension bits that follow."""
        if rest and start + count < len(word):
            return None
        with suppress(Unproved):
            form = self.form(word)
            if not rest:
                return form, 0
            if all(bit == word[-1] for bit in rest):
                return self.windowed(form, len(word), signed=True), len(rest)
            if all(bit == "0" for bit in rest):
                return self.windowed(form, len(word), signed=False), len(rest)
        return None

    def _floor(self, value: AdditiveForm, below: NetBits, place: int, start: int) -> AdditiveForm:
        """The form `2^place · ⌊value / 2^start⌋`, given the bits below."""
        for rank, bit in enumerate(below):
            parity = self._parity(bit)
            if parity is not None:
                value = value.plus(AdditiveForm({parity[0]: parity[1] * -(1 << rank)}))
            elif bit in self._sums:
                value = value.plus(AdditiveForm({}, {bit: -(1 << rank)}))
            else:
                key, values = self.function(bit)
                value = value.plus(AdditiveForm({key: values}).times(-(1 << rank), 0))
        return value.times(1 << max(place - start, 0), max(start - place, 0)).lowest()

    def windowed(self, form: AdditiveForm, width: int, *, signed: bool) -> AdditiveForm:
        """The exact integers that a word represents.

        Raises:
            Unproved: If a reachable value does not fit.
        """
        if form.atoms or form.scale:
            raise Unproved(f"{self.module.name} reads a word that is not a complete sum")
        first, size = -(1 << (width - 1)) if signed else 0, 1 << width
        for parts in self._readings(form, width):
            low, high = self.ends(AdditiveForm(parts))
            moved = (first - low + size - 1) >> width << width
            if high + moved <= first + size - 1:
                return AdditiveForm(parts).plus(AdditiveForm({(): np.array(moved, dtype=np.int64)}))
        raise Unproved(f"{self.module.name} has a sum that may overflow its {width} bits")

    def _readings(self, form: AdditiveForm, width: int) -> Iterator[dict[Key, Integers]]:
        """Equivalent parts modulo 2^width: each as it is, or shifted to the smallest spread, as for sign-extended words."""
        near = {key: self._closest(key, values, width) for key, values in form.parts.items()}
        differ = [k for k, v in near.items() if np.ptp(self.occurring(k, v)) < np.ptp(self.occurring(k, form.parts[k]))]
        for number in range(1 << min(len(differ), _MAX_AMBIGUOUS_PARTS)):
            chosen = {key for place, key in enumerate(differ) if number >> place & 1}
            yield {key: near[key] if key in chosen else values for key, values in form.parts.items()}
        yield near

    def _closest(self, key: Key, values: Integers, width: int) -> Integers:
        mask = (1 << width) - 1
        seen = np.unique(self.occurring(key, values & mask))
        gaps = np.diff(np.append(seen, seen[0] + mask + 1))
        start = int(seen[(int(gaps.argmax()) + 1) % len(seen)])
        return start + ((values - start) & mask)

    def occurring(self, key: Key, values: Integers) -> Integers:
        """The values at reachable codes, flattened."""
        full = np.broadcast_to(values, tuple(self._size[i] for i in key))
        return full[np.ix_(*(self.care[i] for i in key))].ravel() if key else full.ravel()

    def _ends(self, key: Key, values: Integers) -> tuple[int, int]:
        """Smallest and largest value of a part over reachable codes."""
        own = self.occurring(key, values)
        return int(own.min()), int(own.max())

    def ends(self, form: AdditiveForm) -> tuple[int, int]:
        """Smallest and largest value of a form over reachable codes."""
        parts = [self._ends(key, values) for key, values in form.parts.items()]
        return sum(low for low, _ in parts), sum(high for _, high in parts)

    def root(self, golden: Mapping[int, Integers], bias: int, outputs: Sequence[NetBit]) -> Root:
        """The word that holds the total sum and on which alone the outputs depend.

        The golden tables are given by input, indexed by the code's bits as an unsigned number.
        """
        whole = AdditiveForm({(i,): values for i, values in golden.items()}).plus(AdditiveForm({(): np.array(bias)}))
        ends = self.ends(whole)
        for word, shift in self._candidates(outputs):
            try:
                offset = self._offset(self.form(word).times(1 << shift, 0), whole, len(word) + shift)
            except Unproved:
                continue
            if ends[1] - ends[0] < 1 << (len(word) + shift):
                return Root(word, shift, offset + ends[0], *ends)
        raise Unproved(f"no word of {self.module.name} is the sum of its golden tables")

    def _candidates(self, outputs: Sequence[NetBit]) -> Iterator[tuple[NetBits, int]]:
        for word in reversed(self._words):
            if self._decides(word, outputs):
                shifts = {0}
                for bits in self.module.words.values():
                    start = next((k for k, bit in enumerate(bits) if bit != "0"), 0)
                    if bits[start : start + len(word)] == word:
                        shifts.add(start)
                yield from ((word, shift) for shift in sorted(shifts))

    def _decides(self, word: NetBits, outputs: Sequence[NetBit]) -> bool:
        """Whether the outputs depend on the inputs only through the word."""
        seen, stack = set(word), [bit for bit in outputs if bit not in word]
        while stack:
            bit = stack.pop()
            if bit in self._home:
                return False
            if bit in seen or bit not in self.module.drivers:
                continue
            seen.add(bit)
            stack += [b for bits in self.module.drivers[bit][0].inputs.values() for b in bits]
        return True

    def _offset(self, found: AdditiveForm, whole: AdditiveForm, width: int) -> int:
        """The constant `found − whole` modulo 2^width."""
        if found.atoms or found.scale:
            raise Unproved("the word is not a complete sum")
        difference, offset = found.plus(whole.times(-1, 0)), 0
        for key, values in difference.parts.items():
            rest = np.unique(self.occurring(key, values) & ((1 << width) - 1))
            if len(rest) > 1:
                raise Unproved("the word is a different sum")
            offset += int(rest[0])
        return offset & ((1 << width) - 1)
