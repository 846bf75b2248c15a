"""Additive forms: sums of functions of single inputs, or of few inputs that share a table; adders add them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from math import prod
from typing import Final

import numpy as np

from splinework.hardware.formats import Integers
from splinework.hardware.fpga.netlist import NetBit, Unproved

_MAX_VALUES: Final = 1 << 20  # Of a function of several inputs that share tables

Key = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class AdditiveForm:
    """The form `(Σ parts + Σ coefficient · bit) / 2^scale`, modulo the size of the word.

    Attributes:
        parts: Functions by their inputs, ascending: values over all codes of these, as unsigned numbers.
        atoms: Coefficients of wires of adders.
        scale: Number of bits by which the total is shifted down.
    """

    parts: Mapping[Key, Integers] = field(default_factory=dict)
    atoms: Mapping[NetBit, int] = field(default_factory=dict)
    scale: int = 0

    def times(self, factor: int, scale: int) -> "AdditiveForm":
        """The form times a factor, shifted down by `scale` more bits."""
        parts = {key: values * factor for key, values in self.parts.items()}
        return AdditiveForm(parts, {bit: c * factor for bit, c in self.atoms.items()}, self.scale + scale)

    def plus(self, other: "AdditiveForm") -> "AdditiveForm":
        """The sum of two forms."""
        scale = max(self.scale, other.scale)
        one, two = (f.times(1 << (scale - f.scale), scale - f.scale) for f in (self, other))
        atoms = dict(one.atoms)
        for bit, coefficient in two.atoms.items():
            atoms[bit] = atoms.get(bit, 0) + coefficient
        parts = dict(one.parts)
        for key, values in two.parts.items():
            put(parts, key, values)
        return AdditiveForm(parts, {bit: c for bit, c in atoms.items() if c}, scale).lowest()

    def lowest(self) -> "AdditiveForm":
        """The same form with scale 0 if the division is exact."""
        factor = 1 << self.scale
        whole = all(not (v % factor).any() for v in self.parts.values()) and all(
            c % factor == 0 for c in self.atoms.values()
        )
        if self.scale == 0 or not whole:
            return self
        parts = {key: values // factor for key, values in self.parts.items()}
        return AdditiveForm(parts, {bit: c // factor for bit, c in self.atoms.items()})


def put(parts: dict[Key, Integers], key: Key, values: Integers) -> None:
    """Adds a function in place; functions that share an input are merged into one of all their inputs."""
    touching = [old for old in parts if old == key or set(old) & set(key)]
    union = tuple(sorted({i for old in (*touching, key) for i in old}))
    pieces = [(old, parts.pop(old)) for old in touching] + [(key, values)]
    shaped = [spread(old, piece, union) for old, piece in pieces]
    check_size(np.broadcast_shapes(*(piece.shape for piece in shaped)))
    parts[union] = reduce(np.add, shaped)


def check_size(sizes: tuple[int, ...]) -> None:
    """Raises Unproved if a function of several inputs would have too many values."""
    if prod(sizes) > _MAX_VALUES:
        raise Unproved(f"tables share inputs with {prod(sizes)} combinations of codes, more than {_MAX_VALUES}")


def spread(key: Key, values: Integers, union: Key) -> Integers:
    """The same function with broadcast axes for further inputs."""
    spread_values: Integers = values.reshape([values.shape[key.index(i)] if i in key else 1 for i in union])
    return spread_values
