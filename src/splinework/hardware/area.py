"""Area of tables and sums in six-input LUTs: a count for finished networks, and a smooth surrogate for training.

Both are rough estimates for choosing between networks. The area of a design comes from `fpga.estimate` and from synthesis.
"""

from typing import Final

import numpy as np
import torch
from torch import Tensor

from splinework.hardware.fake import FakeQuantised
from splinework.hardware.integer import IntegerLayer, IntegerModel

LUTS_PER_BIT: Final = (0.0, 0.2, 0.3, 0.4, 0.5, 0.5, 1.0, 3.0, 6.0)
"""Six-input LUTs per output bit of a table, by the width of its code: two small functions share one LUT, larger ones need
several LUTs and multiplexers. Each bit beyond the end doubles the number."""


def per_bit(bits: int) -> float:
    """LUTs for one output bit of a table with the given number of input bits."""
    last = len(LUTS_PER_BIT) - 1
    return LUTS_PER_BIT[bits] if bits <= last else LUTS_PER_BIT[last] * 2.0 ** (bits - last)


def area(model: IntegerModel) -> float:
    """Estimated LUTs of a quantised network, from the widths of its tables and adders."""
    return sum(_layer_area(model, number, layer) for number, layer in enumerate(model.layers))


def _layer_area(model: IntegerModel, number: int, layer: IntegerLayer) -> float:
    total = 0.0
    for node in range(layer.width):
        spans = []
        for i in layer.fan_in(node):
            column = layer.tables[i][:, node]
            span = int(column.max() - column.min())
            spans.append(span)
            total += per_bit(model.wires(number)[i].format.width) * span.bit_length()
        spans.sort()
        while len(spans) > 1:  # a balanced tree of exact adders, narrow ones first
            spans = sorted([*spans[2:], spans[0] + spans[1]])
            total += spans[-1].bit_length() if len(spans) == 1 else (spans[0] + 1).bit_length()
        if number < len(model.layers) - 1:
            total += layer.outputs[node].format.width
    return total


def smooth_area(ready: FakeQuantised, exact: list[Tensor]) -> Tensor:
    """The area of the tables and their adders, differentiable in the spans of the tables.

    A table that spans r steps has log2(1 + r) bits; each costs the table `per_bit` and the adder one.
    `exact` holds the unrounded tables of each layer, `(codes, I, J)`, in steps.
    """
    total = torch.zeros((), dtype=exact[0].dtype)
    for (layer, before, _, _), values in zip(ready.parts, exact, strict=True):
        cost = torch.tensor([per_bit(f.width) + 1.0 for f in before.formats], dtype=values.dtype)
        spans = values.max(dim=0).values - values.min(dim=0).values
        bits = torch.log2(1 + spans) * (layer.mask != 0)
        total = total + (cost[:, None] * bits).sum()
    return total


def largest_tables(model: IntegerModel, count: int = 3) -> list[str]:
    """Descriptions of the most expensive edges, for messages that suggest what to prune."""
    found = []
    for number, layer in enumerate(model.layers):
        wires = model.wires(number)
        for i, j in np.argwhere(layer.mask):
            column = layer.tables[i][:, j]
            bits = int(column.max() - column.min()).bit_length()
            cost = per_bit(wires[i].format.width) * bits
            found.append(
                (cost, f"{wires[i].name} -> {layer.outputs[j].name} ({wires[i].format.width} bits in, {bits} out)")
            )
    return [text for _, text in sorted(found, key=lambda pair: -pair[0])[:count]]
