"""Counts the LUTs of a Boolean function: for functions with too many inputs, the parts after splitting on some inputs.

The counts are exact properties of the function; the costs of a part and a multiplexer are fitted in `estimate`.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.fpga.cost import addresses

_MAX_SPLITS = 200
"""Largest number of choices of split inputs that are all tried; beyond, only the lowest and highest inputs are."""


@dataclass(frozen=True)
class FunctionSplit:
    """A function with more inputs than a LUT, split on the inputs that leave the fewest parts.

    Distinct parts need a LUT each; two-input multiplexers join them, and equal parts need none.
    """

    lookups: int
    muxes: int


def parts(values: NDArray[np.bool_], lookup: int) -> FunctionSplit:
    """Splits a function that depends on more than `lookup` inputs, given its values `(2^inputs,)` by address."""
    best: FunctionSplit | None = None
    for order in _orders(len(values).bit_length() - 1, lookup):
        codes = _codes(values[order], lookup)
        found = FunctionSplit(_different(codes, lookup), _muxes(codes))
        if best is None or 2 * found.lookups + found.muxes < 2 * best.lookups + best.muxes:
            best = found
    assert best is not None
    return best


@lru_cache(maxsize=64)
def _orders(inputs: int, lookup: int) -> tuple[NDArray[np.int64], ...]:
    """The addresses for each choice of split inputs, ordered so that each part is a row of 2^lookup."""
    split = inputs - lookup
    choices = list(combinations(range(inputs), split))
    if len(choices) > _MAX_SPLITS:
        choices = [choices[0], choices[-1]]
    return tuple(addresses([*(p for p in range(inputs) if p not in tops), *tops]) for tops in choices)


def _codes(values: NDArray[np.bool_], lookup: int) -> NDArray[np.uint64]:
    """Each part as one number of 2^lookup <= 64 bits."""
    rows = values.reshape(-1, 1 << lookup)
    weights = np.left_shift(np.uint64(1), np.arange(1 << lookup, dtype=np.uint64))
    total: NDArray[np.uint64] = np.where(rows, weights, np.uint64(0)).sum(axis=1, dtype=np.uint64)
    return total


@lru_cache(maxsize=8)
def _free(lookup: int) -> NDArray[np.uint64]:
    """The parts that are wires: the constant and single inputs, all with value 0 at address 0."""
    address = np.arange(1 << lookup)
    rows = [np.zeros(1 << lookup, dtype=bool), *((address >> k) & 1 != 0 for k in range(lookup))]
    return _codes(np.concatenate(rows), lookup)


def _different(codes: NDArray[np.uint64], lookup: int) -> int:
    """Number of distinct parts up to inversion, without those that are wires."""
    full = np.uint64((1 << (1 << lookup)) - 1)
    plain = np.unique(np.where(codes & np.uint64(1), codes ^ full, codes))
    return int((~np.isin(plain, _free(lookup))).sum())


def _muxes(codes: NDArray[np.uint64]) -> int:
    level = np.unique(codes, return_inverse=True)[1].ravel()
    total = 0
    while len(level) > 1:
        zero, one = level[::2], level[1::2]
        pairs = zero * (2 * len(codes) + 1) + one
        numbers = np.unique(pairs, return_inverse=True)[1].ravel() + len(codes)
        total += len(np.unique(pairs[zero != one]))
        level = np.where(zero == one, zero, numbers)
        level = np.unique(level, return_inverse=True)[1].ravel()
    return total
