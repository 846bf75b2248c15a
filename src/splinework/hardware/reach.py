"""Which codes and sums can occur at all: sums of sets, exact for the first layer and never too small for the later ones.

The inputs of later layers depend on each other, and to take all their combinations as possible can only add codes. So what is
proved unreachable here never occurs, whatever the data.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.formats import Integers, round_shift
from splinework.hardware.integer import IntegerModel

_WIDEST_SET = 1 << 16  # Sums that spread further are bounded by their ends only

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Reach:
    """What can occur.

    Attributes:
        codes: For each layer and each of its inputs, `(codes,)`: whether the code can occur.
        low: For each layer, the smallest sum of each node `(J,)`.
        high: The largest.
    """

    codes: tuple[tuple[Flags, ...], ...]
    low: tuple[Integers, ...]
    high: tuple[Integers, ...]


def reach(model: IntegerModel, inputs: tuple[Flags, ...] | None = None) -> Reach:
    """The codes and sums that can occur, where these codes of the inputs can; None means all of them."""
    flags = inputs if inputs is not None else tuple(np.ones(w.format.count, dtype=bool) for w in model.inputs)
    codes, lows, highs = [flags], [], []
    for number, layer in enumerate(model.layers):
        after, low, high = [], [], []
        for node in range(layer.width):
            columns = [layer.tables[i][flags[i], node] for i in layer.fan_in(node)]
            sums, whole = _sums(int(layer.bias[node]), columns)
            low.append(int(sums[0]))
            high.append(int(sums[-1]))
            if number < len(model.layers) - 1:
                form = layer.outputs[node].format
                hit = np.zeros(form.count, dtype=bool)
                reached = form.saturate(round_shift(sums, layer.guard)) - form.low
                hit[reached if whole else slice(reached[0], reached[-1] + 1)] = True
                after.append(hit)
        lows.append(np.array(low, dtype=np.int64))
        highs.append(np.array(high, dtype=np.int64))
        if after:
            flags = tuple(after)
            codes.append(flags)
    return Reach(tuple(codes), tuple(lows), tuple(highs))


def _sums(bias: int, columns: list[Integers]) -> tuple[Integers, bool]:
    """All sums of one value of each column, ascending, and True; where they spread too far, only the ends, and False."""
    low = bias + sum(int(c.min()) for c in columns)
    high = bias + sum(int(c.max()) for c in columns)
    if high - low >= _WIDEST_SET:
        return np.array([low, high]), False
    hit = np.zeros(high - low + 1, dtype=bool)
    hit[0] = True  # the sum of all smallest values
    for column in columns:
        steps = np.unique(column - column.min())
        new = np.zeros_like(hit)
        for step in steps:
            new[step:] |= hit[: len(hit) - step]
        hit = new
    return low + np.flatnonzero(hit), True
