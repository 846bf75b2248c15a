"""Test vectors: codes of all inputs, random and chosen, packed into words of hexadecimal digits for the simulators.

Only codes are here; what should come out is the golden model's business.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinework.errors import ConfigError, DataError
from splinework.hardware.formats import Integers
from splinework.hardware.integer import IntegerModel

FEWEST: Final = 16
"""Vectors of the shortest test."""
MOST: Final = 10_000_000
"""Vectors of the longest test."""
_ALL_CORNERS: Final = 12  # Inputs up to which all 2^n corners are tried
_HEX: Final = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class Vectors:
    """What the inputs are given, one row a cycle.

    Attributes:
        codes: `(n, I)`.
        kinds: How many of them are `corners`, `pairs`, `sweeps`, `rows` of data, `all` codes there are, and `random`.
    """

    codes: Integers
    kinds: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.codes)


def make_vectors(
    model: IntegerModel,
    count: int = 100_000,
    *,
    seed: int = 0,
    rows: ArrayLike | None = None,
    seen: Sequence[NDArray[np.bool_]] | None = None,
) -> Vectors:
    """Codes that look where circuits break: all ends, all codes of each input, data, and evenly drawn ones.

    All codes that there are come first where they are no more than `count`; else all corners (lowest and highest codes; of
    more than 12 inputs as many drawn ones), the corners of pairs of inputs among drawn codes, every code of every input with
    the others at rest at their lowest, middle and highest codes, and the rows of data. Drawn codes fill it up. The order is
    drawn too, so that neighbours in time differ in everything.

    Args:
        model: The golden model.
        count: Vectors at least; there are more where the chosen ones are.
        seed: Of the draws.
        rows: Codes `(n, I)` of data, such as `model.encode(x)`; all of them are used.
        seen: For each input which codes may be used, `(codes,)` by `code - format.low`; None means all of them.

    Raises:
        ConfigError: If the count is out of range.
        DataError: If the rows are no codes of the model.

    Example:
        >>> from splinework.hardware.formats import Format, Wire
        >>> from splinework.hardware.integer import IntegerLayer
        >>> wire, table = Wire("x", Format(3)), np.arange(8)[:, None]
        >>> layer = IntegerLayer((table,), np.array([[True]]), np.array([0]), 0, (Wire("y", Format(3)),))
        >>> dict(make_vectors(IntegerModel("line", (wire,), (layer,)), 20).kinds)
        {'all': 8, 'random': 12}
    """
    if not FEWEST <= count <= MOST:
        raise ConfigError(f"a test takes {FEWEST} to {MOST} vectors, got {count}.")
    forms = [wire.format for wire in model.inputs]
    flags = seen if seen is not None else [np.ones(form.count, dtype=bool) for form in forms]
    choices = [form.low + np.flatnonzero(flag) for form, flag in zip(forms, flags, strict=True)]
    rng = np.random.default_rng(seed)
    blocks: dict[str, Integers] = {}
    if prod(len(choice) for choice in choices) <= count:
        blocks["all"] = np.column_stack([grid.ravel() for grid in np.meshgrid(*choices, indexing="ij")])
    else:
        blocks["corners"] = _corners(choices, count, rng)
        blocks["pairs"] = _pairs(choices, count, rng)
        blocks["sweeps"] = _sweeps(choices)
    if rows is not None:
        blocks["rows"] = _checked(model, rows, choices)
    chosen = sum(len(block) for block in blocks.values())
    blocks["random"] = _drawn(choices, max(count - chosen, 0), rng)
    codes = np.concatenate(list(blocks.values()))
    kinds = {kind: len(block) for kind, block in blocks.items() if len(block)}
    return Vectors(codes[rng.permutation(len(codes))], MappingProxyType(kinds))


def packed(columns: Integers, widths: Sequence[int]) -> bytes:
    r"""Rows of integers as lines of hexadecimal digits: the first column in the lowest bits, two's complement.

    >>> packed(np.array([[1, -1], [2, 0]]), [4, 3])
    b'71\n02\n'
    """
    total = sum(widths)
    digits = -(-total // 4)
    bits = np.zeros((len(columns), 4 * digits), dtype=np.uint8)
    place = 4 * digits
    for column, width in zip(columns.T, widths, strict=True):
        place -= width
        shifts = np.arange(width - 1, -1, -1, dtype=np.int64)
        bits[:, place : place + width] = (column[:, None] >> shifts) & 1
    nibbles = bits.reshape(len(columns), digits, 4) @ np.array([8, 4, 2, 1], dtype=np.uint8)
    text = np.full((len(columns), digits + 1), ord("\n"), dtype=np.uint8)
    text[:, :digits] = _HEX[nibbles]
    return text.tobytes()


def _drawn(choices: Sequence[Integers], count: int, rng: np.random.Generator) -> Integers:
    return np.column_stack([choice[rng.integers(0, len(choice), size=count)] for choice in choices])


def _ends(choices: Sequence[Integers]) -> Integers:
    return np.array([[choice[0], choice[-1]] for choice in choices], dtype=np.int64)


def _corners(choices: Sequence[Integers], count: int, rng: np.random.Generator) -> Integers:
    inputs = len(choices)
    if inputs <= _ALL_CORNERS:
        picks = np.array(list(itertools.product((0, 1), repeat=inputs)), dtype=np.int64)
    else:
        picks = rng.integers(0, 2, size=(min(1 << _ALL_CORNERS, max(count // 8, 2)), inputs))
        picks[0], picks[1] = 0, 1
    return _ends(choices)[np.arange(inputs), picks]


def _pairs(choices: Sequence[Integers], count: int, rng: np.random.Generator) -> Integers:
    """The four corners of pairs of inputs, the others drawn; of many inputs a drawn part of the pairs."""
    one, two = np.triu_indices(len(choices), k=1)
    most = min(len(one), count // 16)
    taken = rng.permutation(len(one))[:most]
    block = _drawn(choices, 4 * most, rng)
    ends = _ends(choices)
    for corner in range(4):
        at = corner * most + np.arange(most)
        block[at, one[taken]] = ends[one[taken], corner & 1]
        block[at, two[taken]] = ends[two[taken], corner >> 1]
    return block


def _sweeps(choices: Sequence[Integers]) -> Integers:
    blocks = []
    for rest in ([c[0] for c in choices], [c[len(c) // 2] for c in choices], [c[-1] for c in choices]):
        for i, choice in enumerate(choices):
            block = np.repeat(np.array([rest], dtype=np.int64), len(choice), axis=0)
            block[:, i] = choice
            blocks.append(block)
    return np.concatenate(blocks)


def _checked(model: IntegerModel, rows: ArrayLike, choices: Sequence[Integers]) -> Integers:
    codes = np.asarray(rows)
    if codes.ndim != 2 or codes.shape[1] != len(model.inputs) or not np.issubdtype(codes.dtype, np.integer):
        raise DataError(
            f"rows of data are whole codes of {len(model.inputs)} inputs, as `model.encode` gives them; got "
            f"{codes.dtype} of shape {codes.shape}."
        )
    for wire, column, choice in zip(model.inputs, codes.T, choices, strict=True):
        strange = np.setdiff1d(column, choice)
        if len(strange):
            raise DataError(
                f"the rows of data have the code {strange[0]} of {wire.name!r}, which is none of the {len(choice)} that the "
                "artefact was made for."
            )
    return codes.astype(np.int64)
