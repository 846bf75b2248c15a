"""Monotonicity that follows from the edges of a network, and its preservation by quantisation.

Rounding and saturation are monotone, so tables of monotone edges stay monotone; only training could break this. This module
finds the edges that training must keep monotone, and checks a finished network in all its codes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.formats import Floats, Integers
from splinework.hardware.integer import IntegerModel

Signs = NDArray[np.int8]
"""Directions of edges, `(I, J)`: 1 never falls, -1 never rises, 0 constant, 2 neither."""

MIXED = 2


def edge_signs(tables: Floats | Integers, mask: NDArray[np.bool_]) -> Signs:
    """Directions of edges from their tables `(codes, I, J)`, in the order of the codes; the mask is `(I, J)`."""
    steps = np.diff(tables, axis=0)
    rises, falls = (steps > 0).any(axis=0), (steps < 0).any(axis=0)
    signs = np.where(rises & falls, MIXED, rises.astype(np.int8) - falls.astype(np.int8))
    return np.where(mask, signs, 0).astype(np.int8)


def input_signs(layers: Sequence[Signs]) -> Signs:
    """Directions of the outputs in the inputs that follow from the edges, `(inputs, outputs)`, coded like those of edges."""
    total = layers[0]
    for signs in layers[1:]:
        total = _after(total, signs)
    return total


def held_edges(layers: Sequence[Signs]) -> list[Signs]:
    """The edges that make the network monotone in some of its inputs, with their directions; 0 where an edge is free.

    An edge is held if it lies on a path from an input in which every output is monotone.
    """
    total = input_signs(layers)
    reached = (total != MIXED).all(axis=1) & (total != 0).any(axis=1)
    held = []
    for signs in layers:
        on_path = reached[:, None] & (signs != 0)
        held.append(np.where(on_path, signs, 0).astype(np.int8))
        reached = on_path.any(axis=0)
    return held


def monotone_inputs(model: IntegerModel) -> Signs:
    """Directions of the output sums of a quantised network in the codes of its inputs, `(inputs, outputs)`.

    1 and -1 are proofs: every table on every path is monotone in all codes. 2 means that the tables alone do not decide.
    """
    layers = []
    for layer in model.layers:
        columns = [
            edge_signs(table[:, None, :], mask[None, :])[0]
            for table, mask in zip(layer.tables, layer.mask, strict=True)
        ]
        layers.append(np.array(columns))
    return input_signs(layers)


def _after(first: Signs, second: Signs) -> Signs:
    """The signs of a composition: the product along each path, which must agree over all paths."""
    product = first[:, :, None].astype(int) * second[None, :, :]
    mixed = (first[:, :, None] == MIXED) & (second[None] != 0) | (second[None] == MIXED) & (first[:, :, None] != 0)
    up = ((product == 1) & ~mixed).any(axis=1)
    down = ((product == -1) & ~mixed).any(axis=1)
    signs = np.where(mixed.any(axis=1) | up & down, MIXED, up.astype(int) - down.astype(int))
    return signs.astype(np.int8)
