"""Reachable codes and sums: sums of sets, exact for the first layer and an over-approximation for later ones.

The inputs of later layers depend on each other, and treating all their combinations as possible can only add codes. So a code
that is proved unreachable here never occurs, whatever the data.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.formats import Integers, round_shift
from splinework.hardware.integer import IntegerModel

_MAX_SET_SPREAD = 1 << 16  # Wider sets of sums are represented by their bounds only

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Reach:
    """The reachable codes and sums of a network.

    Attributes:
        codes: For each layer and each of its inputs, flags `(codes,)` of the codes that can occur.
        low: For each layer, the smallest sum of each node `(J,)`.
        high: For each layer, the largest sum of each node `(J,)`.
    """

    codes: tuple[tuple[Flags, ...], ...]
    low: tuple[Integers, ...]
    high: tuple[Integers, ...]


def reach(model: IntegerModel, inputs: tuple[Flags, ...] | None = None) -> Reach:
    """The reachable codes and sums, given flags of the input codes that can occur; None means all of them."""
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
    """All sums of one value of each column, ascending, and True; or only their bounds, and False, if they spread too far."""
    low = bias + sum(int(c.min()) for c in columns)
    high = bias + sum(int(c.max()) for c in columns)
    if high - low >= _MAX_SET_SPREAD:
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
