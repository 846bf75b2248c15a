"""Test vectors: random and directed codes of all inputs, packed into hexadecimal words for the simulators.

The expected outputs come from the golden model, not from here.
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

MIN_VECTORS: Final = 16
"""Smallest number of vectors of a test."""
MAX_VECTORS: Final = 10_000_000
"""Largest number of vectors of a test."""
_MAX_CORNER_INPUTS: Final = 12  # With more inputs not all 2^n corners are tested
_HEX: Final = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class Vectors:
    """Test vectors, one row per cycle.

    Attributes:
        codes: Input codes, `(n, I)`.
        kinds: Number of vectors of each kind: `corners`, `pairs`, `sweeps`, `rows` of data, `all` codes, and `random`.
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
    """Directed and random test vectors: corners, sweeps of each input, data, and uniformly drawn codes.

    If there are at most `count` combinations of codes, all are used. Otherwise the vectors are all corners (lowest and highest
    codes; with more than 12 inputs a random sample), the corners of pairs of inputs among random codes, sweeps of every input
    with the others at their lowest, middle and highest codes, and the rows of data; random codes make up the rest. The order
    is random, so that consecutive vectors differ in all inputs.

    Args:
        model: The golden model.
        count: Number of vectors; exceeded if there are more directed ones.
        seed: Seed of the random codes.
        rows: Codes `(n, I)` of data, such as `model.encode(x)`; all of them are used.
        seen: Flags `(codes,)` of the codes of each input that may be used, by `code - format.low`; None means all.

    Raises:
        ConfigError: If the count is out of range.
        DataError: If the rows are not codes of the model.

    Example:
        >>> from splinework.hardware.formats import Format, Wire
        >>> from splinework.hardware.integer import IntegerLayer
        >>> wire, table = Wire("x", Format(3)), np.arange(8)[:, None]
        >>> layer = IntegerLayer((table,), np.array([[True]]), np.array([0]), 0, (Wire("y", Format(3)),))
        >>> dict(make_vectors(IntegerModel("line", (wire,), (layer,)), 20).kinds)
        {'all': 8, 'random': 12}
    """
    if not MIN_VECTORS <= count <= MAX_VECTORS:
        raise ConfigError(f"a test takes {MIN_VECTORS} to {MAX_VECTORS} vectors, got {count}.")
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
    if inputs <= _MAX_CORNER_INPUTS:
        picks = np.array(list(itertools.product((0, 1), repeat=inputs)), dtype=np.int64)
    else:
        picks = rng.integers(0, 2, size=(min(1 << _MAX_CORNER_INPUTS, max(count // 8, 2)), inputs))
        picks[0], picks[1] = 0, 1
    return _ends(choices)[np.arange(inputs), picks]


def _pairs(choices: Sequence[Integers], count: int, rng: np.random.Generator) -> Integers:
    """The four corners of pairs of inputs, with random codes elsewhere; for many inputs a random sample of the pairs."""
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
            f"rows must be integer codes of {len(model.inputs)} inputs, as returned by `model.encode`; got "
            f"{codes.dtype} of shape {codes.shape}."
        )
    for wire, column, choice in zip(model.inputs, codes.T, choices, strict=True):
        strange = np.setdiff1d(column, choice)
        if len(strange):
            raise DataError(
                f"the rows have the code {strange[0]} of {wire.name!r}, which is not among the {len(choice)} codes that the "
                "artefact was built for."
            )
    return codes.astype(np.int64)
