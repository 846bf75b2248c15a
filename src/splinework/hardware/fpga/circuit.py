"""The circuit between a golden model and its Verilog: tables over bits of codes, a tree of exact sums, one rounding and clamp.

Only the recipe is here; `plan` makes it, `compress` makes it smaller, `schedule` cuts it into cycles and `verilog` writes it
down. All numbers are integers, and every word is as wide as its values need.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from splinework.errors import ConfigError
from splinework.hardware.formats import Format, Integers

Handshake = Literal["stream", "valid_ready"]
DontCare = Literal["proof", "data", "off"]
Objective = Literal["latency", "area"]


@dataclass(frozen=True)
class FpgaOptions:
    """What a circuit is made for.

    Attributes:
        technology: The family of parts; `xcup`, `ecp5`, `ice40` or `asic`.
        compress: Whether tables are made smaller; without, all tables of a layer have the same width.
        stage_levels: Levels of adders between two registers.
        max_cycles: The longest latency in cycles; where it and `stage_levels` do not go together, it wins.
        handshake: `stream`, where a result leaves a fixed number of cycles after its input, or `valid_ready`, where the
            receiver can hold it.
        dont_care: What counts as a code that cannot occur: `proof`, none that any input can cause; `data`, none that was seen,
            which changes the function elsewhere; `off`, all occur.
        objective: `latency`, the fewest levels of adders; `area`, as many as the latency allows where they save lookup tables.
    """

    technology: str = "xcup"
    compress: bool = True
    stage_levels: int = 1
    max_cycles: int | None = None
    handshake: Handshake = "stream"
    dont_care: DontCare = "proof"
    objective: Objective = "latency"

    def __post_init__(self) -> None:
        for name, kind in (("handshake", Handshake), ("dont_care", DontCare), ("objective", Objective)):
            if getattr(self, name) not in get_args(kind):
                raise ConfigError(f"{name} is one of {', '.join(get_args(kind))}, got {getattr(self, name)!r}.")
        if self.stage_levels < 1:
            raise ConfigError(f"stage_levels is at least 1 level of adders, got {self.stage_levels}.")
        if self.max_cycles is not None and self.max_cycles < 1:
            raise ConfigError(f"max_cycles is at least 1, the register of the outputs, got {self.max_cycles}.")

    @property
    def fused(self) -> int:
        """Inputs of a table that shares a lookup table with the adder behind it, at most; 0 where that never happens."""
        return 5 if self.technology == "xcup" else 0

    @property
    def lookup(self) -> int:
        """Inputs of a lookup table of the technology."""
        return 6 if self.technology == "xcup" else 4


class CodeBit(NamedTuple):
    """One bit of a code: place 0 is worth 1. With a fold of 0 or more it is XORed with the bit of that place."""

    input: int
    place: int
    fold: int = -1


class _BitWord:
    """A word of bits: the integers from low to high, times 2^shift."""

    low: int
    high: int

    @property
    def signed(self) -> bool:
        """Whether its first bit is a sign."""
        return self.low < 0

    @property
    def width(self) -> int:
        """Bits."""
        return Format.holding(self.low, self.high).width


@dataclass(frozen=True, eq=False)
class CircuitTable(_BitWord):
    """A table over some bits of codes: it is worth `values[address] · 2^shift`.

    Attributes:
        address: Its bits, the one that is worth 1 first.
        values: One for each address, `(2^len(address),)`; of what cannot occur, any that the word can hold.
        low: Smallest value that occurs.
        high: Largest value that occurs.
        shift: Zero bits below.
        flip: A bit that turns all bits of the value over, None for no such bit.
    """

    address: tuple[CodeBit, ...]
    values: Integers
    low: int
    high: int
    shift: int = 0
    flip: CodeBit | None = None

    @cached_property
    def columns(self) -> NDArray[np.bool_]:
        """The bits of the values, `(addresses, width)`, before they are turned over."""
        bits: NDArray[np.bool_] = (self.values[:, None] >> np.arange(self.width)) & 1 != 0
        return bits

    @property
    def inputs(self) -> tuple[int, ...]:
        """The inputs that it looks at, ascending."""
        flip = () if self.flip is None else (self.flip,)
        return tuple(sorted({bit.input for bit in (*self.address, *flip)}))


@dataclass(frozen=True)
class Adder(_BitWord):
    """An adder of two words of the node and a bit that enters as its carry: words are the tables, then the sums.

    Attributes:
        left: Number of a word.
        right: Number of a word, whose table may share lookup tables with the adder.
        low: Smallest value.
        high: Largest value.
        shift: Zero bits below.
        cap: Bits that are kept at most; the whole sum needs no more.
        level: Adders on the longest way to here.
        carry: Number of a table of one bit without sign, as much worth as the lowest bit that is added; -1 for none.
    """

    left: int
    right: int
    low: int
    high: int
    shift: int
    cap: int
    level: int
    carry: int = -1

    @property
    def width(self) -> int:
        """Bits."""
        return min(self.cap - self.shift, Format.holding(self.low, self.high).width)


@dataclass(frozen=True, eq=False)
class CircuitNode:
    """One neuron: `code = clamp(round(constant + Σ tables))`.

    Attributes:
        layer: Number of its layer.
        index: Its number in the layer.
        name: Of its wire.
        inputs: The inputs that it has ports for, ascending.
        tables: What is added.
        constant: What is added besides; it holds the half that rounds. 0 as soon as there are sums.
        guard: Bits that rounding drops.
        format: Of the code.
        low: Smallest exact sum that occurs, with the constant.
        high: Largest.
        sums: The adders; the last one gives the whole sum, without any it is the only table.
        stages: For each table, then each sum, the cycle in which it is computed; inputs come in cycle 0.
        finish: The cycle in which the sum is rounded and clamped.
        fused: For each table, whether it is computed right before the adder that takes it.
        heads: The tables that stand alone; None where that is to be chosen by what they cost.
    """

    layer: int
    index: int
    name: str
    inputs: tuple[int, ...]
    tables: tuple[CircuitTable, ...]
    constant: int
    guard: int
    format: Format
    low: int
    high: int
    sums: tuple[Adder, ...] = ()
    stages: tuple[int, ...] = ()
    finish: int = 0
    fused: tuple[bool, ...] = ()
    heads: frozenset[int] | None = None

    @property
    def words(self) -> tuple[CircuitTable | Adder, ...]:
        """Its tables, then its sums."""
        return (*self.tables, *self.sums)

    @property
    def depth(self) -> int:
        """Levels of adders."""
        return self.sums[-1].level if self.sums else 0

    def rounded(self, total: int) -> int:
        """A whole sum without its guard bits; the half is in it already, and a tie goes to the even neighbour."""
        tie = self.guard > 0 and total & ((1 << self.guard) - 1) == 0
        value = total >> self.guard
        return value & ~1 if tie else value

    @property
    def clips(self) -> tuple[bool, bool]:
        """Whether a sum can lie below the lowest, and above the highest code."""
        return self.rounded(self.low) < self.format.low, self.rounded(self.high) > self.format.high

    @property
    def finishes(self) -> bool:
        """Whether there is anything to round or clamp."""
        return self.guard > 0 or any(self.clips)


@dataclass(frozen=True, eq=False)
class CircuitLayer:
    """Neurons side by side, all with the same latency.

    Attributes:
        inputs: Formats of the codes that come in.
        care: For each input, which codes occur `(codes,)`, by the bits of the code read as a plain number.
        nodes: The neurons.
        cycles: Registers between inputs and outputs.
        depth: Levels of adders of the deepest node.
        dead: Numbers of the nodes that nothing looks at.
        levels: Levels of adders that its nodes may have; None for the fewest.
    """

    inputs: tuple[Format, ...]
    care: tuple[NDArray[np.bool_], ...]
    nodes: tuple[CircuitNode, ...]
    cycles: int = 0
    depth: int = 0
    dead: frozenset[int] = field(default=frozenset())
    levels: int | None = None


@dataclass(frozen=True, eq=False)
class FpgaDesign:
    """A circuit for a whole network.

    Attributes:
        name: Of the top module.
        digest: Of the golden model.
        options: What it is made for.
        layers: In order.
        bound: Which limit shaped the cycles: `stage_levels` or `max_cycles`.
        levels: Levels of adders in the fullest cycle.
        notes: What compression did, one sentence each.
    """

    name: str
    digest: str
    options: FpgaOptions
    layers: tuple[CircuitLayer, ...]
    bound: Literal["stage_levels", "max_cycles"] = "stage_levels"
    levels: int = 0
    notes: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[Format, ...]:
        """Formats of the codes that come in."""
        return self.layers[0].inputs

    @property
    def outputs(self) -> tuple[Format, ...]:
        """Formats of the sums that go out."""
        return tuple(node.format for node in self.layers[-1].nodes)

    @property
    def latency_cycles(self) -> int:
        """Cycles from an input to its result."""
        return sum(layer.cycles for layer in self.layers)
