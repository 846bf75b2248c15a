"""Layout of the network diagram, in inches."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from splinework.nn.nodes import Nodes
from splinework.report.plot.curves import Curves
from splinework.report.plot.protocols import Floats

MIN_WIDTH, MAX_WIDTH = 2.6, 12.0
PITCH, MIN_PITCH = 0.8, 0.42
BOX_SHARE = 0.8  # of the pitch
BLOCK_GAP = 0.3  # between the boxes of two inputs, in pitches
NODE_PITCH = 0.3
FACTOR_PITCH, FACTOR_DROP = 0.34, 0.42


@dataclass(frozen=True)
class DiagramLayout:
    """Positions in a drawing of `width` by `height`.

    Attributes:
        nodes: Centres of the nodes per layer, `(N_l, 2)`.
        sums: End points of edges per layer, `(S_l, 2)`: the node, or one point per factor of a product.
        boxes: Centre of each edge's box, `(E, 2)`; empty without boxes.
        sides: Side length of each box, `(E,)`.
        slots: Width available for a node per layer.
    """

    width: float
    height: float
    nodes: tuple[Floats, ...]
    sums: tuple[Floats, ...]
    boxes: Floats
    sides: Floats
    slots: tuple[float, ...]


@dataclass(frozen=True)
class _Stack:
    """The boxes of one layer: a block per active input, with its number of `columns`, in `rows` rows."""

    edges: list[list[int]]
    inputs: list[int]
    columns: list[int]
    rows: int
    pitch: float

    @property
    def width(self) -> float:
        """Total width of the blocks side by side."""
        return (sum(self.columns) + BLOCK_GAP * (len(self.columns) - 1)) * self.pitch if self.columns else 0.0


def lay_out(
    nodes: Sequence[Nodes], curves: Curves, *, boxes: bool, label_widths: Sequence[float] = ()
) -> DiagramLayout:
    """Positions of the nodes and of the boxes of all active edges."""
    layers = range(len(nodes) - 1)
    stacks = [_stack(curves, l) if boxes else _Stack([], [], [], 0, PITCH) for l in layers]
    pitch = 1.5 * min(stack.pitch for stack in stacks)  # boxes of one plot have similar sizes
    stacks = [replace(stack, pitch=min(stack.pitch, pitch)) for stack in stacks]
    room = [NODE_PITCH * sum(_weights(n)) for n in nodes]
    wanted = max([MIN_WIDTH, *(s.width for s in stacks), *room, *(min(w, 0.75 * MAX_WIDTH) for w in label_widths)])
    width = min(wanted, MAX_WIDTH)
    gap = float(np.clip(0.085 * width, 0.42, 0.85)) if boxes else float(np.clip(0.11 * width, 0.6, 1.2))
    centres, sums, y = [], [], 0.0
    places, sides = np.zeros((len(curves) if boxes else 0, 2)), np.zeros(len(curves) if boxes else 0)
    centres.append(_spread_nodes(nodes[0], width, 0.0)[0])
    for l, stack in zip(layers, stacks, strict=True):
        if boxes:
            _place(stack, centres[-1][:, 0], width, y + gap, places, sides)
        y += 2 * gap + stack.rows * stack.pitch + (FACTOR_DROP if nodes[l + 1].products else 0.0)
        centre, ends = _spread_nodes(nodes[l + 1], width, y)
        centres.append(centre)
        sums.append(ends)
    slots = tuple(width / sum(_weights(n)) for n in nodes)
    return DiagramLayout(width, y, tuple(centres), tuple(sums), places, sides, slots)


def _stack(curves: Curves, layer: int) -> _Stack:
    edges: dict[int, list[int]] = {}
    for e in np.flatnonzero(curves.layer == layer).tolist():
        edges.setdefault(int(curves.source[e]), []).append(e)
    blocks = list(edges.values())
    for rows in range(1, max((len(b) for b in blocks), default=1) + 1):
        stack = _Stack(blocks, list(edges), [-(-len(b) // rows) for b in blocks], rows if blocks else 0, 1.0)
        pitch = min(PITCH, MAX_WIDTH / stack.width) if blocks else PITCH
        if pitch >= MIN_PITCH:
            break
    return _Stack(stack.edges, stack.inputs, stack.columns, stack.rows, pitch)


def _place(stack: _Stack, x: Floats, width: float, bottom: float, places: Floats, sides: Floats) -> None:
    """Sets centres and sides of one layer's boxes, with each block as close above its input as the others allow."""
    pitch, gap = stack.pitch, BLOCK_GAP * stack.pitch
    blocks = [columns * pitch + gap for columns in stack.columns]
    middles = spread([float(x[i]) for i in stack.inputs], blocks, -gap / 2, width + gap / 2)
    for edges, columns, middle in zip(stack.edges, stack.columns, middles, strict=True):
        for place, e in enumerate(edges):
            row, column = divmod(place, columns)
            inside = min(columns, len(edges) - row * columns)  # a last row that is not full is centred
            places[e] = middle + (column - (inside - 1) / 2) * pitch, bottom + (row + 0.5) * pitch
            sides[e] = BOX_SHARE * pitch


def spread(targets: Sequence[float], widths: Sequence[float], low: float, high: float) -> list[float]:
    """Centres of non-overlapping blocks in a row, closest to their targets in the least-squares sense.

    Isotonic regression by pooling adjacent violators, after subtracting the widths.

    >>> spread([1.0, 1.0], [1.0, 1.0], 0.0, 9.0)
    [0.5, 1.5]
    """
    if not targets:
        return []
    offsets = [0.0]
    for before, after in itertools.pairwise(widths):
        offsets.append(offsets[-1] + (before + after) / 2)
    pools: list[tuple[float, int]] = []
    for target, offset in zip(targets, offsets, strict=True):
        value, count = target - offset, 1
        while pools and pools[-1][0] > value:
            other, size = pools.pop()
            value, count = (value * count + other * size) / (count + size), count + size
        pools.append((value, count))
    first, last = low + widths[0] / 2, high - widths[-1] / 2 - offsets[-1]
    free = [value for value, count in pools for _ in range(count)]
    return [max(first, min(value, last)) + offset for value, offset in zip(free, offsets, strict=True)]


def _weights(nodes: Nodes) -> list[int]:
    return [len(group) for group in nodes.groups]


def _spread_nodes(nodes: Nodes, width: float, y: float) -> tuple[Floats, Floats]:
    """Centres of one layer's nodes, evenly spaced over the width, and the end points of the edges into them."""
    weights = np.array(_weights(nodes), dtype=np.float64)
    slot = width / weights.sum()
    x = (np.cumsum(weights) - weights / 2) * slot
    ends = np.zeros((nodes.fan_in, 2))
    for node, group in enumerate(nodes.groups):
        offsets = (np.arange(len(group)) - (len(group) - 1) / 2) * min(FACTOR_PITCH, 0.9 * slot)
        ends[list(group), 0] = x[node] + offsets
        ends[list(group), 1] = y - (FACTOR_DROP if len(group) > 1 else 0.0)
    return np.column_stack([x, np.full_like(x, y)]), ends
