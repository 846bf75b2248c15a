"""Bits of a table as incompletely given functions, and the fewest inputs that such a function needs.

A set of addresses is a whole number whose bit a stands for address a: unions and shifts of whole sets are then single operations.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def to_mask(flags: NDArray[np.bool_]) -> int:
    """Flags of addresses as a set.

    >>> to_mask(np.array([True, False, True, True]))
    13
    """
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


def to_flags(mask: int, count: int) -> NDArray[np.bool_]:
    """A set as flags of addresses.

    >>> to_flags(13, 4).tolist()
    [True, False, True, True]
    """
    raw = np.frombuffer(mask.to_bytes((count + 7) // 8, "little"), dtype=np.uint8)
    return np.unpackbits(raw, bitorder="little")[:count].astype(bool)


@lru_cache(maxsize=256)
def zeros_at(place: int, places: int) -> int:
    """The addresses of so many places whose bit at one place is 0."""
    block = (1 << (1 << place)) - 1
    step = 2 << place
    mask = 0
    for start in range(0, 1 << places, step):
        mask |= block << start
    return mask


def without(on: int, off: int, place: int, places: int) -> tuple[int, int] | None:
    """The same function of so many places without a look at one of them, None where it needs that place.

    It must be 1 on the addresses `on` and 0 on those of `off`; elsewhere it is free.
    """
    step, low = 1 << place, zeros_at(place, places)
    ones, zeros = (on | on >> step) & low, (off | off >> step) & low
    if ones & zeros:
        return None
    return ones | ones << step, zeros | zeros << step


def smallest(on: int, off: int, places: int) -> tuple[tuple[int, ...], int, int]:
    """A function with few inputs that is 1 and 0 where it must: its inputs, where it must be 1 now, and where 0.

    Places are left out from the lowest and from the highest on; the better of both is taken.
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
