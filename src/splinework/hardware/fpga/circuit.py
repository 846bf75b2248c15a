"""The circuit data structure: tables over bits of codes, a tree of exact adders, one rounding and clamp per neuron.

Only the data is here; `plan` builds it, `compress` shrinks it, `schedule` pipelines it and `verilog` writes it. All numbers are
integers, and every word is as wide as its values need.
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
    """Options of the circuit generator.

    Attributes:
        technology: Family of devices: `xcup`, `ecp5`, `ice40` or `asic`.
        compress: Whether tables are compressed; otherwise all tables of a layer have the same width.
        stage_levels: Number of adder levels between two registers.
        max_cycles: Largest latency in cycles; takes precedence over `stage_levels`.
        handshake: `stream` with a fixed latency, or `valid_ready` with backpressure from the receiver.
        dont_care: Codes that are treated as don't-cares: `proof`, those that no input can cause; `data`, those absent from the
            data, which changes the function elsewhere; `off`, none.
        objective: `latency` for the fewest adder levels; `area` for more levels, within the latency, if they save LUTs.

    Raises:
        ConfigError: If a value is out of range or unknown.
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
            raise ConfigError(f"stage_levels must be at least 1, got {self.stage_levels}.")
        if self.max_cycles is not None and self.max_cycles < 1:
            raise ConfigError(f"max_cycles must be at least 1, the output register, got {self.max_cycles}.")

    @property
    def fused(self) -> int:
        """Largest number of inputs of a function that shares a LUT with the adder behind it; 0 if LUTs are not shared."""
        return 5 if self.technology == "xcup" else 0

    @property
    def lookup(self) -> int:
        """Number of inputs of a LUT of the technology."""
        return 6 if self.technology == "xcup" else 4


class CodeBit(NamedTuple):
    """One bit of a code; place 0 is the lowest. With `fold >= 0` it is XORed with the bit at that place."""

    input: int
    place: int
    fold: int = -1


class _BitWord:
    """A word of bits that holds the integers from low to high, times 2^shift."""

    low: int
    high: int

    @property
    def signed(self) -> bool:
        """Whether its highest bit is a sign."""
        return self.low < 0

    @property
    def width(self) -> int:
        """Width in bits."""
        return Format.holding(self.low, self.high).width


@dataclass(frozen=True, eq=False)
class CircuitTable(_BitWord):
    """A table over some bits of codes, with the value `values[address] · 2^shift`.

    Attributes:
        address: Address bits, the lowest first.
        values: Value at each address, `(2^len(address),)`; arbitrary at addresses that cannot occur.
        low: Smallest value that occurs.
        high: Largest value that occurs.
        shift: Number of zero bits below.
        flip: Bit that inverts all bits of the value; None for no inversion.
    """

    address: tuple[CodeBit, ...]
    values: Integers
    low: int
    high: int
    shift: int = 0
    flip: CodeBit | None = None

    @cached_property
    def columns(self) -> NDArray[np.bool_]:
        """The bits of the values, `(addresses, width)`, before inversion."""
        bits: NDArray[np.bool_] = (self.values[:, None] >> np.arange(self.width)) & 1 != 0
        return bits

    @property
    def inputs(self) -> tuple[int, ...]:
        """The inputs that it depends on, ascending."""
        flip = () if self.flip is None else (self.flip,)
        return tuple(sorted({bit.input for bit in (*self.address, *flip)}))


@dataclass(frozen=True)
class Adder(_BitWord):
    """An adder of two words of the node with an optional carry input; words are numbered tables first, then sums.

    Attributes:
        left: Index of a word.
        right: Index of a word; if it is a table, it may share LUTs with the adder.
        low: Smallest value.
        high: Largest value.
        shift: Number of zero bits below.
        cap: Largest number of bits kept; the total sum needs no more.
        level: Adder depth.
        carry: Index of an unsigned one-bit table with the weight of the lowest bit that is added; -1 for none.
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
        """Width in bits."""
        return min(self.cap - self.shift, Format.holding(self.low, self.high).width)


@dataclass(frozen=True, eq=False)
class CircuitNode:
    """One neuron: `code = clamp(round(constant + Σ tables))`.

    Attributes:
        layer: Index of its layer.
        index: Index within the layer.
        name: Name of its wire.
        inputs: Inputs that it has ports for, ascending.
        tables: Tables to be added.
        constant: Constant to be added, including the half that rounds; 0 once there are sums.
        guard: Number of bits that rounding drops.
        format: Format of the output code.
        low: Smallest exact sum that occurs, including the constant.
        high: Largest exact sum that occurs, including the constant.
        sums: Adders; the last one gives the total sum. Without adders the only table does.
        stages: Cycle in which each table, then each sum, is computed; inputs arrive in cycle 0.
        finish: Cycle in which the sum is rounded and clamped.
        fused: For each table, whether it shares LUTs with the adder that reads it.
        heads: Tables that do not share LUTs with an adder; None to choose them by cost.
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
        """The tables, then the sums."""
        return (*self.tables, *self.sums)

    @property
    def depth(self) -> int:
        """Number of adder levels."""
        return self.sums[-1].level if self.sums else 0

    def rounded(self, total: int) -> int:
        """A total sum rounded half to even; the half has already been added."""
        tie = self.guard > 0 and total & ((1 << self.guard) - 1) == 0
        value = total >> self.guard
        return value & ~1 if tie else value

    @property
    def clips(self) -> tuple[bool, bool]:
        """Whether a rounded sum can lie below the lowest, and above the highest code."""
        return self.rounded(self.low) < self.format.low, self.rounded(self.high) > self.format.high

    @property
    def finishes(self) -> bool:
        """Whether rounding or clamping is needed."""
        return self.guard > 0 or any(self.clips)


@dataclass(frozen=True, eq=False)
class CircuitLayer:
    """A layer of neurons with the same latency.

    Attributes:
        inputs: Formats of the input codes.
        care: For each input, flags `(codes,)` of the codes that occur, indexed by the code's bits as an unsigned number.
        nodes: Neurons of the layer.
        cycles: Number of registers between inputs and outputs.
        depth: Adder depth of the deepest node.
        dead: Indices of the nodes that are not used.
        levels: Largest adder depth allowed; None for the smallest possible.
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
        name: Name of the top module.
        digest: Digest of the golden model.
        options: Options of the generator.
        layers: Layers in order.
        bound: The option that determined the pipeline: `stage_levels` or `max_cycles`.
        levels: Number of adder levels in the fullest cycle.
        notes: Sentences on what compression did.
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
        """Formats of the input codes."""
        return self.layers[0].inputs

    @property
    def outputs(self) -> tuple[Format, ...]:
        """Formats of the output sums."""
        return tuple(node.format for node in self.layers[-1].nodes)

    @property
    def latency_cycles(self) -> int:
        """Latency in cycles."""
        return sum(layer.cycles for layer in self.layers)
