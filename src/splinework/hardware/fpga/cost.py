"""Cost of a table in LUTs, counted bit by bit; compression minimises it.

A bit that is constant, or equal to an input or its inverse, is a wire. Equal and inverse bits count once.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.fpga.circuit import CircuitTable, CodeBit

BitFunction = tuple[tuple[CodeBit, ...], bytes]
"""A bit as a function: the inputs that it depends on, and its values, normalised so that the first is 0."""


def support(column: NDArray[np.bool_]) -> list[int]:
    """The address bits that a table bit depends on, given its value at each address."""
    bits = len(column).bit_length() - 1
    found = []
    for place in range(bits):
        pair = column.reshape(-1, 2, 1 << place)
        if (pair[:, 0] != pair[:, 1]).any():
            found.append(place)
    return found


def addresses(places: Sequence[int]) -> NDArray[np.int64]:
    """The full address, with zeros elsewhere, of each address over some places.

    >>> addresses([0, 2])
    array([0, 1, 4, 5])
    """
    own = np.arange(1 << len(places))
    return sum((((own >> k) & 1) << place for k, place in enumerate(places)), np.zeros_like(own))


def reduced(column: NDArray[np.bool_], places: list[int]) -> NDArray[np.bool_]:
    """The values of a bit over the address bits that it depends on."""
    return column[addresses(places)]


def functions(table: CircuitTable) -> list[BitFunction]:
    """The bits of a table as functions, the lowest first."""
    found = []
    for column in table.columns.T:
        places = support(column)
        small = reduced(column, places)
        found.append((tuple(table.address[p] for p in places), (small ^ small[0]).tobytes()))
    return found


def per_bit(inputs: int, lookup: int) -> int:
    """Number of LUTs with `lookup` inputs for one function of `inputs` inputs.

    Each further input takes two halves and a multiplexer.
    """
    if inputs < 2:
        return 0
    if inputs <= lookup:
        return 1
    # A multiplexer takes a LUT; with four-input LUTs the device has dedicated multiplexers.
    halvings = inputs - lookup
    return 3 << (halvings - 1) if lookup == 6 else 1 << halvings


def lookups(tables: Iterable[CircuitTable], lookup: int, *, unless: set[BitFunction] | None = None) -> int:
    """Number of LUTs for all distinct bits of some tables, except functions in `unless`."""
    distinct = {f for table in tables for f in functions(table)} - (unless or set())
    return sum(per_bit(len(inputs), lookup) for inputs, _ in distinct)


def shared_with_adder(table: CircuitTable, limit: int) -> int:
    """Number of LUTs absorbed by the adder behind the table: bits with at most `limit` inputs."""
    return sum(2 <= len(inputs) <= limit for inputs, _ in functions(table))
