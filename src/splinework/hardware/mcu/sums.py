"""Rewrites the network in unsigned integers, smaller and exactly equal: the sum of each node and its rounding to a code.

Every table is shifted to start at 0, with one constant per node, so no number is negative and no signed shift is needed.
Unreachable rows are cut, constant edges become constants, and unused nodes are removed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.formats import Integers, Wire, round_shift
from splinework.hardware.integer import IntegerLayer, IntegerModel
from splinework.hardware.mcu.options import McuOptions
from splinework.hardware.reach import Flags, Reach, reach


@dataclass(frozen=True, eq=False)
class UnsignedSum:
    """The sum of one node, `base + Σ columns[i][code of input i]`, with non-negative entries.

    Attributes:
        node: Index in the layer of the model.
        wire: Wire of the result.
        columns: Table `(rows,)` by the index of the input in the layer.
        base: Smallest sum.
        most: Largest sum of entries.
        guard: Number of bits removed by rounding.
        start: Initial value that keeps the sum non-negative, `base + lift · 2^guard`.
        lift: Even number of codes, so that rounding half to even is unchanged.
        first: Smallest reachable code; None in the last layer, whose sums are exact.
        last: Largest reachable code; None in the last layer.
    """

    node: int
    wire: Wire
    columns: Mapping[int, Integers]
    base: int
    most: int
    guard: int = 0
    start: int = 0
    lift: int = 0
    first: int | None = None
    last: int | None = None

    @property
    def bits(self) -> int:
        """Width of the sum of entries and start."""
        return max(1, (self.most + self.start).bit_length())

    @property
    def entry_bits(self) -> int:
        """Width of the largest entry."""
        return max(1, max((int(column.max()) for column in self.columns.values()), default=0).bit_length())

    def ends(self) -> tuple[int, int]:
        """Smallest and largest result before clamping to `first` and `last`, relative to `-lift`."""
        low, high = round_shift(np.array([self.start, self.start + self.most]), self.guard).tolist()
        return low, high


@dataclass(frozen=True, eq=False)
class UnsignedLayer:
    """One layer in unsigned integers.

    Attributes:
        number: Index in the model.
        lows: Smallest value of each input; row r of a table belongs to the value `low + r`.
        rows: Number of values of each input.
        names: Names of the input wires.
        sums: Sums of the nodes.
        last: Whether it is the output layer.
    """

    number: int
    lows: tuple[int, ...]
    rows: tuple[int, ...]
    names: tuple[str, ...]
    sums: tuple[UnsignedSum, ...]
    last: bool


def stages(model: IntegerModel, options: McuOptions) -> tuple[UnsignedLayer, ...]:
    """The layers of a network in unsigned integers.

    Raises:
        ConfigError: If a sum does not fit the accumulator.
    """
    can = reach(model)
    kept = _needed(model, can)
    made = []
    for number, layer in enumerate(model.layers):
        wires, flags = model.wires(number), can.codes[number]
        ends = [_ends(flags[i]) for i in kept[number]]
        own = [wires[i].format.low if number == 0 else 0 for i in kept[number]]
        sums = tuple(_sum(model, can, number, node, kept[number]) for node in kept[number + 1])
        for one in sums:
            _check(one, layer, number, options.accumulator)
        lows = tuple(0 if options.codes == "saturated" else low for low in own)
        rows = tuple(last - first + 1 for first, last in ends)
        names = tuple(wires[i].name for i in kept[number])
        made.append(UnsignedLayer(number, lows, rows, names, sums, number == len(model.layers) - 1))
    return tuple(made)


def _ends(flags: Flags) -> tuple[int, int]:
    hit = np.flatnonzero(flags)
    return int(hit[0]), int(hit[-1])


def _needed(model: IntegerModel, can: Reach) -> list[list[int]]:
    """The inputs that each layer reads, and all outputs; inputs of the network keep their indices."""
    kept = [list(range(model.outputs))]
    for number in reversed(range(1, len(model.layers))):
        layer, flags = model.layers[number], can.codes[number]
        varies = [bool(np.ptp(layer.tables[i][flags[i]][:, kept[0]], axis=0).any()) for i in range(layer.inputs)]
        kept.insert(0, [i for i, needed in enumerate(varies) if needed])
    return [list(range(len(model.inputs))), *kept]


def _sum(model: IntegerModel, can: Reach, number: int, node: int, inputs: list[int]) -> UnsignedSum:
    layer, flags = model.layers[number], can.codes[number]
    columns: dict[int, Integers] = {}
    base, most = int(layer.bias[node]), 0
    for i in range(layer.inputs):
        reached = layer.tables[i][flags[i], node]
        low, high = int(reached.min()), int(reached.max())
        base += low
        if high > low:
            first, last = _ends(flags[i])
            column = layer.tables[i][first : last + 1, node] - low
            # Unreachable codes in between are don't-cares.
            columns[inputs.index(i)] = np.clip(column, 0, high - low)
            most += high - low
    wire = layer.outputs[node]
    if number == len(model.layers) - 1:
        return UnsignedSum(node, wire, columns, base, most)
    first, last = _ends(can.codes[number + 1][node])
    lift = 2 * -(base >> (layer.guard + 1))
    start, low = base + (lift << layer.guard), wire.format.low
    return UnsignedSum(node, wire, columns, base, most, layer.guard, start, lift, first + low, last + low)


def _check(one: UnsignedSum, layer: IntegerLayer, number: int, accumulator: int) -> None:
    half = 1 << (one.guard - 1) if one.guard else 0
    signed = one.first is None
    low, high = one.base, one.base + one.most
    fits = one.most + one.start + half < 1 << accumulator
    if signed:
        fits = fits and -(1 << (accumulator - 1)) <= low and high < 1 << (accumulator - 1)
    if not fits:
        way = "take accumulator=32, fewer" if accumulator == 16 else "use fewer"
        raise ConfigError(
            f"the sum of {one.wire.name!r} in layer {number} ranges from {low} to {high}, which does not fit {accumulator} bits; "
            f"{way} bits, fewer guard bits (now {layer.guard}) or fewer edges into this node."
        )
