"""In which inputs a network is monotone because all its edges are, and so what quantisation has to keep.

Rounding and saturation are monotone, so tables of monotone edges stay monotone by themselves; training could break it. Here is
which edges training must hold, and the check of a finished network in all its codes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.formats import Floats, Integers
from splinework.hardware.integer import IntegerModel

Signs = NDArray[np.int8]
"""Of edges `(I, J)`: 1 never falls, -1 never rises, 0 constant, 2 neither."""

MIXED = 2


def edge_signs(tables: Floats | Integers, mask: NDArray[np.bool_]) -> Signs:
    """How edges run over their codes, of tables `(codes, I, J)` in the order of the codes; the mask is `(I, J)`."""
    steps = np.diff(tables, axis=0)
    rises, falls = (steps > 0).any(axis=0), (steps < 0).any(axis=0)
    signs = np.where(rises & falls, MIXED, rises.astype(np.int8) - falls.astype(np.int8))
    return np.where(mask, signs, 0).astype(np.int8)


def input_signs(layers: Sequence[Signs]) -> Signs:
    """How the outputs run over the inputs as far as the edges tell, `(inputs, outputs)`, coded as edges are."""
    total = layers[0]
    for signs in layers[1:]:
        total = _after(total, signs)
    return total


def held_edges(layers: Sequence[Signs]) -> list[Signs]:
    """The edges that keep the network monotone in the inputs in which it is, with their signs; 0 where an edge is free.

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
    """How the sums of the outputs of a quantised network run over the codes of its inputs, `(inputs, outputs)`.

    1 and -1 are proofs: every table on every path runs one way, in every code. 2 means that the tables do not tell.
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
