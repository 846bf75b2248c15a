"""Candidate functions of an edge: those with the edge's shape, where it is used."""

from typing import Final

import numpy as np
import torch
from torch import Tensor

from splinework.interpret.symbolic.edges import EdgeCandidate
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.net import SplineEdge, SymbolicNet
from splinework.interpret.symbolic.search import Choices
from splinework.nn.network import KAN
from splinework.nn.trace import trace
from splinework.splines.cones import CONCAVE, CONVEX, DECREASING, EVEN, INCREASING, ODD

_N_POINTS: Final = 65
_SHAPE_TOLERANCE: Final = 1e-6
"""Largest violation of a shape that is ignored, as a share of the function's range."""
_SYMMETRY_TOLERANCE: Final = 0.05
"""The same for mirrored shapes: that a shift is zero shows only once numbers are made simple."""


def fitting(options: Choices, network: KAN, features: Tensor) -> Choices:
    """The options of every edge without functions of another shape than the edge's.

    Args:
        options: Options from `splinework.interpret.symbolic.search.edge_options`.
        network: Whose edges have shapes.
        features: Rows that the network sees, `(N, F)`; they say where an edge is used.
    """
    record = trace(network, features)
    found: Choices = {}
    for (layer, i, j), choices in options.items():
        shaping = network.kan_layers[layer].shaping
        flags = 0 if shaping is None else int(shaping.flags[i, j])
        used = record.edge(layer, i, j)[0]
        x = torch.linspace(float(used.min()), float(used.max()), _N_POINTS, dtype=torch.float64).numpy()
        found[layer, i, j] = [
            option for option in choices if not isinstance(option, EdgeCandidate) or has_shape(option, flags, x)
        ]
    return found


def has_shape(candidate: EdgeCandidate, flags: int, x: Array) -> bool:
    """Whether a function has the shape of an edge at points in order, those of a mirrored one on both sides of zero."""
    y = candidate(x)
    room = _SHAPE_TOLERANCE * float(np.ptp(y))
    steps, bends = np.diff(y), np.diff(y, 2)
    holds = {
        INCREASING: bool((steps >= -room).all()),
        DECREASING: bool((steps <= room).all()),
        CONVEX: bool((bends >= -room).all()),
        CONCAVE: bool((bends <= room).all()),
    }
    if flags & (EVEN | ODD):
        other = candidate(-x) - candidate.d
        sign = 1 if flags & EVEN else -1
        holds[flags & (EVEN | ODD)] = bool(
            np.abs(y - candidate.d - sign * other).max() <= _SYMMETRY_TOLERANCE * float(np.ptp(y))
        )
    return bool(np.isfinite(y).all()) and all(held for flag, held in holds.items() if flags & flag)


def tied(net: SymbolicNet, network: KAN) -> SymbolicNet:
    """The net with the same functions on the edges of inputs that share them, those of the first of each group.

    Numbers that are equal are one number in a formula, so a fit keeps them equal.
    """
    shaping = network.kan_layers[0].shaping
    if shaping is None or not shaping.shared:
        return net
    edges, twins = {}, shaping.twins.tolist()
    for (layer, i, j), edge in net.edges.items():
        if layer > 0:
            edges[layer, i, j] = edge
        elif twins[i] == i:
            for twin in (k for k, owner in enumerate(twins) if owner == i):
                edges[layer, twin, j] = edge if not isinstance(edge, SplineEdge) else SplineEdge(edge.layer, twin, j)
    return SymbolicNet(edges, net.constants, net.nodes)
