"""Bits of a table as incompletely specified functions, and the fewest inputs that such a function needs.

A set of addresses is an integer whose bit a stands for address a, so unions and shifts of sets are single operations.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def to_mask(flags: NDArray[np.bool_]) -> int:
    """Flags of addresses as a bit set.

    >>> to_mask(np.array([True, False, True, True]))
    13
    """
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


def to_flags(mask: int, count: int) -> NDArray[np.bool_]:
    """A bit set as flags of addresses.

    >>> to_flags(13, 4).tolist()
    [True, False, True, True]
    """
    raw = np.frombuffer(mask.to_bytes((count + 7) // 8, "little"), dtype=np.uint8)
    return np.unpackbits(raw, bitorder="little")[:count].astype(bool)


@lru_cache(maxsize=256)
def zeros_at(place: int, places: int) -> int:
    """The addresses of `places` bits whose bit at one place is 0."""
    block = (1 << (1 << place)) - 1
    step = 2 << place
    mask = 0
    for start in range(0, 1 << places, step):
        mask |= block << start
    return mask


def without(on: int, off: int, place: int, places: int) -> tuple[int, int] | None:
    """The function with one of its `places` inputs removed; None if it depends on that input.

    It is 1 on the addresses `on` and 0 on those of `off`; the others are don't-cares.
    """
    step, low = 1 << place, zeros_at(place, places)
    ones, zeros = (on | on >> step) & low, (off | off >> step) & low
    if ones & zeros:
        return None
    return ones | ones << step, zeros | zeros << step


def smallest(on: int, off: int, places: int) -> tuple[tuple[int, ...], int, int]:
    """A completion with few inputs: its inputs, and the addresses where it must now be 1, and 0.

    Inputs are removed from the lowest and from the highest on; the better of both results is taken.
    """
    found = [_drop(on, off, order, places) for order in (range(places), range(places - 1, -1, -1))]
    return min(found, key=lambda f: len(f[0]))


def _drop(on: int, off: int, order: range, places: int) -> tuple[tuple[int, ...], int, int]:
    kept = []
    for place in order:
        less = without(on, off, place, places)
        if less is None:
            kept.append(place)
        else:
            on, off = less
    return tuple(sorted(kept)), on, off
