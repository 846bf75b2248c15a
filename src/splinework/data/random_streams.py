"""Random streams: each purpose of a recipe, and each block of rows, has its own stream.

So inputs do not depend on the noise, and rows do not depend on the partition into blocks.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from splinework.errors import ConfigError

Floats = NDArray[np.float64]
BLOCK_ROWS: Final = 65_536
"""Number of rows of a block, drawn from one stream; the first block defines the scale of the noise. A power of two."""
POINTS_STREAM: Final = 0
"""Key of the stream of the inputs."""
NOISE_STREAM: Final = 1
"""Key of the streams of the noise models."""


def stream(seed: int, *key: int) -> np.random.Generator:
    """The generator of one stream.

    Args:
        seed: Seed of the recipe, 0 or more.
        key: Key of the stream, such as `(NOISE_STREAM, model, block)`.

    Example:
        >>> bool(stream(1, POINTS_STREAM).random() == stream(1, NOISE_STREAM).random())
        False
    """
    return np.random.default_rng(np.random.SeedSequence(checked_seed(seed), spawn_key=key))


def child_seed(seed: int, *key: int) -> int:
    """The seed for a part of a recipe."""
    return int(np.random.SeedSequence(checked_seed(seed), spawn_key=key).generate_state(1, np.uint64)[0])


def checked_seed(seed: int) -> int:
    """The seed, validated."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ConfigError(f"a seed is a whole number, 0 or more, got {seed!r}.")
    return int(seed)


def checked_rows(rows: int) -> int:
    """The number of rows, validated."""
    if isinstance(rows, bool) or not isinstance(rows, (int, np.integer)) or rows < 1:
        raise ConfigError(f"rows is a whole number, 1 or more, got {rows!r}.")
    return int(rows)
