"""Seeds: each purpose of a recipe draws from a stream of its own, each block of rows from a part of that stream.

So a change of the noise leaves the inputs as they were, and rows that are made block by block are those that are made at once.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from splinework.errors import ConfigError

Floats = NDArray[np.float64]
BLOCK_ROWS: Final = 65_536
"""Rows of a block: what is drawn from one stream, and the rows that the scale of the noise is taken from. A power of two."""
POINTS_STREAM: Final = 0
"""Stream of the inputs."""
NOISE_STREAM: Final = 1
"""Stream of the noise; its models have one each."""


def stream(seed: int, *key: int) -> np.random.Generator:
    """The generator of one purpose.

    Args:
        seed: Of the recipe, 0 or more.
        key: Which stream, such as `(NOISE_STREAM, model, block)`.

    Raises:
        ConfigError: If the seed is no such number.

    Example:
        >>> bool(stream(1, POINTS_STREAM).random() == stream(1, NOISE_STREAM).random())
        False
    """
    return np.random.default_rng(np.random.SeedSequence(checked_seed(seed), spawn_key=key))


def child_seed(seed: int, *key: int) -> int:
    """The seed of a part of a recipe that takes a seed itself."""
    return int(np.random.SeedSequence(checked_seed(seed), spawn_key=key).generate_state(1, np.uint64)[0])


def checked_seed(seed: int) -> int:
    """The seed; `ConfigError` unless it is a whole number, 0 or more."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ConfigError(f"a seed is a whole number, 0 or more, got {seed!r}.")
    return int(seed)


def checked_rows(rows: int) -> int:
    """The number of rows; `ConfigError` unless it is a whole number, 1 or more."""
    if isinstance(rows, bool) or not isinstance(rows, (int, np.integer)) or rows < 1:
        raise ConfigError(f"rows is a whole number, 1 or more, got {rows!r}.")
    return int(rows)
