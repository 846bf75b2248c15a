"""Fewer and smaller operands before tables become bits: inputs left out, small tables joined, whole neurons as a table."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from splinework.hardware.fpga.circuit import Node
from splinework.hardware.fpga.compress_split import Edge


def narrowed(edge: Edge) -> Edge:
    """The edge without the inputs that its values do not depend on wherever they occur."""
    address, values, care = list(edge.address), edge.values, edge.care
    for place in range(len(address) - 1, -1, -1):
        v, c = values.reshape(-1, 2, 1 << place), care.reshape(-1, 2, 1 << place)
        if (c[:, 0] & c[:, 1] & (v[:, 0] != v[:, 1])).any():
            continue
        values = np.where(c[:, 0], v[:, 0], v[:, 1]).ravel()
        care = (c[:, 0] | c[:, 1]).ravel()
        del address[place]
    return Edge(tuple(address), values, care)


def joined(edges: Sequence[Edge], lookup: int) -> list[Edge]:
    """Narrowed edges of a neuron, of which those whose inputs together fit one lookup table became one.

    That costs no more than one of them, and saves an adder.
    """
    groups: list[Edge] = []
    for edge in sorted(edges, key=lambda e: -len(e.address)):
        for number, group in enumerate(groups):
            if len(group.address) + len(edge.address) <= lookup:
                groups[number] = _sum(group, edge)
                break
        else:
            groups.append(edge)
    return groups


def _sum(one: Edge, two: Edge) -> Edge:
    values = (two.values[:, None] + one.values[None, :]).ravel()
    care = (two.care[:, None] & one.care[None, :]).ravel()
    return Edge(one.address + two.address, values, care)


def whole(edge: Edge, node: Node) -> Edge:
    """The only edge of a neuron with its constant, rounded and clamped: a table of codes."""
    total = edge.values + node.constant
    tie = total & ((1 << node.guard) - 1) == 0 if node.guard else np.zeros(len(total), dtype=bool)
    value = (total >> node.guard) & np.where(tie, ~np.int64(1), ~np.int64(0))
    return replace(edge, values=np.clip(value, node.format.low, node.format.high))
