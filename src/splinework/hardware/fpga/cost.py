"""What a table costs in lookup tables of the technology, counted bit by bit: the number by which compression chooses.

A bit that is constant, or equal to one input or its opposite, is a wire. Equal and opposite bits count once.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.fpga.circuit import CircuitTable, CodeBit

BitFunction = tuple[tuple[CodeBit, ...], bytes]
"""A bit as a function: the inputs that it depends on, and its values, the first of which is 0."""


def support(column: NDArray[np.bool_]) -> list[int]:
    """The places of the address that a bit depends on, by its value for each address."""
    bits = len(column).bit_length() - 1
    found = []
    for place in range(bits):
        pair = column.reshape(-1, 2, 1 << place)
        if (pair[:, 0] != pair[:, 1]).any():
            found.append(place)
    return found


def addresses(places: Sequence[int]) -> NDArray[np.int64]:
    """For each address over some places, the address over all of them that has zeros elsewhere.

    >>> addresses([0, 2])
    array([0, 1, 4, 5])
    """
    own = np.arange(1 << len(places))
    return sum((((own >> k) & 1) << place for k, place in enumerate(places)), np.zeros_like(own))


def reduced(column: NDArray[np.bool_], places: list[int]) -> NDArray[np.bool_]:
    """The values of a bit over the places that it depends on only."""
    return column[addresses(places)]


def functions(table: CircuitTable) -> list[BitFunction]:
    """Its bits as functions, the one that is worth least first."""
    found = []
    for column in table.columns.T:
        places = support(column)
        small = reduced(column, places)
        found.append((tuple(table.address[p] for p in places), (small ^ small[0]).tobytes()))
    return found


def per_bit(inputs: int, lookup: int) -> int:
    """Lookup tables of `lookup` inputs for one function of so many.

    It is built from two halves and a multiplexer for each further input.
    """
    if inputs < 2:
        return 0
    if inputs <= lookup:
        return 1
    # A multiplexer of two takes a lookup table; where these have four inputs, parts have multiplexers of their own.
    halvings = inputs - lookup
    return 3 << (halvings - 1) if lookup == 6 else 1 << halvings


def lookups(tables: Iterable[CircuitTable], lookup: int, *, unless: set[BitFunction] | None = None) -> int:
    """Lookup tables of `lookup` inputs for all bits of some tables, equal ones once, but for functions that are there already."""
    distinct = {f for table in tables for f in functions(table)} - (unless or set())
    return sum(per_bit(len(inputs), lookup) for inputs, _ in distinct)


def shared_with_adder(table: CircuitTable, limit: int) -> int:
    """Lookup tables that vanish in the adder behind the table: its bits with at most so many inputs."""
    return sum(2 <= len(inputs) <= limit for inputs, _ in functions(table))
